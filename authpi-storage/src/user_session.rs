//! Sessions of users in SQL: the single-sign-on session and the sessions of clients.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, SessionId, UserId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::secret::SecretHash;
use authpi_core::session::model::{
    Compromise, Freezes, IssuedTokens, Lifecycle, Lifetime, RpSession, SessionKind, UserSession,
};
use authpi_core::session::repository::{ENDED_LISTED, SessionReads, SessionRepository, SessionsOf};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::batch;
use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::entity::{client, grant, user};
use crate::error::failed;
use crate::session::{Session, Unit};

const TABLE: &str = "authpi_session";

fn session(row: Model) -> Result<UserSession, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let freezes = Freezes { own: row.frozen_own, parent: row.frozen_parent, user: row.frozen_user };
    let lifecycle = Lifecycle::stored(place.word("status", &row.status)?, freezes);
    let compromise = row.compromised_at.zip(row.compromised_reason.clone());
    Ok(UserSession {
        id: id(row.id),
        account_id: id(row.account_id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        kind: kind(place, &row)?,
        status: status(lifecycle, row.status_at, row.status_reason, row.status_by),
        details: place.json("details", row.details)?,
        lifetime: Lifetime {
            ttl: place.count("ttl", row.ttl)?,
            idle_timeout: place.count("idle_timeout", row.idle_timeout)?,
            last_activity_at: time(row.last_activity_at),
            expires_at: time(row.expires_at),
        },
        tokens: IssuedTokens {
            access_at: row.access_token_issued_at.map(time),
            refresh_at: row.refresh_token_issued_at.map(time),
            refresh_count: place.count("refresh_count", row.refresh_count)?,
        },
        compromise: compromise.map(|(at, reason)| Compromise { at: time(at), reason }),
        revoked_reason: row.revoked_reason,
        ended_at: row.ended_at.map(time),
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn kind(place: Place, row: &Model) -> Result<SessionKind, StoreError> {
    match (row.kind.as_str(), row.op_session_id, row.client_id, row.unused_until) {
        ("op", None, None, None) => Ok(SessionKind::Op),
        ("rp", Some(op), Some(client), Some(unused_until)) => Ok(SessionKind::Rp(RpSession {
            op_session_id: id(op),
            client_id: id(client),
            client_name: row.client_name.clone().unwrap_or_default(),
            org_id: row.org_id.map(id),
            unused_until: time(unused_until),
        })),
        _ => Err(place.corrupt("kind")),
    }
}

/// The columns that change after creation.
fn written(session: &UserSession) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "session.write";
    let lifecycle = session.status.value;
    let freezes = lifecycle.freezes();
    let compromise = session.compromise.as_ref();
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &lifecycle.phase())?),
        status_at: Set(millis(session.status.at)),
        status_reason: Set(session.status.reason.clone()),
        status_by: Set(session.status.by.clone()),
        frozen_own: Set(freezes.own),
        frozen_parent: Set(freezes.parent),
        frozen_user: Set(freezes.user),
        details: Set(to_json(OPERATION, &session.details)?),
        ttl: Set(session.lifetime.ttl.into()),
        idle_timeout: Set(session.lifetime.idle_timeout.into()),
        last_activity_at: Set(session.lifetime.last_activity_at.as_millis()),
        expires_at: Set(session.lifetime.expires_at.as_millis()),
        lapses_at: Set(session.lapses_at().as_millis()),
        access_token_issued_at: Set(millis(session.tokens.access_at)),
        refresh_token_issued_at: Set(millis(session.tokens.refresh_at)),
        refresh_count: Set(session.tokens.refresh_count.into()),
        compromised_at: Set(compromise.map(|compromise| compromise.at.as_millis())),
        compromised_reason: Set(compromise.map(|compromise| compromise.reason.clone())),
        revoked_reason: Set(session.revoked_reason.clone()),
        ended: Set(!lifecycle.is_live()),
        ended_at: Set(millis(session.ended_at)),
        metadata: Set(to_json(OPERATION, &session.metadata)?),
        updated_at: Set(session.updated_at.as_millis()),
        ..Default::default()
    })
}

/// Sessions of an issuer, by what they belong to.
fn sessions_of(issuer: IssuerId, of: SessionsOf) -> Select<Entity> {
    let query = Entity::find().filter(Column::IssuerId.eq(issuer.uuid()));
    match of {
        SessionsOf::Issuer => query,
        SessionsOf::User(user) => query.filter(Column::UserId.eq(user.uuid())),
        SessionsOf::Op(session) => query.filter(Column::OpSessionId.eq(session.uuid())),
        SessionsOf::Client(client) => query.filter(Column::ClientId.eq(client.uuid())),
        SessionsOf::Organization(organization) => query.filter(Column::OrgId.eq(organization.uuid())),
        SessionsOf::SignedWith(kid) => {
            let signed = Query::select()
                .column(grant::Column::SessionId)
                .from(grant::Entity)
                .and_where(grant::Column::IssuerId.eq(issuer.uuid()))
                .and_where(grant::Column::RefreshKid.eq(kid))
                .to_owned();
            query.filter(Column::Id.in_subquery(signed))
        }
    }
}

fn live_of(issuer: IssuerId, of: SessionsOf) -> Select<Entity> {
    sessions_of(issuer, of).filter(Column::Ended.eq(false))
}

async fn all(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
    operation: &'static str,
) -> Result<Vec<UserSession>, StoreError> {
    let rows = query.all(connection).await.map_err(failed(operation))?;
    rows.into_iter().map(session).collect()
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> SessionReads for Session<C> {
    async fn find(&self, issuer: IssuerId, id: SessionId) -> Result<Option<UserSession>, StoreError> {
        let query = sessions_of(issuer, SessionsOf::Issuer).filter(Column::Id.eq(id.uuid()));
        Ok(all(&self.connection, query, "session.find").await?.pop())
    }

    async fn find_op(&self, issuer: IssuerId, id: SessionId) -> Result<Option<(UserSession, SecretHash)>, StoreError> {
        let row = sessions_of(issuer, SessionsOf::Issuer)
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Kind.eq(SessionKind::Op.as_str()))
            .one(&self.connection)
            .await
            .map_err(failed("session.find_op"))?;
        let Some(row) = row else { return Ok(None) };
        let place = Place { table: TABLE, id: row.id };
        let Some(secret) = row.secret_hash.as_deref().map(|hash| place.hash("secret_hash", hash)).transpose()? else {
            return Ok(None);
        };
        Ok(Some((session(row)?, secret)))
    }

    async fn list(&self, issuer: IssuerId, user: UserId, since: Timestamp) -> Result<Vec<UserSession>, StoreError> {
        const OPERATION: &str = "session.list";
        let of = SessionsOf::User(user);
        let mut sessions = all(&self.connection, live_of(issuer, of), OPERATION).await?;
        let ended = sessions_of(issuer, of)
            .filter(Column::Ended.eq(true))
            .filter(Column::EndedAt.gte(since.as_millis()))
            .order_by_desc(Column::Id)
            .limit(u64::from(ENDED_LISTED));
        sessions.extend(all(&self.connection, ended, OPERATION).await?);
        sessions.sort_unstable_by_key(|session| std::cmp::Reverse(session.id));
        Ok(sessions)
    }

    async fn live(
        &self,
        issuer: IssuerId,
        of: SessionsOf,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError> {
        let after = after.map(|after| Column::Id.gt(after.uuid()));
        let behind = Condition::all().add_option(after);
        let query = live_of(issuer, of).filter(behind).order_by_asc(Column::Id).limit(u64::from(limit));
        all(&self.connection, query, "session.live").await
    }

    async fn count_unended(&self, issuer: IssuerId, of: SessionsOf, now: Timestamp) -> Result<u64, StoreError> {
        let unended = live_of(issuer, of).filter(Column::LapsesAt.gt(now.as_millis()));
        unended.count(&self.connection).await.map_err(failed("session.count_unended"))
    }

    async fn lapsed(&self, now: Timestamp, without: &[IssuerId], limit: u32) -> Result<Vec<UserSession>, StoreError> {
        let query = Entity::find()
            .filter(Column::Ended.eq(false))
            .filter(not_of(without))
            .filter(Column::LapsesAt.lte(now.as_millis()))
            .order_by_asc(Column::LapsesAt)
            .limit(u64::from(limit));
        all(&self.connection, query, "session.lapsed").await
    }

    async fn of_departed_users(
        &self,
        since: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError> {
        let query = Entity::find()
            .join(
                JoinType::InnerJoin,
                Entity::belongs_to(user::Entity).from(Column::UserId).to(user::Column::Id).into(),
            )
            .filter(user::Column::DeletedAt.gte(since.as_millis()))
            .filter(Column::Ended.eq(false))
            .filter(not_of(without))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        all(&self.connection, query, "session.of_departed_users").await
    }

    async fn of_departed_clients(
        &self,
        since: Timestamp,
        without: &[IssuerId],
        limit: u32,
    ) -> Result<Vec<UserSession>, StoreError> {
        let of_client = Entity::belongs_to(client::Entity).from(Column::ClientId).to(client::Column::Id).into();
        let query = Entity::find()
            .join(JoinType::InnerJoin, of_client)
            .filter(client::Column::DeletedAt.gte(since.as_millis()))
            .filter(Column::Ended.eq(false))
            .filter(not_of(without))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        all(&self.connection, query, "session.of_departed_clients").await
    }
}

/// Sessions of other issuers than these.
fn not_of(without: &[IssuerId]) -> Condition {
    let issuers = (!without.is_empty()).then(|| Column::IssuerId.is_not_in(without.iter().map(|issuer| issuer.uuid())));
    Condition::all().add_option(issuers)
}

#[async_trait]
impl SessionRepository for Unit {
    async fn insert(&mut self, session: &UserSession, secret: Option<&SecretHash>) -> Result<(), StoreError> {
        let rp = session.kind.rp();
        let row = ActiveModel {
            id: Set(session.id.uuid()),
            account_id: Set(session.account_id.uuid()),
            issuer_id: Set(session.issuer_id.uuid()),
            user_id: Set(session.user_id.uuid()),
            kind: Set(session.kind.as_str().to_owned()),
            op_session_id: Set(rp.map(|rp| rp.op_session_id.uuid())),
            client_id: Set(rp.map(|rp| rp.client_id.uuid())),
            client_name: Set(rp.map(|rp| rp.client_name.clone())),
            org_id: Set(rp.and_then(|rp| rp.org_id).map(authpi_core::id::Id::uuid)),
            unused_until: Set(rp.map(|rp| rp.unused_until.as_millis())),
            secret_hash: Set(secret.map(|secret| secret.to_bytes().to_vec())),
            created_at: Set(session.created_at.as_millis()),
            ..written(session)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("session.insert"))
    }

    async fn update(&mut self, session: &UserSession, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        self.update_session(session, before, written(session)?).await
    }

    async fn renew(
        &mut self,
        session: &UserSession,
        before: Timestamp,
        secret: &SecretHash,
    ) -> Result<WriteOutcome, StoreError> {
        if session.kind != SessionKind::Op {
            return Ok(WriteOutcome::Stale);
        }
        let row = ActiveModel { secret_hash: Set(Some(secret.to_bytes().to_vec())), ..written(session)? };
        self.update_session(session, before, row).await
    }

    async fn touch(&mut self, issuer: IssuerId, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let millis = at.as_millis();
        let idle_until = Column::IdleTimeout.into_expr().mul(1_000).add(millis);
        let absolute = Column::ExpiresAt.into_expr();
        let lapses = CaseStatement::new().case(idle_until.clone().lt(absolute.clone()), idle_until).finally(absolute);
        Entity::update_many()
            .col_expr(Column::LastActivityAt, Expr::value(millis))
            .col_expr(Column::LapsesAt, lapses.into())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Ended.eq(false))
            .filter(Column::LastActivityAt.lt(millis))
            .filter(Column::LapsesAt.gt(millis))
            .exec(&self.connection)
            .await
            .map_err(failed("session.touch"))?;
        Ok(())
    }

    async fn purge(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = Entity::find().filter(Column::EndedAt.lt(at.as_millis())).order_by_asc(Column::EndedAt);
        self.remove_sessions(due, limit).await
    }

    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError> {
        self.remove_sessions(sessions_of(issuer, SessionsOf::User(user)), limit).await
    }
}

impl Unit {
    async fn update_session(
        &self,
        session: &UserSession,
        before: Timestamp,
        row: ActiveModel,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(session.id.uuid()))
            .filter(Column::IssuerId.eq(session.issuer_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("session.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_sessions(&self, which: Select<Entity>, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "session.remove";
        let ids = batch::first_keys(&self.connection, which, Column::Id, limit).await.map_err(failed(OPERATION))?;
        // What they were granted goes with them.
        let granted = batch::remove::<grant::Entity>(&self.connection, grant::Column::SessionId, ids.clone()).await;
        granted.map_err(failed(OPERATION))?;
        batch::remove::<Entity>(&self.connection, Column::Id, ids).await.map_err(failed(OPERATION))
    }
}
