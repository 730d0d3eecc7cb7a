//! The description of the API, which is also the table of who may use what.
//!
//! Generated from the routes; `host/openapi.json` is the checked-in copy that clients and reviews look at. A test fails
//! when the two differ; `INTERLOCK_UPDATE_OPENAPI=1 cargo test -p interlock openapi` writes it anew.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, PathItem, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::error::Problem;
use crate::tokens::Scope;

/// What the document says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Interlock",
        description = "A WebAssembly policy host with a native safety gate. Errors are RFC 9457 problem details with a \
                       stable `code`. Every route but the probes and the page needs a bearer token; the scope stands \
                       beside it. `policy:read` lets see, `audit:read` lets see who did what, `admin` includes all."
    ),
    components(schemas(Problem)),
    modifiers(&Schemes),
    tags(
        (name = "author", description = "Policies, their versions, and what they would answer"),
        (name = "operator", description = "Safety, approvals, devices, the journal, tokens"),
        (name = "live", description = "What happens, as it happens"),
        (name = "probe", description = "For machines that watch the host"),
    )
)]
pub(crate) struct Base;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("ilk_<id>_<secret>")
            .description(Some("A token with the scope that stands beside the route, or `admin`."))
            .build();
        let ticket = ApiKeyValue::with_description(
            "ticket",
            "A single-use ticket from `POST /api/v1/ws/ticket`, for browsers, which cannot set headers here.",
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}

/// The finished document: every route also says what a failure looks like.
pub(crate) fn finish(mut document: Document) -> Document {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let failure = ResponseBuilder::new()
                .description("It was not done; `code` says why")
                .content("application/problem+json", problem)
                .build();
            operation.responses.responses.insert("default".to_owned(), RefOr::T(failure));
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The document as it is checked in and served.
pub(crate) fn text(document: &Document) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone.
    Public,
    /// Whoever has this scope.
    Scope {
        /// The scope.
        scope: Scope,
        /// Whether a ticket stands for the token.
        ticket: bool,
    },
}

/// Who may use which route, read from the document.
#[derive(Debug)]
pub(crate) struct AccessTable(BTreeMap<String, BTreeMap<String, Option<Access>>>);

impl AccessTable {
    /// The table that this document states.
    pub(crate) fn read(document: &Document) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        Self(
            paths
                .map(|(path, item)| {
                    let operations = item.as_object().into_iter().flatten();
                    let access = operations.map(|(method, operation)| (method.to_ascii_uppercase(), stated(operation)));
                    (path.clone(), access.collect())
                })
                .collect(),
        )
    }

    /// Who may use this route.
    ///
    /// # Errors
    /// When the route does not know the method, or nothing is stated: then nobody may.
    pub(crate) fn of(&self, route: &str, method: &Method) -> Result<Access, Problem> {
        let methods = self.0.get(route).ok_or_else(Problem::closed)?;
        methods.get(method.as_str()).ok_or_else(Problem::no_method)?.ok_or_else(Problem::closed)
    }

    /// All rows: path, method, access.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, &str, Option<Access>)> {
        self.0.iter().flat_map(|(path, methods)| {
            methods.iter().map(move |(method, access)| (path.as_str(), method.as_str(), *access))
        })
    }
}

/// The access an operation states; none when it states none, or one that is not understood.
fn stated(operation: &Value) -> Option<Access> {
    let alternatives = operation.get("security")?.as_array()?;
    if alternatives.iter().any(|alternative| alternative.as_object().is_some_and(serde_json::Map::is_empty)) {
        return Some(Access::Public);
    }
    let scope =
        alternatives.iter().find_map(|alternative| alternative.get("bearer")?.get(0)?.as_str()?.parse().ok())?;
    let ticket = alternatives.iter().any(|alternative| alternative.get("ticket").is_some());
    Some(Access::Scope { scope, ticket })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes;

    const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

    #[test]
    fn the_checked_in_openapi_document_is_the_generated_one() {
        let (_, document) = routes::all();
        let generated = text(&document);
        if std::env::var_os("INTERLOCK_UPDATE_OPENAPI").is_some() {
            std::fs::write(CHECKED_IN, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
        assert!(
            checked_in == generated,
            "host/openapi.json is stale; write it anew with \
             `INTERLOCK_UPDATE_OPENAPI=1 cargo test --release -p interlock --lib openapi`, and look at the difference"
        );
    }

    #[test]
    fn every_route_states_who_may_use_it() {
        let (_, document) = routes::all();
        let table = AccessTable::read(&document);
        let silent: Vec<_> = table.rows().filter(|(_, _, access)| access.is_none()).collect();
        assert!(silent.is_empty(), "{silent:?}");
        assert!(table.rows().count() > 40);
    }

    #[test]
    fn only_the_page_and_the_probes_are_public() {
        let (_, document) = routes::all();
        let table = AccessTable::read(&document);
        let public: Vec<_> = table.rows().filter(|row| row.2 == Some(Access::Public)).map(|row| row.0).collect();
        assert_eq!(
            public,
            ["/", "/api/v1/openapi.json", "/assets/{file}", "/healthz", "/metrics", "/readyz"],
            "a new public route needs a reason"
        );
    }

    #[test]
    fn what_is_not_stated_is_closed() {
        let operation = serde_json::json!({"responses": {}});
        assert_eq!(stated(&operation), None);
        assert_eq!(stated(&serde_json::json!({"security": []})), None);
        assert_eq!(stated(&serde_json::json!({"security": [{"bearer": ["made:up"]}]})), None);
        assert_eq!(stated(&serde_json::json!({"security": [{}]})), Some(Access::Public));
    }

    #[test]
    fn every_operation_has_its_own_name_and_a_summary() {
        let (_, document) = routes::all();
        let document = serde_json::to_value(document).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(seen.insert(id.to_owned()), "`{id}` names two operations");
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            }
        }
    }
}
