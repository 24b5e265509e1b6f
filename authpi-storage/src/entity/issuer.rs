//! `authpi_issuer`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_issuer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub deleting: bool,
    pub platform: bool,
    pub name: String,
    pub details: Json,
    pub roles: Json,
    pub detaching: bool,
    pub access_mode: String,
    pub event_context: String,
    pub n_methods: i64,
    pub n_login_methods: i64,
    pub n_signup_methods: i64,
    pub root_key: Vec<u8>,
    pub cookie_keys: i64,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
