//! Requests that come more than once.

use super::*;

#[tokio::test]
async fn a_repeated_idempotent_request_gets_the_first_answer_again() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let send = || app.root().post(&list, json!({ "name": "once" })).header("idempotency-key", "k1");
    let first = send().expect(201).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    app.advance(Duration::from_hours(23));
    let again = send().expect(201).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((&again.bytes, again.header("etag")), (&first.bytes, first.header("etag")));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    let other_body = app.root().post(&list, json!({ "name": "two" })).header("idempotency-key", "k1").expect(422).await;
    assert_eq!(other_body.refusal().0, "invalid_request");
    assert_eq!(app.root().get(&list).expect(200).await.data().as_array().unwrap().len(), 1);
    assert_eq!(app.event_types("event_types=organization.created&issuer_id=").await.len(), 2);
    app.advance(Duration::from_secs(3601));
    assert_ne!(send().expect(201).await.id(), first.id());
}

/// Counts what the pool for heavy work is given.
struct Counting(Arc<dyn Compute>, Arc<AtomicUsize>);

impl Compute for Counting {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.run(job)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn background(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        self.0.background(job)
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_before_any_heavy_work() {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let app = App::start_computing(DRIVER, |pool| Arc::new(Counting(pool, counting))).await;
    let users = format!("{}/users", app.issuer().await);
    let body = json!({ "username": "ada", "password": "k7!qZp2vv-Rw9xT4mN6bH8cJ" });
    let send = |body: &serde_json::Value| app.root().post(&users, body.clone()).header("idempotency-key", "k").send();
    let before = count.load(Ordering::SeqCst);
    let first = send(&body).await;
    assert_eq!(first.status, 201);
    let hashed = count.load(Ordering::SeqCst);
    assert!(hashed > before, "a password was hashed");
    let again = send(&body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed"), &again.bytes), (201, "true", &first.bytes));
    assert_eq!(send(&json!({ "username": "bob", "password": "k7!qZp2vv-Rw9xT4mN6bH8cJ" })).await.status, 422);
    assert_eq!(count.load(Ordering::SeqCst), hashed, "nothing was hashed again");
    app.advance(Duration::from_hours(25));
    assert_eq!(send(&body).await.status, 409, "the key is forgotten, and the name is taken");
}

#[tokio::test]
async fn another_caller_never_gets_the_answer_of_an_idempotent_request() {
    let app = App::start(DRIVER).await;
    let body = json!({ "name": "k", "restrictions": { "scopes": ["*:**"] } });
    let keys = app.path("/api-keys");
    let send = |caller: tests::Caller| caller.post(&keys, body.clone()).header("idempotency-key", "mint").send();
    let minted = send(app.root()).await;
    assert_eq!(minted.status, 201);
    let (id, secret) = app.account_key(&["api-keys:write"]).await;
    let refused = send(app.with_key(&id, &secret)).await;
    assert_eq!(refused.status, 422);
    assert!(!String::from_utf8_lossy(&refused.bytes).contains(&minted.text("secret_plain")));
}

#[tokio::test]
async fn a_refused_request_leaves_its_idempotency_key_free() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    app.root().post(&list, json!({ "name": "" })).header("idempotency-key", "k").expect(400).await;
    app.root().post(&list, json!({ "name": "x" })).header("idempotency-key", "k").expect(201).await;
    for bad in ["", &"x".repeat(257)] {
        let refused = app.root().post(&list, json!({ "name": "x" })).header("idempotency-key", bad).expect(400).await;
        assert_eq!(refused.refusal().1, ["Idempotency-Key invalid_format"]);
    }
}

#[tokio::test]
async fn of_parallel_idempotent_requests_one_is_done() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let racers =
        (0..16).map(|_| app.root().post(&list, json!({ "name": "once" })).header("idempotency-key", "race").send());
    for reply in futures_util::future::join_all(racers).await {
        match reply.status.as_u16() {
            201 => {}
            409 => {
                assert_eq!(reply.body["retryable"], true);
                assert_eq!(reply.header("retry-after"), "1");
            }
            other => panic!("{other}: {reply}"),
        }
    }
    assert_eq!(app.root().get(&list).expect(200).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_retried_patch_gets_its_stored_answer_and_not_412() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    let send = || {
        let patch = app.root().patch(&organization, json!({ "name": "new" }));
        patch.header("if-match", &etag).header("idempotency-key", "p").expect(200)
    };
    let first = send().await;
    assert_eq!(send().await.bytes, first.bytes);
}
