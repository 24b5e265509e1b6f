//! Scopes and which calls they grant (core-api §1.9, idp §11.2).

mod ceiling;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// The longest scope, in bytes.
const MAX_BYTES: usize = 128;

/// The most scopes in a list that a request states.
const MAX_SCOPES: usize = 256;

/// The scope that grants everything.
const FULL: &str = "*:**";

/// Plain names with a meaning on accounts, highest first.
const OWNER: &str = "owner";
const ADMIN: &str = "admin";
const MEMBER: &str = "member";

/// How actions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As the Core API reads its own scopes: `write` and `manage` stand for more than their name (core-api §1.9).
    Core,
    /// As everybody else does, to whom an action is a word (idp §11.2): what the calls of an application are named, and
    /// whether one contains another, only the application knows.
    Application,
}

impl Reading {
    fn covers(self, action: &str, other: &str) -> bool {
        match (action, other) {
            ("*" | "**", _) => true,
            ("write", "delete") | ("manage", "read" | "write" | "delete") if self == Self::Core => true,
            _ => action == other,
        }
    }
}

/// The text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a scope: 1 to 128 printable ASCII characters without space, quote and backslash")]
pub struct InvalidScope;

/// A scope: `resource:action`, or a plain name such as `owner` that only ever means itself.
///
/// 1 to 128 bytes of the characters of a `scope-token` (RFC 6749 §3.3). The resource is dotted; resource and action
/// part at the last colon, and a scope with nothing on one side of it is a plain name. Within the two, `*` and `**`
/// mean something only where they are all there is: the resource of `users.*:read` is spelled `users.*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

impl Scope {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Resource and action; `None` for a plain name.
    pub fn split(&self) -> Option<(&str, &str)> {
        self.0.rsplit_once(':').filter(|(resource, action)| !resource.is_empty() && !action.is_empty())
    }

    /// Whether the holder of this scope may do what an application requires `required` for (idp §11.2).
    ///
    /// | Held | Matches |
    /// | --- | --- |
    /// | `a:read` | that action on exactly `a` |
    /// | `a:*` | every action on exactly `a` |
    /// | `a:**` | every action on `a` and all below it, such as `a.b` |
    /// | `*:read` | that action on every top-level resource, which is one without a dot |
    /// | `*:**` | every action on everything |
    /// | `owner` | `owner`, which no wildcard matches |
    pub fn matches(&self, required: &Scope) -> bool {
        // A call is the narrowest thing to cover. Should a wildcard ever be required, only who has all of it passes.
        self.covers(required, Reading::Application)
    }

    /// Whether the holder of this scope may make a call of the Core API that requires `required`: besides what
    /// [matches](Scope::matches), `a:write` grants `a:delete`, every changing call on exactly `a`; `a:manage` grants
    /// `a:read`, `a:write` and `a:delete`.
    pub fn grants(&self, required: &Scope) -> bool {
        self.covers(required, Reading::Core)
    }

    /// Whether every call that `other` grants is granted by this scope too, wildcards of `other` included: whoever
    /// holds this one may hand out the other.
    pub fn covers(&self, other: &Scope, reading: Reading) -> bool {
        match (self.split(), other.split()) {
            (Some((resource, action)), Some((other_resource, other_action))) => {
                Reach::of(resource, action).covers(Reach::of(other_resource, other_action))
                    && reading.covers(action, other_action)
            }
            _ => self == other,
        }
    }
}

impl Scope {
    /// The widest scope that both cover; none where they have nothing in common.
    #[must_use]
    pub fn meet(&self, other: &Self, reading: Reading) -> Option<Self> {
        if self.covers(other, reading) {
            return Some(other.clone());
        }
        if other.covers(self, reading) {
            return Some(self.clone());
        }
        // Each reaches, or does, something that the other does not.
        let ((resource, action), (other_resource, other_action)) = (self.split()?, other.split()?);
        let (reach, other_reach) = (Reach::of(resource, action), Reach::of(other_resource, other_action));
        let action = match (reading.covers(action, other_action), reading.covers(other_action, action)) {
            // `*` and `**` cover each other as actions, but what is met here is one resource, not what is below it.
            (true, _) if other_action != "**" => other_action,
            (_, true) => action,
            _ => return None,
        };
        match (reach, other_reach) {
            (Reach::TopLevel, Reach::One(named) | Reach::Tree(named))
            | (Reach::One(named) | Reach::Tree(named), Reach::TopLevel)
                if !named.contains('.') =>
            {
                format!("{named}:{action}").parse().ok()
            }
            _ => None,
        }
    }
}

/// The resources a scope reaches.
#[derive(Clone, Copy)]
enum Reach<'a> {
    Everything,
    TopLevel,
    Tree(&'a str),
    One(&'a str),
}

impl<'a> Reach<'a> {
    fn of(resource: &'a str, action: &str) -> Self {
        match (resource, action) {
            ("*", "**") => Self::Everything,
            ("*", _) => Self::TopLevel,
            (_, "**") => Self::Tree(resource),
            _ => Self::One(resource),
        }
    }

    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Everything, _) | (Self::TopLevel, Self::TopLevel) => true,
            (Self::TopLevel, Self::One(resource)) => !resource.contains('.'),
            (Self::Tree(root), Self::One(resource) | Self::Tree(resource)) => {
                resource.strip_prefix(root).is_some_and(|below| below.is_empty() || below.starts_with('.'))
            }
            (Self::One(resource), Self::One(other)) => resource == other,
            _ => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, InvalidScope> {
        let in_range = (1..=MAX_BYTES).contains(&text.len());
        if in_range && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) {
            Ok(Self(text))
        } else {
            Err(InvalidScope)
        }
    }
}

impl TryFrom<&str> for Scope {
    type Error = InvalidScope;

    fn try_from(text: &str) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("scope".into())))
            .min_length(Some(1))
            .max_length(Some(MAX_BYTES))
            .examples(["issuers.users:read"])
            .into()
    }
}

impl ToSchema for Scope {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Scope")
    }
}

/// A list of scopes in the order they were stated, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Whether one of them grants a call of the Core API that requires `required`; see [`Scope::grants`].
    pub fn grants(&self, required: &Scope) -> bool {
        self.0.iter().any(|held| held.grants(required))
    }

    /// Whether one of them is enough for what an application requires `required` for; see [`Scope::matches`].
    pub fn matches(&self, required: &Scope) -> bool {
        self.0.iter().any(|held| held.matches(required))
    }

    /// Those of `other` that a holder of these may not hand out: the ones that no single scope of these
    /// [covers](Scope::covers). Empty when all are covered.
    pub fn covers_all(&self, other: &Scopes, reading: Reading) -> Vec<Scope> {
        other.iter().filter(|wanted| !self.0.iter().any(|held| held.covers(wanted, reading))).cloned().collect()
    }

    /// Those of `other` that a holder of these on an account may not give to anybody: as [`Scopes::covers_all`], but
    /// `*:**` counts as `owner`, which may give every plain name, and `owner` may give `admin` (core-api §1.9).
    pub fn not_grantable(&self, other: &Scopes) -> Vec<Scope> {
        let is_held = |name: &str| self.0.iter().any(|held| held.0 == name);
        let is_owner = self.is_full() || is_held(OWNER);
        let is_given = |scope: &Scope| scope.split().is_none() && (is_owner || (scope.0 == MEMBER && is_held(ADMIN)));
        self.covers_all(other, Reading::Core).into_iter().filter(|scope| !is_given(scope)).collect()
    }

    /// No scopes.
    pub const NONE: Self = Self(Vec::new());

    /// What holders of either may do both.
    #[must_use]
    pub fn meet(&self, other: &Self, reading: Reading) -> Self {
        self.0.iter().flat_map(|one| other.0.iter().filter_map(move |another| one.meet(another, reading))).collect()
    }

    /// Whether this very scope is among them, wildcards aside.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Those that are not among `known`.
    #[must_use]
    pub fn without(&self, known: &Self) -> Self {
        self.0.iter().filter(|scope| !known.contains(scope)).cloned().collect()
    }

    /// The scopes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// Whether there are none, which grants nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `*:**` is among them.
    pub fn is_full(&self) -> bool {
        self.0.iter().any(|scope| scope.0 == FULL)
    }
}

/// Keeps the order and drops repeats.
impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut kept = Self::default();
        for scope in scopes {
            if !kept.contains(&scope) {
                kept.0.push(scope);
            }
        }
        kept
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Scope::schema()).max_items(Some(MAX_SCOPES)).into()
    }
}

impl ToSchema for Scopes {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Scopes")
    }
}

#[cfg(test)]
mod tests;
