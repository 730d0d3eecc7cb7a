//! Every number the host counts, in one table: [`Metrics::default`].
//!
//! INVARIANT (bounded): label values come from closed sets (kinds, codes, route templates), never from input. The names
//! are the host's promise to dashboards; `/metrics` serves them in the OpenMetrics text format.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use interlock_core::evaluation::FaultKind;
use interlock_core::gate::{Code, Outcome, Verdict};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};

/// Labels from closed sets: name and value.
type Labels<const N: usize> = [(&'static str, &'static str); N];
/// Route template, method and status of an answer.
type HttpLabels = [(&'static str, String); 3];

/// A handle to all metrics. Cheap to clone; every method is a few atomic operations.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Table>);

#[derive(Debug)]
struct Table {
    registry: Registry,
    events: Family<Labels<1>, Counter>,
    malformed: Counter,
    evaluations: Counter,
    evaluation_seconds: Histogram,
    faults: Family<Labels<1>, Counter>,
    coalesced: Counter,
    verdicts: Family<Labels<2>, Counter>,
    commands_sent: Counter,
    commands_expired: Counter,
    outbox: Gauge,
    commits: Counter,
    records: Counter,
    commit_seconds: Histogram,
    journal_stuck: Gauge,
    mqtt_connected: Family<Labels<1>, Gauge>,
    mqtt_reconnects: Family<Labels<1>, Counter>,
    policies_active: Gauge,
    policies_quarantined: Gauge,
    scopes_stopped: Gauge,
    stops: Counter,
    live_clients: Family<Labels<1>, Gauge>,
    gaps: Counter,
    missed: Counter,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Histogram,
    http_connections: Gauge,
    refused_logins: Counter,
    rate_limited: Counter,
    started_seconds: Gauge<f64, AtomicU64>,
}

/// Registers metrics one per line, so that the table below reads as one.
struct Names(Registry);

impl Names {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds(&mut self, name: &str, help: &str, buckets: impl Iterator<Item = f64>) -> Histogram {
        let histogram = Histogram::new(buckets);
        self.0.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        histogram
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut names = Names(Registry::with_prefix("interlock"));
        let table = Table {
            events: names.add("events", "Events recorded, by kind", Family::default()),
            malformed: names.add("malformed", "Messages that could not be read", Counter::default()),
            evaluations: names.add("evaluations", "Evaluations, faults included", Counter::default()),
            evaluation_seconds: names.seconds(
                "evaluation",
                "Wall-clock time of one evaluation",
                exponential_buckets(0.000_002, 4.0, 10),
            ),
            faults: names.add("faults", "Evaluations without an answer, by kind", Family::default()),
            coalesced: names.add("coalesced", "Readings skipped because newer ones replaced them", Counter::default()),
            verdicts: names.add("verdicts", "Judgements of the gate, by outcome and code", Family::default()),
            commands_sent: names.add("commands_sent", "Commands the broker has taken", Counter::default()),
            commands_expired: names.add("commands_expired", "Commands that expired undelivered", Counter::default()),
            outbox: names.add("outbox", "Commands recorded and not yet taken by the broker", Gauge::default()),
            commits: names.add("journal_commits", "Commits of the journal", Counter::default()),
            records: names.add("journal_records", "Records committed", Counter::default()),
            commit_seconds: names.seconds(
                "journal_commit",
                "Time of one commit of the journal",
                exponential_buckets(0.000_1, 2.0, 14),
            ),
            journal_stuck: names.add("journal_stuck", "1 while the journal cannot be written", Gauge::default()),
            mqtt_connected: names.add("mqtt_connected", "1 while connected, by connection", Family::default()),
            mqtt_reconnects: names.add("mqtt_reconnects", "Reconnections, by connection", Family::default()),
            policies_active: names.add("policies_active", "Policies that answer events", Gauge::default()),
            policies_quarantined: names.add("policies_quarantined", "Policies stopped after faults", Gauge::default()),
            scopes_stopped: names.add("scopes_stopped", "Latched stops: everything counts one", Gauge::default()),
            stops: names.add("stops", "Emergency stops taken", Counter::default()),
            live_clients: names.add("live_clients", "Live clients, by transport", Family::default()),
            gaps: names.add("live_gaps", "Gaps that live clients were told of", Counter::default()),
            missed: names.add("live_missed", "Records in those gaps", Counter::default()),
            http_requests: names.add("http_requests", "Answers, by route, method and status", Family::default()),
            http_seconds: names.seconds("http_request", "Time to an answer", exponential_buckets(0.000_25, 4.0, 8)),
            http_connections: names.add("http_connections", "Open HTTP connections", Gauge::default()),
            refused_logins: names.add("http_unauthenticated", "Requests without a valid token", Counter::default()),
            rate_limited: names.add("http_rate_limited", "Requests refused by a rate limit", Counter::default()),
            started_seconds: names.add("start_time_seconds", "Unix time of the host's start", Gauge::default()),
            registry: names.0,
        };
        Self(Arc::new(table))
    }
}

impl Metrics {
    /// An event of this kind was recorded. `kind` is [`interlock_core::event::Occurrence::kind`].
    pub fn event(&self, kind: &'static str) {
        self.0.events.get_or_create(&[("kind", kind)]).inc();
    }

    /// A message could not be read.
    pub fn malformed(&self) {
        self.0.malformed.inc();
    }

    /// An evaluation took this many microseconds, whatever came of it.
    pub fn evaluation(&self, micros: u64) {
        self.0.evaluations.inc();
        self.0.evaluation_seconds.observe(std::time::Duration::from_micros(micros).as_secs_f64());
    }

    /// An evaluation gave no answer.
    pub fn fault(&self, kind: FaultKind) {
        self.0.faults.get_or_create(&[("kind", kind.as_str())]).inc();
    }

    /// Readings were skipped for a policy that lags.
    pub fn coalesced(&self, readings: u64) {
        self.0.coalesced.inc_by(readings);
    }

    /// The gate judged.
    pub fn verdict(&self, verdict: &Verdict) {
        let labels = [("outcome", outcome(verdict.outcome)), ("code", code(verdict.code))];
        self.0.verdicts.get_or_create(&labels).inc();
    }

    /// The broker has taken a command for good.
    pub fn command_sent(&self) {
        self.0.commands_sent.inc();
    }

    /// A command could not be delivered while it was valid.
    pub fn command_expired(&self) {
        self.0.commands_expired.inc();
    }

    /// This many commands wait for the broker.
    pub fn outbox(&self, commands: usize) {
        self.0.outbox.set(signed(commands));
    }

    /// The journal committed a batch.
    pub fn commit(&self, records: u64, took: std::time::Duration) {
        self.0.commits.inc();
        self.0.records.inc_by(records);
        self.0.commit_seconds.observe(took.as_secs_f64());
    }

    /// Whether the journal cannot be written.
    pub fn journal_stuck(&self, stuck: bool) {
        self.0.journal_stuck.set(i64::from(stuck));
    }

    /// A connection (`intake`, `outlet`, `stop`) came or went; coming counts as a reconnection from the second time on.
    pub fn mqtt_connected(&self, connection: &'static str, connected: bool) {
        self.0.mqtt_connected.get_or_create(&[("connection", connection)]).set(i64::from(connected));
    }

    /// A connection was made anew.
    pub fn mqtt_reconnect(&self, connection: &'static str) {
        self.0.mqtt_reconnects.get_or_create(&[("connection", connection)]).inc();
    }

    /// How many policies answer events, and how many were stopped after faults.
    pub fn policies(&self, active: usize, quarantined: usize) {
        self.0.policies_active.set(signed(active));
        self.0.policies_quarantined.set(signed(quarantined));
    }

    /// A stop was taken.
    pub fn stop(&self) {
        self.0.stops.inc();
    }

    /// How many stops are latched.
    pub fn stopped(&self, scopes: usize) {
        self.0.scopes_stopped.set(signed(scopes));
    }

    /// A live client came; it goes when the guard is dropped. `transport` is `websocket` or `sse`.
    pub fn live_client(&self, transport: &'static str) -> Present {
        Present::arrive(self.0.live_clients.get_or_create(&[("transport", transport)]).clone())
    }

    /// A live client was told that it missed records.
    pub fn gap(&self, missed: u64) {
        self.0.gaps.inc();
        self.0.missed.inc_by(missed);
    }

    /// An HTTP answer. `route` is the route's template, never the path.
    pub fn http_request(&self, route: &str, method: &str, status: u16, took: std::time::Duration) {
        let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
        self.0.http_requests.get_or_create(&labels).inc();
        self.0.http_seconds.observe(took.as_secs_f64());
    }

    /// An HTTP connection opened; it closes when the guard is dropped.
    pub fn http_connection(&self) -> Present {
        Present::arrive(self.0.http_connections.clone())
    }

    /// A request came without a valid token.
    pub fn refused_login(&self) {
        self.0.refused_logins.inc();
    }

    /// A request met a rate limit.
    pub fn rate_limited(&self) {
        self.0.rate_limited.inc();
    }

    /// The host started at this Unix time, in seconds.
    pub fn started(&self, unix_seconds: f64) {
        self.0.started_seconds.set(unix_seconds);
    }

    /// All metrics in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // INVARIANT: writing into a String cannot fail; what was written so far is the answer in any case.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry);
        text
    }
}

/// Something that is counted while it is there.
#[derive(Debug)]
pub struct Present(Gauge);

impl Present {
    fn arrive(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Clamp => "clamp",
        Outcome::Refuse => "refuse",
    }
}

const fn code(code: Code) -> &'static str {
    match code {
        Code::EmergencyStopActive => "EMERGENCY_STOP_ACTIVE",
        Code::PwmOutOfRange => "PWM_OUT_OF_RANGE",
        Code::GpioConflict => "GPIO_CONFLICT",
        Code::ActuatorNotConfigured => "ACTUATOR_NOT_CONFIGURED",
        Code::Expired => "EXPIRED",
        Code::OutsideLease => "OUTSIDE_LEASE",
        Code::Outranked => "OUTRANKED",
        Code::Interlocked => "INTERLOCKED",
        Code::RateLimited => "RATE_LIMITED",
        Code::MaxOnTime => "MAX_ON_TIME",
        Code::OutsideHours => "OUTSIDE_HOURS",
        Code::Deferred => "DEFERRED",
        Code::Clamped => "CLAMPED",
        Code::Passed => "PASSED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_served_under_the_hosts_name() {
        let metrics = Metrics::default();
        metrics.event("reading");
        metrics.fault(FaultKind::OutOfFuel);
        metrics.commit(3, std::time::Duration::from_millis(2));
        metrics.http_request("/api/v1/policies/{name}", "GET", 200, std::time::Duration::from_millis(1));
        let client = metrics.live_client("websocket");
        let text = metrics.render();
        for line in [
            "interlock_events_total{kind=\"reading\"} 1",
            "interlock_faults_total{kind=\"out_of_fuel\"} 1",
            "interlock_journal_records_total 3",
            "interlock_journal_commit_seconds_count 1",
            "interlock_http_requests_total{route=\"/api/v1/policies/{name}\",method=\"GET\",status=\"200\"} 1",
            "interlock_live_clients{transport=\"websocket\"} 1",
        ] {
            assert!(text.contains(line), "`{line}` is missing in\n{text}");
        }
        drop(client);
        assert!(metrics.render().contains("interlock_live_clients{transport=\"websocket\"} 0"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn codes_are_labelled_as_they_are_written_everywhere_else() {
        for each in [Code::EmergencyStopActive, Code::OutsideLease, Code::MaxOnTime, Code::Passed] {
            assert_eq!(serde_json::to_value(each).unwrap(), code(each));
        }
    }
}
