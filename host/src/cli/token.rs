//! `interlock token`: access tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use interlock_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ureq::http::Method;

use super::client::{Client, Remote, escaped};
use super::out::{STRONG, moment, paint, table};
use super::{Out, Outcome};

/// What to do with tokens.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock token new ci --scope policy:write --scope policy:read --expires-days 90\n  \
                        interlock token ls\n  interlock token revoke tok_2f9c"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token. It is shown once.
    #[command(visible_alias = "create")]
    New {
        /// What it is for.
        name: String,
        /// What it may do; may be given several times.
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Requests a minute, where it differs from the host's default.
        #[arg(long)]
        per_minute: Option<u32>,
        /// Days until it ends; without it, it does not end.
        #[arg(long)]
        expires_days: Option<u32>,
        #[command(flatten)]
        remote: Remote,
    },
    /// List tokens: never the tokens themselves.
    Ls {
        #[command(flatten)]
        remote: Remote,
    },
    /// Revoke a token at once.
    Revoke {
        /// Its public id, as `token ls` shows it.
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// A token as it is listed.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    id: String,
    name: String,
    scopes: Vec<String>,
    per_minute: Option<u32>,
    created: Timestamp,
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
}

/// A token that was made. The only time it is seen.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    id: String,
    token: String,
}

/// Makes, lists or revokes.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    match &args.verb {
        Verb::New { name, scopes, per_minute, expires_days, remote } => {
            let expires = expires_days.map(in_days);
            let body = json!({ "name": name, "scopes": scopes, "per_minute": per_minute, "expires": expires });
            let made: Made = Client::new(remote)?.send(Method::POST, "/tokens", &body)?;
            out.answer(&made, |made| format!("{}\nkeep it: it is not shown again", paint(STRONG, &made.token)))
        }
        Verb::Ls { remote } => {
            let tokens: Vec<Listed> = Client::new(remote)?.get("/tokens")?;
            out.answer(&tokens, |tokens| people(tokens))
        }
        Verb::Revoke { id, remote } => {
            Client::new(remote)?.delete(&format!("/tokens/{}", escaped(id)))?;
            out.answer(&json!({ "revoked": id }), |_| format!("{id} opens nothing any more"))
        }
    }
}

/// The moment so many days from now, in Unix milliseconds.
fn in_days(days: u32) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = now.saturating_add(Duration::from_secs(u64::from(days) * 86_400));
    u64::try_from(end.as_millis()).unwrap_or(u64::MAX)
}

fn people(tokens: &[Listed]) -> String {
    let mut rows = table(["ID", "NAME", "SCOPES", "PER MINUTE", "MADE", "USED", "ENDS"]);
    for token in tokens {
        rows.add_row([
            token.id.clone(),
            token.name.clone(),
            token.scopes.join(" "),
            token.per_minute.map_or_else(|| "default".to_owned(), |rate| rate.to_string()),
            moment(token.created),
            token.last_used.map_or_else(|| "-".to_owned(), moment),
            token.expires.map_or_else(|| "never".to_owned(), moment),
        ]);
    }
    rows.trim_fmt()
}
