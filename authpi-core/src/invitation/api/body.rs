//! What callers send.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::InvitationView;
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::invitation::model::{Invitation, InvitationGrant};
use crate::invitation::operations::{InvitationPatch, Inviter, InviterPatch, lifetime_until};
use crate::mailbox::Mailbox;
use crate::membership::model::NamedRole;
use crate::rights::Grantor;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, present};

/// Body of `Create`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateInvitation {
    pub(super) email_invited: String,
    #[serde(default)]
    pub(super) metadata: Value,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    inviter: Option<InviterMembers>,
    #[serde(default)]
    expires_in_seconds: Option<u32>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(flatten)]
    pub(super) grant: Map<String, Value>,
}

/// The one role of an invitation, in place of `roles`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct RoleMember {
    /// A role: the member gets its group.
    #[schema(min_length = 1, max_length = 200)]
    role: Option<String>,
}

/// Members of [`CreateInvitation`] besides those of the grant.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    /// Address that is invited: exactly one mailbox.
    #[schema(max_length = 254)]
    email_invited: String,
}

/// What can be said about an invitation besides who is invited and what it gives.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct OtherMembers {
    /// What the invitee is told.
    #[schema(max_length = 1000)]
    message: Option<String>,
    /// Who invites, as the invitee is told.
    #[schema(inline)]
    inviter: Option<InviterMembers>,
    /// Seconds from now that it can be accepted.
    #[schema(minimum = 3600, maximum = 7_776_000)]
    expires_in_seconds: Option<u32>,
    /// The same as a time.
    expires_at: Option<Timestamp>,
}

/// Who invites.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct InviterMembers {
    /// An id of the caller's.
    #[schema(max_length = 200)]
    id: Option<String>,
    /// Name.
    #[schema(max_length = 200)]
    name: Option<String>,
}

impl Body for CreateInvitation {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<InvitationGrant>("CreateInvitation")
            .and::<RoleMember>()
            .and::<CreateMembers>()
            .and::<OtherMembers>()
            .and::<MetadataMember>()
            .ignoring::<InvitationView>()
            .alias("email", "email_invited");
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        if let Some(email) = sent.get("email_invited").and_then(Value::as_str)
            && Mailbox::parse(email).is_none()
        {
            errors.add("email_invited", FieldCode::InvalidFormat, "must be exactly one e-mail address");
        }
        let is_stated = |name| sent.get(name).is_some_and(|value| !value.is_null());
        if is_stated("expires_at") && is_stated("expires_in_seconds") {
            errors.add("expires_at", FieldCode::NotAllowed, "stated together with expires_in_seconds");
        }
        if is_stated("role") && is_stated("roles") {
            errors.add("role", FieldCode::NotAllowed, "cannot be given together with roles");
        }
    }
}

fn one_role(name: String) -> NamedRole {
    NamedRole { name, field: "role".to_owned() }
}

fn several_roles(names: Vec<String>) -> Vec<NamedRole> {
    let named = |(index, name)| NamedRole { name, field: format!("roles.{index}") };
    names.into_iter().enumerate().map(named).collect()
}

impl CreateInvitation {
    pub(super) fn roles(&self) -> Vec<NamedRole> {
        let several = several_roles(self.roles.clone().unwrap_or_default());
        self.role.clone().map(one_role).into_iter().chain(several).collect()
    }

    pub(super) fn inviter(&self) -> Inviter {
        let inviter = self.inviter.clone().unwrap_or_default();
        Inviter { id: inviter.id, name: inviter.name }
    }

    /// The lifetime that is asked for.
    ///
    /// # Errors
    /// [`Refusal::Fields`] when it is none of an invitation.
    pub(super) fn lifetime(&self, now: Timestamp) -> Result<Option<Duration>, Refusal> {
        match (self.expires_in_seconds, self.expires_at) {
            (Some(seconds), _) => Ok(Some(Duration::from_secs(seconds.into()))),
            (None, Some(end)) => lifetime_until(now, end).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateInvitation {
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(default)]
    scopes: Option<Scopes>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Body for UpdateInvitation {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<InvitationGrant>("UpdateInvitation")
            .and::<RoleMember>()
            .and::<OtherMembers>()
            .and::<MetadataMember>()
            .ignoring::<InvitationView>();
        Some(schema)
    }
}

impl UpdateInvitation {
    /// The patch of an invitation.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for two ends at once, and for a role that contradicts the roles.
    pub(super) fn patch(
        &self,
        now: Timestamp,
        before: &Invitation,
        grantor: Grantor,
    ) -> Result<InvitationPatch, Refusal> {
        let text = |members: &Map<String, Value>, name: &str| -> Option<Option<String>> {
            members.get(name).map(|value| value.as_str().map(str::to_owned))
        };
        let inviter = match self.others.get("inviter") {
            Some(Value::Object(inviter)) => InviterPatch { id: text(inviter, "id"), name: text(inviter, "name") },
            Some(_) => InviterPatch { id: Some(None), name: Some(None) },
            None => InviterPatch::default(),
        };
        let number = |name: &str| self.others.get(name).and_then(Value::as_i64);
        // Sent back as it is shown, an end is no other.
        let stated_end = number("expires_at").map(Timestamp::from_millis).filter(|end| *end != before.expires_at);
        let in_seconds = number("expires_in_seconds").and_then(|seconds| u64::try_from(seconds).ok());
        let expires_at = match (stated_end, in_seconds) {
            (Some(_), Some(_)) => {
                let message = "stated together with expires_in_seconds";
                return Err(Refusal::field("expires_at", FieldCode::NotAllowed, message));
            }
            (Some(end), None) => Some(end),
            (None, seconds) => seconds.map(|seconds| now.plus(Duration::from_secs(seconds))),
        };
        Ok(InvitationPatch {
            scopes: self.scopes.clone(),
            roles: self.roles(&before.grant)?,
            user_title: text(&self.others, "user_title"),
            message: text(&self.others, "message"),
            inviter,
            expires_at,
            metadata: self.metadata.clone(),
            grantor,
        })
    }

    /// The roles that take the place of those before. Sent back as they are shown, they are no others.
    fn roles(&self, before: &InvitationGrant) -> Result<Option<Vec<NamedRole>>, Refusal> {
        let role = self.others.get("role").map(Value::as_str).filter(|role| *role != before.role());
        let one = role.map(|role| role.map(str::to_owned).map(one_role).into_iter().collect::<Vec<_>>());
        let several = self.roles.clone().filter(|roles| *roles != before.roles).map(several_roles);
        if let (Some(one), Some(several)) = (&one, &several)
            && !one.iter().map(|role| &role.name).eq(several.iter().map(|role| &role.name))
        {
            return Err(Refusal::field("role", FieldCode::NotAllowed, "contradicts the roles"));
        }
        Ok(one.or(several))
    }
}

/// Body of `Approve` and `Reject`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct DecideInvitation {
    /// Why; kept with the invitation, and never told to the invitee.
    #[schema(max_length = 1000)]
    pub(super) reason: Option<String>,
}

impl Body for DecideInvitation {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("DecideInvitation"))
    }
}
