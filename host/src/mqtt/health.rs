//! What operators see of the connections: metrics, and why the host is not ready.

use tokio::sync::watch;

use super::Status;
use crate::http::readiness::Readiness;
use crate::telemetry::Metrics;

/// Follows one connection until it is gone. `connection` is `intake`, `outlet` or `stop`.
pub async fn follow(
    connection: &'static str,
    mut status: watch::Receiver<Status>,
    metrics: Metrics,
    readiness: Readiness,
) {
    let mut was_up = false;
    loop {
        match &*status.borrow_and_update() {
            Status::Up { .. } => {
                metrics.mqtt_connected(connection, true);
                readiness.clear(connection);
                if std::mem::replace(&mut was_up, true) {
                    metrics.mqtt_reconnect(connection);
                }
            }
            Status::Down { reason } => {
                metrics.mqtt_connected(connection, false);
                let reason = reason.as_deref().unwrap_or("connecting");
                readiness.lack(connection, format!("mqtt {connection}: {reason}"));
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_comes_and_goes_is_seen() {
        let (metrics, readiness) = (Metrics::default(), Readiness::default());
        readiness.started();
        let (sender, status) = watch::channel(Status::Down { reason: Some("refused".to_owned()) });
        let following = tokio::spawn(follow("intake", status, metrics.clone(), readiness.clone()));
        tokio::task::yield_now().await;
        assert_eq!(readiness.reasons(), ["mqtt intake: refused"]);
        for _ in 0..2 {
            sender.send_replace(Status::Up { version: "5" });
            tokio::task::yield_now().await;
        }
        assert!(readiness.reasons().is_empty());
        let seen = metrics.render();
        assert!(seen.contains(r#"interlock_mqtt_connected{connection="intake"} 1"#), "{seen}");
        assert!(seen.contains(r#"interlock_mqtt_reconnects_total{connection="intake"} 1"#), "{seen}");
        drop(sender);
        following.await.unwrap();
    }
}
