//! One of every page, for the tests and the preview.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use super::decision::{
    ChooseAccount, ChooseOrganization, Consent, Invitation, KnownAccount, LogoutQuestion, OrganizationChoice, ScopeLine,
};
use super::factor::{BackupCodes, EnrollTotp, Factor, SecondFactor};
use super::fault::{Fault, FaultKind};
use super::link::{LinkConfirm, LinkPurpose, LinkSent, OpenedElsewhere};
use super::machine::{CheckSession, FormPost};
use super::notice::{FrontChannelLogout, Notice, NoticeKind};
use super::parts::{Account, App, Method, MethodKind, RequestFacts, Step};
use super::password::{NewPassword, NewPasswordReason, ResetRequest, ResetSent};
use super::sign_in::{ChooseMethod, CodePurpose, EmailCode, Identify, Password};
use super::sign_up::{CustomField, CustomFieldKind, ProfileField, ProfileKey, SignUp};
use super::typed::Typed;
use super::{Errors, Frame, Page, Problem, RenderedPage, render};
use crate::timestamp::Timestamp;

/// Name of the sample, and the page.
pub(super) type Sample = (String, RenderedPage);

struct Gallery<'f> {
    frame: &'f Frame,
    typed: Typed,
    logos: bool,
    made: Vec<Sample>,
}

/// One of every page, some in several states.
pub(super) fn all(frame: &Frame, typed: Typed, logos: bool) -> Vec<Sample> {
    let mut gallery = Gallery { frame, typed, logos, made: Vec::new() };
    gallery.sign_in();
    gallery.mail();
    gallery.factors();
    gallery.passwords();
    gallery.sign_up();
    gallery.decisions();
    gallery.endings();
    gallery.made
}

fn at(path: &str) -> String {
    format!("/i_1/flows/flw_1/{path}")
}

fn way(kind: MethodKind, path: &str) -> Method {
    Method { kind, action: at(path), value: Some("am_1".to_owned()) }
}

fn upstream(provider: &str, name: &str) -> Method {
    way(MethodKind::Upstream { provider: provider.to_owned(), name: name.to_owned() }, "federate")
}

fn passkey() -> Method {
    way(MethodKind::Passkey { options: at("passkey/options") }, "passkey")
}

impl Gallery<'_> {
    fn show<P: Page>(&mut self, name: impl Into<String>, page: &P) {
        let name = name.into();
        match render(self.frame, page) {
            Ok(rendered) => self.made.push((name, rendered)),
            Err(error) => panic!("{name} in {}: {error:?}", self.frame.language.tag()),
        }
    }

    fn app(&self) -> App {
        let logo = self.logos.then(|| "https://cdn.example/a/logo.png?v=1".to_owned());
        App { name: self.typed.app.to_owned(), logo_url: logo }
    }

    fn step(&self, errors: Errors) -> Step {
        Step { ticket: "t_1".to_owned(), app: Some(self.app()), errors, cancel: None }
    }

    fn plain(&self) -> Step {
        self.step(Errors::none())
    }

    fn account(&self) -> Account {
        Account { name: None, identifier: self.typed.address.to_owned(), change: Some(at("restart")) }
    }

    fn known(&self) -> Account {
        Account { name: Some(self.typed.person.to_owned()), ..self.account() }
    }

    fn sign_in(&mut self) {
        let identify = Identify {
            step: Step { cancel: Some(at("abort")), ..self.plain() },
            action: Some(at("identify")),
            identifier: String::new(),
            is_email: true,
            methods: vec![passkey(), upstream("google", "Google"), upstream("github", "GitHub")],
            sign_up: Some("/i_1/signup?flow=flw_1".to_owned()),
        };
        self.show("identify", &identify);
        let wrong = Identify {
            step: self.step(Errors::of("identifier", Problem::InvalidEmail)),
            identifier: self.typed.address.to_owned(),
            methods: Vec::new(),
            is_email: false,
            ..identify.clone()
        };
        self.show("identify-wrong", &wrong);
        let organization = self.typed.organization.to_owned();
        let others = vec![
            upstream("microsoft", "Microsoft"),
            upstream("apple", "Apple"),
            upstream("custom", self.typed.organization),
            way(MethodKind::SingleSignOn { name: organization }, "federate"),
        ];
        self.show("identify-others", &Identify { action: None, methods: others, sign_up: None, ..identify });
        let password = Password {
            step: self.plain(),
            action: at("password"),
            account: self.account(),
            methods: vec![way(MethodKind::EmailLink, "magic-link"), way(MethodKind::EmailCode, "email-code")],
            forgot: Some("/i_1/reset?flow=flw_1".to_owned()),
        };
        self.show("password", &password);
        for (name, problem) in [("wrong", Problem::WrongCredentials), ("locked", Problem::Locked { minutes: 15 })] {
            let step = self.step(Errors::of_form(problem));
            self.show(format!("password-{name}"), &Password { step, ..password.clone() });
        }
        let methods = vec![way(MethodKind::EmailLink, "magic-link"), way(MethodKind::Password, "password"), passkey()];
        let choose = ChooseMethod { step: self.plain(), account: Some(self.account()), methods, second: false };
        self.show("choose-method", &choose);
        let methods = vec![way(MethodKind::Totp, "mfa"), way(MethodKind::BackupCode, "mfa"), passkey()];
        self.show("choose-method-second", &ChooseMethod { methods, second: true, ..choose });
    }

    fn mail(&mut self) {
        let address = self.typed.address.to_owned();
        let code = EmailCode {
            step: self.plain(),
            action: at("email-code/verify"),
            purpose: CodePurpose::SignIn,
            address: address.clone(),
            length: 6,
            resend: Some(at("email-code")),
            methods: vec![way(MethodKind::Password, "password")],
        };
        self.show("email-code", &code);
        let wrong = self.step(Errors::of("code", Problem::WrongCode));
        self.show("email-code-wrong", &EmailCode { step: wrong, purpose: CodePurpose::Enrollment, ..code.clone() });
        self.show(
            "email-code-verify",
            &EmailCode { purpose: CodePurpose::VerifyEmail, resend: None, methods: vec![], ..code },
        );
        for (name, purpose) in [("sign-in", LinkPurpose::SignIn), ("verify", LinkPurpose::VerifyEmail)] {
            let sent = LinkSent {
                step: self.plain(),
                purpose,
                address: address.clone(),
                action: at("magic-link/verify"),
                length: 6,
                resend: Some(at("magic-link")),
                methods: Vec::new(),
            };
            self.show(format!("link-sent-{name}"), &sent);
            let wrong = self.step(Errors::of("code", Problem::ExpiredCode));
            self.show(format!("link-sent-{name}-wrong"), &LinkSent { step: wrong, ..sent });
            let confirm = LinkConfirm {
                step: self.plain(),
                purpose,
                action: "/i_1/magic/x".to_owned(),
                address: address.clone(),
            };
            self.show(format!("link-confirm-{name}"), &confirm);
            let request = RequestFacts {
                at: Timestamp::from_millis(1_800_000_000_000),
                place: Some(self.typed.organization.to_owned()),
                device: Some("Chrome / macOS".to_owned()),
                ip: Some("2001:db8::7".to_owned()),
            };
            let elsewhere = OpenedElsewhere { purpose, app: Some(self.app()), request, code: "493127".to_owned() };
            self.show(format!("opened-elsewhere-{name}"), &elsewhere);
        }
    }

    fn factors(&mut self) {
        let second = SecondFactor {
            step: self.plain(),
            action: at("mfa"),
            factor: Factor::Totp,
            account: Some(self.account()),
            trust_days: Some(30),
            methods: vec![way(MethodKind::BackupCode, "mfa")],
        };
        self.show("second-factor", &second);
        let step = self.step(Errors::of("code", Problem::WrongCode));
        let backup =
            SecondFactor { step, factor: Factor::BackupCode, trust_days: Some(1), methods: vec![passkey()], ..second };
        self.show("second-factor-backup", &backup);
        let enroll = EnrollTotp {
            step: self.plain(),
            action: at("mfa/enroll"),
            secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".to_owned(),
            uri: "otpauth://totp/Northwind:maya@lindqvist.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Northwind"
                .to_owned(),
            skip: Some(at("mfa/skip")),
        };
        self.show("enroll-totp", &enroll);
        let step = self.step(Errors::of("code", Problem::WrongCode));
        self.show("enroll-totp-wrong", &EnrollTotp { step, skip: None, ..enroll });
        let codes = (0..10).map(|n| format!("K7QM{n}XW4RT")).collect();
        let identifier = self.typed.address.to_owned();
        self.show("backup-codes", &BackupCodes { step: self.plain(), action: at("mfa/saved"), identifier, codes });
    }

    fn passwords(&mut self) {
        let new = NewPassword {
            step: self.plain(),
            action: at("password/new"),
            reason: NewPasswordReason::Temporary,
            account: Some(self.known()),
            min_length: 10,
        };
        self.show("new-password", &new);
        let step = self.step(Errors::of("password", Problem::PasswordBreached));
        self.show("new-password-wrong", &NewPassword { step, reason: NewPasswordReason::Reset, account: None, ..new });
        let (identifier, back) = (self.typed.address.to_owned(), Some("/i_1/login?flow=flw_1".to_owned()));
        let request = ResetRequest {
            step: self.plain(),
            action: at("password-reset"),
            identifier: identifier.clone(),
            back: back.clone(),
        };
        self.show("reset-request", &request);
        self.show("reset-sent", &ResetSent { identifier, back });
    }

    fn custom(&self, name: &str, kind: CustomFieldKind, required: bool) -> CustomField {
        let description = required.then(|| self.typed.text.to_owned());
        let label = Some(format!("{} {name}", self.typed.organization));
        CustomField { name: name.to_owned(), label, description, kind, required, value: String::new() }
    }

    fn sign_up(&mut self) {
        let values = ["Design", "Engineering", self.typed.organization].map(str::to_owned).to_vec();
        let number = CustomFieldKind::Number { min: Some("1".to_owned()), max: Some("99.5".to_owned()) };
        let profile = |key, required| ProfileField { key, required, value: String::new() };
        let page = SignUp {
            step: self.plain(),
            action: Some(at("signup")),
            identifier: self.typed.address.to_owned(),
            identifier_fixed: false,
            is_email: true,
            password: Some(10),
            profile: vec![profile(ProfileKey::GivenName, true), profile(ProfileKey::FamilyName, true)],
            custom_fields: Vec::new(),
            terms: Some("https://northwind.example/terms".to_owned()),
            privacy: Some("https://northwind.example/privacy".to_owned()),
            methods: vec![upstream("google", "Google")],
            sign_in: Some("/i_1/login?flow=flw_1".to_owned()),
        };
        self.show("sign-up", &page);
        let custom_fields = vec![
            self.custom("text", CustomFieldKind::String { max_length: 100 }, true),
            self.custom("count", number, false),
            self.custom("flag", CustomFieldKind::Boolean, true),
            self.custom("day", CustomFieldKind::Date, false),
            CustomField { value: "Design".to_owned(), ..self.custom("choice", CustomFieldKind::Enum { values }, true) },
        ];
        let errors = Errors::of_form(Problem::TryAgain)
            .and("given_name", Problem::Required)
            .and("password", Problem::PasswordTooShort { least: 10 })
            .and("custom_fields.text", Problem::TooLong { most: 100 })
            .and("custom_fields.count", Problem::TooBig { most: "99.5".to_owned() })
            .and("custom_fields.flag", Problem::MustAccept)
            .and("custom_fields.choice", Problem::NotAChoice)
            .and("terms", Problem::MustAccept);
        let profile = vec![
            profile(ProfileKey::Name, true),
            profile(ProfileKey::GivenName, false),
            profile(ProfileKey::PhoneNumber, false),
        ];
        let step = self.step(errors);
        let wrong =
            SignUp { step, custom_fields, profile, identifier_fixed: true, methods: Vec::new(), ..page.clone() };
        self.show("sign-up-wrong", &wrong);
        let bare = SignUp { profile: Vec::new(), is_email: false, password: None, terms: None, ..page };
        self.show("sign-up-bare", &bare);
        self.show("sign-up-others", &SignUp { action: None, ..bare });
    }

    fn decisions(&mut self) {
        let account = |value: &str, name: Option<&str>, signed_in| KnownAccount {
            value: value.to_owned(),
            name: name.map(str::to_owned),
            identifier: self.typed.address.to_owned(),
            signed_in,
        };
        let accounts = vec![account("usr_1", Some(self.typed.person), true), account("usr_2", None, false)];
        let choose = ChooseAccount {
            step: self.plain(),
            action: at("account"),
            accounts: accounts.clone(),
            other: Some(at("restart")),
        };
        let back = ChooseAccount { accounts: accounts.iter().skip(1).cloned().collect(), ..choose.clone() };
        let one = ChooseAccount { accounts: accounts.into_iter().take(1).collect(), ..choose.clone() };
        self.show("choose-account", &choose);
        self.show("choose-account-one", &one);
        self.show("choose-account-back", &back);
        let choice = |name: &str| OrganizationChoice { value: "org_1".to_owned(), name: name.to_owned() };
        let organizations = vec![choice(self.typed.organization), choice("Contoso"), choice("ふじ株式会社")];
        let choose = ChooseOrganization { step: self.plain(), action: at("org"), organizations, none: true };
        self.show("choose-organization", &choose);
        let scope = |scope: &str, description: Option<&str>| ScopeLine {
            scope: scope.to_owned(),
            description: description.map(str::to_owned),
            is_wildcard: scope.ends_with('*'),
        };
        let standard =
            ["openid", "profile", "email", "phone", "address", "offline_access"].map(|name| scope(name, None));
        let own = [scope("notes:read", Some(self.typed.text)), scope("notes:*", None)];
        let consent = Consent {
            step: self.plain(),
            action: at("consent"),
            account: self.known(),
            redirect_host: "app.lumen-notes.example".to_owned(),
            scopes: standard.into_iter().chain(own).collect(),
            audiences: vec!["https://api.lumen-notes.example/".to_owned()],
            shares_organizations: true,
        };
        self.show("consent", &consent);
        let few = consent.scopes.iter().skip(1).take(2).cloned().collect();
        self.show("consent-small", &Consent { scopes: few, audiences: vec![], shares_organizations: false, ..consent });
        let invitation = Invitation {
            step: self.plain(),
            action: at("invitation"),
            account: Some(self.known()),
            organization: self.typed.organization.to_owned(),
            inviter: Some(self.typed.person.to_owned()),
            message: Some(self.typed.text.to_owned()),
        };
        self.show("invitation", &invitation);
        self.show("invitation-bare", &Invitation { account: None, inviter: None, message: None, ..invitation });
        for bad_hint in [false, true] {
            let question = LogoutQuestion {
                step: self.plain(),
                action: "/i_1/logout".to_owned(),
                account: Some(self.known()),
                bad_hint,
            };
            self.show(format!("logout-question{}", if bad_hint { "-bad" } else { "" }), &question);
        }
    }

    fn endings(&mut self) {
        for kind in NoticeKind::ALL {
            let (about, next) = (Some(self.typed.address.to_owned()), Some("/i_1/authorize?flow=flw_1".to_owned()));
            let has_about = matches!(kind, NoticeKind::CheckMail | NoticeKind::AccountExists);
            let name = serde_json::to_value(kind).unwrap_or_default();
            let notice = Notice { kind, about: about.filter(|_| has_about), app: Some(self.app()), next };
            self.show(format!("notice-{}", name.as_str().unwrap_or_default()), &notice);
        }
        for kind in FaultKind::ALL {
            let name = serde_json::to_value(kind).unwrap_or_default();
            self.show(format!("fault-{}", name.as_str().unwrap_or_default()), &self.fault(kind));
        }
        let frames = vec!["https://a.example/out?iss=1&sid=2".to_owned(), "https://b.example:8443/out".to_owned()];
        let next = Some("https://app.example/bye?state=1&x=\"".to_owned());
        let logout = FrontChannelLogout { frames, next, fault: None };
        self.show("front-channel-logout", &logout);
        let end = FrontChannelLogout { next: None, ..logout };
        self.show("front-channel-logout-end", &end);
        let fault = Some(self.fault(FaultKind::BadLogoutReturn));
        self.show("front-channel-logout-fault", &FrontChannelLogout { fault, ..end });
        let fields =
            vec![("code".to_owned(), "c_1".to_owned()), ("state".to_owned(), format!("{}\n ", self.typed.app))];
        self.show("form-post", &FormPost { action: "https://app.example/cb?x=1&y=\"".to_owned(), fields });
        self.show("check-session", &CheckSession { endpoint: "/i_1/check-session".to_owned() });
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault {
            kind,
            reference: "4f1c5f0e8b3a4d7e9a6b2c1d0e9f8a7b".to_owned(),
            code: Some("invalid_request".to_owned()),
            description: Some("The redirect URI is not registered for the client.".to_owned()),
            app: Some(self.app()),
            retry: (kind == FaultKind::FlowExpired).then(|| "/i_1/login".to_owned()),
        }
    }
}
