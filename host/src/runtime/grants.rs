//! What a plan allows, arranged for quick answers.

use std::collections::HashSet;

use interlock_core::decision::Decision;
use interlock_core::evaluation::{Fault, FaultKind};
use interlock_core::policy::{MIN_TICK_MS, Plan, ReadingFilter, Subscription};

/// Bound of a plan: subscriptions, reads, actuators and actions each.
const MAX_ENTRIES: usize = 256;
/// Bound of a plan: bytes of one name.
const MAX_NAME_BYTES: usize = 256;

/// What one configured version may look up and ask for.
#[derive(Debug)]
pub(super) struct Grants {
    /// Filters that name one quantity of one channel.
    exact: HashSet<ReadingFilter>,
    /// The others.
    wide: Vec<ReadingFilter>,
    actuators: HashSet<String>,
    actions: HashSet<String>,
}

impl Grants {
    /// What the plan allows.
    pub(super) fn new(plan: &Plan) -> Self {
        let is_exact =
            |filter: &ReadingFilter| filter.device.is_some() && filter.channel.is_some() && filter.quantity.is_some();
        let (exact, wide): (Vec<_>, Vec<_>) = plan.reads.iter().cloned().partition(is_exact);
        Self {
            exact: exact.into_iter().collect(),
            wide,
            actuators: plan.actuators.iter().cloned().collect(),
            actions: plan.actions.iter().cloned().collect(),
        }
    }

    /// Whether `wanted`, which names device and channel, may be looked up. Without a quantity the answer could be of
    /// any, so only a filter without a quantity allows it.
    pub(super) fn reads(&self, wanted: &ReadingFilter) -> bool {
        let covers = |granted: &Option<String>, wanted: &Option<String>| granted.is_none() || granted == wanted;
        self.exact.contains(wanted)
            || self.wide.iter().any(|granted| {
                covers(&granted.device, &wanted.device)
                    && covers(&granted.channel, &wanted.channel)
                    && covers(&granted.quantity, &wanted.quantity)
            })
    }

    /// Whether everything the decision asks for was granted.
    ///
    /// # Errors
    /// A fault of the kind `not_granted` that names the first thing that was not.
    pub(super) fn allow(&self, decision: &Decision) -> Result<(), Fault> {
        let actuator = decision.intents.iter().find(|intent| !self.actuators.contains(&intent.actuator));
        let action = decision.actions.iter().find(|action| !self.actions.contains(&action.name));
        let (what, name) = match (actuator, action) {
            (Some(intent), _) => ("actuator", &intent.actuator),
            (None, Some(action)) => ("action", &action.name),
            (None, None) => return Ok(()),
        };
        let detail = format!("the decision asks for the {what} `{name}`, which is not in the plan");
        Err(Fault::new(FaultKind::NotGranted, detail))
    }
}

/// What is wrong with a plan; empty when it can be granted.
pub(super) fn problems(plan: &Plan) -> Vec<String> {
    let counts = [
        ("subscriptions", plan.subscriptions.len()),
        ("reads", plan.reads.len()),
        ("actuators", plan.actuators.len()),
        ("actions", plan.actions.len()),
    ];
    let mut problems: Vec<String> = counts
        .into_iter()
        .filter(|(_, found)| *found > MAX_ENTRIES)
        .map(|(what, found)| format!("{found} {what}; at most {MAX_ENTRIES} are taken"))
        .collect();
    let ticks = plan.subscriptions.iter().filter_map(|subscription| match subscription {
        Subscription::Ticks(ms) if *ms < MIN_TICK_MS => Some(*ms),
        _ => None,
    });
    problems.extend(ticks.map(|ms| format!("a tick every {ms} ms; at least {MIN_TICK_MS} ms lie between two")));
    if plan.subscriptions.iter().filter(|subscription| matches!(subscription, Subscription::Ticks(_))).count() > 1 {
        problems.push("more than one subscription to ticks; one is taken".to_owned());
    }
    let long = names(plan).filter(|name| name.is_empty() || name.len() > MAX_NAME_BYTES);
    problems
        .extend(long.map(|name| format!("a name of {} bytes; 1 to {MAX_NAME_BYTES} are taken", name.len())).take(1));
    problems
}

fn names(plan: &Plan) -> impl Iterator<Item = &String> {
    let subscribed = plan.subscriptions.iter().filter_map(|subscription| match subscription {
        Subscription::Readings(filter) => Some(filter),
        _ => None,
    });
    let filters = plan.reads.iter().chain(subscribed);
    let lists = plan.subscriptions.iter().filter_map(|subscription| match subscription {
        Subscription::Actuators(names)
        | Subscription::Devices(names)
        | Subscription::Alerts(names)
        | Subscription::Incidents(names)
        | Subscription::Custom(names) => Some(names),
        Subscription::Readings(_) | Subscription::Access | Subscription::Outcomes | Subscription::Ticks(_) => None,
    });
    plan.actuators
        .iter()
        .chain(&plan.actions)
        .chain(filters.flat_map(|filter| [&filter.device, &filter.channel, &filter.quantity]).flatten())
        .chain(lists.flatten())
}

#[cfg(test)]
mod tests {
    use interlock_core::decision::{Intent, Setting};

    use super::*;

    fn filter(device: Option<&str>, channel: Option<&str>, quantity: Option<&str>) -> ReadingFilter {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ReadingFilter { device: owned(device), channel: owned(channel), quantity: owned(quantity) }
    }

    #[test]
    fn a_lookup_needs_a_filter_that_covers_all_of_it() {
        let reads = vec![filter(Some("a"), Some("1"), Some("temperature")), filter(Some("b"), None, None)];
        let grants = Grants::new(&Plan { reads, ..Plan::default() });
        assert!(grants.reads(&filter(Some("a"), Some("1"), Some("temperature"))));
        assert!(!grants.reads(&filter(Some("a"), Some("1"), Some("humidity"))));
        assert!(!grants.reads(&filter(Some("a"), Some("1"), None)), "any quantity is more than one");
        assert!(grants.reads(&filter(Some("b"), Some("7"), None)));
        assert!(!grants.reads(&filter(Some("c"), Some("7"), None)));
    }

    #[test]
    fn an_intent_outside_the_plan_is_named() {
        let grants = Grants::new(&Plan { actuators: vec!["fan".into()], ..Plan::default() });
        let intent = Intent { actuator: "pump".into(), set: Setting::Release, hold_ms: None, reason: String::new() };
        let fault = grants.allow(&Decision { intents: vec![intent], ..Decision::default() }).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotGranted);
        assert!(fault.detail.contains("`pump`"), "{fault}");
    }

    #[test]
    fn a_plan_is_bounded() {
        let sound = Plan { subscriptions: vec![Subscription::Ticks(100)], ..Plan::default() };
        assert_eq!(problems(&sound), Vec::<String>::new());
        let hasty = Plan { subscriptions: vec![Subscription::Ticks(99)], ..Plan::default() };
        assert!(problems(&hasty).first().unwrap().contains("99 ms"));
        let huge = Plan { actions: vec!["x".into(); 257], actuators: vec![String::new()], ..Plan::default() };
        assert_eq!(problems(&huge).len(), 2);
    }
}
