//! The shape of a token: `ilk_<id>_<secret>`, 12 hex digits and 43 characters of base64url.
//!
//! The prefix lets scanners find a token that leaked; the id lets the host find its row without searching by secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const PREFIX: &str = "ilk_";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A whole token. Never printed: it has no `Debug`.
pub(super) struct Secret {
    token: String,
    id: String,
}

impl Secret {
    /// A new token of 256 random bits.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0_u8; ID_BYTES], [0_u8; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let id = hex::encode(id);
        Ok(Self { token: format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret)), id })
    }

    /// What was presented, if it has the shape of a token.
    pub(super) fn parse(presented: &str) -> Option<Self> {
        let (id, secret) = presented.strip_prefix(PREFIX)?.split_once('_')?;
        let well_formed = id.len() == 2 * ID_BYTES
            && hex::decode(id).is_ok()
            && URL_SAFE_NO_PAD.decode(secret).is_ok_and(|bytes| bytes.len() == SECRET_BYTES);
        well_formed.then(|| Self { token: presented.to_owned(), id: id.to_owned() })
    }

    /// The public id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// SHA-256 of the whole token, in hex.
    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.token.as_bytes()))
    }

    /// Whether this is the token of the stored hash, in constant time.
    pub(super) fn matches(&self, stored: &str) -> bool {
        self.sha256().as_bytes().ct_eq(stored.as_bytes()).into()
    }

    /// The token itself, to be shown once.
    pub(super) fn into_token(self) -> String {
        self.token
    }
}
