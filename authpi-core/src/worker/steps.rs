//! The list of all steps.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::lock::Mutex;

use super::deliveries::Dispatch;
use super::passed::Passed;
use super::schedule::Next;
use super::{
    billing, chain, deliveries, fan_out, gauges, hooks, keys, logouts, mail, notices, parting, removal, sessions,
    sweeps,
};
use crate::error::Refusal;
use crate::oauth::rotation::RotationSweep;
use crate::timestamp::Timestamp;
use crate::web::bells::{Bell, Bells};
use crate::web::services::Services;

/// What steps have at hand: the engine's inside, and where they stopped the last time. Losing the latter costs a look at
/// what was seen before, and nothing else.
pub(super) struct Bench {
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
    /// Events that got no number.
    pub(super) chain_passed: Mutex<Passed>,
    /// Attempts of this process at deliveries.
    pub(super) dispatch: Mutex<Dispatch>,
    /// Clients that are being told of ended sessions.
    pub(super) logouts: Mutex<logouts::UnderWay>,
    /// The pass over all issuers that have signing keys.
    pub(super) rotation: Mutex<RotationSweep>,
}

impl Bench {
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
            chain_passed: Mutex::new(Passed::NOTHING),
            dispatch: Mutex::default(),
            logouts: Mutex::default(),
            rotation: Mutex::default(),
        }
    }
}

type Run = for<'b> fn(&'b Bench) -> BoxFuture<'b, Result<Next, Refusal>>;

/// A piece of background work.
pub(super) struct Step {
    /// Names it in logs and metrics.
    pub(super) name: &'static str,
    /// Waits until no other step runs. What has a deadline does not, nor what only waits for the CPU.
    pub(super) takes_turns: bool,
    /// Ends its pause early.
    pub(super) bell: Option<fn(&Bells) -> &Bell>,
    /// At most one unit of work.
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
    beside("buffered-events", |bench| Box::pin(sweeps::buffered_events(&bench.services))),
    beside("rsa-pool", |bench| Box::pin(keys::rsa_pool(&bench.services))),
    beside("key-rotation", |bench| Box::pin(keys::rotation(bench))),
    beside("event-chain", |bench| Box::pin(chain::link(bench))),
    called("fan-out", |bells| &bells.events, |bench| Box::pin(fan_out::fan_out(bench))),
    called("deliveries", |bells| &bells.deliveries, |bench| Box::pin(deliveries::deliver(bench))),
    called("hooks", |bells| &bells.hooks, |bench| Box::pin(hooks::call(&bench.services))),
    beside("gauges", |bench| Box::pin(gauges::gauges(&bench.services))),
    in_turn("notices", |bench| Box::pin(notices::notices(bench))),
    beside("mail", |bench| Box::pin(mail::hand_over(&bench.services))),
    beside("logouts", |bench| Box::pin(logouts::tell(bench))),
    in_turn("account-removal", |bench| Box::pin(removal::accounts(&bench.services))),
    in_turn("issuer-removal", |bench| Box::pin(removal::issuers(&bench.services))),
    in_turn("organization-removal", |bench| Box::pin(removal::organization(&bench.services))),
    in_turn("departed-delegations", |bench| Box::pin(parting::departed_delegations(bench))),
    in_turn("departed-notes", |bench| Box::pin(parting::departed_notes(bench))),
    in_turn("group-removal", |bench| Box::pin(removal::group(&bench.services))),
    in_turn("role-removal", |bench| Box::pin(removal::role(&bench.services))),
    in_turn("departed-members", |bench| Box::pin(removal::departed_member(bench))),
    in_turn("sessions-of-departed-users", |bench| Box::pin(sessions::of_departed_users(bench))),
    in_turn("sessions-of-departed-clients", |bench| Box::pin(sessions::of_departed_clients(bench))),
    in_turn("tokens-of-departed-users", |bench| Box::pin(sessions::tokens_of_departed_users(bench))),
    in_turn("revoked-organizations", |bench| Box::pin(sessions::revoked_organizations(&bench.services))),
    in_turn("lost-keys", |bench| Box::pin(keys::lost(&bench.services))),
    in_turn("user-purge", |bench| Box::pin(removal::users(&bench.services))),
    in_turn("client-removal", |bench| Box::pin(removal::clients(&bench.services))),
    in_turn("agent-removal", |bench| Box::pin(removal::agents(&bench.services))),
    in_turn("lapsed-sessions", |bench| Box::pin(sessions::lapsed(&bench.services))),
    in_turn("ended-sessions", |bench| Box::pin(sessions::ended(&bench.services))),
    in_turn("expired-api-keys", |bench| Box::pin(sweeps::expired_api_keys(&bench.services))),
    in_turn("old-logouts", |bench| Box::pin(logouts::sweep(&bench.services))),
    in_turn("old-mail", |bench| Box::pin(mail::old_mail(&bench.services))),
    in_turn("invitation-erasure", |bench| Box::pin(mail::invitation_erasure(&bench.services))),
    in_turn("idempotency-records", |bench| Box::pin(sweeps::idempotency_records(&bench.services))),
    in_turn("expired-verifiers", |bench| Box::pin(sweeps::expired_verifiers(&bench.services))),
    in_turn("expired-logins", |bench| Box::pin(sweeps::expired_logins(&bench.services))),
    in_turn("forgotten-devices", |bench| Box::pin(sweeps::forgotten_devices(&bench.services))),
    in_turn("grants", |bench| Box::pin(sweeps::grants(&bench.services))),
    in_turn("old-removals", |bench| Box::pin(sweeps::old_removals(&bench.services))),
    in_turn("old-events", |bench| Box::pin(sweeps::old_events(&bench.services))),
    in_turn("metering", |bench| Box::pin(billing::metering(&bench.services))),
    in_turn("settlement", |bench| Box::pin(billing::settlement(&bench.services))),
    in_turn("month-end", |bench| Box::pin(billing::month_end(&bench.services))),
    in_turn("active-users", |bench| Box::pin(billing::active_users(&bench.services))),
    in_turn("key-uses", |bench| Box::pin(sweeps::key_uses(&bench.services))),
    in_turn("orphaned-deliveries", |bench| Box::pin(sweeps::orphaned_deliveries(&bench.services))),
    in_turn("hastened-deliveries", |bench| Box::pin(sweeps::hastened_deliveries(&bench.services))),
    in_turn("overdue-deliveries", |bench| Box::pin(sweeps::overdue_deliveries(&bench.services))),
    in_turn("old-deliveries", |bench| Box::pin(sweeps::old_deliveries(&bench.services))),
    in_turn("deleted-webhooks", |bench| Box::pin(sweeps::deleted_webhooks(&bench.services))),
    in_turn("rate-limits", |bench| Box::pin(sweeps::rate_limits(&bench.services))),
];
