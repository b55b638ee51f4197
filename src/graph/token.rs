//! Policy: one token per credential, kept while it is good, refreshed early, and by one caller at a time.
//!
//! - From four fifths of its life on, a token is refreshed in the background while callers go on with it; when that fails they
//!   still do, and it is tried again half a minute later.
//! - Callers without a token wait for the one who asks, and share the answer, a refusal too: fifty callers and a wrong secret
//!   are one request.
//! - A wait that the token endpoint asked for is kept: until then callers are refused unsent. How other failures are remembered
//!   is the policy of `refusals`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Access, GraphError, Request, ThrottleScope, Verdict,
    access::TokenKey,
    login::{Granted, Login},
    refusals::{Refusals, TokenTrouble},
    throttle::held_back,
    traced::trace_of,
};
use crate::traces::TraceContext;

/// How long after a failed early refresh the next one is tried.
const EARLY_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// A token is not used in its last seconds: the call has to arrive while it is good.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// All tokens of the process.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<TokenKey, Arc<TokenSlot>>>);

/// The place of one credential's token.
pub(super) struct TokenSlot {
    access: Arc<Access>,
    state: Mutex<State>,
    /// Held by the one who asks.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// A token, as it is sent.
#[derive(Clone)]
pub(super) struct Token {
    /// The value of `Authorization`.
    pub(super) authorization: HeaderValue,
    /// Which token of its slot: a 401 to an older one says nothing about this one.
    number: u64,
    refresh_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Requests made, and how the last one failed, for those who waited for it.
    asked: u64,
    failure: Option<Arc<GraphError>>,
    /// A claims challenge that the next request has to answer.
    claims: Option<String>,
    /// Set while the endpoint wants to be left alone.
    not_before: Option<DateTime<Utc>>,
    /// When an early refresh may be tried again.
    early_again_at: Option<DateTime<Utc>>,
    /// How the last requests failed, for those who come later.
    refusals: Refusals,
}

impl Tokens {
    /// The place of a credential's token; made when there is none. Places that nobody uses and that hold nothing go.
    pub(super) fn slot(&self, access: Arc<Access>, now: DateTime<Utc>) -> Arc<TokenSlot> {
        let key = access.token_key();
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.holds_something(now));
        let slot = Arc::new(TokenSlot { access, state: Mutex::default(), asking: Arc::default() });
        slots.insert(key, Arc::clone(&slot));
        slot
    }
}

impl TokenSlot {
    /// A token that is good for this call; asks for one, in the call's trace, when there is none.
    pub(super) async fn get(self: &Arc<Self>, login: &Arc<Login>, call: &Request) -> Result<Token, GraphError> {
        let (token, seen) = {
            let state = self.lock();
            (state.usable(login.clock.now()), state.asked)
        };
        if let Some(token) = token {
            self.refresh_early(&token, login, call);
            return Ok(token);
        }
        self.not_now(login.clock.now())?;
        let _asking = self.asking.lock().await;
        if let Some(settled) = self.settled_meanwhile(seen, login.clock.now()) {
            return settled;
        }
        // A probe may have met with a refusal between the first look and the wait for the lock.
        self.not_now(login.clock.now())?;
        match self.ask(login, trace_of(call)).await {
            Ok((token, _)) => Ok(token),
            Err(error) => Err(self.lock().refusals.as_wait(error)),
        }
    }

    /// Whether and since when no token can be had because the endpoint fails.
    pub(super) fn trouble(&self) -> Option<TokenTrouble> {
        self.lock().refusals.trouble()
    }

    fn not_now(&self, now: DateTime<Utc>) -> Result<(), GraphError> {
        self.lock().refusals.instead(now).map_or(Ok(()), Err)
    }

    /// Asks for a token whatever is kept, and keeps the new one.
    pub(super) async fn ask_anew(self: &Arc<Self>, login: &Login) -> Result<Granted, GraphError> {
        let _asking = self.asking.lock().await;
        Ok(self.ask(login, None).await?.1)
    }

    /// Graph did not accept this token: it is not used again. `claims` is what Graph wants the next one to prove.
    pub(super) fn refused(&self, token: &Token, claims: Option<String>) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|kept| kept.number == token.number) {
            state.token = None;
            state.claims = claims.or_else(|| state.claims.take());
        }
    }

    /// Forgets the token.
    pub(super) fn invalidate(&self) {
        self.lock().token = None;
    }

    /// What the one who asked meanwhile brought: a token, or the failure that it met.
    fn settled_meanwhile(&self, seen: u64, now: DateTime<Utc>) -> Option<Result<Token, GraphError>> {
        let state = self.lock();
        if let Some(token) = state.usable(now) {
            return Some(Ok(token));
        }
        let failure = state.failure.as_ref().filter(|_| state.asked != seen)?;
        Some(Err(state.refusals.as_wait(failure.for_another())))
    }

    /// One request; only for the one who holds `asking`.
    async fn ask(&self, login: &Login, cause: Option<TraceContext>) -> Result<(Token, Granted), GraphError> {
        let claims = {
            let state = self.lock();
            if let Some(until) = state.not_before.filter(|until| login.clock.now() < *until) {
                return Err(held_back(until, ThrottleScope::Login));
            }
            state.claims.clone()
        };
        let answer = login.ask(&self.access, claims.as_deref(), cause.as_ref()).await;
        let mut state = self.lock();
        state.asked += 1;
        let number = state.asked;
        match answer.and_then(|granted| Ok((Token::new(&granted, number)?, granted))) {
            Ok((token, granted)) => {
                *state = State { token: Some(token.clone()), asked: number, ..State::default() };
                Ok((token, granted))
            }
            Err(error) => {
                state.early_again_at = login.clock.now().checked_add_signed(EARLY_AGAIN);
                if let Verdict::Throttled { until, .. } = error.verdict {
                    state.not_before = Some(until);
                    state.early_again_at = state.early_again_at.max(Some(until));
                }
                state.refusals.learn(&error, login.clock.now());
                state.failure = Some(Arc::new(error.for_another()));
                Err(error)
            }
        }
    }

    fn refresh_early(self: &Arc<Self>, token: &Token, login: &Arc<Login>, call: &Request) {
        let now = login.clock.now();
        if now < token.refresh_at || self.lock().early_again_at.is_some_and(|at| now < at) {
            return;
        }
        // Somebody asks already: then this caller need not.
        let Ok(asking) = Arc::clone(&self.asking).try_lock_owned() else { return };
        let (slot, login, cause) = (Arc::clone(self), Arc::clone(login), trace_of(call));
        tokio::spawn(async move {
            let _asking = asking;
            if let Err(error) = slot.ask(&login, cause).await {
                tracing::warn!(
                    organisation = %slot.access.organisation,
                    connection = slot.access.connection_id,
                    code = error.code,
                    status = error.status,
                    "a token could not be refreshed early; the old one is still good and stays in use"
                );
            }
        });
    }

    fn holds_something(&self, now: DateTime<Utc>) -> bool {
        let state = self.lock();
        state.usable(now).is_some() || state.not_before.is_some_and(|until| now < until) || state.refusals.holds_something(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usable(&self, now: DateTime<Utc>) -> Option<Token> {
        self.token.clone().filter(|token| now < token.expires_at)
    }
}

impl Token {
    fn new(granted: &Granted, number: u64) -> Result<Self, GraphError> {
        let mut authorization = bearer(&granted.token)?;
        authorization.set_sensitive(true);
        // A life shorter than a few margins keeps nine tenths of itself; none at all is still good for the caller who asked.
        let margin = MARGIN.min(granted.life / 10);
        Ok(Self {
            authorization,
            number,
            refresh_at: granted.asked_at + granted.life * 4 / 5,
            expires_at: granted.asked_at + granted.life - margin,
        })
    }
}

pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, GraphError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    HeaderValue::try_from(text.as_str())
        .map_err(|_| GraphError::unsent(Verdict::Transient, "malformedBody", "the token does not fit into a header"))
}
