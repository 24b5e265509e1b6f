//! `GET /healthz` and `GET /readyz`: for load balancers and supervisors, without authentication and without details.

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read};
use crate::web::route::{RateClass, Route};

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![Operation::read(Health), Operation::read(Readiness)]
}

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
struct HealthView {
    /// `ok`
    status: &'static str,
}

const OK: HealthView = HealthView { status: "ok" };

/// `getHealth`: the process answers.
struct Health;

#[async_trait]
impl Read for Health {
    fn route(&self) -> Route {
        Route::get("/healthz")
            .named("getHealth", "The process answers")
            .about("health", "instance")
            .public()
            .rate(RateClass::Discovery)
            .answers_bare::<HealthView>()
    }

    async fn answer(&self, _reads: &dyn Reads, _call: &Call) -> Result<Answer, Refusal> {
        Ok(Answer::json(StatusCode::OK, &OK))
    }
}

/// `getReadiness`: the database answers. Keys and migrations were checked before the process took its first request.
struct Readiness;

#[async_trait]
impl Read for Readiness {
    fn route(&self) -> Route {
        Route::get("/readyz")
            .named("getReadiness", "The database answers")
            .about("health", "instance")
            .public()
            .rate(RateClass::Discovery)
            .answers_bare::<HealthView>()
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        call.services().store.ping().await?;
        Ok(Answer::json(StatusCode::OK, &OK))
    }
}
