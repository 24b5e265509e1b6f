//! The list of organizations in SQL.

use std::collections::HashMap;

use authpi_core::id::{Id, IssuerId, OrganizationId};
use authpi_core::organization::repository::{OrganizationFilter, OrganizationListing, StatusFilter};
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::organization;
use crate::convert::{id, to_word};
use crate::entity::organization::{Column, Entity, Model};
use crate::error::failed;

const OPERATION: &str = "organization.list";

/// As much of a row as conditions look at.
#[derive(FromQueryResult)]
#[allow(clippy::struct_excessive_bools, reason = "a row has the flags that its table has")]
struct FactsRow {
    id: Uuid,
    status: String,
    mfa_required: bool,
    invitation_enabled: bool,
    sso_enabled: bool,
    sso_only: bool,
}

/// The conditions, in the words of the columns.
struct Wanted<'a> {
    status: Option<String>,
    filter: &'a OrganizationFilter,
}

impl Wanted<'_> {
    fn matches(&self, row: &FactsRow) -> bool {
        self.status.as_ref().is_none_or(|status| *status == row.status)
            && self.filter.mfa_required.is_none_or(|wanted| wanted == row.mfa_required)
            && self.filter.invitation_enabled.is_none_or(|wanted| wanted == row.invitation_enabled)
            && self.filter.sso_enabled.is_none_or(|wanted| wanted == row.sso_enabled)
            && self.filter.sso_only.is_none_or(|wanted| wanted == row.sso_only)
    }
}

/// Rows along the index that the list goes by.
fn listed(issuer: IssuerId, deleting: bool, page: &PageRequest<OrganizationId>) -> Select<Entity> {
    let query = Entity::find()
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .filter(Column::Deleting.eq(deleting))
        .order_by_desc(Column::Id);
    match page.after {
        Some(after) => query.filter(Column::Id.lt(after.uuid())),
        None => query,
    }
}

/// A page of the list; one with conditions is of what matches among a bounded number of rows.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    issuer: IssuerId,
    filter: &OrganizationFilter,
    page: &PageRequest<OrganizationId>,
) -> Result<SearchPage<OrganizationListing, OrganizationId>, StoreError> {
    let deleting = filter.status == Some(StatusFilter::Deleting);
    let query = listed(issuer, deleting, page);
    let listing = |row: Model| Ok(OrganizationListing { organization: organization(row)?, deleting });
    if !filter.is_search() {
        let rows = query.limit(u64::from(page.limit.get()) + 1).all(connection).await.map_err(failed(OPERATION))?;
        let found = SearchPage::pick(rows, page.limit, |row| id(row.id), |_| true);
        let items = found.items.into_iter().map(listing).collect::<Result<_, StoreError>>()?;
        return Ok(SearchPage { items, next: found.next });
    }
    let found = search(connection, query, filter, page).await?;
    if found.items.is_empty() {
        return Ok(SearchPage { items: Vec::new(), next: found.next });
    }
    let rows = Entity::find()
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .filter(Column::Deleting.eq(deleting))
        .filter(Column::Id.is_in(found.items.iter().copied()))
        .all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    // One whose deletion was accepted since the search is left out.
    let rows = found.items.iter().filter_map(|found| rows.remove(found));
    Ok(SearchPage { items: rows.map(listing).collect::<Result<_, StoreError>>()?, next: found.next })
}

/// The ids of what matches.
async fn search(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
    filter: &OrganizationFilter,
    page: &PageRequest<OrganizationId>,
) -> Result<SearchPage<Uuid, OrganizationId>, StoreError> {
    let status = match filter.status {
        Some(StatusFilter::Is(status)) => Some(to_word(OPERATION, &status)?),
        Some(StatusFilter::Deleting) | None => None,
    };
    let columns = [
        Column::Id,
        Column::Status,
        Column::MfaRequired,
        Column::InvitationEnabled,
        Column::SsoEnabled,
        Column::SsoOnly,
    ];
    let rows = query
        .select_only()
        .columns(columns)
        .limit(EXAMINED_ROWS as u64 + 1)
        .into_model::<FactsRow>()
        .all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let wanted = Wanted { status, filter };
    Ok(SearchPage::pick(rows, page.limit, |row| id(row.id), |row| wanted.matches(row)).map(|row| row.id))
}
