//! Looks at passwords before they are set: everything about them that takes long or asks others, before the unit of
//! work begins.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::error::Refusal;
use crate::id::{AccountId, IssuerId};
use crate::transport::{IncomingAnswer, OutgoingRequest};
use crate::verifier::model::{
    InvalidPassword, Password, PasswordHash, PasswordPolicy, check_strength, is_common, range_of,
};
use crate::web::services::Services;

/// How long a range service may take; people wait for it.
const RANGE_TIMEOUT: Duration = Duration::from_secs(2);

/// Most that is read of the answer of a range service: padded ones have about a thousand lines of 40 bytes.
const RANGE_BYTES: usize = 256 * 1024;

/// A password that was looked at: ready to be stored, or why it will not be.
pub type Screened = Result<PasswordHash, InvalidPassword>;

/// Who wants a password: nobody's password contains their name.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// What the user is called.
    pub username: Option<String>,
    /// Names and addresses that others know, too.
    pub about: Vec<String>,
}

/// Looks at a password by the rules of the issuer, and hashes it. `None` when there is no such issuer, which is for
/// somebody else to say.
///
/// # Errors
/// [`Refusal::Overloaded`] when the CPU is busy; [`Refusal::Store`].
pub async fn screened(
    services: &Services,
    (account, issuer): (AccountId, IssuerId),
    person: Person,
    typed: &str,
) -> Result<Option<Screened>, Refusal> {
    let Some(found) = services.store.reads().issuers().find(account, issuer).await? else { return Ok(None) };
    let rules = found.details.settings.security.password;
    if typed.len() > PasswordPolicy::MAX_BYTES {
        return Ok(Some(Err(InvalidPassword::TooLong)));
    }
    let password = Arc::new(Password::new(typed));
    let policy = PasswordPolicy { min_chars: usize::try_from(rules.min_length).unwrap_or(PasswordPolicy::MAX_CHARS) };
    if let Err(invalid) = policy.check(&password, person.username.as_deref()) {
        return Ok(Some(Err(invalid)));
    }
    let examined = Arc::clone(&password);
    let check_breached = rules.check_breached;
    let judged = services.compute_for(issuer, move || judged(&examined, &person, check_breached)).await?;
    if let Err(invalid) = judged {
        return Ok(Some(Err(invalid)));
    }
    if check_breached && is_breached(services, &password).await {
        return Ok(Some(Err(InvalidPassword::Breached)));
    }
    let hash = services.compute_for(issuer, move || PasswordHash::of(&password)).await?.map_err(Refusal::internal)?;
    Ok(Some(Ok(hash)))
}

/// What can be said of a password without asking anybody.
fn judged(password: &Password, person: &Person, check_breached: bool) -> Result<(), InvalidPassword> {
    if check_breached && is_common(password) {
        return Err(InvalidPassword::Breached);
    }
    let about: Vec<_> = person.username.iter().chain(&person.about).cloned().collect();
    check_strength(password, &about)
}

/// The range service knows the password. One that does not answer is no reason to turn people away (idp §23.1).
async fn is_breached(services: &Services, password: &Password) -> bool {
    let Some(service) = &services.options.breach_service else { return false };
    let (range, rest) = range_of(password);
    let Some(url) = below(service, &range) else { return false };
    // Asks for an answer whose length tells nothing.
    let padding = (HeaderName::from_static("add-padding"), HeaderValue::from_static("true"));
    let request = OutgoingRequest {
        method: Method::GET,
        url,
        headers: HeaderMap::from_iter([padding]),
        body: bytes::Bytes::new(),
        timeout: RANGE_TIMEOUT,
        answer_limit: RANGE_BYTES,
    };
    match services.transport.http.send(request).await.and_then(IncomingAnswer::whole) {
        Ok((200, body)) => lists(&String::from_utf8_lossy(&body), &rest),
        Ok((status, _)) => {
            tracing::warn!(status, "the range service of breached passwords failed; one was accepted");
            false
        }
        Err(failure) => {
            tracing::warn!(%failure, "the range service of breached passwords failed; one was accepted");
            false
        }
    }
}

fn below(service: &Url, range: &str) -> Option<Url> {
    let mut url = service.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push(range);
    Some(url)
}

/// Lines of `rest of the hash:how often`; those with a zero are padding.
fn lists(answer: &str, rest: &str) -> bool {
    answer.lines().filter_map(|line| line.trim().split_once(':')).any(|(listed, times)| {
        listed.eq_ignore_ascii_case(rest) && times.trim().parse::<u64>().is_ok_and(|times| times > 0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use super::*;

    #[test]
    fn padding_is_no_hit() {
        let answer = "0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:0\r\n";
        assert!(lists(answer, "0018A45C4D1DEF81644B54AB7F969B88D65"));
        assert!(lists(answer, "0018a45c4d1def81644b54ab7f969b88d65"));
        assert!(!lists(answer, "1E4C9B93F3F0682250B6CF8331B7EE68FD8"));
        assert!(!lists(answer, "3"));
    }

    #[test]
    fn ranges_are_below_the_service_with_or_without_a_slash() {
        for service in ["https://range.example/v1/range", "https://range.example/v1/range/"] {
            let url = below(&service.parse().unwrap(), "5BAA6").unwrap();
            assert_eq!(url.as_str(), "https://range.example/v1/range/5BAA6");
        }
    }
}
