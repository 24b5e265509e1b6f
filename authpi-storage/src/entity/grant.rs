//! `authpi_grant`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: Uuid,
    pub issuer_id: Uuid,
    pub client_id: Uuid,
    pub binding: Json,
    pub refresh_jti: Option<String>,
    pub refresh_kid: Option<Uuid>,
    pub replay_jti: Option<String>,
    pub replay_request: Option<Vec<u8>>,
    pub replay_answer: Option<Vec<u8>>,
    pub replay_until: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
