//! Login methods of issuers in SQL.

use authpi_core::id::{AuthMethodId, Id, IssuerId};
use authpi_core::issuer::model::auth_method::{AuthMethod, AuthMethodDetails};
use authpi_core::outcome::WriteOutcome;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::convert::{Place, id, time, to_json, to_word};
use crate::entity::auth_method::{ActiveModel, Column, Entity, Model};
use crate::error::failed;

fn method(row: Model) -> Result<AuthMethod, StoreError> {
    let place = Place { table: "authpi_auth_method", id: row.id };
    Ok(AuthMethod {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        kind: place.word("method", &row.method)?,
        details: AuthMethodDetails {
            name: row.name,
            enabled: row.enabled,
            allow_login: row.allow_login,
            allow_signup: row.allow_signup,
            first_factor_only: row.first_factor_only,
            settings: place.json("settings", row.settings)?,
        },
        client_secret: row.client_secret.map(Sealed::from_bytes),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(method: &AuthMethod) -> Result<ActiveModel, StoreError> {
    let details = &method.details;
    Ok(ActiveModel {
        name: Set(details.name.clone()),
        enabled: Set(details.enabled),
        allow_login: Set(details.allow_login),
        allow_signup: Set(details.allow_signup),
        first_factor_only: Set(details.first_factor_only),
        settings: Set(to_json("auth_method.write", &details.settings)?),
        client_secret: Set(method.client_secret.as_ref().map(|sealed| sealed.as_bytes().to_vec())),
        updated_at: Set(method.updated_at.as_millis()),
        ..Default::default()
    })
}

fn row(method: &AuthMethod) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(method.id.uuid()),
        issuer_id: Set(method.issuer_id.uuid()),
        method: Set(to_word("auth_method.insert", &method.kind)?),
        created_at: Set(method.created_at.as_millis()),
        ..written(method)?
    })
}

/// The row of a method in this very version.
fn version(method: &AuthMethod, before: Timestamp) -> Condition {
    Condition::all()
        .add(Column::Id.eq(method.id.uuid()))
        .add(Column::IssuerId.eq(method.issuer_id.uuid()))
        .add(Column::UpdatedAt.eq(before.as_millis()))
}

/// The login methods of an issuer, oldest first.
pub(crate) async fn all_of(connection: &impl ConnectionTrait, issuer: IssuerId) -> Result<Vec<AuthMethod>, StoreError> {
    let rows = Entity::find()
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await
        .map_err(failed("auth_method.all_of"))?;
    rows.into_iter().map(method).collect()
}

/// One login method of an issuer.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    issuer: IssuerId,
    id: AuthMethodId,
) -> Result<Option<AuthMethod>, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::IssuerId.eq(issuer.uuid()))
        .one(connection)
        .await
        .map_err(failed("auth_method.find"))?;
    row.map(method).transpose()
}

/// Adds login methods; the issuer's counters are its own matter.
pub(crate) async fn insert(connection: &impl ConnectionTrait, methods: &[AuthMethod]) -> Result<(), StoreError> {
    if methods.is_empty() {
        return Ok(());
    }
    let rows = methods.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Entity::insert_many(rows).exec_without_returning(connection).await.map(|_| ()).map_err(failed("auth_method.insert"))
}

/// Writes what a caller changes, if the stored version still is `before`.
pub(crate) async fn update(
    connection: &impl ConnectionTrait,
    method: &AuthMethod,
    before: Timestamp,
) -> Result<WriteOutcome, StoreError> {
    let done = Entity::update_many()
        .set(written(method)?)
        .filter(version(method, before))
        .exec(connection)
        .await
        .map_err(failed("auth_method.update"))?;
    Ok(WriteOutcome::of_rows(done.rows_affected))
}

/// Removes a method in this very version.
pub(crate) async fn remove(connection: &impl ConnectionTrait, method: &AuthMethod) -> Result<WriteOutcome, StoreError> {
    let done = Entity::delete_many()
        .filter(version(method, method.updated_at))
        .exec(connection)
        .await
        .map_err(failed("auth_method.remove"))?;
    Ok(WriteOutcome::of_rows(done.rows_affected))
}
