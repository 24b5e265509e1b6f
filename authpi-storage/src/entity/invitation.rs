//! `authpi_invitation`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub org_id: Uuid,
    pub status: String,
    pub ended_at: Option<i64>,
    pub token_hash: Option<Vec<u8>>,
    pub given: Json,
    pub address_hash: Vec<u8>,
    pub sealed: Option<Vec<u8>>,
    pub inviter_id: Option<String>,
    pub user_id_invited: Option<Uuid>,
    pub approval: Json,
    pub granted_by: Json,
    pub lifetime_seconds: i64,
    pub expires_at: i64,
    pub erase_at: Option<i64>,
    pub last_email_sent_at: Option<i64>,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
