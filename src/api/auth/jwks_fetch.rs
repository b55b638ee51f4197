//! Where a JWKS comes from: an address or a file.

use std::{io, path::PathBuf, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use url::{Host, Url};

use super::{AuthSetupError, FetchJwks};

/// The largest document that is read, bytes.
const MAX_DOCUMENT: usize = 1024 * 1024;
/// The longest a fetch takes, answer included.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why a JWKS could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchFailure {
    /// No answer, or not a whole one.
    #[error("asking for the keys")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer that is not a document.
    #[error("the key server answered {0}")]
    Status(u16),
    /// The file could not be read.
    #[error("reading the key file")]
    File(#[source] io::Error),
    /// More than a set of keys can be.
    #[error("the key document is larger than 1 MiB")]
    TooLarge,
    /// Not a JWKS, or one without a key that can be used.
    #[error("the key document has no key that can be used")]
    NoKeys,
}

/// A JWKS behind an address.
pub(super) struct FromUrl {
    url: Url,
    client: reqwest::Client,
}

impl FromUrl {
    /// `https`, or `http` on loopback. Redirects are not followed: the address is the operator's, not the server's, choice.
    #[expect(clippy::disallowed_methods, reason = "the issuer of callers' tokens is not Graph: no token of ours goes there")]
    pub(super) fn new(url: Url) -> Result<Self, AuthSetupError> {
        if !is_safe(&url) {
            return Err(AuthSetupError::InsecureUrl);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME_LIMIT)
            .build()
            .map_err(AuthSetupError::Client)?;
        Ok(Self { url, client })
    }

    async fn get(&self) -> Result<Vec<u8>, FetchFailure> {
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        if answer.status() != http::StatusCode::OK {
            return Err(FetchFailure::Status(answer.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if document.len() + part.len() > MAX_DOCUMENT {
                return Err(FetchFailure::TooLarge);
            }
            document.extend_from_slice(&part);
        }
        Ok(document)
    }
}

fn failed(error: reqwest::Error) -> FetchFailure {
    FetchFailure::Request(error.without_url().into())
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

impl FetchJwks for FromUrl {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchFailure>> {
        self.get().boxed()
    }
}

/// A JWKS in a file.
pub(super) struct FromFile(pub(super) PathBuf);

impl FetchJwks for FromFile {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchFailure>> {
        async move {
            let document = tokio::fs::read(&self.0).await.map_err(FetchFailure::File)?;
            if document.len() > MAX_DOCUMENT { Err(FetchFailure::TooLarge) } else { Ok(document) }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in ["https://login.example/keys", "http://127.0.0.1:9/keys", "http://[::1]:9/keys", "http://localhost/keys"] {
            assert!(is_safe(&good.parse().unwrap()), "{good}");
        }
        for bad in ["http://login.example/keys", "http://127.0.0.1.example/keys", "file:///keys", "ftp://localhost/keys"] {
            assert!(!is_safe(&bad.parse().unwrap()), "{bad}");
        }
    }
}
