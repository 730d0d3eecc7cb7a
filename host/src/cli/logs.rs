//! `interlock logs`: what happens, line by line.

use super::client::{Client, Remote, escaped};
use super::lines::lines;
use super::{Failure, Out, Outcome, live};
use crate::journal::record::Record;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock logs -f\n  interlock logs -f --topic 'logic_execution/#' --topic 'actuator_command/#'\n  \
                        interlock logs --after 1200 --json"
)]
pub struct Args {
    /// Go on with what happens next, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Begin after this record; without it with the newest 20, or with `-f` with what happens next.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Only these topics, as live clients name them: `sensor_data/ESP_01`, `logic_execution/#`, … May be given several
    /// times. Without `-f`, see `journal tail --kind`.
    #[arg(long, value_name = "TOPIC", requires = "follow")]
    topic: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Shows.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let client = Client::new(&args.remote)?;
    if args.follow {
        return client.events(&stream(args), |data| show_event(data, *out));
    }
    super::journal::records(&client, args.after)?.iter().try_for_each(|record| show(record, *out))
}

/// One record as lines, or as one line of JSON.
///
/// # Errors
/// When nobody reads it any more.
pub fn show(record: &Record, out: Out) -> Outcome {
    if out.is_json() {
        return out.line(serde_json::to_string(record).unwrap_or_default());
    }
    lines(record).iter().try_for_each(|line| out.line(line))
}

fn stream(args: &Args) -> String {
    let after = args.after.map(|after| format!("after={after}"));
    let topics = (!args.topic.is_empty()).then(|| format!("topics={}", escaped(&args.topic.join(","))));
    let query: Vec<String> = after.into_iter().chain(topics).collect();
    format!("/stream?{}", query.join("&"))
}

fn show_event(data: &str, out: Out) -> Outcome {
    if out.is_json() {
        return out.line(data);
    }
    let event = serde_json::from_str(data).map_err(|error| Failure::failed(format!("`{data}` is no JSON: {error}")))?;
    out.line(live::line(&event))
}
