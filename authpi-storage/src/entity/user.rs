//! `authpi_user`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub username_type: String,
    pub username_hash: Vec<u8>,
    pub email_hash: Option<Vec<u8>>,
    pub status: String,
    pub deleted: bool,
    pub deleted_at: Option<i64>,
    pub store_id: String,
    pub region: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

impl Related<super::user_record::Entity> for Entity {
    fn to() -> RelationDef {
        Self::belongs_to(super::user_record::Entity).from(Column::Id).to(super::user_record::Column::UserId).into()
    }
}

impl Related<super::user_verifier::Entity> for Entity {
    fn to() -> RelationDef {
        // As the index of credentials begins.
        Self::belongs_to(super::user_verifier::Entity)
            .from((Column::IssuerId, Column::Id))
            .to((super::user_verifier::Column::IssuerId, super::user_verifier::Column::UserId))
            .into()
    }
}
