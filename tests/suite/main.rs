//! The whole host, from outside.
#![expect(clippy::indexing_slicing, reason = "a test that looks for what is not in an answer fails there, and says so")]

mod policies;
mod rebuilt;
mod refusals;
mod seed;
mod stops;

/// A configuration with the seed's pump, for tests that ask more often than people do.
const CONFIG: &str = r#"
[http]
requests_per_minute = 100000

[actuators.pump]
device = "ESP_02"
channel = "18"
kind = "pwm"
"#;
