//! The end, in order: take nothing new, finish what is in flight, make it durable, tell the clients, close.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{info, warn};

use super::build::ENDED;
use super::{App, Ended};
use crate::http::state::ApiState;
use crate::journal::record::Body;
use crate::journal::writer::End;
use crate::line::Input;
use crate::store::Put;

/// What is kept of the deadline for closing, after the work was given up.
const CLOSING: Duration = Duration::from_secs(1);

/// How long commands have to leave once everything else is done.
const LEAVING: Duration = Duration::from_secs(2);

pub(super) async fn drain(app: App) -> Result<Ended> {
    let deadline = Instant::now() + app.drain;
    info!(within = ?app.drain, "draining");
    app.api.readiness.stopping();
    app.intake.cancel();
    let worked = tokio::time::timeout_at(deadline - CLOSING.min(app.drain / 2), finish(&app.api)).await;
    let left = match worked {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(_) => Some("policies had not answered everything yet".to_owned()),
    };
    let App { api, http, broker, close, mut tasks, workers, writer, batches, .. } = app;
    close.cancel();
    drop(api);
    let closed = async {
        // It ends by itself; a panic in it was logged where it happened.
        let _ = http.await;
        while tasks.join_next().await.is_some() {}
    };
    if tokio::time::timeout_at(deadline, closed).await.is_err() {
        warn!("some tasks did not end in time and are dropped");
        tasks.abort_all();
    }
    if left.is_some() {
        // What could not be written by now will not be: its messages were not acknowledged and come again.
        batches.abandon();
    }
    drop(batches);
    let end = tokio::task::spawn_blocking(move || {
        let end = writer.join();
        for worker in workers {
            drop(worker.join());
        }
        end
    });
    let end = end.await?.unwrap_or(End::Broken { reason: "the journal's thread panicked".to_owned() });
    if let Some(broker) = broker {
        broker.stop().await;
    }
    Ok(match (left, end) {
        (None, End::Drained) => Ended::Drained,
        (Some(left), _) => Ended::Forced { left },
        (None, End::Abandoned { entries }) => Ended::Forced { left: format!("{entries} entries of the journal") },
        (None, End::Broken { reason }) => Ended::Forced { left: reason },
    })
}

/// Waits until every event that was taken is answered and recorded, and gives commands a moment to leave.
async fn finish(api: &ApiState) -> Result<(), String> {
    let told = |refusal: crate::line::Refusal| refusal.to_string();
    while !round(api).await.map_err(told)? {}
    // A command that does not leave in time is in the outbox, and leaves or expires after the next start.
    let left = async { while !outbox_is_empty(api) && round(api).await.is_ok() {} };
    let _ = tokio::time::timeout(LEAVING, left).await;
    let ended = Put::Meta { name: ENDED, value: b"clean".to_vec() };
    api.line.note(Body::Stopped, vec![ended]).await.map_err(told)?;
    Ok(())
}

/// One round through the line: what was in it before is durable when this is answered. Whether every policy had
/// answered everything by then; what they answer meanwhile stands behind and is taken by the next round.
async fn round(api: &ApiState) -> Result<bool, crate::line::Refusal> {
    let (done, durable) = oneshot::channel();
    api.line.send(Input::Drain { done }).await?;
    api.line.durable(durable).await?;
    Ok(api.policies.all_settled())
}

fn outbox_is_empty(api: &ApiState) -> bool {
    api.journal.store().outbox().is_ok_and(|outbox| outbox.is_empty())
}
