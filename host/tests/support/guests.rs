//! Policies as WebAssembly text: each test says in a few instructions what its guest does wrong.
//!
//! A guest is a core module with the names of the canonical ABI, wrapped into a component of our world. Its answers lie
//! in its memory from the start, encoded here; what a function does before it answers is the test's own text.
//!
//! ```text
//! 0..1024      the test's own
//! 1024         the answer of `decide` (a `result<decision, string>`)
//! 1152         the answer of `configure` (a `result<plan, list<problem>>`)
//! 1280         the answer of `migrate` (a `result<_, string>`)
//! 1344         the answer of `describe` (a `manifest`)
//! 2048..       texts and lists; then what the host passes in
//! ```

use interlock::runtime::component::{embed, wrap};
use interlock_core::decision::{Decision, Ruling, Setting};
use interlock_core::event::Severity;
use interlock_core::policy::{Plan, Problem, ReadingFilter, Subscription};

/// Where the answer of `decide` lies.
pub const DECISION: u32 = 1024;
/// Where the answer of `configure` lies.
const CONFIGURED: u32 = 1152;
/// Where the answer of `migrate` lies.
pub const MIGRATED: u32 = 1280;
/// Where the answer of `describe` lies.
const MANIFEST: u32 = 1344;
/// Where texts and lists begin.
const HEAP: u32 = 2048;

/// A guest in the making.
#[derive(Debug, Clone)]
pub struct Guest {
    image: Vec<u8>,
    describe: String,
    configure: String,
    migrate: String,
    decide: String,
    extra: String,
    pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Guest {
    /// A guest that takes any configuration, plans nothing and abstains.
    pub fn new() -> Self {
        let guest = Self {
            image: vec![0; HEAP as usize],
            describe: String::new(),
            configure: String::new(),
            migrate: String::new(),
            decide: String::new(),
            extra: String::new(),
            pages: 2,
        };
        guest.manifest("guest", "{}")
    }

    /// It has this name and this schema.
    pub fn manifest(mut self, name: &str, schema: &str) -> Self {
        for (at, text) in [(0, name), (8, "1.0.0"), (16, "a guest of the tests"), (24, schema)] {
            self.put_text(MANIFEST + at, text);
        }
        self.put(MANIFEST + 32, &0_u64.to_le_bytes());
        self
    }

    /// `configure` answers with this plan.
    pub fn plan(mut self, plan: &Plan) -> Self {
        self.put(CONFIGURED, &[0]);
        self.put_list(CONFIGURED + 4, 48, 8, &plan.subscriptions, Self::put_subscription);
        self.put_list(CONFIGURED + 12, 36, 4, &plan.reads, Self::put_filter);
        self.put_list(CONFIGURED + 20, 8, 4, &plan.actuators, |guest, at, text| guest.put_text(at, text));
        self.put_list(CONFIGURED + 28, 8, 4, &plan.actions, |guest, at, text| guest.put_text(at, text));
        self
    }

    /// `configure` refuses with these problems.
    pub fn problems(mut self, problems: &[Problem]) -> Self {
        self.put(CONFIGURED, &[1]);
        self.put_list(CONFIGURED + 4, 16, 4, problems, |guest, at, problem| {
            guest.put_text(at, &problem.pointer);
            guest.put_text(at + 8, &problem.message);
        });
        self
    }

    /// `decide` answers with this decision; modifiers that are JSON strings are passed as they are, without quotes.
    pub fn decision(mut self, decision: &Decision) -> Self {
        self.put(DECISION, &[0]);
        self.put_ruling(DECISION + 8, &decision.ruling);
        self.put_list(DECISION + 40, 48, 8, &decision.intents, |guest, at, intent| {
            guest.put_text(at, &intent.actuator);
            match intent.set {
                Setting::Value(value) => guest.put(at + 16, &value.to_le_bytes()),
                Setting::Release => guest.put(at + 8, &[1]),
            }
            guest.put_millis(at + 24, intent.hold_ms);
            guest.put_text(at + 40, &intent.reason);
        });
        self.put_list(DECISION + 48, 20, 4, &decision.notifications, |guest, at, notification| {
            guest.put_text(at, &notification.channel);
            guest.put(at + 8, &[severity(notification.severity)]);
            guest.put_text(at + 12, &notification.message);
        });
        self.put_list(DECISION + 56, 32, 8, &decision.actions, |guest, at, action| {
            guest.put_text(at, &action.name);
            let modifiers = action.modifiers.as_str().map_or_else(|| action.modifiers.to_string(), str::to_owned);
            guest.put_text(at + 8, &modifiers);
            guest.put_millis(at + 16, action.reversible_ms);
        });
        self.put_list(DECISION + 64, 20, 4, &decision.findings, |guest, at, finding| {
            guest.put_text(at, &finding.rule);
            guest.put(at + 8, &[u8::from(finding.matched)]);
            guest.put_text(at + 12, &finding.because);
        });
        self
    }

    /// `decide` answers with this error.
    pub fn refusal(mut self, reason: &str) -> Self {
        self.put(DECISION, &[1]);
        self.put_text(DECISION + 8, reason);
        self
    }

    /// `migrate` answers with this error.
    pub fn migration_refusal(mut self, reason: &str) -> Self {
        self.put(MIGRATED, &[1]);
        self.put_text(MIGRATED + 4, reason);
        self
    }

    /// What `describe` does before it answers.
    pub fn describing(mut self, instructions: &str) -> Self {
        self.describe = instructions.to_owned();
        self
    }

    /// What `configure` does before it answers; `$config` and `$length` are the configuration.
    pub fn configuring(mut self, instructions: &str) -> Self {
        self.configure = instructions.to_owned();
        self
    }

    /// What `migrate` does before it answers; `$from` and `$length` are the version.
    pub fn migrating(mut self, instructions: &str) -> Self {
        self.migrate = instructions.to_owned();
        self
    }

    /// What `decide` does before it answers; `$event` points to the event, `$n` and `$m` are free.
    pub fn deciding(mut self, instructions: &str) -> Self {
        self.decide = instructions.to_owned();
        self
    }

    /// More functions, globals, tables.
    pub fn with(mut self, definitions: &str) -> Self {
        self.extra.push_str(definitions);
        self
    }

    /// Puts a text into its memory and says where: address and length as instructions.
    pub fn text(&mut self, text: &str) -> String {
        let at = self.allocate(text.as_bytes(), 1);
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    /// It begins with so many pages of memory.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// It cannot be snapshotted: it changes a table.
    pub fn unsnapshottable(self) -> Self {
        self.with("(table $t 1 funcref) (func $mutate (table.set $t (i32.const 0) (ref.null func)))")
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        wrap(&self.core()).expect("a guest fits the world")
    }

    /// The core module with the world.
    pub fn core(&self) -> Vec<u8> {
        embed(&self.bare()).expect("the contract is sound")
    }

    /// The core module without the world.
    pub fn bare(&self) -> Vec<u8> {
        wat::parse_str(self.wat()).expect("a guest is sound text")
    }

    /// The text.
    pub fn wat(&self) -> String {
        let data: String = self.image.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let heap = self.image.len().next_multiple_of(16);
        let Self { describe, configure, migrate, decide, extra, pages, .. } = self;
        format!(
            r#"(module
  (import "interlock:policy/log@0.1.0" "emit" (func $log (param i32 i32 i32)))
  (import "interlock:policy/state@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "interlock:policy/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i64 i32)))
  (import "interlock:policy/state@0.1.0" "delete" (func $delete (param i32 i32)))
  (import "interlock:policy/state@0.1.0" "list" (func $list (param i32 i32 i32)))
  (import "interlock:policy/readings@0.1.0" "latest"
    (func $latest (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "interlock:policy/local-time@0.1.0" "of" (func $civil (param i64 i32 i32 i32)))
  (memory (export "memory") {pages})
  (data (i32.const 0) "{data}")
  (global $next (mut i32) (i32.const {heap}))
  {extra}
  (func (export "cabi_realloc") (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32)
    (local $p i32)
    (local.set $p (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $p) (local.get $len)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $fits (i32.ne (i32.const -1)
        (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $len) (i32.const 65536))))))
      unreachable)
    (memory.copy (local.get $p) (local.get $old) (local.get $old_len))
    (local.get $p))
  (func $describe (export "interlock:policy/policy@0.1.0#describe") (result i32)
    {describe}
    (i32.const {MANIFEST}))
  (func $configure (export "interlock:policy/policy@0.1.0#configure")
    (param $config i32) (param $length i32) (result i32)
    {configure}
    (i32.const {CONFIGURED}))
  (func $migrate (export "interlock:policy/policy@0.1.0#migrate")
    (param $from i32) (param $length i32) (result i32)
    {migrate}
    (i32.const {MIGRATED}))
  (func $decide (export "interlock:policy/policy@0.1.0#decide") (param $event i32) (result i32)
    (local $n i32) (local $m i32)
    {decide}
    (i32.const {DECISION})))"#
        )
    }

    fn put(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.image[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_u32(&mut self, at: u32, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    fn allocate(&mut self, bytes: &[u8], align: usize) -> u32 {
        let at = self.image.len().next_multiple_of(align);
        self.image.resize(at, 0);
        self.image.extend_from_slice(bytes);
        u32::try_from(at).expect("a guest is small")
    }

    fn put_text(&mut self, at: u32, text: &str) {
        let pointer = self.allocate(text.as_bytes(), 1);
        self.put_u32(at, pointer);
        self.put_u32(at + 4, u32::try_from(text.len()).expect("a guest is small"));
    }

    fn put_list<T>(&mut self, at: u32, size: usize, align: usize, items: &[T], put: impl Fn(&mut Self, u32, &T)) {
        let pointer = self.allocate(&vec![0; size * items.len()], align);
        for (n, item) in items.iter().enumerate() {
            put(self, pointer + u32::try_from(n * size).expect("a guest is small"), item);
        }
        self.put_u32(at, pointer);
        self.put_u32(at + 4, u32::try_from(items.len()).expect("a guest is small"));
    }

    fn put_millis(&mut self, at: u32, millis: Option<u64>) {
        if let Some(millis) = millis {
            self.put(at, &[1]);
            self.put(at + 8, &millis.to_le_bytes());
        }
    }

    fn put_ruling(&mut self, at: u32, ruling: &Ruling) {
        match ruling {
            Ruling::Abstain => self.put(at, &[0]),
            Ruling::Allow => self.put(at, &[1]),
            Ruling::AllowAfter { roles, expires_after_ms } => {
                self.put(at, &[2]);
                self.put_list(at + 8, 8, 4, roles, |guest, at, role| guest.put_text(at, role));
                self.put_millis(at + 16, *expires_after_ms);
            }
            Ruling::Deny { reason } => {
                self.put(at, &[3]);
                self.put_text(at + 8, reason);
            }
        }
    }

    fn put_filter(&mut self, at: u32, filter: &ReadingFilter) {
        for (at, text) in [(at, &filter.device), (at + 12, &filter.channel), (at + 24, &filter.quantity)] {
            if let Some(text) = text {
                self.put(at, &[1]);
                self.put_text(at + 4, text);
            }
        }
    }

    fn put_subscription(&mut self, at: u32, subscription: &Subscription) {
        let names = |guest: &mut Self, case: u8, names: &[String]| {
            guest.put(at, &[case]);
            guest.put_list(at + 8, 8, 4, names, |guest, at, name| guest.put_text(at, name));
        };
        match subscription {
            Subscription::Readings(filter) => {
                self.put(at, &[0]);
                self.put_filter(at + 8, filter);
            }
            Subscription::Actuators(devices) => names(self, 1, devices),
            Subscription::Devices(devices) => names(self, 2, devices),
            Subscription::Alerts(kpis) => names(self, 3, kpis),
            Subscription::Incidents(kinds) => names(self, 4, kinds),
            Subscription::Access => self.put(at, &[5]),
            Subscription::Outcomes => self.put(at, &[6]),
            Subscription::Custom(kinds) => names(self, 7, kinds),
            Subscription::Ticks(every) => {
                self.put(at, &[8]);
                self.put(at + 8, &every.to_le_bytes());
            }
        }
    }
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Ok => 0,
        Severity::Info => 1,
        Severity::Warn => 2,
        Severity::Crit => 3,
    }
}
