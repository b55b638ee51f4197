//! The API's listener.

use std::{io, sync::Arc};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Parts, gauges, ready::Ready};
use crate::{
    api::{
        ApiParts, HttpSettings, MetricsHook, ReadinessProbe,
        auth::{AuthSettings, Authenticator, KeySource},
        router,
    },
    settings::{self, Settings},
};

/// Listens and answers until `stop`. Binding fails here and now, so that a taken port ends the start and not a task.
pub(super) async fn start(
    settings: &Settings,
    parts: &Parts,
    ready: Ready,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<io::Result<()>>> {
    let authenticator = Authenticator::new(auth_settings(settings.auth()?), parts.clock.clone())?;
    if let Err(error) = authenticator.warm_up().await {
        // The keys' server may start after us: callers are turned away until it answers.
        tracing::warn!(error = &error as &dyn std::error::Error, "callers' keys cannot be had yet");
    }
    let app = router(ApiParts {
        connections: Arc::new(parts.connections.clone()),
        records: Arc::new(parts.store.clone()),
        operations: Arc::new(parts.operations.clone()),
        teams: Arc::new(parts.channels.clone()),
        directory: Arc::new(parts.store.clone()),
        roles: Arc::new(parts.roles.clone()),
        imports: Arc::new(parts.imports.clone()),
        publications: Arc::new(parts.publications.clone()),
        targets: Arc::new(parts.targets.clone()),
        answers: Arc::new(parts.store.clone()),
        authenticator,
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        metrics: parts.metrics.clone(),
        settings: http_settings(settings),
        readiness: readiness(ready),
        refresh_metrics: refresh(parts.clone()),
    });
    let listener = TcpListener::bind(settings.http.listen)
        .await
        .with_context(|| format!("http.listen: binding {}", settings.http.listen))?;
    Ok(tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await }))
}

fn readiness(ready: Ready) -> ReadinessProbe {
    Arc::new(move || {
        let ready = ready.clone();
        Box::pin(async move { ready.check().await })
    })
}

fn refresh(parts: Parts) -> MetricsHook {
    Arc::new(move || {
        let parts = parts.clone();
        Box::pin(async move {
            if let Err(error) = gauges::refresh(&parts).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not bring the metrics up to date");
            }
        })
    })
}

fn auth_settings(auth: &settings::Auth) -> AuthSettings {
    AuthSettings {
        issuer: auth.issuer.clone(),
        audience: auth.audience.clone(),
        keys: match &auth.keys {
            settings::KeySource::Hs256(secret) => KeySource::Hs256(secret.clone()),
            settings::KeySource::JwksFile(path) => KeySource::JwksFile(path.clone()),
            settings::KeySource::JwksUrl(url) => KeySource::JwksUrl(url.clone()),
        },
        organisation_claim: auth.organisation_claim.clone(),
        permissions_claim: auth.permissions_claim.clone(),
    }
}

fn http_settings(settings: &Settings) -> HttpSettings {
    let http = &settings.http;
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    HttpSettings {
        max_depth: u32::try_from(http.max_depth).unwrap_or(u32::MAX),
        max_complexity: wide(http.max_complexity),
        max_root_fields: wide(http.max_root_fields),
        max_directives: wide(http.max_directives),
        max_body: http.max_body,
        time_limit: http.timeout,
    }
}
