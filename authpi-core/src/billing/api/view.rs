//! Credit, usage and payment methods on the wire. The letter in the names of amounts is GREEK SMALL LETTER MU (U+03BC),
//! never the MICRO SIGN (conventions §4).

use serde::Serialize;
use utoipa::ToSchema;

use crate::billing::model::{
    BillingConfig, Dimension, EntryType, LedgerEntry, MethodKind, PaymentMethod, Period, Statement, StatementStatus,
    UsageLine,
};
use crate::billing::operations::ToppedUp;
use crate::id::{LedgerEntryId, PaymentMethodId};
use crate::timestamp::Timestamp;

/// A way to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethod)]
pub struct PaymentMethodView {
    id: PaymentMethodId,
    /// `stripe` or `x402`.
    #[serde(rename = "type")]
    kind: &'static str,
    enabled: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
    /// Of a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    brand: Option<String>,
    /// Of a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last4: Option<String>,
    /// Of a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp_month: Option<u32>,
    /// Of a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp_year: Option<u32>,
    /// Of a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    network: Option<String>,
    /// Of a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    asset: Option<String>,
    /// Of a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    address: Option<String>,
}

impl From<&PaymentMethod> for PaymentMethodView {
    fn from(method: &PaymentMethod) -> Self {
        let bare = Self {
            id: method.id,
            kind: "x402",
            enabled: method.enabled,
            created_at: method.created_at,
            disabled_at: method.disabled_at,
            removed_at: method.removed_at,
            brand: None,
            last4: None,
            exp_month: None,
            exp_year: None,
            network: None,
            asset: None,
            address: None,
        };
        match method.kind.clone() {
            MethodKind::Stripe { brand, last4, exp_month, exp_year } => {
                Self { kind: "stripe", brand, last4, exp_month, exp_year, ..bare }
            }
            MethodKind::X402 { network, asset, address } => {
                Self { network: Some(network), asset: Some(asset), address: Some(address), ..bare }
            }
        }
    }
}

/// An entry of the ledger.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CreditLedgerEntry)]
pub(super) struct LedgerEntryView {
    id: LedgerEntryId,
    #[serde(rename = "type")]
    entry_type: EntryType,
    /// Micro US dollars; negative where credit goes.
    #[serde(rename = "amount_μusd")]
    amount: i64,
    /// The balance after it.
    #[serde(rename = "balance_after_μusd")]
    balance_after: i64,
    operation: Option<String>,
    reference: Option<String>,
    related_entry_id: Option<LedgerEntryId>,
    dimension: Option<Dimension>,
    config_version: Option<String>,
    external_reference: Option<String>,
    expires_at: Option<Timestamp>,
    /// All that was settled of this dimension in this month so far.
    #[serde(rename = "settled_total_μusd")]
    settled_total: Option<i64>,
    created_at: Timestamp,
}

impl From<&LedgerEntry> for LedgerEntryView {
    fn from(entry: &LedgerEntry) -> Self {
        let details = entry.details.clone();
        Self {
            id: entry.id,
            entry_type: entry.entry_type,
            amount: entry.amount,
            balance_after: entry.balance_after,
            operation: details.operation,
            reference: details.reference,
            related_entry_id: details.related_entry_id,
            dimension: details.dimension,
            config_version: details.config_version,
            external_reference: details.external_reference,
            expires_at: details.expires_at,
            settled_total: details.settled_total,
            created_at: entry.created_at,
        }
    }
}

/// What became of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TopUp)]
pub(super) struct TopUpView {
    /// The balance now, in micro US dollars.
    #[serde(rename = "balance_μusd")]
    balance: i64,
    entry_id: LedgerEntryId,
    /// The payment was in the ledger before.
    duplicate: bool,
    payment_reference: String,
}

impl TopUpView {
    pub(super) fn of(topped_up: &ToppedUp) -> Self {
        Self {
            balance: topped_up.balance,
            entry_id: topped_up.entry.id,
            duplicate: topped_up.duplicate,
            payment_reference: topped_up.entry.details.external_reference.clone().unwrap_or_default(),
        }
    }
}

/// What was used of one dimension.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UsageDimensionLine)]
pub(super) struct UsageLineView {
    dimension: Dimension,
    config_version: String,
    /// How often it was entered in the ledger.
    line_count: u32,
    /// Micro US dollars.
    #[serde(rename = "amount_μusd")]
    pub(super) amount: i64,
    /// How many.
    count: u64,
}

impl UsageLineView {
    pub(super) fn of(line: &UsageLine, config: &BillingConfig) -> Self {
        Self {
            dimension: line.dimension,
            config_version: config.version.clone(),
            line_count: line.entries,
            amount: config.amount(line.dimension, line.chargeable()).max(line.settled),
            count: line.count,
        }
    }
}

/// What was used in a month.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UsageByDimension)]
pub(super) struct UsageView {
    pub(super) period: Period,
    pub(super) lines: Vec<UsageLineView>,
}

/// What the month costs so far.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccountUsageEstimate)]
pub(super) struct EstimateView {
    pub(super) period: Period,
    pub(super) as_of: Timestamp,
    /// The account is charged nothing yet.
    pub(super) trial: bool,
    pub(super) billing_profile: String,
    /// Always `true`.
    pub(super) estimate: bool,
    /// Micro US dollars beyond the credit that the month includes.
    #[serde(rename = "total_μusd")]
    pub(super) total: i64,
    pub(super) lines: Vec<UsageLineView>,
}

/// The statement of a month.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccountInvoice)]
pub(super) struct InvoiceView {
    period: Period,
    status: Option<StatementStatus>,
    /// Micro US dollars beyond the credit that the month included.
    #[serde(rename = "total_μusd")]
    total: Option<i64>,
    external_reference: Option<String>,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
}

impl From<&Statement> for InvoiceView {
    fn from(statement: &Statement) -> Self {
        Self {
            period: statement.period,
            status: Some(statement.status),
            total: Some(statement.total),
            external_reference: None,
            hosted_invoice_url: None,
            invoice_pdf: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn amounts_are_spelled_with_the_greek_letter() {
        let schemas = [
            serde_json::to_string(&LedgerEntryView::schema()).unwrap(),
            serde_json::to_string(&TopUpView::schema()).unwrap(),
            serde_json::to_string(&UsageLineView::schema()).unwrap(),
            serde_json::to_string(&EstimateView::schema()).unwrap(),
            serde_json::to_string(&InvoiceView::schema()).unwrap(),
        ];
        for schema in schemas {
            assert!(schema.contains("_\u{3bc}usd") && !schema.contains('\u{b5}'), "{schema}");
        }
    }
}
