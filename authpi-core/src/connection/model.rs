//! What a connection is, and how a domain is proven.

use crate::hostname::Hostname;
use crate::id::{IssuerId, OrganizationId};
use crate::seal::Sealed;
use crate::sso::{Sso, SsoDomain};
use crate::timestamp::Timestamp;

/// Single sign-on of one organization; part of it, so that its version is the organization's.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The organization.
    pub org_id: OrganizationId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// What is known to readers.
    pub sso: Sso,
    /// The client secret under the root key of the issuer.
    pub secret: Option<Sealed>,
    /// Version of the organization.
    pub updated_at: Timestamp,
}

/// What a sealed client secret is bound to.
pub fn secret_seal(organization: OrganizationId) -> String {
    format!("sso-connection:{organization}:secret")
}

/// What came of asking an identity provider who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// Asked at this issuer URL.
    Asked {
        /// The URL.
        issuer_url: String,
        /// Why it is not what it should be; nothing when it is.
        problem: Option<String>,
    },
}

/// What the DNS says about a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// These TXT records are there.
    Answered(Vec<String>),
    /// The name servers did not answer.
    Unanswered,
}

/// Why a domain is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// There is no such record.
    RecordNotFound,
    /// There is one with another value.
    ValueMismatch,
    /// The name servers did not answer.
    DnsError,
}

impl Unproven {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecordNotFound => "record_not_found",
            Self::ValueMismatch => "value_mismatch",
            Self::DnsError => "dns_error",
        }
    }
}

/// Whether the evidence proves the domain; nothing when nobody has asked.
pub fn judged(domain: &SsoDomain, evidence: &Evidence) -> Option<Result<(), Unproven>> {
    let texts = match evidence {
        Evidence::Unasked => return None,
        Evidence::Unanswered => return Some(Err(Unproven::DnsError)),
        Evidence::Answered(texts) => texts,
    };
    let expected = domain.record_value();
    Some(if texts.contains(&expected) {
        Ok(())
    } else if texts.iter().any(|text| text.starts_with(SsoDomain::RECORD_PREFIX)) {
        Err(Unproven::ValueMismatch)
    } else {
        Err(Unproven::RecordNotFound)
    })
}

/// Domains where anybody gets an address: nobody can own the people there.
const PUBLIC_MAIL: [&str; 62] = [
    "126.com",
    "139.com",
    "163.com",
    "aim.com",
    "aol.com",
    "att.net",
    "bigpond.com",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "comcast.net",
    "cox.net",
    "duck.com",
    "email.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hushmail.com",
    "icloud.com",
    "inbox.ru",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rocketmail.com",
    "sina.com",
    "t-online.de",
    "tutanota.com",
    "web.de",
    "yahoo.com",
    "yandex.com",
    "yandex.ru",
    "zoho.com",
];

/// National domains of one large provider, which has too many to list.
const PUBLIC_MAIL_FAMILIES: [&str; 3] = ["yahoo.", "ymail.", "rediffmail."];

/// Anybody gets an address there.
pub fn is_public_mail(domain: &Hostname) -> bool {
    let name = domain.as_str();
    PUBLIC_MAIL.binary_search(&name).is_ok() || PUBLIC_MAIL_FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_list_of_public_providers_is_sorted() {
        assert!(PUBLIC_MAIL.is_sorted());
        for public in PUBLIC_MAIL.into_iter().chain(["yahoo.co.jp"]) {
            assert!(is_public_mail(&public.parse().unwrap()), "{public}");
        }
        for private in ["example.com", "mail.example.com", "notgmail.com"] {
            assert!(!is_public_mail(&private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_domain_is_proven_by_its_own_value_among_any_others() {
        let domain = SsoDomain {
            domain: "example.com".parse().unwrap(),
            token: "t".repeat(32),
            created_at: Timestamp::EPOCH,
            verified_at: None,
        };
        let texts = |texts: &[&str]| Evidence::Answered(texts.iter().map(|text| (*text).to_owned()).collect());
        let value = domain.record_value();
        assert_eq!(judged(&domain, &texts(&["v=spf1", &value])), Some(Ok(())));
        let other = "domain-verification=other";
        assert_eq!(judged(&domain, &texts(&["v=spf1", other])), Some(Err(Unproven::ValueMismatch)));
        assert_eq!(judged(&domain, &texts(&["v=spf1"])), Some(Err(Unproven::RecordNotFound)));
        assert_eq!(judged(&domain, &texts(&[])), Some(Err(Unproven::RecordNotFound)));
        assert_eq!(judged(&domain, &Evidence::Unanswered), Some(Err(Unproven::DnsError)));
        assert_eq!(judged(&domain, &Evidence::Unasked), None);
    }
}
