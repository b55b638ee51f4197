//! Resource units: what each call costs, and what an application is told when it nears its limit or is over it.
//!
//! Source: Microsoft, "Avoid getting throttled or blocked in SharePoint Online". A single get costs 1, a multi-item query 2, a
//! creation, change or deletion 2. From 80 % of the limit on, `RateLimit-Limit`, `-Remaining` and `-Reset` come along.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::spec::SharePointSettings;
use crate::simulator::errors::{Failure, RetryAfter};

/// Units used by each application in its window.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<HashMap<String, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: DateTime<Utc>,
    used: u64,
}

/// The headers that an answer carries.
pub(crate) type RateLimit = Vec<(&'static str, String)>;

impl Meter {
    /// Charges a call, or refuses it.
    pub(crate) fn charge(
        &self,
        app: &str,
        cost: u64,
        now: DateTime<Utc>,
        settings: &SharePointSettings,
    ) -> Result<RateLimit, Failure> {
        let Some(limit) = settings.units else { return Ok(RateLimit::new()) };
        let mut apps = self.0.lock();
        let fresh = Window { ends: now + TimeDelta::seconds(i64::try_from(settings.window_s).unwrap_or(60)), used: 0 };
        let window = apps.entry(app.to_owned()).or_insert(fresh);
        if now >= window.ends {
            *window = fresh;
        }
        let reset = u64::try_from((window.ends - now).num_milliseconds()).unwrap_or_default().div_ceil(1_000);
        if window.used + cost > limit {
            let text = "The request has been throttled";
            let code = if settings.over_status == 503 { "serviceNotAvailable" } else { "activityLimitReached" };
            let refusal = Failure::new(settings.over_status, code, text);
            let headers = if settings.over_status == 429 { headers(settings, (limit, 0, reset)) } else { RateLimit::new() };
            return Err(Failure { retry_after: Some(RetryAfter::Seconds(reset)), headers, ..refusal });
        }
        window.used += cost;
        let near = window.used * 10 >= limit * 8;
        Ok(if near { headers(settings, (limit, limit - window.used, reset)) } else { RateLimit::new() })
    }
}

fn headers(settings: &SharePointSettings, (limit, remaining, reset): (u64, u64, u64)) -> RateLimit {
    if !settings.rate_limit_headers {
        return RateLimit::new();
    }
    vec![
        ("ratelimit-limit", limit.to_string()),
        ("ratelimit-remaining", remaining.to_string()),
        ("ratelimit-reset", reset.to_string()),
    ]
}
