//! Steps that need no mail.

use async_trait::async_trait;

use super::bodies::{FlowConsent, FlowFactor, FlowIdentify, FlowInvitation, FlowMfa, FlowOrganization, FlowPassword};
use super::frame::FlowStep;
use super::view::View;
use crate::error::Refusal;
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::comparing::compare;
use crate::login::model::{Flow, Step};
use crate::login::operations::{self, Compared, SecondFactorKind, StepResult, Visitor, login_method};
use crate::secret::Secret;
use crate::store::Change;
use crate::user::model::User;
use crate::verifier::screening::{Person, Screened, screened};
use crate::web::body::NoBody;
use crate::web::parameters::Parameters;
use crate::web::route::Route;
use crate::web::runtime::IssuerCall;

pub(super) fn post(path: &'static str, name: &'static str, summary: &'static str) -> Route {
    Route::post(path).named(name, summary).about("login flows", "flow")
}

/// `identifyFlow`
pub(super) struct Identify;

#[async_trait]
impl FlowStep for Identify {
    type Body = FlowIdentify;
    type Prepared = ();

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/identify", "identifyFlow", "Say who is here")
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowIdentify> {
        Some(FlowIdentify { identifier: form.get("identifier")?.to_owned() })
    }

    fn asks(&self) -> View {
        View::Identify
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        _: &Visitor,
        flow: Flow,
        body: &FlowIdentify,
        (): &(),
    ) -> StepResult {
        operations::identify(change, flow, body.identifier.trim().to_owned()).await
    }
}

/// `presentPassword`
pub(super) struct Password;

#[async_trait]
impl FlowStep for Password {
    type Body = FlowPassword;
    type Prepared = Option<Compared>;

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/password", "presentPassword", "Prove it by a password")
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowPassword> {
        Some(FlowPassword { password: Secret::new(form.get("password")?) })
    }

    fn asks(&self) -> View {
        View::Password
    }

    async fn prepare(
        &self,
        call: &IssuerCall,
        flow: &Flow,
        user: Option<&User>,
        body: &FlowPassword,
    ) -> Result<Option<Compared>, Refusal> {
        login_method(&call.issuer().methods, AuthMethodKind::Password).ok_or(Refusal::NotFound)?;
        if flow.state.step() != Step::FirstFactor {
            return Ok(None);
        }
        let user = user.map(|user| user.id);
        compare(call.services(), flow.issuer_id, user, body.password.expose()).await.map(Some)
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        _: &FlowPassword,
        compared: &Option<Compared>,
    ) -> StepResult {
        flow.state.require(&[Step::FirstFactor])?;
        // Who is here was said a moment ago.
        let compared = compared.as_ref().ok_or(Refusal::Stale)?;
        operations::present(change, visitor, flow, compared).await
    }
}

/// `changeFlowPassword`
pub(super) struct PasswordChange;

#[async_trait]
impl FlowStep for PasswordChange {
    type Body = FlowPassword;
    type Prepared = Option<Screened>;

    fn route(&self) -> Route {
        let summary = "Choose a password in the place of one that was good for one login";
        post("/{issuer_id}/flows/{flow_id}/password-change", "changeFlowPassword", summary)
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowPassword> {
        Some(FlowPassword { password: Secret::new(form.get("password")?) })
    }

    async fn prepare(
        &self,
        call: &IssuerCall,
        flow: &Flow,
        user: Option<&User>,
        body: &FlowPassword,
    ) -> Result<Option<Screened>, Refusal> {
        let Some(user) = user.filter(|_| flow.state.evidence().is_some()) else { return Ok(None) };
        let person = Person { username: Some(user.username.as_str().to_owned()), about: user.known_about() };
        screened(call.services(), (flow.account_id, flow.issuer_id), person, body.password.expose()).await
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        _: &FlowPassword,
        prepared: &Option<Screened>,
    ) -> StepResult {
        flow.state.require(&[Step::PasswordChange])?;
        let hash = match prepared {
            Some(Ok(hash)) => hash.clone(),
            Some(Err(invalid)) => return Err(Refusal::field("password", invalid.code(), invalid.to_string()).into()),
            None => return Err(Refusal::NotFound.into()),
        };
        operations::replace(change, visitor, flow, hash).await
    }
}

/// `presentSecondFactor`
pub(super) struct Mfa;

#[async_trait]
impl FlowStep for Mfa {
    type Body = FlowMfa;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Prove it by a second factor, or finish setting one up";
        post("/{issuer_id}/flows/{flow_id}/mfa", "presentSecondFactor", summary)
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, query: &Parameters) -> Option<FlowMfa> {
        let kind = match query.get("type") {
            Some("backup_codes") => FlowFactor::BackupCodes,
            _ => FlowFactor::TotpApp,
        };
        let trust_device = form.get("trust_device") == Some("true");
        Some(FlowMfa { kind, code: Secret::new(form.get("code")?), trust_device })
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &FlowMfa,
        (): &(),
    ) -> StepResult {
        let kind = match body.kind {
            FlowFactor::TotpApp => SecondFactorKind::Totp,
            FlowFactor::BackupCodes => SecondFactorKind::BackupCode,
        };
        operations::second_factor(change, visitor, flow, (kind, body.code.expose()), body.trust_device).await
    }
}

/// `restartEnrollment`
pub(super) struct MfaEnroll;

#[async_trait]
impl FlowStep for MfaEnroll {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Begin to set up a second factor anew";
        post("/{issuer_id}/flows/{flow_id}/mfa/enroll", "restartEnrollment", summary)
    }

    fn of_form(&self, _: &Parameters, _: &Parameters) -> Option<NoBody> {
        Some(NoBody {})
    }

    async fn apply(&self, change: &mut Change<'_>, visitor: &Visitor, flow: Flow, _: &NoBody, (): &()) -> StepResult {
        operations::restart_enrollment(change, visitor, flow).await
    }
}

/// `answerConsent`
pub(super) struct Consent;

#[async_trait]
impl FlowStep for Consent {
    type Body = FlowConsent;
    type Prepared = ();

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/consent", "answerConsent", "Say yes or no to what is asked")
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowConsent> {
        let approve = form.get("approve") == Some("true") || form.get("account").is_some();
        Some(FlowConsent { approve })
    }

    async fn apply(&self, change: &mut Change<'_>, _: &Visitor, flow: Flow, body: &FlowConsent, (): &()) -> StepResult {
        operations::consent(change, flow, body.approve).await
    }
}

/// `selectFlowOrganization`
pub(super) struct SelectOrganization;

#[async_trait]
impl FlowStep for SelectOrganization {
    type Body = FlowOrganization;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Choose the organization that tokens are for";
        post("/{issuer_id}/flows/{flow_id}/organization", "selectFlowOrganization", summary)
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowOrganization> {
        Some(FlowOrganization { org_id: form.get("org")?.parse().ok()? })
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        _: &Visitor,
        flow: Flow,
        body: &FlowOrganization,
        (): &(),
    ) -> StepResult {
        operations::select(change, flow, body.org_id).await
    }
}

/// `answerInvitation`
pub(super) struct Invitation;

#[async_trait]
impl FlowStep for Invitation {
    type Body = FlowInvitation;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Accept an invitation, once it is known who is here, or decline it";
        post("/{issuer_id}/flows/{flow_id}/invitation", "answerInvitation", summary)
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, query: &Parameters) -> Option<FlowInvitation> {
        let token = form.get("token").or(query.get("token")).map(Secret::new);
        Some(FlowInvitation { token, accept: form.get("accept")? == "true" })
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &FlowInvitation,
        (): &(),
    ) -> StepResult {
        let token = body.token.as_ref().map(Secret::expose);
        operations::answer_invitation(change, visitor, flow, token, body.accept).await
    }
}

/// `abortFlow`
pub(super) struct Abort;

#[async_trait]
impl FlowStep for Abort {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/abort", "abortFlow", "Want no more: the application is told so")
    }

    fn of_form(&self, _: &Parameters, _: &Parameters) -> Option<NoBody> {
        Some(NoBody {})
    }

    async fn apply(&self, change: &mut Change<'_>, _: &Visitor, flow: Flow, _: &NoBody, (): &()) -> StepResult {
        operations::abort(change, flow).await
    }
}
