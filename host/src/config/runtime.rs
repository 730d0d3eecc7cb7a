//! What policies may use, how they are compiled, and where compiled code is kept.

use std::path::PathBuf;

use interlock_core::policy::Limits;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// The engine that runs policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Instances that may exist at once; also how many stay warm between evaluations, so more than the number of
    /// active policies costs nothing but address space (4 GiB each, reserved, never touched). Default 256.
    pub instances: u32,
    /// Bytes of an instance's memory that are reset in place instead of being given back to the system after each
    /// evaluation. Default 2 MiB.
    pub keep_resident_bytes: u64,
    /// Largest artifact in bytes. Default 32 MiB, room for a Python component.
    pub max_artifact_bytes: u64,
    /// Largest configuration in bytes. Default 1 MiB.
    pub max_config_bytes: u64,
    /// The most a version's limits may ask for.
    pub ceiling: Limits,
    /// Fuel for each of `describe`, `configure` and `migrate`. Default 1,000,000,000.
    pub setup_fuel: u64,
    /// Wall-clock deadline in milliseconds for each of `describe`, `configure` and `migrate`. Default 5,000.
    pub setup_deadline_ms: u64,
    /// Wall-clock seconds one compilation may take before it is killed. Default 120.
    pub compile_wall_s: u64,
    /// Seconds of processor time one compilation may take before it is killed. Default 240.
    pub compile_cpu_s: u64,
    /// Bytes of memory one compilation may take. Default 4 GiB.
    pub compile_memory_bytes: u64,
    /// Compilations that may wait for their turn; they run one at a time. Default 16.
    pub compile_queue: u32,
    /// Bytes of compiled code that are kept in the data folder; the longest unused goes first. Default 1 GiB.
    pub cache_bytes: u64,
    /// The program that compiles when started with the argument `compile`; none takes this very program.
    pub compiler: Option<PathBuf>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            instances: 256,
            keep_resident_bytes: 2 * MIB,
            max_artifact_bytes: 32 * MIB,
            max_config_bytes: MIB,
            ceiling: Limits {
                fuel: 1_000_000_000,
                deadline_ms: 5_000,
                memory_bytes: 64 * MIB,
                state_bytes: 4 * MIB,
                state_keys: 65_536,
            },
            setup_fuel: 1_000_000_000,
            setup_deadline_ms: 5_000,
            compile_wall_s: 120,
            compile_cpu_s: 240,
            compile_memory_bytes: 4 * 1024 * MIB,
            compile_queue: 16,
            cache_bytes: 1024 * MIB,
            compiler: None,
        }
    }
}

impl Runtime {
    /// Everything that is wrong with it, for people.
    pub fn problems(&self) -> Vec<String> {
        let positive = [
            ("instances", u64::from(self.instances)),
            ("max_artifact_bytes", self.max_artifact_bytes),
            ("max_config_bytes", self.max_config_bytes),
            ("setup_fuel", self.setup_fuel),
            ("setup_deadline_ms", self.setup_deadline_ms),
            ("compile_wall_s", self.compile_wall_s),
            ("compile_cpu_s", self.compile_cpu_s),
            ("compile_queue", u64::from(self.compile_queue)),
            ("ceiling.fuel", self.ceiling.fuel),
            ("ceiling.deadline_ms", self.ceiling.deadline_ms),
        ];
        let mut problems: Vec<String> = positive
            .into_iter()
            .filter(|(_, value)| *value == 0)
            .map(|(name, _)| format!("`runtime.{name}` must be at least 1"))
            .collect();
        if self.instances > 8_192 {
            problems
                .push(format!("`runtime.instances` is {}; at most 8192 fit into the address space", self.instances));
        }
        if !(64 * 1024..=4 * 1024 * MIB).contains(&self.ceiling.memory_bytes) {
            problems.push(format!(
                "`runtime.ceiling.memory_bytes` is {}; it must be from 65536 (one page) to 4294967296",
                self.ceiling.memory_bytes
            ));
        }
        if self.compile_memory_bytes < 256 * MIB {
            problems.push(format!(
                "`runtime.compile_memory_bytes` is {}; compiling takes at least 268435456",
                self.compile_memory_bytes
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::Runtime;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Runtime::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_is_listed() {
        let wrong = Runtime { instances: 0, compile_wall_s: 0, compile_memory_bytes: 1, ..Runtime::default() };
        let problems = wrong.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|problem| problem.contains("runtime.instances")));
    }
}
