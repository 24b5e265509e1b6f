//! The one gate to a session: whatever the method, everybody passes it, and nothing else makes an [`Authenticated`].

use serde::{Deserialize, Serialize};

use super::evidence::{AAL2, Evidence};
use super::request::Wants;
use crate::id::UserId;
use crate::oauth_error::{OAuthCode, OAuthError};

/// What the issuer and the organizations of the user demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Policy {
    /// Two factors of everybody, or of the members of one of the user's organizations.
    pub mfa_required: bool,
    /// Who has a second factor is asked for it.
    pub mfa_offered: bool,
    /// Nobody gets in whose address is not proven.
    pub verify_email: bool,
    /// Nobody signs in at the issuer.
    pub closed: bool,
}

/// Where the user stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Standing {
    /// Why the user may not sign in, whatever they prove.
    pub barred: Option<Reason>,
    /// The user has an address that mail can be sent to.
    pub has_address: bool,
    /// It is proven.
    pub address_verified: bool,
    /// The user has a second factor.
    pub has_factor: bool,
    /// An organization wants the user to come through its own identity provider.
    pub sso_only: bool,
}

/// Why somebody is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The sign-up waits for its approval.
    PendingApproval,
    /// The account is suspended or disabled.
    Inactive,
    /// The account is blocked.
    Blocked,
    /// The organization has its own way in.
    SsoOnly,
    /// Another user was expected.
    AnotherUser,
    /// The demanded authentication context class is out of reach.
    Unmet,
    /// There is no way in for whoever this is.
    NotAdmitted,
    /// Nobody signs in at the issuer.
    Closed,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The address has to be proven.
    VerifyEmail,
    /// The second factor.
    SecondFactor,
    /// A mail has to be read before a second factor is set up: a stolen password must not set up the thief's.
    MailBeforeEnrollment,
    /// A second factor has to be set up.
    Enrollment,
    /// A password in the place of the one that was good for once.
    NewPassword,
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Come in.
    Passed(Authenticated),
    /// Not yet.
    Needs(Need),
    /// Not at all.
    Refused(Reason),
}

/// Somebody who has passed the gate. Only [`judge`] makes one, and only with one a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    evidence: Evidence,
}

impl Authenticated {
    /// What they proved.
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Who it is.
    pub const fn user_id(&self) -> UserId {
        self.evidence.user_id
    }
}

impl Reason {
    /// What the application is told.
    pub const fn error(self) -> OAuthError {
        let (code, description) = match self {
            Self::PendingApproval => (OAuthCode::AccessDenied, "approval_pending"),
            Self::Inactive => (OAuthCode::AccessDenied, "The account cannot sign in."),
            Self::Blocked => (OAuthCode::UserBlocked, "The account is blocked."),
            Self::SsoOnly => (OAuthCode::AccessDenied, "The organization demands its own single sign-on."),
            Self::AnotherUser => (OAuthCode::LoginRequired, "Another user signed in than the one asked for."),
            Self::Unmet => {
                (OAuthCode::UnmetAuthenticationRequirements, "The demanded authentication cannot be reached.")
            }
            Self::NotAdmitted => (OAuthCode::AccessDenied, "Nobody can sign up this way."),
            Self::Closed => (OAuthCode::AccessDenied, "Nobody can sign in here."),
        };
        OAuthError::new(code, description)
    }
}

/// Whether somebody who has proven this may come in.
pub fn judge(policy: Policy, standing: Standing, wants: &Wants, evidence: &Evidence) -> Verdict {
    if wants.user.is_some_and(|wanted| wanted != evidence.user_id) {
        return Verdict::Refused(Reason::AnotherUser);
    }
    if let Some(reason) = standing.barred {
        return Verdict::Refused(reason);
    }
    if standing.sso_only {
        return Verdict::Refused(Reason::SsoOnly);
    }
    // Whoever came in before goes on.
    if policy.closed && !matches!(evidence.first, super::evidence::FirstFactor::Session { .. }) {
        return Verdict::Refused(Reason::Closed);
    }
    if policy.verify_email && standing.has_address && !standing.address_verified {
        return Verdict::Needs(Need::VerifyEmail);
    }
    if let Some(verdict) = second_factor(policy, standing, wants, evidence) {
        return verdict;
    }
    if evidence.first == super::evidence::FirstFactor::TemporaryPassword && !evidence.password_changed {
        return Verdict::Needs(Need::NewPassword);
    }
    Verdict::Passed(Authenticated { evidence: evidence.clone() })
}

/// What is to be said about the second factor; `None` when there is nothing.
fn second_factor(policy: Policy, standing: Standing, wants: &Wants, evidence: &Evidence) -> Option<Verdict> {
    if evidence.is_mfa() {
        return None;
    }
    let wants_two = wants.acr.first().is_some_and(|best| best == AAL2);
    let needs_two = wants.acr_essential && !wants.acr.iter().any(|class| class == super::evidence::AAL1);
    if standing.has_factor {
        let by_policy = policy.mfa_required || policy.mfa_offered;
        let asked = wants_two || (by_policy && !evidence.device_trusted);
        return asked.then_some(Verdict::Needs(Need::SecondFactor));
    }
    if !policy.mfa_required && !wants_two {
        return None;
    }
    if !policy.mfa_offered {
        // Nobody can set one up here: what is only wished for is left out (idp §4.5).
        let fails = policy.mfa_required || needs_two;
        return fails.then_some(Verdict::Refused(Reason::Unmet));
    }
    let by_mail = evidence.mail_read || !standing.address_verified;
    Some(Verdict::Needs(if by_mail { Need::Enrollment } else { Need::MailBeforeEnrollment }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::evidence::{AAL1, FirstFactor, SecondFactor};
    use super::*;
    use crate::id::Id as _;
    use crate::timestamp::Timestamp;

    const OFFERED: Policy = Policy { mfa_required: false, mfa_offered: true, verify_email: true, closed: false };
    const PLAIN: Standing =
        Standing { barred: None, has_address: true, address_verified: true, has_factor: false, sso_only: false };

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn password() -> Evidence {
        Evidence::new(user(1), FirstFactor::Password, Timestamp::EPOCH)
    }

    fn verdict(policy: Policy, standing: Standing, evidence: &Evidence) -> Verdict {
        judge(policy, standing, &Wants::default(), evidence)
    }

    fn passes(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Passed(_))
    }

    #[test]
    fn a_password_is_enough_where_nothing_else_is_demanded() {
        assert!(passes(&verdict(OFFERED, PLAIN, &password())));
    }

    #[test]
    fn who_is_barred_is_turned_away_whatever_they_prove() {
        for reason in [Reason::PendingApproval, Reason::Inactive, Reason::Blocked] {
            let full = Evidence { second: Some(SecondFactor::Totp), ..password() };
            let barred = Standing { barred: Some(reason), ..PLAIN };
            assert_eq!(verdict(OFFERED, barred, &full), Verdict::Refused(reason));
        }
        let sso_only = Standing { sso_only: true, ..PLAIN };
        let mail = Evidence::new(user(1), FirstFactor::EmailLink, Timestamp::EPOCH);
        for evidence in [password(), mail] {
            assert_eq!(verdict(OFFERED, sso_only, &evidence), Verdict::Refused(Reason::SsoOnly));
        }
        let other = Wants { user: Some(user(2)), ..Wants::default() };
        assert_eq!(judge(OFFERED, PLAIN, &other, &password()), Verdict::Refused(Reason::AnotherUser));
    }

    #[test]
    fn an_address_is_proven_before_anything_else_is_asked() {
        let unproven = Standing { address_verified: false, has_factor: true, ..PLAIN };
        assert_eq!(verdict(OFFERED, unproven, &password()), Verdict::Needs(Need::VerifyEmail));
        let lax = Policy { verify_email: false, ..OFFERED };
        assert_eq!(verdict(lax, unproven, &password()), Verdict::Needs(Need::SecondFactor));
        let without = Standing { has_address: false, address_verified: false, ..PLAIN };
        assert!(passes(&verdict(OFFERED, without, &password())));
    }

    #[test]
    fn a_trusted_browser_meets_a_policy_and_no_wanted_class() {
        let enrolled = Standing { has_factor: true, ..PLAIN };
        let required = Policy { mfa_required: true, ..OFFERED };
        let trusted = Evidence { device_trusted: true, ..password() };
        for policy in [OFFERED, required] {
            assert_eq!(verdict(policy, enrolled, &password()), Verdict::Needs(Need::SecondFactor));
            assert!(passes(&verdict(policy, enrolled, &trusted)));
        }
        let wants = Wants { acr: vec![AAL2.to_owned()], ..Wants::default() };
        assert_eq!(judge(OFFERED, enrolled, &wants, &trusted), Verdict::Needs(Need::SecondFactor));
        let full = Evidence { second: Some(SecondFactor::BackupCode), ..password() };
        assert!(passes(&judge(required, enrolled, &wants, &full)));
    }

    #[test]
    fn a_first_second_factor_is_set_up_after_a_mail() {
        let required = Policy { mfa_required: true, ..OFFERED };
        assert_eq!(verdict(required, PLAIN, &password()), Verdict::Needs(Need::MailBeforeEnrollment));
        let read = Evidence { mail_read: true, ..password() };
        assert_eq!(verdict(required, PLAIN, &read), Verdict::Needs(Need::Enrollment));
        let trusted = Evidence { device_trusted: true, ..password() };
        assert_eq!(verdict(required, PLAIN, &trusted), Verdict::Needs(Need::MailBeforeEnrollment));
        let nowhere = Standing { has_address: false, address_verified: false, ..PLAIN };
        assert_eq!(verdict(required, nowhere, &password()), Verdict::Needs(Need::Enrollment));
    }

    #[test]
    fn a_class_out_of_reach_fails_only_when_it_is_essential() {
        let off = Policy { mfa_offered: false, ..OFFERED };
        let wished = Wants { acr: vec![AAL2.to_owned()], ..Wants::default() };
        assert!(passes(&judge(off, PLAIN, &wished, &password())));
        let essential = Wants { acr_essential: true, ..wished.clone() };
        assert_eq!(judge(off, PLAIN, &essential, &password()), Verdict::Refused(Reason::Unmet));
        let either = Wants { acr: vec![AAL2.to_owned(), AAL1.to_owned()], acr_essential: true, ..wished };
        assert!(passes(&judge(off, PLAIN, &either, &password())));
    }

    #[test]
    fn a_temporary_password_lets_nobody_in_before_another_took_its_place() {
        let temporary = Evidence { first: FirstFactor::TemporaryPassword, ..password() };
        assert_eq!(verdict(OFFERED, PLAIN, &temporary), Verdict::Needs(Need::NewPassword));
        assert!(passes(&verdict(OFFERED, PLAIN, &Evidence { password_changed: true, ..temporary.clone() })));
        let enrolled = Standing { has_factor: true, ..PLAIN };
        assert_eq!(
            verdict(OFFERED, enrolled, &temporary),
            Verdict::Needs(Need::SecondFactor),
            "the factor comes first"
        );
    }
}
