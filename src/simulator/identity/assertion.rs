//! Client assertions: a JWT signed with the app's certificate.
//!
//! Source: Microsoft, "Microsoft identity platform application authentication certificate credentials": `alg` PS256, `typ` JWT,
//! `x5t#S256`; claims `aud`, `iss`, `sub`, `jti`, `nbf`, `exp`.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::simulator::tenant::{AppSpec, CertificateSpec, Tenant};

/// Clock skew that is let pass, in seconds.
const LEEWAY: i64 = 300;

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(rename = "x5t#S256", default)]
    thumbprint: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: String,
    nbf: i64,
    exp: i64,
}

/// Checks an assertion against the certificates registered for the app.
pub(super) fn check(assertion: &str, app: &AppSpec, tenant: &Tenant, now: DateTime<Utc>) -> Result<(), Refusal> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, _] = parts.as_slice() else { return Err(bad("The assertion is not a JWT.")) };
    let header: Header = decoded(header).ok_or_else(|| bad("The assertion's header cannot be read."))?;
    let claims: Claims = decoded(claims).ok_or_else(|| bad("The assertion's claims cannot be read."))?;
    if header.alg != "PS256" || header.typ.as_deref() != Some("JWT") {
        return Err(bad("The assertion must be a JWT signed with PS256."));
    }
    let sent = header.thumbprint.ok_or_else(|| bad("The assertion's header has no x5t#S256."))?;
    let certificate = app.certificates.iter().find(|certificate| thumbprint(certificate).as_deref() == Some(sent.as_str()));
    let certificate = certificate.ok_or_else(|| {
        bad("The certificate with identifier used to sign the client assertion is not registered on application.")
    })?;
    if let CertificateSpec::Pem(pem) = certificate {
        signature_is_good(assertion, pem)?;
    }
    claims_fit(&claims, app, tenant, now)
}

fn claims_fit(claims: &Claims, app: &AppSpec, tenant: &Tenant, now: DateTime<Utc>) -> Result<(), Refusal> {
    let now = now.timestamp();
    let audience = [Some(&tenant.id), tenant.domain.as_ref()].into_iter().flatten();
    let audience = audience.map(|name| format!("/{name}/oauth2/v2.0/token")).any(|end| claims.aud.to_lowercase().ends_with(&end));
    let named = claims.iss.eq_ignore_ascii_case(&app.id) && claims.sub == claims.iss && !claims.jti.is_empty();
    if !audience || !named {
        return Err(bad("The assertion's aud, iss, sub or jti is wrong."));
    }
    if claims.nbf > now + LEEWAY || claims.exp + LEEWAY <= now || claims.exp <= claims.nbf {
        return Err(Refusal::new(700_024, "invalid_client", 401, "Client assertion is not within its valid time range."));
    }
    Ok(())
}

fn signature_is_good(assertion: &str, pem: &str) -> Result<(), Refusal> {
    let rejected = || bad("Client assertion failed signature validation.");
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| rejected())?;
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::PS256);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    jsonwebtoken::decode::<serde_json::Value>(assertion, &key, &rules).map(drop).map_err(|_| rejected())
}

/// The certificate's `x5t#S256`: base64url of the SHA-256 of its DER form.
fn thumbprint(certificate: &CertificateSpec) -> Option<String> {
    match certificate {
        CertificateSpec::Thumbprint(text) => Some(text.clone()),
        CertificateSpec::Pem(pem) => {
            let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
            Some(URL_SAFE_NO_PAD.encode(Sha256::digest(STANDARD.decode(body).ok()?)))
        }
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn bad(text: &str) -> Refusal {
    Refusal::new(700_027, "invalid_client", 401, text)
}
