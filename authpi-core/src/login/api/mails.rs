//! Steps that send a mail, or take what it brought.

use async_trait::async_trait;

use super::bodies::{FlowCode, FlowResetCompletion};
use super::frame::FlowStep;
use super::steps::post;
use super::view::View;
use crate::error::Refusal;
use crate::login::model::{Flow, MailToken, TypedCode};
use crate::login::operations::{self, MailAs, StepResult, Visitor, reset_subject};
use crate::secret::Secret;
use crate::store::Change;
use crate::user::model::User;
use crate::verifier::screening::{Person, Screened, screened};
use crate::web::body::NoBody;
use crate::web::parameters::Parameters;
use crate::web::route::Route;
use crate::web::runtime::IssuerCall;

/// `sendFlowCode`
pub(super) struct EmailCode;

#[async_trait]
impl FlowStep for EmailCode {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Have a code mailed, or what proves the address";
        post("/{issuer_id}/flows/{flow_id}/email-code", "sendFlowCode", summary)
    }

    fn mails(&self) -> bool {
        true
    }

    fn of_form(&self, _: &Parameters, _: &Parameters) -> Option<NoBody> {
        Some(NoBody {})
    }

    fn shows(&self) -> View {
        View::Code
    }

    fn asks(&self) -> View {
        View::Code
    }

    async fn apply(&self, change: &mut Change<'_>, visitor: &Visitor, flow: Flow, _: &NoBody, (): &()) -> StepResult {
        operations::send(change, visitor, flow, MailAs::Code).await
    }
}

/// `verifyFlowCode`
pub(super) struct VerifyEmailCode;

#[async_trait]
impl FlowStep for VerifyEmailCode {
    type Body = FlowCode;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Type the code that was mailed, or that its link showed elsewhere";
        post("/{issuer_id}/flows/{flow_id}/email-code/verify", "verifyFlowCode", summary)
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, _: &Parameters) -> Option<FlowCode> {
        Some(FlowCode { code: Secret::new(form.get("code")?) })
    }

    fn asks(&self) -> View {
        View::Code
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &FlowCode,
        (): &(),
    ) -> StepResult {
        operations::enter(change, visitor, flow, &TypedCode::typed(body.code.expose())).await
    }
}

/// `sendMagicLink`
pub(super) struct MagicLink;

#[async_trait]
impl FlowStep for MagicLink {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/magic-link", "sendMagicLink", "Have a link mailed to sign in with")
    }

    fn mails(&self) -> bool {
        true
    }

    fn of_form(&self, _: &Parameters, _: &Parameters) -> Option<NoBody> {
        Some(NoBody {})
    }

    fn shows(&self) -> View {
        View::Link
    }

    async fn apply(&self, change: &mut Change<'_>, visitor: &Visitor, flow: Flow, _: &NoBody, (): &()) -> StepResult {
        operations::send(change, visitor, flow, MailAs::Link).await
    }
}

/// `requestPasswordReset`
pub(super) struct PasswordReset;

#[async_trait]
impl FlowStep for PasswordReset {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        let summary = "Have a link mailed to a new password";
        post("/{issuer_id}/flows/{flow_id}/password-reset", "requestPasswordReset", summary)
    }

    fn mails(&self) -> bool {
        true
    }

    fn of_form(&self, _: &Parameters, _: &Parameters) -> Option<NoBody> {
        Some(NoBody {})
    }

    fn shows(&self) -> View {
        View::ResetSent
    }

    async fn apply(&self, change: &mut Change<'_>, visitor: &Visitor, flow: Flow, _: &NoBody, (): &()) -> StepResult {
        operations::request_reset(change, visitor, flow).await
    }
}

/// `completePasswordReset`
pub(super) struct CompletePasswordReset;

#[async_trait]
impl FlowStep for CompletePasswordReset {
    type Body = FlowResetCompletion;
    type Prepared = Option<Screened>;

    fn route(&self) -> Route {
        let summary = "Choose a password in the place of a forgotten one";
        post("/{issuer_id}/flows/{flow_id}/password-reset/complete", "completePasswordReset", summary)
    }

    fn presents(&self) -> bool {
        true
    }

    fn of_form(&self, form: &Parameters, query: &Parameters) -> Option<FlowResetCompletion> {
        let token = Secret::new(query.get("token")?);
        Some(FlowResetCompletion { token, password: Secret::new(form.get("password")?) })
    }

    async fn prepare(
        &self,
        call: &IssuerCall,
        flow: &Flow,
        _: Option<&User>,
        body: &FlowResetCompletion,
    ) -> Result<Option<Screened>, Refusal> {
        let Some(token) = MailToken::parse(body.token.expose()) else { return Ok(None) };
        let services = call.services();
        let (reads, peppers) = (services.store.reads(), &services.keyring.peppers);
        let subject = reset_subject(reads, peppers, flow.issuer_id, &token, services.now()).await?;
        let Some(subject) = subject else { return Ok(None) };
        let person = Person { username: Some(subject.username), about: subject.about };
        screened(services, (flow.account_id, flow.issuer_id), person, body.password.expose()).await
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &FlowResetCompletion,
        prepared: &Option<Screened>,
    ) -> StepResult {
        let Some(token) = MailToken::parse(body.token.expose()) else {
            return Ok(operations::Stepped::not(flow, operations::Problem::Expired));
        };
        let password = match prepared {
            Some(Ok(hash)) => Some(hash.clone()),
            Some(Err(invalid)) => return Err(Refusal::field("password", invalid.code(), invalid.to_string()).into()),
            None => None,
        };
        operations::complete_reset(change, visitor, flow, &token, password).await
    }
}
