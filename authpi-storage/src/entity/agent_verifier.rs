//! `authpi_agent_verifier`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_agent_verifier")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub agent_id: Uuid,
    pub kind: String,
    pub status: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub secret_hash: Option<Vec<u8>>,
    pub secret_hint: Option<String>,
    pub chain: Option<String>,
    pub address: Option<String>,
    pub usage_count: i64,
    pub last_used_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
