//! `authpi_consent`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_consent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: Uuid,
    pub issuer_id: Uuid,
    pub scopes: Json,
    pub resources: Json,
    pub granted_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
