//! How near a limit an answer says that we are. Pure.
//!
//! `x-ms-throttle-limit-percentage` is the share of the limit that is used up, sent from 0.8 on (Microsoft, "Microsoft Graph
//! throttling guidance", identity and access). `RateLimit-Limit` and `RateLimit-Remaining` come from SharePoint from 80 % on
//! (Microsoft, "Avoid getting throttled or blocked in SharePoint Online").

use chrono::{DateTime, Utc};
use http::HeaderMap;

use super::retry_after;

/// From this share of a limit on we slow down.
const NEAR: f64 = 0.8;

/// What one answer says about how fast we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing against it.
    Fine,
    /// Four fifths of a limit are used up.
    Near,
    /// The limit is used up, or the call was refused for it.
    Over,
}

/// Reads the head of an answer that is not a refusal. What cannot be read says nothing.
pub(super) fn sign(headers: &HeaderMap) -> Sign {
    let told = number(headers, "x-ms-throttle-limit-percentage");
    let counted = number(headers, "ratelimit-limit")
        .filter(|limit| *limit > 0.0)
        .zip(number(headers, "ratelimit-remaining"))
        .map(|(limit, remaining)| 1.0 - remaining / limit);
    match told.into_iter().chain(counted).fold(0.0, f64::max) {
        used if used >= 1.0 => Sign::Over,
        used if used >= NEAR => Sign::Near,
        _ => Sign::Fine,
    }
}

/// Until when a limit is used up, for an answer that still succeeded: `RateLimit-Remaining: 0`, and `RateLimit-Reset` in seconds. The
/// next call before then would be refused.
pub(super) fn used_up_until(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let remaining = number(headers, "ratelimit-remaining")?;
    let reset = number(headers, "ratelimit-reset")?;
    (remaining < 1.0 && reset > 0.0).then(|| retry_after::until(headers, now)).flatten()
}

/// A plain number; a list or parameters behind it (`100;w=60`) are passed over.
fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    let text = headers.get(name)?.to_str().ok()?;
    let first = text.split([',', ';']).next()?.trim();
    first.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Sign {
        let pair =
            |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        sign(&pairs.iter().map(pair).collect())
    }

    #[test]
    fn either_header_tells_and_the_worse_one_counts() {
        assert_eq!(of(&[]), Sign::Fine);
        assert_eq!(of(&[("x-ms-throttle-limit-percentage", "0.8")]), Sign::Near);
        assert_eq!(of(&[("x-ms-throttle-limit-percentage", "1.3")]), Sign::Over);
        assert_eq!(of(&[("ratelimit-limit", "1200"), ("ratelimit-remaining", "240")]), Sign::Near);
        assert_eq!(of(&[("ratelimit-limit", "1200;w=60"), ("ratelimit-remaining", "0")]), Sign::Over);
        assert_eq!(of(&[("ratelimit-limit", "1200"), ("ratelimit-remaining", "1100")]), Sign::Fine);
        assert_eq!(
            of(&[("ratelimit-limit", "10"), ("ratelimit-remaining", "9"), ("x-ms-throttle-limit-percentage", "1")]),
            Sign::Over
        );
    }

    #[test]
    fn a_limit_that_is_used_up_holds_until_its_reset() {
        let now: DateTime<Utc> = "2026-11-23T20:00:00Z".parse().unwrap();
        let until = |remaining: &'static str, reset: &'static str| {
            let map = [("ratelimit-remaining", remaining), ("ratelimit-reset", reset)];
            let map = map.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
            used_up_until(&map, now).map(|until| (until - now).num_seconds())
        };
        assert_eq!(until("0", "31"), Some(31));
        assert_eq!(until("1", "31"), None);
        assert_eq!(until("0", "0"), None);
        assert_eq!(until("0", "soon"), None);
    }

    #[test]
    fn nonsense_says_nothing() {
        for value in ["", "soon", "-1", "NaN", "inf", "80%"] {
            assert_eq!(of(&[("x-ms-throttle-limit-percentage", value)]), Sign::Fine, "{value}");
        }
        assert_eq!(of(&[("ratelimit-limit", "0"), ("ratelimit-remaining", "0")]), Sign::Fine);
        assert_eq!(of(&[("ratelimit-remaining", "0")]), Sign::Fine);
    }
}
