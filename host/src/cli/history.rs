//! `interlock history`: a policy's versions, newest first.

use super::client::{Client, Remote, escaped};
use super::out::{moment, table};
use super::{Out, Outcome};
use crate::policy::PolicyView;
use crate::store::VersionRow;

/// Which policy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  interlock history greenhouse")]
pub struct Args {
    /// The policy's name.
    name: String,
    /// How many, from the newest on.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
}

#[derive(serde::Deserialize)]
struct Page {
    versions: Vec<VersionRow>,
}

/// Lists.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let client = Client::new(&args.remote)?;
    let name = escaped(&args.name);
    let limit = args.limit;
    let Page { versions } = client.get(&format!("/policies/{name}/versions?limit={limit}"))?;
    let policy: PolicyView = client.get(&format!("/policies/{name}"))?;
    let active = policy.active.map(|active| active.version);
    out.answer(&versions, |versions| people(versions, active))
}

fn people(versions: &[VersionRow], active: Option<u64>) -> String {
    let mut rows = table(["", "VERSION", "WHEN", "WHO", "PLUGIN", "ARTIFACT", "CHECKSUM", "COMMENT"]);
    for version in versions {
        rows.add_row([
            if active == Some(version.number) { "*".to_owned() } else { String::new() },
            version.number.to_string(),
            moment(version.created),
            version.author.clone(),
            format!("{} {}", version.manifest.name, version.manifest.version),
            short(&version.digest),
            short(&version.checksum),
            version.comment.clone(),
        ]);
    }
    rows.trim_fmt()
}

/// The first twelve digits of a hash: enough to tell versions apart.
pub fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
