//! The ledger: what is paid in, given, used and lost.

use std::collections::HashMap;

use crate::billing::events;
use crate::billing::model::{
    BillingConfig, BillingMode, CreditState, EntryDetails, EntryType, LedgerEntry, PaymentMethod, Period, Statement,
    StatementStatus, UsageLine,
};
use crate::error::Refusal;
use crate::id::{AccountId, PaymentMethodId};
use crate::outcome::InsertOutcome;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;

/// A payment that was collected.
#[derive(Clone, Debug)]
pub struct TopUp {
    /// Micro US dollars.
    pub amount: i64,
    /// The payment as its provider names it.
    pub reference: String,
    /// The method that it came by.
    pub method: Option<PaymentMethodId>,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToppedUp {
    /// Its entry.
    pub entry: LedgerEntry,
    /// The balance now.
    pub balance: i64,
    /// It was in the ledger before.
    pub duplicate: bool,
}

/// How an account stands.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Whether use depends on credit.
    pub mode: BillingMode,
    /// Micro US dollars.
    pub balance: i64,
    /// Use depends on credit, and there is none.
    pub run_out: bool,
    /// Ways to pay.
    pub methods: Vec<PaymentMethod>,
}

impl Overview {
    /// Without billing.
    pub const fn free() -> Self {
        Self { mode: BillingMode::Ungated, balance: 0, run_out: false, methods: Vec::new() }
    }

    fn of(
        config: &BillingConfig,
        (state, opened_at): (CreditState, Timestamp),
        methods: Vec<PaymentMethod>,
        now: Timestamp,
    ) -> Self {
        let mode = BillingMode::of(&methods);
        let has_credit = state.available(Period::of(now), config.included_credit) > 0;
        let run_out = mode == BillingMode::Gated && !has_credit && !config.is_trial(opened_at, now);
        Self { mode, balance: state.balance, run_out, methods }
    }
}

/// How accounts stand, of which it is known when they were opened, in the order asked for.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn overviews(
    reads: &dyn Reads,
    config: Option<&BillingConfig>,
    accounts: &[(AccountId, Timestamp)],
    now: Timestamp,
) -> Result<Vec<Overview>, Refusal> {
    let Some(config) = config.filter(|_| !accounts.is_empty()) else {
        return Ok(accounts.iter().map(|_| Overview::free()).collect());
    };
    let ids: Vec<_> = accounts.iter().map(|(account, _)| *account).collect();
    let states: HashMap<_, _> = reads.billing().credit(&ids).await?.into_iter().collect();
    let mut methods: HashMap<AccountId, Vec<_>> = HashMap::new();
    for method in reads.billing().methods(&ids).await? {
        methods.entry(method.account_id).or_default().push(method);
    }
    let fresh = CreditState::new(Period::of(now));
    let overview = |(account, opened_at): &(AccountId, Timestamp)| {
        let state = states.get(account).copied().unwrap_or(fresh);
        Overview::of(config, (state, *opened_at), methods.remove(account).unwrap_or_default(), now)
    };
    Ok(accounts.iter().map(overview).collect())
}

/// Lets a write through that depends on credit.
///
/// # Errors
/// [`Refusal::PaymentRequired`] for an account that has none.
pub async fn require_credit(change: &Change<'_>, config: &BillingConfig) -> Result<(), Refusal> {
    let account = [change.account()];
    let methods = change.reads().billing().methods(&account).await?;
    if BillingMode::of(&methods) == BillingMode::Ungated {
        return Ok(());
    }
    let state = change.reads().billing().credit(&account).await?.pop().map(|(_, state)| state);
    let state = state.unwrap_or_else(|| CreditState::new(Period::of(change.now())));
    let Some(account) = change.reads().accounts().find(change.account()).await? else { return Ok(()) };
    if !Overview::of(config, (state, account.created_at), methods, change.now()).run_out {
        return Ok(());
    }
    Err(Refusal::PaymentRequired { amount: i64::from(config.suggested_payment), terms: Vec::new() })
}

/// Adds an entry behind a locked end of the ledger of the change's account, and says so.
///
/// # Errors
/// [`Refusal::Conflict`] for a payment that is in another ledger.
pub async fn post(
    change: &mut Change<'_>,
    state: &mut CreditState,
    (entry_type, amount): (EntryType, i64),
    details: EntryDetails,
) -> Result<LedgerEntry, Refusal> {
    let account = change.account();
    let after = state.after(amount);
    let entry = LedgerEntry {
        id: change.mint()?,
        account_id: account,
        sequence: after.sequence,
        entry_type,
        amount,
        balance_after: after.balance,
        details,
        created_at: change.now(),
    };
    if change.unit().billing().append_entry(&entry).await? == InsertOutcome::Taken {
        return Err(Refusal::conflict("This payment belongs to another account."));
    }
    change.unit().billing().save(account, &after).await?;
    if entry_type != EntryType::Debit {
        change.emit(events::credits_updated(&entry))?;
    }
    // What expires is given again with the next month.
    if entry_type != EntryType::Expiry && state.balance > 0 && after.balance <= 0 {
        change.emit(events::credits_depleted(account, after.balance))?;
    }
    *state = after;
    Ok(entry)
}

async fn locked(change: &mut Change<'_>) -> Result<CreditState, Refusal> {
    let first = Period::of(change.now());
    locked_from(change, first).await
}

async fn locked_from(change: &mut Change<'_>, first: Period) -> Result<CreditState, Refusal> {
    let account = change.account();
    Ok(change.unit().billing().lock(account, first).await?)
}

/// Enters a payment, once.
///
/// # Errors
/// As [`post`].
pub async fn top_up(change: &mut Change<'_>, payment: TopUp) -> Result<ToppedUp, Refusal> {
    let mut state = locked(change).await?;
    let known = change.reads().billing().payment(change.account(), &payment.reference).await?;
    if let Some(entry) = known {
        return Ok(ToppedUp { entry, balance: state.balance, duplicate: true });
    }
    let details = EntryDetails {
        reference: payment.method.map(|method| method.to_string()),
        external_reference: Some(payment.reference),
        ..EntryDetails::default()
    };
    let entry = post(change, &mut state, (EntryType::Topup, payment.amount), details).await?;
    Ok(ToppedUp { entry, balance: state.balance, duplicate: false })
}

/// Gives credit for a reason, which is a word.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn grant(change: &mut Change<'_>, amount: u32, reason: &str) -> Result<LedgerEntry, Refusal> {
    let mut state = locked(change).await?;
    let details = EntryDetails { operation: Some(reason.to_owned()), ..EntryDetails::default() };
    post(change, &mut state, (EntryType::Grant, i64::from(amount)), details).await
}

/// Takes a payment out again, wholly or in part, after it was paid back.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn refund(change: &mut Change<'_>, payment: &LedgerEntry, amount: u32) -> Result<LedgerEntry, Refusal> {
    let mut state = locked(change).await?;
    let details = EntryDetails { related_entry_id: Some(payment.id), ..EntryDetails::default() };
    post(change, &mut state, (EntryType::Refund, -i64::from(amount)), details).await
}

/// Debits what was used in a month and is not in the ledger. The first charge of a month brings its included credit;
/// earlier months without a statement are closed before, because the ledger knows of one included credit at a time.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn settle(change: &mut Change<'_>, config: &BillingConfig, period: Period) -> Result<(), Refusal> {
    // An account may come to its ledger by what it used in the month before.
    let first = period.min(Period::of(change.now()));
    let mut state = locked_from(change, first).await?;
    while state.open < period {
        close_locked(change, config, &mut state).await?;
    }
    settle_locked(change, config, &mut state, period).await.map(|_| ())
}

/// Settles a month, and tells all that it cost.
async fn settle_locked(
    change: &mut Change<'_>,
    config: &BillingConfig,
    state: &mut CreditState,
    period: Period,
) -> Result<Option<i64>, Refusal> {
    let account = change.account();
    let lines = change.reads().billing().usage(account, Some(period)).await?;
    let mut cost = 0_i64;
    for line in &lines {
        let amount = config.amount(line.dimension, line.chargeable()).max(line.settled);
        cost = cost.saturating_add(amount);
        let due = amount - line.settled;
        let mut settled = UsageLine { settled: amount, ..*line };
        if due > 0 {
            give_included(change, config, state, period).await?;
            let details = EntryDetails {
                operation: Some("usage".to_owned()),
                reference: Some(period.to_string()),
                dimension: Some(line.dimension),
                config_version: Some(config.version.clone()),
                settled_total: Some(amount),
                ..EntryDetails::default()
            };
            post(change, state, (EntryType::Debit, -due), details).await?;
            settled.entries += 1;
        }
        change.unit().billing().settle(account, &settled).await?;
    }
    Ok((!lines.is_empty()).then_some(cost))
}

async fn give_included(
    change: &mut Change<'_>,
    config: &BillingConfig,
    state: &mut CreditState,
    period: Period,
) -> Result<(), Refusal> {
    if config.included_credit == 0 || state.granted >= Some(period) {
        return Ok(());
    }
    // Of a month that was closed before its usage came in: nothing else is going to take it back.
    expire_included(change, state).await?;
    let amount = i64::from(config.included_credit);
    let details = EntryDetails {
        operation: Some("included".to_owned()),
        reference: Some(period.to_string()),
        config_version: Some(config.version.clone()),
        expires_at: Some(period.next().starts_at()),
        ..EntryDetails::default()
    };
    let entry = post(change, state, (EntryType::Grant, amount), details).await?;
    *state = CreditState { granted: Some(period), grant_entry: Some(entry.id), grant_left: amount, ..*state };
    let account = change.account();
    Ok(change.unit().billing().save(account, state).await?)
}

/// Ends the first month without a statement: settles it, takes back what is left of its included credit, and makes its
/// statement where there was usage. Does nothing when `period` is not that month any more.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn close(change: &mut Change<'_>, config: &BillingConfig, period: Period) -> Result<(), Refusal> {
    let mut state = locked(change).await?;
    if state.open != period {
        return Ok(());
    }
    close_locked(change, config, &mut state).await
}

/// Ends the first month without a statement.
async fn close_locked(change: &mut Change<'_>, config: &BillingConfig, state: &mut CreditState) -> Result<(), Refusal> {
    let (account, period) = (change.account(), state.open);
    let cost = settle_locked(change, config, state, period).await?;
    let mut included = 0;
    if state.granted == Some(period) {
        included = i64::from(config.included_credit).saturating_sub(state.grant_left);
        expire_included(change, state).await?;
    }
    if let Some(cost) = cost {
        let total = cost.saturating_sub(included).max(0);
        let is_paid = total == 0 || state.balance >= 0;
        let status = if is_paid { StatementStatus::Paid } else { StatementStatus::Open };
        let statement = Statement { account_id: account, period, status, total, created_at: change.now() };
        change.unit().billing().insert_statement(&statement).await?;
    }
    state.open = period.next();
    Ok(change.unit().billing().save(account, state).await?)
}

/// Takes back what is left of the included credit that was given last.
async fn expire_included(change: &mut Change<'_>, state: &mut CreditState) -> Result<(), Refusal> {
    let (left, Some(period)) = (state.grant_left, state.granted) else { return Ok(()) };
    if left <= 0 {
        return Ok(());
    }
    let details = EntryDetails {
        operation: Some("included".to_owned()),
        reference: Some(period.to_string()),
        related_entry_id: state.grant_entry,
        ..EntryDetails::default()
    };
    post(change, state, (EntryType::Expiry, -left), details).await.map(|_| ())
}
