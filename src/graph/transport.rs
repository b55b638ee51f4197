//! One exchange over HTTP: bounded in time and size, without redirects. Says how far a failed one got.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use url::{Host, Url};

use super::{GraphError, GraphSettings, Verdict};

/// The largest answer that is read, bytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// The process's one HTTP client.
pub(super) struct Transport {
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its head.
    pub(super) headers: HeaderMap,
    /// Its body, as far as it came.
    pub(super) body: Bytes,
    /// From sending to the end of the body.
    pub(super) elapsed: Duration,
    /// Why the body did not come whole, if it did not.
    pub(super) cut: Option<Broken>,
}

/// Why an exchange did not end as it should.
#[derive(Debug)]
pub(super) struct Broken {
    /// How far it got.
    pub(super) stage: Stage,
    /// Our word for it: `connect`, `timeout`, `connection`, `tooLarge`.
    pub(super) code: &'static str,
    /// The transport's own failure.
    pub(super) cause: Option<Box<dyn Error + Send + Sync>>,
}

/// How far an exchange got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No connection was made: nothing was sent.
    Unsent,
    /// The request was sent, at least in part.
    Sent,
}

impl Transport {
    /// Builds the client. Redirects are never followed: the token would go wherever they lead.
    pub(super) fn new(settings: &GraphSettings) -> Result<Self, GraphError> {
        for root in [&settings.login_url, &settings.graph_url].into_iter().flatten() {
            check_root(root)?;
        }
        install_tls_provider();
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes an HTTP client")]
        let mut builder = reqwest::Client::builder();
        builder = builder
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.call_timeout)
            .pool_idle_timeout(Duration::from_mins(1))
            .tcp_nodelay(true);
        // A proxy from the environment must not see, or break, what is meant for this machine alone.
        if settings.graph_url.as_ref().is_some_and(is_loopback) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|cause| GraphError {
            source: Some(Box::new(cause)),
            ..GraphError::unsent(Verdict::Rejected, "httpClient", "the HTTP client cannot be built")
        })?;
        Ok(Self { http })
    }

    /// Sends, and reads the answer to its end.
    pub(super) async fn exchange(&self, request: reqwest::Request) -> Result<Answer, Broken> {
        let started = Instant::now();
        let mut response = self.http.execute(request).await.map_err(Broken::before_answer)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = BytesMut::new();
        let cut = loop {
            match response.chunk().await {
                Ok(None) => break None,
                Ok(Some(chunk)) if body.len() + chunk.len() > LARGEST => break Some(Broken::too_large()),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(cause) => break Some(Broken::of(Stage::Sent, cause)),
            }
        };
        Ok(Answer { status, headers, body: body.freeze(), elapsed: started.elapsed(), cut })
    }
}

impl Broken {
    fn before_answer(cause: reqwest::Error) -> Self {
        let stage = if cause.is_connect() || cause.is_builder() { Stage::Unsent } else { Stage::Sent };
        Self::of(stage, cause)
    }

    fn of(stage: Stage, cause: reqwest::Error) -> Self {
        let code = match stage {
            _ if cause.is_timeout() => "timeout",
            Stage::Unsent => "connect",
            Stage::Sent => "connection",
        };
        // Without its address: mailboxes and directory ids stand in it.
        Self { stage, code, cause: Some(Box::new(cause.without_url())) }
    }

    fn too_large() -> Self {
        Self { stage: Stage::Sent, code: "tooLarge", cause: None }
    }
}

/// A root that tokens and secrets may be sent to: `https`, or plain `http` on this machine alone.
fn check_root(root: &Url) -> Result<(), GraphError> {
    let safe = root.scheme() == "https" || (root.scheme() == "http" && is_loopback(root));
    let bare = root.username().is_empty() && root.password().is_none() && root.query().is_none() && root.fragment().is_none();
    if safe && bare && root.has_host() {
        return Ok(());
    }
    Err(GraphError::unsent(
        Verdict::Rejected,
        "unsafeUrl",
        "a root is https (http on loopback only), without user, query and fragment",
    ))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// One TLS provider for the whole process: with two compiled in (a dev-dependency is enough), rustls refuses to guess.
pub(crate) fn install_tls_provider() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if rustls::crypto::CryptoProvider::get_default().is_none() && provider.install_default().is_err() {
        // The only failure is that another thread was faster, which is as good.
        tracing::debug!("a TLS provider was installed meanwhile");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_https_or_on_this_machine() {
        for good in
            ["https://graph.example", "https://graph.example/base", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"]
        {
            assert!(check_root(&Url::parse(good).unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "https://user@graph.example",
            "https://:x@graph.example",
            "https://graph.example?x",
            "https://graph.example#x",
            "unix:/run/graph",
            "http://10.0.0.1",
        ] {
            let error = check_root(&Url::parse(bad).unwrap()).expect_err(bad);
            assert_eq!(error.code, "unsafeUrl");
        }
    }
}
