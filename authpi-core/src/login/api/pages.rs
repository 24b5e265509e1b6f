//! The steps of a login as pages: the same ones that the JSON calls take, as plain forms.

use http::StatusCode;
use http::header::LOCATION;

use super::problems;
use super::sign_up::custom_fields;
use super::view::View;
use super::views::{offered_signup, redirect_to, shown_kinds};
use crate::error::Refusal;
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::browser::Browser;
use crate::login::model::{Flow, Need, Progress, Question, Step as At, Told};
use crate::login::operations::Invited;
use crate::pages::html::Errors;
use crate::pages::html::decision::ScopeLine;
use crate::pages::html::decision::{
    ChooseAccount, ChooseOrganization, Consent, Invitation, KnownAccount, OrganizationChoice,
};
use crate::pages::html::factor::{BackupCodes, EnrollTotp, Factor, SecondFactor};
use crate::pages::html::fault::FaultKind;
use crate::pages::html::link::{LinkPurpose, LinkSent};
use crate::pages::html::notice::{Notice, NoticeKind};
use crate::pages::html::parts::{Account, App, Method, MethodKind, Step};
use crate::pages::html::password::{NewPassword, NewPasswordReason, ResetRequest, ResetSent};
use crate::pages::html::sign_in::{ChooseMethod, CodePurpose, EmailCode, Identify, Password};
use crate::pages::html::sign_up::SignUp;
use crate::web::answer::Answer;
use crate::web::runtime::IssuerCall;

/// Sends the browser on with a GET.
pub(super) fn see(to: &str) -> Answer {
    Answer::empty(StatusCode::SEE_OTHER).header(LOCATION, to)
}

/// Where the page of a login is: ours, or one of the issuer in its place.
pub(super) fn address(call: &IssuerCall, flow: &Flow, view: View) -> String {
    own_page(call, flow, view).unwrap_or_else(|| format!("{}/login?flow={}{}", call.iss(), flow.id, view.query()))
}

/// The page of the issuer in the place of ours (D183). What leads away from a login is shown by none.
pub(super) fn own_page(call: &IssuerCall, flow: &Flow, view: View) -> Option<String> {
    let portals = &call.issuer().issuer.details.settings.portals;
    let page = match (flow.state.step(), view) {
        (At::Done, _) => return None,
        (At::Identify | At::FirstFactor, View::SignUp) => &portals.signup,
        (At::FirstFactor, View::Reset | View::ResetSent) => &portals.password_reset,
        _ => &portals.login,
    };
    page.own(&[("flow", &flow.id.to_string())])
}

/// What is around a login on all of its pages.
pub(super) struct Scene<'a> {
    pub(super) call: &'a IssuerCall,
    pub(super) browser: &'a Browser,
    pub(super) flow: &'a Flow,
}

impl Scene<'_> {
    /// The page of the step that the login is at.
    ///
    /// # Errors
    /// [`Refusal::Internal`]: a defect of the page.
    pub(super) fn page(&self, view: View, errors: Errors) -> Result<Answer, Refusal> {
        match (self.flow.state.step(), view) {
            (At::Identify | At::FirstFactor, _) if self.is_over() => self.told(),
            (At::Identify | At::FirstFactor, View::SignUp) => self.show(&self.sign_up(errors)),
            (At::Identify, _) | (At::FirstFactor, View::Identify) => self.show(&self.identify(errors)),
            (At::FirstFactor, View::Code) => self.show(&self.code(CodePurpose::SignIn, errors)),
            (At::FirstFactor, View::Link) => self.show(&self.link(LinkPurpose::SignIn, errors)),
            (At::FirstFactor, View::Reset) => self.show(&ResetRequest {
                step: self.step(errors),
                action: self.path("password-reset"),
                identifier: self.identifier(),
                back: Some(self.here(View::First)),
            }),
            (At::FirstFactor, View::ResetSent) => {
                self.show(&ResetSent { identifier: self.identifier(), back: Some(self.here(View::First)) })
            }
            (At::FirstFactor, _) => self.first_factor(view, errors),
            (At::VerifyEmail, _) => self.verify_email(errors),
            (At::Mfa, _) => self.show(&self.second_factor(view, errors)),
            (At::MfaEnroll, _) => self.enrollment(errors),
            (At::PasswordChange, _) => {
                self.show(&self.new_password(NewPasswordReason::Temporary, "password-change", errors))
            }
            (At::Consent | At::SelectOrg, _) => self.question(errors),
            (At::Done, _) => self.done(),
        }
    }

    fn show<P: crate::pages::html::Page>(&self, page: &P) -> Result<Answer, Refusal> {
        let frame = self.call.frame(self.flow.state.request.wants.ui_locales.as_deref());
        Answer::html(StatusCode::OK, &frame, page)
    }

    fn step(&self, errors: Errors) -> Step {
        let cancel = self.flow.state.request.client_id.map(|_| self.path("abort"));
        Step { ticket: self.browser.ticket(self.flow.id).expose().to_owned(), app: self.app(), errors, cancel }
    }

    fn app(&self) -> Option<App> {
        let application = self.flow.state.request.application.as_ref();
        application.map(|application| App { name: application.name.clone(), logo_url: application.logo_url.clone() })
    }

    fn path(&self, step: &str) -> String {
        format!("{}/flows/{}/{step}", self.call.iss(), self.flow.id)
    }

    fn here(&self, view: View) -> String {
        address(self.call, self.flow, view)
    }

    fn identifier(&self) -> String {
        self.flow.state.identifier.clone().unwrap_or_default()
    }

    fn account(&self) -> Account {
        // An empty identifier asks anew.
        let can_change = self.flow.state.step() == At::FirstFactor;
        Account { name: None, identifier: self.identifier(), change: can_change.then(|| self.path("identify")) }
    }

    /// Ways in besides this one.
    fn ways(&self, without: Option<AuthMethodKind>) -> Vec<Method> {
        let way = |kind| match kind {
            AuthMethodKind::Password => Some((MethodKind::Password, "identify", Some("password"))),
            AuthMethodKind::EmailLink => Some((MethodKind::EmailLink, "magic-link", None)),
            AuthMethodKind::EmailOtp => Some((MethodKind::EmailCode, "email-code", None)),
            _ => None,
        };
        let kinds = shown_kinds(self.call.issuer()).into_iter().filter(|kind| Some(*kind) != without);
        kinds
            .filter_map(way)
            .map(|(kind, step, value)| Method { kind, action: self.path(step), value: value.map(str::to_owned) })
            .collect()
    }

    fn identify(&self, errors: Errors) -> Identify {
        Identify {
            step: self.step(errors),
            action: Some(self.path("identify")),
            identifier: self.identifier(),
            is_email: false,
            methods: Vec::new(),
            sign_up: offered_signup(self.call.issuer()).then(|| self.here(View::SignUp)),
        }
    }

    /// The password, unless there is none or the issuer wants another way seen first.
    fn first_factor(&self, view: View, errors: Errors) -> Result<Answer, Refusal> {
        let kinds = shown_kinds(self.call.issuer());
        let is_offered = kinds.contains(&AuthMethodKind::Password);
        let is_first = kinds.first() == Some(&AuthMethodKind::Password) || view == View::Password;
        if !is_offered || !is_first {
            let methods = self.ways(None);
            let account = Some(self.account());
            return self.show(&ChooseMethod { step: self.step(errors), account, methods, second: false });
        }
        let can_reset = self.call.issuer().issuer.details.settings.portals.password_reset.enabled;
        self.show(&Password {
            step: self.step(errors),
            action: self.path("password"),
            account: self.account(),
            methods: self.ways(Some(AuthMethodKind::Password)),
            forgot: can_reset.then(|| self.here(View::Reset)),
        })
    }

    fn code(&self, purpose: CodePurpose, errors: Errors) -> EmailCode {
        let is_login = matches!(purpose, CodePurpose::SignIn);
        let method = self.call.issuer().methods.iter().find(|method| method.kind == AuthMethodKind::EmailOtp);
        let length = method.filter(|_| is_login).and_then(|method| method.details.settings.length).unwrap_or(6);
        EmailCode {
            step: self.step(errors),
            action: self.path("email-code/verify"),
            purpose,
            address: self.identifier(),
            length: u8::try_from(length).unwrap_or(6),
            resend: Some(self.path("email-code")),
            methods: if is_login { self.ways(Some(AuthMethodKind::EmailOtp)) } else { Vec::new() },
        }
    }

    fn link(&self, purpose: LinkPurpose, errors: Errors) -> LinkSent {
        let is_login = purpose == LinkPurpose::SignIn;
        LinkSent {
            step: self.step(errors),
            purpose,
            address: self.identifier(),
            action: self.path("email-code/verify"),
            length: 6,
            resend: Some(self.path(if is_login { "magic-link" } else { "email-code" })),
            methods: if is_login { self.ways(Some(AuthMethodKind::EmailLink)) } else { Vec::new() },
        }
    }

    fn verify_email(&self, errors: Errors) -> Result<Answer, Refusal> {
        let is_code = matches!(self.flow.state.progress(), Progress::Proven { need: Need::MailBeforeEnrollment, .. });
        if self.flow.state.mail.is_none() {
            let kind = if is_code { MethodKind::EmailCode } else { MethodKind::EmailLink };
            let methods = vec![Method { kind, action: self.path("email-code"), value: None }];
            return self.show(&ChooseMethod { step: self.step(errors), account: None, methods, second: true });
        }
        if is_code {
            return self.show(&self.code(CodePurpose::Enrollment, errors));
        }
        self.show(&self.link(LinkPurpose::VerifyEmail, errors))
    }

    fn second_factor(&self, view: View, errors: Errors) -> SecondFactor {
        const DAY: u32 = 24 * 60 * 60;
        let is_backup = view == View::Backup;
        let (factor, action) = if is_backup {
            (Factor::BackupCode, self.path("mfa?type=backup_codes"))
        } else {
            (Factor::Totp, self.path("mfa"))
        };
        let (kind, value) = if is_backup { (MethodKind::Totp, "totp") } else { (MethodKind::BackupCode, "backup") };
        let lasts = self.call.issuer().issuer.details.settings.security.trusted_device_ttl;
        SecondFactor {
            step: self.step(errors),
            action,
            factor,
            account: Some(self.account()),
            trust_days: (lasts > 0).then(|| lasts.div_ceil(DAY)),
            methods: vec![Method { kind, action: self.path("identify"), value: Some(value.to_owned()) }],
        }
    }

    fn enrollment(&self, errors: Errors) -> Result<Answer, Refusal> {
        let enrollment = self.flow.state.enrollment.as_ref();
        let enrollment = enrollment.ok_or_else(|| Refusal::internal("nothing is being set up"))?;
        self.show(&EnrollTotp {
            step: self.step(errors),
            action: self.path("mfa"),
            secret: enrollment.secret.clone(),
            uri: enrollment.provisioning_uri.clone(),
            skip: None,
        })
    }

    /// The page that asks whether to join an organization; `name` is of who is signed in, if the invitation is theirs.
    ///
    /// # Errors
    /// [`Refusal::Internal`]: a defect of the page.
    pub(super) fn invitation(&self, invited: Invited, name: Option<String>, token: &str) -> Result<Answer, Refusal> {
        self.show(&Invitation {
            step: self.step(Errors::none()),
            action: self.path(&format!("invitation?token={token}")),
            account: name.map(|identifier| Account { name: None, identifier, change: None }),
            organization: invited.organization,
            inviter: invited.invitee.inviter_name,
            message: invited.invitee.message,
        })
    }

    /// The page that asks for a new password.
    pub(super) fn new_password(&self, reason: NewPasswordReason, step: &str, errors: Errors) -> NewPassword {
        NewPassword {
            step: self.step(errors),
            action: self.path(step),
            reason,
            account: None,
            min_length: self.call.issuer().issuer.details.settings.security.password.min_length,
        }
    }

    fn sign_up(&self, errors: Errors) -> SignUp {
        let settings = &self.call.issuer().issuer.details;
        let has_password = self.call.issuer().methods.iter().any(|method| {
            method.kind == AuthMethodKind::Password && method.details.enabled && method.details.allow_signup
        });
        SignUp {
            step: self.step(errors),
            action: Some(self.path("signup")),
            identifier: self.typed().unwrap_or_else(|| self.identifier()),
            identifier_fixed: self.flow.state.invitation.is_some(),
            is_email: true,
            password: has_password.then_some(settings.settings.security.password.min_length),
            profile: Vec::new(),
            custom_fields: custom_fields(self.call),
            terms: settings.links.terms_of_service.clone(),
            privacy: settings.links.privacy_policy.clone(),
            methods: Vec::new(),
            sign_in: Some(self.here(View::Identify)),
        }
    }

    /// The address that was typed, when something else is wrong.
    fn typed(&self) -> Option<String> {
        let form = if self.call.sends_form() { self.call.form().ok()? } else { return None };
        form.get("identifier").map(str::to_owned)
    }

    fn question(&self, errors: Errors) -> Result<Answer, Refusal> {
        let Progress::SignedIn { question: Some(question), .. } = self.flow.state.progress() else {
            return Err(Refusal::internal("nothing is asked"));
        };
        let step = self.step(errors);
        match question.clone() {
            Question::Consent { scopes, audiences, shares_organizations, redirect_host } => self.show(&Consent {
                step,
                action: self.path("consent"),
                account: self.account(),
                redirect_host: redirect_host.unwrap_or_default(),
                scopes: scopes.into_iter().map(scope_line).collect(),
                audiences,
                shares_organizations,
            }),
            Question::Continue { account } => self.show(&ChooseAccount {
                step,
                action: self.path("consent"),
                accounts: vec![KnownAccount {
                    value: "this".to_owned(),
                    name: None,
                    identifier: account,
                    signed_in: true,
                }],
                other: None,
            }),
            Question::Invitation { organization, inviter, message, .. } => self.show(&Invitation {
                step,
                action: self.path("invitation"),
                account: Some(self.account()),
                organization,
                inviter,
                message,
            }),
            Question::SelectOrganization { choices } => self.show(&ChooseOrganization {
                step,
                action: self.path("organization"),
                organizations: choices
                    .into_iter()
                    .map(|choice| OrganizationChoice {
                        name: choice.name.unwrap_or_else(|| choice.id.to_string()),
                        value: choice.id.to_string(),
                    })
                    .collect(),
                none: false,
            }),
        }
    }

    fn done(&self) -> Result<Answer, Refusal> {
        match redirect_to(self.flow, &self.call.iss()) {
            Some(to) => Ok(see(&to)),
            // Nobody waits for this login: it was begun to answer an invitation, or to replace a password.
            None => self.told(),
        }
    }

    fn told(&self) -> Result<Answer, Refusal> {
        if let Progress::Refused { reason } = self.flow.state.progress() {
            return problems::turned_away(self.call, *reason);
        }
        let (kind, about) = match &self.flow.state.told {
            Some(Told::Invitation { accepted: true, organization }) => (NoticeKind::InvitationAccepted, organization),
            Some(Told::Invitation { accepted: false, organization }) => (NoticeKind::InvitationDeclined, organization),
            // It was withdrawn, or is for somebody else.
            None if self.flow.state.invitation.is_some() => {
                return problems::shown(self.call, FaultKind::LinkInvalid, StatusCode::BAD_REQUEST, None);
            }
            None => (NoticeKind::PasswordChanged, &String::new()),
        };
        let about = Some(about.clone()).filter(|about| !about.is_empty());
        self.show(&Notice { kind, about, app: self.app(), next: None })
    }

    /// All that the login was begun for is done: nobody has to say who they are.
    fn is_over(&self) -> bool {
        let is_declined = matches!(self.flow.state.told, Some(Told::Invitation { accepted: false, .. }));
        is_declined && self.flow.state.request.client_id.is_none()
    }

    /// Codes on paper, shown this once.
    ///
    /// # Errors
    /// [`Refusal::Internal`]: a defect of the page.
    pub(super) fn backup_codes(&self, codes: Vec<String>) -> Result<Answer, Refusal> {
        self.show(&BackupCodes {
            step: Step { cancel: None, ..self.step(Errors::none()) },
            // Asks nothing: the login is where it is.
            action: self.path("identify?method=done"),
            identifier: self.identifier(),
            codes,
        })
    }
}

fn scope_line(scope: String) -> ScopeLine {
    ScopeLine { is_wildcard: scope.contains('*'), scope, description: None }
}
