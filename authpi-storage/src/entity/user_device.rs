//! `authpi_user_device`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_user_device")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub user_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub name: Option<String>,
    pub user_agent: Option<String>,
    pub country: Option<String>,
    pub trusted_at: Option<i64>,
    pub trusted_until: Option<i64>,
    pub trust_used_at: Option<i64>,
    pub first_seen_at: Option<i64>,
    pub last_seen_at: Option<i64>,
    pub logins: i64,
    pub forgotten_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
