//! `interlock journal`: the product's memory, read and verified.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::client::{Client, Remote, escaped};
use super::logs::show;
use super::out::{BAD, GOOD, paint};
use super::{Failure, Out, Outcome};
use crate::journal::record::Record;

/// Records that are shown when nothing else is asked for.
const RECENT: usize = 20;

/// What to do with it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock journal tail --kind decision\n  interlock journal show 1042\n  interlock journal verify"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The newest records, oldest first.
    Tail {
        /// How many.
        #[arg(short = 'n', long, default_value_t = RECENT)]
        lines: usize,
        /// Only records of this kind; may be given several times.
        #[arg(long, value_name = "KIND")]
        kind: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// One record, whole.
    Show {
        /// Its place.
        seq: u64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Recompute the hash chain; exit code 1 if a record is not as it was written.
    Verify {
        #[command(flatten)]
        remote: Remote,
    },
}

/// A part of the journal.
#[derive(Debug, Deserialize)]
struct Page {
    records: Vec<Record>,
}

/// What was found, as far as this version needs it.
#[derive(Debug, Deserialize)]
struct Verification {
    ok: bool,
    records: u64,
    from: u64,
    to: u64,
    first_bad: Option<Bad>,
}

#[derive(Debug, Deserialize)]
struct Bad {
    seq: u64,
    why: String,
}

/// Reads or verifies.
///
/// # Errors
/// What the host answers, that it is not reachable, or that the chain is broken.
pub fn run(args: &Args, out: &Out) -> Outcome {
    match &args.verb {
        Verb::Tail { lines, kind, remote } => {
            newest(&Client::new(remote)?, *lines, kind)?.iter().try_for_each(|record| show(record, *out))
        }
        Verb::Show { seq, remote } => out.json_pretty(&Client::new(remote)?.get::<Value>(&format!("/journal/{seq}"))?),
        Verb::Verify { remote } => {
            verified(&Client::new(remote)?.send(Method::POST, "/journal/verify", &json!({}))?, out)
        }
    }
}

/// Records after one, or the newest.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn records(client: &Client, after: Option<u64>) -> Result<Vec<Record>, Failure> {
    let Some(after) = after else { return newest(client, RECENT, &[]) };
    Ok(client.get::<Page>(&format!("/journal?after={after}&limit=1000"))?.records)
}

fn newest(client: &Client, limit: usize, kinds: &[String]) -> Result<Vec<Record>, Failure> {
    let kinds = if kinds.is_empty() { String::new() } else { format!("&kind={}", escaped(&kinds.join(","))) };
    let page: Page = client.get(&format!("/journal?limit={limit}{kinds}"))?;
    Ok(page.records.into_iter().rev().collect())
}

fn verified(found: &Value, out: &Out) -> Outcome {
    let verification: Verification =
        serde_json::from_value(found.clone()).map_err(|error| Failure::failed(format!("not understood: {error}")))?;
    let Verification { ok, records, from, to, first_bad } = verification;
    out.answer(found, |_| match ok {
        true => format!("{}: {records} records from {from} to {to} are as they were written", paint(GOOD, "verified")),
        false => format!("{}: the chain does not hold", paint(BAD, "broken")),
    })?;
    match first_bad {
        Some(bad) => Err(Failure::failed(format!("record {}: {}", bad.seq, bad.why))
            .hint("restore a backup, or keep the folder as evidence: somebody or something changed it")),
        None if ok => Ok(()),
        None => Err(Failure::failed("the chain does not hold")),
    }
}
