//! Slow, greedy and late clients against a router of one route.

use super::*;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

struct Host {
    address: SocketAddr,
    drain: CancellationToken,
    task: JoinHandle<()>,
    metrics: Metrics,
}

async fn host(config: Http) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (drain, metrics) = (CancellationToken::new(), Metrics::default());
    let router = Router::new().route("/", get(|| async { "hello" }));
    let task = tokio::spawn(run(listener, router, config, metrics.clone(), drain.clone()));
    Host { address, drain, task, metrics }
}

/// What comes back until the host closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut counts as closed.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let host = host(Http { header_timeout_ms: 50, ..Http::default() }).await;
    let mut slow = TcpStream::connect(host.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), rest(&mut slow)).await.unwrap();
    assert!(!answer.contains("hello"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_cut() {
    let host = host(Http { header_timeout_ms: 50, ..Http::default() }).await;
    let mut idle = TcpStream::connect(host.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), rest(&mut idle)).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn beyond_the_bound_newcomers_wait_until_somebody_goes() {
    let host = host(Http { max_connections: 1, ..Http::default() }).await;
    let mut first = TcpStream::connect(host.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    let mut second = TcpStream::connect(host.address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(host.metrics.render().contains("interlock_http_connections 1"));
    drop(first);
    let answer = tokio::time::timeout(Duration::from_secs(10), rest(&mut second)).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[test]
fn one_address_cannot_take_all_the_room() {
    let crowd = Crowd::new(2);
    let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    let places = [crowd.enter(one).unwrap(), crowd.enter(one).unwrap()];
    assert!(crowd.enter(one).is_none());
    assert!(crowd.enter(other).is_some());
    assert!((0..9).all(|_| crowd.enter(IpAddr::from([127, 0, 0, 1])).is_some()), "loopback is exempt");
    drop(places);
    assert!(crowd.enter(one).is_some());
}

#[tokio::test]
async fn the_end_waits_for_what_is_in_flight_and_no_longer() {
    let host = host(Http { drain_ms: 200, ..Http::default() }).await;
    let mut idle = TcpStream::connect(host.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    let mut stuck = TcpStream::connect(host.address).await.unwrap();
    stuck.write_all(b"GET / HT").await.unwrap();
    host.drain.cancel();
    tokio::time::timeout(Duration::from_secs(10), host.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(host.address).await.is_err());
}
