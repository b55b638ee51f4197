//! The order of the policies around one call. Each may rely on those before it.
//!
//! 1. `origin`: the address is the configured Graph's.
//! 2. `throttle`, `budget`: not before its time, nor beyond what is left of a limit; asked again after the wait for a turn.
//! 3. `gate`: at most 4 in flight for its target, repeats included.
//! 4. `pace`: as many in flight for the workload as it bears.
//! 5. `authorise`: a good token; one fresh one after a 401.
//! 6. `repeat`: once more after a broken connection, when that does no harm.
//! 7. `headers`, `transport`: the exchange itself, measured.
//! 8. `classify`: what the outcome means. What it says about waiting goes back into 2; what it and `pressure` say about our pace
//!    into 4.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Method};
use url::Url;

use super::{
    Access, AccountGrant, Graph, GraphError, Request, Response, ThrottleScope, TokenTrouble, Verdict,
    access::ConnectionKey,
    authorise::authorised,
    batch, classify,
    client::Shared,
    headers, origin,
    pace::Slot,
    pressure::{self, Sign},
    repeat,
    token::{Token, TokenSlot},
    transport::{Answer, Broken},
};

/// Sends calls for one connection. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    connection: ConnectionKey,
    slot: Arc<TokenSlot>,
    bearer: Bearer,
    /// Graph's root; `None` would mean that a cloud's own address does not parse, which a test excludes.
    root: Option<Arc<Url>>,
}

/// Whose token a session sends.
#[derive(Clone)]
enum Bearer {
    /// The application's own.
    Application,
    /// A signed-in account's. Who refreshes it, sees to a 401.
    Account(HeaderValue),
}

impl Graph for Session {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let url = origin::of_path(self.root()?, &request.path, &request.query)?;
        self.call(&url, &request).await
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        let url = origin::of_link(self.root()?, link)?;
        let request = Request { method: Method::GET, body: None, repeatable: true, ..like.clone() };
        self.call(&url, &request).await
    }

    async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, GraphError>> {
        if requests.len() < 2 {
            return self.one_by_one(requests).await;
        }
        match self.batched(&requests).await {
            Ok(answers) => answers,
            Err(error) if batch::is_malformed(&error) => {
                tracing::warn!(code = %error.code, "Microsoft refused a batch for its form; its parts are sent singly");
                self.one_by_one(requests).await
            }
            Err(error) => requests.iter().map(|part| Err(batch::failed(&error, part))).collect(),
        }
    }
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, access: Arc<Access>) -> Self {
        let root = shared.graph_root.clone().or_else(|| Url::parse(access.cloud.graph_url()).ok());
        let connection = access.connection();
        let slot = shared.tokens.slot(access, shared.clock.now());
        Self { shared, connection, slot, bearer: Bearer::Application, root: root.map(Arc::new) }
    }

    /// The same session for calls that a signed-in account has to make.
    #[must_use]
    pub fn on_behalf_of(&self, account: &AccountGrant) -> Self {
        Self { bearer: Bearer::Account(account.authorization.clone()), ..self.clone() }
    }

    /// Forgets the token, so that the next call asks for a new one (the connection was changed or removed).
    pub fn invalidate(&self) {
        self.slot.invalidate();
    }

    /// Whether and since when the token endpoint fails. A token that is still good serves meanwhile.
    pub fn token_trouble(&self) -> Option<TokenTrouble> {
        self.slot.trouble()
    }

    fn root(&self) -> Result<&Url, GraphError> {
        self.root.as_deref().ok_or_else(|| GraphError::unsent(Verdict::Rejected, "badPath", "Graph has no address"))
    }

    async fn one_by_one(&self, requests: Vec<Request>) -> Vec<Result<Response, GraphError>> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.send(request).await);
        }
        answers
    }

    /// Sends those parts that the budget allows as one call; the others are held back, each with that as its answer.
    async fn batched(&self, requests: &[Request]) -> Result<Vec<Result<Response, GraphError>>, GraphError> {
        let now = self.shared.clock.now();
        let allowed: Vec<Result<(), GraphError>> =
            requests.iter().map(|part| self.shared.budgets.spend(&self.connection, part, now)).collect();
        let parts: Vec<Request> =
            requests.iter().zip(&allowed).filter(|(_, allowed)| allowed.is_ok()).map(|(part, _)| part.clone()).collect();
        let mut answers = if parts.is_empty() { Vec::new() } else { self.batch_of(&parts).await? }.into_iter();
        let lost = || Err(GraphError::unsent(Verdict::Transient, "partMissing", ""));
        Ok(allowed.into_iter().map(|allowed| allowed.and_then(|()| answers.next().unwrap_or_else(lost))).collect())
    }

    async fn batch_of(&self, parts: &[Request]) -> Result<Vec<Result<Response, GraphError>>, GraphError> {
        let root = self.root()?;
        let outer = batch::outer(root, parts)?;
        let url = origin::of_path(root, &outer.path, &outer.query)?;
        let started = Instant::now();
        let response = self.call(&url, &outer).await?;
        let (elapsed, now) = (started.elapsed(), self.shared.clock.now());
        let judge = |(answer, part): (Answer, &Request)| {
            self.shared.budgets.learn(&self.connection, part.workload, &answer.headers, now);
            let judged = classify::answer(answer, part, now).map_err(|error| GraphError { elapsed, ..error });
            judged.inspect_err(|error| self.learn(part, error))
        };
        Ok(batch::parts(response.body, parts, elapsed).into_iter().zip(parts).map(judge).collect())
    }

    async fn call(&self, url: &Url, request: &Request) -> Result<Response, GraphError> {
        self.in_time(request)?;
        let _turn = match &request.target {
            Some(target) => Some(self.shared.gate.enter(self.connection.clone(), target).await),
            None => None,
        };
        let now = self.shared.clock.now();
        let slot = self.shared.paces.enter(self.connection.clone(), request.workload, now).await;
        // Those before us in the queue may have been told to wait.
        self.in_time(request)?;
        self.shared.budgets.spend(&self.connection, request, self.shared.clock.now())?;
        let started = Instant::now();
        let result = self.exchanged(url, request, &slot).await;
        result.map_err(|error| GraphError { elapsed: started.elapsed(), ..error }).inspect_err(|error| self.learn(request, error))
    }

    async fn exchanged(&self, url: &Url, request: &Request, slot: &Slot) -> Result<Response, GraphError> {
        let answer = match &self.bearer {
            Bearer::Application => {
                let send = |token: Token| async move { self.repeating(url, request, &token.authorization).await };
                authorised(&self.slot, &self.shared.login, request, send).await?
            }
            Bearer::Account(authorization) => self.repeating(url, request, authorization).await?,
        };
        let (sign, now) = (pressure::sign(&answer.headers), self.shared.clock.now());
        let used_up = pressure::used_up_until(&answer.headers, now);
        self.shared.budgets.learn(&self.connection, request.workload, &answer.headers, now);
        let result = classify::answer(answer, request, now);
        match &result {
            Ok(_) => {
                slot.heed(sign, now);
                if let Some(until) = used_up {
                    self.shared.throttles.hold_workload(&self.connection, request.workload, until, now);
                }
            }
            Err(error) if matches!(error.verdict, Verdict::Throttled { scope: ThrottleScope::Workload, .. }) => {
                slot.heed(Sign::Over, now);
            }
            Err(_) => {}
        }
        result
    }

    async fn repeating(&self, url: &Url, request: &Request, authorization: &HeaderValue) -> Result<Answer, GraphError> {
        let mut repeats = 0;
        loop {
            let outgoing = self.outgoing(url, request, authorization)?;
            // While this call waited for a token, or was broken off, another may have been told to wait.
            let id = outgoing.headers().get(headers::CLIENT_REQUEST_ID);
            self.shared.throttles.depart(&self.connection, request, id, self.shared.clock.now())?;
            let started = Instant::now();
            let result = self.shared.transport.exchange(outgoing).await;
            self.measure(request, &result, started.elapsed());
            let broken = match &result {
                Err(broken) => Some(broken),
                Ok(answer) => answer.cut.as_ref(),
            };
            if broken.is_some_and(|broken| repeat::once_more(broken, request.repeatable, repeats, started.elapsed())) {
                repeats += 1;
                continue;
            }
            return result.map_err(|broken| classify::unanswered(broken, request));
        }
    }

    fn outgoing(&self, url: &Url, request: &Request, authorization: &HeaderValue) -> Result<reqwest::Request, GraphError> {
        let mut outgoing = reqwest::Request::new(request.method.clone(), url.clone());
        *outgoing.headers_mut() = headers::of_call(request, authorization, &self.shared.ids)?;
        if let Some(body) = &request.body {
            *outgoing.body_mut() = Some(body.to_string().into());
        }
        Ok(outgoing)
    }

    fn in_time(&self, request: &Request) -> Result<(), GraphError> {
        self.shared.throttles.check(&self.connection, request, self.shared.clock.now())
    }

    fn learn(&self, request: &Request, error: &GraphError) {
        self.shared.throttles.learn(&self.connection, request, error, self.shared.clock.now());
        // The login host counts its own (`token_requests_total`).
        if matches!(error.verdict, Verdict::Throttled { scope, .. } if scope != ThrottleScope::Login) {
            self.shared.metrics.graph_throttled_total.with_label_values(&[request.workload.label()]).inc();
        }
    }

    fn measure(&self, request: &Request, result: &Result<Answer, Broken>, elapsed: Duration) {
        let workload = request.workload.label();
        let status = result.as_ref().map_or("none".to_owned(), |answer| answer.status.as_str().to_owned());
        let labels = [workload, request.method.as_str(), status.as_str()];
        self.shared.metrics.graph_requests_total.with_label_values(&labels).inc();
        self.shared.metrics.graph_request_seconds.with_label_values(&[workload]).observe(elapsed.as_secs_f64());
    }
}
