//! The list of all steps.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join3};
use futures_util::lock::Mutex;

use super::deliveries::Dispatch;
use super::passed::Passed;
use super::queue::Attempts;
use super::schedule::Next;
use super::scout::Scout;
use super::under_way::UnderWay;
use super::{
    billing, chain, deliveries, fan_out, gauges, hooks, keys, logouts, mail, notices, parting, queue, removal,
    sessions, sweeps,
};
use crate::error::Refusal;
use crate::logout::model::LogoutNotice;
use crate::mail::model::Mail;
use crate::oauth::rotation::RotationSweep;
use crate::timestamp::Timestamp;
use crate::web::bells::{Bell, Bells};
use crate::web::services::Services;

/// What steps have at hand: the engine's inside, and where they stopped the last time. Losing the latter costs a look at
/// what was seen before, and nothing else.
pub(super) struct WorkerState {
    pub(super) services: Arc<Services>,
    /// Members who were deleted before this have been removed from their organizations.
    pub(super) departed_since: Mutex<Timestamp>,
    /// Delegations of those who were deleted before this have ended.
    pub(super) parties_since: Mutex<Timestamp>,
    /// Notes about those who were deleted before this have been removed.
    pub(super) subjects_since: Mutex<Timestamp>,
    /// Sessions of users who were deleted before this have ended.
    pub(super) sessions_of_users_since: Mutex<Timestamp>,
    /// Sessions of clients that were deleted before this have ended.
    pub(super) sessions_of_clients_since: Mutex<Timestamp>,
    /// Personal tokens of users who were deleted before this have been removed.
    pub(super) tokens_since: Mutex<Timestamp>,
    /// Events that no mail could be made of.
    pub(super) notices_passed: Mutex<Passed>,
    /// Events that no delivery could be made of.
    pub(super) fan_out_passed: Mutex<Passed>,
    /// How far deliveries were made of events behind those of accounts with very many.
    pub(super) fan_out_scout: Mutex<Scout>,
    /// Events that got no number.
    pub(super) chain_passed: Mutex<Passed>,
    /// Attempts of this process at deliveries.
    pub(super) dispatch: Arc<Dispatch>,
    /// Attempts of this process at handing mail over.
    pub(super) mails: Mutex<Attempts<Mail>>,
    /// Attempts of this process at telling clients of ended sessions.
    pub(super) logouts: Mutex<Attempts<LogoutNotice>>,
    /// The pass over all issuers that have signing keys.
    pub(super) rotation: Mutex<RotationSweep>,
}

impl WorkerState {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            departed_since: Mutex::new(Timestamp::EPOCH),
            parties_since: Mutex::new(Timestamp::EPOCH),
            subjects_since: Mutex::new(Timestamp::EPOCH),
            sessions_of_users_since: Mutex::new(Timestamp::EPOCH),
            sessions_of_clients_since: Mutex::new(Timestamp::EPOCH),
            tokens_since: Mutex::new(Timestamp::EPOCH),
            notices_passed: Mutex::new(Passed::NOTHING),
            fan_out_passed: Mutex::new(Passed::NOTHING),
            fan_out_scout: Mutex::default(),
            chain_passed: Mutex::new(Passed::NOTHING),
            dispatch: Arc::default(),
            mails: Mutex::new(UnderWay::within(mail::ROOM)),
            logouts: Mutex::new(UnderWay::within(logouts::ROOM)),
            rotation: Mutex::default(),
        }
    }

    /// Waits for the attempts under way, but not for ever.
    pub(super) async fn finish(&self) {
        let mails = queue::finish::<Mail>(&self.services, &self.mails);
        let logouts = queue::finish::<LogoutNotice>(&self.services, &self.logouts);
        join3(deliveries::finish(self), mails, logouts).await;
    }
}

type Run = for<'s> fn(&'s WorkerState) -> BoxFuture<'s, Result<Next, Refusal>>;

/// A piece of background work.
pub(super) struct Step {
    /// Names it in logs and metrics.
    pub(super) name: &'static str,
    /// Waits until no other of these steps runs. What has a deadline does not, nor what waits for the CPU or for others
    /// outside.
    pub(super) takes_turns: bool,
    /// Ends its pause early.
    pub(super) bell: Option<fn(&Bells) -> &Bell>,
    /// A bounded piece of work, in as many units of work as it takes.
    pub(super) run: Run,
}

const fn in_turn(name: &'static str, run: Run) -> Step {
    Step { name, takes_turns: true, bell: None, run }
}

const fn beside(name: &'static str, run: Run) -> Step {
    Step { name, takes_turns: false, bell: None, run }
}

const fn called(name: &'static str, bell: fn(&Bells) -> &Bell, run: Run) -> Step {
    Step { name, takes_turns: false, bell: Some(bell), run }
}

/// Every step. What removes a parent stands before what removes its children, so that one pass does most.
pub(super) const ALL: &[Step] = &[
    beside("buffered-events", |state| Box::pin(sweeps::buffered_events(&state.services))),
    beside("rsa-pool", |state| Box::pin(keys::rsa_pool(&state.services))),
    beside("key-rotation", |state| Box::pin(keys::rotation(state))),
    beside("event-chain", |state| Box::pin(chain::link(state))),
    called("fan-out", |bells| &bells.events, |state| Box::pin(fan_out::fan_out(state))),
    called("deliveries", |bells| &bells.deliveries, |state| Box::pin(deliveries::deliver(state))),
    called("hooks", |bells| &bells.hooks, |state| Box::pin(hooks::call(&state.services))),
    beside("gauges", |state| Box::pin(gauges::gauges(&state.services))),
    in_turn("notices", |state| Box::pin(notices::notices(state))),
    beside("mail", |state| Box::pin(mail::hand_over(state))),
    beside("logouts", |state| Box::pin(logouts::tell(state))),
    in_turn("account-removal", |state| Box::pin(removal::accounts(&state.services))),
    in_turn("issuer-removal", |state| Box::pin(removal::issuers(&state.services))),
    in_turn("organization-removal", |state| Box::pin(removal::organization(&state.services))),
    in_turn("departed-delegations", |state| Box::pin(parting::departed_delegations(state))),
    in_turn("departed-notes", |state| Box::pin(parting::departed_notes(state))),
    in_turn("group-removal", |state| Box::pin(removal::group(&state.services))),
    in_turn("role-removal", |state| Box::pin(removal::role(&state.services))),
    in_turn("departed-members", |state| Box::pin(removal::departed_member(state))),
    in_turn("sessions-of-departed-users", |state| Box::pin(sessions::of_departed_users(state))),
    in_turn("sessions-of-departed-clients", |state| Box::pin(sessions::of_departed_clients(state))),
    in_turn("tokens-of-departed-users", |state| Box::pin(sessions::tokens_of_departed_users(state))),
    in_turn("revoked-organizations", |state| Box::pin(sessions::revoked_organizations(&state.services))),
    in_turn("lost-keys", |state| Box::pin(keys::lost(&state.services))),
    in_turn("user-purge", |state| Box::pin(removal::users(&state.services))),
    in_turn("client-removal", |state| Box::pin(removal::clients(&state.services))),
    in_turn("agent-removal", |state| Box::pin(removal::agents(&state.services))),
    in_turn("lapsed-sessions", |state| Box::pin(sessions::lapsed(&state.services))),
    in_turn("ended-sessions", |state| Box::pin(sessions::ended(&state.services))),
    in_turn("expired-api-keys", |state| Box::pin(sweeps::expired_api_keys(&state.services))),
    in_turn("old-logouts", |state| Box::pin(logouts::sweep(&state.services))),
    in_turn("old-mail", |state| Box::pin(mail::old_mail(&state.services))),
    in_turn("old-tallies", |state| Box::pin(mail::old_tallies(&state.services))),
    in_turn("invitation-erasure", |state| Box::pin(sweeps::invitation_erasure(&state.services))),
    in_turn("idempotency-records", |state| Box::pin(sweeps::idempotency_records(&state.services))),
    in_turn("expired-verifiers", |state| Box::pin(sweeps::expired_verifiers(&state.services))),
    in_turn("expired-logins", |state| Box::pin(sweeps::expired_logins(&state.services))),
    in_turn("forgotten-devices", |state| Box::pin(sweeps::forgotten_devices(&state.services))),
    in_turn("grants", |state| Box::pin(sweeps::grants(&state.services))),
    in_turn("old-removals", |state| Box::pin(sweeps::old_removals(&state.services))),
    in_turn("old-events", |state| Box::pin(sweeps::old_events(&state.services))),
    in_turn("metering", |state| Box::pin(billing::metering(&state.services))),
    in_turn("settlement", |state| Box::pin(billing::settlement(&state.services))),
    in_turn("month-end", |state| Box::pin(billing::month_end(&state.services))),
    in_turn("active-users", |state| Box::pin(billing::active_users(&state.services))),
    in_turn("key-uses", |state| Box::pin(sweeps::key_uses(&state.services))),
    in_turn("orphaned-deliveries", |state| Box::pin(sweeps::orphaned_deliveries(&state.services))),
    in_turn("hastened-deliveries", |state| Box::pin(sweeps::hastened_deliveries(&state.services))),
    in_turn("previous-secrets", |state| Box::pin(sweeps::previous_secrets(&state.services))),
    in_turn("overdue-deliveries", |state| Box::pin(sweeps::overdue_deliveries(&state.services))),
    in_turn("old-deliveries", |state| Box::pin(sweeps::old_deliveries(&state.services))),
    in_turn("deleted-webhooks", |state| Box::pin(sweeps::deleted_webhooks(&state.services))),
    in_turn("rate-limits", |state| Box::pin(sweeps::rate_limits(&state.services))),
];
