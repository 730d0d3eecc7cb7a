//! Where an open host is and who may enter: for people, for tools on this machine, and for scripts that wait for it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Failure;
use super::super::client::{DEFAULT_DATA, DEFAULT_URL, TOKEN_FILE};

/// An open host.
#[derive(Debug, Clone)]
pub struct Open {
    /// Where it answers, as others on this machine reach it.
    pub http: SocketAddr,
    /// The embedded broker; none with another one.
    pub mqtt: Option<SocketAddr>,
    /// The broker, without a password.
    pub broker: String,
    /// The administrator's token, at the very first start only.
    pub first_token: Option<String>,
    /// The data folder.
    pub data: PathBuf,
}

/// A listener's address as others on this machine reach it.
pub fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

impl Open {
    /// Where the API begins.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// The page, ready to click. The token stands in the fragment, which browsers send to nobody.
    pub fn page(&self) -> String {
        match &self.first_token {
            Some(token) => format!("{}/#token={token}", self.url()),
            None => format!("{}/", self.url()),
        }
    }

    /// The flags a verb needs to find this host, where it is not where verbs look by themselves.
    pub fn elsewhere(&self) -> String {
        let mut flags = String::new();
        if self.url() != DEFAULT_URL {
            flags.push_str(&format!(" --url {}", self.url()));
        }
        if self.data != Path::new(DEFAULT_DATA) {
            flags.push_str(&format!(" --data {}", self.data.display()));
        }
        flags
    }

    /// Where the token is kept for tools on this machine.
    pub fn token_file(&self) -> PathBuf {
        self.data.join(TOKEN_FILE)
    }

    /// Keeps the first token where only this user can read it, so that `interlock ps` just works.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_token(&self) -> Result<(), Failure> {
        let Some(token) = &self.first_token else { return Ok(()) };
        let path = self.token_file();
        write_private(&path, token).map_err(|error| Failure::failed(format!("`{}`: {error}", path.display())))
    }

    /// What a script wants to know. The token is the first one, or the one that is kept.
    pub fn json(&self) -> serde_json::Value {
        let kept = || std::fs::read_to_string(self.token_file()).ok().map(|token| token.trim().to_owned());
        let token = self.first_token.clone().or_else(kept);
        json!({
            "http": self.http, "mqtt": self.mqtt, "url": self.url(), "token": token, "pid": std::process::id(),
        })
    }

    /// Writes [`Open::json`] in one step: whoever waits for the file never sees half of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_to(&self, path: &Path) -> Result<(), Failure> {
        let half = path.with_extension("half");
        write_private(&half, &self.json().to_string())
            .and_then(|()| std::fs::rename(&half, path))
            .map_err(|error| Failure::failed(format!("`{}`: {error}", path.display())))
    }
}

/// Writes a file that only this user can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(data: &Path, first_token: Option<&str>) -> Open {
        Open {
            http: reachable("0.0.0.0:8080".parse().unwrap()),
            mqtt: None,
            broker: "mqtt://127.0.0.1:1883".to_owned(),
            first_token: first_token.map(str::to_owned),
            data: data.to_owned(),
        }
    }

    #[test]
    fn the_token_is_kept_for_this_user_only_and_told_again() {
        let data = tempfile::tempdir().unwrap();
        let first = open(data.path(), Some("il_secret"));
        first.keep_token().unwrap();
        assert_eq!(first.page(), "http://127.0.0.1:8080/#token=il_secret");
        let mode = first.token_file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = open(data.path(), None);
        second.keep_token().unwrap();
        assert_eq!(second.page(), "http://127.0.0.1:8080/");
        assert_eq!(second.json()["token"], "il_secret");
    }

    #[test]
    fn the_ready_file_is_whole() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("ready.json");
        open(data.path(), None).write_to(&path).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((&told["http"], &told["url"]), (&json!("127.0.0.1:8080"), &json!("http://127.0.0.1:8080")));
        assert_eq!(told["token"], serde_json::Value::Null);
        assert_eq!(told["pid"], std::process::id());
    }
}
