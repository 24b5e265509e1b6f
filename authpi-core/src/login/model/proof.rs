//! What is mailed to somebody and proves, when it comes back, that they read the mail: a link, or a code. Each is good
//! for once, and bound to the browser that asked for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::cookies::BrowserMark;
use crate::error::Refusal;
use crate::id::{FlowId, IssuerId, MailProofId, UserId};
use crate::seal::{RootKey, Sealed};
use crate::secret::{Peppers, Secret, SecretHash};
use crate::timestamp::Timestamp;

/// Codes that may be tried for one mail.
pub const PROOF_TRIES: u32 = 5;

const LINK_PURPOSE: &str = "mail-link";
const CODE_PURPOSE: &str = "mail-code";

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofPurpose {
    /// Signing in by a link.
    LoginLink,
    /// Signing in by a code.
    LoginCode,
    /// Proving an address; with it, somebody becomes a user who asked for it.
    VerifyEmail,
    /// A new password for one that was forgotten.
    PasswordReset,
    /// Another address in the place of the one there is.
    EmailChange,
}

impl ProofPurpose {
    /// Its link leads to the page of `page`.
    pub fn is_opened_as(self, page: Self) -> bool {
        self == page || (self == Self::EmailChange && page == Self::VerifyEmail)
    }
}

/// Something mailed that was not used yet.
#[derive(Clone, Debug)]
pub struct MailProof {
    /// Stands in its link.
    pub id: MailProofId,
    /// Where it is worth something.
    pub issuer_id: IssuerId,
    /// The login that it belongs to.
    pub flow_id: Option<FlowId>,
    /// Whose mailbox it goes to; nobody's when it only has to look as if.
    pub user_id: Option<UserId>,
    /// What it is for.
    pub purpose: ProofPurpose,
    /// The browser that asked for it.
    pub browser: BrowserMark,
    /// What its link carries.
    pub token: SecretHash,
    /// What is typed instead.
    pub code: SecretHash,
    /// Wrong codes.
    pub failed: u32,
    /// [`ProofContent`], under the root key of the issuer.
    pub sealed: Sealed,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What of it is personal.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProofContent {
    /// The address that it proves.
    pub address: String,
    /// What the application is called that asked.
    pub application: Option<String>,
    /// What it was asked with.
    pub device: Option<String>,
    /// The address it was asked from.
    pub ip: Option<String>,
    /// Where that was, for people.
    #[serde(default)]
    pub place: Option<String>,
    /// Who becomes a user with it.
    pub pending: Option<PendingUser>,
}

/// Somebody who signed up and has to prove the address first.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingUser {
    /// Members of the profile.
    pub profile: Map<String, Value>,
    /// Custom fields.
    pub custom_fields: Map<String, Value>,
    /// The password, hashed.
    pub password: Option<String>,
    /// The invitation that they came by.
    pub invitation: Option<String>,
    /// When they accepted the terms.
    #[serde(default)]
    pub terms_accepted_at: Option<Timestamp>,
}

fn seal_context(id: MailProofId) -> String {
    format!("mail-proof:{id}")
}

impl ProofContent {
    /// Seals it as that of the proof `id`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey, id: MailProofId) -> Result<Sealed, Refusal> {
        let plain = Zeroizing::new(serde_json::to_vec(self).map_err(Refusal::internal)?);
        root.seal(&seal_context(id), &plain).map_err(Refusal::internal)
    }
}

impl MailProof {
    /// Opens the sealed part.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn content(&self, root: &RootKey) -> Result<ProofContent, Refusal> {
        let plain = root.open(&seal_context(self.id), &self.sealed).map_err(Refusal::internal)?;
        serde_json::from_slice(&plain).map_err(|_| Refusal::internal("a sealed proof is malformed"))
    }

    /// It can still be used.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now && self.failed < PROOF_TRIES
    }
}

/// What the link of a mail carries: which proof, and 256 random bits.
pub struct MailToken {
    /// Which proof.
    pub id: MailProofId,
    secret: Secret,
}

impl MailToken {
    /// Of a new proof.
    pub const fn new(id: MailProofId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// From a link.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        Some(Self { id: id.parse().ok()?, secret: Secret::new(secret) })
    }

    /// As the link carries it.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.expose()))
    }

    /// What is stored of it.
    pub fn hash(&self, peppers: &Peppers) -> SecretHash {
        peppers.hash(LINK_PURPOSE, self.text().expose().as_bytes())
    }

    /// It is that of the proof.
    pub fn is_of(&self, proof: &MailProof, peppers: &Peppers) -> bool {
        self.id == proof.id && peppers.verify(LINK_PURPOSE, self.text().expose().as_bytes(), &proof.token)
    }

    /// The code that stands for the link: whoever opens the link elsewhere types it where the mail was asked for, and
    /// nothing has to be written when a scanner looks at it.
    pub fn code(&self, root: &RootKey, digits: u32) -> TypedCode {
        let mac = root.mac("mail-code", self.text().expose().as_bytes());
        let number = mac.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let digits = digits.clamp(6, 8);
        let width = usize::try_from(digits).unwrap_or(6);
        TypedCode(Secret::new(format!("{:0width$}", number % 10_u64.pow(digits))))
    }
}

/// A code as it is mailed or typed.
pub struct TypedCode(Secret);

impl TypedCode {
    /// As somebody typed it: with spaces or hyphens in between.
    pub fn typed(text: &str) -> Self {
        Self(Secret::new(text.chars().filter(|char| !matches!(char, ' ' | '-')).collect::<String>()))
    }

    /// The digits.
    ///
    /// # Security
    /// Only for the mail, or the page that shows it to whoever has the link.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    fn bound(&self, proof: MailProofId) -> Zeroizing<String> {
        Zeroizing::new(format!("{proof}:{}", self.0.expose()))
    }

    /// What is stored of it: worth nothing for another mail.
    pub fn hash(&self, peppers: &Peppers, proof: MailProofId) -> SecretHash {
        peppers.hash(CODE_PURPOSE, self.bound(proof).as_bytes())
    }

    /// It is that of the proof.
    pub fn is_of(&self, proof: &MailProof, peppers: &Peppers) -> bool {
        peppers.verify(CODE_PURPOSE, self.bound(proof.id).as_bytes(), &proof.code)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;
    use crate::secret::{KeyTag, Pepper};

    fn proof(number: u128, secret: u8) -> (MailProof, MailToken, Peppers, RootKey) {
        let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), Vec::new());
        let root = RootKey::new([9; 32]);
        let id = MailProofId::from_uuid(Uuid::from_u128(number));
        let token = MailToken::new(id, Secret::from_random(&[secret; 32]));
        let content = ProofContent {
            address: "a@example.com".to_owned(),
            application: None,
            device: None,
            place: None,
            ip: None,
            pending: None,
        };
        let proof = MailProof {
            id,
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            flow_id: None,
            user_id: None,
            purpose: ProofPurpose::LoginLink,
            browser: BrowserMark::from_bytes([0; 32]),
            token: token.hash(&peppers),
            code: token.code(&root, 6).hash(&peppers, id),
            failed: 0,
            sealed: content.sealed(&root, id).unwrap(),
            expires_at: Timestamp::from_millis(1),
            created_at: Timestamp::EPOCH,
        };
        (proof, token, peppers, root)
    }

    #[test]
    fn a_link_and_its_code_are_those_of_one_proof() {
        let (one, token, peppers, root) = proof(1, 1);
        let (other, ..) = proof(2, 1);
        let read = MailToken::parse(token.text().expose()).unwrap();
        assert!(read.is_of(&one, &peppers) && !read.is_of(&other, &peppers));
        let code = token.code(&root, 6);
        assert_eq!((code.expose().len(), code.expose().bytes().all(|b| b.is_ascii_digit())), (6, true));
        assert_eq!(token.code(&root, 8).expose().len(), 8);
        let spaced = format!(" {}-{}", &code.expose()[..3], &code.expose()[3..]);
        assert!(TypedCode::typed(&spaced).is_of(&one, &peppers));
        assert!(!TypedCode::typed(&spaced).is_of(&other, &peppers));
        assert_eq!(one.content(&root).unwrap().address, "a@example.com");
        assert!(MailProof { sealed: one.sealed.clone(), ..other }.content(&root).is_err());
    }

    #[test]
    fn a_proof_ends_with_its_time_and_its_tries() {
        let (one, ..) = proof(1, 1);
        assert!(one.is_live(Timestamp::EPOCH) && !one.is_live(Timestamp::from_millis(1)));
        assert!(!MailProof { failed: PROOF_TRIES, ..one }.is_live(Timestamp::EPOCH));
    }
}
