//! Sign-ins of people at another screen (device code), and the refresh tokens that come of them.
//!
//! Source: Microsoft, "OAuth 2.0 device authorization grant flow" and "Refresh tokens". A used refresh token stays good, as with
//! Microsoft; one that is revoked gets AADSTS50173.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Form, Refusal, issue_for, known_app, missing};
use crate::simulator::{tenant::Tenant, world::World};

/// The code's life and the pause between polls, in seconds. Microsoft's are 900 and 5.
const LIFE: i64 = 900;
const PAUSE: i64 = 1;

/// What a person does at the other screen.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum SignInAct {
    /// Signs in as this person and consents.
    Approve {
        /// Principal name.
        user: String,
    },
    /// Says no.
    Decline,
    /// Lets the code run out.
    Expire,
}

#[derive(Debug)]
struct SignIn {
    tenant: Arc<Tenant>,
    app: String,
    user_code: String,
    scopes: Vec<String>,
    act: Option<SignInAct>,
    expires: DateTime<Utc>,
    polled: DateTime<Utc>,
}

#[derive(Debug, Clone)]
struct Refresh {
    tenant: Arc<Tenant>,
    app: String,
    user: String,
    scopes: Vec<String>,
}

/// Sign-ins that wait, by device code, and refresh tokens that are good.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    waiting: Mutex<HashMap<String, SignIn>>,
    refresh: Mutex<HashMap<String, Refresh>>,
}

impl SignIns {
    /// What a person does with a code; false when nobody waits with it.
    pub(crate) fn act(&self, user_code: &str, act: SignInAct) -> bool {
        let mut waiting = self.waiting.lock();
        let Some(sign_in) = waiting.values_mut().find(|sign_in| sign_in.user_code == user_code) else { return false };
        sign_in.act = Some(act);
        true
    }

    /// Ends the sign-ins of a tenant's people: their refresh tokens are taken no more.
    pub(crate) fn revoke(&self, tenant: &str) {
        self.refresh.lock().retain(|_, refresh| !refresh.tenant.id.eq_ignore_ascii_case(tenant));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.waiting.lock().clear();
        self.refresh.lock().clear();
    }
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) fn start(world: &World, tenant: &str, form: &Form, now: DateTime<Utc>) -> Result<String, Refusal> {
    let (tenant, app) = known_app(world, tenant, form)?;
    let scopes = scopes(form, &tenant)?;
    let device_code = format!("device-{}", world.request_id());
    let user_code: String =
        world.request_id().chars().filter(char::is_ascii_alphanumeric).take(9).collect::<String>().to_uppercase();
    let (root, expires) = ("https://microsoft.com/devicelogin", now + TimeDelta::seconds(LIFE));
    let message =
        format!("To sign in, use a web browser to open the page {root} and enter the code {user_code} to authenticate.");
    let shown = json!({
        "user_code": user_code, "device_code": device_code, "verification_uri": root, "expires_in": LIFE, "interval": PAUSE,
        "message": message,
    });
    let sign_in = SignIn { tenant, app: app.id.clone(), user_code, scopes, act: None, expires, polled: now };
    world.sign_ins.waiting.lock().insert(device_code, sign_in);
    Ok(shown.to_string())
}

/// A poll with a device code.
pub(super) fn poll(world: &World, tenant: &str, form: &Form, now: DateTime<Utc>) -> Result<String, Refusal> {
    let (tenant, app) = known_app(world, tenant, form)?;
    let code = form.get("device_code").ok_or_else(|| missing("device_code"))?;
    let granted = {
        let mut waiting = world.sign_ins.waiting.lock();
        let spent = || Refusal::new(70_000, "invalid_grant", 400, "The device code is unknown or was used.");
        let sign_in = waiting.get_mut(code).filter(|one| one.app == app.id && one.tenant.id == tenant.id).ok_or_else(spent)?;
        if sign_in.expires <= now || matches!(sign_in.act, Some(SignInAct::Expire)) {
            return Err(Refusal::new(70_020, "expired_token", 400, "The provided value for the device code has expired."));
        }
        let early = now - sign_in.polled < TimeDelta::milliseconds(PAUSE * 900);
        sign_in.polled = now;
        match &sign_in.act {
            _ if early => return Err(Refusal::new(50_196, "slow_down", 400, "The client polls too often.")),
            None | Some(SignInAct::Expire) => {
                return Err(Refusal::new(70_016, "authorization_pending", 400, "The user has not signed in yet."));
            }
            Some(SignInAct::Decline) => {
                return Err(Refusal::new(65_004, "authorization_declined", 400, "The user declined to consent."));
            }
            Some(SignInAct::Approve { user }) => {
                let refresh = Refresh { tenant, app: app.id.clone(), user: user.clone(), scopes: sign_in.scopes.clone() };
                waiting.remove(code);
                refresh
            }
        }
    };
    Ok(grant(world, granted, now))
}

/// A refresh token in exchange for the next, and for an access token.
pub(super) fn refresh(world: &World, tenant: &str, form: &Form, now: DateTime<Utc>) -> Result<String, Refusal> {
    let (tenant, app) = known_app(world, tenant, form)?;
    scopes(form, &tenant)?;
    let token = form.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
    let known = world.sign_ins.refresh.lock().get(token).cloned();
    let over = || {
        Refusal::new(
            50_173,
            "invalid_grant",
            400,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        )
    };
    let known = known.filter(|known| known.app == app.id && known.tenant.id == tenant.id).ok_or_else(over)?;
    Ok(grant(world, known, now))
}

fn grant(world: &World, who: Refresh, now: DateTime<Utc>) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let (token, life) = issue_for(world, &who.tenant, &who.app, &who.user, &who.scopes, now);
    let claims = json!({ "preferred_username": who.user, "tid": who.tenant.id, "ver": "2.0" }).to_string();
    let id_token = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims));
    let next = format!("refresh-{}", world.request_id());
    let body = json!({
        "token_type": "Bearer", "scope": who.scopes.join(" "), "expires_in": life, "access_token": token, "refresh_token": next,
        "id_token": id_token,
    });
    world.sign_ins.refresh.lock().insert(next, who);
    body.to_string()
}

/// Delegated permissions of Graph, and the words of `OpenID`.
fn scopes(form: &Form, tenant: &Tenant) -> Result<Vec<String>, Refusal> {
    let text = form.get("scope").ok_or_else(|| missing("scope"))?;
    let root = format!("{}/", tenant.settings().resource);
    let mut names = Vec::new();
    for scope in text.split(' ') {
        match scope.strip_prefix(&root) {
            Some(name) if name.starts_with("ChannelMessage.") => names.push(name.to_owned()),
            None if ["openid", "profile", "offline_access"].contains(&scope) => {}
            _ => {
                let text = format!("The provided value for the input parameter 'scope' is not valid: {scope}.");
                return Err(Refusal::malformed(70_011, "invalid_scope", text));
            }
        }
    }
    Ok(names)
}
