//! The host as a whole: built (everything opened and bound), run (everything spawned), drained (in order).
//!
//! Every part that lives as long as the host is spawned here; uploads, clients and the record of a stop have short tasks of
//! their own.

mod build;
mod drain;
mod equipment;

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::feed::Feed;
use crate::http::state::ApiState;
use crate::journal::Journal;
use crate::journal::batch::BatchSender;
use crate::journal::writer::End;
use crate::mqtt::broker::Broker;
use crate::policy::lanes::Workers;

/// A host at work.
pub struct App {
    addresses: Addresses,
    first_token: Option<String>,
    drain: Duration,
    api: ApiState,
    /// Ends when every client was told and has gone.
    http: tokio::task::JoinHandle<()>,
    broker: Option<Broker>,
    /// Stops taking messages from the broker.
    intake: CancellationToken,
    /// Closes what is still open at the end of a drain.
    close: CancellationToken,
    /// The connections' tasks and the line's.
    tasks: JoinSet<&'static str>,
    /// The policies' threads.
    workers: Workers,
    writer: JoinHandle<End>,
    batches: BatchSender,
}

/// Where the host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// REST, WebSocket, SSE and the page.
    pub http: SocketAddr,
    /// The embedded broker; none with another broker.
    pub mqtt: Option<SocketAddr>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was taken was answered and is durable.
    Drained,
    /// The deadline passed first. Nothing recorded is lost: what is left waits in the journal and at the broker.
    Forced {
        /// What was not finished.
        left: String,
    },
}

impl App {
    /// Opens and binds everything, and puts every policy back to work.
    ///
    /// # Errors
    /// What cannot be opened or bound, in one line with the way out.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        build::build(config).await
    }

    /// Where the host can be reached.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The token made at the very first start; shown once.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// The handles that HTTP speaks to.
    pub const fn api(&self) -> &ApiState {
        &self.api
    }

    /// The journal's tail.
    pub const fn feed(&self) -> &Feed {
        &self.api.feed
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal {
        &self.api.journal
    }

    /// Runs until `shutdown`, or until a part of the host ends that must not; then drains.
    ///
    /// # Errors
    /// When a part ended that must not.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<Ended> {
        self.api.readiness.started();
        let failed = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = self.tasks.join_next() => ended,
        };
        let ended = drain::drain(self).await?;
        match failed {
            None => Ok(ended),
            Some(Ok(part)) => anyhow::bail!("the {part} ended unexpectedly; the log says why"),
            Some(Err(error)) => anyhow::bail!("a part of the host failed: {error}"),
        }
    }
}
