//! `authpi_authorization_code`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_authorization_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub issuer_id: Uuid,
    pub client_id: Uuid,
    pub session_id: Uuid,
    pub binding: Json,
    pub expires_at: i64,
    pub spent_at: Option<i64>,
    pub forgotten_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
