//! Decodes numbers into tables and steps, and drives the gate with them.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::command::ActuatorKind;
use interlock_core::decision::Setting;
use interlock_core::gate::envelope::{Envelope, Hours, Lease, OutOfRange, Table};
use interlock_core::gate::{Cause, Effects, Gate, Scope, Stored, Write, Writer};
use interlock_core::time::Timestamp;

use crate::oracle::Oracle;

/// What a case is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    One,
    Groups,
    Stops,
    Restarts,
}

/// A number taken apart digit by digit; what is used up is made anew from the rest.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const VALUES: [f64; 14] =
    [0.0, 1.0, 0.25, 0.5, 0.75, 0.6, 0.1, -0.0, 1.5, -0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300];
const TIMES: [u64; 12] = [0, 1, 7, 50, 100, 250, 500, 1_000, 1_500, 4_000, 60_000, 1_800_000];
/// A minute before noon, UTC, so that hours begin and end around it.
const START: u64 = 1_704_110_340_000;

fn envelope(dice: &mut Dice, theme: Theme) -> Envelope {
    let kind = dice.pick(&[ActuatorKind::Pwm, ActuatorKind::Pwm, ActuatorKind::Servo, ActuatorKind::Switch]);
    let (min, max) = if kind == ActuatorKind::Servo { (-1.0, 2.0) } else { (0.0, dice.pick(&[1.0, 1.0, 0.7])) };
    let safe = match kind {
        ActuatorKind::Switch => dice.pick(&[min, min, max]),
        _ => dice.pick(&[0.0, 0.0, 0.5, min]),
    };
    let grouped = theme == Theme::Groups || dice.one_in(3);
    let leased = dice.pick(&[(0.2, 0.6), (min, max)]);
    let lease = Lease { min: leased.0, max: leased.1, max_hold_ms: dice.pick(&[None, Some(400)]) };
    Envelope {
        device: dice.pick(&["E1", "E2"]).to_owned(),
        channel: String::new(),
        kind,
        min,
        max,
        // Once in a while an envelope that contradicts itself.
        safe: if dice.one_in(40) { 9.0 } else { safe },
        out_of_range: dice.pick(&[OutOfRange::Refuse, OutOfRange::Clamp]),
        max_rate_per_s: dice.pick(&[None, None, Some(0.2), Some(1.0)]),
        min_interval_ms: dice.pick(&[0, 0, 100, 700]),
        max_on_ms: dice.pick(&[None, None, Some(600), Some(3_000)]),
        group: grouped.then(|| dice.pick(&["g", "g", "h"]).to_owned()),
        dead_time_ms: dice.pick(&[0, 0, 100, 300]),
        hours: dice
            .pick::<&[Hours]>(&[
                &[],
                &[],
                &[],
                &[Hours { from: 720, to: 721 }],
                &[Hours { from: 1_000, to: 720 }, Hours { from: 721, to: 780 }],
            ])
            .to_vec(),
        command_valid_ms: dice.pick(&[200, 10_000]),
        max_cause_age_ms: dice.pick(&[100, 30_000]),
        leases: if dice.one_in(2) { BTreeMap::from([("p".to_owned(), lease)]) } else { BTreeMap::new() },
    }
}

fn table(dice: &mut Dice, theme: Theme) -> Table {
    let count = if theme == Theme::One { 1 } else { 2 + dice.roll(3) };
    let mut actuators = BTreeMap::new();
    for name in NAMES.iter().take(usize::try_from(count).unwrap()) {
        let mut envelope = envelope(dice, theme);
        // Mostly a pin of its own, so that a name keeps its wire from table to table; sometimes another's.
        envelope.channel = if dice.one_in(12) { "pin-a".to_owned() } else { format!("pin-{name}") };
        envelope.device =
            if dice.one_in(8) { envelope.device } else { if *name < "c" { "E1" } else { "E2" }.to_owned() };
        actuators.insert((*name).to_owned(), envelope);
    }
    let sensor = ("E1".to_owned(), dice.pick(&["pin-b", "pin-x", "pin-x", "pin-x", "pin-x"]).to_owned());
    Table::new(actuators, BTreeSet::from([sensor]))
}

/// A gate, what judges it, and what happened so far.
pub struct World {
    gate: Gate,
    tables: Vec<Table>,
    current: Table,
    oracle: Oracle,
    now: u64,
    theme: Theme,
    boots: u64,
    /// What happened, if somebody wants to read it.
    story: Option<Vec<String>>,
}

impl World {
    pub fn new(theme: Theme, tables: u64) -> Self {
        let mut dice = Dice(tables);
        let tables: Vec<_> = (0..3).map(|_| table(&mut dice, theme)).collect();
        let current = tables[0].clone();
        let gate = Gate::new(current.clone(), Timestamp(START));
        let oracle = Oracle::new(&current);
        Self { gate, tables, current, oracle, now: START, theme, boots: 0, story: None }
    }

    /// One step, and what is wrong with what came of it.
    pub fn step(&mut self, number: u64) -> Result<(), String> {
        let mut dice = Dice(number);
        self.pass_time(&mut dice)?;
        let now = Timestamp(self.now);
        let (rare, often) = match self.theme {
            Theme::One | Theme::Groups => (1, 20),
            Theme::Stops => (4, 20),
            Theme::Restarts => (3, 14),
        };
        match dice.roll(often) {
            roll if roll < rare => self.upset(&mut dice),
            roll if roll == rare => {
                let policy = dice.pick(&["p", "q"]);
                self.tell(|| format!("release {policy}"));
                self.oracle.released(policy);
                let effects = self.gate.release(policy, now);
                self.check(&effects)
            }
            _ => self.write(&mut dice),
        }
    }

    /// Time passes: with a timer that keeps every deadline, with one that is late, or with none at all.
    fn pass_time(&mut self, dice: &mut Dice) -> Result<(), String> {
        let target = self.now + dice.pick(&TIMES);
        let punctual = !dice.one_in(4);
        while let Some(due) = self.gate.next_deadline().filter(|due| punctual && due.0 <= target) {
            self.now = self.now.max(due.0);
            self.advance()?;
            if self.gate.next_deadline().is_some_and(|next| next.0 <= self.now) {
                return Err("the next deadline is not later than the one just kept".to_owned());
            }
        }
        self.now = target;
        if punctual || dice.one_in(2) { self.advance() } else { Ok(()) }
    }

    fn advance(&mut self) -> Result<(), String> {
        let effects = self.gate.advance(Timestamp(self.now));
        self.check(&effects)
    }

    fn write(&mut self, dice: &mut Dice) -> Result<(), String> {
        let names = self.current.actuators.len() as u64;
        let name = NAMES[usize::try_from(dice.roll(names)).unwrap()];
        let (writer, priority) = dice.pick(&[("p", 9), ("p", 9), ("q", 9), ("q", 4), ("r", 12), ("", 8)]);
        let value = dice.pick(&VALUES);
        let age = dice.pick(&[0, 0, 0, 0, 90, 5_000, 40_000]);
        let write = Write {
            actuator: name.to_owned(),
            writer: if writer.is_empty() { Writer::Manual } else { Writer::Policy(writer.to_owned()) },
            priority,
            set: if dice.one_in(8) { Setting::Release } else { Setting::Value(value) },
            hold_ms: dice.pick(&[None, None, Some(150), Some(800), Some(5_000), Some(0)]),
            reason: String::new(),
            cause: Cause { seq: None, at: Timestamp(self.now - age), retained: dice.one_in(12) },
        };
        // A clock that steps back must not shorten anything.
        let mut at = self.now;
        if dice.one_in(30) {
            self.advance()?;
            at -= 3;
        }
        let (verdict, effects) = self.gate.review(&write, Timestamp(at));
        self.tell(|| {
            let Write { actuator, writer, priority, set, hold_ms, .. } = &write;
            format!("{writer:?} {priority} {actuator} {set:?} hold {hold_ms:?}: {:?}", verdict.code)
        });
        self.oracle.wrote(&write, &verdict, self.now)?;
        self.check(&effects)
    }

    /// Stops, resets, new tables and restarts.
    fn upset(&mut self, dice: &mut Dice) -> Result<(), String> {
        let now = Timestamp(self.now);
        let scope =
            dice.pick(&[None, Some("E1"), Some("E2")]).map_or(Scope::All, |device| Scope::Device(device.into()));
        let restarts = self.theme == Theme::Restarts;
        match dice.roll(if restarts { 8 } else { 5 }) {
            0 => {
                self.tell(|| format!("stop {scope:?}"));
                let effects = self.gate.stop(scope.clone(), now);
                self.oracle.stopped(scope, self.now);
                if !effects.changes.is_empty() {
                    return Err("a stop approved a command".to_owned());
                }
                // A stop waits for nothing, not even for what was due before it.
                self.advance()
            }
            1 | 2 => {
                self.tell(|| format!("reset {scope:?}"));
                self.oracle.reset(&scope);
                let effects = self.gate.reset(&scope, now);
                self.check(&effects)
            }
            3 | 5 | 6 => self.reconfigure(dice),
            _ => self.restart(dice),
        }
    }

    fn reconfigure(&mut self, dice: &mut Dice) -> Result<(), String> {
        self.advance()?;
        self.current = self.tables[usize::try_from(dice.roll(3)).unwrap()].clone();
        self.tell(|| "configure".to_owned());
        self.oracle.configured(&self.current, self.now);
        let effects = self.gate.configure(self.current.clone(), Timestamp(self.now));
        self.check(&effects)
    }

    /// The gate is lost; what was stored comes back under the same or another table.
    fn restart(&mut self, dice: &mut Dice) -> Result<(), String> {
        let rows = self.current.actuators.keys().filter_map(|name| self.gate.stored(name));
        let rows: Vec<Stored> =
            rows.map(|row| serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap()).collect();
        if dice.one_in(2) {
            self.current = self.tables[usize::try_from(dice.roll(3)).unwrap()].clone();
        }
        self.oracle.configured(&self.current, self.now);
        self.tell(|| "restart".to_owned());
        self.boots += 1;
        let stopped = self.gate.stopped().clone();
        self.gate = Gate::new(self.current.clone(), Timestamp(START + self.boots));
        let effects = self.gate.restore(rows, &stopped, Timestamp(self.now));
        self.oracle.restarted(&self.current, &effects)?;
        self.check(&effects)
    }

    fn check(&mut self, effects: &Effects) -> Result<(), String> {
        self.tell(|| {
            let said = effects.changes.iter().map(|change| {
                let command = change.command.get();
                format!(
                    "{} {}->{} ({:?}, hold {:?})",
                    command.actuator, change.from, command.value, change.why, command.hold_ms
                )
            });
            format!("  says {:?}", said.collect::<Vec<_>>())
        });
        self.oracle.judge(effects, self.now)?;
        let views: Vec<_> = self.current.actuators.keys().filter_map(|name| self.gate.view(name)).collect();
        self.oracle.agrees(&views, self.now)
    }

    /// The same world with an ear: what happened in these steps.
    pub fn story(theme: Theme, tables: u64, steps: &[u64]) -> String {
        let mut world = Self { story: Some(Vec::new()), ..Self::new(theme, tables) };
        let _ = steps.iter().try_for_each(|step| world.step(*step));
        let tables = world.tables.iter().map(|table| serde_json::to_string(&table.actuators).unwrap());
        tables.chain(world.story.into_iter().flatten()).collect::<Vec<_>>().join("\n")
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        let ms = self.now - START;
        if let Some(story) = &mut self.story {
            story.push(format!("{ms}: {}", what()));
        }
    }
}
