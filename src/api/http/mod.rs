//! The addresses: `POST /graphql`, `GET /schema.graphql`, `/healthz`, `/readyz`, `/metrics`.

mod answer;
mod asked;
mod correlation;
mod graphql;
mod once;
mod probes;
mod run;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};
use futures_util::future::BoxFuture;
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    auth::Authenticator,
    backend::{ConnectionAdmin, Operator, Publisher, Records, TargetAdmin, TeamsDesk},
    directory::{DirectoryRecords, RoleAdmin},
    imports::ImportAdmin,
    limits::{Gate, Limits},
    repeats::KeptAnswers,
    schema::{self, Api, Services},
};
use crate::{clock::SharedClock, ids::Ids, metrics::Metrics};

/// Says whether the process can do its work, or the reasons why not.
pub type ReadinessProbe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Vec<String>>> + Send + Sync>;

/// Brings gauges up to date before they are read.
pub type MetricsHook = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The limits of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Levels of fields.
    pub max_depth: u32,
    /// Fields, those of a paged list once for every row it may have.
    pub max_complexity: u64,
    /// Fields on the first level, aliases counted.
    pub max_root_fields: u64,
    /// Directives in a query.
    pub max_directives: u64,
    /// Bytes of a request's body.
    pub max_body: usize,
    /// From the request's head to its answer.
    pub time_limit: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_depth: 12,
            max_complexity: 20_000,
            max_root_fields: 20,
            max_directives: 50,
            max_body: 1024 * 1024,
            time_limit: Duration::from_secs(10),
        }
    }
}

/// What the API is made of. The composition root gives the real ones, tests their own.
pub struct ApiParts {
    /// Administers connections.
    pub connections: Arc<dyn ConnectionAdmin>,
    /// Reads the organisation's objects.
    pub records: Arc<dyn Records>,
    /// Carries out what operators decide.
    pub operations: Arc<dyn Operator>,
    /// Teams channels.
    pub teams: Arc<dyn TeamsDesk>,
    /// Reads the directory.
    pub directory: Arc<dyn DirectoryRecords>,
    /// Carries out what administrators decide about roles.
    pub roles: Arc<dyn RoleAdmin>,
    /// Starts imports and decides on them.
    pub imports: Arc<dyn ImportAdmin>,
    /// Requests for publications of zones.
    pub publications: Arc<dyn Publisher>,
    /// The lists that zones go to.
    pub targets: Arc<dyn TargetAdmin>,
    /// What mutations under an `Idempotency-Key` were answered.
    pub answers: Arc<dyn KeptAnswers>,
    /// Checks callers' tokens.
    pub authenticator: Authenticator,
    /// Tells the time, for correlation ids.
    pub clock: SharedClock,
    /// Makes correlation ids.
    pub ids: Ids,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The limits of one request.
    pub settings: HttpSettings,
    /// What `/readyz` asks.
    pub readiness: ReadinessProbe,
    /// Called before `/metrics` answers.
    pub refresh_metrics: MetricsHook,
}

/// What handlers share.
struct Shared {
    schema: Api,
    sdl: String,
    gate: Gate,
    answers: Arc<dyn KeptAnswers>,
    authenticator: Authenticator,
    clock: SharedClock,
    ids: Ids,
    metrics: Arc<Metrics>,
    settings: HttpSettings,
    readiness: ReadinessProbe,
    refresh_metrics: MetricsHook,
}

type App = Arc<Shared>;

/// The API as a service, to be served or to be called in tests.
pub fn router(parts: ApiParts) -> Router {
    let sdl = schema::sdl();
    let HttpSettings { max_depth, max_complexity, max_root_fields, max_directives, .. } = parts.settings;
    let limits =
        Limits { depth: max_depth, complexity: max_complexity, root_fields: max_root_fields, directives: max_directives };
    let app = Arc::new(Shared {
        schema: schema::build(Services {
            connections: parts.connections,
            records: parts.records,
            operations: parts.operations,
            teams: parts.teams,
            directory: parts.directory,
            roles: parts.roles,
            imports: parts.imports,
            publications: parts.publications,
            targets: parts.targets,
            clock: parts.clock.clone(),
        }),
        gate: Gate::new(limits, &sdl),
        sdl,
        answers: parts.answers,
        authenticator: parts.authenticator,
        clock: parts.clock,
        ids: parts.ids,
        metrics: parts.metrics,
        settings: parts.settings,
        readiness: parts.readiness,
        refresh_metrics: parts.refresh_metrics,
    });
    Router::new()
        .route("/graphql", post(graphql::graphql))
        .route("/schema.graphql", get(probes::schema))
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::readiness))
        .route("/metrics", get(probes::metrics))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(app.clone(), correlation::correlate))
        .layer(middleware::map_response(secure))
        .with_state(app)
}

/// A handler that panicked is a mistake of ours that must not end the process; the panic hook has logged where.
fn after_panic(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    answer::internal()
}

/// Answers are data, never pages: nothing may guess their type, nothing may keep them.
async fn secure(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
