//! The claims of a token whose signature was verified. Pure: the time is an argument.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{AuthSettings, Identity, Permission, Rejection};
use crate::organisation::{OrgScope, OrganisationId};

/// How far the issuer's clock may be off, seconds.
const LEEWAY: f64 = 30.0;
/// The longest subject: it goes into audit entries.
const MAX_SUBJECT: usize = 256;

/// Who the claims prove, at `now`.
pub(super) fn read(claims: &Map<String, Value>, expected: &AuthSettings, now: DateTime<Utc>) -> Result<Identity, Rejection> {
    check_time(claims, now)?;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer.as_str()) {
        return Err(Rejection::Issuer);
    }
    if !is_or_contains(claims.get("aud"), &expected.audience) {
        return Err(Rejection::Audience);
    }
    let subject = claims.get("sub").and_then(Value::as_str).filter(|text| acceptable(text)).ok_or(Rejection::Subject)?;
    let organisation = claims
        .get(&expected.organisation_claim)
        .and_then(Value::as_str)
        .and_then(|text| OrganisationId::parse(text).ok())
        .ok_or(Rejection::Organisation)?;
    let permission = highest_permission(claims.get(&expected.permissions_claim))?;
    Ok(Identity { scope: OrgScope::verified_by_token(organisation), subject: subject.into(), permission })
}

/// `exp` must be there; `nbf` is checked when it is.
fn check_time(claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<(), Rejection> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 53 bits for the next 285 million years")]
    let now = now.timestamp() as f64;
    let expiry = claims.get("exp").and_then(Value::as_f64).ok_or(Rejection::Expiry)?;
    // RFC 7519, 4.1.4: the current time must be *before* `exp`.
    if now >= expiry + LEEWAY {
        return Err(Rejection::Expiry);
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(start)) if start <= now + LEEWAY => Ok(()),
        Some(_) => Err(Rejection::NotYet),
    }
}

/// `aud` is one text or an array of texts (RFC 7519, 4.1.3).
fn is_or_contains(audience: Option<&Value>, ours: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == ours,
        Some(Value::Array(several)) => {
            several.iter().all(Value::is_string) && several.iter().any(|one| one.as_str() == Some(ours))
        }
        _ => false,
    }
}

fn acceptable(subject: &str) -> bool {
    !subject.trim().is_empty() && subject.len() <= MAX_SUBJECT && !subject.chars().any(char::is_control)
}

/// A token without the claim may do nothing, which `FORBIDDEN` says better than a 401.
fn highest_permission(claim: Option<&Value>) -> Result<Option<Permission>, Rejection> {
    match claim {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(words)) => Ok(words.split_ascii_whitespace().filter_map(Permission::parse).max()),
        Some(Value::Array(words)) => {
            let words = words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or(Rejection::Permissions)?;
            Ok(words.into_iter().filter_map(Permission::parse).max())
        }
        Some(_) => Err(Rejection::Permissions),
    }
}
