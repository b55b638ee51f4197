//! Faults: which calls fail, how often, and how.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::errors::RetryAfter;

/// A fault to be added: what it meets, how often it strikes, what it does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// Only this method.
    pub method: Option<String>,
    /// Only paths that begin so, or, with `*` in it (any run of characters but `/`), that match in full. Compared decoded, without case.
    pub path: Option<String>,
    /// Strikes at most so many times; for ever when absent.
    pub times: Option<u64>,
    /// Lets the first so many matching calls pass.
    pub skip: u64,
    /// Strikes a matching call with this probability, from `seed`; always when absent.
    pub probability: Option<f64>,
    /// Seed of `probability`.
    pub seed: u64,
    /// Milliseconds the answer is held back: before the effect or after it, as `when` says.
    pub delay_ms: u64,
    /// Whether the call's effect happens all the same.
    pub when: When,
    /// What the caller gets.
    pub effect: Effect,
}

/// Before or after the call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing happened in the tenant.
    #[default]
    Before,
    /// It happened, and the caller does not learn of it.
    After,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Effect {
    /// The true answer (perhaps late).
    #[default]
    None,
    /// This status in place of the answer.
    Status {
        /// HTTP status.
        status: u16,
        /// `error.code`; a fitting one when absent.
        #[serde(default)]
        code: Option<String>,
        /// `Retry-After`, if any.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// No body at all, as some 503 and 404 come.
        #[serde(default)]
        no_body: bool,
    },
    /// The connection is closed in order, without an answer.
    Close,
    /// The connection is reset, without an answer.
    Reset,
    /// Status, headers and half of the body, then a reset; as [`Effect::Reset`] where there is no answer with a body.
    Cut,
    /// Status, headers and half of the body, then nothing more; the connection stays open. Nothing at all where there is no body.
    Stall,
    /// A list's page holds at most so many items, and a link to the rest.
    PartialPage {
        /// Items on the page; zero is allowed, as it is with Graph.
        items: usize,
    },
    /// A whole answer of 200 whose JSON stops half-way: what a proxy makes of a broken upstream.
    Truncated,
    /// A list's page links to itself.
    RepeatedLink,
    /// A list's page links to this.
    ForeignLink {
        /// The whole link.
        link: String,
    },
    /// A list's page has no link, whether or not there is more.
    LostLink,
    /// A list is empty, without a link (a delta query keeps its delta link).
    EmptyList,
    /// This text as the body of a success.
    Body {
        /// The whole body.
        text: String,
    },
}

/// A fault as it stands: its number and how often it has struck.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultState {
    /// Its number, for removing it.
    pub id: u64,
    /// What was asked for.
    pub fault: Fault,
    /// Matching calls seen.
    pub seen: u64,
    /// Calls struck.
    pub struck: u64,
}

/// All faults. The first one that strikes a call decides.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    any: AtomicBool,
    next: AtomicU64,
    list: Mutex<Vec<Active>>,
}

#[derive(Debug)]
struct Active {
    state: FaultState,
    chance: StdRng,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let chance = StdRng::seed_from_u64(fault.seed);
        self.list.lock().push(Active { state: FaultState { id, fault, seen: 0, struck: 0 }, chance });
        self.any.store(true, Ordering::Release);
        id
    }

    /// Whether there is any fault.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Removes one fault, or all of them.
    pub(crate) fn remove(&self, id: Option<u64>) {
        let mut list = self.list.lock();
        list.retain(|active| id.is_some_and(|id| active.state.id != id));
        self.any.store(!list.is_empty(), Ordering::Release);
    }

    pub(crate) fn list(&self) -> Vec<FaultState> {
        self.list.lock().iter().map(|active| active.state.clone()).collect()
    }

    /// The fault that strikes this call, if one does.
    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<Fault> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().to_lowercase();
        let mut list = self.list.lock();
        list.iter_mut().find_map(|active| active.strike(method, &path))
    }
}

impl Active {
    fn strike(&mut self, method: &str, path: &str) -> Option<Fault> {
        let FaultState { fault, seen, struck, .. } = &mut self.state;
        let method_fits = fault.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        let path_fits = fault.path.as_ref().is_none_or(|pattern| path_matches(&pattern.to_lowercase(), path));
        if !method_fits || !path_fits || fault.times.is_some_and(|times| *struck >= times) {
            return None;
        }
        *seen += 1;
        if *seen <= fault.skip || fault.probability.is_some_and(|chance| self.chance.random::<f64>() >= chance) {
            return None;
        }
        *struck += 1;
        Some(fault.clone())
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('*') {
        return path.starts_with(pattern);
    }
    glob(pattern, path)
}

/// `*` stands for any run of characters without `/`.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(after) = text.strip_prefix(head) else { return false };
    let reach = after.find('/').unwrap_or(after.len());
    (0..=reach).filter(|&at| after.is_char_boundary(at)).any(|at| glob(rest, &after[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_beginning_or_with_a_star_the_whole_path() {
        assert!(path_matches("/v1.0/users", "/v1.0/users/a/events"));
        assert!(path_matches("/v1.0/users/*/events", "/v1.0/users/a@b.example/events"));
        assert!(!path_matches("/v1.0/users/*/events", "/v1.0/users/a/events/1"));
        assert!(path_matches("/*/oauth2/v2.0/token", "/tenant/oauth2/v2.0/token"));
    }

    #[test]
    fn skip_times_and_seed_decide_the_same_way_every_time() {
        let run = || {
            let faults = Faults::default();
            faults.add(Fault { skip: 2, times: Some(5), probability: Some(0.5), seed: 7, ..Fault::default() });
            (0..40).map(|_| faults.strike("GET", "/").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert_eq!(run().iter().filter(|struck| **struck).count(), 5);
        assert!(!run()[0] && !run()[1]);
    }
}
