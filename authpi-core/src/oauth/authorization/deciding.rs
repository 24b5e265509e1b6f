//! What an authorization still needs: a login, an answer of the person, or nothing (idp §4.5, §10.2, §19).

use std::cmp::Reverse;
use std::time::Duration;

use super::request::AuthorizationRequest;
use crate::client::model::{Client, ClientType, OrganizationMode, OrganizationRestriction};
use crate::error::Refusal;
use crate::id::{MemberId, OrganizationId};
use crate::issuer::model::RuntimeIssuer;
use crate::login::model::{Decision, OrganizationChoice, Question, Wants};
use crate::login::operations::question_of;
use crate::membership::repository::EffectiveMembership;
use crate::oauth::model::{ClaimsRequest, Resources};
use crate::oauth::organizations::OrganizationsClaim;
use crate::oauth::profile::{scopes_of, within};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::organization::model::Organization;
use crate::page::MAX_LIMIT;
use crate::seal::RootKey;
use crate::session::model::UserSession;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::strength::Strength;

const UNMET: OAuthError =
    OAuthError::new(OAuthCode::UnmetAuthenticationRequirements, "No demanded class could be reached.");

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// The person signs in, or proves more.
    Login(Wants),
    /// The person answers something.
    Ask(Question),
    /// The code. The flag says that a consent was given and is to be remembered.
    Grant { consented: bool },
    /// Nothing: the client is told why.
    Refuse(OAuthError),
}

/// What is known when it is decided.
pub(super) struct Known<'k> {
    pub client: &'k Client,
    /// What the client wants. Where only one organization can be selected, it is.
    pub request: AuthorizationRequest,
    /// The issuer with its login methods.
    pub issuer: &'k RuntimeIssuer,
    /// The session of the browser, live.
    pub session: Option<&'k UserSession>,
    /// What the person answered in the flow that this is the end of; none when there was no flow.
    pub decisions: Option<&'k [Decision]>,
    /// The person did something in that flow: signed in, or answered.
    pub clicked: bool,
    /// That flow was to reach a second factor: another would not reach more.
    pub stepped_up: bool,
    pub now: Timestamp,
    /// Root key of the issuer.
    pub root: &'k RootKey,
}

impl Known<'_> {
    /// Decides.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub(super) async fn next(&mut self, reads: &dyn Reads) -> Result<Next, Refusal> {
        let Some(session) = self.session.filter(|session| !self.wants_login(session)) else {
            return Ok(self.unless_silent(OAuthCode::LoginRequired, Next::Login(self.wants())));
        };
        if let Some(error) = self.wrong_person_or_class(session) {
            return Ok(Next::Refuse(error));
        }
        if self.decisions.is_none() && self.lacks_class(session) {
            if self.can_step_up(reads, session).await? {
                return Ok(self.unless_silent(OAuthCode::InteractionRequired, Next::Login(self.wants())));
            }
            // No login would change that: what is only wished for is left out (idp §4.5).
            if self.request.acr_essential {
                return Ok(Next::Refuse(UNMET));
            }
        }
        if let Some(next) = self.organization(reads, session).await? {
            return Ok(next);
        }
        self.consent(reads, session).await
    }

    /// Under `prompt=none` nobody is asked for anything.
    fn unless_silent(&self, code: OAuthCode, next: Next) -> Next {
        let text = match code {
            OAuthCode::LoginRequired => "The user must sign in.",
            OAuthCode::ConsentRequired => "The user must agree.",
            _ => "The user must do something first.",
        };
        if self.request.prompt.none { Next::Refuse(OAuthError::new(code, text)) } else { next }
    }

    fn wants(&self) -> Wants {
        let request = &self.request;
        Wants {
            fresh: request.prompt.login
                || self.session.map_or(request.max_age.is_some(), |session| self.is_too_old(session)),
            select_account: request.prompt.select_account,
            acr: self.known_classes().map(str::to_owned).collect(),
            acr_essential: request.acr_essential,
            user: request.user,
            org: request.org,
            login_hint: request.login_hint.clone(),
            ui_locales: request.ui_locales.clone(),
        }
    }

    /// The session is not the login that the request wants. A login in this very flow is.
    fn wants_login(&self, session: &UserSession) -> bool {
        if self.decisions.is_some() {
            return false;
        }
        let request = &self.request;
        let other = request.user.is_some_and(|user| user != session.user_id);
        request.prompt.login || request.prompt.select_account || self.is_too_old(session) || other
    }

    fn is_too_old(&self, session: &UserSession) -> bool {
        let age = self.now.since(session.details.authentication.authenticated_at);
        self.request.max_age.is_some_and(|most| most == 0 || age > Duration::from_secs(most))
    }

    /// After a login: it is not whom the client named, or not as strong as the client must have it.
    fn wrong_person_or_class(&self, session: &UserSession) -> Option<OAuthError> {
        if self.request.user.is_some_and(|user| user != session.user_id) {
            return Some(OAuthError::new(OAuthCode::LoginRequired, "Another user has signed in."));
        }
        let unreachable = !self.request.acr.is_empty() && self.known_classes().next().is_none();
        let missed = self.decisions.is_some() && self.lacks_class(session);
        let fails = self.request.acr_essential && (unreachable || missed);
        fails.then_some(UNMET)
    }

    /// The person could prove more here: has a second factor, or can set one up.
    async fn can_step_up(&self, reads: &dyn Reads, session: &UserSession) -> Result<bool, Refusal> {
        if self.issuer.issuer.offers_second_factor(&self.issuer.methods) {
            return Ok(true);
        }
        let user = reads.users().find(session.issuer_id, session.user_id).await?;
        Ok(user.is_some_and(|user| !user.security.mfa_methods().is_empty()))
    }

    /// The login meets none of the wanted classes that there are; a second factor meets what asks for one.
    fn lacks_class(&self, session: &UserSession) -> bool {
        let reached = session.details.authentication.acr.as_deref().unwrap_or("aal1");
        let meets = |wanted: &&str| *wanted == reached || (*wanted == "aal1" && reached == "aal2");
        let mut wanted = self.known_classes().peekable();
        wanted.peek().is_some() && !wanted.any(|wanted| meets(&wanted))
    }

    /// The wanted classes that a login here can reach at all.
    fn known_classes(&self) -> impl Iterator<Item = &str> {
        self.request.acr.iter().map(String::as_str).filter(|class| matches!(*class, "aal1" | "aal2"))
    }

    /// Which organization it is for, chosen if need be: it must give the session something. Whether it exists is not told.
    async fn organization(&mut self, reads: &dyn Reads, session: &UserSession) -> Result<Option<Next>, Refusal> {
        let restriction = &self.client.details.settings.organizations;
        if self.request.org.is_none() && !restriction.selects() {
            return Ok(None);
        }
        let held = reads.memberships().effective_scopes(session.issuer_id, MemberId::User(session.user_id)).await?;
        let selectable = self.request.org.map_or_else(|| candidates(restriction, &held), |selected| vec![selected]);
        let selected = match selectable.as_slice() {
            [] => return Ok(None),
            [selected] => *selected,
            several => return self.choice(reads, session, several).await.map(Some),
        };
        self.request.org = Some(selected);
        let asks_more = held.iter().any(|held| held.org_id == selected && held.is_in_force() && held.mfa_required);
        if OrganizationsClaim::of_user(held, restriction, Strength::of(session), Some(selected)).is_some() {
            return Ok(None);
        }
        if asks_more && !self.stepped_up {
            let step_up = Wants { acr: vec!["aal2".to_owned()], ..self.wants() };
            return Ok(Some(self.unless_silent(OAuthCode::InteractionRequired, Next::Login(step_up))));
        }
        if !self.has_answered_invitation()
            && let Some(question) = self.invitation(reads, session, selected).await?
        {
            return Ok(Some(self.unless_silent(OAuthCode::InteractionRequired, Next::Ask(question))));
        }
        let error = OAuthError::new(OAuthCode::AccessDenied, "The organization cannot be selected.");
        Ok(Some(Next::Refuse(error)))
    }

    /// The person says which of several organizations it is for.
    async fn choice(
        &self,
        reads: &dyn Reads,
        session: &UserSession,
        several: &[OrganizationId],
    ) -> Result<Next, Refusal> {
        let found = reads.organizations().find_all(session.issuer_id, several).await?;
        let choice =
            |organization: Organization| OrganizationChoice { id: organization.id, name: organization.details.name };
        let mut choices: Vec<OrganizationChoice> = found.into_iter().map(choice).collect();
        choices.sort_unstable_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        Ok(self.unless_silent(OAuthCode::InteractionRequired, Next::Ask(Question::SelectOrganization { choices })))
    }

    fn has_answered_invitation(&self) -> bool {
        let is_answer = |decision: &Decision| matches!(decision, Decision::Invitation { .. });
        self.decisions.is_some_and(|made| made.iter().any(is_answer))
    }

    /// Who is invited into the organization is asked first (D73), unless the client must not see it.
    async fn invitation(
        &self,
        reads: &dyn Reads,
        session: &UserSession,
        selected: OrganizationId,
    ) -> Result<Option<Question>, Refusal> {
        if !self.client.details.settings.organizations.admits(selected) {
            return Ok(None);
        }
        let place = (session.issuer_id, selected);
        question_of(reads, self.root, place, session.user_id, self.now).await
    }

    async fn consent(&self, reads: &dyn Reads, session: &UserSession) -> Result<Next, Refusal> {
        const DENIED: OAuthError = OAuthError::new(OAuthCode::AccessDenied, "The user has said no.");
        let decisions = self.decisions.unwrap_or_default();
        let declined = decisions.iter().any(|decision| {
            matches!(decision, Decision::Consent { approved: false } | Decision::Continue { approved: false })
        });
        if declined {
            return Ok(Next::Refuse(DENIED));
        }
        let agreed = decisions.iter().any(|decision| matches!(decision, Decision::Consent { approved: true }));
        if !agreed && self.needs_consent(reads, session).await? {
            return Ok(self.unless_silent(OAuthCode::ConsentRequired, Next::Ask(self.consent_question())));
        }
        if self.request.needs_click && !self.clicked {
            let user = reads.users().find(session.issuer_id, session.user_id).await?.ok_or(Refusal::NotFound)?;
            let question = Question::Continue { account: user.username.as_str().to_owned() };
            return Ok(self.unless_silent(OAuthCode::InteractionRequired, Next::Ask(question)));
        }
        Ok(Next::Grant { consented: agreed })
    }

    async fn needs_consent(&self, reads: &dyn Reads, session: &UserSession) -> Result<bool, Refusal> {
        if self.client.details.kind == ClientType::Internal {
            return Ok(false);
        }
        let known = reads.grants().consent(session.issuer_id, session.user_id, self.client.id).await?;
        let covered = known.is_some_and(|known| known.covers(&self.consented_scopes(), self.audiences().as_slice()));
        Ok(self.request.prompt.consent || !covered)
    }

    /// Whom the tokens are for besides the client, which is agreed to and stays with the grant. A client of somebody else
    /// that names nobody has its tokens for whom it is set up for: that is agreed to as well, so that a change of the
    /// setting reaches nobody who was not asked.
    pub(super) fn audiences(&self) -> Resources {
        let default = &self.client.details.settings.openid.audience;
        let names = self.client.details.kind != ClientType::Internal && self.request.resources.is_empty();
        match default.as_deref().filter(|_| names) {
            Some(default) => Resources::one(default),
            None => self.request.resources.clone(),
        }
    }

    /// The single claims that are agreed to.
    pub(super) fn claims(&self) -> Option<ClaimsRequest> {
        self.request.claims.as_ref().map(|claims| within(claims, &self.client.details.settings.scopes))
    }

    /// Scopes that are agreed to: those that are asked for, and those that single claims need.
    pub(super) fn consented_scopes(&self) -> Vec<String> {
        let mut scopes = self.request.scopes.clone();
        if let Some(claims) = &self.request.claims {
            for scope in scopes_of(claims, &self.client.details.settings.scopes) {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        scopes
    }

    fn consent_question(&self) -> Question {
        Question::Consent {
            scopes: self.consented_scopes(),
            audiences: self.audiences().as_slice().to_vec(),
            shares_organizations: self.client.details.settings.organizations.mode != OrganizationMode::None,
            redirect_host: destination(&self.request.back.redirect_uri),
        }
    }
}

/// Where the answer goes, as people are told: a host, or the scheme that an app has for itself (RFC 8252 §7.1).
pub(super) fn destination(redirect_uri: &str) -> Option<String> {
    let uri = url::Url::parse(redirect_uri).ok()?;
    Some(uri.host_str().map_or_else(|| format!("{}:", uri.scheme()), str::to_owned))
}

/// Organizations that can be selected, those that were joined last first. One that asks for a second factor may be chosen, and
/// the person is asked for it then.
fn candidates(restriction: &OrganizationRestriction, held: &[EffectiveMembership]) -> Vec<OrganizationId> {
    let can_be = |held: &&EffectiveMembership| held.is_in_force() && restriction.admits(held.org_id) && !held.sso_only;
    let mut those: Vec<_> = held.iter().filter(can_be).collect();
    those.sort_unstable_by_key(|held| (Reverse(held.joined_at), held.org_id));
    those.into_iter().take(MAX_LIMIT as usize).map(|held| held.org_id).collect()
}
