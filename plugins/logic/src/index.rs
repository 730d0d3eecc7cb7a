//! Which rules a reading concerns: so that a thousand rules cost only those that mention its sensor.

use interlock_plugin_sdk::{Plan, Reading, ReadingFilter, Subscription};

use crate::check::Checked;
use crate::rule::Rule;
use crate::sight::Sight;

/// A sensor that some rule mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sensor {
    pub(crate) device: String,
    pub(crate) channel: String,
    pub(crate) quantity: Option<String>,
    /// How findings begin: `ESP_01/34 is `.
    pub(crate) words: String,
}

/// The rules, sensors and zones of one document.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) zones: Vec<String>,
    /// Sorted by device and channel.
    places: Vec<Place>,
    /// The enabled rules that mention no sensor.
    timed: Vec<usize>,
}

/// One channel of one device.
#[derive(Debug)]
struct Place {
    device: String,
    channel: String,
    /// The sensors there: one for each quantity that rules mention, and one for "any".
    sensors: Vec<usize>,
    /// Which rule mentions which of them, in the order of the rules.
    watchers: Vec<(usize, usize)>,
}

/// What a reading concerns.
pub(crate) struct Watched<'a> {
    place: Option<&'a Place>,
    sensors: Vec<usize>,
}

impl Index {
    pub(crate) fn new(rules: &[Rule], sensors: Vec<Sensor>, zones: Vec<String>) -> Self {
        let mut index = Self { sensors, zones, places: Vec::new(), timed: Vec::new() };
        for (number, rule) in rules.iter().enumerate() {
            let mut mentioned = Vec::new();
            rule.condition.sensors(&mut mentioned);
            mentioned.sort_unstable();
            mentioned.dedup();
            if mentioned.is_empty() && rule.enabled {
                index.timed.push(number);
            }
            for sensor in mentioned {
                index.watch(number, sensor);
            }
        }
        index
    }

    fn watch(&mut self, rule: usize, number: usize) {
        let Some(sensor) = self.sensors.get(number) else { return };
        let found = self.places.binary_search_by(|place| place.compare(&sensor.device, &sensor.channel));
        let at = found.unwrap_or_else(|at| {
            let (device, channel) = (sensor.device.clone(), sensor.channel.clone());
            self.places.insert(at, Place { device, channel, sensors: Vec::new(), watchers: Vec::new() });
            at
        });
        if let Some(place) = self.places.get_mut(at) {
            if !place.sensors.contains(&number) {
                place.sensors.push(number);
            }
            place.watchers.push((rule, number));
        }
    }

    /// The rules that mention no sensor, in their order.
    pub(crate) fn timed(&self) -> impl ExactSizeIterator<Item = usize> {
        self.timed.iter().copied()
    }

    /// What this reading concerns.
    pub(crate) fn watched(&self, reading: &Reading) -> Watched<'_> {
        let found = self.places.binary_search_by(|place| place.compare(&reading.device, &reading.channel));
        let place = found.ok().and_then(|at| self.places.get(at));
        let quantity_fits = |number: &usize| {
            let quantity = self.sensors.get(*number).and_then(|sensor| sensor.quantity.as_deref());
            quantity.is_none_or(|quantity| quantity == reading.quantity)
        };
        let sensors =
            place.map_or_else(Vec::new, |place| place.sensors.iter().copied().filter(quantity_fits).collect());
        Watched { place, sensors }
    }
}

impl Place {
    fn compare(&self, device: &str, channel: &str) -> std::cmp::Ordering {
        (self.device.as_str(), self.channel.as_str()).cmp(&(device, channel))
    }
}

impl Watched<'_> {
    /// Puts the reading before the rules, so that none needs to look it up.
    pub(crate) fn show(&self, reading: &Reading, sight: &mut Sight<'_>) {
        for sensor in &self.sensors {
            sight.show(*sensor, reading);
        }
    }

    /// How many rules that may be; at least as many as they are.
    pub(crate) fn count(&self) -> usize {
        self.place.map_or(0, |place| place.watchers.len())
    }

    /// The rules that mention the sensor, in their order, each once.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        let watchers = self.place.map_or(&[][..], |place| &place.watchers);
        let mut last = None;
        watchers
            .iter()
            .filter(|(_, sensor)| self.sensors.contains(sensor))
            .map(|(rule, _)| *rule)
            .filter(move |rule| last.replace(*rule) != Some(*rule))
    }
}

/// What the enabled rules hear, read and drive: nothing more is granted.
pub(crate) fn plan(checked: &Checked) -> Plan {
    let mut plan = Plan::new();
    let (mut sensors, mut timed) = (Vec::new(), false);
    for rule in checked.rules.iter().filter(|rule| rule.enabled) {
        let before = sensors.len();
        rule.condition.sensors(&mut sensors);
        timed |= sensors.len() == before;
        plan.actuators.extend(rule.intents.iter().map(|intent| intent.actuator.clone()));
    }
    sensors.sort_unstable();
    sensors.dedup();
    plan.actuators.sort_unstable();
    plan.actuators.dedup();
    for sensor in sensors.into_iter().filter_map(|sensor| checked.sensors.get(sensor)) {
        plan = plan.on_readings(ReadingFilter {
            device: Some(sensor.device.clone()),
            channel: Some(sensor.channel.clone()),
            quantity: sensor.quantity.clone(),
        });
    }
    if timed { plan.on(Subscription::Ticks(checked.tick_ms)) } else { plan }
}
