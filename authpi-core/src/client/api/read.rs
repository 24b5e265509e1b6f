//! Endpoints that change nothing.

use async_trait::async_trait;

use super::view::{ClientListItem, ClientView};
use super::{ALL, ONE, READ};
use crate::client::model::{ApplicationType, Readiness};
use crate::client::repository::{ClientFilter, StatusFilter};
use crate::error::Refusal;
use crate::id::ClientId;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;

/// `listClients`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listClients", "List clients, newest first")
            .about("clients", "client")
            .scope(READ)
            .query([
                Parameter::text("q", "Name or id contains this, case aside."),
                Parameter::one_of("status", StatusFilter::WORDS, "Only in this status."),
                Parameter::one_of("application_type", ApplicationType::WORDS, "Only of this kind."),
                Parameter::one_of("readiness", Readiness::WORDS, "Only as able to work as this."),
                Parameter::text("name", "Name contains this, case aside."),
            ])
            .answers_page::<ClientListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let query = call.query()?;
        let page = query.page::<ClientId>()?;
        let found = reads.clients().list(issuer, &filter(&query)?, &page).await?;
        Ok(Answer::search_page(&found.map(ClientListItem::from)))
    }
}

fn filter(query: &Query) -> Result<ClientFilter, Refusal> {
    Ok(ClientFilter {
        status: query.parsed("status")?,
        application_type: query.parsed("application_type")?,
        readiness: query.parsed("readiness")?,
        text: query.text("q").map(str::to_owned),
        name: query.text("name").map(str::to_owned),
    })
}

/// `getClient`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getClient", "Get a client")
            .about("clients", "client")
            .scope(READ)
            .conditional()
            .answers::<ClientView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let client = reads.clients().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(ClientView::from(&client)).etag(client.updated_at))
    }
}
