//! `authpi_webhook_delivery`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub webhook_id: Uuid,
    pub event_id: Uuid,
    pub event_type: String,
    pub status: String,
    pub attempt_count: i64,
    pub attempt_budget: i64,
    pub first_attempted_at: Option<i64>,
    pub last_attempted_at: Option<i64>,
    pub next_attempt_at: Option<i64>,
    pub last_error: Option<String>,
    pub last_response_status: Option<i64>,
    pub leased_until: Option<i64>,
    pub lost_leases: i64,
    pub due_at: Option<i64>,
    pub body: Option<Vec<u8>>,
    pub enqueued_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
