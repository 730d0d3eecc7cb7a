//! A WebSocket client of the live feed.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::PATIENCE;

/// A live client.
pub struct Live {
    socket: WebSocket<TcpStream>,
}

impl Live {
    /// Connects with a token and waits for the greeting.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn connect(host: SocketAddr, token: &str) -> Result<Self> {
        let mut request = format!("ws://{host}/api/v1/ws").into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (socket, _) = tungstenite::client(request, stream).context("open the WebSocket")?;
        let mut live = Self { socket };
        live.hears("connection_established")?;
        Ok(live)
    }

    /// Subscribes to a topic and waits for the confirmation.
    ///
    /// # Errors
    /// When none comes.
    pub fn subscribe(&mut self, topic: &str) -> Result<()> {
        self.say(&json!({ "type": "subscribe", "topic": topic }))?;
        self.hears("subscribed").map(drop)
    }

    /// Says something.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn say(&mut self, message: &Value) -> Result<()> {
        Ok(self.socket.send(Message::text(message.to_string()))?)
    }

    /// The next message of this type; others before it are dropped.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn hears(&mut self, event_type: &str) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let message = self.socket.read().with_context(|| format!("a live client waits for {event_type}"))?;
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text)?;
            if message.get("event_type").and_then(Value::as_str) == Some(event_type) {
                return Ok(message);
            }
        }
        bail!("a live client heard no {event_type}")
    }
}
