//! Signatures of Standard Webhooks 1.0.0, symmetric.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What a signing secret begins with; the key behind it is standard base64.
pub const SIGNING_PREFIX: &str = "whsec_";

/// A signing secret of these random bytes.
pub fn signing_secret(random: &[u8; 32]) -> Secret {
    Secret::new(format!("{SIGNING_PREFIX}{}", STANDARD.encode(random)))
}

/// One entry of the signature header: `v1,` and the MAC over id, Unix seconds and body. `None` when the secret is none.
pub fn signature(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    let key = Zeroizing::new(STANDARD.decode(secret.strip_prefix(SIGNING_PREFIX)?).ok()?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of events-webhooks §8.
    const BODY: &str = r#"{"specversion":"1.0","id":"evt_0kfz3m8q1w5e9r2t6y4u7i3o5","source":"com.authpi.webhooks/v1/wh_0kfz3m8q1w5e9r2t6y4u7i3w1","type":"user.created","subject":"usr_0kfz3m8q1w5e9r2t6y4u7i3u1","time":"2026-06-12T00:00:00.123Z","datacontenttype":"application/json","accountid":"acc_0kfz3m8q1w5e9r2t6y4u7i3a1","issuerid":"i_0kfz3m8q1w5e9r2t6y4u7i3i1","data":{"spec":"1.0","id":"evt_0kfz3m8q1w5e9r2t6y4u7i3o5","trace":"4bf92f3577b34da6a3ce929d0e0e4736","type":"user.created","source":"com.authpi/v1","trigger":"api","auth":{"type":"api_key","key_id":"key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c"},"subject":{"account_id":"acc_0kfz3m8q1w5e9r2t6y4u7i3a1","issuer_id":"i_0kfz3m8q1w5e9r2t6y4u7i3i1","user_id":"usr_0kfz3m8q1w5e9r2t6y4u7i3u1"},"timestamp":1781222400123,"data":{"username_type":"email","status":"active"}}}"#;

    #[test]
    fn signatures_agree_with_the_published_vectors() {
        let first = signature(
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            br#"{"email":"test@example.com","username":"test_user"}"#,
        );
        assert_eq!(first.as_deref(), Some("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="));
        assert_eq!(BODY.len(), 798);
        let second = signature(
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "evt_0kfz3m8q1w5e9r2t6y4u7i3o5",
            1_781_222_401,
            BODY.as_bytes(),
        );
        assert_eq!(second.as_deref(), Some("v1,uLVpZy96B7x2RKaX9g6i0tNkN4xANBS77JKk9iutyPI="));
    }

    #[test]
    fn a_generated_secret_signs() {
        let random: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap_or_default());
        let secret = signing_secret(&random);
        assert_eq!(secret.expose(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        assert!(signature(secret.expose(), "evt_1", 1, b"").is_some());
        assert_eq!(signature("whs_AAEC", "evt_1", 1, b""), None);
    }
}
