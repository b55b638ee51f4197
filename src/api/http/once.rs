//! A mutation that may carry an `Idempotency-Key`.

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Response as Executed};
use axum::{
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use tokio::time::{Instant, MissedTickBehavior, timeout_at};
use tracing::Instrument as _;

use super::{
    App,
    answer::{bad_request, internal, refused, written},
    asked::Asked,
    run,
};
use crate::{
    api::{
        errors::{Code, Refusal, finish},
        repeats::{REPLAYED, digest, key_of},
    },
    organisation::OrgScope,
    store::{KeyedRequest, Turn},
};

/// How long to wait before asking again whether somebody else's run of the same request has ended.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a run says that it lives: a few times within the lease that it has.
const BEAT: Duration = Duration::from_secs(15);

/// Runs a mutation, or gives the answer that its key was given before.
pub(super) async fn mutate(app: &App, headers: &HeaderMap, asked: &Asked<'_>, request: Request) -> Response {
    let key = match key_of(headers) {
        Ok(Some(key)) => key,
        Ok(None) => {
            return run::execute(app, run::Kind::Mutation, asked.by_caller(request), asked.correlation_id, asked.deadline).await;
        }
        Err(refusal) => return bad_request(refusal),
    };
    let keyed = KeyedRequest {
        caller: asked.identity.subject.clone(),
        key,
        digest: digest(&asked.identity, asked.body),
        runner: app.ids.random().to_string(),
    };
    loop {
        match app.answers.take(&asked.identity.scope, &keyed, app.clock.now()).await {
            Ok(Turn::Run) => return run_and_keep(app, asked, keyed, request).await,
            Ok(Turn::Answered(text)) => return again(text),
            Ok(Turn::Taken) => return refused(taken(), asked.correlation_id),
            Ok(Turn::UnderWay) if Instant::now() + PAUSE < asked.deadline => tokio::time::sleep(PAUSE).await,
            Ok(Turn::UnderWay) => return refused(under_way(), asked.correlation_id),
            Err(error) => return refused(error.into(), asked.correlation_id),
        }
    }
}

/// As [`run::execute`]; the answer is kept by whoever runs, not by whoever waits, who may have hung up by then.
async fn run_and_keep(app: &App, asked: &Asked<'_>, keyed: KeyedRequest, request: Request) -> Response {
    let (request, keyed, scope) = (asked.by_caller(request), Arc::new(keyed), asked.identity.scope.clone());
    let runner =
        Runner { app: Arc::clone(app), keyed: Arc::clone(&keyed), scope: scope.clone(), id: asked.correlation_id.to_owned() };
    let task = tokio::spawn(async move { runner.run(request).await }.in_current_span());
    match timeout_at(asked.deadline, task).await {
        Ok(Ok(text)) => written(text),
        Ok(Err(_)) => {
            tracing::error!("executing a mutation panicked");
            give_back(app, &scope, &keyed, None).await;
            internal()
        }
        Err(_) => refused(run::late(run::Kind::Mutation), asked.correlation_id),
    }
}

struct Runner {
    app: App,
    keyed: Arc<KeyedRequest>,
    scope: OrgScope,
    id: String,
}

impl Runner {
    /// The answer's text, written down before anybody reads it.
    async fn run(self, request: Request) -> String {
        let executed = finish(self.execute(request).await, &self.id);
        // A failure of ours is no outcome: the caller may try again under the same key.
        let is_outcome = !executed.errors.iter().any(is_internal);
        let text = serde_json::to_string(&executed).unwrap_or_default();
        give_back(&self.app, &self.scope, &self.keyed, is_outcome.then(|| text.clone())).await;
        text
    }

    async fn execute(&self, request: Request) -> Executed {
        let executing = self.app.schema.execute(request);
        tokio::pin!(executing);
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                executed = &mut executing => return executed,
                _ = beat.tick() => self.still_here().await,
            }
        }
    }

    async fn still_here(&self) {
        match self.app.answers.extend(&self.scope, &self.keyed, self.app.clock.now()).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("a mutation that took long was taken over by a repetition of its request"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "could not say that a mutation still runs"),
        }
    }
}

/// Keeps an answer, or gives the turn back. When that fails the mutation stands all the same; a repetition runs it again once the lease is over.
async fn give_back(app: &App, scope: &OrgScope, keyed: &KeyedRequest, answer: Option<String>) {
    if let Err(error) = app.answers.end(scope, keyed, answer).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the answer under an Idempotency-Key could not be kept");
    }
}

fn is_internal(error: &async_graphql::ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    code.is_some_and(|code| *code == Code::Internal.word().into())
}

fn again(text: String) -> Response {
    let mut response = written(text);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn taken() -> Refusal {
    let message = "this Idempotency-Key was used for another request";
    Refusal { field: Some("Idempotency-Key".into()), ..Refusal::new(Code::Conflict, message) }
}

fn under_way() -> Refusal {
    let message = "the request with this Idempotency-Key is still under way; repeat it later";
    Refusal { field: Some("Idempotency-Key".into()), ..Refusal::new(Code::Conflict, message) }
}
