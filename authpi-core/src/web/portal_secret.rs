//! What a portal that runs as a process of its own proves itself with (idp §20).

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Fewest bytes: nobody may guess it.
const LEAST: usize = 32;

/// The secret of the deployment's own portal. No tenant and no browser ever holds it.
#[derive(Clone)]
pub struct PortalSecret(Arc<Secret>);

impl PortalSecret {
    /// `None` for a text of fewer than 32 bytes.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() >= LEAST).then(|| Self(Arc::new(Secret::new(text))))
    }

    /// Compares in constant time.
    pub fn is(&self, presented: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for PortalSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortalSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_secret_is_long_compared_as_a_whole_and_never_printed() {
        let text = "0123456789abcdef0123456789abcdef";
        assert!(PortalSecret::new(&text[1..]).is_none());
        let secret = PortalSecret::new(text).unwrap();
        assert!(secret.is(text) && !secret.is(&text[1..]) && !secret.is(""));
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
