//! Personal tokens of users in SQL.

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id, IssuerId, TokenId, UserId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::token::model::{
    OwnerState, PersonalToken, PersonalTokenDetails, TokenAuthentication, TokenRestrictions, TokenStatus,
};
use authpi_core::token::repository::{
    ADDRESSES_KEPT, DepartedOwner, PersonalTokenFilter, PersonalTokenReads, PersonalTokenRepository,
};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::batch;
use crate::convert::{Place, id, millis, scopes_json, status, time, to_json, to_word};
use crate::departed;
use crate::entity::personal_token::{ActiveModel, Column, Entity, Model};
use crate::entity::personal_token_address::{self as address, Column as Used};
use crate::entity::{issuer, user};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_personal_token";

/// What a caller writes besides the columns.
#[derive(Serialize, Deserialize)]
struct StoredDetails {
    description: Option<String>,
    tags: Vec<String>,
    #[serde(default)]
    by_another: bool,
}

/// A token with the status of its user: none is one that is gone.
type Owned = (Model, Option<user::Model>);

fn token((row, owner): Owned) -> Result<PersonalToken, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let stored: StoredDetails = place.json("details", row.details)?;
    let value = place.word("status", &row.status)?;
    Ok(PersonalToken {
        id: id(row.id),
        account_id: id(row.account_id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: PersonalTokenDetails { name: row.name, description: stored.description, tags: stored.tags },
        restrictions: TokenRestrictions {
            scopes: place.json("scopes", row.scopes)?,
            ip_allowlist: place.json("ip_allowlist", row.ip_allowlist)?,
        },
        expires_at: time(row.expires_at),
        audience: row.audience,
        jti: row.jti,
        metadata: place.json("metadata", row.metadata)?,
        owner: match owner {
            Some(owner) if owner.deleted => OwnerState::Gone,
            Some(owner) if owner.status == "active" => OwnerState::Active,
            Some(owner) if owner.status == "suspended" => OwnerState::Suspended,
            Some(_) => OwnerState::Barred,
            None => OwnerState::Gone,
        },
        by_another: stored.by_another,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that change after creation.
fn written(token: &PersonalToken) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "personal_token.write";
    let details = &token.details;
    let (description, tags) = (details.description.clone(), details.tags.clone());
    let stored = StoredDetails { description, tags, by_another: token.by_another };
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &token.status.value)?),
        status_at: Set(millis(token.status.at)),
        status_reason: Set(token.status.reason.clone()),
        status_by: Set(token.status.by.clone()),
        name: Set(details.name.clone()),
        details: Set(to_json(OPERATION, &stored)?),
        metadata: Set(to_json(OPERATION, &token.metadata)?),
        updated_at: Set(token.updated_at.as_millis()),
        ..Default::default()
    })
}

fn of_user(issuer: IssuerId, user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::UserId.eq(user.uuid()))
}

impl<C: ConnectionTrait> Session<C> {
    async fn tokens(&self, query: Select<Entity>, operation: &'static str) -> Result<Vec<PersonalToken>, StoreError> {
        let owner = Entity::belongs_to(user::Entity).from(Column::UserId).to(user::Column::Id).into();
        let rows = query
            .join(JoinType::LeftJoin, owner)
            .select_also(user::Entity)
            .all(&self.connection)
            .await
            .map_err(failed(operation))?;
        rows.into_iter().map(token).collect()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> PersonalTokenReads for Session<C> {
    async fn authentication(&self, id: TokenId) -> Result<Option<TokenAuthentication>, StoreError> {
        const OPERATION: &str = "personal_token.authentication";
        let Some(token) = self.tokens(Entity::find_by_id(id.uuid()), OPERATION).await?.pop() else { return Ok(None) };
        let word: Option<String> = issuer::Entity::find_by_id(token.issuer_id.uuid())
            .filter(issuer::Column::Deleting.eq(false))
            .select_only()
            .column(issuer::Column::EventContext)
            .into_tuple()
            .one(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let Some(word) = word else { return Ok(None) };
        let place = Place { table: "authpi_issuer", id: token.issuer_id.uuid() };
        Ok(Some(TokenAuthentication { token, event_context: place.word("event_context", &word)? }))
    }

    async fn find(&self, account: AccountId, id: TokenId) -> Result<Option<PersonalToken>, StoreError> {
        let of_issuer = Entity::belongs_to(issuer::Entity).from(Column::IssuerId).to(issuer::Column::Id).into();
        let query = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .join(JoinType::InnerJoin, of_issuer)
            .filter(issuer::Column::Deleting.eq(false));
        let found = self.tokens(query, "personal_token.find").await?.pop();
        Ok(found.filter(|token| token.owner != OwnerState::Gone))
    }

    async fn list(
        &self,
        issuer: IssuerId,
        user: UserId,
        filter: PersonalTokenFilter,
        page: &PageRequest<TokenId>,
        now: Timestamp,
    ) -> Result<SearchPage<PersonalToken, TokenId>, StoreError> {
        let size = if filter.status.is_none() { page.limit.get() as usize } else { EXAMINED_ROWS };
        let mut query = of_user(issuer, user).order_by_desc(Column::Id).limit(size as u64 + 1);
        if let Some(after) = page.after {
            query = query.filter(Column::Id.lt(after.uuid()));
        }
        let tokens = self.tokens(query, "personal_token.list").await?;
        let shown = |token: &PersonalToken| filter.status.is_none_or(|status| token.effective_status(now) == status);
        Ok(SearchPage::pick(tokens, page.limit, |token| token.id, shown))
    }

    async fn unexpired(
        &self,
        issuer: IssuerId,
        user: UserId,
        status: TokenStatus,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PersonalToken>, StoreError> {
        let query = of_user(issuer, user)
            .filter(Column::Status.eq(status.as_str()))
            .filter(Column::ExpiresAt.gt(now.as_millis()))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        self.tokens(query, "personal_token.unexpired").await
    }

    async fn count_of_user(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        of_user(issuer, user).count(&self.connection).await.map_err(failed("personal_token.count_of_user"))
    }

    async fn departed_owners(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedOwner>, StoreError> {
        let tokens = (Entity::find(), [Column::IssuerId, Column::UserId]);
        let rows = departed::users(&self.connection, since, tokens, limit).await;
        let rows = rows.map_err(failed("personal_token.departed_owners"))?;
        Ok(rows.into_iter().map(|(issuer, user)| DepartedOwner { issuer_id: id(issuer), user_id: id(user) }).collect())
    }
}

#[async_trait]
impl PersonalTokenRepository for Unit {
    async fn insert(&mut self, token: &PersonalToken) -> Result<(), StoreError> {
        const OPERATION: &str = "personal_token.insert";
        let row = ActiveModel {
            id: Set(token.id.uuid()),
            account_id: Set(token.account_id.uuid()),
            issuer_id: Set(token.issuer_id.uuid()),
            user_id: Set(token.user_id.uuid()),
            scopes: Set(scopes_json(&token.restrictions.scopes)),
            ip_allowlist: Set(to_json(OPERATION, &token.restrictions.ip_allowlist)?),
            expires_at: Set(token.expires_at.as_millis()),
            audience: Set(token.audience.clone()),
            jti: Set(token.jti.clone()),
            created_at: Set(token.created_at.as_millis()),
            ..written(token)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed(OPERATION))
    }

    async fn update(&mut self, token: &PersonalToken, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(token)?)
            .filter(Column::Id.eq(token.id.uuid()))
            .filter(Column::AccountId.eq(token.account_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("personal_token.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(&mut self, account: AccountId, id: TokenId, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("personal_token.remove"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.forget_addresses(vec![id.uuid()]).await?;
        }
        Ok(outcome)
    }

    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "personal_token.remove_of_user";
        let which = of_user(issuer, user);
        let ids = batch::first_keys(&self.connection, which, Column::Id, limit).await.map_err(failed(OPERATION))?;
        if ids.is_empty() {
            return Ok(0);
        }
        self.forget_addresses(ids.clone()).await?;
        batch::remove::<Entity>(&self.connection, Column::Id, ids).await.map_err(failed(OPERATION))
    }

    async fn remember_address(
        &mut self,
        issuer: IssuerId,
        id: TokenId,
        hash: &[u8; 32],
    ) -> Result<InsertOutcome, StoreError> {
        const OPERATION: &str = "personal_token.remember_address";
        let known = address::Entity::update_many()
            .col_expr(Used::UsedAt, Expr::value(self.now.as_millis()))
            .filter(Used::TokenId.eq(id.uuid()))
            .filter(Used::AddressHash.eq(hash.to_vec()))
            .filter(Used::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if known.rows_affected > 0 {
            return Ok(InsertOutcome::Taken);
        }
        let row = address::ActiveModel {
            token_id: Set(id.uuid()),
            address_hash: Set(hash.to_vec()),
            issuer_id: Set(issuer.uuid()),
            used_at: Set(self.now.as_millis()),
        };
        let key = [Used::TokenId, Used::AddressHash];
        let outcome = insert_unless_taken(address::Entity::insert(row), key, &self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if outcome == InsertOutcome::Taken {
            return Ok(outcome);
        }
        self.forget_oldest_address(id).await?;
        Ok(InsertOutcome::Inserted)
    }
}

impl Unit {
    async fn forget_addresses(&self, tokens: Vec<Uuid>) -> Result<(), StoreError> {
        address::Entity::delete_many()
            .filter(Used::TokenId.is_in(tokens))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("personal_token.forget_addresses"))
    }

    /// Of one more than are kept the one goes that was not used for the longest time.
    async fn forget_oldest_address(&self, id: TokenId) -> Result<(), StoreError> {
        const OPERATION: &str = "personal_token.forget_oldest_address";
        let beyond: Vec<Vec<u8>> = address::Entity::find()
            .select_only()
            .column(Used::AddressHash)
            .filter(Used::TokenId.eq(id.uuid()))
            .order_by_desc(Used::UsedAt)
            .order_by_desc(Used::AddressHash)
            .offset(ADDRESSES_KEPT)
            .limit(ADDRESSES_KEPT)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if beyond.is_empty() {
            return Ok(());
        }
        address::Entity::delete_many()
            .filter(Used::TokenId.eq(id.uuid()))
            .filter(Used::AddressHash.is_in(beyond))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed(OPERATION))
    }
}
