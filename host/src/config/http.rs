//! `[http]`: where the host listens, and what one client may take of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Where the host listens for HTTP, and the bounds it keeps there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port to listen on; port 0 takes any free one. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Serve requests without a token as if they had every scope. Only on a loopback address. Default `false`.
    pub insecure_dev: bool,
    /// Origins besides the host's own that may open live connections, as in `https://panel.example`. Default none.
    pub allowed_origins: Vec<String>,
    /// Requests a minute per token, where the token has no number of its own. Default 100.
    pub requests_per_minute: u32,
    /// Requests a minute without a valid token per address, beyond which they are not even looked at. Default 30.
    pub unauthenticated_per_minute: u32,
    /// Open connections in all. Default 12 000.
    pub max_connections: usize,
    /// Open connections per address; loopback is exempt. Default 256.
    pub max_connections_per_ip: usize,
    /// Live clients (WebSocket and SSE) in all. Default 10 000.
    pub max_live_clients: usize,
    /// Milliseconds a client has for sending its request's head, and may stay silent between two. Default 10 000.
    pub header_timeout_ms: u64,
    /// Milliseconds a client has for sending a whole body. Default 60 000.
    pub body_timeout_ms: u64,
    /// Milliseconds a client may leave what it was sent unread. Default 10 000.
    pub write_timeout_ms: u64,
    /// Milliseconds between two pings to a live client; without any word for two of them it is gone. Default 15 000.
    pub ping_interval_ms: u64,
    /// Bytes of a JSON body. Default 1 MiB.
    pub max_body_bytes: usize,
    /// Bytes of an uploaded component. Default 32 MiB.
    pub max_upload_bytes: usize,
    /// Milliseconds that answers in flight have at the host's end. Default 5 000.
    pub drain_ms: u64,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            insecure_dev: false,
            allowed_origins: Vec::new(),
            requests_per_minute: 100,
            unauthenticated_per_minute: 30,
            max_connections: 12_000,
            max_connections_per_ip: 256,
            max_live_clients: 10_000,
            header_timeout_ms: 10_000,
            body_timeout_ms: 60_000,
            write_timeout_ms: 10_000,
            ping_interval_ms: 15_000,
            max_body_bytes: 1024 * 1024,
            max_upload_bytes: 32 * 1024 * 1024,
            drain_ms: 5_000,
        }
    }
}

impl Http {
    /// Everything that is wrong, each with the key and what to change.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.insecure_dev && !self.listen.ip().is_loopback() {
            problems.push(format!(
                "`http.insecure_dev` lets everyone in, so it needs a loopback address, and `http.listen` is `{}`: \
                 use `127.0.0.1:{}`, or leave insecure_dev out and use tokens",
                self.listen,
                self.listen.port(),
            ));
        }
        for origin in &self.allowed_origins {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if rest.is_none_or(|host| host.is_empty() || host.contains('/')) {
                problems.push(format!(
                    "`http.allowed_origins` has `{origin}`: write scheme, host and port only, as in `https://panel.example`"
                ));
            }
        }
        let smallest: [(&str, u64, u64); 11] = [
            ("requests_per_minute", u64::from(self.requests_per_minute), 1),
            ("unauthenticated_per_minute", u64::from(self.unauthenticated_per_minute), 1),
            ("max_connections", wide(self.max_connections), 1),
            ("max_connections_per_ip", wide(self.max_connections_per_ip), 1),
            ("max_live_clients", wide(self.max_live_clients), 1),
            ("header_timeout_ms", self.header_timeout_ms, 10),
            ("body_timeout_ms", self.body_timeout_ms, 10),
            ("write_timeout_ms", self.write_timeout_ms, 10),
            ("ping_interval_ms", self.ping_interval_ms, 10),
            ("max_body_bytes", wide(self.max_body_bytes), 1_024),
            ("max_upload_bytes", wide(self.max_upload_bytes), 1_024),
        ];
        problems.extend(
            smallest
                .into_iter()
                .filter(|(_, given, least)| given < least)
                .map(|(key, given, least)| format!("`http.{key}` is {given}: it must be at least {least}")),
        );
        problems
    }
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Http::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let config = Http {
            listen: "0.0.0.0:8080".parse().unwrap(),
            insecure_dev: true,
            allowed_origins: vec!["panel.example".into(), "https://panel.example/x".into()],
            requests_per_minute: 0,
            ..Http::default()
        };
        let problems = config.problems();
        assert_eq!(problems.len(), 4, "{problems:#?}");
        assert!(problems[0].contains("insecure_dev") && problems[3].contains("requests_per_minute"));
    }
}
