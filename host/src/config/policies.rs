//! `[policies]`: how policies run.

use serde::{Deserialize, Serialize};

/// How policies run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// Threads that evaluate, beside the slow lane; 0 for one per core. Default 0.
    pub workers: usize,
    /// Faults in a row after which a policy is quarantined until somebody activates a version; 0 for never. Default 10.
    pub quarantine_after: u32,
    /// Uploads that may wait while one is compiled. Default 8.
    pub max_waiting_uploads: usize,
    /// Seconds that an approval waits unless the decision says otherwise. Default 3600.
    pub approval_expires_s: u64,
    /// Newest readings kept in memory for each sensor: what a window can look back over. Default 1024.
    pub readings_per_sensor: usize,
    /// Sensors kept in memory; the one silent for longest makes room. Default 10000.
    pub max_sensors: usize,
    /// Seconds without a message after which a device counts as silent. Default 120.
    pub device_silent_s: u64,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            workers: 0,
            quarantine_after: 10,
            max_waiting_uploads: 8,
            approval_expires_s: 3_600,
            readings_per_sensor: 1_024,
            max_sensors: 10_000,
            device_silent_s: 120,
        }
    }
}

impl Policies {
    /// What is out of its bounds.
    pub fn problems(&self) -> Vec<String> {
        let bounds: [(&str, u64, std::ops::RangeInclusive<u64>); 6] = [
            ("workers", self.workers as u64, 0..=256),
            ("max_waiting_uploads", self.max_waiting_uploads as u64, 1..=64),
            ("approval_expires_s", self.approval_expires_s, 1..=604_800),
            ("readings_per_sensor", self.readings_per_sensor as u64, 1..=100_000),
            ("max_sensors", self.max_sensors as u64, 1..=1_000_000),
            ("device_silent_s", self.device_silent_s, 1..=86_400),
        ];
        bounds
            .into_iter()
            .filter(|(_, value, bounds)| !bounds.contains(value))
            .map(|(key, value, bounds)| {
                format!("`policies.{key}` is {value}; choose {} to {}", bounds.start(), bounds.end())
            })
            .collect()
    }
}
