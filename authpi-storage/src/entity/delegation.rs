//! `authpi_delegation`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_delegation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub user_id: Uuid,
    pub agent_id: Uuid,
    pub client_id: Option<Uuid>,
    pub org_id: Option<Uuid>,
    pub scopes: Json,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub granted_by: String,
    pub reason: Option<String>,
    pub expires_at: i64,
    pub usage_count: i64,
    pub last_used_at: Option<i64>,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
