//! The whole host, from outside.

mod rebuilt;
mod refusals;
mod seed;
mod stops;

/// A configuration with the seed's pump, and the rate limit of a test.
const CONFIG: &str = r#"
[actuators.pump]
device = "ESP_02"
channel = "18"
kind = "pwm"
"#;
