//! An authority of a test's own, and servers that it vouches for.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// One that nobody knows yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate in PEM, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server of this name, with a certificate that is good.
    pub fn server(&self, name: &str) -> TlsAcceptor {
        self.server_in(name, 1990, 2090)
    }

    /// The same with a certificate that is good from one year to another.
    pub fn server_in(&self, name: &str, from: i32, to: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        acceptor(params.signed_by(&key, &self.0).unwrap().der(), &key)
    }
}

/// A server of this name that vouches for itself.
pub fn self_signed(name: &str) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    acceptor(made.cert.der(), &made.signing_key)
}

fn acceptor(certificate: &CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
