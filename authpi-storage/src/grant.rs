//! What was granted to clients, in SQL.

use async_trait::async_trait;
use authpi_core::id::{ClientId, Id, IssuerId, SessionId, UserId};
use authpi_core::oauth::model::{AuthorizationCode, Consent, Grant, OnceKey, Replay, Rotation, SPENT_KEPT};
use authpi_core::oauth::repository::{CONSENTS_LISTED, ConsentsOf, GrantReads, GrantRepository};
use authpi_core::outcome::{InsertOutcome, SpendOutcome};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Value};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::batch;
use crate::convert::{Place, id, millis, time, to_json};
use crate::entity::authorization_code as code;
use crate::entity::{consent, denied_token, grant, used_assertion};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

fn authorization_code(row: code::Model) -> Result<AuthorizationCode, StoreError> {
    let place = Place { table: "authpi_authorization_code", id: row.session_id };
    Ok(AuthorizationCode {
        issuer_id: id(row.issuer_id),
        hash: place.bytes32("hash", &row.hash)?,
        client_id: id(row.client_id),
        session_id: id(row.session_id),
        binding: place.json("binding", row.binding)?,
        expires_at: time(row.expires_at),
        spent_at: row.spent_at.map(time),
    })
}

fn granted(row: grant::Model) -> Result<Grant, StoreError> {
    let place = Place { table: "authpi_grant", id: row.session_id };
    let replay = match (row.replay_jti, row.replay_request, row.replay_answer, row.replay_until) {
        (Some(jti), Some(request), Some(answer), Some(until)) => Some(Replay {
            jti,
            request: place.bytes32("replay_request", &request)?,
            answer: Sealed::from_bytes(answer),
            until: time(until),
        }),
        _ => None,
    };
    Ok(Grant {
        session_id: id(row.session_id),
        issuer_id: id(row.issuer_id),
        client_id: id(row.client_id),
        binding: place.json("binding", row.binding)?,
        refresh_jti: row.refresh_jti,
        refresh_kid: row.refresh_kid,
        replay,
    })
}

fn consented(row: consent::Model) -> Result<Consent, StoreError> {
    let place = Place { table: "authpi_consent", id: row.client_id };
    Ok(Consent {
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        client_id: id(row.client_id),
        scopes: place.json("scopes", row.scopes)?,
        resources: place.json("resources", row.resources)?,
        granted_at: time(row.granted_at),
    })
}

fn of_user(issuer: IssuerId, user: UserId) -> Condition {
    Condition::all().add(consent::Column::IssuerId.eq(issuer.uuid())).add(consent::Column::UserId.eq(user.uuid()))
}

fn of_session(issuer: IssuerId, session: SessionId) -> Condition {
    Condition::all().add(grant::Column::IssuerId.eq(issuer.uuid())).add(grant::Column::SessionId.eq(session.uuid()))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> GrantReads for Session<C> {
    async fn code(&self, issuer: IssuerId, hash: &[u8; 32]) -> Result<Option<AuthorizationCode>, StoreError> {
        let row = code::Entity::find_by_id(hash.to_vec())
            .filter(code::Column::IssuerId.eq(issuer.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("grant.code"))?;
        row.map(authorization_code).transpose()
    }

    async fn grant(&self, issuer: IssuerId, session: SessionId) -> Result<Option<Grant>, StoreError> {
        let found = grant::Entity::find().filter(of_session(issuer, session));
        found.one(&self.connection).await.map_err(failed("grant.grant"))?.map(granted).transpose()
    }

    async fn is_denied(&self, issuer: IssuerId, token: OnceKey) -> Result<bool, StoreError> {
        let denied = denied_token::Entity::find_by_id(token.uuid())
            .filter(denied_token::Column::IssuerId.eq(issuer.uuid()))
            .count(&self.connection)
            .await
            .map_err(failed("grant.is_denied"))?;
        Ok(denied > 0)
    }

    async fn consent(&self, issuer: IssuerId, user: UserId, client: ClientId) -> Result<Option<Consent>, StoreError> {
        let row = consent::Entity::find()
            .filter(of_user(issuer, user))
            .filter(consent::Column::ClientId.eq(client.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("grant.consent"))?;
        row.map(consented).transpose()
    }

    async fn consents(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Consent>, StoreError> {
        let mut rows = consent::Entity::find()
            .filter(of_user(issuer, user))
            .limit(u64::from(CONSENTS_LISTED))
            .all(&self.connection)
            .await
            .map_err(failed("grant.consents"))?;
        // They are few: sorted here, they need no index for it.
        rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.granted_at, row.client_id)));
        rows.into_iter().map(consented).collect()
    }
}

#[async_trait]
impl GrantRepository for Unit {
    async fn insert_code(&mut self, code: &AuthorizationCode) -> Result<(), StoreError> {
        const OPERATION: &str = "grant.insert_code";
        let row = code::ActiveModel {
            hash: Set(code.hash.to_vec()),
            issuer_id: Set(code.issuer_id.uuid()),
            client_id: Set(code.client_id.uuid()),
            session_id: Set(code.session_id.uuid()),
            binding: Set(to_json(OPERATION, &code.binding)?),
            expires_at: Set(code.expires_at.as_millis()),
            spent_at: Set(millis(code.spent_at)),
            forgotten_at: Set(code.expires_at.plus(SPENT_KEPT).as_millis()),
        };
        code::Entity::insert(row).exec_without_returning(&self.connection).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn spend_code(&mut self, code: &AuthorizationCode) -> Result<SpendOutcome, StoreError> {
        let done = code::Entity::update_many()
            .col_expr(code::Column::SpentAt, Expr::value(self.now.as_millis()))
            .filter(code::Column::Hash.eq(code.hash.to_vec()))
            .filter(code::Column::IssuerId.eq(code.issuer_id.uuid()))
            .filter(code::Column::SpentAt.is_null())
            .exec(&self.connection)
            .await
            .map_err(failed("grant.spend_code"))?;
        Ok(spent(done.rows_affected))
    }

    async fn insert_grant(&mut self, new: &Grant) -> Result<(), StoreError> {
        const OPERATION: &str = "grant.insert_grant";
        let row = grant::ActiveModel {
            session_id: Set(new.session_id.uuid()),
            issuer_id: Set(new.issuer_id.uuid()),
            client_id: Set(new.client_id.uuid()),
            binding: Set(to_json(OPERATION, &new.binding)?),
            refresh_jti: Set(new.refresh_jti.clone()),
            refresh_kid: Set(new.refresh_kid),
            ..Default::default()
        };
        grant::Entity::insert(row).exec_without_returning(&self.connection).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn begin_refreshing(
        &mut self,
        issuer: IssuerId,
        session: SessionId,
        (jti, kid): (&str, uuid::Uuid),
    ) -> Result<SpendOutcome, StoreError> {
        let done = grant::Entity::update_many()
            .col_expr(grant::Column::RefreshJti, Expr::value(jti))
            .col_expr(grant::Column::RefreshKid, Expr::value(kid))
            .filter(of_session(issuer, session))
            .filter(grant::Column::RefreshJti.is_null())
            .exec(&self.connection)
            .await
            .map_err(failed("grant.begin_refreshing"))?;
        Ok(spent(done.rows_affected))
    }

    async fn rotate(
        &mut self,
        issuer: IssuerId,
        session: SessionId,
        rotation: &Rotation,
    ) -> Result<SpendOutcome, StoreError> {
        let replay = rotation.replay.as_ref();
        let row = grant::ActiveModel {
            refresh_jti: Set(Some(rotation.to.clone())),
            refresh_kid: Set(Some(rotation.kid)),
            replay_jti: Set(replay.map(|replay| replay.jti.clone())),
            replay_request: Set(replay.map(|replay| replay.request.to_vec())),
            replay_answer: Set(replay.map(|replay| replay.answer.as_bytes().to_vec())),
            replay_until: Set(replay.map(|replay| replay.until.as_millis())),
            ..Default::default()
        };
        let done = grant::Entity::update_many()
            .set(row)
            .filter(of_session(issuer, session))
            .filter(grant::Column::RefreshJti.eq(rotation.from.as_str()))
            .exec(&self.connection)
            .await
            .map_err(failed("grant.rotate"))?;
        Ok(spent(done.rows_affected))
    }

    async fn deny(&mut self, issuer: IssuerId, token: OnceKey, until: Timestamp) -> Result<(), StoreError> {
        let row = denied_token::ActiveModel {
            id: Set(token.uuid()),
            issuer_id: Set(issuer.uuid()),
            expires_at: Set(until.as_millis()),
        };
        let insert = denied_token::Entity::insert(row);
        let key = [denied_token::Column::Id];
        // Once is enough.
        let _ = insert_unless_taken(insert, key, &self.connection).await.map_err(failed("grant.deny"))?;
        Ok(())
    }

    async fn use_once(
        &mut self,
        issuer: IssuerId,
        key: OnceKey,
        until: Timestamp,
    ) -> Result<InsertOutcome, StoreError> {
        let row = used_assertion::ActiveModel {
            id: Set(key.uuid()),
            issuer_id: Set(issuer.uuid()),
            expires_at: Set(until.as_millis()),
        };
        let insert = used_assertion::Entity::insert(row);
        insert_unless_taken(insert, [used_assertion::Column::Id], &self.connection)
            .await
            .map_err(failed("grant.use_once"))
    }

    async fn write_consent(&mut self, consent: &Consent) -> Result<(), StoreError> {
        const OPERATION: &str = "grant.write_consent";
        self.remove_consent(consent.issuer_id, consent.user_id, consent.client_id).await?;
        let row = consent::ActiveModel {
            user_id: Set(consent.user_id.uuid()),
            client_id: Set(consent.client_id.uuid()),
            issuer_id: Set(consent.issuer_id.uuid()),
            scopes: Set(to_json(OPERATION, &consent.scopes)?),
            resources: Set(to_json(OPERATION, &consent.resources)?),
            granted_at: Set(consent.granted_at.as_millis()),
        };
        consent::Entity::insert(row).exec_without_returning(&self.connection).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn remove_consent(&mut self, issuer: IssuerId, user: UserId, client: ClientId) -> Result<bool, StoreError> {
        let done = consent::Entity::delete_many()
            .filter(of_user(issuer, user))
            .filter(consent::Column::ClientId.eq(client.uuid()))
            .exec(&self.connection)
            .await
            .map_err(failed("grant.remove_consent"))?;
        Ok(done.rows_affected > 0)
    }

    async fn remove_consents_of(&mut self, issuer: IssuerId, of: ConsentsOf, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "grant.remove_consents_of";
        let theirs = consent::Entity::find().filter(consent::Column::IssuerId.eq(issuer.uuid()));
        let theirs = match of {
            ConsentsOf::User(user) => theirs.filter(consent::Column::UserId.eq(user.uuid())),
            ConsentsOf::Client(client) => theirs.filter(consent::Column::ClientId.eq(client.uuid())),
        };
        let rows = theirs.limit(u64::from(limit)).all(&self.connection).await.map_err(failed(OPERATION))?;
        let mut removed = 0;
        for row in rows {
            let done = consent::Entity::delete_by_id((row.user_id, row.client_id)).exec(&self.connection).await;
            removed += done.map_err(failed(OPERATION))?.rows_affected;
        }
        Ok(removed)
    }

    async fn sweep(&mut self, size: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "grant.sweep";
        let (now, limit) = (self.now.as_millis(), u64::from(size));
        let codes: Vec<Vec<u8>> = code::Entity::find()
            .select_only()
            .column(code::Column::Hash)
            .filter(code::Column::ForgottenAt.lte(now))
            .order_by_asc(code::Column::ForgottenAt)
            .limit(limit)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let mut removed = 0;
        if !codes.is_empty() {
            let codes = code::Entity::delete_many().filter(code::Column::Hash.is_in(codes));
            removed += codes.exec(&self.connection).await.map_err(failed(OPERATION))?.rows_affected;
        }
        let denied = denied_token::Entity::find()
            .filter(denied_token::Column::ExpiresAt.lte(now))
            .order_by_asc(denied_token::Column::ExpiresAt);
        removed += batch::remove_first(&self.connection, denied, denied_token::Column::Id, size)
            .await
            .map_err(failed(OPERATION))?;
        let used = used_assertion::Entity::find()
            .filter(used_assertion::Column::ExpiresAt.lte(now))
            .order_by_asc(used_assertion::Column::ExpiresAt);
        removed += batch::remove_first(&self.connection, used, used_assertion::Column::Id, size)
            .await
            .map_err(failed(OPERATION))?;
        Ok(removed + self.erase_replays(now, limit).await.map_err(failed(OPERATION))?)
    }
}

impl Unit {
    async fn erase_replays(&self, now: i64, limit: u64) -> Result<u64, sea_orm::DbErr> {
        use grant::{Column, Entity};
        let over = Entity::find().select_only().column(Column::SessionId).filter(Column::ReplayUntil.lte(now));
        let over = over.order_by_asc(Column::ReplayUntil).limit(limit).into_tuple::<uuid::Uuid>();
        let over = over.all(&self.connection).await?;
        if over.is_empty() {
            return Ok(0);
        }
        let erased = Entity::update_many()
            .col_expr(Column::ReplayJti, Expr::value(Value::String(None)))
            .col_expr(Column::ReplayRequest, Expr::value(Value::Bytes(None)))
            .col_expr(Column::ReplayAnswer, Expr::value(Value::Bytes(None)))
            .col_expr(Column::ReplayUntil, Expr::value(Value::BigInt(None)))
            .filter(Column::SessionId.is_in(over))
            .filter(Column::ReplayUntil.lte(now));
        Ok(erased.exec(&self.connection).await?.rows_affected)
    }
}

fn spent(rows: u64) -> SpendOutcome {
    if rows == 1 { SpendOutcome::Spent } else { SpendOutcome::SpentBefore }
}
