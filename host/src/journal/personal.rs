//! Personal fields: in the chain stands a salted commitment; value and salt stand beside it and can be erased.

use interlock_core::event::Occurrence;
use sha2::{Digest, Sha256};

use super::record::{Body, Personal, PolicyRecord, Record};
use crate::store::ReadError;
use crate::store::journal::Chain;

/// Bytes of a salt.
const SALT: usize = 32;
/// What stands in place of a text that a policy sees as a plain string.
const COMMITTED: &str = "sha256:";

/// One personal field of a record.
enum Field<'a> {
    /// A field of the record itself.
    Own(&'a mut Personal),
    /// A text within an event: who asks for access.
    Text(&'a mut String),
}

/// Whether a record of this kind has personal fields; so the others need no copy.
pub(super) const fn has_fields(body: &Body) -> bool {
    match body {
        Body::Event(observation) => matches!(observation.what, Occurrence::Access(_)),
        Body::Manual { .. }
        | Body::Stop { .. }
        | Body::Reset { .. }
        | Body::Policy(_)
        | Body::Inventory { .. }
        | Body::Approval { .. }
        | Body::Token { .. }
        | Body::Erased { .. } => true,
        Body::Started { .. }
        | Body::Stopped
        | Body::Malformed { .. }
        | Body::Decision(_)
        | Body::Fault(_)
        | Body::Coalesced { .. }
        | Body::Effect { .. }
        | Body::Undelivered { .. }
        | Body::Anchored { .. } => false,
    }
}

/// The personal fields of a record; their place in the list is their number. New ones go to the end.
fn fields(body: &mut Body) -> Vec<Field<'_>> {
    match body {
        Body::Event(observation) => match &mut observation.what {
            Occurrence::Access(access) => vec![Field::Text(&mut access.principal)],
            _ => Vec::new(),
        },
        Body::Manual { by, .. }
        | Body::Stop { by, .. }
        | Body::Reset { by, .. }
        | Body::Policy(PolicyRecord { by, .. })
        | Body::Inventory { by, .. }
        | Body::Approval { by, .. }
        | Body::Token { by, .. }
        | Body::Erased { by, .. } => vec![Field::Own(by)],
        _ => Vec::new(),
    }
}

impl Field<'_> {
    /// The value, where it is known. A text that looks like a commitment is a value all the same until it was split.
    fn value(&self) -> Option<&str> {
        match self {
            Self::Own(Personal::Known(value)) => Some(value),
            Self::Own(Personal::Committed { .. }) => None,
            Self::Text(text) => Some(text),
        }
    }

    fn commitment(&self) -> Option<&str> {
        match self {
            Self::Own(Personal::Committed { commitment }) => Some(commitment),
            Self::Own(Personal::Known(_)) => None,
            Self::Text(text) => text.strip_prefix(COMMITTED),
        }
    }

    fn commit(&mut self, commitment: String) {
        match self {
            Self::Own(field) => **field = Personal::Committed { commitment },
            Self::Text(text) => **text = format!("{COMMITTED}{commitment}"),
        }
    }

    fn reveal(&mut self, value: String) {
        match self {
            Self::Own(field) => **field = Personal::Known(value),
            Self::Text(text) => **text = value,
        }
    }
}

/// Splits a record into what is chained, and its values with their salts: field and bytes. `seed` is random, secret and
/// forgotten after the batch, so every salt made of it is as good as drawn anew.
pub(super) fn split(record: &Record, seed: &[u8; 32]) -> (Record, Vec<(u8, Vec<u8>)>) {
    let mut chained = record.clone();
    let mut secrets = Vec::new();
    for (number, mut field) in (0u8..).zip(fields(&mut chained.body)) {
        let Some(value) = field.value() else { continue };
        let salt = salt(seed, record.seq, number);
        let commitment = commitment(&salt, value.as_bytes());
        secrets.push((number, [salt.as_slice(), value.as_bytes()].concat()));
        field.commit(commitment);
    }
    (chained, secrets)
}

/// Puts the values that are still there back into a record.
pub(super) fn join(record: &mut Record, chain: &Chain) -> Result<(), ReadError> {
    for (number, mut field) in (0u8..).zip(fields(&mut record.body)) {
        let Some(secret) = chain.personal.get(record.seq, number)? else { continue };
        if let Some((_, value)) = secret.split_first_chunk::<SALT>() {
            field.reveal(String::from_utf8_lossy(value).into_owned());
        }
    }
    Ok(())
}

/// Compares a record's commitments with the values beside it; how many were erased, or what is wrong.
pub(super) fn check(record: &mut Record, chain: &Chain) -> Result<Result<u64, String>, ReadError> {
    let mut erased = 0;
    for (number, field) in (0u8..).zip(fields(&mut record.body)) {
        let Some(expected) = field.commitment() else {
            return Ok(Err(format!("personal field {number} stands in the chain uncommitted")));
        };
        match chain.personal.get(record.seq, number)? {
            Some(secret) if opens(&secret, expected) => {}
            Some(_) => return Ok(Err(format!("personal field {number} is not what was committed to"))),
            None if chain.personal.is_erased(record.seq, number)? => erased += 1,
            None => return Ok(Err(format!("personal field {number} is gone without having been erased"))),
        }
    }
    Ok(Ok(erased))
}

fn opens(secret: &[u8], expected: &str) -> bool {
    secret.split_first_chunk::<SALT>().is_some_and(|(salt, value)| commitment(salt, value) == expected)
}

fn salt(seed: &[u8; 32], seq: u64, number: u8) -> [u8; SALT] {
    Sha256::new().chain_update(seed).chain_update(seq.to_le_bytes()).chain_update([number]).finalize().into()
}

fn commitment(salt: &[u8; SALT], value: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(salt).chain_update(value).finalize())
}
