//! Opening an account by somebody who is going to own it.

use serde_json::{Map, Value};

use super::AccountWithOrganization;
use crate::account::events;
use crate::account::model::{Account, MAX_OWNED};
use crate::credential::model::{ApiKey, KeyLevel};
use crate::credential::operations as credentials;
use crate::credential::operations::NewApiKey;
use crate::error::Refusal;
use crate::id::{AccountId, IssuerId, UserId};
use crate::membership::model::MembershipOrigin;
use crate::metadata::Metadata;
use crate::organization::operations as organizations;
use crate::organization::operations::NewOrganization;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::Change;
use crate::user::model::User;

/// Name of the key that comes with an account.
const KEY_NAME: &str = "first key";

/// An account that somebody opens.
#[derive(Clone, Debug)]
pub struct OwnAccount {
    /// Its id, which is the tenant that the change is made for.
    pub id: AccountId,
    /// The platform issuer, where its organization lives.
    pub platform: IssuerId,
    /// Name of its organization.
    pub name: String,
    /// The user of the platform who opens it.
    pub owner: UserId,
    /// It comes with an API key that may do everything there.
    pub with_key: bool,
}

/// An account that was opened.
pub struct OpenedAccount {
    /// The account.
    pub account: AccountWithOrganization,
    /// Its key and the secret of that, which is kept nowhere.
    pub key: Option<(ApiKey, Secret)>,
}

/// Opens an account with its organization, of which the owner is the first member.
///
/// # Errors
/// [`Refusal::AccessDenied`] for somebody who is no user of the platform with a verified e-mail address;
/// [`Refusal::Conflict`] for one who owns as many accounts as one may.
pub async fn open_own(change: &mut Change<'_>, new: OwnAccount) -> Result<OpenedAccount, Refusal> {
    let (platform, owner) = (new.platform, new.owner);
    // Locked, so that of two accounts opened at once the second is counted after the first.
    change.unit().users().lock(platform, owner).await?.ok_or_else(not_allowed)?;
    let user = change.reads().users().find(platform, owner).await?.ok_or_else(not_allowed)?;
    if !has_verified_email(&user) {
        return Err(Refusal::AccessDenied("Opening an account takes a verified e-mail address."));
    }
    if change.reads().accounts().count_owned(owner).await? >= MAX_OWNED {
        return Err(Refusal::conflict("They own as many accounts as one may own."));
    }
    let now = change.now();
    let account = Account {
        id: new.id,
        owner_user_id: Some(owner),
        metadata: Metadata::default(),
        created_at: now,
        updated_at: now,
    };
    change.unit().accounts().insert(&account).await?;
    change.emit(events::created(&account))?;
    let details = Map::from_iter([("name".to_owned(), Value::from(new.name))]);
    let organization = NewOrganization {
        details,
        first_member: Some((owner, MembershipOrigin::Direct)),
        ..NewOrganization::default()
    };
    let id = new.id.organization();
    let organization = organizations::create_with_id(change, platform, id, organization).await?;
    let key =
        if new.with_key { Some(credentials::create(change, first_key(&account, platform)?).await?) } else { None };
    Ok(OpenedAccount { account: AccountWithOrganization { account, organization, domains: Vec::new() }, key })
}

fn not_allowed() -> Refusal {
    Refusal::AccessDenied("Accounts are opened by users of the platform.")
}

fn has_verified_email(user: &User) -> bool {
    user.email().is_some() && user.details.profile.email_verified
}

fn first_key(account: &Account, platform: IssuerId) -> Result<NewApiKey, Refusal> {
    let everything: Scope = "*:**".parse().map_err(Refusal::internal)?;
    Ok(NewApiKey {
        account_id: account.id,
        org_id: account.organization_id(),
        issuer_id: platform,
        level: KeyLevel::Account,
        name: KEY_NAME.to_owned(),
        description: None,
        tags: Vec::new(),
        scopes: [everything].into_iter().collect(),
        ip_allowlist: Vec::new(),
        rate_limit: None,
        expires_at: None,
        metadata: Metadata::default(),
        secret: None,
        secret_hint: None,
    })
}
