//! Policy: nothing is sent before the time the server named. What waits is told so unsent.
//!
//! A call that is sent too early is refused again, and counts towards the limit all the same (Microsoft, "Microsoft Graph
//! throttling guidance").
//!
//! With the log level `argus_m365::graph::throttle=debug`, each call that leaves and each wait that is asked for is written down, in
//! the order in which they came to be: no call stands behind a wait of its own that was not over.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use http::HeaderValue;

use super::{GraphError, Request, ThrottleScope, Verdict, Workload, access::ConnectionKey};

/// A connection's workload, or one target of it.
type Held = (ConnectionKey, Workload, Option<String>);

/// The throttles in force.
#[derive(Default)]
pub(super) struct Throttles(Mutex<HashMap<Held, DateTime<Utc>>>);

impl Throttles {
    /// Refuses a call that would be early: [`Verdict::Throttled`], code `heldBack`.
    pub(super) fn check(&self, connection: &ConnectionKey, request: &Request, now: DateTime<Utc>) -> Result<(), GraphError> {
        in_time(&self.lock(), connection, request, now)
    }

    /// The same for a call that leaves at once if it may; `id` is its `client-request-id`.
    pub(super) fn depart(
        &self,
        connection: &ConnectionKey,
        request: &Request,
        id: Option<&HeaderValue>,
        now: DateTime<Utc>,
    ) -> Result<(), GraphError> {
        let held = self.lock();
        in_time(&held, connection, request, now)?;
        tracing::debug!(call = id.and_then(|id| id.to_str().ok()), "a call leaves");
        Ok(())
    }

    /// Remembers what an answer asked for. A throttle is never shortened by a later one.
    pub(super) fn learn(&self, connection: &ConnectionKey, request: &Request, error: &GraphError, now: DateTime<Utc>) {
        let Verdict::Throttled { until, scope } = error.verdict else { return };
        let target = match scope {
            ThrottleScope::Target => request.target.clone(),
            ThrottleScope::Workload => None,
            // The token's own policy remembers that one.
            ThrottleScope::Login => return,
        };
        let held = self.hold(connection, request.workload, target, until, now);
        tracing::debug!(request_id = error.request_id, %until, "told to wait");
        drop(held);
    }

    /// Holds a connection's workload back until an instant: its limit is used up, and the next call would be refused.
    pub(super) fn hold_workload(&self, connection: &ConnectionKey, workload: Workload, until: DateTime<Utc>, now: DateTime<Utc>) {
        drop(self.hold(connection, workload, None, until, now));
    }

    fn hold(
        &self,
        connection: &ConnectionKey,
        workload: Workload,
        target: Option<String>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> MutexGuard<'_, HashMap<Held, DateTime<Utc>>> {
        let mut held = self.lock();
        // Those that are over go here: only throttled answers make the map grow, so only they need to look.
        held.retain(|_, until| now < *until);
        let known = held.entry((connection.clone(), workload, target)).or_insert(until);
        *known = until.max(*known);
        held
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Held, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses a call that would be early.
fn in_time(
    held: &HashMap<Held, DateTime<Utc>>,
    connection: &ConnectionKey,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<(), GraphError> {
    let until =
        |target: Option<String>| held.get(&(connection.clone(), request.workload, target)).copied().filter(|until| now < *until);
    let whole = until(None).map(|until| (until, ThrottleScope::Workload));
    let target = request.target.clone().and_then(|target| until(Some(target))).map(|until| (until, ThrottleScope::Target));
    match whole.into_iter().chain(target).max_by_key(|(until, _)| *until) {
        None => Ok(()),
        Some((until, scope)) => Err(held_back(until, scope)),
    }
}

/// The answer to a call that was not sent because its time has not come.
pub(crate) fn held_back(until: DateTime<Utc>, scope: ThrottleScope) -> GraphError {
    GraphError::unsent(Verdict::Throttled { until, scope }, "heldBack", "not sent: Microsoft asked to wait")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::graph::testing::access;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn to(target: Option<&str>, workload: Workload) -> Request {
        let request = Request::get(workload, "/x");
        match target {
            Some(target) => request.target(target),
            None => request,
        }
    }

    fn throttled(seconds: i64, scope: ThrottleScope) -> GraphError {
        held_back(now() + TimeDelta::seconds(seconds), scope)
    }

    #[test]
    fn a_target_waits_alone_and_only_until_its_time() {
        let throttles = Throttles::default();
        let acme = access("acme", 1).connection();
        let ann = to(Some("ann"), Workload::Outlook);
        throttles.learn(&acme, &ann, &throttled(10, ThrottleScope::Target), now());

        let refused = throttles.check(&acme, &ann, now() + TimeDelta::seconds(9)).unwrap_err();
        assert_eq!(refused.verdict, throttled(10, ThrottleScope::Target).verdict);
        assert!(throttles.check(&acme, &ann, now() + TimeDelta::seconds(10)).is_ok());
        assert!(throttles.check(&acme, &to(Some("bob"), Workload::Outlook), now()).is_ok());
        assert!(throttles.check(&acme, &to(None, Workload::Outlook), now()).is_ok());
        assert!(throttles.check(&access("other", 1).connection(), &ann, now()).is_ok());
    }

    #[test]
    fn a_workload_waits_as_a_whole_and_the_later_time_counts() {
        let throttles = Throttles::default();
        let acme = access("acme", 1).connection();
        let ann = to(Some("ann"), Workload::Outlook);
        throttles.learn(&acme, &ann, &throttled(60, ThrottleScope::Workload), now());
        throttles.learn(&acme, &ann, &throttled(5, ThrottleScope::Workload), now());
        throttles.learn(&acme, &ann, &throttled(30, ThrottleScope::Target), now());
        let refused = throttles.check(&acme, &ann, now()).unwrap_err();
        assert_eq!(refused.verdict, throttled(60, ThrottleScope::Workload).verdict);
        assert!(throttles.check(&acme, &to(Some("bob"), Workload::Outlook), now()).is_err());
        assert!(throttles.check(&acme, &to(None, Workload::Directory), now()).is_ok());
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let throttles = Throttles::default();
        let acme = access("acme", 1).connection();
        for number in 0..100 {
            let request = to(Some(&number.to_string()), Workload::Outlook);
            throttles.learn(&acme, &request, &throttled(10, ThrottleScope::Target), now());
        }
        assert_eq!(throttles.lock().len(), 100);
        throttles.learn(
            &acme,
            &to(None, Workload::Teams),
            &throttled(90, ThrottleScope::Workload),
            now() + TimeDelta::seconds(11),
        );
        assert_eq!(throttles.lock().len(), 1);
    }
}
