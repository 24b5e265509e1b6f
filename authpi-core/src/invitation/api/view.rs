//! An invitation on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::folding::address_hash;
use crate::id::{InvitationId, IssuerId, OrganizationId, UserId};
use crate::invitation::model::{Approval, Invitation, InvitationGrant, InvitationState, InvitationStatus};
use crate::invitation::operations::given;
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::seal::RootKey;
use crate::store::Reads;
use crate::timestamp::Timestamp;

/// An invitation on the wire. What opens its link is in no answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationInvitationPublic)]
pub(super) struct InvitationView {
    id: InvitationId,
    org_id: OrganizationId,
    issuer_id: IssuerId,
    status: InvitationStatus,
    /// Empty once it was erased: after acceptance by somebody who has another address now, or 30 days after another end.
    email_invited: String,
    user_id_invited: Option<UserId>,
    user_title: Option<String>,
    message: Option<String>,
    /// With those of the roles, as they are now.
    scopes: Scopes,
    /// The role, when there is exactly one.
    role: Option<String>,
    /// All roles.
    roles: Vec<String>,
    approval: Option<Approval>,
    inviter: Option<InviterView>,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    declined_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_email_sent_at: Option<Timestamp>,
    metadata: Metadata,
}

/// Who invites, as the caller names them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Inviter)]
pub(super) struct InviterView {
    id: Option<String>,
    name: Option<String>,
}

/// Shows invitations, and asks once for what several of them show.
pub(super) struct Showing<'a> {
    reads: &'a dyn Reads,
    root: &'a RootKey,
    now: Timestamp,
    roles: BTreeMap<String, Scopes>,
}

impl<'a> Showing<'a> {
    pub(super) fn new(reads: &'a dyn Reads, root: &'a RootKey, now: Timestamp) -> Self {
        Self { reads, root, now, roles: BTreeMap::new() }
    }

    /// # Errors
    /// [`Refusal::Store`], and [`Refusal::Internal`] when what is sealed does not open.
    pub(super) async fn show(&mut self, invitation: Invitation) -> Result<InvitationView, Refusal> {
        let invitee = invitation.invitee(self.root)?;
        let email = match &invitee {
            Some(invitee) => invitee.email.clone(),
            None => self.address_of_user(&invitation).await?.unwrap_or_default(),
        };
        let scopes = self.scopes(&invitation).await?;
        let (message, inviter_name) = invitee.map_or((None, None), |invitee| (invitee.message, invitee.inviter_name));
        let inviter = InviterView { id: invitation.inviter_id.clone(), name: inviter_name };
        let (mut accepted_at, mut declined_at, mut revoked_at) = (None, None, None);
        match invitation.state {
            InvitationState::Accepted { at } => accepted_at = Some(at),
            InvitationState::Declined { at } => declined_at = Some(at),
            InvitationState::Revoked { at } => revoked_at = Some(at),
            _ => {}
        }
        let role = invitation.grant.role().map(str::to_owned);
        Ok(InvitationView {
            id: invitation.id,
            org_id: invitation.org_id,
            issuer_id: invitation.issuer_id,
            status: invitation.status(self.now),
            email_invited: email,
            user_id_invited: invitation.user_id_invited,
            user_title: invitation.grant.user_title,
            message,
            scopes,
            role,
            roles: invitation.grant.roles,
            approval: invitation.approval,
            inviter: (inviter.id.is_some() || inviter.name.is_some()).then_some(inviter),
            created_at: invitation.created_at,
            updated_at: invitation.updated_at,
            expires_at: invitation.expires_at,
            accepted_at,
            declined_at,
            revoked_at,
            last_email_sent_at: invitation.last_email_sent_at,
            metadata: invitation.metadata,
        })
    }

    /// The address of who accepted, while it is the one that was invited.
    async fn address_of_user(&self, invitation: &Invitation) -> Result<Option<String>, Refusal> {
        let (InvitationState::Accepted { .. }, Some(user)) = (&invitation.state, invitation.user_id_invited) else {
            return Ok(None);
        };
        let user = self.reads.users().find(invitation.issuer_id, user).await?;
        let email = user.as_ref().and_then(|user| user.email());
        let same = email.filter(|email| address_hash(self.root, email) == invitation.address_hash);
        Ok(same.map(str::to_lowercase))
    }

    async fn scopes(&mut self, invitation: &Invitation) -> Result<Scopes, Refusal> {
        let mut all: Vec<_> = invitation.grant.scopes.iter().cloned().collect();
        for role in &invitation.grant.roles {
            if !self.roles.contains_key(role) {
                let alone = InvitationGrant { roles: vec![role.clone()], ..InvitationGrant::default() };
                let found = given(self.reads, invitation.issuer_id, invitation.org_id, &alone).await?;
                self.roles.insert(role.clone(), found);
            }
            all.extend(self.roles.get(role).into_iter().flatten().cloned());
        }
        Ok(all.into_iter().collect())
    }
}
