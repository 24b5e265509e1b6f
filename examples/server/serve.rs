//! Listening, answering, stopping.

use std::net::SocketAddr;
use std::time::Duration;

use authpi_core::AuthPi;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::StartError;
use crate::settings::Adapter;

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
pub(crate) async fn until_stopped(listener: TcpListener, adapter: Adapter, authpi: &AuthPi) -> std::io::Result<()> {
    match adapter {
        Adapter::Axum => axum(listener, authpi).await,
        Adapter::Actix => actix(listener, authpi).await,
    }
}

async fn axum(listener: TcpListener, authpi: &AuthPi) -> std::io::Result<()> {
    let app = authpi_axum::routes::<()>(authpi).into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = oneshot::channel();
    let ending = authpi.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop_signal().await;
        tracing::info!("stopping");
        ending.end_streams();
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

async fn actix(listener: TcpListener, authpi: &AuthPi) -> std::io::Result<()> {
    let (authpi, ending) = (authpi.clone(), authpi.clone());
    let app = move || actix_web::App::new().configure(authpi_actix::configure(&authpi));
    let server = actix_web::HttpServer::new(app)
        .disable_signals()
        .shutdown_timeout(GRACE.as_secs())
        .listen(listener.into_std()?)?
        .run();
    let handle = server.handle();
    let stopping = tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        ending.end_streams();
        handle.stop(true).await;
    });
    let served = server.await;
    stopping.abort();
    served
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
