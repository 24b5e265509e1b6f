//! Users: directory and records.

mod directory;
mod names;
mod record;

pub use directory::{
    a_deleted_user_keeps_its_name_until_the_purge,
    a_status_filter_shows_that_status_and_none_shows_all_but_the_deleted,
    pages_neither_repeat_nor_skip_while_rows_come_and_go, the_longest_deleted_are_purged_first,
    those_who_wait_are_listed_oldest_first,
};
pub use names::{
    a_taken_name_leaves_the_unit_usable, an_address_finds_who_has_proven_it_and_then_who_is_called_so,
    of_parallel_renames_to_one_name_one_wins, of_parallel_users_of_one_name_one_is_made,
};
pub use record::{
    a_dropped_unit_leaves_nothing, a_login_is_noted_and_is_no_change, an_update_with_a_stale_version_changes_nothing,
    another_issuer_sees_and_changes_nothing, every_field_comes_back_as_it_was_written,
    of_parallel_updates_of_one_version_one_wins,
};

use super::{Ground, START, begin, later, mint};
use crate::id::{IssuerId, UserId};
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::seal::RootKey;
use crate::status::Status;
use crate::timestamp::Timestamp;
use crate::user::model::{
    DirectoryEntry, DirectoryStatus, User, UserDetails, UserOrigin, UserSecurity, UserStatus, Username, UsernameHash,
};
use crate::user::repository::{UserFilter, UserUpdateOutcome};

/// The user `name` of `issuer`.
pub fn named(issuer: IssuerId, name: &str) -> User {
    User {
        id: mint(),
        issuer_id: issuer,
        status: Status::initial(UserStatus::Active),
        username: Username::new(None, name).unwrap(),
        username_hash: hash(name),
        email_hash: None,
        details: UserDetails::default(),
        metadata: Metadata::default(),
        origin: UserOrigin::SignUp,
        approval: None,
        security: UserSecurity::default(),
        created_at: START,
        updated_at: START,
    }
}

/// A user of `issuer` under a name that no other has.
pub fn user(issuer: IssuerId) -> User {
    let name = mint::<UserId>().to_string();
    named(issuer, &name)
}

fn hash(name: &str) -> UsernameHash {
    UsernameHash::of(&RootKey::new([7; 32]), name)
}

fn renamed(before: &User, name: &str) -> User {
    User {
        username: Username::new(None, name).unwrap(),
        username_hash: hash(name),
        updated_at: later(1),
        ..before.clone()
    }
}

/// Adds a user and commits.
pub async fn insert(ground: &Ground, user: &User) {
    let mut unit = begin(ground, START).await;
    assert_eq!(unit.users().insert(user).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, issuer: IssuerId, id: UserId) -> Option<User> {
    ground.store().reads().users().find(issuer, id).await.unwrap()
}

async fn update(ground: &Ground, after: &User, before: &User) -> UserUpdateOutcome {
    let mut unit = begin(ground, later(1)).await;
    let outcome = unit.users().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

/// Accepts the deletion of a user and commits.
pub async fn delete(ground: &Ground, user: &User, now: Timestamp) {
    let mut unit = begin(ground, now).await;
    let deleted = unit.users().begin_delete(user.issuer_id, user.id, user.updated_at).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
}

async fn listed(ground: &Ground, issuer: IssuerId, status: Option<DirectoryStatus>) -> Vec<DirectoryEntry> {
    let page = PageRequest { limit: Limit::default(), after: None };
    ground.store().reads().users().list(issuer, UserFilter { status }, &page).await.unwrap().items
}
