#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use uuid::Uuid;

use super::*;
use crate::id::Id;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TTL: u32 = 1000;
const IDLE: u32 = 100;

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn op() -> UserSession {
    UserSession {
        id: SessionId::from_uuid(Uuid::nil()),
        account_id: AccountId::from_uuid(Uuid::nil()),
        issuer_id: IssuerId::from_uuid(Uuid::nil()),
        user_id: UserId::from_uuid(Uuid::nil()),
        kind: SessionKind::Op,
        status: Status::initial(Lifecycle::ACTIVE),
        details: SessionDetails::default(),
        lifetime: Lifetime { ttl: TTL, idle_timeout: IDLE, last_activity_at: START, expires_at: after(TTL.into()) },
        tokens: IssuedTokens::default(),
        compromise: None,
        revoked_reason: None,
        ended_at: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

fn rp() -> UserSession {
    let rp = RpSession {
        op_session_id: SessionId::from_uuid(Uuid::nil()),
        client_id: ClientId::from_uuid(Uuid::nil()),
        client_name: String::new(),
        org_id: None,
        unused_until: after(60),
    };
    UserSession { kind: SessionKind::Rp(rp), status: Status::initial(Lifecycle::INACTIVE), ..op() }
}

fn note() -> StatusNote {
    StatusNote::default()
}

/// One session in each status.
fn in_every_status() -> [(SessionStatus, UserSession); 5] {
    [
        (SessionStatus::Inactive, rp()),
        (SessionStatus::Active, op()),
        (SessionStatus::Suspended, op().frozen(Freeze::Own, START, note()).unwrap()),
        (SessionStatus::Revoked, op().revoked(EndCause::Logout, START, note()).unwrap()),
        (SessionStatus::Expired, op().expired(ExpiryCause::SessionLimit, START).unwrap()),
    ]
}

#[test]
fn the_steps_are_those_of_the_table_and_none_leads_out_of_an_end() {
    use SessionStatus::{Active, Expired, Revoked, Suspended};
    for (status, session) in in_every_status() {
        assert_eq!(session.status_at(START), status);
        let steps = [
            (Suspended, session.clone().frozen(Freeze::Own, START, note())),
            (Active, session.clone().thawed(Freeze::Own, START, note())),
            (Active, session.clone().used(START)),
            (Revoked, session.clone().revoked(EndCause::Revoked, START, note())),
            (Expired, session.clone().expired(ExpiryCause::MaxAge, START)),
        ];
        for (index, (to, stepped)) in steps.into_iter().enumerate() {
            match (status.is_final(), index, stepped) {
                (true, _, stepped) => assert_eq!(stepped, Err(AlreadyEnded), "{status:?} {to:?}"),
                // Thawing leaves what was never in use where it was; using something frozen leaves it frozen.
                (false, 1, Ok(stepped)) if status == SessionStatus::Inactive => assert_eq!(stepped, session),
                (false, 2, Ok(stepped)) if status == Suspended => assert_eq!(stepped.status_at(START), Suspended),
                (false, _, Ok(stepped)) => assert_eq!(stepped.status_at(START), to, "{status:?}"),
                (false, _, Err(ended)) => panic!("{status:?} {to:?}: {ended}"),
            }
        }
    }
}

#[test]
fn each_takes_back_only_its_own_freeze() {
    let all = [Freeze::Own, Freeze::Parent, Freeze::User];
    let mut session = op();
    for by in all {
        session = session.frozen(by, START, note()).unwrap();
    }
    for by in all {
        assert_eq!(session.status_at(START), SessionStatus::Suspended);
        session = session.thawed(by, START, note()).unwrap();
    }
    assert_eq!(session.status_at(START), SessionStatus::Active);
}

#[test]
fn a_note_stays_while_the_status_does() {
    let why = |text: &str| StatusNote { reason: Some(text.to_owned()), by: None };
    let frozen = op().frozen(Freeze::Own, after(1), why("first")).unwrap();
    let twice = frozen.clone().frozen(Freeze::User, after(2), why("second")).unwrap();
    assert_eq!((twice.status.at, twice.status.reason.as_deref()), (Some(after(1)), Some("first")));
    let still = twice.thawed(Freeze::User, after(3), why("third")).unwrap();
    assert_eq!(still.status, frozen.status);
}

#[test]
fn age_wins_over_activity_and_inactivity_over_age() {
    let session = op();
    assert_eq!((session.lapses_at(), session.lapses_by()), (after(IDLE.into()), ExpiryCause::IdleTimeout));
    assert_eq!(session.status_at(after(99)), SessionStatus::Active);
    assert_eq!(session.status_at(after(100)), SessionStatus::Expired);
    let mut busy = op();
    busy.lifetime.last_activity_at = after(950);
    assert_eq!((busy.lapses_at(), busy.lapses_by()), (after(TTL.into()), ExpiryCause::MaxAge));
    assert_eq!(busy.clone().frozen(Freeze::Own, after(1000), note()), Err(AlreadyEnded), "time has ended it");
    assert_eq!(busy.clone().revoked(EndCause::Logout, after(1000), note()), Err(AlreadyEnded));
    let noted = busy.expired(ExpiryCause::MaxAge, after(1060)).unwrap();
    assert_eq!((noted.ended_at, noted.status.at), (Some(after(1000)), Some(after(1000))), "not when it was noticed");
}

#[test]
fn a_session_without_a_token_ends_with_its_code_and_takes_no_place() {
    assert_eq!((rp().lapses_at(), rp().lapses_by()), (after(60), ExpiryCause::MaxAge));
    assert!(!rp().takes_a_place(START) && op().takes_a_place(START));
    let used = rp().used(after(59)).unwrap();
    assert_eq!(used.lapses_at(), after(159));
    assert!(used.takes_a_place(after(158)) && !used.takes_a_place(after(159)));
    assert_eq!(rp().used(after(60)), Err(AlreadyEnded));
    assert!(!used.revoked(EndCause::Logout, after(60), note()).unwrap().takes_a_place(after(61)));
}

#[test]
fn a_revocation_says_why_in_the_words_of_the_caller_or_of_the_cause() {
    let revoked = |reason: Option<&str>| {
        let note = StatusNote { reason: reason.map(str::to_owned), by: None };
        op().revoked(EndCause::CodeReplay, START, note).unwrap().revoked_reason
    };
    assert_eq!(revoked(Some("lost laptop")).as_deref(), Some("lost laptop"));
    assert_eq!(revoked(None).as_deref(), Some("code_replay"));
}
