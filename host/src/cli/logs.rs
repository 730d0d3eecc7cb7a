//! `interlock logs`: what happens, line by line.

use super::client::{Client, Remote, escaped};
use super::lines::lines;
use super::{Failure, Out, Outcome};
use crate::journal::record::Record;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  interlock logs -f\n  interlock logs -f --topic 'decision'\n  interlock logs --after 1200 --json")]
pub struct Args {
    /// Go on with what happens next, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Begin after this record; without it, with the newest 20, or with `-f` at the end.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Only these topics; `*` stands for anything. May be given several times.
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}
