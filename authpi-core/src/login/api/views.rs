//! What pages learn of a login. Nothing of it tells whether somebody has an account.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{AuthMethodId, ClientId, FlowId, OrganizationId};
use crate::issuer::model::RuntimeIssuer;
use crate::issuer::model::auth_method::{AuthMethod, AuthMethodKind};
use crate::login::model::{Flow, Need, Progress, Question, Step};
use crate::login::operations::{Problem, Stepped};
use crate::timestamp::Timestamp;

/// Methods that a login can be done with. What is not here is not offered.
const OFFERED: [AuthMethodKind; 3] = [AuthMethodKind::Password, AuthMethodKind::EmailLink, AuthMethodKind::EmailOtp];

/// A step that was taken, or not.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowStepAnswer)]
pub(super) struct StepView {
    /// Where the login stands now.
    step: Step,
    /// Where the browser goes on, at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    redirect_to: Option<String>,
    /// Why nothing was accepted: `invalid_credentials`, `invalid_code`, `locked`, `expired`, `invitation_refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
    /// Seconds until more can be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    /// Ways in, at the first factor; featured ones first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    methods: Option<Vec<MethodView>>,
    /// What is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    question: Option<QuestionView>,
    /// The second factor that is being set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    enrollment: Option<EnrollmentView>,
    /// Codes on paper, shown this once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    backup_codes: Vec<String>,
}

/// A login, as its page begins with it.
#[derive(Serialize, ToSchema)]
#[schema(as = Flow)]
pub(super) struct FlowView {
    id: FlowId,
    #[serde(flatten)]
    step: StepView,
    /// The application that asks.
    #[schema(inline)]
    client: Option<ClientView>,
    /// How the issuer looks.
    #[schema(inline)]
    branding: BrandingView,
    /// Who it probably is, or who somebody said they are.
    login_hint: Option<String>,
    /// Languages of the pages, best first.
    ui_locales: Option<String>,
    /// People can sign up.
    signup: bool,
    /// A forgotten password can be replaced.
    password_reset: bool,
    /// From then on it leads nowhere.
    expires_at: Timestamp,
    /// Goes back in the header `Authpi-Portal`.
    ticket: String,
}

#[derive(Serialize, ToSchema)]
struct MethodView {
    id: AuthMethodId,
    #[serde(rename = "type")]
    kind: AuthMethodKind,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct ClientView {
    id: Option<ClientId>,
    name: String,
    logo_url: Option<String>,
    redirect_host: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct BrandingView {
    /// What the issuer is called.
    name: String,
    logo_url: Option<String>,
    favicon_url: Option<String>,
    primary_color: Option<String>,
    background_color: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum QuestionView {
    /// Whether the application gets what it asks for.
    Consent { scopes: Vec<String>, audiences: Vec<String>, shares_organizations: bool, redirect_host: Option<String> },
    /// Which organization it is for.
    SelectOrganization { choices: Vec<ChoiceView> },
    /// Whether to go on as who is signed in.
    Continue { account: String },
    /// Whether to join the organization that it is for.
    Invitation { organization: String, inviter: Option<String>, message: Option<String> },
}

#[derive(Serialize, ToSchema)]
struct ChoiceView {
    id: OrganizationId,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct EnrollmentView {
    /// The seed as people type it.
    secret: String,
    /// The seed as apps scan it.
    provisioning_uri: String,
    expires_at: Timestamp,
}

/// The methods that the issuer lets people log in by, and that we have: featured ones first.
pub(super) fn offered_methods(issuer: &RuntimeIssuer) -> Vec<&AuthMethod> {
    let offers =
        |method: &&AuthMethod| OFFERED.contains(&method.kind) && method.details.enabled && method.details.allow_login;
    let mut offered: Vec<_> = issuer.methods.iter().filter(offers).collect();
    offered.sort_by_key(|method| issuer.issuer.details.settings.portals.rank(method));
    offered
}

/// The issuer lets people log in by a method of this kind, and we have it.
pub(super) fn offered_login(issuer: &RuntimeIssuer, kind: AuthMethodKind) -> bool {
    offered_methods(issuer).iter().any(|method| method.kind == kind)
}

/// The kinds of these methods as pages of ours show them: featured ones first, then the password, then mails.
pub(super) fn shown_kinds(issuer: &RuntimeIssuer) -> Vec<AuthMethodKind> {
    let portals = &issuer.issuer.details.settings.portals;
    let offered = offered_methods(issuer);
    let rank = |kind| offered.iter().filter(|method| method.kind == kind).map(|method| portals.rank(method)).min();
    let mut ranked: Vec<_> = OFFERED.into_iter().filter_map(|kind| Some((rank(kind)?, kind))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, kind)| kind).collect()
}

/// The issuer lets people sign up, and we have a method for it.
pub(super) fn offered_signup(issuer: &RuntimeIssuer) -> bool {
    let settings = &issuer.issuer.details.settings;
    let is_open = !matches!(settings.access.mode, crate::issuer::model::access::AccessMode::Closed);
    let offers =
        |method: &AuthMethod| OFFERED.contains(&method.kind) && method.details.enabled && method.details.allow_signup;
    let portals = &settings.portals;
    portals.login.enabled && portals.signup.enabled && is_open && issuer.methods.iter().any(offers)
}

impl MethodView {
    fn of(method: &AuthMethod) -> Self {
        Self { id: method.id, kind: method.kind, name: method.details.name.clone() }
    }
}

impl From<&Question> for QuestionView {
    fn from(question: &Question) -> Self {
        match question.clone() {
            Question::Consent { scopes, audiences, shares_organizations, redirect_host } => {
                Self::Consent { scopes, audiences, shares_organizations, redirect_host }
            }
            Question::SelectOrganization { choices } => Self::SelectOrganization {
                choices: choices.into_iter().map(|choice| ChoiceView { id: choice.id, name: choice.name }).collect(),
            },
            Question::Continue { account } => Self::Continue { account },
            Question::Invitation { organization, inviter, message, .. } => {
                Self::Invitation { organization, inviter, message }
            }
        }
    }
}

/// Where the browser goes on when a login has ended: back to whoever began it.
pub(super) fn redirect_to(flow: &Flow, iss: &str) -> Option<String> {
    let is_begun_by_application = flow.state.request.client_id.is_some();
    (flow.state.step() == Step::Done && is_begun_by_application).then(|| format!("{iss}/authorize?flow={}", flow.id))
}

impl StepView {
    /// Where a login stands.
    pub(super) fn of(flow: &Flow, issuer: &RuntimeIssuer, iss: &str) -> Self {
        let step = flow.state.step();
        let methods = matches!(step, Step::Identify | Step::FirstFactor)
            .then(|| offered_methods(issuer).into_iter().map(MethodView::of).collect());
        let question = match flow.state.progress() {
            Progress::SignedIn { question: Some(question), .. } => Some(QuestionView::from(question)),
            _ => None,
        };
        let is_enrolling = matches!(flow.state.progress(), Progress::Proven { need: Need::Enrollment, .. });
        let enrollment = flow.state.enrollment.as_ref().filter(|_| is_enrolling).map(|enrollment| EnrollmentView {
            secret: enrollment.secret.clone(),
            provisioning_uri: enrollment.provisioning_uri.clone(),
            expires_at: enrollment.expires_at,
        });
        Self {
            step,
            redirect_to: redirect_to(flow, iss),
            error: None,
            retry_after: None,
            methods,
            question,
            enrollment,
            backup_codes: Vec::new(),
        }
    }

    /// What a step led to.
    pub(super) fn after(stepped: &Stepped, issuer: &RuntimeIssuer, iss: &str) -> Self {
        let retry_after = match stepped.problem {
            Some(Problem::Locked { retry_after }) => retry_after,
            _ => None,
        };
        Self {
            error: stepped.problem.map(Problem::as_str),
            retry_after,
            backup_codes: stepped.backup_codes.iter().map(|code| code.expose().to_owned()).collect(),
            ..Self::of(&stepped.flow, issuer, iss)
        }
    }
}

impl FlowView {
    /// A login, for its page.
    pub(super) fn of(flow: &Flow, issuer: &RuntimeIssuer, iss: &str, ticket: &str) -> Self {
        let details = &issuer.issuer.details;
        let (branding, portals) = (&details.settings.branding, &details.settings.portals);
        let request = &flow.state.request;
        Self {
            id: flow.id,
            step: StepView::of(flow, issuer, iss),
            client: request.application.as_ref().map(|application| ClientView {
                id: request.client_id,
                name: application.name.clone(),
                logo_url: application.logo_url.clone(),
                redirect_host: application.redirect_host.clone(),
            }),
            branding: BrandingView {
                name: branding.display_name.clone().unwrap_or_else(|| details.name.clone()),
                logo_url: branding.logo_url.clone(),
                favicon_url: branding.favicon_url.clone(),
                primary_color: branding.primary_color.clone(),
                background_color: branding.background_color.clone(),
            },
            login_hint: flow.state.identifier.clone(),
            ui_locales: request.wants.ui_locales.clone(),
            signup: offered_signup(issuer),
            password_reset: portals.password_reset.enabled && offered_login(issuer, AuthMethodKind::Password),
            expires_at: flow.expires_at,
            ticket: ticket.to_owned(),
        }
    }
}
