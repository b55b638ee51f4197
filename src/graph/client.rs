//! The one outbound client: composition of the policies, one file each.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::{Cloud, Graph, GraphError, Request, Response};
use crate::{clock::SharedClock, ids::Ids, metrics::Metrics, organisation::OrganisationId};

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

/// What a connection is opened with: the unsealed credential and what it is for.
#[derive(Debug)]
pub struct Access {
    /// Whose connection.
    pub organisation: OrganisationId,
    /// Which registration.
    pub connection_id: String,
    /// Which credential of it: part of the token cache's key.
    pub secret_version: u64,
    /// The cloud.
    pub cloud: Cloud,
    /// Directory (tenant) id or verified domain.
    pub directory_id: String,
    /// Application (client) id.
    pub application_id: String,
    /// The proof.
    pub credential: Credential,
}

/// What the application proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// A client secret.
    Secret(SecretString),
    /// A certificate and its private key, PEM.
    Certificate(SecretString),
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
pub struct GraphClient {
    _inner: Arc<()>,
}

impl GraphClient {
    /// Builds the client. `User-Agent` is `NONISV|Argus|M365Connector/VERSION`.
    pub fn new(_settings: GraphSettings, _clock: SharedClock, _ids: Ids, _metrics: Arc<Metrics>) -> Result<Self, GraphError> {
        unimplemented!()
    }

    /// A session for one connection; shares token and throttle state with every other session of the same credential.
    pub fn session(&self, _access: Arc<Access>) -> Session {
        unimplemented!()
    }

    /// Always asks for a fresh token, and keeps it for later calls when it is granted.
    pub async fn probe_token(&self, _access: &Arc<Access>) -> Result<TokenProbe, GraphError> {
        unimplemented!()
    }
}

/// Sends calls for one connection.
#[derive(Clone)]
pub struct Session {
    _client: GraphClient,
    _access: Arc<Access>,
}

impl Graph for Session {
    async fn send(&self, _request: Request) -> Result<Response, GraphError> {
        unimplemented!()
    }

    async fn follow(&self, _link: &str, _like: &Request) -> Result<Response, GraphError> {
        unimplemented!()
    }
}
