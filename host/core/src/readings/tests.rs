use super::*;

fn reading(device: &str, channel: &str, quantity: &str, value: f64) -> Reading {
    Reading {
        device: device.into(),
        channel: channel.into(),
        quantity: quantity.into(),
        value,
        raw: Some(value * 2.0),
        unit: Some("°C".into()),
        quality: Quality::Good,
        retained: false,
    }
}

/// Seq `n` at `1000 n` ms with value `n`, for `n` from 1 to `count`.
fn temperatures(per_sensor: usize, count: u32) -> Readings {
    let readings = Readings::new(per_sensor, 100);
    for n in 1..=count {
        let at = Timestamp(u64::from(n) * 1_000);
        readings.push(n.into(), at, &reading("ESP_01", "34", "temperature", n.into()));
    }
    readings
}

#[test]
fn a_lookup_sees_nothing_newer_than_its_event() {
    let readings = temperatures(100, 10);
    let value = |as_of| readings.latest(as_of, "ESP_01", "34", Some("temperature")).map(|sample| sample.value);
    assert_eq!([value(0), value(1), value(7), value(10), value(99)], [None, Some(1.), Some(7.), Some(10.), Some(10.)]);
    let stats = readings.window(7, Timestamp(10_000), 5_000, "ESP_01", "34", Some("temperature")).unwrap();
    assert_eq!((stats.count, stats.min, stats.max, stats.mean), (3, 5., 7., 6.));
    assert_eq!((stats.first.seq, stats.last.seq), (5, 7));
}

#[test]
fn a_window_includes_both_its_ends_and_is_none_when_empty() {
    let readings = temperatures(100, 10);
    let count =
        |until, span| readings.window(99, Timestamp(until), span, "ESP_01", "34", None).map_or(0, |stats| stats.count);
    assert_eq!([count(4_000, 2_000), count(4_000, 1_999), count(4_000, 0), count(999, 999)], [3, 2, 1, 0]);
    assert_eq!(count(4_000, u64::MAX), 4);
}

#[test]
fn a_ring_keeps_its_newest_and_drops_repeats() {
    let readings = temperatures(3, 10);
    readings.push(9, Timestamp(20_000), &reading("ESP_01", "34", "temperature", -1.0));
    let stats = readings.window(99, Timestamp(99_000), u64::MAX, "ESP_01", "34", Some("temperature")).unwrap();
    assert_eq!((stats.count, stats.first.seq, stats.last.seq, stats.min), (3, 8, 10, 8.0));
    assert_eq!(readings.latest(7, "ESP_01", "34", None), None);
}

#[test]
fn without_a_quantity_the_newest_of_any_answers() {
    let readings = Readings::new(10, 100);
    readings.push(1, Timestamp(10), &reading("d", "1", "temperature", 20.0));
    readings.push(2, Timestamp(20), &reading("d", "1", "humidity", 60.0));
    readings.push(3, Timestamp(30), &reading("d", "1", "temperature", 22.0));
    readings.push(4, Timestamp(40), &reading("d", "2", "temperature", 99.0));
    let value = |as_of| readings.latest(as_of, "d", "1", None).map(|sample| sample.value);
    assert_eq!([value(1), value(2), value(9)], [Some(20.), Some(60.), Some(22.)]);
    let stats = readings.window(9, Timestamp(40), 40, "d", "1", None).unwrap();
    assert_eq!((stats.count, stats.mean, stats.last.seq), (3, 34.0, 3));
    assert_eq!(readings.latest(9, "d", "3", None), None);
    assert_eq!(readings.latest(9, "e", "1", None), None);
}

#[test]
fn the_sensor_silent_for_longest_makes_room() {
    let readings = Readings::new(10, 3);
    for (seq, channel) in [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "d"), (6, "c"), (7, "e")] {
        readings.push(seq, Timestamp(seq), &reading("dev", channel, "t", 0.0));
    }
    let kept: Vec<String> = readings.snapshot().into_iter().map(|(_, _, reading)| reading.channel).collect();
    assert_eq!(kept, ["c", "d", "e"]);
}

#[test]
fn the_number_of_sensors_stays_bounded_under_a_flood_of_new_ones() {
    let readings = Readings::new(4, 50);
    for seq in 1..=20_000_u64 {
        readings.push(seq, Timestamp(seq), &reading("dev", &(seq % 7_919).to_string(), "t", 0.0));
        readings.push(seq, Timestamp(seq), &reading("steady", "1", "t", 0.0));
    }
    assert_eq!(readings.snapshot().len(), 50);
    assert_eq!(readings.latest(20_000, "steady", "1", None).map(|sample| sample.seq), Some(20_000));
}

#[test]
fn the_snapshot_is_ordered_and_whole() {
    let readings = Readings::new(2, 10);
    readings.push(1, Timestamp(10), &reading("b", "1", "t", 1.0));
    readings.push(2, Timestamp(20), &reading("a", "2", "t", 2.0));
    readings.push(3, Timestamp(30), &reading("a", "1", "t", 3.0));
    readings.push(4, Timestamp(40), &reading("a", "1", "h", 4.0));
    let seqs: Vec<Seq> = readings.snapshot().iter().map(|(seq, _, _)| *seq).collect();
    assert_eq!(seqs, [4, 3, 2, 1]);
    assert_eq!(readings.snapshot()[0], (4, Timestamp(40), reading("a", "1", "h", 4.0)));
}

#[test]
fn threads_look_up_while_one_pushes() {
    let readings = Readings::new(16, 64);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 1..=20_000_u64 {
                let channel = (seq % 100).to_string();
                readings.push(seq, Timestamp(seq), &reading("dev", &channel, "t", f64::from(seq as u32)));
            }
        });
        for as_of in [5_000_u64, 20_000] {
            let readings = &readings;
            scope.spawn(move || {
                for n in 0..5_000 {
                    let found = readings.latest(as_of, "dev", &(n % 100).to_string(), Some("t"));
                    assert!(found.is_none_or(|sample| sample.seq <= as_of));
                }
            });
        }
    });
    assert_eq!(readings.snapshot().len(), 64);
}
