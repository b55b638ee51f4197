//! Policy: every call carries a token; a 401 gets one fresh token and one repeat.
//!
//! A 401 means that nothing was done, so repeating is right for every call. A claims challenge (`error="insufficient_claims"`;
//! Microsoft, "Continuous access evaluation for workload identities") is answered by asking for the fresh token with those
//! claims; we do not declare the capability, so it is not expected.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose};
use http::{HeaderMap, StatusCode, header};

use super::{
    GraphError, Request, error_body,
    login::Login,
    token::{Token, TokenSlot},
    transport::Answer,
};

/// The longest challenge that is passed on, bytes.
const LONGEST: usize = 4096;

/// What a 401 says when the token itself is at fault.
const BAD_TOKEN: &str = "InvalidAuthenticationToken";

/// Sends with a token, and once more with a fresh one after a 401. The second answer stands, whatever it is. Of a delegated call, so does
/// the first unless it speaks of the token: the application is refused, not its token.
pub(super) async fn authorised<F>(
    slot: &Arc<TokenSlot>,
    login: &Arc<Login>,
    request: &Request,
    send: impl Fn(Token) -> F + Send + Sync,
) -> Result<Answer, GraphError>
where
    F: Future<Output = Result<Answer, GraphError>> + Send,
{
    let token = slot.get(login, request).await?;
    let answer = send(token.clone()).await?;
    if answer.status != StatusCode::UNAUTHORIZED {
        return Ok(answer);
    }
    if request.delegated && !error_body::read(&answer.body).code.eq_ignore_ascii_case(BAD_TOKEN) {
        return Ok(answer);
    }
    slot.refused(&token, claims_challenge(&answer.headers));
    send(slot.get(login, request).await?).await
}

/// The claims that Graph asks for, as JSON.
fn claims_challenge(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut asking = challenges.filter(|challenge| challenge.contains("insufficient_claims"));
    let (_, rest) = asking.next()?.split_once("claims=\"")?;
    let encoded = rest.split('"').next().filter(|encoded| encoded.len() <= LONGEST)?.trim_end_matches('=');
    let engine = [general_purpose::STANDARD_NO_PAD, general_purpose::URL_SAFE_NO_PAD];
    let decoded = engine.iter().find_map(|engine| engine.decode(encoded).ok())?;
    let text = String::from_utf8(decoded).ok()?;
    serde_json::from_str::<serde_json::Value>(&text).ok().filter(serde_json::Value::is_object)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn challenge(text: &str) -> Option<String> {
        claims_challenge(&HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap())]))
    }

    #[test]
    fn a_claims_challenge_is_read_and_anything_else_is_none() {
        let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
        for encoded in [general_purpose::STANDARD.encode(claims), general_purpose::URL_SAFE_NO_PAD.encode(claims)] {
            let text = format!(r#"Bearer realm="", error="insufficient_claims", claims="{encoded}""#);
            assert_eq!(challenge(&text).as_deref(), Some(claims));
        }
        for text in [
            "Bearer realm=\"\"",
            "Bearer error=\"insufficient_claims\"",
            "Bearer error=\"insufficient_claims\", claims=\"%%%\"",
            "Bearer error=\"insufficient_claims\", claims=\"W10=\"",
            "Bearer error=\"invalid_token\", claims=\"e30=\"",
        ] {
            assert_eq!(challenge(text), None, "{text}");
        }
    }
}
