//! From a context to HTML.

use std::fmt::Write as _;
use std::sync::LazyLock;

use fluent_bundle::FluentArgs;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context};
use serde::Serialize;

use super::frame::Frame;
use super::parts::{App, Step, initial};
use super::policy::Policy;
use super::{assets, texts};
use crate::pages::inert::line;
use crate::pages::language::Language;
use crate::pages::mail::PageError;

/// A hosted page.
pub trait Page: Serialize {
    /// Its template.
    const TEMPLATE: &'static str;
    /// What stands here, the issuer's own style sheet could fake: consent, logout, changes of credentials (idp §1.7).
    const SENSITIVE: bool = false;

    /// The step of a flow that it is.
    fn step(&self) -> Option<&Step> {
        None
    }

    /// The app that it names.
    fn app(&self) -> Option<&App> {
        self.step().and_then(|step| step.app.as_ref())
    }

    /// As [`Page::SENSITIVE`], where it depends on what is shown.
    fn is_sensitive(&self) -> bool {
        Self::SENSITIVE
    }

    /// What it may do, besides showing logos.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// A page, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedPage {
    /// HTML.
    pub html: String,
    /// What it may do.
    pub policy: Policy,
}

/// Renders a page.
///
/// # Errors
/// [`PageError`]: a defect of ours.
pub fn render<P: Page>(frame: &Frame, page: &P) -> Result<RenderedPage, PageError> {
    let brand = &frame.brand;
    let (logo, favicon, app_logo) = (brand.logo(), brand.favicon(), page.app().and_then(App::logo));
    let mut policy = page.policy();
    if !policy.invisible {
        policy.images.extend([&logo, &favicon, &app_logo].into_iter().flatten().cloned());
    }
    let at = |file: &str| format!("{}/{file}", frame.path);
    let name = brand.shown_name();
    let around = context! {
        language => frame.language.tag(),
        direction => frame.language.direction(),
        issuer => context! { name => &name, initial => initial(&name), logo, favicon, links => Serde(brand.links.shown()) },
        app_logo,
        theme => at(&format!("assets/{}/theme.css", brand.theme().version())),
        custom_css => brand.custom_css.as_ref().filter(|_| !page.is_sensitive()),
        style => at(&assets::STYLE.path()),
        scripts => context! {
            page => at(&assets::PAGE_SCRIPT.path()),
            passkey => policy.connects.then(|| at(&assets::PASSKEY_SCRIPT.path())),
            form_post => at(&assets::FORM_POST_SCRIPT.path()),
            logout => at(&assets::LOGOUT_SCRIPT.path()),
            check_session => at(&assets::CHECK_SESSION_SCRIPT.path()),
        },
        page => Serde(page),
    };
    let environment =
        ENVIRONMENTS.get(frame.language.index()).ok_or_else(|| PageError::Text("no language".to_owned()))?;
    Ok(RenderedPage { html: environment.get_template(P::TEMPLATE)?.render(around)?, policy })
}

static ENVIRONMENTS: LazyLock<[Environment<'static>; 5]> = LazyLock::new(|| {
    let templates = templates();
    Language::ALL.map(|language| speaking(language, templates.clone()))
});

macro_rules! sources {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../templates/html/", $name)))),*] };
}

/// Every template.
pub(super) const SOURCES: [(&str, &str); 31] = sources![
    "_layout.html",
    "_parts.html",
    "_icons.html",
    "backup-codes.html",
    "check-session.html",
    "choose-account.html",
    "choose-method.html",
    "choose-organization.html",
    "consent.html",
    "email-code.html",
    "enroll-totp.html",
    "fault.html",
    "form-post.html",
    "front-channel-logout.html",
    "identify.html",
    "invitation.html",
    "link-confirm.html",
    "link-sent.html",
    "logout-question.html",
    "new-password.html",
    "notice.html",
    "opened-elsewhere.html",
    "password.html",
    "reset-request.html",
    "reset-sent.html",
    "second-factor.html",
    "sign-up.html",
    "_field.html",
    "_custom-field.html",
    "_methods.html",
    "_account.html",
];

fn templates() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in SOURCES {
        // A template that does not parse is missing, which the tests and every page say.
        let _ = environment.add_template(name, source);
    }
    environment.add_filter("shown", |text: &str| line(text).unwrap_or_default());
    environment.add_filter("initial", initial);
    environment.add_function("first_problem", |errors: Value| first_problem(&errors));
    environment
}

/// The templates in one language.
fn speaking(language: Language, mut environment: Environment<'static>) -> Environment<'static> {
    environment.add_function("t", move |key: &str, arguments: Kwargs| -> Result<String, Error> {
        let mut named = FluentArgs::new();
        for name in arguments.args() {
            set(&mut named, name, &arguments.get::<Value>(name)?);
        }
        texts::text(language, key, &named).map_err(|error| defect(&error))
    });
    environment.add_function("has_text", move |key: &str| texts::has(language, key));
    environment.add_function("problem_of", move |errors: Value, field: &str| -> Result<Option<String>, Error> {
        match problem(&errors, field)? {
            Some(problem) => told(language, &problem).map(Some),
            None => Ok(None),
        }
    });
    environment
}

fn set(arguments: &mut FluentArgs<'_>, name: &str, value: &Value) {
    match (value.kind(), i64::try_from(value.clone())) {
        (ValueKind::Number, Ok(number)) => arguments.set(name.to_owned(), number),
        // What somebody typed may not turn the direction of the sentence around it.
        _ => arguments.set(name.to_owned(), line(&value.to_string()).unwrap_or_default()),
    }
}

fn defect(error: &PageError) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.to_string())
}

/// The problem of a field.
fn problem(errors: &Value, field: &str) -> Result<Option<Value>, Error> {
    for error in errors.try_iter()? {
        if error.get_attr("field")?.as_str() == Some(field) {
            return error.get_attr("problem").map(Some);
        }
    }
    Ok(None)
}

/// The text of a problem.
fn told(language: Language, problem: &Value) -> Result<String, Error> {
    let mut arguments = FluentArgs::new();
    let given = problem.get_attr("arguments")?;
    if given.kind() == ValueKind::Map {
        for name in given.try_iter()? {
            set(&mut arguments, &name.to_string(), &given.get_item(&name)?);
        }
    }
    let key = problem.get_attr("key")?;
    let mut message = String::from("problem-");
    let _ = write!(message, "{key}");
    texts::text(language, &message, &arguments).map_err(|error| defect(&error))
}

/// The first field with a problem; empty when none has one.
fn first_problem(errors: &Value) -> Result<String, Error> {
    for error in errors.try_iter()? {
        let field = error.get_attr("field")?.to_string();
        if !field.is_empty() {
            return Ok(field);
        }
    }
    Ok(String::new())
}
