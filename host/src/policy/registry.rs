//! Which policies are at work, and which of them see an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use interlock_core::event::Event;
use interlock_core::policy::{Plan, Subscription};
use interlock_core::router::Router;

use super::actor::Actor;
use super::lanes::Lanes;

/// All actors and the routes to them. One snapshot, swapped whole: an event is routed by the old or the new one.
#[derive(Default)]
struct Routing {
    by_name: BTreeMap<String, Arc<Actor>>,
    /// What the routes' numbers mean.
    routed: Vec<Arc<Actor>>,
    routes: Router<usize>,
}

/// A handle to the policies at work. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    routing: Arc<ArcSwap<Routing>>,
    lanes: Lanes,
}

impl Registry {
    /// No policies yet, and the lanes they will run in.
    pub fn new(lanes: Lanes) -> Self {
        Self { routing: Arc::default(), lanes }
    }

    /// Puts the event into the mailbox of every policy that sees it. How many of them answer quickly.
    pub fn dispatch(&self, event: &Arc<Event>) -> usize {
        let routing = self.routing.load();
        let mut quick = 0;
        for number in routing.routes.route(event.what()) {
            let Some(actor) = routing.routed.get(number) else { continue };
            let pushed = actor.push(event);
            quick += usize::from(pushed.soon);
            if pushed.schedule {
                self.lanes.schedule(actor);
            }
        }
        quick
    }

    /// Puts the actors that wait for the journal back into their lanes.
    pub fn wake(&self) {
        for actor in self.routing.load().by_name.values() {
            self.wake_one(actor);
        }
    }

    /// The same for one actor.
    pub fn wake_one(&self, actor: &Arc<Actor>) {
        if actor.wake() {
            self.lanes.schedule(actor);
        }
    }

    /// The actor of this name.
    pub fn actor(&self, policy: &str) -> Option<Arc<Actor>> {
        self.routing.load().by_name.get(policy).cloned()
    }

    /// Whether this very actor is at work, not only one of its name.
    pub fn has(&self, actor: &Arc<Actor>) -> bool {
        self.routing.load().by_name.get(actor.name()).is_some_and(|known| Arc::ptr_eq(known, actor))
    }

    /// All actors in order of name.
    pub fn actors(&self) -> Vec<Arc<Actor>> {
        self.routing.load().by_name.values().cloned().collect()
    }

    /// Who wants ticks, and how often, in milliseconds.
    pub fn ticks(&self) -> Vec<(String, u64)> {
        let wanted = |actor: &Arc<Actor>| Some((actor.name().to_owned(), shortest_tick(actor.live()?.plan())?));
        self.routing.load().by_name.values().filter_map(wanted).collect()
    }

    /// Adds an actor or takes one out, and routes anew by what every live version asked for.
    ///
    /// Called by the lifecycle only, one change at a time.
    pub fn update(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Actor>>)) {
        let mut by_name = self.routing.load().by_name.clone();
        change(&mut by_name);
        let running: Vec<_> = by_name.values().filter_map(|actor| Some((Arc::clone(actor), actor.live()?))).collect();
        let plans = running.iter().enumerate().map(|(number, (actor, live))| (number, actor.name(), live.plan()));
        let routes = Router::new(plans);
        let routed = running.into_iter().map(|(actor, _)| actor).collect();
        self.routing.store(Arc::new(Routing { by_name, routed, routes }));
    }
}

fn shortest_tick(plan: &Plan) -> Option<u64> {
    let ticks = plan.subscriptions.iter().filter_map(|subscription| match subscription {
        Subscription::Ticks(every) => Some(*every),
        _ => None,
    });
    ticks.min()
}
