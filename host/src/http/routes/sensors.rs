//! Sensors and their readings.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::event::{Occurrence, Reading};
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

use super::journal::{Direction, PageQuery, scan};
use crate::http::auth::Caller;
use crate::http::body::{Json, Path, Query};
use crate::http::error::Problem;
use crate::http::reply::Done;
use crate::inventory::{Inventory, LatestReading, Sensor, SensorView};
use crate::journal::Journal;
use crate::journal::query::Filter;
use crate::journal::record::{Body as RecordBody, Record};

/// What a sensor is, besides where it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SensorBody {
    /// What is measured.
    quantity: Option<String>,
    /// The unit of its values.
    unit: Option<String>,
    /// How long a reading counts as fresh, in milliseconds.
    fresh_ms: Option<u64>,
}

/// One reading of the past.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PastReading {
    /// Its record.
    seq: Seq,
    /// When the host received it.
    at: Timestamp,
    /// The reading.
    #[serde(flatten)]
    reading: Reading,
}

/// A part of a sensor's past.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReadingPage {
    /// In the order asked for.
    readings: Vec<PastReading>,
    /// The `after` or `before` of the next part; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Seq>,
}

/// All sensors, configured or heard of
#[utoipa::path(
    get, path = "/api/v1/sensors", tag = "operator",
    responses((status = 200, description = "All sensors", body = Vec<SensorView>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_sensors(State(inventory): State<Inventory>) -> Body<Vec<SensorView>> {
    Body(inventory.sensors())
}

/// One sensor
#[utoipa::path(
    get, path = "/api/v1/sensors/{device}/{channel}", tag = "operator",
    params(("device" = String, Path, description = "The device"), ("channel" = String, Path, description = "The pin")),
    responses((status = 200, description = "The sensor", body = SensorView)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_sensor(
    State(inventory): State<Inventory>,
    Path((device, channel)): Path<(String, String)>,
) -> Result<Body<SensorView>, Problem> {
    let name = format!("{device}/{channel}");
    let found = inventory.sensors().into_iter().find(|view| view.name == name);
    found.map(Body).ok_or_else(|| Problem::not_found("sensor", &name))
}

/// Configure a sensor
#[utoipa::path(
    put, path = "/api/v1/sensors/{device}/{channel}", tag = "operator",
    params(("device" = String, Path, description = "The device"), ("channel" = String, Path, description = "The pin")),
    request_body = SensorBody,
    responses((status = 200, description = "The sensor as configured", body = Sensor)),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn put_sensor(
    State(inventory): State<Inventory>,
    caller: Caller,
    Path((device, channel)): Path<(String, String)>,
    Json(body): Json<SensorBody>,
) -> Result<Body<Sensor>, Problem> {
    let SensorBody { quantity, unit, fresh_ms } = body;
    let sensor = Sensor { device, channel, quantity, unit, fresh_ms };
    inventory.put_sensor(sensor.clone(), &caller.name()).await?;
    Ok(Body(sensor))
}

/// Remove a sensor's configuration
#[utoipa::path(
    delete, path = "/api/v1/sensors/{device}/{channel}", tag = "operator",
    params(("device" = String, Path, description = "The device"), ("channel" = String, Path, description = "The pin")),
    responses((status = 204, description = "It is no longer configured")),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn delete_sensor(
    State(inventory): State<Inventory>,
    caller: Caller,
    Path((device, channel)): Path<(String, String)>,
) -> Result<Done, Problem> {
    inventory.delete_sensor(&format!("{device}/{channel}"), &caller.name()).await?;
    Ok(Done)
}

/// The readings of one sensor, as far back as the journal goes
#[utoipa::path(
    get, path = "/api/v1/sensors/{device}/{channel}/readings", tag = "operator",
    params(("device" = String, Path, description = "The device"), ("channel" = String, Path, description = "The pin"),
        PageQuery),
    responses((status = 200, description = "A part of its past", body = ReadingPage)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_sensor_readings(
    State(journal): State<Journal>,
    Path((device, channel)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Body<ReadingPage>, Problem> {
    let filter = Filter { kinds: vec!["reading".into()], device: Some(device), ..Filter::default() };
    let page = scan(journal, Direction::of(query.after, query.before)?, query.limit, filter).await?;
    let readings = page.records.into_iter().filter_map(|record| reading_of(record, &channel)).collect();
    Ok(Body(ReadingPage { readings, next: page.next }))
}

/// The newest reading of every sensor
#[utoipa::path(
    get, path = "/api/v1/readings/latest", tag = "operator",
    responses((status = 200, description = "One per sensor that was heard of", body = Vec<LatestReading>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn latest_readings(State(inventory): State<Inventory>) -> Body<Vec<LatestReading>> {
    Body(inventory.sensors().into_iter().filter_map(|view| view.latest).collect())
}

fn reading_of(record: Record, channel: &str) -> Option<PastReading> {
    let RecordBody::Event(observation) = record.body else { return None };
    let Occurrence::Reading(reading) = observation.what else { return None };
    (reading.channel == channel).then_some(PastReading { seq: record.seq, at: record.at, reading })
}
