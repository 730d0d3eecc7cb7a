//! `interlock bench`: what an evaluation costs on this machine, beside what the host aims at.
//!
//! The policy is the component that ships; beside it runs the same policy, built into this program. Both answer the
//! same event in one run, turn by turn, so that the machine weighs on both alike.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use comfy_table::{Cell, Color};
use indicatif::ProgressBar;
use interlock_core::event::{Event, Observation, Occurrence, Quality, Reading};
use interlock_core::policy::Limits;
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::Timestamp;
use interlock_logic::Logic;
use interlock_plugin_sdk::testing::Environment;
use interlock_plugin_sdk::{Context, Policy as _, config::configure};
use serde::Serialize;
use serde_json::{Value, json};

use super::out::{cell, table};
use super::{Failure, LOGIC, Out, Outcome, check};
use crate::config;
use crate::runtime::bench::{Case, Effort, Figures, measure};
use crate::runtime::{Program, Runtime};

/// What is measured.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Figures are microseconds of processor time, medians over many turns. What matters is the ratio of the two\n\
                        columns: absolute figures grow with the load of the machine.\n\n\
                        Examples:\n  interlock bench eval\n  interlock bench eval --quick --json"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Evaluations in fresh instances, beside the same policy called natively.
    Eval {
        /// Fewer and shorter turns: enough to see an order of magnitude.
        #[arg(long)]
        quick: bool,
    },
}

/// Rules in the large cases.
const MANY: usize = 100;
const DEVICE: &str = "ESP_01";
const CHANNEL: &str = "34";
const QUANTITY: &str = "temperature";
/// Fires a rule with the threshold [`LOW`] and none with a higher one.
const VALUE: f64 = 26.5;
const LOW: f64 = 25.0;
const HIGH: f64 = 30.0;

/// What the host aims at, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "of", content = "most_us", rename_all = "snake_case")]
enum Aim {
    /// What isolation costs each program.
    OverNative(f64),
    /// What all programs together cost.
    Fresh(f64),
}

impl Aim {
    fn met(self, figures: &Figures) -> bool {
        match self {
            Self::OverNative(most) => figures.over_native_us <= most,
            Self::Fresh(most) => figures.fresh_us <= most,
        }
    }

    fn words(self) -> String {
        match self {
            Self::OverNative(most) => format!("over native ≤ {most}"),
            Self::Fresh(most) => format!("fresh ≤ {most}"),
        }
    }
}

/// A case to be: a policy for each of these documents.
struct Setup {
    name: &'static str,
    documents: Vec<String>,
    aim: Aim,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// Means over 1, 5 and 15 minutes, where the system tells: at the beginning and at the end.
    load_before: Option<[f64; 3]>,
    load_after: Option<[f64; 3]>,
    cases: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    figures: Figures,
    aim: Aim,
    met: bool,
}

/// Measures.
///
/// # Errors
/// When the component that ships cannot be prepared here, or does not answer as the native policy does. An aim that is
/// not met is no failure: a machine may just be slow or busy.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let Verb::Eval { quick } = args.verb;
    let effort = match quick {
        true => Effort { turns: 5, turn: Duration::from_millis(10) },
        false => Effort::default(),
    };
    let load_before = load();
    let scratch = tempfile::tempdir()?;
    let runtime = Runtime::open(&config::runtime::Runtime::default(), scratch.path())
        .map_err(|error| Failure::failed(error.to_string()))?;
    let progress = out.progress("preparing");
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut cases = Vec::new();
    for setup in setups() {
        let programs = tokio.block_on(prepare(&runtime, &setup, &progress))?;
        progress.set_message(format!("measuring {}", setup.name));
        cases.push(row(&setup, &programs, effort)?);
    }
    progress.finish_and_clear();
    out.answer(&Report { load_before, load_after: load(), cases }, people)
}

fn setups() -> [Setup; 4] {
    let rules: Vec<Value> = (0..MANY).map(|number| rule(number, if number == 0 { LOW } else { HIGH })).collect();
    let alone = |threshold| vec![rule(0, threshold).to_string()];
    let each = rules.iter().map(Value::to_string).collect();
    let together = json!({ "rules": rules }).to_string();
    [
        Setup { name: "1 rule, fires", documents: alone(LOW), aim: Aim::OverNative(6.0) },
        Setup { name: "1 rule, does not fire", documents: alone(HIGH), aim: Aim::OverNative(6.0) },
        Setup { name: "100 rules in one plugin", documents: vec![together], aim: Aim::Fresh(100.0) },
        Setup { name: "100 plugins", documents: each, aim: Aim::Fresh(1_000.0) },
    ]
}

/// A rule as its author writes it.
fn rule(number: usize, threshold: f64) -> Value {
    json!({
        "rule_name": format!("rule {number}"),
        "trigger_conditions": {
            "type": "sensor_threshold", "esp_id": DEVICE, "gpio": CHANNEL, "operator": ">", "value": threshold,
        },
        "actions": [{ "type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": 1.0 }],
    })
}

/// One program for each document, each with a snapshot and code of its own.
async fn prepare(runtime: &Runtime, setup: &Setup, progress: &ProgressBar) -> Result<Vec<Program>, Failure> {
    let mut programs = Vec::with_capacity(setup.documents.len());
    for document in &setup.documents {
        progress.set_message(format!("preparing {}: {}", setup.name, programs.len() + 1));
        let limits = Limits::default();
        let prepared = runtime.prepare(Arc::from(LOGIC), document.clone(), limits, |_| ()).await;
        programs.push(prepared.map_err(check::rejected)?.program);
    }
    Ok(programs)
}

fn row(setup: &Setup, programs: &[Program], effort: Effort) -> Result<Row, Failure> {
    let native = Native::of(&setup.documents)?;
    let (event, readings, state) = (event(), Arc::new(Readings::new(4, 4)), Arc::new(PolicyState::default()));
    let mut asked = 0;
    for program in programs {
        asked += program.evaluate(&event, &readings, &state).outcome.map_err(failed)?.intents.len();
    }
    if asked != native.intents()? {
        return Err(Failure::failed(format!("{}: component and native policy decide differently", setup.name))
            .hint("the component in `plugins/dist` is older than its sources: `interlock build --all` makes it anew"));
    }
    let mut answer = |_: &Event| native.answer();
    let mut case =
        Case { name: setup.name, programs, native: &mut answer, event: &event, readings: &readings, state: &state };
    let figures = measure(&mut case, effort).map_err(failed)?;
    Ok(Row { met: setup.aim.met(&figures), aim: setup.aim, figures })
}

/// The reading that every case is about.
fn event() -> Event {
    let reading = Reading {
        device: DEVICE.to_owned(),
        channel: CHANNEL.to_owned(),
        quantity: QUANTITY.to_owned(),
        value: VALUE,
        raw: None,
        unit: None,
        quality: Quality::Good,
        retained: false,
    };
    let observation = Observation { id: "event-1".to_owned(), measured: None, what: Occurrence::Reading(reading) };
    Event { seq: 1, at: Timestamp(Environment::new().now()), observation }
}

/// The same policies built into this program, the same event, and a world that answers their questions.
struct Native {
    policies: Vec<Logic>,
    world: Environment,
    event: interlock_plugin_sdk::Event,
}

impl Native {
    fn of(documents: &[String]) -> Result<Self, Failure> {
        let policies = documents.iter().map(|document| configure::<Logic>(document)).collect::<Result<Vec<_>, _>>();
        let policies =
            policies.map_err(|problems| Failure::failed(format!("a rule of the benchmark: {problems:?}")))?;
        let mut world = Environment::new();
        let event = world.event(Environment::a_reading(DEVICE, CHANNEL, QUANTITY, VALUE));
        Ok(Self { policies, world, event })
    }

    fn answer(&self) {
        for policy in &self.policies {
            let event = black_box(&self.event);
            drop(black_box(policy.decide(event, &Context::new(event, &self.world))));
        }
    }

    /// What all policies together ask for.
    fn intents(&self) -> Result<usize, Failure> {
        let context = Context::new(&self.event, &self.world);
        let answers = self.policies.iter().map(|policy| policy.decide(&self.event, &context));
        let asked = answers.map(|answer| answer.map(|decision| decision.intents.len()));
        asked.sum::<Result<usize, String>>().map_err(Failure::failed)
    }
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::failed(error.to_string())
}

/// How many programs wanted a processor, on the mean of 1, 5 and 15 minutes.
fn load() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let means: Vec<f64> = text.split_whitespace().take(3).map_while(|mean| mean.parse().ok()).collect();
    means.try_into().ok()
}

fn people(report: &Report) -> String {
    let mut rows = table(["CASE", "FRESH µs", "NATIVE µs", "OVER NATIVE µs", "AIM µs", ""]);
    for Row { figures, aim, met } in &report.cases {
        rows.add_row([
            Cell::new(&figures.name),
            Cell::new(format!("{:.2}", figures.fresh_us)),
            Cell::new(format!("{:.2}", figures.native_us)),
            Cell::new(format!("{:.2}", figures.over_native_us)),
            Cell::new(aim.words()),
            if *met { cell(Color::Green, "met") } else { cell(Color::Yellow, "not met") },
        ]);
    }
    let words = |load: Option<[f64; 3]>| match load {
        Some([one, five, fifteen]) => format!("{one:.2} {five:.2} {fifteen:.2}"),
        None => "unknown".to_owned(),
    };
    format!(
        "{}\n\nover native: for each plugin; fresh and native: all plugins together\nload average before: {}, after: {}",
        rows.trim_fmt(),
        words(report.load_before),
        words(report.load_after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(fresh_us: f64, over_native_us: f64) -> Figures {
        let name = "case".to_owned();
        Figures { name, programs: 1, fresh_us, native_us: 1.0, over_native_us, fuel: 1, evaluations: 1 }
    }

    #[test]
    fn an_aim_looks_at_its_own_column() {
        assert!(Aim::OverNative(6.0).met(&figures(900.0, 6.0)));
        assert!(!Aim::Fresh(100.0).met(&figures(900.0, 6.0)));
    }

    #[test]
    fn one_rule_fires_where_a_case_says_so() {
        let [fires, rests, together, each] = setups().map(|setup| Native::of(&setup.documents).unwrap());
        let asked = [fires, rests, together, each].map(|native| native.intents().unwrap());
        assert_eq!(asked, [1, 0, 1, 1]);
    }

    #[test]
    fn the_table_says_what_was_met() {
        let row = |figures: Figures, aim: Aim| Row { met: aim.met(&figures), aim, figures };
        let cases = vec![row(figures(4.0, 3.0), Aim::OverNative(6.0)), row(figures(150.0, 140.0), Aim::Fresh(100.0))];
        let report = Report { load_before: Some([0.5, 1.0, 2.0]), load_after: None, cases };
        let text = people(&report);
        assert!(text.contains("not met") && text.contains("before: 0.50 1.00 2.00, after: unknown"), "{text}");
        assert_eq!(serde_json::to_value(&report).unwrap()["cases"][1]["aim"]["most_us"], 100.0);
    }
}
