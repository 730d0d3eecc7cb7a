//! The embedded broker: who gets in, and what is said when it cannot start.

use super::*;
use crate::mqtt::connection::{Connection, Role, Status};
use crate::mqtt::testing::{Watcher, embedded, on_port};
use tokio_util::sync::CancellationToken;

fn role() -> Role {
    Role { name: "test", session_expiry_s: None, window: 8, manual_acks: false, subscriptions: Vec::new(), events: 8 }
}

/// How a connection as configured first ends up.
async fn outcome(config: &Mqtt, broker: &Address) -> Status {
    let (connection, _events, _control) = Connection::new(config, broker, role()).unwrap();
    let mut status = connection.status();
    let close = CancellationToken::new();
    let driven = tokio::spawn(connection.drive(close.clone()));
    let known = status.wait_for(|status| *status != Status::Down { reason: None }).await.unwrap().clone();
    close.cancel();
    driven.await.unwrap();
    known
}

#[tokio::test]
async fn a_used_port_is_told_with_the_way_out() {
    let (broker, _folder) = embedded().await;
    let other = tempfile::tempdir().unwrap();
    let refused = Broker::start(&on_port(broker.local_addr().port()), other.path()).await.err().unwrap();
    assert!(matches!(refused, BrokerError::InUse(_)));
    let message = refused.to_string();
    assert!(message.contains("--mqtt-url") && message.lines().count() == 1, "{message}");
    broker.stop().await;
}

#[tokio::test]
async fn others_need_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = on_port(0);
    config.broker.bind.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    assert!(matches!(Broker::start(&config, folder.path()).await, Err(BrokerError::Config(_))));

    config.broker.username = Some("host".to_owned());
    config.broker.password = Some("secret".to_owned());
    let broker = Broker::start(&config, folder.path()).await.unwrap();
    assert!(matches!(outcome(&Mqtt::default(), &broker.address()).await, Status::Up { version: "5" }));
    let nobody = Address { credentials: None, ..broker.address() };
    assert!(matches!(outcome(&Mqtt::default(), &nobody).await, Status::Down { .. }));
    let wrong = Mqtt { username: Some("host".to_owned()), password: Some("guess".to_owned()), ..Mqtt::default() };
    assert!(matches!(outcome(&wrong, &nobody).await, Status::Down { .. }));
    broker.stop().await;
}

#[tokio::test]
async fn retained_messages_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&on_port(0), folder.path()).await.unwrap();
    let mut watcher = Watcher::new(&broker, &["kept"]).await;
    watcher.publish_retained("kept", "\"still here\"");
    watcher.next().await;
    broker.stop().await;
    assert!(folder.path().join("broker").is_dir());

    let broker = Broker::start(&on_port(0), folder.path()).await.unwrap();
    let mut watcher = Watcher::new(&broker, &["kept"]).await;
    let seen = watcher.next().await;
    assert_eq!((seen.payload.as_slice(), seen.retained), (&b"\"still here\""[..], true));
    broker.stop().await;
}
