//! Users as requests state them.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::views::UserView;
use crate::error::{FieldCode, FieldErrors};
use crate::secret::Secret;
use crate::user::model::{InvalidUsername, UserDetails, UserStatus, Username, UsernameType};
use crate::user::operations::StatusWish;
use crate::verifier::model::{InvalidPassword, Password, PasswordPolicy};
use crate::verifier::screening::Person;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, StatusNoteMembers, present};

/// The ways to state a username.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct UsernameMembers {
    /// Unique in the issuer, whatever its spelling: an e-mail address, a telephone number of `+` and digits, or a name
    /// that is neither and has no white space.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 320)]
    username: Option<String>,
    /// Follows from the form of the username; when it is stated, it must fit.
    #[schema(value_type = UsernameType, required = false)]
    username_type: Option<UsernameType>,
    /// Short for `username` with the `username_type` `email`.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 320)]
    email: Option<String>,
}

impl UsernameMembers {
    fn text(&self) -> Option<&str> {
        self.username.as_deref().or(self.email.as_deref())
    }

    /// The username that is stated, if one is.
    pub(super) fn username(&self) -> Option<Result<Username, InvalidUsername>> {
        let kind = if self.email.is_some() { Some(UsernameType::Email) } else { self.username_type };
        self.text().map(|text| Username::new(kind, text))
    }

    /// The kind that is stated.
    pub(super) const fn kind(&self) -> Option<UsernameType> {
        self.username_type
    }

    fn check(&self, errors: &mut FieldErrors) {
        let contradicts = |target: &str| format!("contradicts {target}, of which it is an alias");
        if self.email.is_some() && self.username.is_some() && self.email != self.username {
            errors.add("email", FieldCode::NotAllowed, contradicts("username"));
        } else if self.email.is_some() && self.username_type.is_some_and(|kind| kind != UsernameType::Email) {
            errors.add("email", FieldCode::NotAllowed, contradicts("username_type"));
        } else if let Some(Err(invalid)) = self.username() {
            let field = if self.username.is_some() { "username" } else { "email" };
            errors.add(field, invalid.code(), invalid.to_string());
        }
    }
}

/// Body of `createUser`.
#[derive(Deserialize)]
pub struct CreateUser {
    #[serde(flatten)]
    pub(super) username: UsernameMembers,
    #[serde(default, deserialize_with = "secret")]
    pub(super) password: Option<Secret>,
    #[serde(default)]
    pub(super) status: Option<InitialStatus>,
    #[serde(default)]
    pub(super) metadata: Value,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

impl CreateUser {
    /// What a password must not be made of.
    pub(super) fn person(&self) -> Person {
        let profile = self.details.get("profile").and_then(Value::as_object);
        let texts = profile.into_iter().flat_map(Map::values).filter_map(Value::as_str);
        Person { username: self.username.text().map(str::to_owned), about: texts.map(str::to_owned).collect() }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// Where a new user begins.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum InitialStatus {
    Active,
    Suspended,
}

impl From<InitialStatus> for UserStatus {
    fn from(status: InitialStatus) -> Self {
        match status {
            InitialStatus::Active => Self::Active,
            InitialStatus::Suspended => Self::Suspended,
        }
    }
}

/// Members of [`CreateUser`] besides username, details and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    /// At least 10 and at most 256 characters; must not contain the username. Never answered. Hard to
    /// guess, and not known from breaches.
    #[schema(write_only)]
    password: Option<String>,
    /// `active` when absent.
    #[schema(required = false)]
    status: InitialStatus,
}

impl Body for CreateUser {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<UsernameMembers>("CreateUser")
            .and::<CreateMembers>()
            .and::<MetadataMember>()
            .and::<UserDetails>()
            .ignoring::<UserView>()
            .alias("display_name", "profile.display_name");
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_username(sent, errors);
        // What is of another type is reported by the schema.
        let Ok(names) = UsernameMembers::deserialize(sent) else { return };
        if names.text().is_none() {
            errors.add("username", FieldCode::Required, "is required");
        }
        // The issuer's own minimum is asked for where the issuer is known.
        if let Some(Value::String(password)) = sent.get("password")
            && let Err(invalid) = within_bounds(password, names.text())
        {
            errors.add("password", invalid.code(), invalid.to_string());
        }
    }
}

fn within_bounds(password: &str, username: Option<&str>) -> Result<(), InvalidPassword> {
    if password.len() > PasswordPolicy::MAX_BYTES {
        return Err(InvalidPassword::TooLong);
    }
    PasswordPolicy::LOWEST.check(&Password::new(password), username)
}

fn check_username(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    if let Ok(names) = UsernameMembers::deserialize(sent) {
        names.check(errors);
    }
}

/// Body of `updateUser`.
#[derive(Debug, Deserialize)]
pub struct UpdateUser {
    #[serde(flatten)]
    pub(super) username: UsernameMembers,
    #[serde(default)]
    status: Option<UserStatus>,
    #[serde(default)]
    blocked: Option<bool>,
    #[serde(flatten)]
    pub(super) note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    pub(super) metadata: Option<Value>,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

impl UpdateUser {
    /// The status that is asked for, if one is.
    pub(super) fn wish(&self) -> Option<StatusWish> {
        match (self.status, self.blocked) {
            (Some(status), _) => Some(StatusWish::Is(status)),
            (None, Some(true)) => Some(StatusWish::Is(UserStatus::Blocked)),
            (None, Some(false)) => Some(StatusWish::NotBlocked),
            (None, None) => None,
        }
    }
}

/// Members of [`UpdateUser`] besides username, details, status note and metadata.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct UpdateMembers {
    /// One that follows from the present one, or the present one itself.
    #[schema(value_type = UserStatus, required = false)]
    status: Option<UserStatus>,
    /// Short for a `status`: `true` for `blocked`; `false` takes a block back, and leaves other statuses alone.
    #[schema(value_type = bool, required = false)]
    blocked: Option<bool>,
}

impl Body for UpdateUser {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<UserDetails>("UpdateUser")
            .and::<UsernameMembers>()
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .ignoring::<UserView>()
            .alias("display_name", "profile.display_name")
            .alias("blocked_reason", "status_reason");
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_username(sent, errors);
        if let Ok(UpdateMembers { status: Some(status), blocked: Some(blocked) }) = UpdateMembers::deserialize(sent)
            && blocked != (status == UserStatus::Blocked)
        {
            errors.add("blocked", FieldCode::NotAllowed, "contradicts status, of which it is an alias");
        }
    }
}
