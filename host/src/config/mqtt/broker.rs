//! `[mqtt.broker]`: the embedded broker.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The embedded broker. It is there so that one command starts everything; any other broker does as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// Where it listens. Off the loopback interface it needs `username` and `password`. Default `127.0.0.1:1883`.
    pub bind: SocketAddr,
    /// The user name every client must give; none lets anybody on this machine in.
    pub username: Option<String>,
    /// The password every client must give.
    pub password: Option<String>,
    /// How many clients may be connected. Default 10,000.
    pub max_clients: usize,
    /// How many retained messages are kept. Default 10,000.
    pub max_retained: usize,
    /// How many messages wait for one client that is away. Default 100,000.
    pub max_queued: usize,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            username: None,
            password: None,
            max_clients: 10_000,
            max_retained: 10_000,
            max_queued: 100_000,
        }
    }
}

impl Broker {
    /// Who a client must be, if it must be somebody.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.username.as_deref()?, self.password.as_deref()?))
    }

    /// What is out of its bounds or unsafe.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.username.is_some() != self.password.is_some() {
            problems
                .push("`mqtt.broker.username` and `mqtt.broker.password` belong together; set both or none".to_owned());
        }
        if !self.bind.ip().is_loopback() && self.credentials().is_none() {
            let bind = self.bind;
            problems.push(format!(
                "`mqtt.broker.bind` is `{bind}`, which other machines reach; set `mqtt.broker.username` and `mqtt.broker.password`"
            ));
        }
        let counts =
            [("max_clients", self.max_clients), ("max_retained", self.max_retained), ("max_queued", self.max_queued)];
        let wrong = counts.into_iter().filter(|(_, count)| !(1..=10_000_000).contains(count));
        problems.extend(wrong.map(|(key, count)| format!("`mqtt.broker.{key}` is {count}; choose 1 to 10000000")));
        problems
    }
}
