//! Identifiers: a prefix that names the kind of object, then a UUID (conventions §3).

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// The longest text [`is_opaque_id`] accepts, in bytes.
const OPAQUE_ID_MAX_BYTES: usize = 64;

/// How the UUID behind an identifier is made and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// UUIDv7 as a 128-bit number in base 36, zero-padded to 25 characters. Sorts roughly by time of creation, as text
    /// as well as by value.
    Ordered,
    /// UUIDv4 as 32 hexadecimal characters.
    Random,
}

/// Digits that are written together.
const PART: u32 = 12;

impl IdForm {
    /// The base of the digits, and how many there are.
    const fn shape(self) -> (u32, usize) {
        match self {
            Self::Ordered => (36, 25),
            Self::Random => (16, 32),
        }
    }

    /// Lower-case digits, most significant first, zero-padded to the length of the form.
    fn encode(self, uuid: Uuid) -> String {
        let (radix, length) = self.shape();
        // Wide numbers are slow to divide: twelve digits at a time fit into 64 bits.
        let part = u128::from(radix).pow(PART);
        let mut rest = uuid.as_u128();
        let mut digits = vec!['0'; length];
        for digits in digits.rchunks_mut(PART as usize) {
            let mut value = u64::try_from(rest % part).unwrap_or_default();
            rest /= part;
            for digit in digits.iter_mut().rev() {
                // The remainder is below the radix, so it fits and has a digit.
                let remainder = u32::try_from(value % u64::from(radix)).unwrap_or_default();
                *digit = char::from_digit(remainder, radix).unwrap_or_default();
                value /= u64::from(radix);
            }
        }
        digits.into_iter().collect()
    }

    /// The inverse of [`IdForm::encode`]: every other spelling of the number, and every larger number, is refused.
    fn decode(self, text: &str) -> Option<Uuid> {
        let (radix, length) = self.shape();
        if text.len() != length || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let append = |value: u128, digit: char| {
            value.checked_mul(u128::from(radix))?.checked_add(u128::from(digit.to_digit(radix)?))
        };
        text.chars().try_fold(0, append).map(Uuid::from_u128)
    }

    fn schema(self, prefix: &str) -> RefOr<Schema> {
        let (_, length) = self.shape();
        let (digit, example) = match self {
            Self::Ordered => ("[0-9a-z]", uuid_v7(1_781_222_400_000, 0x5a5, [0x5a; 8])),
            Self::Random => ("[0-9a-f]", uuid_v4([0x5a; 16])),
        };
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^{prefix}{digit}{{{length}}}$")))
            .examples([format!("{prefix}{}", self.encode(example))])
            .into()
    }
}

/// The text is not an identifier of the expected kind in its one valid spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid identifier of this kind")]
pub struct InvalidId;

/// A typed identifier. Two kinds never compare, convert or parse as each other.
///
/// The text form is strict: the prefix, then exactly the digits of [`Id::FORM`] in lower case. Identifiers order by the
/// value of their UUID, which is also the order of their texts.
pub trait Id:
    Copy
    + Eq
    + Ord
    + Hash
    + fmt::Display
    + fmt::Debug
    + FromStr<Err = InvalidId>
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The kind of object, with its underscore: `org_`.
    const PREFIX: &'static str;
    /// How the part after the prefix is made and written.
    const FORM: IdForm;

    /// Wraps a UUID, whatever its version: imported rows keep theirs.
    fn from_uuid(uuid: Uuid) -> Self;

    /// The UUID, as storage keeps it.
    fn uuid(self) -> Uuid;
}

/// What goes through the text form: debug output, and serde both ways.
macro_rules! through_text {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal $form:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            const FORM: IdForm = IdForm::$form;

            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", Self::PREFIX, Self::FORM.encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(Self::PREFIX).and_then(|digits| Self::FORM.decode(digits)).map(Self).ok_or(InvalidId)
            }
        }

        through_text!($name);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Self::FORM.schema(Self::PREFIX)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

identifiers! {
    /// A customer of the instance; has the same UUID as its own organization.
    AccountId = "acc_" Ordered;
    /// A tenant's identity provider.
    IssuerId = "i_" Ordered;
    /// An organization of an issuer.
    OrganizationId = "org_" Ordered;
    /// A human user of an issuer.
    UserId = "usr_" Ordered;
    /// An OAuth client of an issuer.
    ClientId = "c_" Ordered;
    /// A way to log in that an issuer offers.
    AuthMethodId = "am_" Ordered;
    /// Something a user or an agent proves itself with.
    VerifierId = "vrf_" Ordered;
    /// A group of members of an organization.
    GroupId = "grp_" Ordered;
    /// An event of the audit log.
    EventId = "evt_" Ordered;
    /// An API key.
    ApiKeyId = "key_" Random;
    /// A software agent of an issuer.
    AgentId = "agt_" Random;
    /// A session of a user.
    SessionId = "s_" Ordered;
    /// A personal token.
    TokenId = "tok_" Ordered;
    /// An invitation into an organization.
    InvitationId = "inv_" Ordered;
    /// A device that a user signs in from.
    DeviceId = "dev_" Ordered;
    /// A record that a user lets an agent act for them.
    DelegationId = "dgn_" Ordered;
    /// A webhook.
    WebhookId = "wh_" Ordered;
    /// The sending of one event to one webhook.
    DeliveryId = "dlv_" Ordered;
    /// A note of the account team.
    NoteId = "note_" Ordered;
    /// An enrolment that was begun.
    EnrollmentId = "enr_" Ordered;
    /// A payment method.
    PaymentMethodId = "pm_" Ordered;
    /// An entry of the credit ledger.
    LedgerEntryId = "led_" Ordered;
    /// A mail on its way; seen inside only.
    MailId = "mail_" Ordered;
    /// A login under way.
    FlowId = "flw_" Ordered;
    /// Something mailed that proves an address when it comes back; seen in its link only.
    MailProofId = "mpf_" Ordered;
}

impl AccountId {
    /// The organization of the platform issuer whose members manage this account.
    pub const fn organization(self) -> OrganizationId {
        OrganizationId(self.0)
    }
}

impl OrganizationId {
    /// The account this organization manages. Meaningful only for organizations of the platform issuer.
    pub const fn account(self) -> AccountId {
        AccountId(self.0)
    }
}

/// Which kind of member a [`MemberId`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// A human user.
    User,
    /// A software agent.
    Agent,
}

/// A member of an organization or a group; the prefix tells which kind. Users order before agents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberId {
    /// A human user.
    User(UserId),
    /// A software agent.
    Agent(AgentId),
}

impl MemberId {
    /// The UUID without its kind; storage keeps [`MemberId::kind`] next to it.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Agent(id) => id.uuid(),
        }
    }

    /// Whether this names a user or an agent.
    pub const fn kind(self) -> MemberKind {
        match self {
            Self::User(_) => MemberKind::User,
            Self::Agent(_) => MemberKind::Agent,
        }
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Agent(id) => id.fmt(f),
        }
    }
}

impl FromStr for MemberId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self::User).or_else(|InvalidId| text.parse().map(Self::Agent))
    }
}

through_text!(MemberId);

impl PartialSchema for MemberId {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(UserId::name()))
            .item(Ref::from_schema_name(AgentId::name()))
            .into()
    }
}

impl ToSchema for MemberId {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MemberId")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((UserId::name().into_owned(), UserId::schema()));
        schemas.push((AgentId::name().into_owned(), AgentId::schema()));
    }
}

/// Whether a text may be an identifier at all: 1 to 64 bytes of `[A-Za-z0-9_]`.
///
/// Such a text in a path that names nothing is answered with 404, any other with 400 (conventions §3).
pub fn is_opaque_id(text: &str) -> bool {
    (1..=OPAQUE_ID_MAX_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Assembles a UUIDv7 (RFC 9562 §5.7).
///
/// `millis` are Unix milliseconds, of which 48 bits are used; `sequence` orders identifiers within one millisecond, of
/// which 12 bits are used; of `random` the version takes the first two bits.
pub fn uuid_v7(millis: u64, sequence: u16, random: [u8; 8]) -> Uuid {
    let [high, low] = sequence.to_be_bytes();
    let [r0, r1, r2, r3, r4, r5, r6, r7] = random;
    uuid::Builder::from_unix_timestamp_millis(millis, &[high, low, r0, r1, r2, r3, r4, r5, r6, r7]).into_uuid()
}

/// Assembles a UUIDv4 (RFC 9562 §5.4) from 128 random bits, six of which give way to version and variant.
pub fn uuid_v4(random: [u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(random).into_uuid()
}

#[cfg(test)]
mod tests;
