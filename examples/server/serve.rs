//! Listening, answering, stopping.

use std::net::SocketAddr;
use std::time::Duration;

use authpi_core::AuthPi;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::StartError;

/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Takes the port first: a second server says so before it touches a database.
///
/// # Errors
/// When the address is taken or not ours.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// Answers until SIGTERM or SIGINT, then finishes what is running.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn until_stopped(listener: TcpListener, authpi: &AuthPi) -> std::io::Result<()> {
    let app = authpi_axum::routes::<()>(authpi).into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        stop_signal().await;
        tracing::info!("stopping");
        let _ = stopping.send(());
    });
    let out_of_time = async {
        match stopped.await {
            Ok(()) => tokio::time::timeout(GRACE, std::future::pending::<()>()).await.unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = server => served,
        () = out_of_time => {
            tracing::warn!("requests were still running after {} s", GRACE.as_secs());
            Ok(())
        }
    }
}

async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; kill the process to stop it");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
