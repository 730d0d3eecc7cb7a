//! `interlock push`: a new version of a policy, watched until it is saved or refused.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indicatif::ProgressBar;
use interlock_core::policy::Mode;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::activate::mode;
use super::client::{Client, Remote, escaped};
use super::out::{GOOD, paint};
use super::{Failure, Out, Outcome};
use crate::policy::{JobState, JobView};

/// What to upload.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The version is checked, configured, compiled and tried on the latest event of each kind it asks to see; then it\n\
                        is saved. Without FILE the newest version's component is kept; without --config its configuration.\n\n\
                        Examples:\n  interlock push greenhouse logic.wasm --config rules.json --comment 'first rules'\n  \
                        interlock push greenhouse --config rules.json --activate enforce"
)]
pub struct Args {
    /// The policy's name; made if it is new.
    name: String,
    /// The component, as `interlock build` or a wit-component tool made it.
    file: Option<PathBuf>,
    /// The configuration: a JSON file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    comment: String,
    /// Let it answer at once if all goes well, in this mode: off, shadow, advise or enforce.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    activate: Option<Mode>,
    #[command(flatten)]
    remote: Remote,
}

/// Uploads and watches.
///
/// # Errors
/// Why the version was refused, what the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    if args.file.is_none() && args.config.is_none() {
        return Err(Failure::usage("there is nothing to push").hint("name a component, a --config, or both"));
    }
    let client = Client::new(&args.remote)?;
    let progress = out.progress("uploading");
    let started: Started = client.send(Method::POST, &versions(&args.name), &body(args)?)?;
    let job = watch(&client, &started.job, &progress)?;
    progress.finish_and_clear();
    if let Some(error) = &job.error {
        let lines = error.problems.iter().map(|problem| format!("\n  `{}` {}", problem.pointer, problem.message));
        return Err(Failure::failed(format!("{}{}", error.message, lines.collect::<String>())));
    }
    out.answer(&job, people)
}

/// A job has begun.
#[derive(Debug, Deserialize)]
struct Started {
    job: String,
}

fn versions(policy: &str) -> String {
    format!("/policies/{}/versions", escaped(policy))
}

/// What is sent. What is not given keeps what the newest version has.
fn body(args: &Args) -> Result<Value, Failure> {
    let mut body = serde_json::Map::from_iter([("comment".to_owned(), json!(args.comment))]);
    if let Some(file) = &args.file {
        body.insert("component".to_owned(), STANDARD.encode(read(file)?).into());
    }
    if let Some(file) = &args.config {
        body.insert("config".to_owned(), read_json(file)?);
    }
    if let Some(mode) = args.activate {
        body.insert("activate".to_owned(), json!(mode));
    }
    Ok(body.into())
}

/// The bytes of a file that the command names.
///
/// # Errors
/// A usage failure that names the file.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", file.display())))
}

/// The JSON in a file that the command names.
///
/// # Errors
/// A usage failure that names the file, the line and the column.
pub fn read_json(file: &Path) -> Result<Value, Failure> {
    serde_json::from_slice(&read(file)?)
        .map_err(|error| Failure::usage(format!("`{}` is no JSON: {error}", file.display())))
}

/// Waits for the job's end; the host answers each time a stage begins.
fn watch(client: &Client, id: &str, progress: &ProgressBar) -> Result<JobView, Failure> {
    let mut seen = 0;
    loop {
        let job: JobView = client.get(&format!("/jobs/{}?wait=true&seen={seen}", escaped(id)))?;
        if job.state != JobState::Running {
            return Ok(job);
        }
        seen = job.stages.len();
        if let Some(stage) = job.stages.last() {
            progress.set_message(stage.replace('_', " "));
        }
    }
}

fn people(job: &JobView) -> String {
    let version = job.version.unwrap_or_default();
    let saved = format!("{} {} version {version}", paint(GOOD, "saved"), job.policy);
    match job.activated {
        true => format!("{saved}; it answers from here on"),
        false => format!("{saved}; `interlock activate {} {version}` lets it answer", job.policy),
    }
}
