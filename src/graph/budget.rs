//! Policy: what Microsoft says is left of a limit is not overdrawn.
//!
//! SharePoint counts resource units: 1 for a single item, 2 for a list or a query, 2 for a creation, change or removal; each part of a
//! batch for itself. From four fifths of the minute's limit on, and on the refusal of what is beyond it, answers carry
//! `RateLimit-Remaining` and `RateLimit-Reset` (Microsoft, "Avoid getting throttled or blocked in SharePoint Online"). What is left
//! is used up, and then nothing is sent until the reset: full speed, and no refusal. Without the headers nothing is known, and
//! nothing is held back. Each process counts for itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method};

use super::{GraphError, Request, ThrottleScope, Workload, access::ConnectionKey, throttle};

/// A reset further away is taken for garbage: the limits are by the minute.
const LONGEST: i64 = 3_600;

type Account = (ConnectionKey, Workload);

/// What is left, as far as it was told.
#[derive(Default)]
pub(super) struct Budgets(Mutex<HashMap<Account, Left>>);

#[derive(Clone, Copy)]
struct Left {
    units: i64,
    until: DateTime<Utc>,
}

impl Budgets {
    /// Takes a call's units from what is left; refused unsent when that is too little: [`Verdict::Throttled`](super::Verdict) until
    /// the reset.
    pub(super) fn spend(&self, connection: &ConnectionKey, request: &Request, now: DateTime<Utc>) -> Result<(), GraphError> {
        let mut accounts = self.lock();
        let Some(left) = accounts.get_mut(&(connection.clone(), request.workload)).filter(|left| now < left.until) else {
            return Ok(());
        };
        let units = units(request);
        if left.units < units {
            return Err(throttle::held_back(left.until, ThrottleScope::Workload));
        }
        left.units -= units;
        Ok(())
    }

    /// Remembers what an answer says is left. Of two answers about the same minute the lower counts: calls overtake each other.
    pub(super) fn learn(&self, connection: &ConnectionKey, workload: Workload, headers: &HeaderMap, now: DateTime<Utc>) {
        let Some((units, seconds)) = number(headers, "ratelimit-remaining").zip(number(headers, "ratelimit-reset")) else {
            return;
        };
        if seconds > LONGEST {
            return;
        }
        let until = now + TimeDelta::seconds(seconds);
        let mut accounts = self.lock();
        accounts.retain(|_, left| now < left.until);
        let left = accounts.entry((connection.clone(), workload)).or_insert(Left { units, until });
        *left = Left { units: left.units.min(units), until: left.until.max(until) };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call costs. A batch itself costs nothing: its parts do.
fn units(request: &Request) -> i64 {
    match (&request.method, request.workload) {
        (_, Workload::Outlook | Workload::Teams | Workload::Directory) => 1,
        (&Method::POST, _) if request.path == "/$batch" => 0,
        (&Method::GET, _) if !request.path.ends_with("/items") && !request.path.ends_with("/lists") => 1,
        _ => 2,
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    text.split([',', ';']).next()?.trim().parse().ok().filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::graph::{Verdict, testing::access};

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn told(remaining: &str, reset: &str) -> HeaderMap {
        [("ratelimit-remaining", remaining), ("ratelimit-reset", reset)]
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn creation() -> Request {
        Request::post(Workload::SharePoint, "/sites/s/lists/l/items", json!({}))
    }

    #[test]
    fn what_is_left_is_used_up_and_then_the_reset_is_waited_for() {
        let (budgets, acme) = (Budgets::default(), access("acme", 1).connection());
        assert!(budgets.spend(&acme, &creation(), now()).is_ok(), "nothing is known");
        budgets.learn(&acme, Workload::SharePoint, &told("5", "20"), now());
        assert!(budgets.spend(&acme, &creation(), now()).is_ok());
        assert!(budgets.spend(&acme, &creation(), now()).is_ok());
        let refused = budgets.spend(&acme, &creation(), now()).unwrap_err();
        let until = now() + TimeDelta::seconds(20);
        assert_eq!(refused.verdict, Verdict::Throttled { until, scope: ThrottleScope::Workload });
        assert!(budgets.spend(&acme, &Request::get(Workload::SharePoint, "/sites/s/lists/l/items/7"), now()).is_ok(), "one unit");
        assert!(budgets.spend(&acme, &creation(), until).is_ok());
        assert!(budgets.spend(&access("other", 1).connection(), &creation(), now()).is_ok());
    }

    #[test]
    fn of_answers_that_overtook_each_other_the_lower_counts() {
        let (budgets, acme) = (Budgets::default(), access("acme", 1).connection());
        budgets.learn(&acme, Workload::SharePoint, &told("2", "20"), now());
        budgets.learn(&acme, Workload::SharePoint, &told("200", "20"), now());
        assert!(budgets.spend(&acme, &creation(), now()).is_ok());
        assert!(budgets.spend(&acme, &creation(), now()).is_err());
    }

    #[test]
    fn nonsense_holds_nothing_back() {
        let (budgets, acme) = (Budgets::default(), access("acme", 1).connection());
        for (remaining, reset) in [("soon", "20"), ("0", "-1"), ("0", "86400")] {
            budgets.learn(&acme, Workload::SharePoint, &told(remaining, reset), now());
        }
        assert!(budgets.spend(&acme, &creation(), now()).is_ok());
    }
}
