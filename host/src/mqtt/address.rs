//! Where a broker is: `mqtt://[user:password@]host[:port]`, or `mqtts://` for TLS.

use std::fmt;

use url::Url;

/// Where a broker is, and as whom to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or number of the machine.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// User name and password.
    pub credentials: Option<(String, String)>,
}

/// Why a text is no address of a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No address at all. The text is not repeated: it may hold a password.
    #[error("not an address ({0}); write for example `mqtt://broker.local:1883`")]
    Url(#[from] url::ParseError),
    /// Another protocol.
    #[error("`{0}://` is not spoken; write `mqtt://` or `mqtts://`")]
    Scheme(String),
    /// No host.
    #[error("the host is missing; write for example `mqtt://broker.local:1883`")]
    Host,
    /// Something follows the port.
    #[error("nothing may follow the port; the topics are in `mqtt.topics`")]
    Path,
    /// A user name that is no text.
    #[error("user name and password must be UTF-8, with `%` and two digits for each special byte")]
    Credentials,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not of the form above.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text)?;
        let (tls, usual_port) = match url.scheme() {
            "mqtt" | "tcp" => (false, 1883),
            "mqtts" | "ssl" | "tls" => (true, 8883),
            other => return Err(AddressError::Scheme(other.to_owned())),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::Host)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Path);
        }
        let credentials = match url.username() {
            "" => None,
            user => Some((plain(user)?, plain(url.password().unwrap_or_default())?)),
        };
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(usual_port), tls, credentials })
    }

    /// An address without TLS and credentials.
    pub fn plain(socket: std::net::SocketAddr) -> Self {
        let host = match socket.ip() {
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        Self { host, port: socket.port(), tls: false, credentials: None }
    }
}

fn plain(encoded: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
            let decoded = hex::decode(digits).map_err(|_| AddressError::Credentials)?;
            bytes.extend(decoded);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Credentials)
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("mqtt://broker", "mqtt://broker:1883", None)]
    #[case("tcp://10.0.0.1:1884", "mqtt://10.0.0.1:1884", None)]
    #[case("mqtts://me:p%40ss@broker/", "mqtts://broker:8883", Some(("me", "p@ss")))]
    #[case("mqtt://[::1]:5", "mqtt://[::1]:5", None)]
    fn reads(#[case] text: &str, #[case] shown: &str, #[case] credentials: Option<(&str, &str)>) {
        let address = Address::parse(text).unwrap();
        assert_eq!(address.to_string(), shown);
        let found = address.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        assert_eq!(found, credentials);
        assert!(!format!("{address:?}").contains("p@ss"));
    }

    #[rstest]
    #[case("broker:1883")]
    #[case("http://broker")]
    #[case("mqtt://")]
    #[case("mqtt://broker/topic")]
    #[case("mqtt://a:%zz@broker")]
    #[case("mqtt://a:%f@broker")]
    fn refuses(#[case] text: &str) {
        assert!(Address::parse(text).is_err());
    }
}
