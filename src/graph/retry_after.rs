//! Policy: how long the server asks to wait. Pure.
//!
//! `Retry-After` comes as seconds or as an HTTP date (RFC 9110, 10.2.3); SharePoint adds `RateLimit-Reset`, seconds, and asks
//! to honour the larger (Microsoft, "Avoid getting throttled or blocked in SharePoint Online").

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, header};

/// The shortest wait: a server that says "0", or a date that is over, still asked for a pause.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);
/// The longest: a wait beyond a day is taken for garbage, and must not silence a mailbox for good.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// The earliest instant at which the server allows another call; `None` when it does not say.
///
/// A date is measured from the answer's own `Date`, so that a difference between the clocks never makes us early.
pub(crate) fn until(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let date = headers.get(header::DATE).and_then(|value| http_date(value.to_str().ok()?));
    let asked = headers.get_all(header::RETRY_AFTER).iter().filter_map(|value| wait(value.to_str().ok()?, date.unwrap_or(now)));
    let reset = headers.get_all("ratelimit-reset").iter().filter_map(|value| seconds(value.to_str().ok()?));
    let longest = asked.chain(reset).max()?;
    now.checked_add_signed(longest.clamp(SHORTEST, LONGEST))
}

/// Reads an HTTP date in any of its three forms.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(text.trim()).ok().map(DateTime::from)
}

fn wait(text: &str, from: DateTime<Utc>) -> Option<TimeDelta> {
    seconds(text).or_else(|| Some(http_date(text)?.signed_duration_since(from)))
}

fn seconds(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    // Digits alone, or digits with a fraction, which is rounded up: some gateways send one.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let up = i64::from(fraction.bytes().any(|byte| byte != b'0'));
    // More digits than fit is still a number, and a very long wait.
    let whole = whole.parse::<i64>().unwrap_or(i64::MAX).min(LONGEST.num_seconds());
    TimeDelta::try_seconds(whole + up)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn waits(headers: &[(&'static str, &str)]) -> Option<i64> {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        until(&map, now()).map(|until| (until - now()).num_seconds())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(waits(&[("retry-after", "10")]), Some(10));
        assert_eq!(waits(&[("retry-after", " 10 ")]), Some(10));
        assert_eq!(waits(&[("retry-after", "1.2")]), Some(2));
        assert_eq!(waits(&[("retry-after", "Mon, 23 Nov 2026 20:00:10 GMT")]), Some(10));
        assert_eq!(waits(&[("retry-after", "Monday, 23-Nov-26 20:00:10 GMT")]), Some(10));
    }

    #[test]
    fn a_date_is_measured_by_the_servers_own_clock() {
        let ours_is_ahead = [("date", "Mon, 23 Nov 2026 19:50:00 GMT"), ("retry-after", "Mon, 23 Nov 2026 19:51:00 GMT")];
        assert_eq!(waits(&ours_is_ahead), Some(60));
        let ours_is_behind = [("date", "Mon, 23 Nov 2026 20:50:00 GMT"), ("retry-after", "Mon, 23 Nov 2026 20:51:00 GMT")];
        assert_eq!(waits(&ours_is_behind), Some(60));
    }

    #[test]
    fn the_larger_of_all_counts() {
        assert_eq!(waits(&[("retry-after", "5"), ("ratelimit-reset", "40")]), Some(40));
        assert_eq!(waits(&[("retry-after", "50"), ("ratelimit-reset", "40")]), Some(50));
        assert_eq!(waits(&[("ratelimit-reset", "40")]), Some(40));
        assert_eq!(waits(&[("retry-after", "5"), ("retry-after", "7")]), Some(7));
    }

    #[test]
    fn silence_and_nonsense_are_none() {
        for text in ["", "soon", "-5", "1e3", "5 seconds", ".", ".5", "١"] {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
            assert_eq!(until(&headers, now()), None, "{text:?}");
        }
        assert_eq!(waits(&[]), None);
    }

    #[test]
    fn the_past_waits_a_second_and_the_absurd_a_day() {
        assert_eq!(waits(&[("retry-after", "0")]), Some(1));
        assert_eq!(waits(&[("retry-after", "Mon, 23 Nov 2020 20:00:10 GMT")]), Some(1));
        assert_eq!(waits(&[("retry-after", "99999999999999999999999")]), Some(24 * 3600));
        assert_eq!(waits(&[("retry-after", "Mon, 23 Nov 2099 20:00:10 GMT")]), Some(24 * 3600));
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_us_early_or_falls_over(text in "[ -~]{0,40}", date in "[ -~]{0,40}") {
            let value = |text: &str| HeaderValue::from_str(text).unwrap();
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value(&text)), (header::DATE, value(&date))]);
            if let Some(until) = until(&headers, now()) {
                proptest::prop_assert!(until >= now() + SHORTEST && until <= now() + LONGEST);
            }
        }
    }
}
