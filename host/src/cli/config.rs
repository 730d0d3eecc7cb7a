//! `interlock config`: show or check the configuration. Nothing is opened or bound.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Out, Outcome};
use crate::config::layers::Flag;
use crate::config::{Config, Mistakes, Sources, mask};

/// What a host in this folder takes when no file is named.
const DEFAULT_FILE: &str = "interlock.toml";

/// What to do with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "A flag beats an environment variable, which beats the file, which beats the default.\n\
                        Variables are named INTERLOCK_<SECTION>_<KEY>, with two underscores before each deeper level:\n\
                        INTERLOCK_HTTP_LISTEN is `http.listen`, INTERLOCK_RUNTIME_CEILING__FUEL is `runtime.ceiling.fuel`.\n\n\
                        Examples:\n  interlock config print > interlock.toml\n  interlock config check interlock.toml")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print what a host would run with, secrets masked.
    Print {
        #[command(flatten)]
        file: File,
    },
    /// Tell every mistake at once; exit code 2 if there is one.
    Check {
        /// The file; without it `interlock.toml` in this folder, if there is one.
        #[arg(env = "INTERLOCK_CONFIG")]
        file: Option<PathBuf>,
    },
}

/// Which file.
#[derive(Debug, Clone, clap::Args)]
pub struct File {
    /// The configuration file; without it `interlock.toml` in this folder, if there is one.
    #[arg(long, env = "INTERLOCK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Prints or checks.
///
/// # Errors
/// Every mistake in the configuration.
pub fn run(args: &Args, out: &Out) -> Outcome {
    match &args.verb {
        Verb::Print { file } => {
            let tree = mask::masked(load(file.config.as_deref(), Vec::new())?.tree());
            if out.is_json() {
                return out.json_pretty(&tree);
            }
            let text =
                toml::to_string_pretty(&without_nulls(tree)).map_err(|error| Failure::failed(error.to_string()))?;
            out.line(text.trim_end())
        }
        Verb::Check { file } => {
            load(file.as_deref(), Vec::new())?;
            let named = file.clone().or_else(default_file);
            let of =
                named.as_ref().map_or_else(|| "defaults and environment".to_owned(), |file| file.display().to_string());
            out.answer(&json!({ "ok": true, "file": named }), |_| format!("{of}: no mistakes"))
        }
    }
}

/// The configuration of a host that is started here.
///
/// # Errors
/// Every mistake, as a usage failure with one line each.
pub fn load(file: Option<&Path>, flags: Vec<Flag>) -> Result<Config, Failure> {
    let file = file.map(Path::to_owned).or_else(default_file);
    // Names and values that are no UTF-8 cannot be keys of the configuration.
    let env =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(&Sources { file, env: env.collect(), flags }).map_err(|mistakes| refused(&mistakes))
}

/// The mistakes as the failure of a verb.
fn refused(mistakes: &Mistakes) -> Failure {
    let message = match mistakes.0.as_slice() {
        [one] => one.to_string(),
        many => {
            let lines: String = many.iter().map(|mistake| format!("\n  {mistake}")).collect();
            format!("the configuration has {} mistakes{lines}", many.len())
        }
    };
    Failure::usage(message).hint("`interlock config print` shows every key with its value")
}

fn default_file() -> Option<PathBuf> {
    let file = PathBuf::from(DEFAULT_FILE);
    file.is_file().then_some(file)
}

/// TOML has no null: what is not set is left out.
fn without_nulls(tree: serde_json::Value) -> serde_json::Value {
    match tree {
        serde_json::Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        serde_json::Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
