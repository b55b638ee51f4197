//! The second outbound client: hands cards to webhooks.
//!
//! It carries no token, follows no redirect, uses no proxy, and calls no private address, whatever a name resolves to: a webhook's host
//! is what an administrator of one organisation wrote, and must not lead into the network that the connector stands in.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{Hosts, answer};
use crate::{
    capabilities::teams::WebhookError,
    clock::SharedClock,
    events::EventContext,
    traces::{Span, SpanKind, TraceContext},
};

/// The most that is read of an answer, bytes: its text is looked at for an error.
const MOST: usize = 16 * 1024;

/// How webhooks are called.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Which hosts are called; asked again at each call, for the settings may have become narrower.
    pub hosts: Hosts,
    /// Bound on making a connection.
    pub connect_timeout: Duration,
    /// Bound on a whole call.
    pub call_timeout: Duration,
}

/// Calls webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    http: reqwest::Client,
    hosts: Hosts,
    clock: SharedClock,
}

impl Webhooks {
    /// Builds the client.
    pub fn new(settings: WebhookSettings, clock: SharedClock) -> Result<Self, reqwest::Error> {
        crate::graph::install_tls_provider();
        #[expect(clippy::disallowed_methods, reason = "webhooks are not Graph: this client must never see a token")]
        let mut builder = reqwest::Client::builder();
        builder = builder
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.call_timeout)
            .tcp_nodelay(true);
        if !settings.hosts.allows_private() {
            builder = builder.dns_resolver(Arc::new(PublicOnly)).https_only(true);
        }
        Ok(Self { http: builder.build()?, hosts: settings.hosts, clock })
    }

    /// Hands a message envelope over, in the trace of its cause. Neither the URL nor anything of it stands in an error or a span.
    pub(super) async fn post(&self, url: &SecretString, body: &Value, cause: &EventContext) -> Result<(), WebhookError> {
        let span = Span::of_event("webhook.post", SpanKind::Client, cause);
        let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(trace) = span.context().or_else(|| TraceContext::of(cause)) {
            trace.put_into(&mut headers);
        }
        let posted = self.send(url, headers, body, &span).await;
        if let Err(error) = &posted {
            span.failed(word(error));
        }
        posted
    }

    async fn send(&self, url: &SecretString, headers: HeaderMap, body: &Value, span: &Span) -> Result<(), WebhookError> {
        let url = Url::parse(url.expose_secret()).map_err(|_| WebhookError::Rejected("its URL cannot be read".into()))?;
        self.hosts.check(&url).map_err(|problem| WebhookError::Rejected(format!("its URL {problem}")))?;
        let sent = self.http.post(url).headers(headers).body(body.to_string()).send().await;
        let mut response = sent.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        span.note("http.response.status_code", i64::from(status));
        let wait = crate::graph::retry_after(response.headers(), self.clock.now());
        let mut text = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if text.len() < MOST => text.extend_from_slice(&chunk),
                // The status came: a refusal stays one. Of a success, the text may have told otherwise.
                Err(error) if status < 300 && status != 202 => return Err(lost(&error)),
                Ok(_) | Err(_) => break,
            }
        }
        answer::read(status, wait, &String::from_utf8_lossy(&text), self.clock.now())
    }
}

/// The code in a span: of what the host said, nothing.
fn word(error: &WebhookError) -> String {
    match error {
        WebhookError::Throttled(_) => "throttled".to_owned(),
        WebhookError::Unavailable(code, _) | WebhookError::Lost(code) => code.clone(),
        WebhookError::Rejected(_) => "rejected".to_owned(),
        WebhookError::TooLarge => "tooLarge".to_owned(),
    }
}

/// What it means that no answer came.
fn lost(error: &reqwest::Error) -> WebhookError {
    if error.is_connect() || error.is_builder() {
        return WebhookError::Unavailable("connect".into(), "the webhook's host cannot be reached".into());
    }
    WebhookError::Lost(if error.is_timeout() { "timeout" } else { "connection" }.into())
}

/// Resolves names to public addresses alone.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address among them is one too many: which of them is called is not ours to say.
            if found.is_empty() || found.iter().any(|address| !is_public(address.ip())) {
                return Err("the name leads to an address that is not public".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the Internet's own (IANA's special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarks = a == 198 && (18..20).contains(&b);
    let protocols = a == 192 && b == 0 && c == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || benchmarks
        || protocols
        || a == 0
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // 2000::/3 is all that is given out; within it, documentation, benchmarks and tunnels that may end anywhere (6to4, Teredo).
    let global = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second == 0x0db8 || second < 0x0200)) || first == 0x2002 || first == 0x3fff;
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_network_are_told_from_public_ones() {
        for private in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["20.190.128.1", "8.8.8.8", "2603:1030::1", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_resolved() {
        assert!(PublicOnly.resolve("localhost".parse().unwrap()).await.is_err());
    }
}
