//! What the runtime does with users, done in process.

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::admission::{AccessMode, Applicant, Door, admit};
use authpi_core::connection::operations::auto_join;
use authpi_core::device::model::Fingerprint;
use authpi_core::device::operations::{self as devices, Login, Seen};
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, IssuerId, UserId};
use authpi_core::membership::model::Membership;
use authpi_core::metadata::Metadata;
use authpi_core::store::Change;
use authpi_core::user::model::{UserDetails, Username};
use authpi_core::user::operations::{self as users, Entry, NewUser};

use crate::App;

/// The id of the issuer at a path, and that of its account.
fn place(issuer: &str) -> (AccountId, IssuerId) {
    let mut parts = issuer.trim_start_matches("/v1/accounts/").split('/');
    let account = parts.next().unwrap().parse().unwrap();
    (account, parts.nth(1).unwrap().parse().unwrap())
}

struct SignUp {
    place: (AccountId, IssuerId),
    username: String,
}

#[async_trait]
impl Work for SignUp {
    type Output = String;

    fn account(&self) -> AccountId {
        self.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<String, Refusal> {
        let door = Door { mode: AccessMode::Open, verify_email: false, require_approval: true };
        let applicant = Applicant {
            is_invited: false,
            address_verified: false,
            has_allowed_domain: false,
            has_offered_method: true,
        };
        let new = NewUser {
            username: Username::new(None, &self.username).map_err(Refusal::internal)?,
            entry: Entry::SignedUp(admit(door, applicant).ok_or(Refusal::NotFound)?),
            details: UserDetails::default(),
            metadata: Metadata::default(),
            password: None,
        };
        Ok(users::create(change, self.place.1, new).await?.id.to_string())
    }
}

struct LogIn {
    place: (AccountId, IssuerId),
    user: UserId,
    cookie: String,
}

#[async_trait]
impl Work for LogIn {
    type Output = Seen;

    fn account(&self) -> AccountId {
        self.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Seen, Refusal> {
        let login = Login {
            fingerprint: Fingerprint::of(change.root_of(self.place.1)?, &self.cookie),
            name: Some("Chrome / macOS".to_owned()),
            user_agent: Some("Mozilla/5.0".to_owned()),
            country: Some("DE".to_owned()),
            vouching: None,
        };
        devices::seen(change, self.place.1, self.user, login).await
    }
}

struct AutoJoin {
    place: (AccountId, IssuerId),
    user: UserId,
}

#[async_trait]
impl Work for AutoJoin {
    type Output = Option<Membership>;

    fn account(&self) -> AccountId {
        self.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Option<Membership>, Refusal> {
        let user = change.reads().users().find(self.place.1, self.user).await?.ok_or(Refusal::NotFound)?;
        match user.email().filter(|_| user.details.profile.email_verified) {
            Some(address) => auto_join(change, (self.place.1, self.user), address).await,
            None => Ok(None),
        }
    }
}

impl App {
    /// A user of the issuer at `issuer` joins the organization that their address is on a domain of, if it wants that.
    pub async fn auto_join(&self, issuer: &str, user: &str) -> Option<Membership> {
        let work = AutoJoin { place: place(issuer), user: user.parse().unwrap() };
        self.authpi.run(&work).await.unwrap()
    }

    /// Somebody signs up at the issuer at `issuer`, and waits for an approval; returns the id.
    pub async fn sign_up(&self, issuer: &str, username: &str) -> String {
        self.authpi.run(&SignUp { place: place(issuer), username: username.to_owned() }).await.unwrap()
    }

    /// A user of the issuer at `issuer` signs in from the browser with this device cookie.
    pub async fn sign_in_from(&self, issuer: &str, user: &str, cookie: &str) -> Seen {
        let work = LogIn { place: place(issuer), user: user.parse().unwrap(), cookie: cookie.to_owned() };
        self.authpi.run(&work).await.unwrap()
    }
}
