//! Workers that run beside the host.

use std::sync::atomic::Ordering;
use std::time::Duration;

use authpi_core::store::contract::mint;

use super::ground;

async fn pause(millis: u64) {
    #[allow(clippy::disallowed_methods, reason = "what runs beside the test goes by real time")]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test]
async fn buffered_events_are_written_at_the_latest_after_200_ms() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    let account = mint();
    for expected in 1..5 {
        ground.buffer(account);
        pause(200).await;
        assert_eq!(ground.events(account).await, expected);
    }
    workers.stop().await;
}

#[tokio::test]
async fn stopping_writes_what_is_buffered() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    let account = mint();
    pause(20).await;
    for _ in 0..2_500 {
        ground.buffer(account);
    }
    workers.stop().await;
    assert!(ground.authpi.services().buffer.is_empty());
    assert_eq!(ground.authpi.services().buffer.dropped(), 0);
    assert_eq!(ground.events(account).await, 50);
}

#[tokio::test]
async fn workers_go_on_when_their_handle_is_dropped() {
    let ground = ground().await;
    drop(ground.authpi.start());
    let account = mint();
    pause(20).await;
    ground.buffer(account);
    pause(250).await;
    assert_eq!(ground.events(account).await, 1);
}

#[tokio::test]
async fn removal_begins_within_a_second() {
    let ground = ground().await;
    let workers = ground.authpi.start();
    pause(100).await;
    ground.deleted_organization().await;
    pause(1_000).await;
    assert_eq!(ground.deleting().await, 0);
    workers.stop().await;
}

#[tokio::test]
async fn a_panicking_step_hinders_no_other_and_is_repeated() {
    let ground = ground().await;
    ground.deleted_organization().await;
    ground.panicking.store(true, Ordering::SeqCst);
    let workers = ground.authpi.start();
    let account = mint();
    ground.buffer(account);
    pause(300).await;
    assert_eq!(ground.events(account).await, 1);
    assert_eq!(ground.deleting().await, 1);
    ground.panicking.store(false, Ordering::SeqCst);
    pause(1_500).await;
    assert_eq!(ground.deleting().await, 0);
    workers.stop().await;
}
