use super::*;

#[test]
fn an_entry_ends_on_the_events_clock() {
    let mut world = Environment::new();
    world.set("k", "v", Some(1_000)).unwrap();

    world.advance(Duration::from_millis(999));
    assert_eq!(world.get("k").as_deref(), Some("v"));
    world.advance(Duration::from_millis(1));
    assert_eq!(world.get("k"), None);
    assert_eq!(world.list(""), Vec::<String>::new());
}

#[test]
fn the_state_keeps_its_bounds() {
    let world = Environment::new().quota(1);
    assert_eq!(world.set("", "v", None), Err(StateError::BadKey));
    assert_eq!(world.set(&"k".repeat(257), "v", None), Err(StateError::BadKey));
    world.set("a", "1", None).unwrap();
    world.set("a", "2", None).unwrap();
    assert_eq!(world.set("b", "1", None), Err(StateError::OverQuota(1)));
    assert_eq!(world.compare_and_set("a", Some("1"), "3"), Err(StateError::Changed));
    assert_eq!(world.compare_and_set("a", Some("2"), "3"), Ok(()));
    assert_eq!(world.stored("a").as_deref(), Some("3"));
}

#[test]
fn lookups_see_the_newest_of_the_wanted_quantity() {
    let mut world = Environment::new();
    for (quantity, value) in [("temperature", 20.0), ("humidity", 60.0), ("temperature", 22.0), ("humidity", 61.0)] {
        world.event(Environment::a_reading("ESP_01", "34", quantity, value));
        world.advance(Duration::from_secs(1));
    }

    assert_eq!(world.latest("ESP_01", "34", None).unwrap().value, 61.0);
    assert_eq!(world.latest("ESP_01", "34", Some("temperature")).unwrap().value, 22.0);
    assert_eq!(world.latest("ESP_01", "35", None), None);

    let window = world.window("ESP_01", "34", Some("temperature"), 10_000).unwrap();
    assert_eq!((window.count, window.min, window.max, window.mean), (2, 20.0, 22.0, 21.0));
    assert_eq!(world.window("ESP_01", "34", Some("temperature"), 2_000).unwrap().count, 1);
}
