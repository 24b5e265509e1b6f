//! Versions of rows that one statement changes together.

use authpi_core::timestamp::Timestamp;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};

/// The version that follows the one in `column`: [`Timestamp::next_version`] for many rows at once.
pub(crate) fn next_version<C: ColumnTrait>(column: C, now: Timestamp) -> Expr {
    let now = now.as_millis();
    CaseStatement::new().case(Expr::col(column).gte(now), Expr::col(column).add(1)).finally(now).into()
}
