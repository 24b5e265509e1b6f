//! The operations of this room.

use std::sync::Arc;

use async_trait::async_trait;

use super::bodies::{CreateUser, UpdateUser};
use super::views::{IssuerUsersListItem, UserView};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::{Change, Reads};
use crate::user::model::{
    DirectoryStatus, InvalidUsername, Password, PasswordHash, PasswordPolicy, User, UserDetails, UserStatus,
};
use crate::user::operations::{self, NewUser, UserPatch};
use crate::user::repository::UserFilter;
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::query::Parameter;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}";
const READ: &str = "issuers.users:read";
const WRITE: &str = "issuers.users:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::write(Create),
        Operation::read(Get),
        Operation::write(Update),
        Operation::write(Delete),
    ]
}

/// `listUsers`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listUsers", "List the directory of users, newest first")
            .about("users", "user")
            .scope(READ)
            .query([Parameter::one_of("status", DirectoryStatus::WORDS, "Only in this status; else all but deleted.")])
            .answers_page::<IssuerUsersListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let query = call.query()?;
        let filter = UserFilter { status: query.parsed("status")? };
        let found = reads.users().list(issuer, filter, &query.page::<UserId>()?).await?;
        Ok(Answer::page(&found.map(IssuerUsersListItem::from), IssuerUsersListItem::cursor))
    }
}

/// `createUser`
struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateUser;
    type Prepared = Option<PasswordHash>;

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createUser", "Create a user")
            .about("users", "user")
            .scope(WRITE)
            .answers::<UserView>(201)
    }

    async fn prepare(&self, call: &Call<CreateUser>) -> Result<Option<PasswordHash>, Refusal> {
        let Ok(CreateUser { password: Some(password), .. }) = call.body() else { return Ok(None) };
        let password = Password::new(password.expose());
        let hashed = call.services().compute(move || PasswordHash::of(&password)).await?;
        hashed.map(Some).map_err(Refusal::internal)
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreateUser, Option<PasswordHash>>,
    ) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        if let Some(password) = &body.password {
            require_length(change, issuer, &Password::new(password.expose())).await?;
        }
        let username = body.username.username().unwrap_or(Err(InvalidUsername::Empty));
        let new = NewUser {
            username: username.map_err(invalid_username)?,
            status: body.status.map_or(UserStatus::Active, UserStatus::from),
            details: merged(&UserDetails::default(), &body.details)?,
            metadata: Metadata::from_create(&body.metadata),
            password: call.prepared().clone(),
        };
        let user = operations::create(change, issuer, new).await?;
        let version = user.updated_at;
        Ok(Answer::created(UserView::from(user)).etag(version))
    }
}

/// The issuer says how short a password may be (`settings.security.password.min_length`).
async fn require_length(change: &Change<'_>, issuer: IssuerId, password: &Password) -> Result<(), Refusal> {
    let found = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    let shortest = found.details.settings.security.password.min_length;
    let policy = PasswordPolicy { min_chars: usize::try_from(shortest).unwrap_or(PasswordPolicy::MAX_CHARS) };
    let checked = policy.check(password, None);
    checked.map_err(|invalid| Refusal::field("password", invalid.code(), invalid.to_string()))
}

fn invalid_username(invalid: InvalidUsername) -> Refusal {
    Refusal::field("username", invalid.code(), invalid.to_string())
}

/// `getUser`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getUser", "Get a user")
            .about("users", "user")
            .scope(READ)
            .conditional()
            .answers::<UserView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        Ok(shown(reads.users().find(issuer, id).await?.ok_or(Refusal::NotFound)?))
    }
}

fn shown(user: User) -> Answer {
    let version = user.updated_at;
    Answer::of(UserView::from(user)).etag(version)
}

/// `updateUser`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateUser;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateUser", "Update a user; suspend, block, disable or reactivate it")
            .about("users", "user")
            .scope(WRITE)
            .conditional()
            .answers::<UserView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateUser>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().users().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = body.note.note(change);
        let patch = UserPatch {
            username: body.username.username().transpose().map_err(invalid_username)?,
            username_type: body.username.kind(),
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.wish().map(|wish| (wish, note)),
        };
        Ok(shown(operations::update(change, before, patch).await?))
    }
}

/// `deleteUser`
struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteUser", "Delete a user; what is personal is erased 30 days later")
            .about("users", "user")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let user = change.reads().users().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(user.updated_at)?;
        operations::delete(change, &user).await?;
        Ok(Answer::no_content())
    }
}
