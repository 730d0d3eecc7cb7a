//! From an upload to a version: checked, compiled, tried on the latest events, saved, and activated if asked.

use std::sync::Arc;

use interlock_core::policy::{Fallback, Limits, Mode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::jobs::Job;
use super::lanes::MAX_POLICIES;
use super::lifecycle::{LifecycleError, Policies, Slot, Step, record};
use super::{JobError, Upload};
use crate::journal::record::PolicyChange;
use crate::runtime::{Prepared, Rejection};
use crate::store::{PolicyRow, Put, VersionRow};

impl Policies {
    /// Starts making a version; the job's id at once, the rest in the background.
    ///
    /// # Errors
    /// When the name cannot be a policy's, too many uploads wait, or there are too many policies.
    pub async fn upload(&self, upload: Upload) -> Result<String, LifecycleError> {
        check_name(&upload.policy)?;
        let known = self.get(&upload.policy).is_ok();
        if !known && self.list().len() >= MAX_POLICIES {
            return Err(LifecycleError::Invalid(format!("there are {MAX_POLICIES} policies already; delete one")));
        }
        if !known && upload.component.is_none() {
            return Err(LifecycleError::NoComponent(upload.policy));
        }
        let uploads = Arc::clone(&self.inner.uploads);
        let permit = uploads.try_acquire_owned().map_err(|_| LifecycleError::Busy(self.inner.parts.max_uploads))?;
        let job = self.inner.jobs.begin(&upload.policy, self.inner.parts.clock.now());
        let id = job.view().id;
        let policies = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            policies.work(&job, upload).await;
        });
        Ok(id)
    }

    async fn work(&self, job: &Arc<Job>, upload: Upload) {
        let (policy, author) = (upload.policy.clone(), upload.author.clone());
        let clock = self.inner.parts.clock.clone();
        match self.make(job, upload).await {
            Ok((version, activated)) => job.done(version, activated, clock.now()),
            Err(error) => {
                let error = JobError::from(error);
                let change = PolicyChange::VersionRefused { problem: error.message.clone() };
                let noted = self.inner.parts.line.note(record(&policy, change, None, &author), Vec::new()).await;
                if let Err(refusal) = noted {
                    warn!(policy, %refusal, "the refusal of an upload could not be recorded");
                }
                job.failed(error, clock.now());
            }
        }
    }

    async fn make(&self, job: &Arc<Job>, upload: Upload) -> Result<(u64, bool), LifecycleError> {
        let newest = self.newest(&upload.policy)?;
        let component = match (&upload.component, &newest) {
            (Some(component), _) => Arc::clone(component),
            (None, Some(newest)) => self.artifact(&newest.digest)?,
            (None, None) => return Err(LifecycleError::NoComponent(upload.policy)),
        };
        let config = upload.config.clone().or_else(|| newest.as_ref().map(|newest| newest.config.clone()));
        let config = config.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let limits = upload.limits.or(newest.map(|newest| newest.limits)).unwrap_or_default();
        let progress = Arc::clone(job);
        let runtime = &self.inner.parts.runtime;
        let prepared =
            runtime.prepare(component, config.to_string(), limits, move |stage| progress.stage(stage.as_str())).await?;
        let checksum = checksum(&prepared.digest, &config, &limits);
        self.refuse_duplicate(&upload.policy, &checksum)?;
        job.stage("dry_running");
        let evidence = self.dry_run(&upload.policy, &prepared)?;
        job.evidence(evidence.clone());
        job.stage("saving");
        let number = self.save(&upload, &prepared, config, limits, checksum, evidence).await?;
        let Some(mode) = upload.activate else { return Ok((number, false)) };
        job.stage("activating");
        let version = self.version(&upload.policy, number)?;
        let change = |from, mode| PolicyChange::Activated { version: number, from, mode };
        let reason = Some(upload.comment.clone()).filter(|comment| !comment.is_empty());
        let step = Step::Forward(Some(mode));
        self.switch(&version, prepared.program, step, change, &upload.author, reason).await?;
        Ok((number, true))
    }

    fn newest(&self, policy: &str) -> Result<Option<VersionRow>, LifecycleError> {
        match self.versions(policy) {
            Ok(versions) => Ok(versions.into_iter().next()),
            Err(LifecycleError::NoPolicy(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn refuse_duplicate(&self, policy: &str, checksum: &str) -> Result<(), LifecycleError> {
        let versions = match self.versions(policy) {
            Err(LifecycleError::NoPolicy(_)) => return Ok(()),
            versions => versions?,
        };
        let Some(same) = versions.iter().find(|version| version.checksum == checksum) else { return Ok(()) };
        let message = format!(
            "version {} of `{policy}` is the same: equal component, configuration and limits; activate that one",
            same.number
        );
        Err(LifecycleError::Rejected(JobError { code: "duplicate".into(), message, problems: Vec::new() }))
    }

    async fn save(
        &self,
        upload: &Upload,
        prepared: &Prepared,
        config: Value,
        limits: Limits,
        checksum: String,
        evidence: Value,
    ) -> Result<u64, LifecycleError> {
        let now = self.inner.parts.clock.now();
        let mut slots = self.inner.slots.lock().await;
        // Another upload of the same may have been saved meanwhile.
        self.refuse_duplicate(&upload.policy, &checksum)?;
        let mut slot = slots.get(&upload.policy).cloned().unwrap_or_else(|| new_slot(&upload.policy, now));
        let number = slot.row.next_version;
        slot.row.next_version += 1;
        let version = VersionRow {
            policy: upload.policy.clone(),
            number,
            digest: prepared.digest.clone(),
            bytes: prepared.artifact.len() as u64,
            config,
            limits,
            manifest: prepared.manifest.clone(),
            plan: prepared.plan.clone(),
            comment: upload.comment.clone(),
            author: upload.author.clone(),
            created: now,
            evidence,
            checksum: checksum.clone(),
        };
        let digest = prepared.digest.clone();
        let change = PolicyChange::VersionSaved { version: number, digest: digest.clone(), checksum };
        let artifact = Put::Artifact { digest, bytes: Arc::clone(&prepared.artifact) };
        let puts = vec![artifact, Put::Version(version), Put::Policy(slot.row.clone())];
        let reason = Some(upload.comment.clone()).filter(|comment| !comment.is_empty());
        self.inner.parts.line.persist(record(&upload.policy, change, reason, &upload.author), puts).await?;
        info!(policy = upload.policy, version = number, digest = prepared.digest, "a version was saved");
        self.show(&mut slots, slot);
        Ok(number)
    }
}

fn new_slot(policy: &str, now: interlock_core::time::Timestamp) -> Slot {
    let row = PolicyRow {
        name: policy.to_owned(),
        active: None,
        mode: Mode::default(),
        enabled: true,
        priority: interlock_core::policy::DEFAULT_PRIORITY,
        fallback: Fallback::default(),
        quarantined: false,
        next_version: 1,
        activations: Vec::new(),
        created: now,
    };
    Slot { row, active: None, problem: None }
}

/// What makes two versions the same: artifact, configuration (whatever the order of its keys), limits.
fn checksum(digest: &str, config: &Value, limits: &Limits) -> String {
    // `serde_json` keeps objects sorted by key, so equal configurations have equal texts.
    let limits = serde_json::json!(limits);
    hex::encode(Sha256::digest(format!("{digest}\n{config}\n{limits}")))
}

fn check_name(policy: &str) -> Result<(), LifecycleError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let starts = policy.starts_with(|c: char| c.is_ascii_lowercase());
    if starts && policy.len() <= 64 && policy.chars().all(letters) {
        Ok(())
    } else {
        Err(LifecycleError::BadName(policy.to_owned()))
    }
}

impl From<Rejection> for JobError {
    fn from(rejection: Rejection) -> Self {
        let problems = rejection.problems().to_vec();
        Self { code: rejection.code().to_owned(), message: rejection.to_string(), problems }
    }
}

impl From<Rejection> for LifecycleError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection.into())
    }
}

impl From<LifecycleError> for JobError {
    fn from(error: LifecycleError) -> Self {
        let code = match &error {
            LifecycleError::Rejected(error) => return error.clone(),
            LifecycleError::NoComponent(_) => "no_component",
            LifecycleError::Refused(_) => "not_recorded",
            LifecycleError::Store(_) => "store",
            _ => "refused",
        };
        Self { code: code.to_owned(), message: error.to_string(), problems: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_small_and_start_with_a_letter() {
        for good in ["greenhouse", "a", "peak-load_2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1st", "Greenhouse", "a/b", "ä", &"a".repeat(65), "-a"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_order_of_keys_makes_no_other_version() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": 2}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b": 2, "a": 1}"#).unwrap();
        let limits = Limits::default();
        assert_eq!(checksum("d", &one, &limits), checksum("d", &two, &limits));
        assert_ne!(checksum("d", &one, &limits), checksum("e", &one, &limits));
        assert_ne!(checksum("d", &one, &limits), checksum("d", &one, &Limits { fuel: 1, ..limits }));
    }
}
