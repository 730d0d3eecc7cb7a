//! Actuators: what they may do, what they are told, and a person's hand on them.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::decision::{Intent, Setting};
use interlock_core::gate::envelope::Envelope;
use interlock_core::gate::{Outcome, Verdict};
use interlock_core::time::Seq;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::{Json, Path};
use crate::http::error::Problem;
use crate::http::reply::Done;
use crate::inventory::{ActuatorView, Inventory};
use crate::line::Line;

/// A person's command: a value, or the slot given back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManualCommand {
    /// The value to take.
    value: Option<f64>,
    /// Give the manual slot back instead.
    #[serde(default)]
    release: bool,
    /// How long it holds, in milliseconds; without it until replaced or released.
    hold_ms: Option<u64>,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// A command that the gate let pass.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Commanded {
    /// Its record.
    seq: Seq,
    /// How the gate judged.
    verdict: Verdict,
}

/// All actuators in order of name
#[utoipa::path(
    get, path = "/api/v1/actuators", tag = "operator",
    responses((status = 200, description = "All actuators", body = Vec<ActuatorView>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_actuators(State(inventory): State<Inventory>) -> Result<Body<Vec<ActuatorView>>, Problem> {
    Ok(Body(inventory.actuators().await?))
}

/// One actuator: its envelope, its priority array, its status
#[utoipa::path(
    get, path = "/api/v1/actuators/{name}", tag = "operator",
    params(("name" = String, Path, description = "The actuator")),
    responses((status = 200, description = "The actuator", body = ActuatorView)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_actuator(
    State(inventory): State<Inventory>,
    Path(name): Path<String>,
) -> Result<Body<ActuatorView>, Problem> {
    let found = inventory.actuators().await?.into_iter().find(|view| view.name == name);
    found.map(Body).ok_or_else(|| Problem::not_found("actuator", &name))
}

/// Configure what an actuator may do
///
/// Slots outside the new envelope fall away at once.
#[utoipa::path(
    put, path = "/api/v1/actuators/{name}", tag = "operator",
    params(("name" = String, Path, description = "The actuator")),
    request_body = Envelope,
    responses((status = 200, description = "The envelope as configured", body = Envelope)),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn put_actuator(
    State(inventory): State<Inventory>,
    caller: Caller,
    Path(name): Path<String>,
    Json(envelope): Json<Envelope>,
) -> Result<Body<Envelope>, Problem> {
    inventory.put_actuator(&name, envelope.clone(), &caller.name()).await?;
    Ok(Body(envelope))
}

/// Remove an actuator: it takes its safe value, then is unknown
#[utoipa::path(
    delete, path = "/api/v1/actuators/{name}", tag = "operator",
    params(("name" = String, Path, description = "The actuator")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn delete_actuator(
    State(inventory): State<Inventory>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    inventory.delete_actuator(&name, &caller.name()).await?;
    Ok(Done)
}

/// Drive an actuator by hand
///
/// Judged by the gate like everything else: what it refuses comes back as a problem with the verdict.
#[utoipa::path(
    post, path = "/api/v1/actuators/{name}/command", tag = "operator",
    params(("name" = String, Path, description = "The actuator")),
    request_body = ManualCommand,
    responses((status = 200, description = "It passed, or was brought into its range", body = Commanded)),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn command_actuator(
    State(line): State<Line>,
    caller: Caller,
    Path(name): Path<String>,
    Json(command): Json<ManualCommand>,
) -> Result<Body<Commanded>, Problem> {
    let intent = intent(name, command)?;
    let (seq, verdict) = line.manual(intent, &caller.name()).await?;
    if verdict.outcome == Outcome::Refuse {
        return Err(Problem::judged(verdict));
    }
    Ok(Body(Commanded { seq, verdict }))
}

fn intent(actuator: String, command: ManualCommand) -> Result<Intent, Problem> {
    let set = match (command.value, command.release) {
        (Some(value), false) => Setting::Value(value),
        (None, true) => Setting::Release,
        _ => return Err(Problem::invalid("a command has either a `value` or `\"release\": true`")),
    };
    Ok(Intent { actuator, set, hold_ms: command.hold_ms, reason: command.reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;

    #[test]
    fn a_command_has_a_value_or_gives_the_slot_back() {
        let read = |json: &str| intent("pump".into(), parse(json.as_bytes()).unwrap());
        assert_eq!(read(r#"{"value": 0.5, "hold_ms": 100}"#).unwrap().set, Setting::Value(0.5));
        assert_eq!(read(r#"{"release": true}"#).unwrap().set, Setting::Release);
        assert!(read("{}").is_err());
        assert!(read(r#"{"value": 1.0, "release": true}"#).is_err());
    }
}
