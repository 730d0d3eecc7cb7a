//! What the machine gives: a folder, ports, a clock, a disk that syncs, a toolchain.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Finding;
use crate::build::toolchain::{TARGET, Toolchain};
use crate::config::Config;

/// No clock that is right shows an earlier time than this: 2026-01-01, in seconds since the Unix epoch.
const BUILT_AFTER_S: u64 = 1_767_225_600;
/// Syncs that the disk's speed is the median of.
const SYNCS: usize = 15;
/// A commit slower than this is felt in every command.
const SLOW_SYNC: Duration = Duration::from_millis(20);

/// All of it.
pub fn findings(config: &Config) -> Vec<Finding> {
    let folder = nearest(&config.host.data);
    vec![data_folder(&config.host.data, &folder), disk(&folder), clock(), toolchain()]
}

/// The folder itself, or the nearest one above it that exists.
fn nearest(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|path| path.is_dir()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn data_folder(wanted: &Path, folder: &Path) -> Finding {
    let shown = wanted.display();
    match tempfile::tempfile_in(folder) {
        Ok(_) if wanted.is_dir() => Finding::ok("data folder", format!("`{shown}` can be written")),
        Ok(_) => Finding::ok("data folder", format!("`{shown}` will be made")),
        Err(error) => Finding::fail(
            "data folder",
            format!("`{}` cannot be written: {error}", folder.display()),
            "give the host's user the right to write there, or choose another folder with --data",
        ),
    }
}

fn disk(folder: &Path) -> Finding {
    match sync_median(folder) {
        Ok(median) if median <= SLOW_SYNC => Finding::ok("disk", format!("one commit takes about {}", millis(median))),
        Ok(median) => Finding::warn(
            "disk",
            format!("one commit takes about {}, and every command waits for one", millis(median)),
            "put the data folder on a local disk with a fast sync, not on a network share or an SD card",
        ),
        Err(error) => Finding::warn("disk", format!("could not be measured: {error}"), "see the data folder's line"),
    }
}

fn sync_median(folder: &Path) -> io::Result<Duration> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[0_u8; 4_096])?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(SYNCS / 2).copied().unwrap_or_default())
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

fn clock() -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let shown = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    if now < BUILT_AFTER_S {
        let fix = "set it, and let NTP keep it: holds and time windows follow this clock";
        return Finding::fail("clock", format!("says {shown}, which is in the past"), fix);
    }
    Finding::ok(
        "clock",
        format!("says {shown}, zone {}", jiff::tz::TimeZone::system().iana_name().unwrap_or("unknown")),
    )
}

/// Whether a port can be listened on.
pub fn port(check: &'static str, address: SocketAddr, setting: &str) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(check, format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::fail(
            check,
            format!("{address} is taken, perhaps by a host that runs"),
            format!("stop what listens there, or choose another port with {setting}"),
        ),
        Err(error) => {
            Finding::fail(check, format!("{address}: {error}"), format!("choose another address with {setting}"))
        }
    }
}

/// What `interlock build` would use. A host runs without.
fn toolchain() -> Finding {
    match Toolchain::find() {
        Ok(found) => Finding::ok("toolchain", format!("`interlock build` takes {}", found.version)),
        Err(error) => Finding::warn(
            "toolchain",
            format!("`interlock build` finds no compiler for {TARGET}; a host runs without"),
            error.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_a_failure_with_a_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let finding = port("http port", taken.local_addr().unwrap(), "--http");
        assert_eq!(finding.state, super::super::State::Fail);
        assert!(finding.fix.unwrap().contains("--http"));
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert_eq!(data_folder(&folder.path().join("a"), folder.path()).state, super::super::State::Ok);
        assert!(sync_median(folder.path()).unwrap() > Duration::ZERO);
    }
}
