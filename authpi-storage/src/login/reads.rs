//! Questions about logins.

use async_trait::async_trait;
use authpi_core::id::{FlowId, Id, IssuerId, MailProofId, UserId};
use authpi_core::login::model::{BrowserMark, MailProof, ProofPurpose, SealedFlow, Tries, TriesKey};
use authpi_core::login::repository::LoginReads;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::convert::{Place, id, time, to_word};
use crate::entity::{login_flow as flow, login_tries as tries, mail_proof as proof};
use crate::error::failed;
use crate::session::Session;

fn flow_of(row: flow::Model) -> Result<SealedFlow, StoreError> {
    let place = Place { table: "authpi_login_flow", id: row.id };
    Ok(SealedFlow {
        id: id(row.id),
        account_id: id(row.account_id),
        issuer_id: id(row.issuer_id),
        client_id: row.client_id.map(id),
        browser: BrowserMark::from_bytes(place.bytes32("browser", &row.browser)?),
        sealed: Sealed::from_bytes(row.sealed),
        expires_at: time(row.expires_at),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn proof_of(row: proof::Model) -> Result<MailProof, StoreError> {
    let place = Place { table: "authpi_mail_proof", id: row.id };
    Ok(MailProof {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        flow_id: row.flow_id.map(id),
        user_id: row.user_id.map(id),
        purpose: place.word("purpose", &row.purpose)?,
        browser: BrowserMark::from_bytes(place.bytes32("browser", &row.browser)?),
        token: place.hash("token", &row.token)?,
        code: place.hash("code", &row.code)?,
        failed: place.count("failed", row.failed)?,
        sealed: Sealed::from_bytes(row.sealed),
        expires_at: time(row.expires_at),
        created_at: time(row.created_at),
    })
}

/// One count.
pub(super) fn counted(issuer: IssuerId, key: TriesKey) -> Condition {
    Condition::all()
        .add(tries::Column::IssuerId.eq(issuer.uuid()))
        .add(tries::Column::Counted.eq(key.as_bytes().to_vec()))
}

pub(super) fn tries_of(row: Option<tries::Model>) -> Result<Tries, StoreError> {
    let Some(row) = row else { return Ok(Tries::default()) };
    let place = Place { table: "authpi_login_tries", id: row.issuer_id };
    Ok(Tries {
        failed: place.count("failed", row.failed)?,
        in_a_row: place.count("in_a_row", row.in_a_row)?,
        locked_until: row.locked_until.map(time),
    })
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    async fn find_proof(
        &self,
        issuer: IssuerId,
        id: MailProofId,
        spent: bool,
    ) -> Result<Option<MailProof>, StoreError> {
        let row = proof::Entity::find_by_id(id.uuid())
            .filter(proof::Column::IssuerId.eq(issuer.uuid()))
            .filter(proof::Column::Spent.eq(spent))
            .one(&self.connection)
            .await
            .map_err(failed("login.proof"))?;
        row.map(proof_of).transpose()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> LoginReads for Session<C> {
    async fn flow(&self, issuer: IssuerId, id: FlowId) -> Result<Option<SealedFlow>, StoreError> {
        let row = flow::Entity::find_by_id(id.uuid())
            .filter(flow::Column::IssuerId.eq(issuer.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("login.flow"))?;
        row.map(flow_of).transpose()
    }

    async fn proof(&self, issuer: IssuerId, id: MailProofId) -> Result<Option<MailProof>, StoreError> {
        self.find_proof(issuer, id, false).await
    }

    async fn spent_proof(&self, issuer: IssuerId, id: MailProofId) -> Result<Option<MailProof>, StoreError> {
        self.find_proof(issuer, id, true).await
    }

    async fn proof_of_user(
        &self,
        issuer: IssuerId,
        user: UserId,
        purpose: ProofPurpose,
    ) -> Result<Option<MailProof>, StoreError> {
        const OPERATION: &str = "login.proof_of_user";
        let row = proof::Entity::find()
            .filter(proof::Column::IssuerId.eq(issuer.uuid()))
            .filter(proof::Column::UserId.eq(user.uuid()))
            .filter(proof::Column::Purpose.eq(to_word(OPERATION, &purpose)?))
            .filter(proof::Column::Spent.eq(false))
            .order_by_desc(proof::Column::Id)
            .one(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        row.map(proof_of).transpose()
    }

    async fn failed_in_a_row(&self, issuer: IssuerId, among: &[TriesKey]) -> Result<Vec<TriesKey>, StoreError> {
        if among.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<Vec<u8>> = tries::Entity::find()
            .select_only()
            .column(tries::Column::Counted)
            .filter(tries::Column::IssuerId.eq(issuer.uuid()))
            .filter(tries::Column::Counted.is_in(among.iter().map(|key| key.as_bytes().to_vec())))
            .filter(tries::Column::InARow.gt(0))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("login.failed_in_a_row"))?;
        let is_found = |key: &&TriesKey| found.iter().any(|counted| counted == key.as_bytes());
        Ok(among.iter().filter(is_found).copied().collect())
    }
}
