//! What the cookies of an issuer say (idp §18.2). All of it is worth something under the key of one issuer only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::id::{DeviceId, FlowId, SessionId, UserId};
use crate::seal::RootKey;
use crate::secret::{Secret, hmac_sha256};
use crate::timestamp::Timestamp;

/// What the key is derived for.
const KEY_PURPOSE: &str = "cookie";

const TICKET: &str = "ticket";

/// Trusted users of one browser at most; one more drops the one that was trusted first.
const MOST_TRUSTED: usize = 5;

/// The key of an issuer that signs cookies, and the one before it, which is still accepted (D111).
pub struct CookieKey {
    current: Zeroizing<[u8; 32]>,
    previous: Option<Zeroizing<[u8; 32]>>,
}

impl CookieKey {
    /// That of the issuer with this root key, which was replaced so often.
    pub fn of(root: &RootKey, replaced: u32) -> Self {
        let key = |number: u32| match number {
            0 => root.derive(KEY_PURPOSE),
            more => root.derive(&format!("{KEY_PURPOSE}:{more}")),
        };
        Self { current: key(replaced), previous: replaced.checked_sub(1).map(key) }
    }

    fn mac(&self, kind: &'static str, text: &str) -> [u8; 32] {
        mac(&self.current, kind, text)
    }

    fn previous_mac(&self, kind: &'static str, text: &str) -> Option<[u8; 32]> {
        self.previous.as_ref().map(|key| mac(key, kind, text))
    }

    /// The text with its signature behind it.
    fn signed(&self, kind: &'static str, text: &str) -> String {
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.mac(kind, text)))
    }

    /// The text before a signature that is genuine.
    fn genuine<'t>(&self, kind: &'static str, signed: &'t str) -> Option<&'t str> {
        let (text, mac) = signed.rsplit_once('.')?;
        let presented = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let is_it = |mac: [u8; 32]| bool::from(mac.ct_eq(presented.as_slice()));
        (is_it(self.mac(kind, text)) || self.previous_mac(kind, text).is_some_and(is_it)).then_some(text)
    }
}

fn mac(key: &[u8; 32], kind: &'static str, text: &str) -> [u8; 32] {
    hmac_sha256(key, &[kind.as_bytes(), &[0], text.as_bytes()])
}

/// What a flow remembers of the browser that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrowserMark {
    current: [u8; 32],
    /// Under the key before: what began under it remembers this one.
    previous: Option<[u8; 32]>,
}

impl BrowserMark {
    /// From storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { current: bytes, previous: None }
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.current
    }

    /// What was stored stands for this browser; compared in constant time.
    pub fn is(&self, browser: &Self) -> bool {
        let is_it = |mark: &[u8; 32]| bool::from(self.current.ct_eq(mark));
        is_it(&browser.current) || browser.previous.as_ref().is_some_and(is_it)
    }
}

/// 32 random bytes that name a browser, and no flow.
pub struct FlowCookie(Secret);

impl FlowCookie {
    /// A new one.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Secret::from_random(random))
    }

    /// As a browser sends it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(Secret::new(text)))
    }

    /// The value to be set.
    pub fn text(&self) -> &str {
        self.0.expose()
    }

    /// What flows of the issuer store of it: issuers cannot be linked by it.
    pub fn mark(&self, key: &CookieKey) -> BrowserMark {
        let text = self.text();
        BrowserMark { current: key.mac("flow", text), previous: key.previous_mac("flow", text) }
    }

    /// The ticket of a flow in this browser: nobody makes it without the cookie and the key. It names the flow.
    pub fn ticket(&self, key: &CookieKey, flow: FlowId) -> Secret {
        ticket(flow, &key.mac(TICKET, &self.of_flow(flow)))
    }

    /// The flow that a ticket says it is of.
    pub fn flow_of(ticket: &str) -> Option<FlowId> {
        ticket.split_once('.')?.0.parse().ok()
    }

    /// Compares in constant time.
    pub fn is_ticket(&self, key: &CookieKey, flow: FlowId, presented: &str) -> bool {
        let is_it = |mac| bool::from(ticket(flow, &mac).expose().as_bytes().ct_eq(presented.as_bytes()));
        let text = self.of_flow(flow);
        is_it(key.mac(TICKET, &text)) || key.previous_mac(TICKET, &text).is_some_and(is_it)
    }

    fn of_flow(&self, flow: FlowId) -> Zeroizing<String> {
        Zeroizing::new(format!("{flow}.{}", self.text()))
    }
}

fn ticket(flow: FlowId, mac: &[u8; 32]) -> Secret {
    Secret::new(format!("{flow}.{}", URL_SAFE_NO_PAD.encode(mac)))
}

/// Which session at the issuer a browser has, and the secret that proves it.
pub struct OpCookie {
    /// The session.
    pub session: SessionId,
    /// What is stored as a keyed hash.
    pub secret: Secret,
}

impl OpCookie {
    /// What the hash of its secret is made for.
    pub const HASH_PURPOSE: &'static str = "op-session";

    /// As a browser sends it; none that this key did not sign.
    pub fn parse(key: &CookieKey, text: &str) -> Option<Self> {
        let (session, secret) = key.genuine("op", text)?.split_once('.')?;
        Some(Self { session: session.parse().ok()?, secret: Secret::new(secret) })
    }

    /// The value to be set.
    pub fn text(&self, key: &CookieKey) -> Secret {
        Secret::new(key.signed("op", &format!("{}.{}", self.session, self.secret.expose())))
    }
}

/// Says that a user trusts this browser. Worth as much as the record of the device, which names the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustToken {
    /// Who trusts it.
    pub user: UserId,
    /// The record.
    pub device: DeviceId,
    /// Since when.
    pub since: Timestamp,
}

/// All users who trust a browser, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustTokens(Vec<TrustToken>);

impl TrustToken {
    fn parse(key: &CookieKey, text: &str) -> Option<Self> {
        let mut parts = key.genuine("td", text)?.splitn(3, '.');
        let (user, device) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { user, device, since: Timestamp::from_millis(parts.next()?.parse().ok()?) })
    }

    fn text(&self, key: &CookieKey) -> String {
        key.signed("td", &format!("{}.{}.{}", self.user, self.device, self.since.as_millis()))
    }
}

impl TrustTokens {
    /// As a browser sends them; what is not genuine is left out.
    pub fn parse(key: &CookieKey, text: &str) -> Self {
        Self(text.split('~').take(MOST_TRUSTED).filter_map(|token| TrustToken::parse(key, token)).collect())
    }

    /// That of a user.
    pub fn of(&self, user: UserId) -> Option<&TrustToken> {
        self.0.iter().find(|token| token.user == user)
    }

    /// With another token, in the place of any that its user has.
    #[must_use]
    pub fn with(mut self, token: TrustToken) -> Self {
        self.0.retain(|known| known.user != token.user);
        self.0.insert(0, token);
        self.0.truncate(MOST_TRUSTED);
        self
    }

    /// The value to be set.
    pub fn text(&self, key: &CookieKey) -> String {
        self.0.iter().map(|token| token.text(key)).collect::<Vec<_>>().join("~")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn key(byte: u8) -> CookieKey {
        replaced(byte, 0)
    }

    fn replaced(byte: u8, times: u32) -> CookieKey {
        CookieKey::of(&RootKey::new([byte; 32]), times)
    }

    #[test]
    fn what_the_key_before_signed_is_accepted_until_the_key_is_replaced_again() {
        let (first, second, third) = (key(1), replaced(1, 1), replaced(1, 2));
        let op = OpCookie { session: SessionId::from_uuid(Uuid::nil()), secret: Secret::new("s") };
        let text = op.text(&first);
        let accepts = |key: &CookieKey| OpCookie::parse(key, text.expose()).is_some();
        assert!(accepts(&first) && accepts(&second) && !accepts(&third));
        assert!(OpCookie::parse(&first, op.text(&second).expose()).is_none());
        let flow = FlowCookie::new(&[7; 32]);
        let stored = BrowserMark::from_bytes(*flow.mark(&first).as_bytes());
        assert!(stored.is(&flow.mark(&second)) && !stored.is(&flow.mark(&third)));
        let id = FlowId::from_uuid(Uuid::nil());
        let ticket = flow.ticket(&first, id);
        assert!(flow.is_ticket(&second, id, ticket.expose()) && !flow.is_ticket(&third, id, ticket.expose()));
    }

    fn token(user: u128) -> TrustToken {
        TrustToken {
            user: UserId::from_uuid(Uuid::from_u128(user)),
            device: DeviceId::from_uuid(Uuid::from_u128(7)),
            since: Timestamp::from_millis(9),
        }
    }

    #[test]
    fn a_session_cookie_opens_under_its_own_key_and_unchanged_only() {
        let cookie = OpCookie { session: SessionId::from_uuid(Uuid::nil()), secret: Secret::from_random(&[3; 32]) };
        let text = cookie.text(&key(1));
        let opened = OpCookie::parse(&key(1), text.expose()).unwrap();
        assert_eq!((opened.session, opened.secret.expose()), (cookie.session, cookie.secret.expose()));
        assert!(OpCookie::parse(&key(2), text.expose()).is_none());
        for place in 0..text.expose().len() {
            let mut bytes = text.expose().as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(place) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of 43 carries two bits that mean nothing, and must be zero.
            assert!(OpCookie::parse(&key(1), &changed).is_none(), "{place}");
        }
        for bad in ["", ".", "..", "s_.a.b", "a.b.c.d"] {
            assert!(OpCookie::parse(&key(1), bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_signature_of_one_kind_is_worth_nothing_as_another() {
        let forged = key(1).signed("td", "s_0000000000000000000000000.secret");
        assert!(OpCookie::parse(&key(1), &forged).is_none());
        let op = key(1).signed("op", &format!("{}.{}.9", token(1).user, token(1).device));
        assert_eq!(TrustTokens::parse(&key(1), &op), TrustTokens::default());
    }

    #[test]
    fn a_browser_has_one_token_a_user_and_five_at_most() {
        let all = (1..=7).fold(TrustTokens::default(), |tokens, user| tokens.with(token(user)));
        let text = all.text(&key(1));
        let read = TrustTokens::parse(&key(1), &format!("{text}~x"));
        assert_eq!((read.0.len(), read.of(token(7).user), read.of(token(2).user)), (5, Some(&token(7)), None));
        assert_eq!(read.clone().with(token(3)).0.len(), 5);
        assert_eq!(TrustTokens::parse(&key(2), &text), TrustTokens::default());
    }

    #[test]
    fn a_ticket_is_bound_to_browser_flow_and_issuer() {
        let (cookie, other) = (FlowCookie::new(&[1; 32]), FlowCookie::new(&[2; 32]));
        let flow = |number| FlowId::from_uuid(Uuid::from_u128(number));
        let ticket = cookie.ticket(&key(1), flow(1));
        assert!(cookie.is_ticket(&key(1), flow(1), ticket.expose()));
        assert!(!cookie.is_ticket(&key(1), flow(2), ticket.expose()));
        assert!(!other.is_ticket(&key(1), flow(1), ticket.expose()));
        assert!(!cookie.is_ticket(&key(2), flow(1), ticket.expose()));
        assert_eq!(FlowCookie::flow_of(ticket.expose()), Some(flow(1)));
        assert!(!cookie.mark(&key(1)).is(&cookie.mark(&key(2))));
        assert!(FlowCookie::parse("short").is_none());
        assert!(FlowCookie::parse(cookie.text()).is_some_and(|read| read.mark(&key(1)).is(&cookie.mark(&key(1)))));
    }
}
