//! The identity platform's v2.0 token endpoint, client credentials.
//!
//! Source: Microsoft, "OAuth 2.0 client credentials flow", "Microsoft identity platform certificate credentials", "AADSTS error codes".

mod assertion;
mod device;
mod grants;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use subtle::ConstantTimeEq;

pub(crate) use device::SignInAct;
pub(crate) use device::SignIns;
pub(crate) use grants::{Grant, Grants};

use super::{
    call::{Call, Reply},
    tenant::{AppSpec, Tenant},
    world::World,
};

/// A refusal of the token endpoint: AADSTS number, OAuth error, status, text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    number: u32,
    error: &'static str,
    status: u16,
    text: String,
    /// The request itself is wrong, not the credential.
    malformed: bool,
}

impl Refusal {
    fn new(number: u32, error: &'static str, status: u16, text: impl Into<String>) -> Self {
        Self { number, error, status, text: text.into(), malformed: false }
    }

    fn malformed(number: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self { malformed: true, ..Self::new(number, error, 400, text) }
    }

    fn reply(self, now: DateTime<Utc>, trace: &str, correlation: &str) -> Reply {
        let timestamp = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let text = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.number, self.text
        );
        let body = json!({
            "error": self.error, "error_description": text, "error_codes": [self.number], "timestamp": timestamp,
            "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.number),
        });
        let mut reply = plain_json(self.status, body.to_string());
        reply.refused = self.malformed;
        reply
    }
}

/// The form's fields that the grant describes; any other is refused.
const FIELDS: &[&str] = &[
    "client_id",
    "scope",
    "client_secret",
    "grant_type",
    "client_assertion",
    "client_assertion_type",
    "claims",
    "client_info",
    "device_code",
    "refresh_token",
    "client-request-id",
];
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRAPH_ROOTS: &[&str] = &[
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// Answers a token request.
pub(crate) fn answer(world: &World, tenant: &str, call: &Call) -> Reply {
    let now = world.now();
    match token(world, tenant, call, now) {
        Ok(body) => plain_json(200, body),
        Err(refusal) => refusal.reply(now, &world.request_id(), &world.request_id()),
    }
}

fn token(world: &World, tenant_name: &str, call: &Call, now: DateTime<Utc>) -> Result<String, Refusal> {
    let form = form(call)?;
    if ["common", "organizations", "consumers"].contains(&tenant_name.to_lowercase().as_str()) {
        return Err(Refusal::malformed(50059, "invalid_request", "No tenant-identifying information found."));
    }
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some("urn:ietf:params:oauth:grant-type:device_code") => return device::poll(world, tenant_name, &form, now),
        Some("refresh_token") => return device::refresh(world, tenant_name, &form, now),
        Some(other) => {
            return Err(Refusal::malformed(
                70003,
                "unsupported_grant_type",
                format!("The grant type '{other}' is not supported."),
            ));
        }
        None => return Err(missing("grant_type")),
    }
    let client = form.get("client_id").ok_or_else(|| missing("client_id"))?;
    let scope = form.get("scope").ok_or_else(|| missing("scope"))?;
    let resource = scope.strip_suffix("/.default").filter(|root| GRAPH_ROOTS.contains(root));
    let resource = resource.ok_or_else(|| {
        Refusal::malformed(
            70011,
            "invalid_scope",
            format!("The provided value for the input parameter 'scope' is not valid: {scope}."),
        )
    })?;
    let (tenant, app) = app_of(world, tenant_name, client)?;
    if resource != tenant.settings().resource {
        let text = format!("The resource principal named {resource} was not found in the tenant named {}.", tenant.display_name);
        return Err(Refusal::new(500_011, "invalid_resource", 400, text));
    }
    credential(&form, &app, &tenant, now)?;
    Ok(issue(world, &tenant, &app, now))
}

fn app_of(world: &World, tenant_name: &str, client: &str) -> Result<(Arc<Tenant>, Arc<AppSpec>), Refusal> {
    let tenant = world.tenant(tenant_name).ok_or_else(|| {
        Refusal::new(
            90002,
            "invalid_request",
            400,
            format!("Tenant '{tenant_name}' not found. Check to make sure you have the correct tenant ID."),
        )
    })?;
    let app = tenant.app(client).ok_or_else(|| {
        let text = format!("Application with identifier '{client}' was not found in the directory '{}'.", tenant.display_name);
        Refusal::new(700_016, "unauthorized_client", 400, text)
    })?;
    Ok((tenant, app))
}

/// The app of a request that presents no secret.
fn known_app(world: &World, tenant_name: &str, form: &Form) -> Result<(Arc<Tenant>, Arc<AppSpec>), Refusal> {
    let client = form.get("client_id").ok_or_else(|| missing("client_id"))?;
    if form.get("client_secret").or(form.get("client_assertion")).is_some() {
        let text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
        return Err(Refusal::malformed(700_025, "invalid_client", text));
    }
    app_of(world, tenant_name, client)
}

fn credential(form: &Form, app: &AppSpec, tenant: &Tenant, now: DateTime<Utc>) -> Result<(), Refusal> {
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), None) => secret_is_good(secret, app, now),
        (None, Some(assertion)) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(Refusal::malformed(50027, "invalid_request", "client_assertion_type is not the JWT bearer type."));
            }
            assertion::check(assertion, app, tenant, now)
        }
        (None, None) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Err(Refusal::malformed(7_000_216, "invalid_client", text))
        }
        (Some(_), Some(_)) => Err(Refusal::malformed(90023, "invalid_request", "A secret and an assertion exclude each other.")),
    }
}

fn secret_is_good(sent: &str, app: &AppSpec, now: DateTime<Utc>) -> Result<(), Refusal> {
    let known = app.secrets.iter().find(|secret| bool::from(secret.value.as_bytes().ct_eq(sent.as_bytes())));
    match known {
        None => {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
                app.id
            );
            Err(Refusal::new(7_000_215, "invalid_client", 401, text))
        }
        Some(secret) if secret.expires.is_some_and(|at| at <= now) => Err(Refusal::new(
            7_000_222,
            "invalid_client",
            401,
            format!("The provided client secret keys for app '{}' are expired.", app.id),
        )),
        Some(_) => Ok(()),
    }
}

fn issue(world: &World, tenant: &Arc<Tenant>, app: &AppSpec, now: DateTime<Utc>) -> String {
    let lifetime = tenant.settings().token_lifetime_s;
    let token = world.grants.issue(tenant, app, now, lifetime, &world.request_id());
    json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}).to_string()
}

/// A token for a person: it grants scopes where an app's grants roles.
fn issue_for(world: &World, tenant: &Arc<Tenant>, app: &str, user: &str, scopes: &[String], now: DateTime<Utc>) -> (String, i64) {
    let lifetime = tenant.settings().token_lifetime_s;
    let granted = AppSpec { id: app.to_owned(), roles: scopes.to_vec(), ..AppSpec::default() };
    let id = format!("{user}/{}", world.request_id());
    (world.grants.issue(tenant, &granted, now, lifetime, &id), lifetime)
}

/// Answers a request for a device code.
pub(crate) fn start(world: &World, tenant: &str, call: &Call) -> Reply {
    let now = world.now();
    match form(call).and_then(|form| device::start(world, tenant, &form, now)) {
        Ok(body) => plain_json(200, body),
        Err(refusal) => refusal.reply(now, &world.request_id(), &world.request_id()),
    }
}

/// The endpoint's error body for a fault: OAuth's form, not Graph's.
pub(crate) fn fault_body(error: Option<&str>) -> String {
    let error = error.unwrap_or("temporarily_unavailable");
    json!({"error": error, "error_description": "A fault that was asked for.", "error_codes": [90033]}).to_string()
}

fn plain_json(status: u16, body: String) -> Reply {
    Reply {
        headers: vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("cache-control", "no-store, no-cache".to_owned()),
        ],
        ..Reply::json(status, body.into_bytes())
    }
}

fn missing(field: &str) -> Refusal {
    Refusal::malformed(900_144, "invalid_request", format!("The request body must contain the following parameter: '{field}'."))
}

struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

fn form(call: &Call) -> Result<Form, Refusal> {
    let kind = call.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") || !call.query.is_empty() {
        return Err(Refusal::malformed(
            900_144,
            "invalid_request",
            "The endpoint takes application/x-www-form-urlencoded and no query.",
        ));
    }
    let text = String::from_utf8_lossy(&call.body).into_owned();
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    for (at, (name, _)) in fields.iter().enumerate() {
        let twice = fields.iter().skip(at + 1).any(|(other, _)| other == name);
        if twice || !FIELDS.contains(&name.as_str()) {
            return Err(Refusal::malformed(
                90023,
                "invalid_request",
                format!("The parameter '{name}' is unknown or given twice."),
            ));
        }
    }
    Ok(Form(fields))
}
