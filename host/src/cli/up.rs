//! `interlock up`: the host itself.

mod demo;
mod ready;
mod terminal;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Failure, Out, Outcome};
use crate::app::{App, Ended};
use crate::config::Config;
use crate::config::layers::Flag;
use crate::feed::Follow;
use crate::mqtt::address::Address;
use ready::Open;
use terminal::View;

/// The exit code of a process that a second Ctrl-C ended, by convention 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// How to start.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every flag stands for a key of the configuration file; `interlock config print` shows all of them.\n\n\
                        Examples:\n  interlock up --demo\n  interlock up --config interlock.toml\n  \
                        interlock up --mqtt-url mqtt://broker.local:1883 --data /var/lib/interlock"
)]
pub struct Args {
    /// Add simulated devices and a running policy, and show line by line what happens.
    #[arg(long)]
    demo: bool,
    /// The configuration file; without it `interlock.toml` in this folder, if there is one.
    #[arg(long, env = "INTERLOCK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder that holds everything the host keeps.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen for HTTP; port 0 takes any free one.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// The broker; without it an embedded one is started.
    #[arg(long, value_name = "URL")]
    mqtt_url: Option<String>,
    /// Where the embedded broker listens; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", conflicts_with = "mqtt_url")]
    mqtt_listen: Option<SocketAddr>,
    /// The protocol version to speak: auto, 5 or 3.
    #[arg(long, value_name = "VERSION")]
    mqtt_version: Option<String>,
    /// Which log lines are written to standard error: a level, or `target=level` pairs.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Seconds from the wish to stop until the host leaves whatever is unfinished.
    #[arg(long, value_name = "SECONDS")]
    drain: Option<u64>,
    /// Write addresses, token and process id to this file once the host is ready.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

impl Args {
    /// What the flags say, as keys of the configuration.
    fn flags(&self) -> Vec<Flag> {
        let mut flags = Vec::new();
        let mut set = |flag, key, value: Option<serde_json::Value>| {
            flags.extend(value.map(|value| Flag { flag, key, value }));
        };
        set("--data", "host.data", self.data.as_ref().map(|data| json!(data)));
        set("--http", "http.listen", self.http.map(|address| json!(address)));
        set("--mqtt-url", "mqtt.url", self.mqtt_url.as_ref().map(|url| json!(url)));
        set("--mqtt-listen", "mqtt.broker.bind", self.mqtt_listen.map(|address| json!(address)));
        set("--mqtt-version", "mqtt.version", self.mqtt_version.as_ref().map(|version| json!(version)));
        set("--log", "host.log", self.log.as_ref().map(|filter| json!(filter)));
        set("--drain", "host.drain_s", self.drain.map(|seconds| json!(seconds)));
        flags
    }
}

/// Starts, runs until it is told to stop, drains.
///
/// # Errors
/// What cannot be opened or bound, or what was left when the drain's deadline passed.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let config = super::config::load(args.config.as_deref(), args.flags())?;
    let config = if args.demo { demo::equipped(config).map_err(failed)? } else { config };
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    crate::telemetry::start_logging(&config.host.log, config.host.log_format, colour)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = tokio.block_on(serve(args, config, *out));
    // Whatever still blocks a thread had its time in the drain.
    tokio.shutdown_background();
    ended
}

async fn serve(args: &Args, config: Config, out: Out) -> Outcome {
    let stop = CancellationToken::new();
    tokio::spawn(heed(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, stop.clone(), out));
    let app = App::build(config.clone()).await.map_err(failed)?;
    let broker = broker(&config, &app)?;
    let open = Open {
        http: ready::reachable(app.addresses().http),
        mqtt: app.addresses().mqtt,
        broker: broker.to_string(),
        first_token: app.first_token().map(str::to_owned),
        data: config.host.data.clone(),
    };
    open.keep_token()?;
    if !out.is_json() {
        terminal::header(&open, args.demo, out)?;
    }
    let mut beside = JoinSet::new();
    let mut refused = None;
    if args.demo {
        beside.spawn(watch(app.feed().follow(app.journal().clone(), None), out));
        tokio::select! {
            installed = demo::install(&app.api().policies) => refused = installed.err(),
            () = stop.cancelled() => {}
        }
        let (config, stop) = (config.clone(), stop.clone());
        beside.spawn(async move {
            if let Err(error) = demo::boards(&config, broker, stop).await {
                tracing::error!("the simulated boards do not run: {error:#}");
            }
        });
    }
    match &refused {
        Some(_) => stop.cancel(),
        None => tell(&open, args, out)?,
    }
    let ended = app.run(stop).await.map_err(failed)?;
    beside.shutdown().await;
    match (refused, ended) {
        (Some(why), _) => Err(failed(why.context("the demo's policy does not run"))),
        (None, Ended::Forced { left }) => Err(Failure::failed(format!("not drained in time: {left}"))
            .hint("the next start goes on from there; `host.drain_s` gives it longer")),
        (None, Ended::Drained) => {
            out.remark(terminal::drained());
            Ok(())
        }
    }
}

/// Tells whoever waits that the host is ready.
fn tell(open: &Open, args: &Args, out: Out) -> Outcome {
    if let Some(path) = &args.ready_file {
        open.write_to(path)?;
    }
    if out.is_json() { out.line(open.json()) } else { Ok(()) }
}

/// Where the broker is, and as whom the simulated boards speak to it.
fn broker(config: &Config, app: &App) -> Result<Address, Failure> {
    match (&config.mqtt.url, app.addresses().mqtt) {
        (None, Some(embedded)) => {
            let mut address = Address::plain(embedded);
            let broker = &config.mqtt.broker;
            address.credentials = broker.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()));
            Ok(address)
        }
        (url, _) => {
            Address::parse(url.as_deref().unwrap_or_default()).map_err(|error| Failure::usage(error.to_string()))
        }
    }
}

/// The first signal drains, the second leaves at once.
async fn heed(mut interrupt: Signal, mut terminate: Signal, stop: CancellationToken, out: Out) {
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    stop.cancel();
    out.remark("finishing what is in flight; Ctrl-C once more leaves at once");
    next().await;
    std::process::exit(INTERRUPTED);
}

/// Shows the journal's tail until nobody reads it or the host has stopped.
async fn watch(mut tail: Follow, out: Out) {
    let mut view = View::default();
    while let Ok(Some(item)) = tail.next().await {
        if view.show(&item, out).is_err() {
            return;
        }
    }
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::failed(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Sources;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        up: Args,
    }

    fn config(line: &str) -> Result<Config, crate::config::Mistakes> {
        let flags = Line::try_parse_from(line.split(' ')).unwrap().up.flags();
        Config::load(&Sources { flags, ..Sources::default() })
    }

    #[test]
    fn every_flag_is_a_key_of_the_configuration() {
        let config =
            config("up --data d --http 127.0.0.1:0 --mqtt-listen 127.0.0.1:0 --mqtt-version 5 --log debug --drain 3")
                .unwrap();
        assert_eq!(config.host.data, PathBuf::from("d"));
        assert_eq!(config.http.listen.port(), 0);
        assert_eq!(config.mqtt.broker.bind.port(), 0);
        assert_eq!(config.mqtt.version, crate::config::mqtt::Version::V5);
        assert_eq!((config.host.log.as_str(), config.host.drain_s), ("debug", 3));
    }

    #[test]
    fn a_wrong_flag_is_named_as_it_was_written() {
        let mistakes = config("up --mqtt-version 4 --mqtt-url mqtt://broker").unwrap_err().to_string();
        assert!(mistakes.starts_with("flag --mqtt-version: `mqtt.version`"), "{mistakes}");
    }
}
