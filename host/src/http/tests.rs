//! The routes over a real host: who is let in, what is refused, and what is told.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::auth::Peer;
use super::openapi::{Access, AccessTable};
use crate::app::App;
use crate::config::Config;
use crate::config::http::Http;
use crate::tokens::{NewToken, Scope, now};

/// A host without a socket for HTTP of its own: requests go to the router directly.
struct House {
    router: Router,
    app: App,
    admin: String,
    _folder: TempDir,
}

impl House {
    async fn build(http: Http) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.host.data = folder.path().join("data");
        config.http.listen = "127.0.0.1:0".parse().unwrap();
        config.mqtt.broker.bind = "127.0.0.1:0".parse().unwrap();
        let app = App::build(config).await.unwrap();
        let admin = app.first_token().unwrap().to_owned();
        let router = super::router(http, app.api().clone(), TaskTracker::new(), CancellationToken::new());
        Self { router, app, admin, _folder: folder }
    }

    async fn token(&self, scopes: impl IntoIterator<Item = Scope>) -> String {
        self.token_with(scopes, Some(1_000_000), None).await
    }

    async fn token_with(
        &self,
        scopes: impl IntoIterator<Item = Scope>,
        per_minute: Option<u32>,
        expires: Option<interlock_core::time::Timestamp>,
    ) -> String {
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        let new = NewToken { name: "test".into(), scopes, per_minute, expires };
        self.app.api().tokens.make(new, "test").await.unwrap().token
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> (StatusCode, Value) {
        let response = self.send(request(method, path, token, body)).await;
        let status = response.status();
        (status, json_of(response).await)
    }
}

fn request(method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(body) => {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

async fn json_of(response: Response<Body>) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// A path of this route that names nothing that exists.
fn concrete(route: &str) -> String {
    let level = |level: &str| match level {
        "{seq}" | "{number}" => "999999".to_owned(),
        variable if variable.starts_with('{') => "nothing".to_owned(),
        fixed => fixed.to_owned(),
    };
    route.split('/').map(level).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_lets_in_whom_it_says_and_nobody_else() {
    let house = House::build(Http { unauthenticated_per_minute: 1_000_000, ..Http::default() }).await;
    let table = AccessTable::read(&super::routes::all().1);
    let revoked = house.token([Scope::Admin]).await;
    let id = revoked.split('_').nth(1).unwrap();
    house.app.api().tokens.revoke(id, "test").await.unwrap();
    for (route, method, access) in table.rows() {
        let path = concrete(route);
        let status = async |token: Option<&str>| house.send(request(method, &path, token, None)).await.status();
        let Some(Access::Scope { scope, .. }) = access else {
            assert_ne!(status(None).await, StatusCode::UNAUTHORIZED, "{method} {route} is public");
            continue;
        };
        assert_eq!(status(None).await, StatusCode::UNAUTHORIZED, "{method} {route} without a token");
        assert_eq!(status(Some("ilk_0_x")).await, StatusCode::UNAUTHORIZED, "{method} {route} with a made-up token");
        assert_eq!(status(Some(&revoked)).await, StatusCode::UNAUTHORIZED, "{method} {route} with a revoked token");
        let others = Scope::ALL.into_iter().filter(|other| *other != scope && *other != Scope::Admin);
        let less = house.token(others).await;
        assert_eq!(status(Some(&less)).await, StatusCode::FORBIDDEN, "{method} {route} with every other scope");
        let enough = house.token([scope]).await;
        let answered = status(Some(&enough)).await;
        let let_in = answered != StatusCode::UNAUTHORIZED && answered != StatusCode::FORBIDDEN;
        assert!(let_in && !answered.is_server_error(), "{method} {route} with `{scope}` answered {answered}");
    }
}

#[tokio::test]
async fn a_token_ends_when_it_says_so() {
    let house = House::build(Http::default()).await;
    let soon = house.token_with([Scope::PolicyRead], None, Some(now().after(60_000))).await;
    let tokens = &house.app.api().tokens;
    assert!(tokens.check(&soon, now()).is_some());
    assert!(tokens.check(&soon, now().after(60_000)).is_none());
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_a_stop_never_does() {
    let house = House::build(Http::default()).await;
    let token = house.token_with([Scope::PolicyRead, Scope::SafetyStop], Some(2), None).await;
    for _ in 0..2 {
        assert_eq!(house.ask("GET", "/api/v1/safety", Some(&token), None).await.0, StatusCode::OK);
    }
    let refused = house.send(request("GET", "/api/v1/safety", Some(&token), None)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(json_of(refused).await["code"], "rate_limited");
    assert_eq!(house.ask("POST", "/api/v1/safety/stop", Some(&token), None).await.0, StatusCode::OK);
    assert_eq!(house.ask("GET", "/healthz", None, None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_default_is_a_hundred_a_minute() {
    let house = House::build(Http::default()).await;
    let token = house.token_with([Scope::PolicyRead], None, None).await;
    let mut passed = 0;
    while house.ask("GET", "/api/v1/safety", Some(&token), None).await.0 == StatusCode::OK {
        passed += 1;
    }
    assert!((100..=110).contains(&passed), "{passed} passed");
}

#[tokio::test]
async fn guessing_is_slowed_down_per_address() {
    let house = House::build(Http { unauthenticated_per_minute: 3, ..Http::default() }).await;
    let guess = || {
        let mut request = request("GET", "/api/v1/policies", Some("ilk_0_x"), None);
        request.extensions_mut().insert(Peer("10.0.0.9:1".parse().unwrap()));
        request
    };
    for _ in 0..3 {
        assert_eq!(house.send(guess()).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(house.send(guess()).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(house.ask("GET", "/api/v1/policies", Some(&house.admin), None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn mistakes_are_problems_that_say_where() {
    let house = House::build(Http { max_body_bytes: 1_024, ..Http::default() }).await;
    let admin = Some(house.admin.as_str());
    let cases = [
        ("POST", "/api/v1/tokens", Some(json!({"name": "x", "scope": []})), 400, "wrong_json", "scope"),
        (
            "POST",
            "/api/v1/events",
            Some(json!({"what": {"type": "reading", "value": "hot"}})),
            400,
            "wrong_json",
            "what",
        ),
        ("PUT", "/api/v1/actuators/pump", Some(json!({"kind": "pwm"})), 400, "wrong_json", ""),
        ("POST", "/api/v1/safety/reset", Some(json!({"reason": "x"})), 422, "invalid", ""),
        ("POST", "/api/v1/safety/reset", Some(json!({"scope": "all"})), 422, "no_reason", ""),
        ("POST", "/api/v1/actuators/pump/command", Some(json!({"value": 1.0})), 409, "refused_by_gate", ""),
        ("POST", "/api/v1/tokens", Some(json!({"name": "x".repeat(2_000)})), 413, "too_large", ""),
        ("GET", "/api/v1/policies/none", None, 404, "no_policy", ""),
        ("GET", "/api/v1/journal?limit=many", None, 400, "malformed", ""),
        ("GET", "/api/v1/journal?colour=red", None, 400, "malformed", ""),
        ("GET", "/api/v1/journal?after=1&before=2", None, 400, "malformed", ""),
        ("GET", "/api/v1/nothing", None, 404, "no_route", ""),
        ("DELETE", "/api/v1/safety", None, 405, "no_method", ""),
        ("GET", "/api/v1/ws", None, 426, "upgrade_required", ""),
    ];
    for (method, path, body, status, code, at) in cases {
        let response = house.send(request(method, path, admin, body)).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        let problem = json_of(response).await;
        assert_eq!(
            (&problem["status"], &problem["code"]),
            (&json!(status), &json!(code)),
            "{method} {path}: {problem}"
        );
        assert!(problem["path"].as_str().unwrap_or_default().starts_with(at), "{method} {path}: {problem}");
    }
}

#[tokio::test]
async fn an_event_that_is_handed_in_is_recorded() {
    let house = House::build(Http::default()).await;
    let admin = Some(house.admin.as_str());
    let reading =
        json!({"type": "reading", "device": "ESP_01", "channel": "34", "quantity": "temperature", "value": 26.5});
    let response =
        house.send(request("POST", "/api/v1/events", admin, Some(json!({"id": "e1", "what": reading})))).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let (_, record) = house.ask("GET", &location, admin, None).await;
    assert_eq!((&record["kind"], &record["what"]["value"]), (&json!("event"), &json!(26.5)));
    let (_, page) = house.ask("GET", "/api/v1/sensors/ESP_01/34/readings", admin, None).await;
    assert_eq!(page["readings"][0]["seq"], record["seq"]);
    let (_, page) = house.ask("GET", "/api/v1/journal?kind=reading&after=0", admin, None).await;
    assert_eq!(page["records"][0]["id"], "e1");
    let (_, found) = house.ask("POST", "/api/v1/journal/verify", admin, None).await;
    assert_eq!((&found["ok"], &found["first_bad"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_at_once() {
    let house = House::build(Http::default()).await;
    let admin = Some(house.admin.as_str());
    let body = json!({"name": "panel", "scopes": ["policy:read"]});
    let (status, made) = house.ask("POST", "/api/v1/tokens", admin, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED);
    let token = made["token"].as_str().unwrap();
    assert_eq!(house.ask("GET", "/api/v1/policies", Some(token), None).await.0, StatusCode::OK);
    let (_, list) = house.ask("GET", "/api/v1/tokens", admin, None).await;
    assert!(!list.to_string().contains(token) && !list.to_string().contains("sha256"), "{list}");
    let own = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(house.ask("DELETE", &own, admin, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(house.ask("GET", "/api/v1/policies", Some(token), None).await.0, StatusCode::UNAUTHORIZED);
    let last = format!("/api/v1/tokens/{}", house.admin.split('_').nth(1).unwrap());
    assert_eq!(house.ask("DELETE", &last, admin, None).await.1["code"], "last_admin");
}

#[tokio::test]
async fn without_tokens_only_this_machine_is_let_in() {
    let house = House::build(Http { insecure_dev: true, ..Http::default() }).await;
    let from = |host: &str, origin: Option<&str>| {
        let mut request = request("GET", "/api/v1/policies", None, None);
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        }
        request
    };
    assert_eq!(house.send(from("localhost:8080", None)).await.status(), StatusCode::OK);
    assert_eq!(house.send(from("evil.example:8080", None)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(house.send(from("localhost:8080", Some("http://evil.example"))).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_page_and_the_probes_need_nothing_and_are_protected() {
    let house = House::build(Http::default()).await;
    let page = house.send(request("GET", "/", None, None)).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
    assert_eq!(page.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(house.send(request("GET", "/assets/app.js", None, None)).await.status(), StatusCode::OK);
    let (status, problem) = house.ask("GET", "/readyz", None, None).await;
    assert_eq!((status, &problem["detail"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("the host is starting")));
    house.app.api().readiness.started();
    assert_eq!(house.ask("GET", "/readyz", None, None).await.0, StatusCode::OK);
    let metrics = house.send(request("GET", "/metrics", None, None)).await;
    let text = axum::body::to_bytes(metrics.into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("interlock_http_requests_total{route=\"/readyz\""));
}

/// Reads server-sent events until one contains `last`.
async fn events(response: Response<Body>, last: &str) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = response.into_body().into_data_stream();
    let mut heard = String::new();
    while !heard.contains(last) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next()).await;
        heard.push_str(&String::from_utf8_lossy(&next.unwrap().unwrap().unwrap()));
    }
    heard
}

#[tokio::test]
async fn a_stream_goes_on_where_its_client_left_off() {
    let house = House::build(Http::default()).await;
    let admin = Some(house.admin.as_str());
    let tell = async |id: &str, value: f64| {
        let reading = json!({"type": "reading", "device": "ESP_01", "channel": "34", "quantity": "t", "value": value});
        let body = json!({"id": id, "what": reading});
        house.ask("POST", "/api/v1/events", admin, Some(body)).await.1["seq"].as_u64().unwrap()
    };
    let first = tell("a", 1.5).await;
    tell("b", 2.5).await;
    let mut resumed = request("GET", "/api/v1/stream?topics=sensor_data/%2B", admin, None);
    resumed.headers_mut().insert("last-event-id", first.to_string().parse().unwrap());
    let heard = house.send(resumed).await;
    let last = tell("c", 3.5).await;
    let heard = events(heard, &format!("id: {last}")).await;
    assert!(!heard.contains("\"value\":1.5"), "{heard}");
    assert!(heard.find("\"value\":2.5") < heard.find("\"value\":3.5"), "{heard}");
    assert!(heard.contains("event: sensor_data"), "{heard}");
}

#[tokio::test]
async fn a_stream_closes_when_its_token_is_revoked() {
    let house = House::build(Http::default()).await;
    let token = house.token([Scope::PolicyRead]).await;
    let (_, given) = house.ask("POST", "/api/v1/ws/ticket", Some(&token), None).await;
    let path = format!("/api/v1/stream?ticket={}", given["ticket"].as_str().unwrap());
    let stream = house.send(request("GET", &path, None, None)).await;
    assert_eq!(house.ask("GET", &path, None, None).await.0, StatusCode::UNAUTHORIZED, "a ticket is good once");
    house.app.api().tokens.revoke(token.split('_').nth(1).unwrap(), "test").await.unwrap();
    assert!(events(stream, "event: close").await.contains("the token is no longer valid"));
}
