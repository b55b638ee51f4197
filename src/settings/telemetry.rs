//! `telemetry.*`: where traces go, and how many of them.

use std::{collections::HashMap, fmt};

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    SettingsError,
    values::{Values, is_loopback},
};

/// What OTLP over HTTP adds to a collector's root (OpenTelemetry protocol exporter, "Endpoint URLs for OTLP/HTTP").
const TRACES: &str = "v1/traces";

/// Where traces go. Prints no header's value.
#[derive(Clone)]
pub struct Telemetry {
    /// Where spans are posted, with `v1/traces`; none: traces are off.
    pub otlp_endpoint: Option<Url>,
    /// What every request to the collector carries.
    headers: HashMap<String, SecretString>,
    /// `service.name` of the resource.
    pub service_name: String,
    /// Share of the traces that begin here which are recorded, 0 to 1. What a publisher began, it decided.
    pub sample_ratio: f64,
}

impl Telemetry {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let endpoint = endpoint(values)?;
        let headers = headers(values)?;
        // Inside a cluster collectors listen without TLS, and a span holds nothing secret. A key for the collector is another matter.
        if !headers.is_empty() && endpoint.as_ref().is_some_and(|url| url.scheme() == "http" && !is_loopback(url)) {
            return Err(SettingsError::new(
                "telemetry.otlp_headers",
                "need an https telemetry.otlp_endpoint, or one on loopback",
            ));
        }
        Ok(Self {
            otlp_endpoint: endpoint,
            headers,
            service_name: values.required("telemetry.service_name")?,
            sample_ratio: values.fraction("telemetry.sample_ratio")?,
        })
    }

    /// The headers for the collector, exposed: for its client alone.
    pub fn headers(&self) -> HashMap<String, String> {
        self.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("otlp_endpoint", &self.otlp_endpoint.as_ref().map(Url::as_str))
            .field("headers", &self.headers.keys())
            .field("service_name", &self.service_name)
            .field("sample_ratio", &self.sample_ratio)
            .finish()
    }
}

fn endpoint(values: &Values) -> Result<Option<Url>, SettingsError> {
    let name = "telemetry.otlp_endpoint";
    let Some(text) = values.text(name) else { return Ok(None) };
    let mut url = Url::parse(&text).map_err(|error| SettingsError::new(name, &format!("is not a URL: {error}")))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(SettingsError::new(name, "must be an http or https URL without user, query and fragment"));
    }
    if !url.path().ends_with(TRACES) {
        url.set_path(&format!("{}/{TRACES}", url.path().trim_end_matches('/')));
    }
    Ok(Some(url))
}

fn headers(values: &Values) -> Result<HashMap<String, SecretString>, SettingsError> {
    let name = "telemetry.otlp_headers";
    let Some(text) = values.secret(name) else { return Ok(HashMap::new()) };
    let lines = text.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(at, line)| {
            let header = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
            let fits =
                |(name, value): &(&str, &str)| HeaderName::try_from(*name).is_ok() && HeaderValue::try_from(*value).is_ok();
            let (header, value) = header
                .filter(fits)
                .ok_or_else(|| SettingsError::new(name, &format!("line {} is not a header of the form `Name: value`", at + 1)))?;
            Ok((header.to_ascii_lowercase(), value.into()))
        })
        .collect()
}
