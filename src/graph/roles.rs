//! Reads the application roles out of an access token, for people. Pure.
//!
//! A token is opaque by contract (Microsoft, "Access tokens in the Microsoft identity platform"), and is not verified here:
//! Graph does that. So this may fail to find anything, and nothing is decided by it beyond a line of a connection test.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The most roles, and the longest, that are read.
const MOST: usize = 200;
const LONGEST: usize = 200;

/// The `roles` of a JWT; empty when there are none or the token is not a JWT.
pub(super) fn of_token(token: &str) -> Vec<String> {
    let payload = || -> Option<Value> {
        let encoded = token.split('.').nth(1)?.trim_end_matches('=');
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
    };
    let roles = payload().and_then(|mut claims| match claims.get_mut("roles").map(Value::take) {
        Some(Value::Array(roles)) => Some(roles),
        _ => None,
    });
    let named = roles.into_iter().flatten().filter_map(|role| match role {
        Value::String(role) if role.len() <= LONGEST => Some(role),
        _ => None,
    });
    named.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn roles_are_read_from_a_jwt_with_or_without_padding() {
        let roles = r#"{"roles":["Calendars.ReadWrite","User.Read.All",5]}"#;
        assert_eq!(of_token(&token(roles)), ["Calendars.ReadWrite", "User.Read.All"]);
        let padded = format!("e30.{}.x", base64::engine::general_purpose::URL_SAFE.encode(r#"{"roles":["A"]} "#));
        assert_eq!(of_token(&padded), ["A"]);
    }

    #[test]
    fn whatever_else_it_is_has_no_roles() {
        for text in ["", "opaque", "a.b", "a.%%.c", &token("[]"), &token("{}"), &token(r#"{"roles":"A"}"#), &token("\u{7f}")] {
            assert!(of_token(text).is_empty(), "{text}");
        }
    }
}
