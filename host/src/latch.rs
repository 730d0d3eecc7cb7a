//! The latch: what is stopped, readable by everyone without waiting, and the way a stop goes around every queue.
//!
//! A stop waits for nothing that could be stuck: not for the line, not for the journal, not for the store.
//!
//! ```text
//! stop -> in memory (gate and outlet read it) -> safe values on the stop wire -> latch file synced -> answer -> record
//! ```
//!
//! INVARIANT (a stop stays): once [`Latch::stop`] has answered with `latched_on_disk`, no restart, crash or full disk
//! opens it; only [`Latch::reset`] with a reason does. A latch file that cannot be read counts as a stop of everything.

mod file;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use interlock_core::gate::envelope::Table;
use interlock_core::gate::{Scope, safe_commands};
use tokio::sync::{oneshot, watch};
use tracing::{error, warn};

use crate::clock::Clock;
use crate::journal::record::{Body, Personal};
use crate::line::{Input, Line};
use crate::mqtt::stop::{StopMessage, StopWire};
use file::LatchFile;

/// How long a stop waits for the outlet's word that its queue is gone. The outlet never blocks, so this is never
/// reached unless the process itself starves; the answer then says so.
const CLEARING: Duration = Duration::from_millis(50);

/// How long a stop waits for the disk before it answers that it is not latched there.
const SYNCING: Duration = Duration::from_secs(2);

/// Ids of stops that are remembered.
const RECENT: usize = 256;

/// A handle to the latch. Cheap to clone.
#[derive(Clone)]
pub struct Latch {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    /// Counts stops and resets.
    number: AtomicU64,
    stopped: ArcSwap<BTreeSet<Scope>>,
    /// Held while `number` and `stopped` change together: for a few instructions, never over a wait.
    changing: Mutex<()>,
    /// The ids of the newest stops: our own stop comes back to us through the broker.
    recent: Mutex<VecDeque<String>>,
    file: Mutex<LatchFile>,
    /// What the safe values are.
    table: Arc<ArcSwap<Table>>,
    stops: watch::Sender<u64>,
    cleared: watch::Sender<u64>,
    wire: OnceLock<StopWire>,
    line: OnceLock<Line>,
}

/// Who asks for a stop, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// The sender's id for this stop, where it has one; a repeated id is the same stop.
    pub id: Option<String>,
    /// What to stop.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// `rest`, `cli`, `websocket`, `mqtt`.
    pub source: &'static str,
    /// Who.
    pub by: String,
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct StopReport {
    /// The stop's id.
    pub id: String,
    /// Whether the latch file was written and synced before this answer.
    pub latched_on_disk: bool,
    /// Whether the outlet confirmed that its queue is gone.
    pub outlet_cleared: bool,
    /// How many actuators were sent their safe value.
    pub safe_values: usize,
    /// What did not work, for people.
    pub warnings: Vec<String>,
}

/// Why a stop stays.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// A reset says why.
    #[error("a reset needs a reason")]
    NoReason,
    /// Nothing of this scope is stopped.
    #[error("nothing of this scope is stopped")]
    NotStopped,
    /// Another stop came while the reset was under way.
    #[error("another stop was latched while the reset was under way; look again before you reset")]
    StoppedAgain,
    /// The latch file could not be written.
    #[error("the latch file cannot be written, so the stop stays: {0}")]
    File(#[from] std::io::Error),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] crate::line::Refusal),
}

impl Latch {
    /// Opens the latch in the data folder as it was left.
    ///
    /// # Errors
    /// When the file can be neither read nor made. A file whose content makes no sense is a stop of everything.
    pub fn open(data: &Path, clock: Clock, table: Arc<ArcSwap<Table>>) -> std::io::Result<Self> {
        let (file, stopped) = LatchFile::open(&data.join("latch"))?;
        // A host that starts stopped has number 1, so that the gate hears of it at its first step.
        let number = u64::from(!stopped.is_empty());
        let inner = Inner {
            clock,
            number: AtomicU64::new(number),
            stopped: ArcSwap::from_pointee(stopped),
            changing: Mutex::new(()),
            recent: Mutex::default(),
            file: Mutex::new(file),
            table,
            stops: watch::Sender::new(number),
            cleared: watch::Sender::new(number),
            wire: OnceLock::new(),
            line: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Gives the latch the wire that safe values leave on, and the line that records stops. Once, at start.
    pub fn connect(&self, wire: StopWire, line: Line) {
        let _ = self.inner.wire.set(wire);
        let _ = self.inner.line.set(line);
    }

    /// Whether commands may go to this device. One load while nothing is stopped.
    pub fn permits(&self, device: &str) -> bool {
        let stopped = self.inner.stopped.load();
        stopped.is_empty()
            || !stopped.iter().any(|scope| match scope {
                Scope::All => true,
                Scope::Device(stopped) => stopped == device,
            })
    }

    /// Counts stops and resets.
    pub fn number(&self) -> u64 {
        self.inner.number.load(Ordering::Acquire)
    }

    /// Changes with every stop; the outlet drops its queue when it does.
    pub fn stops(&self) -> watch::Receiver<u64> {
        self.inner.stops.subscribe()
    }

    /// The outlet's word that everything queued before stop number `n` is gone.
    pub fn outlet_cleared(&self, n: u64) {
        self.inner.cleared.send_modify(|cleared| *cleared = n.max(*cleared));
    }

    /// What is stopped now.
    pub fn stopped(&self) -> BTreeSet<Scope> {
        BTreeSet::clone(&self.inner.stopped.load())
    }

    /// Stops. Latches in memory, sends the safe values, syncs the latch file, then answers; the record follows.
    pub async fn stop(&self, order: StopOrder) -> StopReport {
        let id = order.id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        if self.is_repeat(&id, &order.scope) {
            return StopReport {
                id,
                latched_on_disk: true,
                outlet_cleared: true,
                safe_values: 0,
                warnings: Vec::new(),
            };
        }
        let number = self.latch(order.scope.clone());
        let safe_values = self.make_safe(&order, &id);
        let (on_disk, outlet_cleared) = tokio::join!(self.sync(), self.outlet_is_clear(number));
        let mut warnings = Vec::new();
        if let Err(error) = &on_disk {
            warnings.push(format!("the latch file cannot be written: {error}; the stop holds until the host restarts"));
        }
        if !outlet_cleared {
            warnings.push("the outlet did not confirm in time that its queue is gone".to_owned());
        }
        let report = StopReport { id, latched_on_disk: on_disk.is_ok(), outlet_cleared, safe_values, warnings };
        self.write_down(order, &report);
        report
    }

    /// Opens what was stopped: the record first, then the latch file, then the gate. Nothing starts by itself.
    ///
    /// # Errors
    /// When there is no reason or nothing to open, when another stop comes meanwhile, or when the record or the latch
    /// file cannot be written: everything stays stopped.
    pub async fn reset(&self, scope: Scope, reason: String, by: &str) -> Result<(), ResetError> {
        if reason.trim().is_empty() {
            return Err(ResetError::NoReason);
        }
        let number = self.number();
        if !self.stopped().iter().any(|stopped| opens(&scope, stopped)) {
            return Err(ResetError::NotStopped);
        }
        let line = self.inner.line.get().ok_or(crate::line::Refusal::Stopping)?;
        line.note(Body::Reset { scope: scope.clone(), reason, by: Personal::from(by) }, Vec::new()).await?;
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.open(&scope, number)).await?;
        let (done, opened) = oneshot::channel();
        line.send(Input::Open { done }).await?;
        Ok(line.answer(opened).await?)
    }

    /// Latches in memory; the number of the change.
    fn latch(&self, scope: Scope) -> u64 {
        let inner = &self.inner;
        let changing = inner.changing();
        let mut stopped = self.stopped();
        stopped.insert(scope);
        inner.stopped.store(Arc::new(stopped));
        let number = inner.number.fetch_add(1, Ordering::AcqRel) + 1;
        drop(changing);
        inner.stops.send_modify(|newest| *newest = number.max(*newest));
        number
    }

    /// Whether this very stop was latched before and still is. Remembers it.
    fn is_repeat(&self, id: &str, scope: &Scope) -> bool {
        let mut recent = self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.iter().any(|known| known == id) {
            return self.inner.stopped.load().contains(scope);
        }
        recent.push_back(id.to_owned());
        if recent.len() > RECENT {
            recent.pop_front();
        }
        false
    }

    fn make_safe(&self, order: &StopOrder, id: &str) -> usize {
        let commands = safe_commands(&self.inner.table.load(), &order.scope, id, &order.reason, self.inner.clock.now());
        let message = StopMessage { id: id.to_owned(), scope: order.scope.clone(), reason: order.reason.clone() };
        self.inner.wire.get().map_or(0, |wire| wire.send(message, commands))
    }

    async fn sync(&self) -> std::io::Result<()> {
        let inner = Arc::clone(&self.inner);
        let writing = blocking(move || inner.file().write(&inner.stopped.load()));
        let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "the disk did not answer in time");
        tokio::time::timeout(SYNCING, writing).await.map_err(late)?
    }

    async fn outlet_is_clear(&self, number: u64) -> bool {
        let mut cleared = self.inner.cleared.subscribe();
        let clear = cleared.wait_for(|cleared| *cleared >= number);
        matches!(tokio::time::timeout(CLEARING, clear).await, Ok(Ok(_)))
    }

    /// The record of a stop follows its answer: a stuck journal must not delay it, and must not lose it either while
    /// the host runs.
    fn write_down(&self, order: StopOrder, report: &StopReport) {
        let Some(line) = self.inner.line.get().cloned() else { return };
        let StopOrder { scope, reason, source, by, .. } = order;
        let body = Body::Stop {
            id: report.id.clone(),
            scope,
            reason,
            source: source.to_owned(),
            by: Personal::Known(by),
            latched_on_disk: report.latched_on_disk,
        };
        tokio::spawn(async move {
            let (recorded, durable) = oneshot::channel();
            let input = Input::Note { body: Box::new(body), puts: Vec::new(), recorded };
            if line.sender().send(input).await.is_err() || durable.await.is_err() {
                error!("the host ended before the stop was recorded; the latch file holds it");
            }
        });
    }
}

impl Inner {
    fn file(&self) -> std::sync::MutexGuard<'_, LatchFile> {
        // The file keeps two copies, and a panic leaves the older one whole.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a scope on disk, then in memory, unless a stop came after `number`.
    ///
    /// A stop that comes between the two has latched in memory already and waits for the file: its own write follows
    /// ours, and it answers only then.
    fn open(&self, scope: &Scope, number: u64) -> Result<(), ResetError> {
        let mut file = self.file();
        if let Err(error) = file.write(&left_by(scope, &self.stopped.load())) {
            // It may be on the disk all the same: the next start must not find it open.
            let _ = file.write(&self.stopped.load());
            return Err(ResetError::File(error));
        }
        let changing = self.changing();
        if self.number.load(Ordering::Acquire) != number {
            drop(changing);
            file.write(&self.stopped.load())?;
            return Err(ResetError::StoppedAgain);
        }
        self.stopped.store(Arc::new(left_by(scope, &self.stopped.load())));
        self.number.store(number + 1, Ordering::Release);
        Ok(())
    }
}

/// What stays stopped after a reset of `scope`.
fn left_by(scope: &Scope, stopped: &BTreeSet<Scope>) -> BTreeSet<Scope> {
    stopped.iter().filter(|stopped| !opens(scope, stopped)).cloned().collect()
}

/// Whether a reset of `scope` opens what is `stopped`: a reset of everything opens devices as well.
fn opens(scope: &Scope, stopped: &Scope) -> bool {
    *scope == Scope::All || scope == stopped
}

/// Runs what blocks on the disk off the async threads.
async fn blocking<T: Send + 'static, E: From<std::io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        warn!(%error, "the latch file's writer did not finish");
        Err(E::from(std::io::Error::other(error.to_string())))
    })
}
