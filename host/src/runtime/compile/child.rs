//! The body of `interlock compile`: limits itself, does one job, answers, ends. Started by the host and by nobody else.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

use super::job::{self, Job, Outcome};
use super::wire::{self, Tag};

/// Bytes of the job's description: the configuration, mostly.
const MAX_JOB_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of an upload; the host has its own, lower limit.
const MAX_UPLOAD_BYTES: u64 = 1024 * 1024 * 1024;
/// Native stack of the thread that works: translation recurses over nested types.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Exit code when host and child do not understand each other.
const MISUNDERSTOOD: u8 = 3;

/// Reads a job from standard input, writes the answer to standard output.
///
/// The exit code says only whether an answer was given; what became of the upload is in the answer.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "interlock compile is started by the host itself: {error}");
            ExitCode::from(MISUNDERSTOOD)
        }
    }
}

fn serve() -> io::Result<()> {
    let (job, upload) = receive()?;
    limits::set(&job)?;
    thread::Builder::new().name("host-gone".to_owned()).spawn(end_with_the_host)?;
    let worker = thread::Builder::new().name("compile".to_owned()).stack_size(STACK_BYTES);
    let done = worker.spawn(move || work(&job, &upload))?.join();
    done.unwrap_or_else(|_| Err(io::Error::other("the compiler panicked")))
}

fn receive() -> io::Result<(Job, Vec<u8>)> {
    let mut stdin = io::stdin().lock();
    let job = wire::read(&mut stdin, Tag::Job, MAX_JOB_BYTES)?;
    let upload = wire::read(&mut stdin, Tag::Artifact, MAX_UPLOAD_BYTES)?;
    Ok((serde_json::from_slice(&job)?, upload))
}

/// The host keeps the pipe open while it wants the answer.
fn end_with_the_host() {
    let _ = io::stdin().lock().read(&mut [0]);
    std::process::exit(i32::from(MISUNDERSTOOD));
}

fn work(job: &Job, upload: &[u8]) -> io::Result<()> {
    let mut lost = None;
    let outcome = job::run(job, upload, &mut |stage| {
        if let Err(error) = serde_json::to_vec(&stage)
            .map_err(io::Error::from)
            .and_then(|stage| wire::write(&mut io::stdout().lock(), Tag::Stage, &stage))
        {
            lost = Some(error);
        }
    });
    if let Some(error) = lost {
        return Err(error);
    }
    let mut stdout = io::stdout().lock();
    let outcome = match outcome {
        Ok(compiled) => {
            if let Some(artifact) = &compiled.artifact {
                wire::write(&mut stdout, Tag::Artifact, artifact)?;
            }
            wire::write(&mut stdout, Tag::Code, &compiled.code)?;
            Outcome::Compiled(compiled.report)
        }
        Err(rejection) => Outcome::Rejected(rejection),
    };
    wire::write(&mut stdout, Tag::Outcome, &serde_json::to_vec(&outcome)?)
}

#[cfg(unix)]
mod limits {
    //! What this process may take from the machine.

    use std::io;

    use rustix::process::{Resource, Rlimit, nice, setrlimit};

    use super::Job;

    /// Address space beyond the memory limit: the engine reserves 4 GiB for each memory and touches little of it.
    #[cfg(target_os = "linux")]
    const RESERVED_BYTES: u64 = 64 * 1024 * 1024 * 1024;
    /// The largest file: memory images are files in memory.
    const FILE_BYTES: u64 = 1024 * 1024 * 1024;
    /// Open files: three pipes, and one for each memory image.
    const FILES: u64 = 64;
    /// How far it stands back behind the line.
    const NICENESS: i32 = 10;

    pub(super) fn set(job: &Job) -> io::Result<()> {
        let limits = [
            (Resource::Core, 0),
            (Resource::Cpu, job.cpu_s),
            (Resource::Fsize, FILE_BYTES),
            (Resource::Nofile, FILES),
            (Resource::Data, job.memory_bytes),
            #[cfg(target_os = "linux")]
            (Resource::As, job.memory_bytes.saturating_add(RESERVED_BYTES)),
        ];
        for (resource, limit) in limits {
            setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
        }
        nice(NICENESS)?;
        Ok(())
    }
}

#[cfg(not(unix))]
mod limits {
    //! This system has no limits for processes; the host's wall clock is all there is.

    pub(super) fn set(_: &super::Job) -> std::io::Result<()> {
        Ok(())
    }
}
