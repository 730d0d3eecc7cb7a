//! The broker: whether it lets the host in, and whether it is set up for it.

use std::path::Path;

use super::Finding;
use super::machine::port;
use crate::config::Config;
use crate::config::mask::masked_address;
use crate::mqtt::probe::{self, Seen};

/// Where Debian and its kin keep Mosquitto's configuration.
const MOSQUITTO_FILES: [&str; 2] = ["/etc/mosquitto/mosquitto.conf", "/etc/mosquitto/conf.d"];

/// What Mosquitto should be told, and why.
const MOSQUITTO_SETTINGS: [(&str, &str); 3] = [
    ("set_tcp_nodelay true", "without it a command may wait 40 ms"),
    ("max_inflight_messages 4096", "with its 20 a burst of readings waits for every commit"),
    ("max_queued_messages 100000", "above its 1000 it drops messages for a host that is away, silently"),
];

/// What concerns the broker.
pub fn findings(config: &Config) -> Vec<Finding> {
    let Some(url) = &config.mqtt.url else {
        return vec![port("mqtt port", config.mqtt.broker.bind, "`mqtt.broker.bind` or --mqtt-listen")];
    };
    let seen = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|tokio| tokio.block_on(probe::look(&config.mqtt)));
    match seen {
        Ok(seen) => reached(&seen, local(url)),
        Err(why) => vec![Finding::fail(
            "broker",
            format!("{} does not let the host in: {why}", masked_address(url)),
            "check `mqtt.url`, user, password and certificates, and whether the broker runs",
        )],
    }
}

fn reached(seen: &Seen, local: bool) -> Vec<Finding> {
    let Seen { address, version, name } = seen;
    let name = name.as_deref().unwrap_or("a broker without a name");
    let mut findings = vec![Finding::ok("broker", format!("{address} is {name} and speaks MQTT {version}"))];
    if *version == "3.1.1" {
        findings.push(Finding::warn(
            "mqtt version",
            "3.1.1: commands carry no expiry on the wire, and few readings may be in flight",
            "use a broker that speaks MQTT 5",
        ));
    }
    if name.contains("mosquitto") {
        findings.extend(mosquitto(local.then(mosquitto_settings).flatten().as_deref()));
    }
    findings
}

/// What Mosquitto is not told. From outside its settings cannot be seen, so without its files all of them are named.
fn mosquitto(settings: Option<&str>) -> Option<Finding> {
    let told = |line: &str| {
        let key = line.split(' ').next().unwrap_or_default();
        settings.is_some_and(|settings| settings.lines().any(|set| set.split_whitespace().next() == Some(key)))
    };
    let missing: Vec<_> = MOSQUITTO_SETTINGS.iter().filter(|(line, _)| !told(line)).collect();
    if missing.is_empty() {
        return Some(Finding::ok("mosquitto", "is told about delay, flight and queue"));
    }
    let why: Vec<_> = missing.iter().map(|(_, why)| *why).collect();
    let lines: Vec<_> = missing.iter().map(|(line, _)| format!("`{line}`")).collect();
    let sure = if settings.is_some() { "" } else { "its settings cannot be seen from here; " };
    Some(Finding::warn(
        "mosquitto",
        format!("{sure}{}", why.join("; ")),
        format!("put {} into mosquitto.conf and restart it", lines.join(", ")),
    ))
}

fn local(url: &str) -> bool {
    ["//127.", "//localhost", "//[::1]", "@127.", "@localhost", "@[::1]"].iter().any(|host| url.contains(host))
}

/// All of Mosquitto's configuration on this machine; none where it cannot be read.
fn mosquitto_settings() -> Option<String> {
    let mut all = String::new();
    for path in MOSQUITTO_FILES.map(Path::new) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).ok()?.map_while(Result::ok) {
                all.push_str(&std::fs::read_to_string(entry.path()).ok()?);
                all.push('\n');
            }
        } else {
            all.push_str(&std::fs::read_to_string(path).ok()?);
            all.push('\n');
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_mosquitto_is_not_told_is_named() {
        let finding =
            mosquitto(Some("# set_tcp_nodelay true\n max_inflight_messages 100\nmax_queued_messages 0\n")).unwrap();
        assert_eq!(finding.state, super::super::State::Warn);
        let fix = finding.fix.unwrap();
        assert!(fix.contains("set_tcp_nodelay true") && !fix.contains("max_"), "{fix}");
        let all = "set_tcp_nodelay true\nmax_inflight_messages 0\nmax_queued_messages 0";
        assert_eq!(mosquitto(Some(all)).unwrap().state, super::super::State::Ok);
        assert!(mosquitto(None).unwrap().fix.unwrap().contains("max_queued_messages"));
    }
}
