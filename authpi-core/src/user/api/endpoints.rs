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
use crate::timestamp::Timestamp;
use crate::user::model::{DirectoryStatus, InvalidUsername, User, UserDetails, UserStatus, UsernameHash};
use crate::user::operations::{self, Entry, NewUser, UserPatch};
use crate::user::repository::UserFilter;
use crate::verifier::screening::{Screened, screened};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::impersonation;
use crate::web::query::Parameter;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}";
const READ: &str = "issuers.users:read";
const WRITE: &str = "issuers.users:write";

/// The operations of this room.
pub(super) fn routes() -> Vec<Arc<Operation>> {
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
    type Prepared = Option<Screened>;

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createUser", "Create a user")
            .about("users", "user")
            .scope(WRITE)
            .answers::<UserView>(201)
    }

    async fn prepare(&self, call: &Call<CreateUser>) -> Result<Option<Screened>, Refusal> {
        let (Ok(body), Ok((issuer,))) = (call.body(), call.path::<(IssuerId,)>()) else { return Ok(None) };
        let Some(password) = &body.password else { return Ok(None) };
        screened(call.services(), (call.account()?, issuer), body.person(), password.expose()).await
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreateUser, Option<Screened>>,
    ) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let password = match call.prepared() {
            Some(Err(invalid)) => return Err(Refusal::field("password", invalid.code(), invalid.to_string())),
            Some(Ok(hash)) => Some(hash.clone()),
            // No issuer was there to say what is good enough.
            None if body.password.is_some() => return Err(Refusal::NotFound),
            None => None,
        };
        let username = body.username.username().unwrap_or(Err(InvalidUsername::Empty));
        let new = NewUser {
            username: username.map_err(invalid_username)?,
            entry: Entry::Made { status: body.status.map_or(UserStatus::Active, UserStatus::from) },
            details: merged(&UserDetails::default(), &body.details)?,
            metadata: Metadata::from_create(&body.metadata),
            password,
        };
        let user = operations::create(change, issuer, new).await?;
        let version = user.updated_at;
        Ok(Answer::created(UserView::at(change.now(), user)).etag(version))
    }
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
        Ok(shown(call.now(), reads.users().find(issuer, id).await?.ok_or(Refusal::NotFound)?))
    }
}

pub(super) fn shown(now: Timestamp, user: User) -> Answer {
    let version = user.updated_at;
    Answer::of(UserView::at(now, user)).etag(version)
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
        let was = signs_in_as(&before);
        let after = operations::update(change, before, patch).await?;
        if signs_in_as(&after) != was {
            impersonation::check_sign_in(change, call, id).await?;
        }
        Ok(shown(change.now(), after))
    }
}

/// What whoever has it can sign in by, or be mailed the way in.
fn signs_in_as(user: &User) -> (UsernameHash, Option<String>, bool) {
    (user.username_hash, user.email().map(str::to_owned), user.details.profile.email_verified)
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
