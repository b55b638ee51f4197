//! The one outbound client: what all sessions share.

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use url::Url;

use super::{
    Access, GraphError, Session, budget::Budgets, gate::Gate, login::Login, pace::Paces, roles, throttle::Throttles,
    token::Tokens, transport::Transport,
};
use crate::{clock::SharedClock, ids::Ids, metrics::Metrics};

/// How to reach Microsoft.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Sends every connection's token requests here instead of its cloud's login host (the simulator).
    pub login_url: Option<Url>,
    /// Sends every connection's calls here instead of its cloud's Graph host. Without version.
    pub graph_url: Option<Url>,
    /// Bound on making a connection.
    pub connect_timeout: Duration,
    /// Bound on a whole call, from sending to the last byte of the answer.
    pub call_timeout: Duration,
}

/// What a fresh token request showed.
#[derive(Debug, Clone)]
pub struct TokenProbe {
    /// Round trip of the token request.
    pub latency: Duration,
    /// Application roles named in the token; empty when it names none or cannot be read (it is opaque by contract).
    pub roles: Vec<String>,
    /// Our clock minus Microsoft's, in milliseconds.
    pub clock_skew_ms: Option<i64>,
}

/// Talks to Microsoft for every connection. One a process; cheap to clone.
#[derive(Clone)]
pub struct GraphClient(Arc<Shared>);

/// What all sessions share.
pub(super) struct Shared {
    pub(super) transport: Arc<Transport>,
    pub(super) login: Arc<Login>,
    pub(super) graph_root: Option<Url>,
    pub(super) tokens: Tokens,
    pub(super) gate: Gate,
    pub(super) paces: Paces,
    pub(super) throttles: Throttles,
    pub(super) budgets: Budgets,
    pub(super) clock: SharedClock,
    pub(super) ids: Ids,
    pub(super) metrics: Arc<Metrics>,
}

impl GraphClient {
    /// Builds the client. `User-Agent` is `NONISV|Argus|M365Connector/VERSION`.
    ///
    /// A configured root that is neither `https` nor `http` on loopback is refused with code `unsafeUrl`.
    pub fn new(settings: GraphSettings, clock: SharedClock, ids: Ids, metrics: Arc<Metrics>) -> Result<Self, GraphError> {
        let transport = Arc::new(Transport::new(&settings)?);
        let login = Login {
            transport: Arc::clone(&transport),
            root: settings.login_url,
            clock: Arc::clone(&clock),
            ids: ids.clone(),
            metrics: Arc::clone(&metrics),
        };
        Ok(Self(Arc::new(Shared {
            transport,
            login: Arc::new(login),
            graph_root: settings.graph_url,
            tokens: Tokens::default(),
            gate: Gate::default(),
            paces: Paces::default(),
            throttles: Throttles::default(),
            budgets: Budgets::default(),
            clock,
            ids,
            metrics,
        })))
    }

    /// A session for one connection; shares token and throttle state with every other session of the same credential.
    pub fn session(&self, access: Arc<Access>) -> Session {
        Session::new(Arc::clone(&self.0), access)
    }

    /// What asks the identity platform.
    pub(super) fn login(&self) -> &Login {
        &self.0.login
    }

    /// Always asks for a fresh token, and keeps it for later calls when it is granted. Refused unsent only while the token
    /// endpoint's own `Retry-After` runs.
    pub async fn probe_token(&self, access: &Arc<Access>) -> Result<TokenProbe, GraphError> {
        let slot = self.0.tokens.slot(Arc::clone(access), self.0.clock.now());
        let granted = slot.ask_anew(&self.0.login).await?;
        Ok(TokenProbe {
            latency: granted.latency,
            roles: roles::of_token(granted.token.expose_secret()),
            clock_skew_ms: granted.clock_skew_ms,
        })
    }
}
