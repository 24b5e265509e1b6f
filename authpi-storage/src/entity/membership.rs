//! `authpi_membership`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_membership")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: Uuid,
    pub member_type: String,
    pub issuer_id: Uuid,
    pub status: String,
    pub scopes: Json,
    pub user_title: Option<String>,
    pub metadata: Json,
    pub joined_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
