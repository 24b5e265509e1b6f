//! Codes of authenticator apps.

use totp_rs::{Algorithm, Builder, Secret};

/// What an app shows that was told `secret`; `now` in milliseconds.
pub fn code(secret: &str, now: i64) -> String {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build()
        .unwrap();
    totp.generate(u64::try_from(now).unwrap() / 1000).to_string()
}
