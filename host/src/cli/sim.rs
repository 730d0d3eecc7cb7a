//! `interlock sim`: simulated boards over a broker, to try a host or to load one.
//!
//! Topics, protocol version and certificates are those of the host's configuration, so that both speak alike.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Out, Outcome};
use crate::mqtt::address::Address;
use crate::sim::{self, Counts, MAX_DEVICES, MAX_RATE, Simulation, Totals};
use crate::telemetry::LogFormat;

/// Fewest readings a second of a board: one in a hundred seconds.
const MIN_RATE: f64 = 0.01;
/// The answer is for programs and the spinner for people; what keeps the boards from their broker is for both.
const LOG: &str = "warn";

/// What to simulate.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The boards are named ESP_01, ESP_02 and so on; two of them share a greenhouse. They run until Ctrl-C.\n\n\
                        Examples:\n  interlock sim --devices 10\n  \
                        interlock sim --url mqtt://broker.local:1883 --devices 100 --rate 20 --seconds 60 --json"
)]
pub struct Args {
    /// The broker: mqtt://[user:password@]host[:port], or mqtts:// for TLS.
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    url: String,
    /// How many boards.
    #[arg(long, value_name = "NUMBER", default_value = "2", value_parser = devices)]
    devices: usize,
    /// Readings a second of each board.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = rate)]
    rate: f64,
    /// Minutes of climate in a minute of time.
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = speed)]
    speed: f64,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// The host's configuration file, for topics and certificates.
    #[arg(long, env = "INTERLOCK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What the boards did.
#[derive(Debug, Serialize)]
struct Report {
    broker: String,
    devices: usize,
    seconds: f64,
    #[serde(flatten)]
    totals: Totals,
}

/// Runs the boards.
///
/// # Errors
/// When the address, a topic or a certificate is unusable. A broker that is not there is waited for.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let simulation = simulation(args)?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    crate::telemetry::start_logging(LOG, LogFormat::Text, colour)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let begin = Instant::now();
    let totals = tokio.block_on(live(&simulation, args.seconds.map(Duration::from_secs), *out))?;
    let report = Report {
        broker: simulation.broker.to_string(),
        devices: simulation.devices,
        seconds: begin.elapsed().as_secs_f64(),
        totals,
    };
    out.answer(&report, people)
}

/// The simulation that was asked for.
fn simulation(args: &Args) -> Result<Simulation, Failure> {
    let broker = Address::parse(&args.url).map_err(|error| Failure::usage(format!("--url: {error}")))?;
    let all = args.rate * args.devices as f64;
    if all > MAX_RATE {
        return Err(Failure::usage(format!("{all} readings a second are more than one process is good for"))
            .hint(format!("at most {MAX_RATE} of all boards together; start several, each on another machine")));
    }
    let config = super::config::load(args.config.as_deref(), Vec::new())?;
    Ok(Simulation { mqtt: config.mqtt, broker, devices: args.devices, rate: args.rate, speed: args.speed })
}

/// The boards' life: until Ctrl-C, or as long as was asked.
async fn live(simulation: &Simulation, span: Option<Duration>, out: Out) -> Result<Totals, Failure> {
    let (close, counts) = (CancellationToken::new(), Arc::new(Counts::default()));
    tokio::spawn(end(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, span, close.clone()));
    let progress = out.progress(format!("{} boards at {}", simulation.devices, simulation.broker));
    let telling = tokio::spawn(tell(Arc::clone(&counts), progress.clone()));
    let totals = sim::run(simulation, counts, close).await;
    telling.abort();
    progress.finish_and_clear();
    totals.map_err(|error| Failure::usage(error.to_string()))
}

/// Ends the boards at a signal, or when the time is over.
async fn end(mut interrupt: Signal, mut terminate: Signal, span: Option<Duration>, close: CancellationToken) {
    let over = async {
        match span {
            Some(span) => tokio::time::sleep(span).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = over => {}
    }
    close.cancel();
}

/// Shows a person every second how far the boards are.
async fn tell(counts: Arc<Counts>, progress: ProgressBar) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let Totals { published, confirmed, obeyed, .. } = counts.totals();
        progress.set_message(format!("{published} readings, {confirmed} confirmed, {obeyed} commands obeyed"));
    }
}

fn people(report: &Report) -> String {
    let Report { broker, devices, seconds, totals } = report;
    let rate = totals.published as f64 / seconds.max(f64::MIN_POSITIVE);
    format!(
        "{devices} boards at {broker} for {seconds:.1} s\n  published  {} readings, {rate:.1} a second\n  \
         confirmed  {}\n  commands   {} obeyed, {} refused\n  stops      {}",
        totals.published, totals.confirmed, totals.obeyed, totals.refused, totals.stops,
    )
}

fn devices(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|number| (1..=MAX_DEVICES).contains(number));
    number.ok_or_else(|| format!("a number from 1 to {MAX_DEVICES} is needed"))
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (MIN_RATE..=MAX_RATE).contains(number));
    number.ok_or_else(|| format!("a number from {MIN_RATE} to {MAX_RATE} is needed"))
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number that is not negative is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        sim: Args,
    }

    fn asked(line: &str) -> Result<Simulation, Failure> {
        simulation(&Line::try_parse_from(line.split(' ')).unwrap().sim)
    }

    #[test]
    fn flags_become_a_simulation() {
        let simulation = asked("sim --url mqtts://me:secret@broker --devices 3 --rate 0.5").unwrap();
        assert_eq!((simulation.devices, simulation.broker.port, simulation.broker.tls), (3, 8883, true));
        assert!((simulation.rate - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_no_process_can_do_is_refused() {
        assert!(asked("sim --devices 10000 --rate 11").unwrap_err().message.contains("110000"));
        assert!(asked("sim --url http://broker").unwrap_err().message.starts_with("--url"));
        for line in ["sim --devices 0", "sim --rate 0", "sim --rate NaN", "sim --speed -1", "sim --speed inf"] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn the_totals_stand_beside_what_was_asked() {
        let totals = Totals { published: 20, confirmed: 19, obeyed: 2, refused: 1, stops: 0 };
        let report = Report { broker: "mqtt://b:1883".to_owned(), devices: 2, seconds: 10.0, totals };
        assert!(people(&report).contains("20 readings, 2.0 a second"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["devices"], &json["confirmed"]), (&2.into(), &19.into()));
    }
}
