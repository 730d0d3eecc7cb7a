//! A real Mosquitto as a child process.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::Device;

/// A broker on loopback, as the documentation tells users to set one up. Killed when dropped.
pub struct Mosquitto {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Mosquitto {
    /// Starts a broker and waits until it takes clients.
    ///
    /// # Errors
    /// When Mosquitto is not installed or does not start.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Mosquitto cannot be asked which port it took, so one is found for it.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_inflight_messages 0\nmax_queued_messages 0\n",
            address.port()
        );
        std::fs::write(&config, text)?;
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start mosquitto; is it installed?")?;
        let broker = Self { child, address, _folder: folder };
        // Connecting retries until the broker answers.
        drop(Device::connect(address, "probe")?);
        Ok(broker)
    }

    /// Its address as the host takes it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
