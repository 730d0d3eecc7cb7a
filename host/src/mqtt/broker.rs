//! The embedded broker: crate `mqtt5`, for the one-command start. Everything that knows that crate is here.
//!
//! Its defaults suit a server of its own, not a part of one: it would listen on every interface, let anybody in, take
//! packets of 256 MB and store them beside the working folder. Here it listens on loopback unless credentials are set,
//! takes packets of 1 MiB, keeps a bounded number of retained messages and stores in the data folder.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::auth::{AuthProvider, PasswordAuthProvider, RateLimitedAuthProvider};
use mqtt5::broker::config::{BrokerConfig, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::address::Address;
use crate::config::mqtt::Mqtt;

/// How long a session whose client is away is kept at most, in seconds.
const SESSION_S: u64 = 7 * 86_400;
/// Bytes that may wait for one client that is away.
const QUEUED_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of one retained message.
const RETAINED_BYTES: usize = 256 * 1024;

/// Why the embedded broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Somebody else listens there.
    #[error(
        "`{0}` is in use, perhaps by another broker; use that one with `--mqtt-url mqtt://{0}`, or set `mqtt.broker.bind` to a free port"
    )]
    InUse(SocketAddr),
    /// The system does not let us.
    #[error("cannot listen on `{bind}`: {why}; set `mqtt.broker.bind` to an address of this machine")]
    Bind {
        /// Where.
        bind: SocketAddr,
        /// Why not.
        why: io::Error,
    },
    /// Other machines would get in without a password.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
    /// The folder for its sessions cannot be made.
    #[error("cannot make the folder `{path}`: {why}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// The crate says no.
    #[error("the embedded broker cannot start: {0}")]
    Mqtt(#[from] mqtt5::MqttError),
    /// It ended before it was ready.
    #[error("the embedded broker ended before it was ready")]
    Ended,
}

/// The running broker. Dropped, it stops without saying goodbye.
pub struct Broker {
    address: SocketAddr,
    credentials: Option<(String, String)>,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
}

impl Broker {
    /// Starts the broker with its sessions in `data/broker`; returns when it accepts connections.
    ///
    /// # Errors
    /// In one line, with the way out.
    pub async fn start(config: &Mqtt, data: &Path) -> Result<Self, BrokerError> {
        let problems = config.broker.problems();
        if !problems.is_empty() {
            return Err(BrokerError::Config(problems));
        }
        is_free(config.broker.bind)?;
        let path = data.join("broker");
        std::fs::create_dir_all(&path).map_err(|why| BrokerError::Folder { path: path.clone(), why })?;
        let mut broker = MqttBroker::with_config(settings(config, path)).await?;
        // Before it accepts anybody, in the place of the provider that lets everybody in.
        if let Some((user, password)) = config.broker.credentials() {
            broker = broker.with_auth_provider(who_may(user, password)?);
        }
        let address = broker.local_addr().ok_or(BrokerError::Ended)?;
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move {
            if let Err(why) = broker.run().await {
                error!(%why, "the embedded broker ended");
            }
        });
        if ready.wait_for(|ready| *ready).await.is_err() {
            return Err(BrokerError::Ended);
        }
        info!(%address, "the embedded broker accepts connections");
        let credentials = config.broker.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()));
        Ok(Self { address, credentials, shutdown, task })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How the host itself reaches it.
    pub fn address(&self) -> Address {
        let ip = match self.address.ip() {
            std::net::IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let mut address = Address::plain(SocketAddr::new(ip, self.address.port()));
        address.credentials.clone_from(&self.credentials);
        address
    }

    /// Ends it: clients are told, sessions are on disk.
    pub async fn stop(self) {
        self.shutdown.shutdown();
        if let Err(why) = self.task.await {
            error!(%why, "the embedded broker did not end well");
        }
    }
}

/// Tries the address first, for an error that says what to do. Port 0 is always free.
fn is_free(bind: SocketAddr) -> Result<(), BrokerError> {
    match TcpListener::bind(bind) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::AddrInUse => Err(BrokerError::InUse(bind)),
        Err(why) => Err(BrokerError::Bind { bind, why }),
    }
}

fn settings(config: &Mqtt, path: PathBuf) -> BrokerConfig {
    let broker = &config.broker;
    let storage = StorageConfig::default()
        .with_base_dir(path)
        .with_max_queued_messages_per_client(broker.max_queued)
        .with_max_queued_bytes_per_client(QUEUED_BYTES);
    BrokerConfig::default()
        .with_bind_address(broker.bind)
        .with_max_clients(broker.max_clients)
        .with_session_expiry(Duration::from_secs(SESSION_S))
        .with_max_packet_size(usize::try_from(config.max_packet_bytes).unwrap_or(usize::MAX))
        .with_max_retained_messages(broker.max_retained)
        .with_max_retained_message_size(RETAINED_BYTES)
        // What a client may have under way: its own receive maximum, and at least ours.
        .with_max_outbound_inflight(config.receive_maximum)
        .with_storage(storage)
        .with_sys_topics_enabled(false)
}

/// One user, and a pause for whoever guesses.
fn who_may(user: &str, password: &str) -> Result<Arc<dyn AuthProvider>, BrokerError> {
    let users = PasswordAuthProvider::new();
    users.add_user(user, password)?;
    Ok(Arc::new(RateLimitedAuthProvider::with_default_limits(Arc::new(users))))
}

#[cfg(test)]
mod tests;
