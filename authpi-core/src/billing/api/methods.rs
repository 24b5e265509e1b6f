//! Payment methods.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::PaymentMethodView;
use crate::billing::model::{MethodKind, PaymentMethod};
use crate::billing::operations;
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::store::Change;
use crate::transport::PaymentFailure;
use crate::wallet::Wallet;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/payment-methods";
const ONE: &str = "/v1/accounts/{account_id}/payment-methods/{payment_method_id}";
const WRITE: &str = "payment-methods:write";

/// Bytes of an address at most; the schema says what is wrong with a longer one.
const LONGEST: usize = 128;

/// Refuses what a deployment without billing does not have.
fn require_billing<B: Body, P>(call: &Call<B, P>) -> Result<(), Refusal> {
    call.services().options.billing.as_ref().map(|_| ()).ok_or(Refusal::NotFound)
}

async fn existing<B: Body>(change: &Change<'_>, call: &Call<B>) -> Result<PaymentMethod, Refusal> {
    require_billing(call)?;
    let (id,) = call.path()?;
    let method = change.reads().billing().method(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
    call.precondition(method.updated_at)?;
    Ok(method)
}

/// Body of [`Add`].
#[derive(Deserialize)]
pub(super) struct AddWallet {
    network: String,
    asset: String,
    address: String,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
}

/// Members of [`AddWallet`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct WalletMembers {
    #[schema(rename = "type")]
    kind: Option<WalletKind>,
    /// The chain, as CAIP-2 names it, such as `eip155:8453`.
    #[schema(min_length = 5, max_length = 41)]
    network: String,
    /// What is paid with: the address of the token.
    #[schema(min_length = 1, max_length = 128)]
    asset: String,
    /// The wallet.
    #[schema(min_length = 1, max_length = 128)]
    address: String,
}

/// Cards are added by the payment provider.
#[derive(ToSchema)]
#[schema(as = WalletType)]
#[allow(dead_code, reason = "states the schema only")]
enum WalletKind {
    #[schema(rename = "x402")]
    X402,
}

impl Body for AddWallet {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<WalletMembers>("AddPaymentMethod").ignoring::<PaymentMethodView>())
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let text = |name: &str| sent.get(name).and_then(Value::as_str);
        let Some(network) = text("network") else { return };
        if !Wallet::is_chain(network) {
            errors.add("network", FieldCode::InvalidFormat, "is not a chain as CAIP-2 names it");
            return;
        }
        let address = text("address").filter(|address| (1..=LONGEST).contains(&address.len()));
        if let Some(Err(problem)) = address.map(|address| Wallet::new(network, address)) {
            errors.add("address", FieldCode::InvalidFormat, problem.to_string());
        }
    }
}

/// `addPaymentMethod`
pub(super) struct Add;

#[async_trait]
impl Write for Add {
    type Body = AddWallet;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("addPaymentMethod", "Add a wallet that signs payments (x402)")
            .about("billing", "payment method")
            .scope(WRITE)
            .without_credit()
            .answers::<PaymentMethodView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<AddWallet>) -> Result<Answer, Refusal> {
        require_billing(call)?;
        let body = call.body()?;
        let wallet = Wallet::new(&body.network, &body.address);
        let wallet =
            wallet.map_err(|problem| Refusal::field("address", FieldCode::InvalidFormat, problem.to_string()))?;
        // An address in its one spelling; some chains name what is theirs otherwise.
        let asset = Wallet::new(&body.network, &body.asset).map(|asset| asset.address().to_owned());
        let kind = MethodKind::X402 {
            network: body.network.clone(),
            asset: asset.unwrap_or_else(|_| body.asset.clone()),
            address: wallet.address().to_owned(),
        };
        let method = operations::add_method(change, kind).await?;
        Ok(Answer::created(PaymentMethodView::from(&method)).etag(method.updated_at))
    }
}

/// Body of [`Update`].
#[derive(Deserialize)]
pub(super) struct UpdateMethod {
    #[serde(default)]
    enabled: Option<bool>,
}

/// Members of [`UpdateMethod`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    /// In use, or not.
    #[schema(required = false)]
    enabled: bool,
}

impl Body for UpdateMethod {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::patch_of::<UpdateMembers>("UpdatePaymentMethod").ignoring::<PaymentMethodView>())
    }
}

/// `updatePaymentMethod`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateMethod;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updatePaymentMethod", "Put a payment method in use or out of use")
            .about("billing", "payment method")
            .scope(WRITE)
            .conditional()
            .without_credit()
            .answers::<PaymentMethodView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateMethod>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let enabled = call.body()?.enabled.unwrap_or(before.enabled);
        let after = operations::switch_method(change, before, enabled).await?;
        Ok(Answer::of(PaymentMethodView::from(&after)).etag(after.updated_at))
    }
}

/// `removePaymentMethod`
pub(super) struct Remove;

#[async_trait]
impl Write for Remove {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("removePaymentMethod", "Remove a payment method")
            .about("billing", "payment method")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let method = existing(change, call).await?;
        operations::remove_method(change, method).await?;
        Ok(Answer::no_content())
    }
}

/// The beginning of a card's way into keeping.
#[derive(Serialize, ToSchema)]
#[schema(as = StripeSetupIntent)]
pub(super) struct SetupIntentView {
    client_secret: String,
    customer_id: String,
}

/// What the payment provider said; nothing where there is none.
#[derive(Default)]
pub(super) struct Begun(Option<Result<(crate::secret::Secret, String), PaymentFailure>>);

/// `createStripeSetupIntent`
pub(super) struct SetUpCard;

#[async_trait]
impl Write for SetUpCard {
    type Body = NoBody;
    type Prepared = Begun;

    fn route(&self) -> Route {
        Route::post("/v1/accounts/{account_id}/payment-methods/stripe/setup-intent")
            .named("createStripeSetupIntent", "Begin to add a card")
            .about("billing", "payment method")
            .scope(WRITE)
            .without_credit()
            .reaches_out()
            .answers::<SetupIntentView>(200)
    }

    async fn prepare(&self, call: &Call) -> Result<Begun, Refusal> {
        let options = &call.services().options;
        let (Some(_), Some(provider)) = (&options.billing, &options.payments) else { return Ok(Begun(None)) };
        let begun = provider.setup_intent(call.account()?).await;
        Ok(Begun(Some(begun.map(|intent| (intent.client_secret, intent.customer_id)))))
    }

    async fn apply(&self, _change: &mut Change<'_>, call: &Call<NoBody, Begun>) -> Result<Answer, Refusal> {
        match &call.prepared().0 {
            None => Err(Refusal::NotFound),
            Some(Ok((secret, customer))) => Ok(Answer::of(SetupIntentView {
                client_secret: secret.expose().to_owned(),
                customer_id: customer.clone(),
            })),
            Some(Err(_)) => Err(Refusal::Overloaded("the payment provider")),
        }
    }
}
