//! Devices that were heard of.

use axum::Json as Body;
use axum::extract::State;

use crate::http::body::Path;
use crate::http::error::Problem;
use crate::inventory::{DeviceView, Inventory};

/// All devices in order of id
#[utoipa::path(
    get, path = "/api/v1/devices", tag = "operator",
    responses((status = 200, description = "All devices", body = Vec<DeviceView>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_devices(State(inventory): State<Inventory>) -> Body<Vec<DeviceView>> {
    Body(inventory.devices())
}

/// All devices, under the name that existing clients know
#[utoipa::path(
    get, path = "/api/v1/esp", tag = "operator",
    responses((status = 200, description = "All devices", body = Vec<DeviceView>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_esp(inventory: State<Inventory>) -> Body<Vec<DeviceView>> {
    list_devices(inventory).await
}

/// One device
#[utoipa::path(
    get, path = "/api/v1/devices/{device}", tag = "operator",
    params(("device" = String, Path, description = "Its id")),
    responses((status = 200, description = "The device", body = DeviceView)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_device(
    State(inventory): State<Inventory>,
    Path(device): Path<String>,
) -> Result<Body<DeviceView>, Problem> {
    let found = inventory.devices().into_iter().find(|view| view.device == device);
    found.map(Body).ok_or_else(|| Problem::not_found("device", &device))
}
