//! The list of issuers. No index serves its filters: rows are examined in the order of the list, up to a limit, by the
//! few columns that decide, and only those shown are read whole.

use std::collections::HashMap;

use authpi_core::id::{AccountId, Id, IssuerId};
use authpi_core::issuer::model::{IssuerStatus, Readiness};
use authpi_core::issuer::repository::{IssuerFilter, IssuerListing, StatusFilter};
use authpi_core::page::{EXAMINED_ROWS, Page, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::{TABLE, issuer};
use crate::convert::{Place, id, to_word};
use crate::entity::issuer::{Column, Entity};
use crate::error::failed;

const OPERATION: &str = "issuer.list";

/// The columns that filters look at.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct FilterRow {
    id: uuid::Uuid,
    name: String,
    status: String,
    access_mode: String,
    n_login_methods: i64,
}

/// A filter in the form of the columns.
struct Wanted {
    q: Option<String>,
    status: Option<String>,
    access_mode: Option<String>,
    readiness: Option<Readiness>,
}

impl Wanted {
    fn of(filter: &IssuerFilter) -> Result<Self, StoreError> {
        let status = match filter.status {
            Some(StatusFilter::Is(status)) => Some(to_word(OPERATION, &status)?),
            Some(StatusFilter::Deleting) | None => None,
        };
        Ok(Self {
            q: filter.q.as_ref().map(|q| q.to_lowercase()),
            status,
            access_mode: filter.access_mode.map(|mode| to_word(OPERATION, &mode)).transpose()?,
            readiness: filter.readiness,
        })
    }

    fn is_everything(&self) -> bool {
        self.q.is_none() && self.status.is_none() && self.access_mode.is_none() && self.readiness.is_none()
    }

    fn matches(&self, row: &FilterRow) -> Result<bool, StoreError> {
        let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let text = |q: &String| row.name.to_lowercase().contains(q) || id::<IssuerId>(row.id).to_string().contains(q);
        let ready = match self.readiness {
            None => true,
            Some(wanted) => {
                let status: IssuerStatus = Place { table: TABLE, id: row.id }.word("status", &row.status)?;
                wanted
                    == match (status, row.n_login_methods) {
                        (IssuerStatus::Suspended, _) => Readiness::Inactive,
                        (IssuerStatus::Active, 0) => Readiness::Incomplete,
                        (IssuerStatus::Active, _) => Readiness::Ready,
                    }
            }
        };
        Ok(ready
            && same(&self.status, &row.status)
            && same(&self.access_mode, &row.access_mode)
            && self.q.as_ref().is_none_or(text))
    }
}

/// Part of the list.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    filter: &IssuerFilter,
    page: &PageRequest<IssuerId>,
) -> Result<SearchPage<IssuerListing, IssuerId>, StoreError> {
    let deleting = filter.status == Some(StatusFilter::Deleting);
    let wanted = Wanted::of(filter)?;
    let rows = in_order(account, deleting, page.after);
    if wanted.is_everything() {
        let rows = rows.limit(u64::from(page.limit.get()) + 1).all(connection).await.map_err(failed(OPERATION))?;
        let cut = Page::cut(rows, page.limit);
        let next = cut.items.last().filter(|_| cut.has_more).map(|row| id(row.id));
        let listing = |row| Ok(IssuerListing { issuer: issuer(row)?, deleting });
        return Ok(SearchPage { items: cut.items.into_iter().map(listing).collect::<Result<_, StoreError>>()?, next });
    }
    let rows = rows
        .limit(EXAMINED_ROWS as u64 + 1)
        .into_partial_model::<FilterRow>()
        .all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let found = examine(&rows, &wanted, page.limit.get() as usize)?;
    Ok(SearchPage { items: whole(connection, &found.items, deleting).await?, next: found.next })
}

fn in_order(account: AccountId, deleting: bool, after: Option<IssuerId>) -> Select<Entity> {
    let rows = Entity::find()
        .filter(Column::AccountId.eq(account.uuid()))
        .filter(Column::Deleting.eq(deleting))
        .order_by_desc(Column::Id);
    match after {
        None => rows,
        Some(after) => rows.filter(Column::Id.lt(after.uuid())),
    }
}

/// Picks what matches. One row more than may be examined was read: it tells whether the list goes on.
fn examine(rows: &[FilterRow], wanted: &Wanted, size: usize) -> Result<SearchPage<uuid::Uuid, IssuerId>, StoreError> {
    let mut items = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if wanted.matches(row)? {
            items.push(row.id);
        }
        let seen = index + 1;
        if seen < rows.len() && (items.len() == size || seen == EXAMINED_ROWS) {
            return Ok(SearchPage { items, next: Some(id(row.id)) });
        }
    }
    Ok(SearchPage { items, next: None })
}

/// The issuers of these ids, in this order; one that was removed meanwhile is left out.
async fn whole(
    connection: &impl ConnectionTrait,
    ids: &[uuid::Uuid],
    deleting: bool,
) -> Result<Vec<IssuerListing>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Deleting.eq(deleting))
        .all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter()
        .filter_map(|id| rows.remove(id))
        .map(|row| Ok(IssuerListing { issuer: issuer(row)?, deleting }))
        .collect()
}
