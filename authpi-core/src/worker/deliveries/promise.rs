//! Room that is kept for deliveries while they are being reserved, or made.

use std::collections::HashMap;
use std::sync::Arc;

use super::Dispatch;
use super::book::Planned;
use super::lane::{Target, host};
use crate::id::{AccountId, WebhookId};
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, Webhook};

/// Room for deliveries to some webhooks; what is not used is given back when this is dropped.
pub(in crate::worker) struct Promise {
    dispatch: Arc<Dispatch>,
    kept: Vec<Planned>,
    targets: HashMap<WebhookId, Target>,
}

impl Promise {
    pub(super) fn nothing(dispatch: &Arc<Dispatch>) -> Self {
        Self { dispatch: Arc::clone(dispatch), kept: Vec::new(), targets: HashMap::new() }
    }

    /// Room for deliveries that are about to be made, so many for each of these webhooks: all or none of a webhook, and none
    /// of one that does not keep up with its events. They are attempted without being looked for.
    pub(in crate::worker) fn of(
        services: &Services,
        dispatch: &Arc<Dispatch>,
        wanted: &[(&Webhook, usize)],
        now: Timestamp,
    ) -> Self {
        let mut promise = Self::nothing(dispatch);
        let mut book = dispatch.book();
        let ready: Vec<_> = wanted.iter().filter(|(webhook, _)| book.is_ready(webhook, now)).collect();
        let mut of_account: HashMap<AccountId, usize> = HashMap::new();
        for (webhook, _) in &ready {
            *of_account.entry(webhook.account_id).or_default() += 1;
        }
        let shares = of_account.into_iter().map(|(account, among)| (account, book.share(account, among)));
        let shares: HashMap<AccountId, usize> = shares.collect();
        for (webhook, count) in ready {
            let (host, share) = (host(webhook), shares.get(&webhook.account_id).copied().unwrap_or_default());
            if book.room_for(webhook, &host, share) < *count {
                continue;
            }
            // Where it fails, whoever looks for the deliveries says so.
            let Ok(target) = Target::new(&services.keyring, (*webhook).clone(), now) else { continue };
            let planned =
                Planned { webhook: webhook.id, account: webhook.account_id, host: host.into(), count: *count };
            book.promise(planned.clone());
            promise.kept.push(planned);
            promise.targets.insert(webhook.id, target);
        }
        drop(book);
        promise
    }

    pub(super) fn keep(&mut self, planned: Planned) {
        self.dispatch.book().promise(planned.clone());
        self.kept.push(planned);
    }

    /// Whether room is kept for this webhook.
    pub(in crate::worker) fn is_for(&self, webhook: WebhookId) -> bool {
        self.targets.contains_key(&webhook)
    }

    /// The deliveries are there: attempts at those that there is room for begin, and the others are behind.
    pub(in crate::worker) fn redeem(mut self, services: &Arc<Services>, deliveries: Vec<Delivery>) {
        let now = services.now();
        let mut by_webhook: HashMap<WebhookId, Vec<Delivery>> = HashMap::new();
        for delivery in deliveries {
            by_webhook.entry(delivery.webhook_id).or_default().push(delivery);
        }
        let mut book = self.dispatch.book();
        for planned in self.kept.drain(..) {
            book.unpromise(&planned);
        }
        for (webhook, deliveries) in by_webhook {
            match self.targets.remove(&webhook) {
                Some(target) => book.hold(target, deliveries, now),
                None => book.set_behind(webhook, true),
            }
        }
        book.begin(services, &self.dispatch);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut book = self.dispatch.book();
        for planned in &self.kept {
            book.unpromise(planned);
        }
    }
}
