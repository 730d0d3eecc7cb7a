//! Intake over a real broker, up to the line's door.

use interlock_core::event::{Occurrence, Quality};
use tokio::task::JoinHandle;

use super::*;
use crate::journal::Health;
use crate::line::Input;
use crate::mqtt::broker::Broker;
use crate::mqtt::testing::{SOON, Watcher, embedded};

struct Running {
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
    close: CancellationToken,
    task: JoinHandle<()>,
}

async fn run(config: &Mqtt, broker: &Broker) -> Running {
    let intake = Intake::new(config, &broker.address(), Clock::system()).unwrap();
    let mut status = intake.status();
    let (line, inputs) = Line::new(watch::channel(Health::Writing).1);
    let (stop, close) = (CancellationToken::new(), CancellationToken::new());
    let task = tokio::spawn(intake.run(line, stop.clone(), close.clone()));
    crate::mqtt::connection::until_up(&mut status).await;
    Running { inputs, stop, close, task }
}

impl Running {
    async fn arrival(&mut self) -> Arrival {
        match tokio::time::timeout(SOON, self.inputs.recv()).await.expect("something arrives").unwrap() {
            Input::Arrived(arrival, _) => arrival,
            _ => panic!("no arrival"),
        }
    }

    async fn value(&mut self) -> (f64, Option<Ack>) {
        let Arrival { what, ack } = self.arrival().await;
        match what.unwrap().what {
            Occurrence::Reading(reading) => (reading.value, ack),
            other => panic!("no reading: {other:?}"),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.close.cancel();
        tokio::time::timeout(SOON, self.task).await.expect("it ends").unwrap();
    }
}

fn reading(value: u32) -> String {
    format!(r#"{{"value": {value}, "sensor_type": "temperature"}}"#)
}

const TOPIC: &str = "kaiser/god/esp/ESP_01/sensor/34/data";

#[tokio::test]
async fn acknowledged_is_only_what_was_fired() {
    let (broker, _folder) = embedded().await;
    let config = Mqtt::default();
    let mut first = run(&config, &broker).await;
    let watcher = Watcher::new(&broker, &[]).await;
    for value in 1..=3 {
        watcher.publish(TOPIC, &reading(value));
    }
    let (one, ack) = first.value().await;
    assert_eq!(one, 1.0);
    ack.unwrap().fire();
    let (two, kept) = first.value().await;
    let (three, dropped) = first.value().await;
    assert_eq!((two, three), (2.0, 3.0));
    drop(dropped);
    first.end().await;
    // Its connection is gone: this must not acknowledge what comes under the same packet id later.
    kept.unwrap().fire();

    let mut second = run(&config, &broker).await;
    assert_eq!(second.value().await.0, 2.0);
    assert_eq!(second.value().await.0, 3.0);
    second.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn the_broker_waits_for_acknowledgements_and_nothing_is_lost() {
    let (broker, _folder) = embedded().await;
    let config = Mqtt { receive_maximum: 4, ..Mqtt::default() };
    let mut running = run(&config, &broker).await;
    let watcher = Watcher::new(&broker, &[]).await;
    for value in 1..=20 {
        watcher.publish(TOPIC, &reading(value));
    }
    let mut waiting = std::collections::VecDeque::<Ack>::new();
    for expected in 1..=20 {
        if waiting.len() == 4 {
            // The fifth cannot come before the first is acknowledged.
            assert!(running.inputs.try_recv().is_err());
            waiting.pop_front().unwrap().fire();
        }
        let (value, ack) = running.value().await;
        assert_eq!(value, f64::from(expected));
        waiting.push_back(ack.unwrap());
    }
    running.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_arrives_as_malformed_and_hurts_nobody() {
    let (broker, _folder) = embedded().await;
    let mut running = run(&Mqtt::default(), &broker).await;
    let watcher = Watcher::new(&broker, &[]).await;
    let long = format!("not json {}", "x".repeat(1_000));
    watcher.publish(TOPIC, &long);
    watcher.publish(TOPIC, &reading(7));
    let Arrival { what, ack } = running.arrival().await;
    let malformed = what.unwrap_err();
    assert_eq!((malformed.topic.as_str(), malformed.bytes, malformed.head.len()), (TOPIC, 1_009, 256));
    assert!(malformed.reason.contains("not the JSON of a reading"), "{}", malformed.reason);
    ack.unwrap().fire();
    assert_eq!(running.value().await.0, 7.0);
    running.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn one_message_with_two_readings_is_acknowledged_by_the_last() {
    let (broker, _folder) = embedded().await;
    let config: Mqtt = toml::from_str(
        "[[sources]]\ntopic = \"zigbee2mqtt/{device}\"\nreadings = [\n\
         { value = \"/temperature\", quantity = \"temperature\" }, { value = \"/humidity\", quantity = \"humidity\" }]",
    )
    .unwrap();
    let mut running = run(&config, &broker).await;
    let watcher = Watcher::new(&broker, &[]).await;
    watcher.publish("zigbee2mqtt/shed", r#"{"temperature": 21.5, "humidity": 60}"#);
    let (temperature, none) = running.value().await;
    let (humidity, some) = running.value().await;
    assert_eq!((temperature, humidity), (21.5, 60.0));
    assert!(none.is_none() && some.is_some());
    running.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn what_the_broker_kept_is_marked_and_a_wrong_clock_is_suspected() {
    let (broker, _folder) = embedded().await;
    let mut watcher = Watcher::new(&broker, &[TOPIC]).await;
    watcher.publish_retained(TOPIC, r#"{"value": 1, "ts": 1000}"#);
    // Heard back: the broker has it.
    watcher.next().await;
    let mut running = run(&Mqtt::default(), &broker).await;
    let observation = running.arrival().await.what.unwrap();
    let Occurrence::Reading(reading) = observation.what else { panic!("no reading") };
    assert!(reading.retained);
    assert_eq!(reading.quality, Quality::Suspect);
    assert_eq!(observation.measured.map(|at| at.0), Some(1_000));
    running.end().await;
    broker.stop().await;
}
