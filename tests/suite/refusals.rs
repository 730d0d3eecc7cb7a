//! A host that cannot start says why in one line, with the way out, and nothing is lost.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use interlock_tests::Host;
use interlock_tests::host::{Options, binary};

use crate::CONFIG;

/// Any free port.
const FREE: &str = "127.0.0.1:0";

/// Tries to start a host on free ports and waits for its end.
fn up(data: &Path, arguments: &[&str]) -> Result<Output> {
    up_at(data, FREE, FREE, arguments)
}

fn up_at(data: &Path, http: &str, mqtt: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command.arg("up").arg("--data").arg(data).args(["--http", http, "--mqtt-listen", mqtt]);
    Ok(command.args(arguments).output()?)
}

/// What it said last, which must be one line that names what helps.
fn says(output: &Output, helps: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it must not start: {said}");
    let line = said.lines().last().unwrap_or_default().to_owned();
    assert!(line.contains(helps), "`{line}` must name `{helps}`");
    line
}

#[test]
fn a_used_port() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    says(&up_at(&folder.path().join("a"), &address, FREE, &[])?, &address);
    says(&up_at(&folder.path().join("b"), FREE, &address, &[])?, &address);
    Ok(())
}

#[test]
fn an_unwritable_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way")?;
    // A folder below a file can be made by nobody, root included.
    let line = says(&up(&file.join("data"), &[])?, "--data");
    assert!(line.contains("data"), "{line}");
    Ok(())
}

#[test]
fn a_second_host_on_the_same_data() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let host = Host::start(&Options { data: &data, mqtt_url: None, config: CONFIG, token: None })?;
    says(&up(&data, &[])?, "another host");
    assert_eq!(host.api().get("/healthz")?.status, 200, "the first one goes on");
    Ok(())
}

#[test]
fn a_broken_configuration_tells_all_its_mistakes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("interlock.toml");
    std::fs::write(&config, "[host]\ndrain_s = 0\ndarin = 3\n[http]\nmax_connections = \"many\"\n")?;
    let output = up(&folder.path().join("data"), &["--config", &config.display().to_string()])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for culprit in ["host.drain_s", "darin", "http.max_connections"] {
        assert!(said.contains(culprit), "{culprit} is told: {said}");
    }
    Ok(())
}
