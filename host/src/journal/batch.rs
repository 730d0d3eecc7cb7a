//! The way into the writer: what gathers while it commits is its next batch.
//!
//! There is no timer and no hand-shake: senders add to one bounded buffer, and the writer takes all of it whenever it is
//! free. So a lone entry waits for nothing, and under load a commit carries what arrived during the last one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Entry;

/// Entries that may wait before senders do; what one sender hands over at a time is at most as much again.
pub const MAX_BATCH: usize = 4_096;

/// The writer takes nothing more: the host is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal takes nothing more, the host is stopping")]
pub struct Closed;

/// Hands entries to the writer. Cheap to clone; when the last clone is dropped the writer finishes and ends.
#[derive(Clone)]
pub struct BatchSender(Arc<Door>);

/// Closes the queue when the last sender goes.
struct Door(Arc<Queue>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The buffer between senders and writer.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// For the writer: there is something, or the end.
    filled: Condvar,
    /// For senders: there is room, or the end.
    room: Notify,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    closed: bool,
    abandoned: bool,
}

impl BatchSender {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(Arc::new(Door(queue)))
    }

    /// Hands over entries, to be committed in this order. Waits while [`MAX_BATCH`] or more wait already; returns when
    /// they are queued, not when they are durable.
    ///
    /// # Errors
    /// When the writer has ended or was told to: nothing of these entries takes effect.
    pub async fn send(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let queue = &self.0.0;
        let mut entries = Some(entries);
        loop {
            let room = queue.room.notified();
            if queue.offer(&mut entries)? {
                return Ok(());
            }
            room.await;
        }
    }

    /// Takes nothing more; the writer finishes what it has and ends.
    pub fn close(&self) {
        self.0.0.close();
    }

    /// Ends the writer even if it is stuck: what it could not write is dropped, and none of it takes effect. For a drain
    /// whose deadline has passed.
    pub fn abandon(&self) {
        let mut inner = self.0.0.lock();
        inner.closed = true;
        inner.abandoned = true;
        drop(inner);
        self.0.0.wake_all();
    }
}

impl Queue {
    /// Takes the entries if there is room.
    fn offer(&self, entries: &mut Option<Vec<Entry>>) -> Result<bool, Closed> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Closed);
        }
        if inner.entries.len() >= MAX_BATCH {
            return Ok(false);
        }
        inner.entries.extend(entries.take().into_iter().flatten());
        drop(inner);
        self.filled.notify_one();
        Ok(true)
    }

    /// The next batch, oldest first: all that waits, less than twice [`MAX_BATCH`]. Waits for it. None when the queue is closed and empty, or
    /// abandoned.
    pub(super) fn take(&self) -> Option<Vec<Entry>> {
        let waiting = |inner: &mut Inner| inner.entries.is_empty() && !inner.closed;
        let mut inner = self.filled.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        if inner.entries.is_empty() || inner.abandoned {
            return None;
        }
        // All of it: what was handed over together is committed together, so a decision never comes without its cursor.
        let batch = std::mem::take(&mut inner.entries);
        drop(inner);
        self.room.notify_waiters();
        Some(batch)
    }

    /// Waits before a repetition; whether the batch was abandoned meanwhile.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let waiting = |inner: &mut Inner| !inner.abandoned;
        let waited = self.filled.wait_timeout_while(self.lock(), length, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.abandoned
    }

    /// Takes nothing more; how many entries it drops that were never taken.
    pub(super) fn shut(&self) -> usize {
        let mut inner = self.lock();
        inner.closed = true;
        let dropped = std::mem::take(&mut inner.entries);
        drop(inner);
        self.wake_all();
        dropped.len()
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        self.filled.notify_all();
        self.room.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
