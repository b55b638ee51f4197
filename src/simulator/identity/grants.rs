//! Access tokens issued, and who stands behind one.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{EncodingKey, Header};
use parking_lot::RwLock;
use serde_json::json;

use crate::simulator::{
    call::Call,
    errors::Failure,
    tenant::{AppSpec, Tenant},
};

/// What a token grants.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) app: String,
    pub(crate) roles: Vec<String>,
    /// Mailboxes granted through Exchange, in lower case.
    pub(crate) mailboxes: Vec<String>,
    pub(crate) expires: DateTime<Utc>,
}

/// The tokens that are known. A token is only good here if it was issued here.
#[derive(Debug, Default)]
pub(crate) struct Grants(RwLock<HashMap<String, Arc<Grant>>>);

impl Grants {
    /// Issues a token shaped like Microsoft's: a JWT with `aud`, `tid`, `appid`, `roles`, `exp`.
    pub(crate) fn issue(&self, tenant: &Arc<Tenant>, app: &AppSpec, now: DateTime<Utc>, lifetime: i64, id: &str) -> String {
        let expires = now + TimeDelta::try_seconds(lifetime).unwrap_or_default();
        let claims = json!({
            "aud": tenant.settings().resource, "iss": format!("https://sts.windows.net/{}/", tenant.id), "iat": now.timestamp(),
            "nbf": now.timestamp(), "exp": expires.timestamp(), "appid": app.id, "idtyp": "app", "tid": tenant.id,
            "roles": app.roles, "uti": id, "ver": "1.0",
        });
        // Nobody verifies the signature: callers must treat the token as opaque, and the look-up is what counts here.
        let key = EncodingKey::from_secret(b"simulator");
        let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap_or_else(|_| format!("simulated.{id}.token"));
        let grant = Grant {
            tenant: Arc::clone(tenant),
            app: app.id.to_lowercase(),
            roles: app.roles.clone(),
            mailboxes: app.exchange_mailboxes.iter().map(|name| name.to_lowercase()).collect(),
            expires,
        };
        let mut grants = self.0.write();
        if grants.len() >= 10_000 {
            grants.retain(|_, grant| grant.expires > now);
        }
        grants.insert(token.clone(), Arc::new(grant));
        token
    }

    /// Who is calling, or Graph's 401.
    pub(crate) fn caller(&self, call: &Call, now: DateTime<Utc>) -> Result<Arc<Grant>, Failure> {
        let sent = call.header("authorization").ok_or_else(|| without_form("Access token is empty."))?;
        let token = sent.strip_prefix("Bearer ").ok_or_else(|| without_form("The authorization scheme must be Bearer."))?;
        let grant = self.0.read().get(token).cloned().ok_or_else(|| Failure::token("CompactToken validation failed."))?;
        if grant.expires <= now {
            return Err(Failure::token("Lifetime validation failed, the token is expired."));
        }
        Ok(grant)
    }

    /// Ends every token of a tenant: the next call with one is a 401.
    pub(crate) fn revoke(&self, tenant: &str) {
        self.0.write().retain(|_, grant| !grant.tenant.id.eq_ignore_ascii_case(tenant));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.write().clear();
    }
}

/// A 401 for a request that is no example of good traffic: it never had a token.
fn without_form(message: &'static str) -> Failure {
    Failure { refused: true, ..Failure::token(message) }
}

impl Grant {
    /// Whether the token carries one of the roles.
    pub(crate) fn has(&self, any: &[&str]) -> bool {
        self.roles.iter().any(|role| any.contains(&role.as_str()))
    }
}
