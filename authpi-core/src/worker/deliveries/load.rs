//! How much is reserved, counted once for many questions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::AccountId;
#[cfg(doc)]
use crate::webhook::model::KeptBody;

/// Deliveries that this process has reserved, or has attempted and not recorded yet. Each holds a small body at most
/// ([`KeptBody::SMALL`]), so that all of them take 64 MiB however many wait.
const MAX_LEASED: usize = 8_192;

/// Of those that it has reserved, to webhooks of one account.
const MAX_LEASED_PER_ACCOUNT: usize = 2_048;

/// What an account gets at a time of what is free, as a divisor.
const PART: usize = 4;

/// Reserved deliveries that have not ended, with those that are being reserved.
#[derive(Default)]
pub(super) struct Load {
    all: usize,
    of_accounts: HashMap<AccountId, usize>,
    at_hosts: HashMap<Bucket, usize>,
}

/// What is counted together at a host: what goes there for one account, to webhooks that answer quickly or to others.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) account: AccountId,
    pub(super) host: Arc<str>,
    pub(super) is_quick: bool,
}

impl Load {
    /// With as many that have ended and are not recorded.
    pub(super) fn unrecorded(ends: usize) -> Self {
        Self { all: ends, ..Self::default() }
    }

    pub(super) fn add(&mut self, bucket: Bucket, count: usize) {
        self.all += count;
        *self.of_accounts.entry(bucket.account).or_default() += count;
        *self.at_hosts.entry(bucket).or_default() += count;
    }

    /// How many more deliveries may be reserved.
    pub(super) const fn room(&self) -> usize {
        MAX_LEASED.saturating_sub(self.all)
    }

    /// How many of them to webhooks of this account.
    pub(super) fn room_of(&self, account: AccountId) -> usize {
        MAX_LEASED_PER_ACCOUNT.saturating_sub(self.of_account(account)).min(self.room())
    }

    /// How many of them to each of `among` webhooks of this account: one takes a part of what is free at a time, so that
    /// something always is.
    pub(super) fn quota(&self, account: AccountId, among: usize) -> usize {
        self.room_of(account).min(self.room().div_ceil(PART)).div_ceil(among.max(1))
    }

    pub(super) fn of_account(&self, account: AccountId) -> usize {
        self.of_accounts.get(&account).copied().unwrap_or_default()
    }

    pub(super) fn at_host(&self, bucket: &Bucket) -> usize {
        self.at_hosts.get(bucket).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn bucket(account: u128) -> Bucket {
        let account = AccountId::from_uuid(uuid::Uuid::from_u128(account));
        Bucket { account, host: "receiver.example".into(), is_quick: true }
    }

    #[test]
    fn an_account_gets_a_quarter_of_what_is_free_shared_alike() {
        let (mut load, one, other) = (Load::default(), bucket(1), bucket(2));
        assert_eq!((load.quota(one.account, 1), load.quota(one.account, 3)), (2_048, 683));
        load.add(one.clone(), 1_500);
        assert_eq!((load.room(), load.room_of(one.account), load.quota(one.account, 1)), (6_692, 548, 548));
        assert_eq!(load.quota(other.account, 1), 1_673);
    }

    #[test]
    fn what_has_ended_takes_room_until_it_is_recorded() {
        let load = Load::unrecorded(8_190);
        assert_eq!((load.room(), load.room_of(bucket(1).account), load.quota(bucket(1).account, 1)), (2, 2, 1));
    }

    #[test]
    fn what_goes_to_a_host_is_counted_apart_for_quick_webhooks() {
        let (mut load, quick) = (Load::default(), bucket(1));
        load.add(quick.clone(), 2);
        load.add(quick.clone(), 1);
        let slow = Bucket { is_quick: false, ..quick.clone() };
        assert_eq!((load.at_host(&quick), load.at_host(&slow), load.of_account(quick.account)), (3, 0, 3));
    }
}
