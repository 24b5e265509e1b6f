//! Receivers whose answers break off: the status has told by then.

use tests::Wire;
use tests::wire::{hear, say};

use super::*;

/// A receiver that answers with this status and half of a body, and then hangs up or, when it `drips`, goes on for ever,
/// a byte at a time.
async fn half(status: u16, drips: bool) -> Wire {
    Wire::start("127.0.0.1:0", move |mut stream| async move {
        hear(&mut stream).await;
        let mut is_heard =
            say(&mut stream, format!("HTTP/1.1 {status} Said\r\ncontent-length: 60000\r\n\r\nhalf")).await;
        let mut timer = tokio::time::interval(Duration::from_millis(50));
        while drips && is_heard {
            timer.tick().await;
            is_heard = say(&mut stream, "x").await;
        }
    })
    .await
}

#[tokio::test]
async fn a_receiver_that_answers_2xx_has_the_event_whatever_befalls_the_rest_of_its_answer() {
    let ground = Ground::start().await;
    for drips in [false, true] {
        let receiver = half(200, drips).await;
        let url = format!("http://{}/in", receiver.address);
        let more = json!({ "url": url, "events": ["organization.created"], "retry": { "timeout_seconds": 1 } });
        let webhook = ground.webhook("/in", more).await;
        ground.organization("one").await;
        ground.work().await;
        let deliveries = ground.deliveries(&webhook, "").await;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        let found = &deliveries[0];
        let expected = json!(["delivered", 1, 200, null]);
        let told = [&found["status"], &found["attempt_count"], &found["last_response_status"], &found["last_error"]];
        assert_eq!(json!(told), expected, "drips: {drips}");
        assert_eq!(ground.status(&webhook).await, ("active".to_owned(), None));
        ground.app.advance(Duration::from_hours(1));
        ground.work().await;
        assert_eq!(receiver.connections(), 1, "nothing is sent twice");
        ground.patch(&webhook, json!({ "status": "disabled" })).await;
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_is_believed_without_the_rest_of_its_answer() {
    let ground = Ground::start().await;
    let (broken, gone) = (half(500, false).await, half(410, false).await);
    let mut webhooks = Vec::new();
    for receiver in [&broken, &gone] {
        let url = format!("http://{}/in", receiver.address);
        webhooks.push(ground.webhook("/in", json!({ "url": url, "events": ["organization.created"] })).await);
    }
    ground.organization("one").await;
    ground.work().await;
    let found = &ground.deliveries(&webhooks[0], "").await[0];
    assert_eq!((&found["status"], &found["last_error"]), (&json!("retrying"), &json!("http_500")));
    assert_eq!(ground.status(&webhooks[1]).await, ("disabled".to_owned(), Some("gone".to_owned())));
}
