//! Endpoints of issuers (core-api section 12).

mod auth_methods;
mod bodies;
mod views;

use std::sync::Arc;

use async_trait::async_trait;

use super::model::access::AccessMode;
use super::model::{IssuerDetails, IssuerStatus, Readiness};
use super::operations::{self, IssuerPatch, NewIssuer};
use super::repository::{IssuerFilter, StatusFilter};
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::keyring::NewRoot;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;

pub use bodies::{CreateIssuer, UpdateIssuer};
pub use views::{IssuerListItem, IssuerView, ListedStatus};

const ALL: &str = "/v1/accounts/{account_id}/issuers";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}";
const READ: &str = "issuers:read";
const WRITE: &str = "issuers:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    let own = vec![
        Operation::read(List),
        Operation::write(Create),
        Operation::read(Get),
        Operation::write(Update),
        Operation::write(Delete),
    ];
    own.into_iter().chain(auth_methods::routes()).collect()
}

/// `listIssuers`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listIssuers", "List issuers, newest first")
            .about("issuers", "issuer")
            .scope(READ)
            .query([
                Parameter::text("q", "Only with this in name or id, whatever the case."),
                Parameter::one_of("status", StatusFilter::WORDS, "Only in this status."),
                Parameter::one_of("access_mode", AccessMode::WORDS, "Only with this way in."),
                Parameter::one_of("readiness", Readiness::WORDS, "Only as ready as this."),
            ])
            .answers_page::<IssuerListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let page = query.page::<IssuerId>()?;
        let found = reads.issuers().list(call.account()?, &filter(&query)?, &page).await?;
        Ok(Answer::search_page(&found.map(IssuerListItem::from)))
    }
}

fn filter(query: &Query) -> Result<IssuerFilter, Refusal> {
    Ok(IssuerFilter {
        q: query.text("q").map(str::to_owned),
        status: query.parsed("status")?,
        access_mode: query.parsed("access_mode")?,
        readiness: query.parsed("readiness")?,
    })
}

/// `createIssuer`
struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateIssuer;
    type Prepared = Option<NewRoot>;

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createIssuer", "Create an issuer with the default login methods")
            .about("issuers", "issuer")
            .scope(WRITE)
            .answers::<IssuerView>(201)
    }

    async fn prepare(&self, call: &Call<CreateIssuer>) -> Result<Option<NewRoot>, Refusal> {
        call.services().new_root().await.map(Some)
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreateIssuer, Option<NewRoot>>,
    ) -> Result<Answer, Refusal> {
        let body = call.body()?;
        let root = call.prepared().as_ref().ok_or_else(|| Refusal::internal("no root key was prepared"))?;
        let new = NewIssuer {
            account_id: change.account(),
            root,
            platform: false,
            status: body.status.unwrap_or(IssuerStatus::Active),
            details: merged(&IssuerDetails::default(), &body.details)?,
            metadata: Metadata::from_create(&body.metadata),
        };
        let issuer = operations::create(change, new).await?;
        Ok(Answer::created(IssuerView::from(&issuer)).etag(issuer.updated_at))
    }
}

/// `getIssuer`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getIssuer", "Get an issuer")
            .about("issuers", "issuer")
            .scope(READ)
            .conditional()
            .answers::<IssuerView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let issuer = reads.issuers().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(IssuerView::from(&issuer)).etag(issuer.updated_at))
    }
}

/// `updateIssuer`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateIssuer;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateIssuer", "Update an issuer; suspend or reactivate it")
            .about("issuers", "issuer")
            .scope(WRITE)
            .conditional()
            .answers::<IssuerView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateIssuer>) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let before = change.reads().issuers().find(change.account(), id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = body.note.note(change);
        let patch = IssuerPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status, note)),
            grantor: call.caller()?.grantor(change.account().organization()),
        };
        let after = operations::update(change, before, patch).await?;
        Ok(Answer::of(IssuerView::from(&after)).etag(after.updated_at))
    }
}

/// `deleteIssuer`
struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteIssuer", "Delete an issuer with everything in it")
            .about("issuers", "issuer")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let issuer = change.reads().issuers().find(change.account(), id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(issuer.updated_at)?;
        operations::delete(change, &issuer).await?;
        // Should the commit fail, the key is unwrapped anew.
        call.services().forget_root(id);
        Ok(Answer::no_content())
    }
}
