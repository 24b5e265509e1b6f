//! Which of the things that a note refers to are there.

use std::collections::HashMap;

use authpi_core::id::{AccountId, Id, IssuerId};
use authpi_core::note::model::{NoteRefType, NoteTarget};
use authpi_core::store::StoreError;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use uuid::Uuid;

use crate::convert::id;
use crate::error::failed;
use crate::session::Session;

const OPERATION: &str = "note.existing";

/// Where things of one kind are, and how to tell those that are there.
struct Source {
    kind: NoteRefType,
    table: &'static str,
    /// A flag that is set from the accepted deletion on.
    gone: Option<&'static str>,
}

const OF_ISSUERS: [Source; 3] = [
    Source { kind: NoteRefType::User, table: "authpi_user", gone: Some("deleted") },
    Source { kind: NoteRefType::Org, table: "authpi_organization", gone: Some("deleting") },
    Source { kind: NoteRefType::Client, table: "authpi_client", gone: Some("deleted") },
];

const OF_ACCOUNTS: [Source; 3] = [
    Source { kind: NoteRefType::Issuer, table: "authpi_issuer", gone: Some("deleting") },
    Source { kind: NoteRefType::ApiKey, table: "authpi_api_key", gone: None },
    Source { kind: NoteRefType::Webhook, table: "authpi_webhook", gone: Some("deleted") },
];

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    /// A question for each kind that is named.
    pub(super) async fn existing_targets(
        &self,
        account: AccountId,
        targets: &[NoteTarget],
    ) -> Result<Vec<(NoteTarget, Option<IssuerId>)>, StoreError> {
        let mut known: HashMap<(NoteRefType, Uuid), Option<IssuerId>> = HashMap::new();
        for source in &OF_ISSUERS {
            for (found, issuer) in self.targets_of_issuers(account, source, &ids(source, targets)).await? {
                known.insert((source.kind, found), Some(id(issuer)));
            }
        }
        for source in &OF_ACCOUNTS {
            for found in self.targets_of_account(account, source, &ids(source, targets)).await? {
                known.insert((source.kind, found), None);
            }
        }
        let found = |target: &NoteTarget| known.get(&(target.kind(), target.uuid())).map(|issuer| (*target, *issuer));
        Ok(targets.iter().filter_map(found).collect())
    }

    async fn targets_of_issuers(
        &self,
        account: AccountId,
        source: &Source,
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let of = |table: &'static str, column: &'static str| Expr::col((Alias::new(table), Alias::new(column)));
        let issuer = "authpi_issuer";
        let query = Query::select()
            .column((Alias::new(source.table), Alias::new("id")))
            .column((Alias::new(source.table), Alias::new("issuer_id")))
            .from(Alias::new(source.table))
            .inner_join(
                Alias::new(issuer),
                of(issuer, "id").equals((Alias::new(source.table), Alias::new("issuer_id"))),
            )
            .and_where(of(source.table, "id").is_in(ids.iter().copied()))
            .and_where(of(issuer, "account_id").eq(account.uuid()))
            .and_where(of(issuer, "deleting").eq(false))
            .and_where_option(source.gone.map(|gone| of(source.table, gone).eq(false)))
            .to_owned();
        let rows = self.connection.query_all(&query).await.map_err(failed(OPERATION))?;
        let column = |row: &sea_orm::QueryResult, name| row.try_get("", name).map_err(failed(OPERATION));
        rows.iter().map(|row| Ok((column(row, "id")?, column(row, "issuer_id")?))).collect()
    }

    async fn targets_of_account(
        &self,
        account: AccountId,
        source: &Source,
        ids: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = Query::select()
            .column(Alias::new("id"))
            .from(Alias::new(source.table))
            .and_where(Expr::col(Alias::new("id")).is_in(ids.iter().copied()))
            .and_where(Expr::col(Alias::new("account_id")).eq(account.uuid()))
            .and_where_option(source.gone.map(|gone| Expr::col(Alias::new(gone)).eq(false)))
            .to_owned();
        let rows = self.connection.query_all(&query).await.map_err(failed(OPERATION))?;
        rows.iter().map(|row| row.try_get("", "id").map_err(failed(OPERATION))).collect()
    }
}

fn ids(source: &Source, targets: &[NoteTarget]) -> Vec<Uuid> {
    targets.iter().filter(|target| target.kind() == source.kind).map(|target| target.uuid()).collect()
}
