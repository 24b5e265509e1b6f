//! The catalogue of event types (events-webhooks §4): 106 that webhooks can ask for, and the ones of the audit trail
//! alone. Names are exact; there are no wildcards.

use std::fmt;

/// A name of the catalogue. There is no way to make one that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType {
    name: &'static str,
    deliverable: bool,
}

impl EventType {
    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|known| known.name == name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// Webhooks can ask for it; the others exist in the event list only.
    pub const fn is_deliverable(self) -> bool {
        self.deliverable
    }

    /// Written in batches outside of the request's transaction, and kept 30 instead of 90 days
    /// (events-webhooks §4, end).
    pub fn is_per_request(self) -> bool {
        !self.deliverable
            && ["verified", "used", "warned", "exceeded"].iter().any(|last| self.name.rsplit('.').next() == Some(last))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn deliverable(name: &'static str) -> EventType {
    EventType { name, deliverable: true }
}

const fn audit_only(name: &'static str) -> EventType {
    EventType { name, deliverable: false }
}

macro_rules! catalogue {
    ($($kind:ident { $($constant:ident = $name:literal,)* })*) => {
        $($(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: EventType = $kind($name);
        )*)*

        /// Every type there is.
        pub const ALL: &[EventType] = &[$($($constant,)*)*];

        /// Every name there is, in the order of [`ALL`].
        pub const NAMES: &[&str] = &[$($($name,)*)*];
    };
}

catalogue! {
    deliverable {
        SESSION_CREATED = "session.created",
        SESSION_UPDATED = "session.updated",
        SESSION_EXPIRED = "session.expired",
        SESSION_TERMINATED = "session.terminated",
        SESSION_COMPROMISED = "session.compromised",
        SESSION_TOKEN_REFRESHED = "session.token-refreshed",
        MACHINE_TOKEN_ISSUED = "machine.token.issued",
        USER_CREATED = "user.created",
        USER_UPDATED = "user.updated",
        USER_DELETED = "user.deleted",
        USER_BLOCKED = "user.blocked",
        USER_UNBLOCKED = "user.unblocked",
        USER_VERIFICATION_SUCCEEDED = "user.verification.succeeded",
        USER_VERIFICATION_FAILED = "user.verification.failed",
        USER_PASSWORD_CHANGED = "user.password.changed",
        USER_PASSWORD_RESET_REQUESTED = "user.password.reset-requested",
        USER_PASSWORD_RESET = "user.password.reset",
        USER_LOGIN_LINK_REQUESTED = "user.login-link.requested",
        USER_LOGIN_LINK_CONSUMED = "user.login-link.consumed",
        USER_VERIFIER_CREATED = "user.verifier.created",
        USER_VERIFIER_UPDATED = "user.verifier.updated",
        USER_VERIFIER_DELETED = "user.verifier.deleted",
        USER_EMAIL_CHANGE_REQUESTED = "user.email.change-requested",
        USER_EMAIL_CHANGED = "user.email.changed",
        USER_EMAIL_VERIFIED = "user.email.verified",
        USER_APPROVAL_REQUESTED = "user.approval.requested",
        USER_APPROVAL_APPROVED = "user.approval.approved",
        USER_APPROVAL_REJECTED = "user.approval.rejected",
        USER_MFA_FACTOR_CREATED = "user.mfa.factor-created",
        USER_MFA_FACTOR_DELETED = "user.mfa.factor-deleted",
        USER_MFA_BACKUP_CODES_REGENERATED = "user.mfa.backup-codes.regenerated",
        USER_MFA_BACKUP_CODES_LOW = "user.mfa.backup-codes.low",
        USER_MFA_VERIFICATION_SUCCEEDED = "user.mfa.verification.succeeded",
        USER_MFA_VERIFICATION_FAILED = "user.mfa.verification.failed",
        USER_DEVICE_TRUSTED = "user.device.trusted",
        USER_DEVICE_REVOKED = "user.device.revoked",
        USER_CONSENT_GRANTED = "user.consent.granted",
        USER_CONSENT_REVOKED = "user.consent.revoked",
        USER_SSO_PROVISIONED = "user.sso.provisioned",
        USER_SSO_LINKED = "user.sso.linked",
        USER_PERSONAL_TOKEN_CREATED = "user.personal-token.created",
        USER_PERSONAL_TOKEN_UPDATED = "user.personal-token.updated",
        USER_PERSONAL_TOKEN_DELETED = "user.personal-token.deleted",
        CLIENT_CREATED = "client.created",
        CLIENT_UPDATED = "client.updated",
        CLIENT_DELETED = "client.deleted",
        CLIENT_SECRET_ROTATED = "client.secret.rotated",
        CLIENT_BLOCKED = "client.blocked",
        CLIENT_UNBLOCKED = "client.unblocked",
        API_KEY_CREATED = "api-key.created",
        API_KEY_UPDATED = "api-key.updated",
        API_KEY_DELETED = "api-key.deleted",
        API_KEY_BLOCKED = "api-key.blocked",
        API_KEY_UNBLOCKED = "api-key.unblocked",
        AGENT_CREATED = "agent.created",
        AGENT_UPDATED = "agent.updated",
        AGENT_DELETED = "agent.deleted",
        AGENT_VERIFIER_ADDED = "agent.verifier.added",
        AGENT_VERIFIER_REMOVED = "agent.verifier.removed",
        ISSUER_CREATED = "issuer.created",
        ISSUER_UPDATED = "issuer.updated",
        ISSUER_DELETED = "issuer.deleted",
        ISSUER_AUTH_METHOD_CREATED = "issuer.auth-method.created",
        ISSUER_AUTH_METHOD_UPDATED = "issuer.auth-method.updated",
        ISSUER_AUTH_METHOD_DELETED = "issuer.auth-method.deleted",
        ORGANIZATION_CREATED = "organization.created",
        ORGANIZATION_UPDATED = "organization.updated",
        ORGANIZATION_DELETED = "organization.deleted",
        ORGANIZATION_SUSPENDED = "organization.suspended",
        ORGANIZATION_REACTIVATED = "organization.reactivated",
        ORGANIZATION_MEMBERSHIP_CREATED = "organization.membership.created",
        ORGANIZATION_MEMBERSHIP_UPDATED = "organization.membership.updated",
        ORGANIZATION_MEMBERSHIP_DELETED = "organization.membership.deleted",
        ORGANIZATION_GROUP_CREATED = "organization.group.created",
        ORGANIZATION_GROUP_UPDATED = "organization.group.updated",
        ORGANIZATION_GROUP_DELETED = "organization.group.deleted",
        ORGANIZATION_INVITATION_CREATED = "organization.invitation.created",
        ORGANIZATION_INVITATION_ACCEPTED = "organization.invitation.accepted",
        ORGANIZATION_INVITATION_DECLINED = "organization.invitation.declined",
        ORGANIZATION_INVITATION_DELETED = "organization.invitation.deleted",
        ORGANIZATION_SSO_ENABLED = "organization.sso.enabled",
        ORGANIZATION_SSO_DISABLED = "organization.sso.disabled",
        ORGANIZATION_SSO_UPDATED = "organization.sso.updated",
        ORGANIZATION_SSO_DOMAIN_CREATED = "organization.sso.domain-created",
        ORGANIZATION_SSO_DOMAIN_VERIFIED = "organization.sso.domain-verified",
        ORGANIZATION_SSO_DOMAIN_DELETED = "organization.sso.domain-deleted",
        ACCOUNT_CREATED = "account.created",
        ACCOUNT_UPDATED = "account.updated",
        ACCOUNT_DELETED = "account.deleted",
        ACCOUNT_DOMAIN_ADDED = "account.domain.added",
        ACCOUNT_DOMAIN_REMOVED = "account.domain.removed",
        ACCOUNT_DOMAIN_ASSIGNED = "account.domain.assigned",
        ACCOUNT_DOMAIN_UNASSIGNED = "account.domain.unassigned",
        ACCOUNT_CREDITS_DEPLETED = "account.credits.depleted",
        ACCOUNT_CREDITS_UPDATED = "account.credits.updated",
        WEBHOOK_CREATED = "webhook.created",
        WEBHOOK_UPDATED = "webhook.updated",
        WEBHOOK_DELETED = "webhook.deleted",
        WEBHOOK_PAUSED = "webhook.paused",
        WEBHOOK_RESUMED = "webhook.resumed",
        EMAIL_SENT = "email.sent",
        EMAIL_FAILED = "email.failed",
        AUTH_FLOW_RATE_LIMITED = "auth.flow.rate-limited",
        AUTH_FLOW_EXPIRED = "auth.flow.expired",
        AUTH_FLOW_REPLAY_ATTEMPT = "auth.flow.replay-attempt",
        AUTH_FLOW_DEVICE_MISMATCH = "auth.flow.device-mismatch",
    }
    audit_only {
        API_KEY_VERIFIED = "api-key.verified",
        API_KEY_RATE_LIMIT_WARNED = "api-key.rate-limit.warned",
        API_KEY_RATE_LIMIT_EXCEEDED = "api-key.rate-limit.exceeded",
        USER_PERSONAL_TOKEN_VERIFIED = "user.personal-token.verified",
        USER_DELEGATION_GRANTED = "user.delegation.granted",
        USER_DELEGATION_REVOKED = "user.delegation.revoked",
        USER_DELEGATION_USED = "user.delegation.used",
        ORGANIZATION_INVITATION_UPDATED = "organization.invitation.updated",
        ORGANIZATION_INVITATION_APPROVAL_REQUESTED = "organization.invitation.approval-requested",
        ORGANIZATION_INVITATION_APPROVED = "organization.invitation.approved",
        ORGANIZATION_INVITATION_REJECTED = "organization.invitation.rejected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_the_106_deliverable_types_of_the_sdk_and_no_name_twice() {
        assert_eq!(ALL.iter().filter(|kind| kind.is_deliverable()).count(), 106);
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn per_request_types_are_the_five_of_the_specification() {
        let per_request: Vec<_> = ALL.iter().filter(|kind| kind.is_per_request()).map(|kind| kind.as_str()).collect();
        let expected = [
            "api-key.verified",
            "api-key.rate-limit.warned",
            "api-key.rate-limit.exceeded",
            "user.personal-token.verified",
            "user.delegation.used",
        ];
        assert_eq!(per_request, expected);
    }
}
