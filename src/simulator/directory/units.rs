//! The directory's throttling budget: resource units per app and tenant.
//!
//! Source: Microsoft, "Microsoft Graph service-specific throttling limits", identity and access service limits: in ten seconds,
//! 3,500 units for a tenant below 50 people, 5,000 up to 500, 8,000 beyond; by call 1 to 5 units, `$select` one less, `$top` below
//! 20 one less, `$expand` one more, never below one. Calls that are turned away count too.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::simulator::{call::Call, errors::Failure, errors::RetryAfter, route::Route, tenant::Tenant};

/// The window that the limits are stated for, in seconds.
const WINDOW_S: f64 = 10.0;
/// What the utilisation is counted up to, as a multiple of the limit.
const MOST: f64 = 1.8;
/// From here on the utilisation is told.
const TOLD_FROM: f64 = 0.8;

/// What each app has used in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Units(Mutex<HashMap<String, Level>>);

/// A bucket that leaks at the limit's pace.
#[derive(Debug, Clone, Copy)]
struct Level {
    used: f64,
    at: DateTime<Utc>,
}

/// What a call that was let in cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    units: u32,
    utilisation: f64,
}

impl Units {
    /// Charges a call, if it is one that counts; a 429 when the budget is spent.
    pub(crate) fn charge(
        &self,
        tenant: &Tenant,
        app: &str,
        (route, call): (&Route, &Call),
        now: DateTime<Utc>,
    ) -> Result<Option<Charge>, Failure> {
        let Some(units) = cost(route, call) else { return Ok(None) };
        let limit = f64::from(limit(tenant));
        let mut levels = self.0.lock();
        let level = levels.entry(app.to_owned()).or_insert(Level { used: 0.0, at: now });
        let elapsed = (now - level.at).as_seconds_f64().max(0.0);
        level.used = (level.used - elapsed * limit / WINDOW_S).max(0.0);
        level.at = now;
        let wanted = level.used + f64::from(units);
        level.used = wanted.min(limit * MOST);
        if wanted > limit {
            let seconds = ((wanted - limit) / limit * WINDOW_S).ceil();
            return Err(spent(tenant, app, seconds, level.used / limit));
        }
        Ok(Some(Charge { units, utilisation: level.used / limit }))
    }
}

impl Charge {
    /// The headers that tell of it.
    pub(crate) fn headers(self) -> Vec<(&'static str, String)> {
        let told = (self.utilisation >= TOLD_FROM).then(|| ("x-ms-throttle-limit-percentage", percentage(self.utilisation)));
        [("x-ms-resource-unit", self.units.to_string())].into_iter().chain(told).collect()
    }
}

fn percentage(utilisation: f64) -> String {
    format!("{utilisation:.2}")
}

fn spent(tenant: &Tenant, app: &str, seconds: f64, utilisation: f64) -> Failure {
    // At most eighteen seconds: the bucket holds no more.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 18")]
    let wait = RetryAfter::Seconds(seconds.clamp(1.0, 18.0) as u64);
    let headers = vec![
        ("x-ms-throttle-scope", format!("Tenant_Application/ReadWrite/{app}/{}", tenant.id)),
        ("x-ms-throttle-information", "ResourceUnitLimitExceeded".to_owned()),
        ("x-ms-throttle-limit-percentage", percentage(utilisation)),
    ];
    Failure { retry_after: Some(wait), headers, ..Failure::new(429, "Request_ThrottledTemporarily", "Too many requests.") }
}

/// Units in ten seconds.
fn limit(tenant: &Tenant) -> u32 {
    tenant.settings().directory.resource_units.unwrap_or_else(|| match tenant.directory.read().users.len() {
        0..50 => 3_500,
        50..=500 => 5_000,
        _ => 8_000,
    })
}

/// What a call costs; `None` for calls of other workloads.
fn cost(route: &Route, call: &Call) -> Option<u32> {
    let base: u32 = match route {
        Route::Users => 2,
        Route::Members { transitive: false, .. } => 3,
        Route::Members { transitive: true, .. } => 5,
        Route::User { .. }
        | Route::Group { .. }
        | Route::Groups
        | Route::UsersDelta
        | Route::GroupsDelta
        | Route::Organization => 1,
        _ => return None,
    };
    let options = call.options().unwrap_or_default();
    let value = |wanted: &str| options.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let few = value("$top").and_then(|top| top.parse::<u32>().ok()).is_some_and(|top| top < 20);
    let dear = base + u32::from(value("$expand").is_some());
    Some(dear.saturating_sub(u32::from(value("$select").is_some()) + u32::from(few)).max(1))
}
