//! Where an invitation stands, and which step leads where. Every other step is refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Invitation, KEPT};
use crate::error::Refusal;
use crate::id::UserId;
use crate::secret::SecretHash;
use crate::timestamp::Timestamp;
use crate::words::words;

/// Where an invitation stands, with what only holds there.
#[derive(Clone, Debug)]
pub enum InvitationState {
    /// Waits for somebody to approve it; nothing was sent.
    PendingApproval,
    /// Was sent, and waits for the invitee.
    Pending {
        /// What opens its link.
        token: SecretHash,
    },
    /// Led to a membership.
    Accepted {
        /// When.
        at: Timestamp,
    },
    /// The invitee does not want to.
    Declined {
        /// When.
        at: Timestamp,
    },
    /// Was taken back.
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// Its approval was refused.
    Rejected {
        /// When.
        at: Timestamp,
    },
    /// Expired so long ago that it cannot be sent again.
    Expired,
}

/// The status on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationStatus {
    /// Was sent, and waits for the invitee.
    Pending,
    /// Waits for somebody to approve it.
    PendingApproval,
    /// Led to a membership.
    Accepted,
    /// The invitee does not want to.
    Declined,
    /// Was taken back.
    Revoked,
    /// Its approval was refused.
    Rejected,
    /// Nobody did anything in time.
    Expired,
}

words!(InvitationStatus: "pending" => Self::Pending, "pending_approval" => Self::PendingApproval, "accepted" => Self::Accepted, "declined" => Self::Declined, "revoked" => Self::Revoked, "rejected" => Self::Rejected, "expired" => Self::Expired);

impl InvitationStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::PendingApproval => "pending_approval",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// Whether somebody has to approve an invitation, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InvitationApproval)]
pub struct Approval {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why; never told to the invitee.
    pub reason: Option<String>,
}

/// What somebody says about an invitation that waits for approval.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl Approval {
    /// Asked for, and not decided.
    pub const fn requested(at: Timestamp) -> Self {
        Self { requested_at: at, decided_at: None, decided_by: None, reason: None }
    }

    fn decided(self, now: Timestamp, decision: Decision) -> Self {
        let (decided_by, reason) = (Some(decision.by), decision.reason);
        Self { decided_at: Some(now), decided_by, reason, ..self }
    }
}

/// A step that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invitation that is {} cannot be {wanted}", .from.as_str())]
pub struct IllegalStep {
    /// Where it stands.
    pub from: InvitationStatus,
    /// What was wanted.
    pub wanted: &'static str,
}

impl From<IllegalStep> for Refusal {
    fn from(step: IllegalStep) -> Self {
        Self::conflict(format!("An invitation with status {} cannot be {}.", step.from.as_str(), step.wanted))
    }
}

impl InvitationState {
    /// The status on the wire, by whether the time is over.
    pub(super) const fn status(&self, is_over: bool) -> InvitationStatus {
        match self {
            Self::PendingApproval | Self::Pending { .. } if is_over => InvitationStatus::Expired,
            Self::PendingApproval => InvitationStatus::PendingApproval,
            Self::Pending { .. } => InvitationStatus::Pending,
            Self::Accepted { .. } => InvitationStatus::Accepted,
            Self::Declined { .. } => InvitationStatus::Declined,
            Self::Revoked { .. } => InvitationStatus::Revoked,
            Self::Rejected { .. } => InvitationStatus::Rejected,
            Self::Expired => InvitationStatus::Expired,
        }
    }
}

impl Invitation {
    fn illegal(&self, now: Timestamp, wanted: &'static str) -> IllegalStep {
        IllegalStep { from: self.status(now), wanted }
    }

    fn moved_to(self, state: InvitationState, now: Timestamp) -> Self {
        Self { state, updated_at: self.updated_at.next_version(now), ..self }
    }

    /// It was approved, whatever became of it.
    pub const fn was_approved(&self) -> bool {
        match &self.approval {
            Some(approval) => approval.decided_at.is_some() && !matches!(self.state, InvitationState::Rejected { .. }),
            None => false,
        }
    }

    /// Approved and sent, with a link of its own and its whole lifetime.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it waits for approval.
    pub fn approved(self, now: Timestamp, decision: Decision, token: SecretHash) -> Result<Self, IllegalStep> {
        match (self.status(now), self.approval.clone()) {
            (InvitationStatus::PendingApproval, Some(approval)) => {
                let approval = Some(approval.decided(now, decision));
                Ok(Self { approval, ..self }.sent(now, token))
            }
            _ => Err(self.illegal(now, "approved")),
        }
    }

    /// Rejected, for good.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it waits for approval, expired or not.
    pub fn rejected(self, now: Timestamp, decision: Decision) -> Result<Self, IllegalStep> {
        match (&self.state, self.approval.clone()) {
            (InvitationState::PendingApproval, Some(approval)) => {
                let approval = Some(approval.decided(now, decision));
                Ok(Self { approval, ..self }.moved_to(InvitationState::Rejected { at: now }, now))
            }
            _ => Err(self.illegal(now, "rejected")),
        }
    }

    /// Accepted by a user: nothing personal stays.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it is pending.
    pub fn accepted(self, now: Timestamp, user: UserId) -> Result<Self, IllegalStep> {
        if self.status(now) != InvitationStatus::Pending {
            return Err(self.illegal(now, "accepted"));
        }
        let after = Self { user_id_invited: Some(user), sealed: None, ..self };
        Ok(after.moved_to(InvitationState::Accepted { at: now }, now))
    }

    /// Declined by the invitee.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it is pending.
    pub fn declined(self, now: Timestamp) -> Result<Self, IllegalStep> {
        if self.status(now) != InvitationStatus::Pending {
            return Err(self.illegal(now, "declined"));
        }
        Ok(self.moved_to(InvitationState::Declined { at: now }, now))
    }

    /// Taken back; its link is dead.
    ///
    /// # Errors
    /// [`IllegalStep`] when it has ended otherwise than by time.
    pub fn revoked(self, now: Timestamp) -> Result<Self, IllegalStep> {
        match self.status(now) {
            InvitationStatus::Pending | InvitationStatus::PendingApproval | InvitationStatus::Expired => {
                Ok(self.moved_to(InvitationState::Revoked { at: now }, now))
            }
            _ => Err(self.illegal(now, "revoked")),
        }
    }

    /// Sent again, with another link and its whole lifetime.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it was sent before, and is pending or expired at most 30 days ago.
    pub fn resent(self, now: Timestamp, token: SecretHash) -> Result<Self, IllegalStep> {
        let was_sent = matches!(self.state, InvitationState::Pending { .. });
        if was_sent && now <= self.expires_at.plus(KEPT) && self.sealed.is_some() {
            Ok(self.sent(now, token))
        } else {
            Err(self.illegal(now, "resent"))
        }
    }

    /// Waits for approval again, because it gives more than was approved; its link is dead.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it is pending.
    pub fn back_to_approval(self, now: Timestamp) -> Result<Self, IllegalStep> {
        if self.status(now) != InvitationStatus::Pending {
            return Err(self.illegal(now, "approved again"));
        }
        let approval = Some(Approval::requested(now));
        Ok(Self { state: InvitationState::PendingApproval, approval, ..self })
    }

    /// It can be changed.
    ///
    /// # Errors
    /// [`IllegalStep`] unless it is open.
    pub fn changeable(&self, now: Timestamp) -> Result<(), IllegalStep> {
        if self.is_open(now) { Ok(()) } else { Err(self.illegal(now, "changed")) }
    }

    /// As it is from its first, or another, mail on.
    fn sent(self, now: Timestamp, token: SecretHash) -> Self {
        let lifetime: Duration = self.lifetime;
        let after = Self { expires_at: now.plus(lifetime), last_email_sent_at: Some(now), ..self };
        after.moved_to(InvitationState::Pending { token }, now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::super::InvitationGrant;
    use super::*;
    use crate::event::model::Actor;
    use crate::id::{Id, InvitationId, IssuerId, OrganizationId};
    use crate::metadata::Metadata;
    use crate::seal::Sealed;
    use crate::secret::{KeyTag, Pepper, Peppers};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn hash() -> SecretHash {
        Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), vec![]).dummy()
    }

    fn decision() -> Decision {
        Decision { by: "usr_1".to_owned(), reason: Some("why".to_owned()) }
    }

    fn invitation(state: InvitationState) -> Invitation {
        let approval = matches!(state, InvitationState::PendingApproval).then(|| Approval::requested(NOW));
        Invitation {
            id: InvitationId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            org_id: OrganizationId::from_uuid(Uuid::nil()),
            state,
            grant: InvitationGrant::default(),
            address_hash: [0; 32],
            sealed: Some(Sealed::from_bytes(Vec::new())),
            inviter_id: None,
            user_id_invited: None,
            approval,
            granted_by: Actor::System,
            lifetime: Duration::from_hours(1),
            expires_at: NOW.plus(Duration::from_hours(1)),
            last_email_sent_at: None,
            metadata: Metadata::default(),
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn states() -> Vec<InvitationState> {
        vec![
            InvitationState::PendingApproval,
            InvitationState::Pending { token: hash() },
            InvitationState::Accepted { at: NOW },
            InvitationState::Declined { at: NOW },
            InvitationState::Revoked { at: NOW },
            InvitationState::Rejected { at: NOW },
            InvitationState::Expired,
        ]
    }

    type Step = fn(Invitation, Timestamp) -> Result<Invitation, IllegalStep>;

    #[test]
    fn the_steps_are_those_of_the_table_and_no_others() {
        let steps: [(&str, Step); 6] = [
            ("approve", |i, now| i.approved(now, decision(), hash())),
            ("reject", |i, now| i.rejected(now, decision())),
            ("accept", |i, now| i.accepted(now, UserId::from_uuid(Uuid::nil()))),
            ("decline", Invitation::declined),
            ("revoke", Invitation::revoked),
            ("resend", |i, now| i.resent(now, hash())),
        ];
        let expired = NOW.plus(Duration::from_hours(1));
        let table = [
            ("approve", "pending_approval", "pending"),
            ("reject", "pending_approval", "rejected"),
            ("accept", "pending", "accepted"),
            ("decline", "pending", "declined"),
            ("revoke", "pending", "revoked"),
            ("revoke", "pending_approval", "revoked"),
            ("revoke", "expired", "revoked"),
            ("resend", "pending", "pending"),
        ];
        for (name, step) in steps {
            for state in states() {
                let before = invitation(state);
                let from = before.status(NOW).as_str();
                let row = table.iter().find(|(known, start, _)| (*known, *start) == (name, from));
                let after = step(before, NOW).ok().map(|after| after.status(NOW).as_str());
                assert_eq!(after, row.map(|(_, _, end)| *end), "{name} from {from}");
            }
        }
        // By the clock: what was sent can be sent again, what was not can only be refused or taken back.
        let late = |state: InvitationState| -> Vec<&str> {
            let possible = steps.iter().filter(|(_, step)| step(invitation(state.clone()), expired).is_ok());
            possible.map(|(name, _)| *name).collect()
        };
        assert_eq!(late(InvitationState::Pending { token: hash() }), ["revoke", "resend"]);
        assert_eq!(late(InvitationState::PendingApproval), ["reject", "revoke"]);
    }

    #[test]
    fn an_expired_invitation_can_be_sent_again_for_thirty_days() {
        let sent = || invitation(InvitationState::Pending { token: hash() });
        let end = sent().expires_at.plus(KEPT);
        let again = sent().resent(end, hash()).unwrap();
        assert_eq!((again.status(end), again.expires_at), (InvitationStatus::Pending, end.plus(again.lifetime)));
        assert!(sent().resent(end.plus(Duration::from_millis(1)), hash()).is_err());
    }

    #[test]
    fn what_is_personal_goes_at_once_after_acceptance_and_else_after_thirty_days() {
        let pending = || invitation(InvitationState::Pending { token: hash() });
        assert_eq!(pending().erase_at(), Some(pending().expires_at.plus(KEPT)));
        assert_eq!(pending().declined(NOW).unwrap().erase_at(), Some(NOW.plus(KEPT)));
        let accepted = pending().accepted(NOW, UserId::from_uuid(Uuid::nil())).unwrap();
        assert!(accepted.sealed.is_none() && accepted.erase_at().is_none());
    }

    #[test]
    fn every_status_has_one_word_everywhere() {
        for word in InvitationStatus::WORDS {
            let status: InvitationStatus = word.parse().unwrap();
            assert_eq!((status.as_str(), serde_json::to_value(status).unwrap()), (*word, (*word).into()));
        }
    }
}
