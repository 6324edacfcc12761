//! TLS by rustls: a server that has made its own certificate, and a client that trusts it.

use std::{fs, path::Path, sync::Arc};

use futures_rustls::{
    TlsAcceptor, TlsConnector,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject},
    rustls::{ClientConfig, RootCertStore, ServerConfig},
};

use crate::Error;

/// What both ends speak, the better one first.
fn protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// Makes a certificate for this machine, writes it to `certificate`, and serves with it.
pub fn acceptor(certificate: &Path) -> Result<TlsAcceptor, Error> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::write(certificate, made.cert.pem())?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    config.alpn_protocols = protocols();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Connects to whoever has one of the certificates in `trusted`, and to nobody else.
pub fn connector(trusted: &Path) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trusted)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols();
    Ok(TlsConnector::from(Arc::new(config)))
}
