//! The ledger, and paying in.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{LedgerEntryView, TopUpView};
use crate::billing::model::LedgerPosition;
use crate::billing::operations::{self, TopUp};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::PaymentMethodId;
use crate::page::{CursorKey, Page};
use crate::store::{Change, Reads};
use crate::transport::{PaymentFailure, PaymentOrder};
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::route::Route;

/// `listCreditLedger`
pub(super) struct Ledger;

#[async_trait]
impl Read for Ledger {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/credits/ledger")
            .named("listCreditLedger", "What was paid in, given and used, newest first")
            .about("billing", "ledger entry")
            .scope("credits:read")
            .answers_page::<LedgerEntryView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let page = call.query()?.page::<LedgerPosition>()?;
        let found = match &call.services().options.billing {
            Some(_) => reads.billing().ledger(call.account()?, &page).await?,
            None => Page::default(),
        };
        let last = found.items.last().map(|entry| LedgerPosition(entry.sequence).encode());
        Ok(Answer::page(&found.map(|entry| LedgerEntryView::from(&entry)), |_| last.unwrap_or_default()))
    }
}

/// Body of [`CreateTopUp`].
#[derive(Deserialize)]
pub(super) struct NewTopUp {
    #[serde(rename = "amount_μusd")]
    amount: i64,
    #[serde(default)]
    method_id: Option<PaymentMethodId>,
    #[serde(default)]
    payment: Option<Value>,
}

/// Members of [`NewTopUp`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct Members {
    /// Micro US dollars.
    #[schema(rename = "amount_μusd", minimum = 1, maximum = 1_000_000_000_000_i64)]
    amount: i64,
    /// The method that pays.
    method_id: Option<PaymentMethodId>,
    /// The payment that a wallet signed (x402).
    #[schema(value_type = Option<Object>)]
    payment: Option<Value>,
}

impl Body for NewTopUp {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Members>("CreateTopUp"))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let is_there = |name: &str| sent.get(name).is_some_and(|value| !value.is_null());
        if !is_there("method_id") && !is_there("payment") {
            errors.add("payment", FieldCode::Required, "a signed payment, or the method that pays");
        }
    }
}

/// What the payment provider said: the reference of the payment, or why there is none. Nothing where it was not asked,
/// because the request will be refused.
#[derive(Default)]
pub(super) struct Collected(Option<Result<String, PaymentFailure>>);

/// `createTopUp`
pub(super) struct CreateTopUp;

impl CreateTopUp {
    async fn collect(call: &Call<NewTopUp>) -> Result<Option<Result<String, PaymentFailure>>, Refusal> {
        let services = call.services();
        let (Some(_), Some(provider)) = (&services.options.billing, &services.options.payments) else {
            return Ok(None);
        };
        let Ok(body) = call.body() else { return Ok(None) };
        let account = call.account()?;
        if let Some(method) = body.method_id {
            let found = services.store.reads().billing().method(account, method).await?;
            if found.is_none_or(|method| !method.enabled) {
                return Ok(None);
            }
        }
        let key = call.order_key()?;
        let payment = body.payment.as_ref();
        let order = PaymentOrder { account, amount: body.amount, method: body.method_id, payment, key: &key };
        Ok(Some(provider.collect(&order).await))
    }
}

#[async_trait]
impl Write for CreateTopUp {
    type Body = NewTopUp;
    type Prepared = Collected;

    fn route(&self) -> Route {
        Route::post("/v1/accounts/{account_id}/credits/topups")
            .named("createTopUp", "Pay in; the same payment counts once")
            .about("billing", "top-up")
            .scope("credits:write")
            .without_credit()
            .reaches_out()
            .answers::<TopUpView>(201)
    }

    async fn prepare(&self, call: &Call<NewTopUp>) -> Result<Collected, Refusal> {
        Self::collect(call).await.map(Collected)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<NewTopUp, Collected>) -> Result<Answer, Refusal> {
        let options = &call.services().options;
        if options.billing.is_none() || options.payments.is_none() {
            return Err(Refusal::NotFound);
        }
        let body = call.body()?;
        let Collected(Some(collected)) = call.prepared() else {
            let message = "the account has no such payment method in use";
            return Err(Refusal::field("method_id", FieldCode::UnknownReference, message));
        };
        let reference = match collected {
            Ok(reference) => reference.clone(),
            Err(PaymentFailure::Unavailable) => return Err(Refusal::Overloaded("the payment provider")),
            Err(PaymentFailure::Declined) => {
                return Err(Refusal::PaymentRequired { amount: body.amount, terms: Vec::new() });
            }
            Err(PaymentFailure::Invalid) => {
                return Err(Refusal::field("payment", FieldCode::InvalidFormat, "is no valid payment of this amount"));
            }
        };
        let payment = TopUp { amount: body.amount, reference, method: body.method_id };
        let topped_up = operations::top_up(change, payment).await?;
        Ok(Answer::created(TopUpView::of(&topped_up)))
    }
}
