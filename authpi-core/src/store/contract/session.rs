//! Sessions of users.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::client::{client as a_client, insert as insert_client};
use super::user::{insert as insert_user, user as a_user};
use super::{Ground, START, begin, later, mint, race};
use crate::id::{IssuerId, SessionId, UserId};
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::secret::{KeyTag, Pepper, Peppers, SecretHash};
use crate::session::model::{
    Authentication, Compromise, Device, Freezes, IssuedTokens, Lifecycle, Lifetime, Location, Phase, RpSession,
    SessionDetails, SessionKind, UserSession,
};
use crate::session::repository::{ENDED_LISTED, SessionsOf};
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

const DAY: Duration = Duration::from_hours(24);

/// A session of a user at their issuer that lasts for a day, and half of that without activity.
pub fn session(issuer: IssuerId, user: UserId) -> UserSession {
    UserSession {
        id: mint(),
        account_id: mint(),
        issuer_id: issuer,
        user_id: user,
        kind: SessionKind::Op,
        status: Status::initial(Lifecycle::ACTIVE),
        details: SessionDetails::default(),
        lifetime: Lifetime { ttl: 86_400, idle_timeout: 43_200, last_activity_at: START, expires_at: START.plus(DAY) },
        tokens: IssuedTokens::default(),
        compromise: None,
        revoked_reason: None,
        ended_at: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

/// The session of a client that came from another.
pub fn linked(op: &UserSession) -> UserSession {
    let rp = RpSession {
        op_session_id: op.id,
        client_id: mint(),
        client_name: "App".to_owned(),
        org_id: Some(mint()),
        unused_until: START.plus(DAY),
    };
    let plain = session(op.issuer_id, op.user_id);
    UserSession { kind: SessionKind::Rp(rp), status: Status::initial(Lifecycle::INACTIVE), ..plain }
}

/// The same session, ended by somebody.
pub fn ended(session: &UserSession, at: Timestamp) -> UserSession {
    let lifecycle = Lifecycle::stored(Phase::Revoked, Freezes::default());
    let status = Status::changed(lifecycle, at, StatusNote::default());
    UserSession { status, ended_at: Some(at), updated_at: at, ..session.clone() }
}

pub async fn insert(ground: &Ground, session: &UserSession) {
    let mut unit = begin(ground, START).await;
    unit.sessions().insert(session, None).await.unwrap();
    unit.commit().await.unwrap();
}

async fn update(ground: &Ground, after: &UserSession, before: Timestamp) -> WriteOutcome {
    let mut unit = begin(ground, after.updated_at).await;
    let outcome = unit.sessions().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn find(ground: &Ground, issuer: IssuerId, id: SessionId) -> Option<UserSession> {
    ground.store().reads().sessions().find(issuer, id).await.unwrap()
}

async fn live(ground: &Ground, issuer: IssuerId, of: SessionsOf) -> Vec<SessionId> {
    ids(&ground.store().reads().sessions().live(issuer, of, None, 100).await.unwrap())
}

async fn count(ground: &Ground, issuer: IssuerId, of: SessionsOf, now: Timestamp) -> u64 {
    ground.store().reads().sessions().count_unended(issuer, of, now).await.unwrap()
}

fn ids(sessions: &[UserSession]) -> Vec<SessionId> {
    sessions.iter().map(|session| session.id).collect()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let op = session(mint(), mint());
    insert(&ground, &op).await;
    assert_eq!(find(&ground, op.issuer_id, op.id).await.as_ref(), Some(&op));
    let long = |length: usize| Some("🦀".repeat(length));
    let plain = linked(&op);
    let SessionKind::Rp(rp) = plain.kind.clone() else { panic!("a session of a client") };
    let full = UserSession {
        kind: SessionKind::Rp(RpSession { client_name: "名".repeat(200), ..rp }),
        status: Status::changed(
            Lifecycle::stored(Phase::Active, Freezes { own: true, parent: false, user: true }),
            later(1),
            StatusNote { reason: long(1000), by: long(200) },
        ),
        details: SessionDetails {
            authentication: Authentication {
                method: "password".to_owned(),
                amr: vec!["pwd".to_owned(), "mfa".to_owned()],
                acr: Some("aal2".to_owned()),
                mfa: true,
                authenticated_at: later(1),
            },
            device: Device {
                user_agent: long(512),
                ip: Some("2001:db8::1".to_owned()),
                fingerprint: long(64),
                name: Some("Firefox / Linux".to_owned()),
                trusted: true,
            },
            location: Location {
                ip: Some("2001:db8::1".to_owned()),
                country: Some("DE".to_owned()),
                region: long(100),
                city: long(100),
            },
            origin: Some("https://app.example.com".to_owned()),
        },
        lifetime: Lifetime {
            ttl: u32::MAX,
            idle_timeout: u32::MAX,
            last_activity_at: later(2),
            expires_at: Timestamp::from_millis(9_007_199_254_740_991),
        },
        tokens: IssuedTokens { access_at: Some(later(3)), refresh_at: Some(later(4)), refresh_count: u32::MAX },
        compromise: Some(Compromise { at: later(5), reason: "r".repeat(64) }),
        revoked_reason: long(1000),
        ended_at: Some(later(6)),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        ..plain
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.issuer_id, full.id).await.as_ref(), Some(&full));
    let changed = UserSession { kind: full.kind.clone(), id: full.id, updated_at: later(7), ..linked(&op) };
    let changed = UserSession { account_id: full.account_id, ..changed };
    assert_eq!(update(&ground, &changed, full.updated_at).await, WriteOutcome::Done);
    assert_eq!(find(&ground, full.issuer_id, full.id).await.as_ref(), Some(&changed));
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let known = session(mint(), mint());
    insert(&ground, &known).await;
    let foreign = UserSession { issuer_id: mint(), updated_at: later(1), ..known.clone() };
    let (stranger, user) = (foreign.issuer_id, SessionsOf::User(known.user_id));
    assert_eq!(find(&ground, stranger, known.id).await, None);
    assert_eq!(live(&ground, stranger, user).await, []);
    assert_eq!(live(&ground, stranger, SessionsOf::Issuer).await, []);
    assert_eq!(count(&ground, stranger, user, START).await, 0);
    let store = ground.store();
    assert_eq!(store.reads().sessions().list(stranger, known.user_id, START).await.unwrap(), []);
    assert_eq!(update(&ground, &foreign, known.updated_at).await, WriteOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.sessions().remove_of_user(stranger, known.user_id, 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, known.issuer_id, known.id).await, Some(known));
}

pub async fn a_stale_version_changes_nothing(ground: Ground) {
    let known = session(mint(), mint());
    insert(&ground, &known).await;
    let after = UserSession { updated_at: later(1), ..ended(&known, later(1)) };
    assert_eq!(update(&ground, &after, later(1)).await, WriteOutcome::Stale);
    assert_eq!(find(&ground, known.issuer_id, known.id).await, Some(known));
}

pub async fn of_parallel_ends_of_one_version_one_wins(ground: Ground) {
    let known = session(mint(), mint());
    insert(&ground, &known).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, known, wins) = (Arc::clone(&ground), known.clone(), Arc::clone(&wins));
        async move {
            if update(&ground, &ended(&known, later(1)), known.updated_at).await == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::Relaxed), 1);
}

pub async fn a_list_shows_the_live_and_the_newest_of_the_lately_ended(ground: Ground) {
    let (issuer, user) = (mint(), mint());
    let oldest_live = session(issuer, user);
    insert(&ground, &oldest_live).await;
    let forgotten = ended(&session(issuer, user), START);
    insert(&ground, &forgotten).await;
    let mut unit = begin(&ground, START).await;
    let mut lately = Vec::new();
    for _ in 0..=ENDED_LISTED {
        let one = ended(&session(issuer, user), later(1));
        unit.sessions().insert(&one, None).await.unwrap();
        lately.push(one.id);
    }
    unit.commit().await.unwrap();
    let newest_live = session(issuer, user);
    insert(&ground, &newest_live).await;
    insert(&ground, &session(issuer, mint())).await;
    let mut expected = vec![newest_live.id];
    expected.extend(lately.iter().skip(1).rev());
    expected.push(oldest_live.id);
    let store = ground.store();
    let listed = store.reads().sessions().list(issuer, user, later(1)).await.unwrap();
    assert_eq!(ids(&listed), expected);
}

pub async fn live_sessions_are_found_by_what_they_belong_to(ground: Ground) {
    let op = session(mint(), mint());
    let rp = linked(&op);
    let gone = ended(&linked(&op), later(1));
    let other = session(op.issuer_id, mint());
    for one in [&op, &rp, &gone, &other] {
        insert(&ground, one).await;
    }
    let (issuer, parts) = (op.issuer_id, rp.kind.rp().unwrap().clone());
    let of_user = SessionsOf::User(op.user_id);
    assert_eq!(live(&ground, issuer, SessionsOf::Issuer).await, [op.id, rp.id, other.id], "oldest first");
    assert_eq!(live(&ground, issuer, of_user).await, [op.id, rp.id]);
    for of in
        [SessionsOf::Op(op.id), SessionsOf::Client(parts.client_id), SessionsOf::Organization(parts.org_id.unwrap())]
    {
        assert_eq!(live(&ground, issuer, of).await, [rp.id], "{of:?}");
        assert_eq!(count(&ground, issuer, of, START).await, 1, "{of:?}");
    }
    let store = ground.store();
    assert_eq!(store.reads().sessions().live(issuer, of_user, None, 1).await.unwrap(), std::slice::from_ref(&op));
    for (after, expected) in [(op.id, vec![rp.id]), (rp.id, Vec::new())] {
        let behind = store.reads().sessions().live(issuer, of_user, Some(after), 100).await.unwrap();
        assert_eq!(ids(&behind), expected);
    }
    assert_eq!(count(&ground, issuer, of_user, START).await, 2);
    let idle_end = op.lapses_at();
    assert_eq!(count(&ground, issuer, of_user, idle_end.minus(Duration::from_millis(1))).await, 2);
    assert_eq!(count(&ground, issuer, of_user, idle_end).await, 0, "time has ended them");
    assert_eq!(live(&ground, issuer, of_user).await.len(), 2, "and nobody has noted it");
    let mut unit = begin(&ground, idle_end).await;
    unit.sessions().touch(issuer, op.id, idle_end).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(count(&ground, issuer, of_user, idle_end).await, 0, "no use revives it");
    let just_before = idle_end.minus(Duration::from_millis(1));
    let mut unit = begin(&ground, just_before).await;
    unit.sessions().touch(issuer, op.id, just_before).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(count(&ground, issuer, of_user, idle_end).await, 1);
}

pub async fn what_time_has_ended_is_found_longest_first(ground: Ground) {
    let plain = session(mint(), mint());
    let ending = |minutes: u64| UserSession {
        id: mint(),
        lifetime: Lifetime { expires_at: later(minutes), ..plain.lifetime },
        ..plain.clone()
    };
    let (late, early, later_on) = (ending(2), ending(1), ending(3));
    let noted = ended(&ending(1), later(1));
    for one in [&late, &early, &later_on, &noted] {
        insert(&ground, one).await;
    }
    let store = ground.store();
    let lapsed = async |now, limit| ids(&store.reads().sessions().lapsed(now, &[], limit).await.unwrap());
    assert_eq!(lapsed(later(2), 10).await, [early.id, late.id]);
    assert_eq!(lapsed(later(2), 1).await, [early.id]);
    assert_eq!(lapsed(START, 10).await, []);
}

pub async fn live_sessions_of_deleted_users_and_clients_are_found(ground: Ground) {
    let issuer = mint();
    let [gone, gone_earlier, stays] = [(); 3].map(|()| a_user(issuer));
    let (removed, kept) = (a_client(issuer), a_client(issuer));
    for client in [&removed, &kept] {
        insert_client(&ground, client).await;
    }
    let mut sessions = Vec::new();
    for (user, client) in [(&gone, &kept), (&gone_earlier, &kept), (&stays, &removed)] {
        insert_user(&ground, user).await;
        let op = session(issuer, user.id);
        let SessionKind::Rp(rp) = linked(&op).kind else { panic!("a session of a client") };
        let kind = SessionKind::Rp(RpSession { client_id: client.id, ..rp });
        let rp = UserSession { kind, ..linked(&op) };
        for one in [&op, &rp, &ended(&linked(&op), START)] {
            insert(&ground, one).await;
        }
        sessions.push((op.id, rp.id));
    }
    for (user, at) in [(&gone_earlier, later(1)), (&gone, later(2))] {
        let mut unit = begin(&ground, at).await;
        let _ = unit.users().begin_delete(issuer, user.id, user.updated_at).await.unwrap();
        let _ = unit.clients().delete(issuer, removed.id, removed.updated_at).await.unwrap();
        unit.commit().await.unwrap();
    }
    let store = ground.store();
    let of_users = async |since| {
        let found = store.reads().sessions().of_departed_users(since, &[], 10).await.unwrap();
        ids(&found).into_iter().collect::<BTreeSet<_>>()
    };
    let pair = |index: usize| -> [SessionId; 2] { sessions[index].into() };
    assert_eq!(of_users(START).await, pair(0).into_iter().chain(pair(1)).collect());
    assert_eq!(of_users(later(2)).await, pair(0).into_iter().collect());
    assert_eq!(of_users(later(3)).await, BTreeSet::new());
    let of_clients = async |since| ids(&store.reads().sessions().of_departed_clients(since, &[], 10).await.unwrap());
    assert_eq!(of_clients(START).await, [sessions[2].1]);
    assert_eq!(of_clients(later(2)).await, []);
}

pub async fn ended_sessions_are_purged_by_age_and_those_of_a_user_at_once(ground: Ground) {
    let live_one = session(mint(), mint());
    let old = [1, 2, 3].map(|minutes| ended(&session(live_one.issuer_id, live_one.user_id), later(minutes)));
    insert(&ground, &live_one).await;
    for one in &old {
        insert(&ground, one).await;
    }
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.sessions().purge(later(3), 1).await.unwrap(), 1);
    assert_eq!(unit.sessions().purge(later(3), 10).await.unwrap(), 1);
    assert_eq!(unit.sessions().purge(later(3), 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert!(find(&ground, live_one.issuer_id, old[0].id).await.is_none());
    assert!(find(&ground, live_one.issuer_id, old[2].id).await.is_some());
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.sessions().remove_of_user(live_one.issuer_id, live_one.user_id, 1).await.unwrap(), 1);
    assert_eq!(unit.sessions().remove_of_user(live_one.issuer_id, live_one.user_id, 9).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert_eq!(live(&ground, live_one.issuer_id, SessionsOf::Issuer).await, []);
}

pub async fn a_cookie_is_worth_something_until_another_takes_its_place(ground: Ground) {
    let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), Vec::new());
    let op = session(mint(), mint());
    let (rp, without) = (linked(&op), session(op.issuer_id, op.user_id));
    for session in [&rp, &without] {
        insert(&ground, session).await;
    }
    let one = peppers.hash("test", b"one");
    let mut unit = begin(&ground, START).await;
    unit.sessions().insert(&op, Some(&one)).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let cookie = async |issuer, id| {
        let found = store.reads().sessions().find_op(issuer, id).await.unwrap();
        found.map(|(session, secret)| (session.updated_at, secret.to_bytes()))
    };
    assert_eq!(cookie(op.issuer_id, without.id).await, None, "it has no cookie");
    assert_eq!(cookie(op.issuer_id, op.id).await, Some((op.updated_at, one.to_bytes())));
    assert_eq!(cookie(mint(), op.id).await, None);

    let renew = async |session: &UserSession, before, hash: &SecretHash| {
        let mut unit = begin(&ground, later(1)).await;
        let outcome = unit.sessions().renew(session, before, hash).await.unwrap();
        unit.commit().await.unwrap();
        outcome
    };
    let two = peppers.hash("test", b"two");
    let after = UserSession { updated_at: later(1), ..op.clone() };
    assert_eq!(renew(&after, op.updated_at, &two).await, WriteOutcome::Done);
    assert_eq!(cookie(op.issuer_id, op.id).await, Some((later(1), two.to_bytes())));
    assert_eq!(
        update(&ground, &UserSession { updated_at: later(2), ..op.clone() }, later(1)).await,
        WriteOutcome::Done
    );
    assert_eq!(cookie(op.issuer_id, op.id).await, Some((later(2), two.to_bytes())), "other changes leave it alone");

    let other = peppers.hash("test", b"other");
    assert_eq!(renew(&after, op.updated_at, &other).await, WriteOutcome::Stale, "it has changed since");
    let elsewhere = UserSession { issuer_id: mint(), ..after };
    assert_eq!(renew(&elsewhere, later(2), &other).await, WriteOutcome::Stale);
    assert_eq!(renew(&rp, rp.updated_at, &other).await, WriteOutcome::Stale, "clients have no cookie");
    assert_eq!(cookie(op.issuer_id, op.id).await, Some((later(2), two.to_bytes())));
    assert!(store.reads().sessions().find_op(rp.issuer_id, rp.id).await.unwrap().is_none());
}
