//! What was used, what it costs, and the statements of past months.

use async_trait::async_trait;

use super::view::{EstimateView, InvoiceView, UsageLineView, UsageView};
use crate::billing::model::Period;
use crate::error::Refusal;
use crate::page::Limit;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// `listUsage`
pub(super) struct Usage;

#[async_trait]
impl Read for Usage {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/usage")
            .named("listUsage", "What the account used, by month, newest first")
            .about("billing", "usage")
            .scope("usage:read")
            .query([Parameter::text("period", "Only this month, as YYYY-MM.")])
            .answers_list::<UsageView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let asked: Option<Period> = call.query()?.parsed("period")?;
        let Some(config) = &call.services().options.billing else { return Ok(Answer::list(Vec::<UsageView>::new())) };
        let mut months: Vec<UsageView> = Vec::new();
        for line in reads.billing().usage(call.account()?, asked).await? {
            let shown = UsageLineView::of(&line, config);
            match months.last_mut().filter(|month| month.period == line.period) {
                Some(month) => month.lines.push(shown),
                None => months.push(UsageView { period: line.period, lines: vec![shown] }),
            }
        }
        Ok(Answer::list(months))
    }
}

/// `estimateUsage`
pub(super) struct Estimate;

#[async_trait]
impl Read for Estimate {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/usage/estimate")
            .named("estimateUsage", "What the running month costs so far")
            .about("billing", "usage")
            .scope("usage:read")
            .answers::<EstimateView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let now = call.now();
        let mut estimate = EstimateView {
            period: Period::of(now),
            as_of: now,
            trial: false,
            billing_profile: "none".to_owned(),
            estimate: true,
            total: 0,
            lines: Vec::new(),
        };
        if let Some(config) = &call.services().options.billing {
            let account = reads.accounts().find(call.account()?).await?.ok_or(Refusal::NotFound)?;
            let lines = reads.billing().usage(account.id, Some(estimate.period)).await?;
            estimate.lines = lines.iter().map(|line| UsageLineView::of(line, config)).collect();
            let cost = estimate.lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
            estimate.total = cost.saturating_sub(i64::from(config.included_credit)).max(0);
            estimate.trial = config.is_trial(account.created_at, now);
            estimate.billing_profile.clone_from(&config.profile);
        }
        Ok(Answer::of(estimate))
    }
}

/// `listInvoices`
pub(super) struct Invoices;

#[async_trait]
impl Read for Invoices {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/invoices")
            .named("listInvoices", "The statements of past months, newest first")
            .about("billing", "invoice")
            .scope("invoices:read")
            .query([Parameter::limit()])
            .answers_list::<InvoiceView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let limit = query.text("limit").and_then(|value| Limit::new(value.parse().ok()?)).unwrap_or_default();
        if call.services().options.billing.is_none() {
            return Ok(Answer::list(Vec::<InvoiceView>::new()));
        }
        let statements = reads.billing().statements(call.account()?, limit.get()).await?;
        Ok(Answer::list(statements.iter().map(InvoiceView::from).collect()))
    }
}
