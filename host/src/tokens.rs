//! Access tokens: who may do what over HTTP.
//!
//! A token is 256 random bits with a public id in front. The store keeps its SHA-256 (a fast hash is right for a secret
//! that cannot be guessed), its scopes and its end. Every change is a record, like everything else; a revocation also
//! cancels what the token has open.
//!
//! INVARIANT (shown once): the token itself leaves [`Tokens::make`] and is nowhere else: not stored, not logged.

pub mod scope;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use interlock_core::time::Timestamp;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::journal::record::Body;
use crate::line::{Line, Refusal};
use crate::store::{Put, TokenRow};
pub use scope::Scope;
use secret::Secret;

/// Tokens at one time, at most. Each keeps a little memory while it lives.
pub const MAX_TOKENS: usize = 1_000;

/// Why a token was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The request contradicts itself or the host's bounds.
    #[error("{0}")]
    Invalid(String),
    /// There is no such token.
    #[error("there is no token `{0}`")]
    Unknown(String),
    /// Nobody could ever manage tokens again.
    #[error("`{0}` is the last token with the scope `admin`: make another one first")]
    LastAdmin(String),
    /// The machine gave no random numbers.
    #[error("the machine gave no random numbers: {0}")]
    Random(String),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// For people, 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: BTreeSet<Scope>,
    /// Requests a minute, where it differs from the host's default.
    pub per_minute: Option<u32>,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
}

/// A token that was just made: the only moment at which it can be read.
#[derive(Debug)]
pub struct Made {
    /// Its public id.
    pub id: String,
    /// The token itself.
    pub token: String,
}

/// A token that was presented and is good.
#[derive(Debug)]
pub struct Holder {
    /// What is stored of it.
    pub row: TokenRow,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Cancelled when it is revoked: whatever it has open ends.
    pub revoked: CancellationToken,
    /// When it was last presented, in Unix milliseconds; 0 for not since the host started. Not durable.
    pub last_used: AtomicU64,
}

impl Holder {
    fn of(row: TokenRow) -> Arc<Self> {
        // A scope of a newer host is not known here: it grants nothing.
        let scopes = row.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        Arc::new(Self { row, scopes, revoked: CancellationToken::new(), last_used: AtomicU64::new(0) })
    }

    /// Whether it may do this. `admin` may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

type Holders = BTreeMap<String, Arc<Holder>>;

/// A handle to all tokens. Cheap to clone; looking one up takes no lock.
#[derive(Clone)]
pub struct Tokens {
    holders: Arc<ArcSwap<Holders>>,
    /// One change at a time: the record first, then the map.
    changing: Arc<Mutex<()>>,
    line: Line,
}

impl Tokens {
    /// The tokens as stored.
    pub fn new(rows: impl IntoIterator<Item = TokenRow>, line: Line) -> Self {
        let holders: Holders = rows.into_iter().map(|row| (row.id.clone(), Holder::of(row))).collect();
        Self { holders: Arc::new(ArcSwap::from_pointee(holders)), changing: Arc::default(), line }
    }

    /// All tokens in order of id.
    pub fn list(&self) -> Vec<Arc<Holder>> {
        self.holders.load().values().cloned().collect()
    }

    /// The holder of this token, if it is good at `now`. Takes the same time for a wrong secret as for a right one.
    pub fn check(&self, presented: &str, now: Timestamp) -> Option<Arc<Holder>> {
        let presented = Secret::parse(presented)?;
        let holders = self.holders.load();
        let holder = holders.get(presented.id())?;
        let good = presented.matches(&holder.row.sha256);
        let alive = !holder.revoked.is_cancelled() && holder.row.expires.is_none_or(|end| now < end);
        if !(good && alive) {
            return None;
        }
        holder.last_used.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(holder))
    }

    /// Makes a token; it is good when this returns.
    ///
    /// # Errors
    /// When the request is out of bounds, or the record could not be made durable: then there is no token.
    pub async fn make(&self, new: NewToken, by: &str) -> Result<Made, TokenError> {
        new.check(now())?;
        let _one_at_a_time = self.changing.lock().await;
        if self.holders.load().len() >= MAX_TOKENS {
            return Err(TokenError::Invalid(format!("there are {MAX_TOKENS} tokens already; revoke one first")));
        }
        let secret = Secret::random().map_err(|error| TokenError::Random(error.to_string()))?;
        let scopes: Vec<String> = new.scopes.iter().map(Scope::to_string).collect();
        let row = TokenRow {
            id: secret.id().to_owned(),
            sha256: secret.sha256(),
            name: new.name,
            scopes: scopes.clone(),
            per_minute: new.per_minute,
            created: now(),
            expires: new.expires,
        };
        let body = Body::Token { id: row.id.clone(), change: "made".into(), scopes, by: by.into() };
        self.line.note(body, vec![Put::Token { id: row.id.clone(), row: Some(row.clone()) }]).await?;
        let id = row.id.clone();
        self.change(|holders| holders.insert(row.id.clone(), Holder::of(row)));
        Ok(Made { id, token: secret.into_token() })
    }

    /// Revokes a token; it is good for nothing from here on, and what it had open is closing.
    ///
    /// # Errors
    /// When there is no such token, or it is the last one that may make others. When the record could not be made
    /// durable the token stays refused until the host ends; asking again tries the record again.
    pub async fn revoke(&self, id: &str, by: &str) -> Result<(), TokenError> {
        let _one_at_a_time = self.changing.lock().await;
        let holders = self.holders.load_full();
        let holder = holders.get(id).ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
        let another_admin = holders.values().any(|other| other.row.id != id && other.is_lasting_admin());
        if holder.is_lasting_admin() && !another_admin {
            return Err(TokenError::LastAdmin(id.to_owned()));
        }
        let scopes = holder.row.scopes.clone();
        holder.revoked.cancel();
        let body = Body::Token { id: id.to_owned(), change: "revoked".into(), scopes, by: by.into() };
        self.line.note(body, vec![Put::Token { id: id.to_owned(), row: None }]).await?;
        self.change(|holders| holders.remove(id));
        Ok(())
    }

    fn change<R>(&self, change: impl FnOnce(&mut Holders) -> R) {
        let mut holders = Holders::clone(&self.holders.load());
        change(&mut holders);
        self.holders.store(Arc::new(holders));
    }
}

impl Holder {
    /// Whether it can make tokens for as long as nobody revokes it.
    fn is_lasting_admin(&self) -> bool {
        self.scopes.contains(&Scope::Admin) && self.row.expires.is_none() && !self.revoked.is_cancelled()
    }
}

impl NewToken {
    fn check(&self, now: Timestamp) -> Result<(), TokenError> {
        let problem = if self.name.trim().is_empty() || self.name.chars().count() > 100 {
            "a token's name has 1 to 100 characters"
        } else if self.scopes.is_empty() {
            "a token needs at least one scope"
        } else if self.per_minute == Some(0) {
            "`per_minute` must be at least 1"
        } else if self.expires.is_some_and(|end| end <= now) {
            "`expires` lies in the past"
        } else {
            return Ok(());
        };
        Err(TokenError::Invalid(problem.into()))
    }
}

/// The first start's admin token, to be shown once; none when there are tokens already.
///
/// # Errors
/// When its record could not be made durable.
pub async fn bootstrap(tokens: &Tokens) -> Result<Option<String>, TokenError> {
    if !tokens.holders.load().is_empty() {
        return Ok(None);
    }
    let new = NewToken {
        name: "first start".into(),
        scopes: BTreeSet::from([Scope::Admin]),
        per_minute: Some(BOOTSTRAP_PER_MINUTE),
        expires: None,
    };
    let made = tokens.make(new, "host").await?;
    Ok(Some(made.token))
}

/// The first token serves the page and the command line at once, so it may ask more often than others.
const BOOTSTRAP_PER_MINUTE: u32 = 600;

/// The machine's time: tokens end by it, and nothing on the line depends on it.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
