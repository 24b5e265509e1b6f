//! One entry of the route table: a plain value that drives routing, authorization, documentation and tests.

use http::Method;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{self, Body, BodySchema, Components};
use super::query::Parameter;
pub use super::rate_limit::RateClass;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Any valid credential.
    Credential,
    /// A credential that can act on the account in the path and holds this scope there.
    Scope(&'static str),
    /// At an issuer: the operation itself asks the client, the browser or the bearer who they are.
    Issuer,
}

/// Shape of the body of a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"data": {…}}`
    Single,
    /// `{"data": […], "has_more", "next_cursor"}`
    Page,
    /// The value itself, for documents of other standards.
    Bare,
    /// Lines of JSON, each a value of its own, made while they are sent.
    Lines,
    /// No body.
    Empty,
}

/// A parameter of an OAuth request, for the documentation: the endpoint checks it by the rules of its protocol.
#[derive(Clone, Copy, Debug)]
pub struct FormParameter {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub description: &'static str,
    /// Without it there is no good answer.
    pub required: bool,
    /// It may stand more than once.
    pub repeatable: bool,
}

impl FormParameter {
    /// An optional parameter.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description, required: false, repeatable: false }
    }

    /// Without it there is no good answer.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// It may stand more than once.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// One operation.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a property of its own, and the next builder sets it")]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path template with `{name}` segments.
    pub path: &'static str,
    /// Stable operation id, camelCase.
    pub name: &'static str,
    /// One line for the documentation.
    pub summary: &'static str,
    /// Group in the documentation.
    pub tag: &'static str,
    /// What a 412 calls the resource.
    pub resource: &'static str,
    /// Who may call.
    pub access: Access,
    /// Token bucket.
    pub rate: RateClass,
    /// Preparing it has an effect outside, which a replay must not repeat.
    pub reaches_out: bool,
    /// Beyond the SDK.
    pub extension: bool,
    /// It makes an account: the change is made for one that is about to be.
    pub opens_account: bool,
    /// An account that pays in advance needs credit for it (core-api 25.1).
    pub needs_credit: bool,
    /// `If-Match` or `If-None-Match` is honoured.
    pub conditional: bool,
    /// It says itself that the credential of the caller was verified.
    pub verifies: bool,
    /// An `Idempotency-Key` has no say: the same request may be answered otherwise the next time.
    pub anew: bool,
    /// An answer never comes sooner than a quarter of a second: how long it takes tells nothing (D164).
    pub takes_its_time: bool,
    /// Pages of the issuer's clients may call it from a browser.
    pub shared_with_clients: bool,
    /// The issuer's own pages may call it from a browser, with its cookies.
    pub shared_with_pages: bool,
    /// People come to it with their browsers: a refusal is a page for them (D25).
    pub tells_people: bool,
    /// Statuses with which it refuses, besides those that follow from the rest.
    pub refuses: &'static [u16],
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// Parameters of an OAuth request.
    pub form: Vec<FormParameter>,
    /// Other answers that are no refusals: status and media type, empty for none.
    pub others: &'static [(u16, &'static str)],
    /// Request body.
    pub body: Option<BodySchema>,
    /// Status of a success.
    pub status: u16,
    /// Shape of a success.
    pub shape: Shape,
    /// Schema of what a success answers: of `data`, or of its elements.
    pub answer: Option<(Value, Components)>,
}

impl Route {
    fn new(method: Method, path: &'static str, rate: RateClass, status: u16) -> Self {
        Self {
            method,
            path,
            name: "",
            summary: "",
            tag: "",
            resource: "resource",
            access: Access::Credential,
            rate,
            reaches_out: false,
            extension: false,
            opens_account: false,
            needs_credit: true,
            conditional: false,
            verifies: false,
            anew: false,
            takes_its_time: false,
            shared_with_clients: false,
            shared_with_pages: false,
            tells_people: false,
            refuses: &[],
            query: Vec::new(),
            form: Vec::new(),
            others: &[],
            body: None,
            status,
            shape: Shape::Empty,
            answer: None,
        }
    }

    /// A read.
    pub fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path, RateClass::Read, 200)
    }

    /// A create or an action.
    pub fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path, RateClass::Write, 200)
    }

    /// An update.
    pub fn patch(path: &'static str) -> Self {
        Self::new(Method::PATCH, path, RateClass::Write, 200)
    }

    /// A removal: 204.
    pub fn delete(path: &'static str) -> Self {
        Self::new(Method::DELETE, path, RateClass::Write, 204).without_credit()
    }

    /// Operation id and one line of documentation.
    #[must_use]
    pub fn named(mut self, name: &'static str, summary: &'static str) -> Self {
        self.name = name;
        self.summary = summary;
        self
    }

    /// Group in the documentation, and what a 412 calls the resource.
    #[must_use]
    pub fn about(mut self, tag: &'static str, resource: &'static str) -> Self {
        self.tag = tag;
        self.resource = resource;
        self
    }

    /// Demands a scope in the account of the path.
    #[must_use]
    pub fn scope(mut self, scope: &'static str) -> Self {
        self.access = Access::Scope(scope);
        self
    }

    /// An endpoint of an issuer, which asks itself who calls.
    #[must_use]
    pub fn of_issuer(mut self, rate: RateClass) -> Self {
        self.access = Access::Issuer;
        self.rate = rate;
        self.anew = true;
        self.without_credit()
    }

    /// No answer comes sooner than a quarter of a second.
    #[must_use]
    pub fn takes_its_time(mut self) -> Self {
        self.takes_its_time = true;
        self
    }

    /// Pages of the issuer's clients may call it from a browser (D14).
    #[must_use]
    pub fn shared_with_clients(mut self) -> Self {
        self.shared_with_clients = true;
        self
    }

    /// The issuer's own pages may call it from a browser, with its cookies (D183).
    #[must_use]
    pub fn shared_with_pages(mut self) -> Self {
        self.shared_with_pages = true;
        self
    }

    /// Refuses people by a page (D25).
    #[must_use]
    pub fn tells_people(mut self) -> Self {
        self.tells_people = true;
        self
    }

    /// Takes these parameters: a form in the body, or the query of a GET.
    #[must_use]
    pub fn form(mut self, parameters: impl IntoIterator<Item = FormParameter>) -> Self {
        self.form.extend(parameters);
        self
    }

    /// Takes a JSON body.
    #[must_use]
    pub fn takes<B: Body>(mut self) -> Self {
        self.body = B::schema();
        self
    }

    /// May also answer with these: redirects and pages.
    #[must_use]
    pub fn also_answers(mut self, others: &'static [(u16, &'static str)]) -> Self {
        self.others = others;
        self
    }

    /// Open to anyone.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.access = Access::Public;
        self
    }

    /// Another token bucket than the method's.
    #[must_use]
    pub fn rate(mut self, rate: RateClass) -> Self {
        self.rate = rate;
        self
    }

    /// Preparing it has an effect outside, which a replay must not repeat.
    #[must_use]
    pub fn reaches_out(mut self) -> Self {
        self.reaches_out = true;
        self
    }

    /// Beyond the SDK.
    #[must_use]
    pub fn extension(mut self) -> Self {
        self.extension = true;
        self
    }

    /// Makes an account: the change is made for one that is about to be, and its idempotency key belongs to the user.
    #[must_use]
    pub fn opening_account(mut self) -> Self {
        self.opens_account = true;
        self.without_credit()
    }

    /// Open to an account out of credit: what gives it credit, and what locks someone out. Removals always are.
    #[must_use]
    pub fn without_credit(mut self) -> Self {
        self.needs_credit = false;
        self
    }

    /// Honours `If-Match` (writes) or `If-None-Match` (reads).
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// Says itself that the credential of the caller was verified.
    #[must_use]
    pub fn verifies(mut self) -> Self {
        self.verifies = true;
        self
    }

    /// Honours no `Idempotency-Key`.
    #[must_use]
    pub fn answered_anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// May refuse with these statuses, besides those that follow from the rest.
    #[must_use]
    pub fn may_refuse(mut self, statuses: &'static [u16]) -> Self {
        self.refuses = statuses;
        self
    }

    /// Query parameters.
    #[must_use]
    pub fn query(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Answers one resource.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.shape = Shape::Single;
        self.answer = Some(body::reference::<T>());
        self
    }

    /// Answers a page, and takes `limit` and `cursor`.
    #[must_use]
    pub fn answers_page<T: ToSchema>(mut self) -> Self {
        self.shape = Shape::Page;
        self.answer = Some(body::reference::<T>());
        self.query.extend([Parameter::limit(), Parameter::cursor()]);
        self
    }

    /// Answers all there are, in the form of a page that is the last one.
    #[must_use]
    pub fn answers_list<T: ToSchema>(mut self) -> Self {
        self.shape = Shape::Page;
        self.answer = Some(body::reference::<T>());
        self
    }

    /// Answers a document as another standard defines it.
    #[must_use]
    pub fn answers_bare<T: ToSchema>(mut self) -> Self {
        self.shape = Shape::Bare;
        self.answer = Some(body::reference::<T>());
        self
    }

    /// Answers lines of JSON, made while they are sent.
    #[must_use]
    pub fn answers_lines<T: ToSchema>(mut self) -> Self {
        self.shape = Shape::Lines;
        self.answer = Some(body::reference::<T>());
        self
    }

    /// The names of the path parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The key of an idempotent request is honoured: POST and PATCH below an account, and what makes one.
    pub fn is_idempotent(&self) -> bool {
        !self.anew
            && matches!(self.method, Method::POST | Method::PATCH)
            && (self.opens_account || self.parameters().next() == Some("account_id"))
    }
}
