//! Notes of what was deleted, and mentions of who was.

use super::agent::{agent, delete as delete_agent, insert as insert_agent};
use super::client::{client, insert as insert_client};
use super::note::{find, insert, listed, mentioning, note, update};
use super::user::{insert as insert_user, user};
use super::{Ground, START, begin, later, mint};
use crate::id::{IssuerId, UserId};
use crate::note::model::{Mention, Note, NoteSubject};
use crate::note::repository::{DepartedSubject, NoteFilter};
use crate::outcome::WriteOutcome;

async fn forget(ground: &Ground, user: UserId, limit: u32) -> u64 {
    let mut unit = begin(ground, later(1)).await;
    let forgotten = unit.notes().forget_mentions(user, limit).await.unwrap();
    unit.commit().await.unwrap();
    forgotten
}

pub async fn mentions_of_one_user_are_forgotten_in_batches(ground: Ground) {
    let (account, gone, other) = (mint(), mint(), mint());
    let both = vec![gone, other].into_iter().map(|user_id| Mention { user_id, created_at: START }).collect::<Vec<_>>();
    let mut notes = Vec::new();
    for _ in 0..3 {
        let one = Note { mentions: both.clone(), ..note(account) };
        insert(&ground, &one).await;
        notes.push(one);
    }
    let batches = [forget(&ground, gone, 2).await, forget(&ground, gone, 2).await, forget(&ground, gone, 2).await];
    assert_eq!(batches, [2, 1, 0]);
    for before in notes {
        let after = find(&ground, account, before.id).await.unwrap();
        assert_eq!(after, Note { mentions: both[1..].to_vec(), updated_at: later(1), ..before });
    }
    let by = |user| NoteFilter { mentions_user_id: Some(user), ..NoteFilter::default() };
    assert_eq!(listed(&ground, account, by(gone)).await, []);
    assert_eq!(listed(&ground, account, by(other)).await.len(), 3);
}

pub async fn who_read_a_note_before_cannot_bring_a_forgotten_mention_back(ground: Ground) {
    let gone = mint();
    let before = mentioning(gone, note(mint()));
    insert(&ground, &before).await;
    assert_eq!(forget(&ground, gone, 10).await, 1);
    let late = Note { content: "other".to_owned(), updated_at: later(2), ..before.clone() };
    assert_eq!(update(&ground, &late, before.updated_at).await, WriteOutcome::Stale);
    assert_eq!(find(&ground, before.account_id, before.id).await.unwrap().mentions, []);
}

pub async fn notes_of_what_was_deleted_are_found_and_removed_in_batches(ground: Ground) {
    let issuer: IssuerId = mint();
    let (person, app, helper) = (user(issuer), client(issuer), agent(issuer));
    insert_user(&ground, &person).await;
    insert_client(&ground, &app).await;
    insert_agent(&ground, &helper).await;
    let account = mint();
    let subjects = [NoteSubject::User(person.id), NoteSubject::Client(app.id), NoteSubject::Agent(helper.id)];
    let mut last = None;
    for subject in subjects {
        for _ in 0..3 {
            let one = mentioning(mint(), Note { issuer_id: issuer, subject, ..note(account) });
            insert(&ground, &one).await;
            last = Some(one);
        }
    }
    let departed = async |since| {
        let found = ground.store().reads().notes().departed(since, 100).await.unwrap();
        let ours = found.into_iter().filter(|one: &DepartedSubject| one.issuer_id == issuer);
        ours.map(|one| one.subject).collect::<Vec<_>>()
    };
    assert_eq!(departed(START).await, []);
    let mut unit = begin(&ground, later(1)).await;
    let _ = unit.users().begin_delete(issuer, person.id, START).await.unwrap();
    let _ = unit.clients().delete(issuer, app.id, START).await.unwrap();
    unit.commit().await.unwrap();
    delete_agent(&ground, &helper, 2).await;
    assert_eq!(departed(START).await, subjects);
    assert_eq!(departed(later(2)).await, [subjects[2]]);
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(3)).await;
        batches.push(unit.notes().remove_of(issuer, subjects[2], 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert_eq!(departed(START).await, subjects[..2]);
    let mentioned = last.unwrap().mentions[0].user_id;
    let filter = NoteFilter { mentions_user_id: Some(mentioned), ..NoteFilter::default() };
    assert_eq!(listed(&ground, account, filter).await, [], "what they named went with them");
}
