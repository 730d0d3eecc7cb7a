//! The host's REST interface.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use serde_json::Value;

/// A client with one token.
pub struct Api {
    agent: ureq::Agent,
    base: String,
    token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, where it is JSON.
    pub body: Value,
}

impl Api {
    /// A client of the host at this address.
    pub fn new(host: SocketAddr, token: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(crate::PATIENCE));
        Self { agent: config.build().into(), base: format!("http://{host}"), token: token.to_owned() }
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        let request = self.agent.get(format!("{}{path}", self.base));
        answer(request.header("authorization", format!("Bearer {}", self.token)).call()?)
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.agent.post(format!("{}{path}", self.base));
        answer(request.header("authorization", format!("Bearer {}", self.token)).send_json(body)?)
    }

    /// PUT with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.agent.put(format!("{}{path}", self.base));
        answer(request.header("authorization", format!("Bearer {}", self.token)).send_json(body)?)
    }

    /// Follows a job to its end.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn job(&self, started: &Answer) -> Result<Value> {
        let Some(id) = started.body.get("job").and_then(Value::as_str) else { bail!("no job in {started:?}") };
        loop {
            let job = self.get(&format!("/api/v1/jobs/{id}?wait=true"))?.ok()?;
            if job.get("state").and_then(Value::as_str) != Some("running") {
                return Ok(job);
            }
        }
    }
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// When it is none.
    pub fn ok(self) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("{}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string()?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}
