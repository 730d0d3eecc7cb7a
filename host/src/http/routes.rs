//! All routes, grouped by who calls them.
//!
//! A route is a function with its description above it; the description states the scope, and [`super::auth::guard`]
//! enforces what it states. There is no other place to add a route.

pub(crate) mod activation;
pub(crate) mod actuators;
pub(crate) mod approvals;
pub(crate) mod decisions;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod page;
pub(crate) mod policies;
pub(crate) mod probes;
pub(crate) mod safety;
pub(crate) mod sensors;
pub(crate) mod tokens;
pub(crate) mod upload;
pub(crate) mod versions;

use axum::Router;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::live;
use super::openapi::{self, Base};
use super::state::Edge;

/// The routes and their description.
pub(crate) fn all() -> (Router<Edge>, OpenApi) {
    let (router, document) = OpenApiRouter::with_openapi(Base::openapi())
        .merge(authors())
        .merge(operators())
        .merge(live_clients())
        .merge(probes())
        .split_for_parts();
    (router, openapi::finish(document))
}

/// Who writes policies.
fn authors() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(policies::list_policies))
        .routes(routes!(policies::get_policy, policies::adjust_policy, policies::delete_policy))
        .routes(routes!(versions::list_versions, upload::upload_version))
        .routes(routes!(versions::get_version))
        .routes(routes!(upload::configure_policy))
        .routes(routes!(diff::diff_versions))
        .routes(routes!(activation::activate_version))
        .routes(routes!(activation::roll_back))
        .routes(routes!(activation::simulate))
        .routes(routes!(jobs::get_job))
}

/// Who runs the plant.
fn operators() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(safety::get_safety))
        .routes(routes!(safety::stop))
        .routes(routes!(safety::reset))
        .routes(routes!(approvals::list_approvals))
        .routes(routes!(approvals::get_approval, approvals::answer_approval))
        .routes(routes!(devices::list_devices))
        .routes(routes!(devices::list_esp))
        .routes(routes!(devices::get_device))
        .routes(routes!(sensors::list_sensors))
        .routes(routes!(sensors::get_sensor, sensors::put_sensor, sensors::delete_sensor))
        .routes(routes!(sensors::list_sensor_readings))
        .routes(routes!(sensors::latest_readings))
        .routes(routes!(actuators::list_actuators))
        .routes(routes!(actuators::get_actuator, actuators::put_actuator, actuators::delete_actuator))
        .routes(routes!(actuators::command_actuator))
        .routes(routes!(events::record_event))
        .routes(routes!(decisions::list_decisions))
        .routes(routes!(decisions::get_decision))
        .routes(routes!(decisions::explain_decision))
        .routes(routes!(journal::read_journal))
        .routes(routes!(journal::get_record))
        .routes(routes!(journal::verify_journal))
        .routes(routes!(tokens::list_tokens, tokens::make_token))
        .routes(routes!(tokens::revoke_token))
}

/// Who watches.
fn live_clients() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(live::socket::open_socket))
        .routes(routes!(live::socket::give_ticket))
        .routes(routes!(live::stream::open_stream))
        .routes(routes!(page::get_page))
        .routes(routes!(page::get_asset))
}

/// Who keeps the host running.
fn probes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(probes::get_health))
        .routes(routes!(probes::get_readiness))
        .routes(routes!(probes::get_metrics))
        .routes(routes!(probes::get_openapi))
}
