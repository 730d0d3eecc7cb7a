//! Opens and binds everything, in the order in which one part needs another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use interlock_core::gate::Gate;
use interlock_core::gate::envelope::Table;
use interlock_core::readings::Readings;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Addresses, App, equipment};
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::http::readiness::Readiness;
use crate::http::state::ApiState;
use crate::inventory::{Inventory, Parts as InventoryParts, Seen};
use crate::journal::anchor::HostKey;
use crate::journal::batch::BatchSender;
use crate::journal::record::Body;
use crate::journal::writer::Writer;
use crate::journal::{Journal, retention};
use crate::latch::Latch;
use crate::line::Line;
use crate::line::judge::{Judge, Parts as JudgeParts};
use crate::mqtt;
use crate::mqtt::address::Address;
use crate::mqtt::broker::Broker;
use crate::mqtt::intake::Intake;
use crate::mqtt::outlet::Outlet;
use crate::mqtt::stop::Stops;
use crate::policy::approvals::{Approvals, Request};
use crate::policy::lanes::{Lanes, MAX_POLICIES, Tools};
use crate::policy::lifecycle::{Parts as PolicyParts, Policies};
use crate::policy::registry::Registry;
use crate::runtime::Runtime;
use crate::store::{Put, Store};
use crate::telemetry::Metrics;
use crate::tokens::{self, Tokens};

/// Recorded commands on their way to the outlet; what does not fit waits in the outbox.
const OUTLET: usize = 4_096;

/// Events read back at the start, so that windows reach over a restart.
const WARM: usize = 20_000;

/// The meta row that tells how the last run ended.
pub(super) const ENDED: &str = "ended";

pub(super) async fn build(config: Config) -> Result<App> {
    let data = config.host.data.clone();
    make_folder(&data)?;
    let metrics = Metrics::default();
    let store = Arc::new(Store::open(&data)?);
    let key = Arc::new(HostKey::open(&data)?);
    let journal = Journal::open(Arc::clone(&store), key)?;
    let clock = Clock::system_not_before(journal.head().at);
    let runtime = Runtime::open(&config.runtime, &data)?;
    let equipment = equipment::read(&config, &store)?;
    let table = Arc::new(ArcSwap::from_pointee(equipment.table.clone()));
    let latch = Latch::open(&data, clock.clone(), Arc::clone(&table)).context("open the latch file")?;

    let broker = match config.mqtt.url {
        Some(_) => None,
        None => Some(Broker::start(&config.mqtt, &data).await?),
    };
    let address = match (&config.mqtt.url, &broker) {
        (Some(url), _) => Address::parse(url)?,
        (None, Some(broker)) => broker.address(),
        (None, None) => anyhow::bail!("there is no broker"),
    };
    let intake = Intake::new(&config.mqtt, &address, clock.clone())?;
    let outlet = Outlet::new(&config.mqtt, &address, clock.clone())?;
    let (stops, wire) = Stops::new(&config.mqtt, &address, clock.clone())?;

    let feed = Feed::new();
    let (commands, outgoing) = mpsc::channel(OUTLET);
    let (batches, writer) = Writer::start(journal.clone(), feed.clone(), commands, clock.clone(), metrics.clone())?;
    let (line, inputs) = Line::new(journal.health());
    latch.connect(wire, line.clone());
    let readings = readings(&config, &journal)?;
    let seen = Arc::new(Seen::new(config.policies.device_silent_s.saturating_mul(1_000)));
    let (lanes, queues) = Lanes::new();
    let registry = Registry::new(lanes.clone());
    let (quarantine, quarantined) = mpsc::channel(MAX_POLICIES);
    let judge = judge(
        &config,
        Wiring {
            clock: &clock,
            store: &store,
            journal: &journal,
            table: &equipment.table,
            latch: &latch,
            registry: &registry,
            readings: &readings,
            seen: &seen,
            batches: &batches,
            quarantine,
            metrics: &metrics,
        },
    )?;

    let mut tasks = JoinSet::new();
    tasks.spawn(named("line", judge.run(inputs)));
    let tools = Tools { readings: Arc::clone(&readings), journal: journal.clone(), line: line.sender() };
    let workers = lanes.start(queues, workers(&config), &tools).context("start the policies' threads")?;
    line.note(started(&store)?, vec![Put::Meta { name: ENDED, value: b"crash".to_vec() }]).await?;
    let parts = PolicyParts {
        runtime,
        store: Arc::clone(&store),
        journal: journal.clone(),
        line: line.clone(),
        registry,
        readings: Arc::clone(&readings),
        clock: clock.clone(),
        max_uploads: config.policies.max_waiting_uploads,
    };
    let policies = Policies::open(parts).await.context("open the policies")?;
    let inventory = Inventory::new(InventoryParts {
        line: line.clone(),
        latch: latch.clone(),
        readings,
        seen,
        table,
        sensors: equipment.sensors,
        fixed: equipment.fixed,
    });
    let tokens = Tokens::new(store.tokens()?, line.clone());
    let first_token = tokens::bootstrap(&tokens).await?;
    let api = ApiState {
        line: line.clone(),
        latch: latch.clone(),
        policies: policies.clone(),
        approvals: Approvals::new(line.clone()),
        inventory,
        journal: journal.clone(),
        feed,
        tokens,
        metrics,
        readiness: Readiness::default(),
    };
    let close = CancellationToken::new();
    let taking = CancellationToken::new();
    let (listening, http) = crate::http::serve(config.http.clone(), api.clone(), close.clone()).await?;

    let connections = [("intake", intake.status()), ("outlet", outlet.status()), ("stop", stops.status())];
    for (connection, status) in connections {
        let following = mqtt::health::follow(connection, status, api.metrics.clone(), api.readiness.clone());
        tasks.spawn(named("mqtt health", ended_by(close.clone(), following)));
    }
    tasks.spawn(named("stop wire", stops.run(latch.clone(), line.clone(), close.clone())));
    tasks.spawn(named("outlet", outlet.run(outgoing, journal.clone(), latch, line.clone(), close.clone())));
    tasks.spawn(named("intake", intake.run(line.clone(), taking.clone(), close.clone())));
    tasks.spawn(named("quarantine", ended_by(close.clone(), policies.keep_quarantine(quarantined))));
    tasks.spawn(named("retention", ended_by(close.clone(), retention::keep(journal, config.journal.clone(), line))));
    let addresses = Addresses { http: listening, mqtt: broker.as_ref().map(Broker::local_addr) };
    info!(http = %listening, broker = %address, "the host is open");
    let drain = Duration::from_secs(config.host.drain_s);
    Ok(App { addresses, first_token, drain, api, http, broker, intake: taking, close, tasks, workers, writer, batches })
}

/// What the judge is wired to.
struct Wiring<'a> {
    clock: &'a Clock,
    store: &'a Store,
    journal: &'a Journal,
    table: &'a Table,
    latch: &'a Latch,
    registry: &'a Registry,
    readings: &'a Arc<Readings>,
    seen: &'a Arc<Seen>,
    batches: &'a BatchSender,
    quarantine: mpsc::Sender<String>,
    metrics: &'a Metrics,
}

/// The judge as the last run left it: arrays, stops, and the decisions that wait.
fn judge(config: &Config, wiring: Wiring<'_>) -> Result<Judge> {
    let head = wiring.journal.head();
    let boot = wiring.clock.now().max(head.at);
    let mut gate = Gate::new(wiring.table.clone(), boot);
    let stored = wiring.store.slots()?.into_values().collect();
    let asserted = gate.restore(stored, &wiring.latch.stopped(), boot);
    let waiting = wiring.store.approvals()?.into_values().filter_map(|row| serde_json::from_value::<Request>(row).ok());
    let parts = JudgeParts {
        clock: wiring.clock.clone(),
        head,
        heads: wiring.journal.heads(),
        gate,
        latch: wiring.latch.clone(),
        registry: wiring.registry.clone(),
        readings: Arc::clone(wiring.readings),
        seen: Arc::clone(wiring.seen),
        waiting: waiting.collect(),
        journal: wiring.batches.clone(),
        quarantine: wiring.quarantine,
        metrics: wiring.metrics.clone(),
        faults_allowed: u64::from(config.policies.quarantine_after),
        approval_ms: config.policies.approval_expires_s.saturating_mul(1_000),
    };
    Ok(Judge::new(parts, asserted, boot))
}

/// The rings, filled from the end of the journal.
fn readings(config: &Config, journal: &Journal) -> Result<Arc<Readings>> {
    let readings = Readings::new(config.policies.readings_per_sensor, config.policies.max_sensors);
    let head = journal.head().seq;
    let events = journal.events_after(head.saturating_sub(WARM as u64), WARM)?.events;
    let first = events.first().map_or(head + 1, |event| event.seq);
    let mut older = journal.store().latest()?;
    older.retain(|(seq, ..)| *seq < first);
    older.sort_by_key(|(seq, ..)| *seq);
    for (seq, at, reading) in older {
        readings.push(seq, at, &reading);
    }
    for event in events {
        if let interlock_core::event::Occurrence::Reading(reading) = event.what() {
            readings.push(event.seq, event.at, reading);
        }
    }
    Ok(Arc::new(readings))
}

fn started(store: &Store) -> Result<Body> {
    let after = store.meta(ENDED)?.map_or_else(|| "first".to_owned(), |how| String::from_utf8_lossy(&how).into_owned());
    Ok(Body::Started { version: env!("CARGO_PKG_VERSION").to_owned(), after })
}

fn workers(config: &Config) -> usize {
    match config.policies.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    }
}

fn make_folder(data: &Path) -> Result<()> {
    let folder = data.display();
    std::fs::create_dir_all(data).with_context(|| {
        format!("the data folder `{folder}` cannot be made; choose another with --data, or change its permissions")
    })
}

/// A task that says who it was when it ends.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// A task that ends when the host closes.
async fn ended_by(close: CancellationToken, task: impl Future<Output = ()>) {
    close.run_until_cancelled_owned(task).await;
}
