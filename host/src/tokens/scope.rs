//! What a token may do.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One permission. `admin` includes all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = TokenScope)]
pub enum Scope {
    /// See policies, devices, sensors, actuators, what is stopped, and the live feed.
    #[serde(rename = "policy:read")]
    PolicyRead,
    /// Upload, activate, roll back, adjust and delete policies.
    #[serde(rename = "policy:write")]
    PolicyWrite,
    /// Answer decisions that wait for a person.
    #[serde(rename = "policy:approve")]
    PolicyApprove,
    /// Stop everything or a device.
    #[serde(rename = "safety:stop")]
    SafetyStop,
    /// Open what was stopped.
    #[serde(rename = "safety:reset")]
    SafetyReset,
    /// Configure sensors and actuators, drive actuators by hand, hand in events.
    #[serde(rename = "device:write")]
    DeviceWrite,
    /// Make and restore backups.
    #[serde(rename = "backup:write")]
    BackupWrite,
    /// Read the journal and decisions, who did what included.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Everything, tokens included.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 9] = [
        Self::PolicyRead,
        Self::PolicyWrite,
        Self::PolicyApprove,
        Self::SafetyStop,
        Self::SafetyReset,
        Self::DeviceWrite,
        Self::BackupWrite,
        Self::AuditRead,
        Self::Admin,
    ];

    /// The scope as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PolicyRead => "policy:read",
            Self::PolicyWrite => "policy:write",
            Self::PolicyApprove => "policy:approve",
            Self::SafetyStop => "safety:stop",
            Self::SafetyReset => "safety:reset",
            Self::DeviceWrite => "device:write",
            Self::BackupWrite => "backup:write",
            Self::AuditRead => "audit:read",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
            format!("`{text}` is no scope; there are {}", known.join(", "))
        })
    }
}
