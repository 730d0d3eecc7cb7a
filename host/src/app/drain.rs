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

pub(super) async fn drain(app: App) -> Result<Ended> {
    let deadline = Instant::now() + app.drain;
    info!(within = ?app.drain, "draining");
    app.api.readiness.stopping();
    app.intake.cancel();
    let worked = tokio::time::timeout_at(deadline - CLOSING.min(app.drain / 2), finish(&app.api)).await;
    let left = match worked {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(_) => Some(unfinished(&app.api)),
    };
    let App { api, http, broker, close, mut tasks, workers, writer, batches, .. } = app;
    close.cancel();
    drop(api);
    let closed = async {
        http.closed().await;
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

/// Waits until every event that was taken is answered and recorded, and every command has left or expired.
async fn finish(api: &ApiState) -> Result<(), String> {
    let told = |refusal: crate::line::Refusal| refusal.to_string();
    loop {
        // Everything that was in the line before is durable when this is answered; what policies answered meanwhile
        // stands behind it and is taken by the next round.
        let (done, durable) = oneshot::channel();
        api.line.send(Input::Drain { done }).await.map_err(told)?;
        api.line.durable(durable).await.map_err(told)?;
        if api.policies.all_settled() {
            break;
        }
    }
    let mut heads = api.journal.heads();
    let mut records = api.journal.rows_changed();
    while !api.journal.outbox_is_empty().map_err(|error| error.to_string())? {
        tokio::select! {
            changed = heads.changed() => changed.map_err(|error| error.to_string())?,
            changed = records.changed() => changed.map_err(|error| error.to_string())?,
        }
    }
    let ended = Put::Meta { name: ENDED, value: b"clean".to_vec() };
    api.line.note(Body::Stopped, vec![ended]).await.map_err(told)?;
    Ok(())
}

fn unfinished(api: &ApiState) -> String {
    let commands = api.journal.store().outbox().map_or(0, |outbox| outbox.len());
    match commands {
        0 => "policies had not answered everything yet".to_owned(),
        commands => format!("{commands} commands had not reached the broker yet"),
    }
}
