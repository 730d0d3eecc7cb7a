//! A short look at a broker: whether it lets the host in, what it speaks, what it calls itself. For `interlock doctor`.

use std::time::Duration;

use tokio::time::timeout;

use super::address::Address;
use super::client::{Client, Level, Options, Qos, Signal, Subscription};
use super::connection::with_credentials;
use super::tls;
use crate::config::mqtt::{Mqtt, Version};

/// How long a broker may take to let the host in.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long it may take to say what it is; many say nothing.
const NAME_PATIENCE: Duration = Duration::from_secs(1);
/// Where brokers say what they are.
const NAME_TOPIC: &str = "$SYS/broker/version";

/// What was seen of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it is.
    pub address: String,
    /// What it speaks: `5` or `3.1.1`.
    pub version: &'static str,
    /// What it calls itself, where it says so: `mosquitto version 2.0.11`.
    pub name: Option<String>,
}

/// Looks at the configured broker.
///
/// # Errors
/// Why it does not let the host in, for people.
pub async fn look(config: &Mqtt) -> Result<Seen, String> {
    let url = config.url.as_deref().ok_or("no broker is configured")?;
    let address = Address::parse(url).map_err(|error| error.to_string())?;
    let tls =
        if address.tls { Some(tls::client_config(&config.tls).map_err(|error| error.to_string())?) } else { None };
    let options = Options {
        address: with_credentials(&address, config),
        tls,
        client_id: format!("{}-doctor", config.client_id),
        keep_alive: Duration::from_secs(config.keep_alive_s.into()),
        max_packet: config.max_packet_bytes,
        session_expiry_s: None,
        receive_maximum: config.receive_maximum,
        window: 1,
        manual_acks: false,
    };
    let levels: &[Level] = match config.version {
        Version::Auto => &[Level::V5, Level::V3],
        Version::V5 => &[Level::V5],
        Version::V3 => &[Level::V3],
    };
    let mut why = String::new();
    for level in levels {
        match timeout(PATIENCE, connected(*level, &options)).await {
            Ok(Ok(client)) => {
                let version = if *level == Level::V5 { "5" } else { "3.1.1" };
                let name = timeout(NAME_PATIENCE, name(client)).await.ok().flatten();
                return Ok(Seen { address: address.to_string(), version, name });
            }
            Ok(Err(reason)) => why = reason,
            Err(_) => why = "it does not answer".to_owned(),
        }
    }
    Err(why)
}

async fn connected(level: Level, options: &Options) -> Result<Client, String> {
    let mut client = Client::new(level, options);
    loop {
        match client.poll().await {
            Ok(Signal::Connected { .. }) => return Ok(client),
            Ok(_) => {}
            Err(failure) => return Err(failure.reason),
        }
    }
}

/// What the broker calls itself. It is kept for whoever subscribes; a broker that says nothing is waited for in vain.
async fn name(mut client: Client) -> Option<String> {
    let filter = NAME_TOPIC.to_owned();
    let wish = Subscription { filter, qos: Qos::AtMostOnce, retained_always: true, no_local: false };
    client.publisher().subscribe(&[wish]).ok()?;
    loop {
        if let Signal::Message(delivery) = client.poll().await.ok()? {
            return Some(String::from_utf8_lossy(delivery.payload()).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_said_to_be_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = Mqtt { url: Some(format!("mqtt://127.0.0.1:{port}")), ..Mqtt::default() };
        assert!(look(&config).await.unwrap_err().to_lowercase().contains("refused"));
    }
}
