//! `/metrics` for Prometheus, on a listener of its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::StartError;
use crate::serve::bind;

/// How often what was recorded is put together; between two times, each record takes memory of its own.
const UPKEEP: Duration = Duration::from_secs(5);

/// Collects from here on, and serves what was collected until the process ends.
///
/// # Errors
/// When the address is taken.
pub(crate) async fn serve(address: SocketAddr) -> Result<(), StartError> {
    let listener = bind(address).await?;
    let handle = PrometheusBuilder::new().install_recorder()?;
    let kept = handle.clone();
    tokio::spawn(async move {
        // What histograms record is gathered here, also as long as nobody asks for it.
        let mut timer = tokio::time::interval(UPKEEP);
        loop {
            timer.tick().await;
            kept.run_upkeep();
        }
    });
    let app = Router::new().route("/metrics", get(move || std::future::ready(handle.render())));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(())
}
