//! Boards over a real broker.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::mqtt::broker::Broker;
use crate::mqtt::testing::{Watcher, embedded};

fn simulation(broker: &Broker, devices: usize) -> Simulation {
    Simulation { mqtt: Mqtt::default(), broker: broker.address(), devices, rate: 20.0, speed: 30.0 }
}

#[tokio::test]
async fn boards_publish_obey_and_stop() {
    let (broker, _folder) = embedded().await;
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    let close = CancellationToken::new();
    let counts = Arc::new(Counts::default());
    let running = {
        let (simulation, counts, close) = (simulation(&broker, 2), Arc::clone(&counts), close.clone());
        tokio::spawn(async move { run(&simulation, counts, close).await.unwrap() })
    };

    let reading = watcher.until(|topic, _| topic == "kaiser/god/esp/ESP_01/sensor/34/data").await;
    assert!((15.0..40.0).contains(&reading["value"].as_f64().unwrap()), "{reading}");
    watcher.until(|topic, _| topic == "kaiser/god/esp/ESP_02/system/heartbeat").await;
    watcher.until(|topic, status| topic.ends_with("ESP_02/actuator/18/status") && status["state"] == "off").await;

    let now = Clock::system().now().0;
    let command = serde_json::json!({"command": "SET", "value": 1.0, "source": "automation", "timestamp": now,
        "id": "c-1", "valid_until": now + 60_000});
    watcher.publish("kaiser/god/esp/ESP_02/actuator/18/command", &command.to_string());
    watcher.until(|topic, status| topic.ends_with("ESP_02/actuator/18/status") && status["state"] == "on").await;

    watcher.publish("kaiser/broadcast/emergency", r#"{"stop": true, "reason": "test", "id": "s-1"}"#);
    watcher.until(|topic, status| topic.ends_with("ESP_02/actuator/18/status") && status["state"] == "off").await;

    close.cancel();
    let totals = tokio::time::timeout(Duration::from_secs(10), running).await.expect("boards end").unwrap();
    assert!(totals.published > 0 && totals.obeyed == 1 && totals.stops == 2, "{totals:?}");
    broker.stop().await;
}
