//! Precedence, unknown keys, and all mistakes at once.

use std::path::PathBuf;

use serde_json::json;

use super::layers::Flag;
use super::{Config, Sources, mask};

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("interlock.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn from_file(text: &str) -> Result<Config, Vec<String>> {
    let (_folder, path) = file(text);
    let sources = Sources { file: Some(path), ..Sources::default() };
    Config::load(&sources).map_err(|mistakes| mistakes.0.iter().map(ToString::to_string).collect())
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let (_folder, path) = file("[host]\ndrain_s = 2\nlog = 'warn'\n[policies]\nworkers = 3\n");
    let sources = Sources {
        file: Some(path),
        env: env(&[("INTERLOCK_HOST_DRAIN_S", "4"), ("INTERLOCK_HOST_LOG", "debug")]),
        flags: vec![Flag { flag: "--drain", key: "host.drain_s", value: json!(6) }],
    };
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.host.drain_s, 6);
    assert_eq!(config.host.log, "debug");
    assert_eq!(config.policies.workers, 3);
    assert_eq!(config.policies.quarantine_after, Config::default().policies.quarantine_after);
}

#[test]
fn a_variable_that_looks_like_a_number_is_text_where_text_is_wanted() {
    let sources = Sources { env: env(&[("INTERLOCK_HOST_DATA", "2024")]), ..Sources::default() };
    assert_eq!(Config::load(&sources).unwrap().host.data, PathBuf::from("2024"));
}

#[test]
fn variables_of_other_things_are_left_alone() {
    let sources = Sources {
        env: env(&[("INTERLOCK_PORT", "tcp://10.0.0.1:80"), ("INTERLOCK_SERVICE_HOST", "x"), ("PATH", "/bin")]),
        ..Sources::default()
    };
    assert_eq!(Config::load(&sources).unwrap(), Config::default());
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_key_and_source() {
    let (_folder, path) = file(
        "[host]\ndrain_s = 'ten'\ndata_dir = 'x'\n\
         [policies]\nworkers = -1\nreadings_per_sensor = 0\n\
         [nowhere]\nx = 1\n\
         [actuators.fan]\ndevice = 'ESP_02'\nchannel = '18'\nkind = 'pwn'\nmax = 'high'\n\
         [[sensors]]\ndevice = 'A'\n\
         [[sensors]]\ndevice = 'B'\nchannel = '1'\nunits = 'C'\n",
    );
    let sources = Sources {
        file: Some(path.clone()),
        env: env(&[("INTERLOCK_POLICIES_MAX_SENSORS", "many")]),
        ..Sources::default()
    };
    let mistakes = Config::load(&sources).unwrap_err();
    let lines: Vec<String> = mistakes.0.iter().map(ToString::to_string).collect();
    let has = |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["`host.drain_s`", "\"ten\"", "for example `10`", "interlock.toml"]), "{lines:#?}");
    assert!(has(&["`host.data_dir`", "did you mean `data`"]), "{lines:#?}");
    assert!(has(&["`policies.workers`", "-1"]), "{lines:#?}");
    assert!(has(&["`policies.readings_per_sensor` is 0", "choose 1"]), "{lines:#?}");
    assert!(has(&["`nowhere`", "is no key", "actuators"]), "{lines:#?}");
    assert!(has(&["`actuators.fan.kind`", "pwm"]), "{lines:#?}");
    assert!(has(&["`actuators.fan.max`", "high"]), "{lines:#?}");
    assert!(has(&["`sensors[0]`", "missing field `channel`"]), "{lines:#?}");
    assert!(has(&["`sensors[1].units`", "did you mean `unit`"]), "{lines:#?}");
    assert!(has(&["`policies.max_sensors`", "variable INTERLOCK_POLICIES_MAX_SENSORS"]), "{lines:#?}");
    assert_eq!(lines.len(), 10, "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:#?}");
}

#[test]
fn an_unknown_variable_of_a_known_section_is_refused() {
    let sources = Sources { env: env(&[("INTERLOCK_HOST_DRAIN", "4")]), ..Sources::default() };
    let mistakes = Config::load(&sources).unwrap_err().to_string();
    assert_eq!(mistakes, "environment variable INTERLOCK_HOST_DRAIN: `host.drain` is no key; did you mean `drain_s`?");
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let lines = from_file("[host]\ndrain_s = = 3\n").unwrap_err();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("line 2 is no TOML"), "{lines:?}");
}

#[test]
fn contradictions_between_actuators_and_sensors_are_found() {
    let lines = from_file(
        "[actuators.a]\ndevice = 'E'\nchannel = '1'\nkind = 'switch'\nsafe = 2.0\n\
         [actuators.b]\ndevice = 'E'\nchannel = '1'\nkind = 'pwm'\n\
         [[sensors]]\ndevice = 'E'\nchannel = '1'\n",
    )
    .unwrap_err();
    assert!(lines.iter().any(|line| line.starts_with("`actuators.a.safe` is 2;")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("both drive E/1")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("listed as a sensor")), "{lines:#?}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let config =
        from_file("[actuators.fan]\ndevice = 'ESP_02'\nchannel = '18'\nkind = 'pwm'\nmax_on_ms = 60000\n").unwrap();
    let text = toml::to_string_pretty(&config).unwrap();
    assert_eq!(from_file(&text).unwrap(), config);
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let tree =
        json!({"mqtt": {"password": "p", "url": "mqtts://me:p@broker:8883/x", "clean": "mqtt://broker"}, "n": [1]});
    let masked =
        json!({"mqtt": {"password": "***", "url": "mqtts://me:***@broker:8883/x", "clean": "mqtt://broker"}, "n": [1]});
    assert_eq!(mask::masked(tree), masked);
}
