//! The way to a running host: its HTTP API, with every refusal turned into one clear line and an exit code.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{Agent, AsSendBody, Body};

use super::failure::Failure;

/// The local token's file name in the data folder.
pub const TOKEN_FILE: &str = "token";

/// Where a host answers unless it is told otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Where a host keeps its data unless it is told otherwise.
pub const DEFAULT_DATA: &str = "interlock-data";

/// Where the native API begins; the paths of all calls are relative to it.
const API: &str = "/api/v1";

/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// Which host, and with which rights.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Remote {
    /// Where the host answers.
    #[arg(long, env = "INTERLOCK_URL", default_value = DEFAULT_URL, value_name = "URL")]
    pub url: String,
    /// The access token. Without one, the token that a host on this machine left in its data folder is taken.
    #[arg(long, env = "INTERLOCK_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// The data folder of the host on this machine.
    #[arg(long, env = "INTERLOCK_HOST_DATA", default_value = DEFAULT_DATA, value_name = "DIR")]
    pub data: PathBuf,
}

/// An answer that says no, as RFC 9457 has it, with the host's hint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// What went wrong, exactly.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where the mistake is in what was sent.
    pub path: Option<String>,
    /// Each mistake in what was sent, where there are several.
    pub problems: Vec<interlock_core::policy::Problem>,
}

impl Problem {
    /// The problem as the failure of a verb. The status decides the exit code: what was asked wrongly is 2, a host that
    /// cannot answer now is 3, a plain no is 1.
    pub fn failure(self, status: StatusCode) -> Failure {
        let detail = self.detail.filter(|detail| !detail.is_empty());
        let mut message = detail.unwrap_or_else(|| format!("the host answered {status}"));
        if let Some(path) = self.path.filter(|path| path != ".") {
            message = format!("`{path}`: {message}");
        }
        for problem in &self.problems {
            let pointer = if problem.pointer.is_empty() { "/" } else { problem.pointer.as_str() };
            message.push_str(&format!("\n  `{pointer}` {}", problem.message));
        }
        let failure = match status.as_u16() {
            400 | 401 | 403 | 404 | 405 | 413 | 415 => Failure::usage(message),
            502..=504 => Failure::unreachable(message),
            _ => Failure::failed(message),
        };
        match self.hint.or_else(|| own_hint(status)) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn own_hint(status: StatusCode) -> Option<String> {
    let hint = match status.as_u16() {
        401 => "give a token with --token or INTERLOCK_TOKEN, or name the host's data folder with --data",
        403 => "this token lacks the scope; `interlock token new` makes one that has it",
        429 => "too many requests; try again in a minute",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A running host.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// The host that `remote` names. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is none, or the token's file cannot be read although it is there.
    pub fn new(remote: &Remote) -> Result<Self, Failure> {
        let base = remote.url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(
                Failure::usage(format!("`{base}` is no address")).hint("write for example http://127.0.0.1:8080")
            );
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .user_agent(concat!("interlock/", env!("CARGO_PKG_VERSION")));
        let local = is_local(&base);
        let config = if local { config.proxy(None) } else { config };
        let token = match &remote.token {
            Some(token) => Some(token.clone()),
            None if local => local_token(remote)?,
            None => None,
        };
        Ok(Self { agent: config.build().into(), base, token })
    }

    /// Reads.
    ///
    /// # Errors
    /// The host's problem, or that it is not reachable.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        read(self.call(Method::GET, path, None, ())?)
    }

    /// Asks for something with a JSON body.
    ///
    /// # Errors
    /// The host's problem, or that it is not reachable.
    pub fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::failed(error.to_string()))?;
        read(self.call(method, path, Some("application/json"), body)?)
    }

    /// Deletes.
    ///
    /// # Errors
    /// The host's problem, or that it is not reachable.
    pub fn delete(&self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None, ()).map(drop)
    }

    /// Server-sent events: `each` gets the data of one event, until it says so or the host ends.
    ///
    /// # Errors
    /// The host's problem, that it is not reachable, or whatever `each` fails with.
    pub fn events(&self, path: &str, mut each: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
        let response = self.call(Method::GET, path, None, ())?;
        let mut data = String::new();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.map_err(|error| Failure::unreachable(format!("the host ended the stream: {error}")))?;
            match line.strip_prefix("data:") {
                Some(more) => data.push_str(more.trim_start()),
                None if line.is_empty() && !data.is_empty() => each(&std::mem::take(&mut data))?,
                None => {}
            }
        }
        Ok(())
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{API}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request =
            request.body(body).map_err(|error| Failure::usage(format!("`{path}` cannot be asked for: {error}")))?;
        let mut response = self.agent.run(request).map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Problem = response.body_mut().read_json().unwrap_or_default();
        Err(problem.failure(status))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let base = &self.base;
        match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Failure::unreachable(format!("no host answers at {base}"))
                    .hint("start one with `interlock up`, or say where it is with --url or INTERLOCK_URL")
            }
            error => Failure::unreachable(format!("the host at {base} cannot be reached: {error}"))
                .hint("check --url, the network, and whether the host runs"),
        }
    }
}

fn read<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, Failure> {
    let body = response.body_mut().with_config().limit(MAX_ANSWER);
    let text = body.read_to_string().map_err(|error| Failure::unreachable(format!("the answer broke off: {error}")))?;
    let text = if text.is_empty() { "null" } else { text.as_str() };
    serde_json::from_str(text).map_err(|error| {
        Failure::failed(format!("the answer is not what this version understands: {error}"))
            .hint("use the same version of interlock on both sides")
    })
}

fn local_token(remote: &Remote) -> Result<Option<String>, Failure> {
    let path = remote.data.join(TOKEN_FILE);
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok(Some(token.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("the token in `{}` cannot be read: {error}", path.display()))
            .hint("run as the user who runs the host, or give --token")),
    }
}

/// Whether the address is on this machine: only there the local token is sent, and no proxy stands between.
fn is_local(base: &str) -> bool {
    let Ok(uri) = base.parse::<ureq::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text as one segment of a path or one value of a query.
pub fn escaped(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: String, token: Option<&str>) -> Remote {
        Remote { url, token: token.map(str::to_owned), data: "nowhere".into() }
    }

    /// Answers one request with these bytes; returns the address and what was asked.
    fn host(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4_096];
            let read = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        (format!("http://{address}"), asked)
    }

    #[test]
    fn a_problem_becomes_one_line_a_hint_and_an_exit_code() {
        let (url, asked) = host(
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
             {\"title\":\"Conflict\",\"detail\":\"version 3 is identical\",\"hint\":\"activate 3\",\"status\":409}",
        );
        let client = Client::new(&remote(url, Some("secret"))).unwrap();
        let failure = client.get::<serde_json::Value>("/policies").unwrap_err();
        assert_eq!(failure, Failure::failed("version 3 is identical").hint("activate 3"));
        assert_eq!(failure.code(), 1);
        let asked = asked.join().unwrap().to_lowercase();
        assert!(asked.starts_with("get /api/v1/policies http/1.1"), "{asked}");
        assert!(asked.contains("authorization: bearer secret"), "{asked}");
    }

    #[test]
    fn an_answer_without_a_body_still_says_what_to_do() {
        let (url, _asked) = host("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let failure = Client::new(&remote(url, None)).unwrap().get::<()>("/x").unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(failure.message.contains("401"), "{failure:?}");
        assert!(failure.hint.unwrap().contains("INTERLOCK_TOKEN"));
    }

    #[test]
    fn mistakes_in_what_was_sent_are_listed_by_pointer() {
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "title": "Unprocessable Entity", "detail": "invalid configuration",
            "problems": [{"pointer": "/rules/0/value", "message": "is missing"}],
        }))
        .unwrap();
        let failure = problem.failure(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(failure.message, "invalid configuration\n  `/rules/0/value` is missing");
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_host_that_is_not_there_is_exit_code_3() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let failure =
            Client::new(&remote(format!("http://127.0.0.1:{port}"), None)).unwrap().get::<()>("/").unwrap_err();
        assert_eq!(failure.code(), 3);
        assert!(failure.hint.unwrap().contains("interlock up"));
    }

    #[test]
    fn events_are_handed_over_one_by_one() {
        let (url, _asked) = host(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
             id: 1\nevent: reading\ndata: {\"a\":1}\n\n: ping\n\ndata: {\"a\":2}\n\n",
        );
        let mut seen = Vec::new();
        let client = Client::new(&remote(url, None)).unwrap();
        let keep = |data: &str| {
            seen.push(data.to_owned());
            Ok(())
        };
        client.events("/stream", keep).unwrap();
        assert_eq!(seen, ["{\"a\":1}", "{\"a\":2}"]);
    }

    #[test]
    fn the_local_token_is_taken_for_a_local_host_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TOKEN_FILE), "abc\n").unwrap();
        let mut remote = remote("http://127.0.0.1:1".to_owned(), None);
        remote.data = folder.path().to_owned();
        assert_eq!(Client::new(&remote).unwrap().token.as_deref(), Some("abc"));
        for elsewhere in ["http://example.com", "http://127.0.0.1.example.com", "http://localhost@example.com"] {
            remote.url = elsewhere.to_owned();
            assert_eq!(Client::new(&remote).unwrap().token, None, "{elsewhere}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a b/ü").to_string(), "a%20b%2F%C3%BC");
    }
}
