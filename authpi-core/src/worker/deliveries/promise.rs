//! Room that is kept for deliveries while they are being reserved, or made.

use std::collections::HashMap;
use std::sync::Arc;

use super::Dispatch;
use super::book::{Book, Planned};
use super::lane::Target;
use super::load::Load;
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
        let ready: Vec<_> = {
            let book = dispatch.book();
            wanted.iter().filter(|(webhook, _)| book.is_ready(webhook, now)).collect()
        };
        // Where secrets cannot be opened, whoever looks for the deliveries says so.
        let opened = |webhook: &Webhook| Target::new(&services.keyring, webhook.clone(), now).ok();
        let ready: Vec<_> = ready.into_iter().filter_map(|(webhook, count)| Some((opened(webhook)?, *count))).collect();
        let mut among: HashMap<AccountId, usize> = HashMap::new();
        for (target, _) in &ready {
            *among.entry(target.place().0).or_default() += 1;
        }
        let mut book = dispatch.book();
        let mut load = book.load();
        let quotas = among.into_iter().map(|(account, among)| (account, load.quota(account, among)));
        let quotas: HashMap<AccountId, usize> = quotas.collect();
        for (target, count) in ready {
            let (webhook, place) = (target.webhook_id(), target.place());
            let quota = quotas.get(&place.0).copied().unwrap_or_default();
            if book.room_for(&load, webhook, &place, quota) >= count {
                promise.keep(&mut book, &mut load, Planned { webhook, place, count });
                promise.targets.insert(webhook, target);
            }
        }
        drop(book);
        promise
    }

    pub(super) fn keep(&mut self, book: &mut Book, load: &mut Load, planned: Planned) {
        book.promise(load, planned.clone());
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
        for mut delivery in deliveries {
            delivery.body = delivery.body.to_wait();
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
