//! What a receiver of webhooks lets through.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};

use authpi_verifier::{
    Claim, Clock, Delivery, Event, Memory, MemoryError, RecentIds, SystemClock, WebhookRefused, WebhookVerifier, kind,
};
use futures_util::FutureExt;
use http::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "evt_0kfz3m8q1w5e9r2t6y4u7i3o5";
const SENT: i64 = 1_781_222_401;

/// The second vector of the specification.
const BODY: &str = r#"{"specversion":"1.0","id":"evt_0kfz3m8q1w5e9r2t6y4u7i3o5","source":"com.authpi.webhooks/v1/wh_0kfz3m8q1w5e9r2t6y4u7i3w1","type":"user.created","subject":"usr_0kfz3m8q1w5e9r2t6y4u7i3u1","time":"2026-06-12T00:00:00.123Z","datacontenttype":"application/json","accountid":"acc_0kfz3m8q1w5e9r2t6y4u7i3a1","issuerid":"i_0kfz3m8q1w5e9r2t6y4u7i3i1","data":{"spec":"1.0","id":"evt_0kfz3m8q1w5e9r2t6y4u7i3o5","trace":"4bf92f3577b34da6a3ce929d0e0e4736","type":"user.created","source":"com.authpi/v1","trigger":"api","auth":{"type":"api_key","key_id":"key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c"},"subject":{"account_id":"acc_0kfz3m8q1w5e9r2t6y4u7i3a1","issuer_id":"i_0kfz3m8q1w5e9r2t6y4u7i3i1","user_id":"usr_0kfz3m8q1w5e9r2t6y4u7i3u1"},"timestamp":1781222400123,"data":{"username_type":"email","status":"active"}}}"#;
const SIGNED: &str = "v1,uLVpZy96B7x2RKaX9g6i0tNkN4xANBS77JKk9iutyPI=";

struct At(i64);

impl Clock for At {
    fn now(&self) -> i64 {
        self.0
    }
}

fn verifier() -> WebhookVerifier<RecentIds, At> {
    WebhookVerifier::new(SECRET).unwrap().with_clock(At(SENT))
}

fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)] {
        headers.insert(name, value.parse().unwrap());
    }
    headers
}

fn genuine() -> HeaderMap {
    headers(ID, &SENT.to_string(), SIGNED)
}

/// A body signed by the public library.
fn signed(body: &str) -> HeaderMap {
    let signature = Webhook::new(SECRET).unwrap().sign(ID, SENT, body.as_bytes()).unwrap();
    headers(ID, &SENT.to_string(), &signature)
}

fn verified<'v, M: Memory, C: Clock>(
    verifier: &'v WebhookVerifier<M, C>,
    headers: &HeaderMap,
    body: &str,
) -> Result<Delivery<'v, M>, WebhookRefused> {
    verifier.verify(headers, body.as_bytes()).now_or_never().unwrap()
}

fn refused<M: Memory, C: Clock>(
    verifier: &WebhookVerifier<M, C>,
    headers: &HeaderMap,
    body: &str,
) -> (String, u16, Option<u32>) {
    let refused = verified(verifier, headers, body).unwrap_err();
    (format!("{refused:?}"), refused.status(), refused.retry_after())
}

fn because(name: &str, status: u16) -> (String, u16, Option<u32>) {
    (name.to_owned(), status, None)
}

fn handled<M: Memory>(delivery: Delivery<'_, M>) {
    delivery.handled().now_or_never().unwrap().unwrap();
}

#[test]
fn the_vector_of_the_specification_is_an_event_with_all_that_it_says() {
    let verifier = verifier();
    let delivery = verified(&verifier, &genuine(), BODY).unwrap();
    let event: &Event = delivery.event();
    assert_eq!((event.kind.as_str(), event.id.as_str()), (kind::USER_CREATED, ID));
    assert_eq!((event.spec.as_str(), event.source.as_str()), ("1.0", "com.authpi/v1"));
    assert_eq!(event.trace.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(event.trigger.as_deref(), Some("api"));
    assert_eq!(event.timestamp, 1_781_222_400_123);
    assert_eq!(event.data, json!({ "username_type": "email", "status": "active" }));
    assert_eq!(event.subject.user_id.as_deref(), Some("usr_0kfz3m8q1w5e9r2t6y4u7i3u1"));
    assert_eq!((&event.subject.org_id, event.subject.others.len()), (&None, 0));
    let actor = event.auth.as_ref().unwrap();
    assert_eq!((actor.kind.as_str(), actor.user_id.as_deref()), ("api_key", None));
    assert_eq!(actor.key_id.as_deref(), Some("key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c"));
    let envelope = delivery.envelope();
    assert_eq!(envelope.source, "com.authpi.webhooks/v1/wh_0kfz3m8q1w5e9r2t6y4u7i3w1");
    assert_eq!(envelope.subject.as_deref(), Some("usr_0kfz3m8q1w5e9r2t6y4u7i3u1"));
    assert_eq!(envelope.time.as_deref(), Some("2026-06-12T00:00:00.123Z"));
    assert_eq!((envelope.orgid.as_deref(), envelope.issuerid.as_deref()), (None, Some("i_0kfz3m8q1w5e9r2t6y4u7i3i1")));
}

#[test]
fn the_published_vector_is_genuine_and_no_event() {
    let verifier = WebhookVerifier::new(OTHER).unwrap().with_clock(At(1_649_367_553));
    let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let sent = headers("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "1649367553", signature);
    let body = r#"{"email":"test@example.com","username":"test_user"}"#;
    assert_eq!(refused(&verifier, &sent, body), because("Malformed", 400));
    assert_eq!(refused(&verifier, &sent, &body.replace("test_user", "test_usee")), because("Signature", 401));
}

#[test]
fn what_the_public_library_signs_is_taken_on_the_clock_of_the_machine() {
    let now = SystemClock.now();
    let library = Webhook::new(SECRET).unwrap();
    let sent = headers(ID, &now.to_string(), &library.sign(ID, now, BODY.as_bytes()).unwrap());
    library.verify(BODY.as_bytes(), &sent).unwrap();
    handled(verified(&WebhookVerifier::new(SECRET).unwrap(), &sent, BODY).unwrap());
}

#[test]
fn a_request_that_was_changed_anywhere_is_refused() {
    let verifier = verifier();
    for (changed, body) in [
        (headers("evt_0kfz3m8q1w5e9r2t6y4u7i3o6", &SENT.to_string(), SIGNED), BODY.to_owned()),
        (headers(ID, &(SENT + 1).to_string(), SIGNED), BODY.to_owned()),
        (headers(ID, &format!("0{SENT}"), SIGNED), BODY.to_owned()),
        (genuine(), BODY.replace("active", "locked")),
        (genuine(), format!("{BODY}\n")),
        (genuine(), String::new()),
        (headers(ID, &SENT.to_string(), &SIGNED.replace("v1,u", "v1,v")), BODY.to_owned()),
        (headers(ID, &SENT.to_string(), &SIGNED.replace("v1,", "v1a,")), BODY.to_owned()),
        (headers(ID, &SENT.to_string(), &SIGNED.replace("v1,", "")), BODY.to_owned()),
        (headers(ID, &SENT.to_string(), "v1,"), BODY.to_owned()),
        (headers(ID, &SENT.to_string(), "v1,uLVp"), BODY.to_owned()),
    ] {
        assert_eq!(refused(&verifier, &changed, &body), because("Signature", 401), "{changed:?}");
    }
    drop(verified(&verifier, &genuine(), BODY).unwrap());
}

#[test]
fn each_of_the_three_headers_is_demanded_once_and_readable() {
    let verifier = verifier();
    let now = SENT.to_string();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let expected = because(&format!("Header({name:?})"), 401);
        let mut lacking = genuine();
        let value = lacking.remove(name).unwrap();
        assert_eq!(refused(&verifier, &lacking, BODY), expected);
        let mut twice = genuine();
        twice.append(name, value);
        assert_eq!(refused(&verifier, &twice, BODY), expected);
        let mut strange = genuine();
        strange.insert(name, http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(refused(&verifier, &strange, BODY), expected);
    }
    for id in ["", "evt.1", "evt 1", &"x".repeat(256)] {
        assert_eq!(refused(&verifier, &headers(id, &now, SIGNED), BODY), because("Header(\"webhook-id\")", 401));
    }
    for time in ["", "-1", "+1781222401", "1781222401.0", "99999999999999999999", "now"] {
        assert_eq!(refused(&verifier, &headers(ID, time, SIGNED), BODY), because("Header(\"webhook-timestamp\")", 401));
    }
}

#[test]
fn five_minutes_are_forgiven_and_not_a_second_more() {
    for (now, passes) in [(SENT - 301, false), (SENT - 300, true), (SENT + 300, true), (SENT + 301, false)] {
        let verifier = WebhookVerifier::new(SECRET).unwrap().with_clock(At(now));
        if passes {
            drop(verified(&verifier, &genuine(), BODY).unwrap());
        } else {
            assert_eq!(refused(&verifier, &genuine(), BODY), because("Timestamp", 401));
        }
    }
}

#[test]
fn any_entry_by_any_known_secret_will_do() {
    let rotated = Webhook::new(OTHER).unwrap().sign(ID, SENT, BODY.as_bytes()).unwrap();
    let now = SENT.to_string();
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for entries in [format!("{rotated} {SIGNED}"), format!("v1a,x {wrong} {SIGNED} v2,y"), SIGNED.to_owned()] {
        drop(verified(&verifier(), &headers(ID, &now, &entries), BODY).unwrap());
    }
    assert_eq!(refused(&verifier(), &headers(ID, &now, &rotated), BODY), because("Signature", 401));
    let both = verifier().or_secret(OTHER).unwrap();
    drop(verified(&both, &headers(ID, &now, &rotated), BODY).unwrap());
    drop(verified(&both, &genuine(), BODY).unwrap());
    let many = format!("{}{SIGNED}", format!("{wrong} ").repeat(16));
    assert_eq!(refused(&verifier(), &headers(ID, &now, &many), BODY), because("Signature", 401), "a flood of entries");
}

#[test]
fn a_secret_that_is_none_is_refused_at_the_start() {
    let long = format!("whsec_{}", "A".repeat(88));
    for bad in
        ["", "whsec_", "whs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "whsec_AAECAwQFBgc=", "whsec_?", &long]
    {
        assert!(WebhookVerifier::new(bad).is_err(), "{bad}");
        assert!(verifier().or_secret(bad).is_err(), "{bad}");
    }
    assert!(!format!("{:?}", verifier().with_token("whb_secret")).contains("whb_secret"));
}

#[test]
fn a_token_is_demanded_where_one_is_expected() {
    let demanding = verifier().with_token("whb_right");
    let with = |value: &str| {
        let mut sent = genuine();
        sent.insert("authorization", value.parse().unwrap());
        sent
    };
    for wrong in
        ["Bearer whb_wrong", "Bearer whb_right2", "Basic whb_right", "whb_right", "Bearer ", "Bearer  whb_right"]
    {
        assert_eq!(refused(&demanding, &with(wrong), BODY), because("Token", 401), "{wrong}");
    }
    assert_eq!(refused(&demanding, &genuine(), BODY), because("Token", 401));
    drop(verified(&demanding, &with("bearer whb_right"), BODY).unwrap());
    drop(verified(&verifier(), &with("Bearer whb_whatever"), BODY).unwrap());
}

#[test]
fn a_body_that_is_too_large_is_refused_before_anything_is_computed() {
    let length = BODY.len();
    drop(verified(&verifier().with_largest_body(length), &genuine(), BODY).unwrap());
    let tight = verifier().with_largest_body(length - 1);
    assert_eq!(refused(&tight, &HeaderMap::new(), BODY), because("TooLarge", 413));
    assert_eq!(refused(&verifier(), &HeaderMap::new(), &"x".repeat(256 * 1024 + 1)), because("TooLarge", 413));
}

/// The body of the vector with a change.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut body = serde_json::from_str(BODY).unwrap();
    change(&mut body);
    body.to_string()
}

#[test]
fn a_signed_body_that_is_no_event_is_malformed() {
    let remove = |path: &str, name: &str| {
        changed(|body| drop(body.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(name)))
    };
    let mut bodies = vec!["{}".to_owned(), "null".to_owned(), format!("{BODY}x"), "\u{feff}{}".to_owned()];
    bodies.extend(["specversion", "id", "source", "type", "data"].map(|name| remove("", name)));
    let keys = ["spec", "id", "trace", "type", "source", "trigger", "auth", "subject", "timestamp", "data"];
    bodies.extend(keys.map(|name| remove("/data", name)));
    bodies.push(changed(|body| body["specversion"] = json!("0.3")));
    bodies.push(changed(|body| body["id"] = json!("evt_other")));
    bodies.push(changed(|body| body["data"]["id"] = json!("evt_other")));
    bodies.push(changed(|body| body["type"] = json!("user.deleted")));
    bodies.push(changed(|body| body["data"]["timestamp"] = json!("1781222400123")));
    bodies.push(changed(|body| body["data"]["data"] = json!([])));
    bodies.push(changed(|body| body["data"]["subject"]["user_id"] = json!({})));
    bodies.push(BODY.replace(r#""type":"user.created","source":"#, r#""type":"user.created","type":"x","source":"#));
    for body in bodies {
        assert_eq!(refused(&verifier(), &signed(&body), &body), because("Malformed", 400), "{body}");
    }
}

#[test]
fn types_ids_and_members_of_the_future_break_nobody() {
    let body = changed(|body| {
        body["type"] = json!("passkey.exploded");
        body["orgid"] = json!("org_1");
        body["rocketid"] = json!("r_1");
        body["data"]["type"] = json!("passkey.exploded");
        body["data"]["added"] = json!({ "later": true });
        body["data"]["subject"]["rocket_id"] = json!("r_1");
        body["data"]["auth"] = json!({ "type": "rocket", "rocket_id": "r_2", "ip": "203.0.113.7" });
        body["data"]["data"] = Value::Null;
    });
    let verifier = verifier();
    let delivery = verified(&verifier, &signed(&body), &body).unwrap();
    let event = delivery.event();
    assert_eq!((event.kind.as_str(), &event.data), ("passkey.exploded", &Value::Null));
    assert!(!kind::ALL.contains(&event.kind.as_str()));
    assert_eq!(event.subject.others["rocket_id"], "r_1");
    let actor = event.auth.as_ref().unwrap();
    assert_eq!((&actor.others["rocket_id"], actor.ip.as_deref()), (&json!("r_2"), Some("203.0.113.7")));
    let empty = changed(|body| {
        for name in ["trace", "trigger", "auth", "subject", "data"] {
            body["data"][name] = Value::Null;
        }
    });
    let bare = verifier.check(&signed(&empty), empty.as_bytes()).unwrap().event;
    assert_eq!((bare.auth, bare.subject.account_id, bare.trace), (None, None, None));
}

#[test]
fn an_event_is_a_duplicate_once_it_was_handled_and_not_before() {
    let verifier = verifier();
    let first = verified(&verifier, &genuine(), BODY).unwrap();
    assert_eq!(refused(&verifier, &genuine(), BODY), ("Busy".to_owned(), 503, Some(30)), "the first may yet fail");
    drop(first);
    let second = verified(&verifier, &genuine(), BODY).unwrap();
    handled(second);
    assert_eq!(refused(&verifier, &genuine(), BODY), because("Duplicate", 200));
    verifier.check(&genuine(), BODY.as_bytes()).unwrap();
    let forged = headers(ID, &SENT.to_string(), "v1,AAAA");
    assert_eq!(refused(&verifier, &forged, BODY), because("Signature", 401), "strangers learn nothing of duplicates");
}

#[test]
fn work_that_panics_or_is_broken_off_gives_the_event_back() {
    let verifier = verifier();
    let work = || {
        let _delivery = verified(&verifier, &genuine(), BODY).unwrap();
        panic!("the work fails");
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    let broken_off = async {
        let _delivery = verifier.verify(&genuine(), BODY.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    };
    assert!(broken_off.now_or_never().is_none());
    handled(verified(&verifier, &genuine(), BODY).unwrap());
}

#[test]
fn of_many_at_once_one_handles_the_event() {
    let verifier = verifier();
    let granted = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|_| scope.spawn(|| verified(&verifier, &genuine(), BODY).ok())).collect();
        all.into_iter().filter_map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(granted.len(), 1);
}

#[test]
fn the_memory_is_bounded_and_forgets_the_oldest() {
    let memory = RecentIds::new(2);
    let claim = |id: &str| memory.claim(id).now_or_never().unwrap().unwrap();
    let keep = |id: &str| memory.keep(id).now_or_never().unwrap().unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(claim(id), Claim::Granted);
        keep(id);
    }
    keep("c");
    memory.give_back("c");
    memory.give_back("unknown");
    assert_eq!(["b", "c"].map(claim), [Claim::Handled; 2]);
    assert_eq!(claim("a"), Claim::Granted, "the oldest is forgotten");
    assert_eq!(claim("a"), Claim::Busy);
    assert_eq!(["b", "c"].map(claim), [Claim::Handled; 2], "what is claimed displaces nothing");
    memory.give_back("a");
    assert_eq!(claim("a"), Claim::Granted);
}

/// A memory that answers or does not.
#[derive(Default)]
struct Shaky {
    is_down: AtomicBool,
    recent: RecentIds,
}

impl Shaky {
    fn up(&self) -> Result<(), MemoryError> {
        if self.is_down.load(Ordering::SeqCst) { Err(MemoryError::new("down")) } else { Ok(()) }
    }
}

impl Memory for &Shaky {
    async fn claim(&self, id: &str) -> Result<Claim, MemoryError> {
        self.up()?;
        self.recent.claim(id).await
    }

    async fn keep(&self, id: &str) -> Result<(), MemoryError> {
        self.up()?;
        self.recent.keep(id).await
    }

    fn give_back(&self, id: &str) {
        self.recent.give_back(id);
    }
}

#[test]
fn when_the_memory_fails_the_sender_comes_back() {
    let memory = Shaky::default();
    let verifier = verifier().with_memory(&memory);
    memory.is_down.store(true, Ordering::SeqCst);
    let unavailable = ("Unavailable(MemoryError(\"down\"))".to_owned(), 503, Some(30));
    assert_eq!(refused(&verifier, &genuine(), BODY), unavailable);
    memory.is_down.store(false, Ordering::SeqCst);
    let delivery = verified(&verifier, &genuine(), BODY).unwrap();
    memory.is_down.store(true, Ordering::SeqCst);
    assert!(delivery.handled().now_or_never().unwrap().is_err());
    memory.is_down.store(false, Ordering::SeqCst);
    handled(verified(&verifier, &genuine(), BODY).unwrap());
}
