//! Uploads on their way to becoming versions: what people can watch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interlock_core::time::Timestamp;
use tokio::sync::watch;

use super::{JobError, JobState, JobView};

/// Jobs that are remembered after they ended.
const ENDED: usize = 256;

/// How long [`Jobs::changed`] waits.
const WAIT: Duration = Duration::from_secs(10);

/// All jobs of this run of the host.
#[derive(Default)]
pub(super) struct Jobs {
    jobs: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: BTreeMap<String, watch::Sender<JobView>>,
    order: VecDeque<String>,
}

/// The one who works on a job.
pub(super) struct Job {
    view: watch::Sender<JobView>,
}

impl Jobs {
    /// A new job.
    pub fn begin(&self, policy: &str, now: Timestamp) -> Arc<Job> {
        let id = uuid::Uuid::now_v7().to_string();
        let view = watch::Sender::new(JobView {
            id: id.clone(),
            policy: policy.to_owned(),
            state: JobState::Running,
            stages: Vec::new(),
            version: None,
            activated: false,
            evidence: serde_json::Value::Null,
            error: None,
            started: now,
            ended: None,
        });
        let mut state = self.state();
        state.by_id.insert(id.clone(), view.clone());
        state.order.push_back(id);
        if state.order.len() > ENDED
            && let Some(oldest) = state.order.pop_front()
        {
            state.by_id.remove(&oldest);
        }
        Arc::new(Job { view })
    }

    /// A job as it is now.
    pub fn get(&self, id: &str) -> Option<JobView> {
        self.state().by_id.get(id).map(|view| view.borrow().clone())
    }

    /// A job once it has more stages than `seen`, or has ended, or some time has passed.
    pub async fn changed(&self, id: &str, seen: usize) -> Option<JobView> {
        let mut view = self.state().by_id.get(id)?.subscribe();
        let moved = view.wait_for(|view| view.stages.len() > seen || view.state != JobState::Running);
        let moved = tokio::time::timeout(WAIT, moved).await.ok().and_then(|view| Some(view.ok()?.clone()));
        moved.or_else(|| self.get(id))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// The job as it is now.
    pub fn view(&self) -> JobView {
        self.view.borrow().clone()
    }

    /// The next stage has begun.
    pub fn stage(&self, stage: &str) {
        self.view.send_modify(|view| {
            if view.stages.last().is_none_or(|last| last != stage) {
                view.stages.push(stage.to_owned());
            }
        });
    }

    /// What was seen in the dry run.
    pub fn evidence(&self, evidence: serde_json::Value) {
        self.view.send_modify(|view| view.evidence = evidence);
    }

    /// It became this version.
    pub fn done(&self, version: u64, activated: bool, now: Timestamp) {
        self.view.send_modify(|view| {
            view.version = Some(version);
            view.activated = activated;
            view.state = JobState::Done;
            view.ended = Some(now);
        });
    }

    /// It was refused.
    pub fn failed(&self, error: JobError, now: Timestamp) {
        self.view.send_modify(|view| {
            view.error = Some(error);
            view.state = JobState::Failed;
            view.ended = Some(now);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_hears_of_the_next_stage_and_of_the_end() {
        let jobs = Jobs::default();
        let job = jobs.begin("greenhouse", Timestamp(1));
        let id = job.view().id;
        job.stage("checking");
        assert_eq!(jobs.changed(&id, 0).await.unwrap().stages, ["checking"]);
        let (next, ()) = tokio::join!(jobs.changed(&id, 1), async { job.done(3, true, Timestamp(2)) });
        assert_eq!(next.unwrap().version, Some(3));
        assert_eq!(jobs.get("unknown"), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let jobs = Jobs::default();
        let first = jobs.begin("a", Timestamp(0)).view().id;
        for _ in 0..ENDED {
            jobs.begin("a", Timestamp(0));
        }
        assert_eq!(jobs.get(&first), None);
    }
}
