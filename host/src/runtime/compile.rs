//! Compiling, in a process of its own.
//!
//! What the engine promises holds for running WebAssembly, not for compiling it: a hostile file may make a compiler
//! loop, eat memory or overflow its stack. So everything that looks deeper into a stranger's file than its header
//! happens in a child (`interlock compile`) that limits itself, is killed when it takes too long, and can at worst
//! fail. One at a time: compiling is never urgent, and the line needs the processors.

pub mod child;
mod job;
mod schema;
mod wire;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use interlock_core::policy::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

pub(super) use job::{Compiled, Report};
use job::{Job, Outcome};
use wire::Tag;

use super::Stage;
use super::rejection::Rejection;
use crate::config;

/// Bytes of the child's last words that are read.
const MAX_LAST_WORDS: u64 = 4 * 1024;
/// Bytes of one part of the child's answer.
const MAX_PART_BYTES: u64 = 1024 * 1024 * 1024;
/// This program, even when its file has been replaced by a newer one meanwhile.
#[cfg(target_os = "linux")]
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Starts children, one at a time.
#[derive(Debug)]
pub(super) struct Compiler {
    program: PathBuf,
    wall: Duration,
    job: JobLimits,
    queue: u32,
    places: Semaphore,
    turn: Semaphore,
}

#[derive(Debug, Clone, Copy)]
struct JobLimits {
    setup_fuel: u64,
    setup_deadline_ms: u64,
    cpu_s: u64,
    memory_bytes: u64,
}

impl Compiler {
    /// A compiler as configured.
    ///
    /// # Errors
    /// When this program's own file cannot be found.
    pub(super) fn new(config: &config::runtime::Runtime) -> std::io::Result<Self> {
        let program = match &config.compiler {
            Some(program) => program.clone(),
            None => this_program()?,
        };
        Ok(Self {
            program,
            wall: Duration::from_secs(config.compile_wall_s),
            job: JobLimits {
                setup_fuel: config.setup_fuel,
                setup_deadline_ms: config.setup_deadline_ms,
                cpu_s: config.compile_cpu_s,
                memory_bytes: config.compile_memory_bytes,
            },
            queue: config.compile_queue,
            places: Semaphore::new(usize::try_from(config.compile_queue).unwrap_or(usize::MAX).saturating_add(1)),
            turn: Semaphore::new(1),
        })
    }

    /// Checks, configures, snapshots and compiles one upload. Dropping the future kills the child.
    ///
    /// # Errors
    /// Why the upload is not taken, or how the child ended.
    pub(super) async fn compile(
        &self,
        upload: &Arc<[u8]>,
        config: &str,
        limits: Limits,
        progress: &mut (impl FnMut(Stage) + Send),
    ) -> Result<Compiled, Rejection> {
        let _place = self.places.try_acquire().map_err(|_| Rejection::Busy { waiting: self.queue })?;
        let _turn = self.turn.acquire().await.map_err(|error| Rejection::Io { reason: error.to_string() })?;
        let job = Job {
            config: config.to_owned(),
            limits,
            setup_fuel: self.job.setup_fuel,
            setup_deadline_ms: self.job.setup_deadline_ms,
            cpu_s: self.job.cpu_s,
            memory_bytes: self.job.memory_bytes,
        };
        let mut child = self.start().map_err(|error| Rejection::io(&error))?;
        match tokio::time::timeout(self.wall, attend(&mut child, &job, upload, progress)).await {
            Ok(Ok(Some(outcome))) => outcome,
            Ok(Ok(None)) => Err(self.died(child).await),
            Ok(Err(error)) => Err(Rejection::io(&error)),
            Err(_) => Err(Rejection::CompileTimeout { seconds: self.wall.as_secs() }),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .arg("compile")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.arg0("interlock");
        command.spawn()
    }

    async fn died(&self, mut child: Child) -> Rejection {
        drop(child.stdin.take());
        let mut words = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            // A grandchild could hold the pipe open, so the wait for last words is bounded as well.
            let read = async { stderr.take(MAX_LAST_WORDS).read_to_end(&mut words).await };
            let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
        }
        let status = match tokio::time::timeout(Duration::from_secs(1), child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Rejection::io(&error),
            Err(_) => return Rejection::CompileCrash { reason: "it closed its pipe and went on".to_owned() },
        };
        self.explain(status, String::from_utf8_lossy(&words).trim())
    }

    fn explain(&self, status: ExitStatus, words: &str) -> Rejection {
        if words.contains("memory allocation of") || words.contains("Cannot allocate memory") {
            let bytes = self.job.memory_bytes;
            let reason = format!("it needs more than {bytes} bytes of memory (`runtime.compile_memory_bytes`)");
            return Rejection::CompileLimit { reason };
        }
        match signal(status) {
            Some(SIGXCPU) => {
                let seconds = self.job.cpu_s;
                let reason = format!("it needs more than {seconds} s of processor time (`runtime.compile_cpu_s`)");
                Rejection::CompileLimit { reason }
            }
            Some(SIGKILL) => Rejection::CompileLimit { reason: "the system killed it, likely for memory".to_owned() },
            Some(SIGSEGV) => Rejection::CompileCrash { reason: "its stack overflowed".to_owned() },
            Some(signal) => Rejection::CompileCrash { reason: format!("signal {signal}: {}", last_line(words)) },
            None => Rejection::CompileCrash { reason: format!("{status}: {}", last_line(words)) },
        }
    }
}

const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
const fn signal(_: ExitStatus) -> Option<i32> {
    None
}

fn last_line(words: &str) -> &str {
    words.lines().rev().find(|line| !line.starts_with("note:")).unwrap_or("it said nothing")
}

#[cfg(target_os = "linux")]
fn this_program() -> std::io::Result<PathBuf> {
    Ok(PathBuf::from(THIS_PROGRAM))
}

#[cfg(not(target_os = "linux"))]
fn this_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Gives the child its work and collects the answer; none if it ended without one.
async fn attend(
    child: &mut Child,
    job: &Job,
    upload: &[u8],
    progress: &mut (impl FnMut(Stage) + Send),
) -> std::io::Result<Option<Result<Compiled, Rejection>>> {
    let pipes = (child.stdin.as_mut(), child.stdout.as_mut());
    let (Some(stdin), Some(stdout)) = pipes else {
        return Err(std::io::Error::other("the child has no pipes"));
    };
    // A child that dies early closes its end; why it died is told by its status.
    if let Err(error) = give(stdin, job, upload).await
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error);
    }
    match collect(stdout, progress).await {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        collected => collected.map(Some),
    }
}

async fn give(stdin: &mut ChildStdin, job: &Job, upload: &[u8]) -> std::io::Result<()> {
    let job = serde_json::to_vec(job)?;
    for (tag, bytes) in [(Tag::Job, job.as_slice()), (Tag::Artifact, upload)] {
        stdin.write_all(&wire::header(tag, bytes)).await?;
        stdin.write_all(bytes).await?;
    }
    stdin.flush().await
}

async fn collect(
    stdout: &mut ChildStdout,
    progress: &mut (impl FnMut(Stage) + Send),
) -> std::io::Result<Result<Compiled, Rejection>> {
    let (mut artifact, mut code) = (None, Vec::new());
    loop {
        let mut header = [0; wire::HEADER_BYTES];
        stdout.read_exact(&mut header).await?;
        let (tag, length) = wire::parse(header, MAX_PART_BYTES)?;
        // Grows with what arrives: the length is only a claim.
        let mut bytes = Vec::new();
        (&mut *stdout).take(length).read_to_end(&mut bytes).await?;
        if (bytes.len() as u64) < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match tag {
            Tag::Stage => progress(serde_json::from_slice(&bytes)?),
            Tag::Artifact => artifact = Some(Arc::from(bytes)),
            Tag::Code => code = bytes,
            Tag::Outcome => {
                return Ok(match serde_json::from_slice(&bytes)? {
                    Outcome::Compiled(report) => Ok(Compiled { report, artifact, code }),
                    Outcome::Rejected(rejection) => Err(rejection),
                });
            }
            Tag::Job => return Err(std::io::Error::other("the child sent a job")),
        }
    }
}
