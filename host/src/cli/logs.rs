//! `interlock logs`: what happens, line by line.

use serde::Deserialize;

use super::client::{Client, Remote, escaped};
use super::lines::lines;
use super::{Failure, Out, Outcome};
use crate::journal::record::Record;

/// Records of the past that are shown when nothing else is asked for.
const RECENT: u64 = 20;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  interlock logs -f\n  interlock logs -f --topic decision --topic fault\n  \
                        interlock logs --after 1200 --json")]
pub struct Args {
    /// Go on with what happens next, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Begin after this record; without it with the newest 20.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Only records of this kind: reading, decision, fault, stop, policy, … May be given several times.
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Records of the past, in order.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on.
    pub next: Option<u64>,
}
