//! The whole host, from outside.
#![expect(clippy::indexing_slicing, reason = "a test that looks for what is not in an answer fails there, and says so")]

mod rebuilt;
mod refusals;
mod seed;
mod stops;

/// A configuration with the seed's pump.
const CONFIG: &str = r#"
[actuators.pump]
device = "ESP_02"
channel = "18"
kind = "pwm"
"#;
