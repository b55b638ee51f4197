//! The sign-in of a person at another screen, and the refresh of what it granted.
//!
//! Microsoft, "Microsoft identity platform and the OAuth 2.0 device authorization grant flow" and "Refresh tokens". The application
//! sends no secret here: a device code needs a registration with public client flows allowed, and those present none.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Access, GraphClient, GraphError, Verdict, login,
    login::{Login, endpoint, form_headers, life, malformed, refused},
    token::bearer,
};
use crate::traces::TraceContext;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The pause between polls when the answer names none (RFC 8628, section 3.2).
const USUAL_INTERVAL: u64 = 5;
/// An access token is not used in its last seconds: the call has to arrive while it is good.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// What a person is shown, and what we poll with.
#[derive(Debug)]
pub struct DeviceCode {
    /// Ours alone.
    pub device_code: SecretString,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_url: String,
    /// Both in a sentence of Microsoft's.
    pub message: String,
    /// How long the codes are good.
    pub life: TimeDelta,
    /// How long to wait between polls.
    pub interval: Duration,
}

/// What a signed-in account was granted.
#[derive(Debug, Clone)]
pub struct AccountGrant {
    /// The value of `Authorization`; prints as sensitive.
    pub(super) authorization: HeaderValue,
    /// Until when the access token may be used.
    pub good_until: DateTime<Utc>,
    /// The next refresh token; none when the old one goes on.
    pub refresh_token: Option<SecretString>,
    /// Who signed in, when the answer says.
    pub user_principal_name: Option<String>,
}

/// What a poll brought.
#[derive(Debug)]
pub enum SignInAnswer {
    /// Nobody has signed in yet.
    Pending,
    /// The same, and we ask too often.
    SlowDown,
    /// Somebody signed in.
    Granted(Box<AccountGrant>),
}

#[derive(Deserialize)]
struct DeviceBody {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    expires_in: Value,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    id_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Value,
}

impl GraphClient {
    /// Starts a sign-in for these scopes.
    pub async fn start_sign_in(&self, access: &Access, scopes: &str) -> Result<DeviceCode, GraphError> {
        let fields = [("client_id", access.application_id.as_str()), ("scope", scopes)];
        let body: DeviceBody = self.login().ask_form(access, "devicecode", &fields, None).await?;
        Ok(DeviceCode {
            device_code: body.device_code,
            user_code: body.user_code,
            verification_url: body.verification_uri,
            message: body.message,
            life: life(&body.expires_in),
            interval: Duration::from_secs(body.interval.unwrap_or(USUAL_INTERVAL).clamp(1, 60)),
        })
    }

    /// Asks whether somebody has signed in. [`Verdict::Credential`]: nobody will, with this code.
    pub async fn poll_sign_in(&self, access: &Access, device_code: &SecretString) -> Result<SignInAnswer, GraphError> {
        let code = device_code.expose_secret();
        let fields = [("grant_type", DEVICE_GRANT), ("client_id", access.application_id.as_str()), ("device_code", code)];
        match self.login().grant(access, &fields, None).await {
            Ok(grant) => Ok(SignInAnswer::Granted(Box::new(grant))),
            Err(error) if error.is("authorization_pending") => Ok(SignInAnswer::Pending),
            Err(error) if error.is("slow_down") => Ok(SignInAnswer::SlowDown),
            Err(error) => Err(scrubbed(error, code)),
        }
    }

    /// A new access token for a signed-in account, and its next refresh token, asked for in the trace of the call that needs it. [`Verdict::Credential`]: the sign-in is over.
    pub async fn refresh_account(
        &self,
        access: &Access,
        refresh_token: &SecretString,
        scopes: &str,
        cause: Option<&TraceContext>,
    ) -> Result<AccountGrant, GraphError> {
        let token = refresh_token.expose_secret();
        let client = access.application_id.as_str();
        let fields = [("grant_type", "refresh_token"), ("client_id", client), ("scope", scopes), ("refresh_token", token)];
        let (span, trace) = login::begin(access, cause);
        let answer = self.login().grant(access, &fields, trace.as_ref()).await.map_err(|error| scrubbed(error, token));
        self.login().count(&span, answer.as_ref().err());
        answer
    }
}

impl Login {
    async fn grant(
        &self,
        access: &Access,
        fields: &[(&str, &str)],
        trace: Option<&TraceContext>,
    ) -> Result<AccountGrant, GraphError> {
        let asked_at = self.clock.now();
        let body: TokenBody = self.ask_form(access, "token", fields, trace).await?;
        let mut authorization = bearer(&body.access_token)?;
        authorization.set_sensitive(true);
        let life = life(&body.expires_in);
        Ok(AccountGrant {
            authorization,
            good_until: asked_at + life - MARGIN.min(life / 10),
            refresh_token: body.refresh_token.filter(|token| !token.expose_secret().is_empty()),
            user_principal_name: body.id_token.as_ref().and_then(|token| principal_name(token.expose_secret())),
        })
    }

    /// One form to one of the tenant's endpoints.
    async fn ask_form<T: DeserializeOwned>(
        &self,
        access: &Access,
        name: &str,
        fields: &[(&str, &str)],
        trace: Option<&TraceContext>,
    ) -> Result<T, GraphError> {
        let mut request = reqwest::Request::new(Method::POST, endpoint(self.root.as_ref(), access, name)?);
        *request.headers_mut() = form_headers(&self.ids);
        if let Some(trace) = trace {
            trace.put_into(request.headers_mut());
        }
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        *request.body_mut() = Some(form.into());
        let answer = self
            .transport
            .exchange(request)
            .await
            .map_err(|broken| GraphError { source: broken.cause, ..GraphError::unsent(Verdict::Transient, broken.code, "") })?;
        if !answer.status.is_success() {
            return Err(refused(&answer, self.clock.now()));
        }
        if answer.cut.is_some() {
            return Err(malformed(&answer));
        }
        // The parser's own text is left out: it may quote a token.
        serde_json::from_slice(&answer.body).map_err(|_| malformed(&answer))
    }
}

/// The name in an ID token. It came straight from the token endpoint, so nobody has to verify it (`OpenID` Connect Core, 3.1.3.7),
/// and nothing but a line for people depends on it.
fn principal_name(token: &str) -> Option<String> {
    let encoded = token.split('.').nth(1)?.trim_end_matches('=');
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
    let name = ["preferred_username", "upn", "email"].into_iter().find_map(|claim| claims[claim].as_str())?;
    (!name.is_empty() && name.len() <= 320 && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// Should a refusal ever quote the secret back, it does not get into our records.
fn scrubbed(error: GraphError, secret: &str) -> GraphError {
    if secret.is_empty() || !error.message.contains(secret) {
        return error;
    }
    GraphError { message: error.message.replace(secret, "(secret)"), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_an_id_token_and_nothing_else_is_believed() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        let name = principal_name(&token(r#"{"preferred_username":"ann@contoso.example"}"#));
        assert_eq!(name.as_deref(), Some("ann@contoso.example"));
        for odd in ["", "a.b.c", &token("{}"), &token(r#"{"upn":""}"#), &token("{\"upn\":\"a\\u0000\"}"), &token(r#"{"upn":7}"#)]
        {
            assert_eq!(principal_name(odd), None, "{odd}");
        }
    }
}
