//! Uses of keys that have a limit of their own (core-api section 6). This process spends what it has taken from the
//! shared count; when that is spent it takes more, and when the shared count cannot be reached it spends no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::lock::Mutex as AsyncMutex;
use serde::Serialize;
use utoipa::ToSchema;

use super::services::{Origin, Services};
use crate::credential::events;
use crate::credential::model::{LimitedKey, TakenUses, UseWindow};
use crate::error::Refusal;
use crate::event::model::EventDraft;
use crate::id::ApiKeyId;
use crate::retries::Retries;
use crate::timestamp::Timestamp;

/// What this process holds of the windows of limited keys.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<ApiKeyId, Arc<AsyncMutex<Option<Budget>>>>>);

/// What is left of a window here.
struct Budget {
    window: UseWindow,
    /// Uses that are this process's own.
    left: u32,
    /// Uses that all processes had taken at the last look.
    taken: u32,
    /// There is nothing more to be had in this window.
    used_up: bool,
}

/// What became of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// It counts.
    Counted(Allowance),
    /// The window is used up.
    Exceeded {
        /// How long the window lasts.
        retry_after: Duration,
    },
}

/// What is left of a key's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RateLimitAllowance)]
pub struct Allowance {
    /// Uses in a window at most.
    pub limit: u32,
    /// Length of a window.
    pub window_seconds: u32,
    /// About how many uses are left in this one.
    pub remaining: u32,
    /// When the next one begins.
    pub reset_at: Timestamp,
}

impl KeyUses {
    fn of(&self, key: ApiKeyId) -> Arc<AsyncMutex<Option<Budget>>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    /// Forgets windows that are over.
    pub fn sweep(&self, now: Timestamp) {
        let is_needed = |budget: &mut Arc<AsyncMutex<Option<Budget>>>| match budget.try_lock() {
            Some(budget) => budget.as_ref().is_some_and(|budget| budget.window.ends_at() > now),
            None => true,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, budget| is_needed(budget));
    }
}

impl Services {
    /// Counts one use of a key that was accepted. `origin` says where it came from, for the events.
    ///
    /// # Errors
    /// [`Refusal::Store`] when nothing is left here and the shared count cannot be reached.
    pub async fn use_key(&self, key: &LimitedKey, origin: Origin) -> Result<KeyUse, Refusal> {
        let now = self.now();
        let window = key.rate_limit.window(now);
        let budget = self.key_uses.of(key.id);
        let mut held = budget.lock().await;
        let budget = match held.take().filter(|budget| budget.window == window) {
            Some(budget) => held.insert(budget),
            None => held.insert(Budget { window, left: 0, taken: 0, used_up: false }),
        };
        if budget.left == 0 && !budget.used_up {
            let got = self.take_uses(key, &window).await?;
            *budget = Budget { window, left: got.granted, taken: got.taken, used_up: got.granted == 0 };
            self.tell(key, got, origin).await;
        }
        if budget.left == 0 {
            return Ok(KeyUse::Exceeded { retry_after: window.ends_at().since(now) });
        }
        budget.left -= 1;
        Ok(KeyUse::Counted(Allowance {
            limit: window.limit,
            window_seconds: window.seconds,
            remaining: window.limit.saturating_sub(budget.taken).saturating_add(budget.left),
            reset_at: window.ends_at(),
        }))
    }

    /// Counts one use of the key that a request came with.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] over the limit; otherwise as [`Services::use_key`].
    pub async fn use_own_key(&self, key: &LimitedKey, origin: Origin) -> Result<(), Refusal> {
        match self.use_key(key, origin).await? {
            KeyUse::Counted(_) => Ok(()),
            KeyUse::Exceeded { retry_after } => Err(Refusal::RateLimited { retry_after }),
        }
    }

    async fn take_uses(&self, key: &LimitedKey, window: &UseWindow) -> Result<TakenUses, Refusal> {
        let mut retries = Retries::new();
        loop {
            if let Some(ended) = retries.ended(self.try_to_take_uses(key, window).await) {
                return ended;
            }
        }
    }

    async fn try_to_take_uses(&self, key: &LimitedKey, window: &UseWindow) -> Result<TakenUses, Refusal> {
        let mut unit = self.store.begin(self.now()).await?;
        let alert_use = key.rate_limit.alert_use();
        let got = unit.api_keys().take_uses(key.account_id, key.id, window, alert_use).await?;
        unit.commit().await?;
        Ok(got)
    }

    async fn tell(&self, key: &LimitedKey, got: TakenUses, origin: Origin) {
        if got.warns {
            self.tell_event(key, events::rate_limit_warned(key), origin.clone()).await;
        }
        if got.tells_excess {
            self.tell_event(key, events::rate_limit_exceeded(key), origin).await;
        }
    }

    /// What it tells is counted by now: a use is not refused because nobody hears of it.
    async fn tell_event(&self, key: &LimitedKey, draft: EventDraft, origin: Origin) {
        if let Err(refusal) = self.record(origin, Some(key.issuer_id), draft).await {
            tracing::error!(key = %key.id, %refusal, "an event about the limit of a key was lost");
        }
    }
}
