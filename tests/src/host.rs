//! The shipped binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Api, PATIENCE};

/// A host at work. Killed when dropped.
pub struct Host {
    child: Child,
    /// Where REST and WebSocket are.
    pub http: SocketAddr,
    /// Where the embedded broker is; none with another broker.
    pub mqtt: Option<SocketAddr>,
    /// The token of the first start, or the one given.
    pub token: String,
    data: PathBuf,
}

/// How to start a host.
pub struct Options<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Another broker instead of the embedded one.
    pub mqtt_url: Option<String>,
    /// The configuration file's text.
    pub config: &'a str,
    /// The token of an earlier start of the same data folder.
    pub token: Option<String>,
}

impl Host {
    /// Starts a host and waits until it is ready.
    ///
    /// # Errors
    /// When it ends before, with what it said.
    pub fn start(options: &Options<'_>) -> Result<Self> {
        let config = options.data.with_extension("toml");
        std::fs::write(&config, options.config)?;
        let mut command = Command::new(binary()?);
        command.arg("up").arg("--json").arg("--data").arg(options.data).arg("--config").arg(&config);
        command.args(["--http", "127.0.0.1:0"]);
        match &options.mqtt_url {
            Some(url) => command.args(["--mqtt-url", url]),
            None => command.args(["--mqtt-listen", "127.0.0.1:0"]),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start the host")?;
        let ready = first_line(&mut child)?;
        let address = |name: &str| ready.get(name).and_then(Value::as_str)?.parse().ok();
        let token = ready.get("token").and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Self {
            child,
            http: address("http").with_context(|| format!("no address in {ready}"))?,
            mqtt: address("mqtt"),
            token: token.or_else(|| options.token.clone()).context("no token")?,
            data: options.data.to_owned(),
        })
    }

    /// Its REST interface with the first token.
    pub fn api(&self) -> Api {
        Api::new(self.http, &self.token)
    }

    /// Runs a verb of the command line against it.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn cli(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(binary()?);
        command.args(arguments).env("INTERLOCK_URL", format!("http://{}", self.http));
        Ok(command.env("INTERLOCK_TOKEN", &self.token).stdin(Stdio::null()).output()?)
    }

    /// The same, and its answer: the verb must succeed and print JSON.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn cli_json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.cli(&[arguments, &["--json"]].concat())?;
        if !output.status.success() {
            bail!("{arguments:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{arguments:?} said {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// Asks it to drain, as a service manager does, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn drain(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(self.child.id().try_into()?).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        Ok(self.child.wait()?)
    }

    /// Kills it without a word, as a power cut does.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shipped binary: it lies beside the folder of the test binaries.
///
/// # Errors
/// When it is not there: build the workspace.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let binary = test.ancestors().nth(2).context("a target folder")?.join("interlock");
    if !binary.exists() {
        bail!("{} is missing; run the tests of the whole workspace, which build it", binary.display());
    }
    Ok(binary)
}

/// The first line of the child's output: what it says when it is ready. The rest is read and dropped, so that the child
/// never waits for us.
fn first_line(child: &mut Child) -> Result<Value> {
    let stdout = child.stdout.take().context("the host's output")?;
    let mut stderr = child.stderr.take().context("the host's log")?;
    let (said, hear) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        let _ = said.send(lines.next());
        lines.for_each(drop);
    });
    let log = std::thread::spawn(move || {
        let mut log = String::new();
        let _ = stderr.read_to_string(&mut log);
        if std::env::var_os("INTERLOCK_TEST_LOG").is_some() {
            #[expect(clippy::print_stderr, reason = "asked for by whoever looks into a failure")]
            {
                eprintln!("{log}");
            }
        }
        log
    });
    match hear.recv_timeout(PATIENCE) {
        Ok(Some(line)) => Ok(serde_json::from_str(&line?)?),
        Ok(None) => bail!("the host ended before it was ready: {}", log.join().unwrap_or_default()),
        Err(_) => {
            child.kill()?;
            bail!("the host was not ready in time: {}", log.join().unwrap_or_default())
        }
    }
}
