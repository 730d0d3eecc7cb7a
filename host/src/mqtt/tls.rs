//! TLS to the broker: rustls with the ring provider, the machine's authorities, an own authority, a client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::mqtt::Tls;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("`{path}` cannot be read as PEM: {why}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: rustls::pki_types::pem::Error,
    },
    /// Nobody is trusted.
    #[error(
        "no certificate authority is trusted; set `mqtt.tls.ca_file`, or `mqtt.tls.native_roots` on a machine that has some"
    )]
    NoRoots,
    /// rustls refuses.
    #[error("the certificates cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What is needed to speak TLS.
pub(super) fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots(tls)?);
    let config = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|why| pem(key, why))?;
            builder.with_client_auth_cert(certificates(cert)?, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn roots(tls: &Tls) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if tls.native_roots {
        // A machine may have broken or no authorities; the own one may be enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if let Some(path) = &tls.ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate)?;
        }
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|why| pem(path, why))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    match certificates {
        Ok(found) if found.is_empty() => Err(pem(path, rustls::pki_types::pem::Error::NoItemsFound)),
        other => other.map_err(|why| pem(path, why)),
    }
}

fn pem(path: &Path, why: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), why }
}
