//! `authpi_group`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub org_id: Uuid,
    pub issuer_id: Uuid,
    pub deleting: bool,
    pub name: String,
    pub name_key: Option<Vec<u8>>,
    pub role: Option<String>,
    pub description: Option<String>,
    pub scopes: Json,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
