//! Instants and spans as people read them. A hint such as `(25 min ago)` never breaks between two lines: its spaces are no-break ones.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;

/// `Tue 24 Nov, 14:05 CET`; with the year when it is another than now's.
pub(super) fn clock(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
    let local = at.with_timezone(&zone);
    let form = if local.year() == now.with_timezone(&zone).year() { "%a %-d %b, %H:%M" } else { "%a %-d %b %Y, %H:%M" };
    // Many zones have no abbreviation but an offset: "+03" is told as "UTC+03".
    let name = local.format("%Z").to_string();
    let prefix = if name.starts_with(['+', '-']) { "UTC" } else { "" };
    format!("{} {prefix}{name}", local.format(form))
}

/// The same, and how far from now: `(25 min ago)`, `(in 2 h 10 min)`.
pub(super) fn with_hint(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
    let hint = match at - now {
        ahead if ahead >= TimeDelta::minutes(1) => format!("in {}", span(ahead)),
        behind if behind <= TimeDelta::minutes(-1) => format!("{} ago", span(-behind)),
        _ => "now".to_owned(),
    };
    format!("{} ({})", clock(at, zone, now), together(&hint))
}

/// When supply is expected back: a time that has passed is overdue.
pub(super) fn expected(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
    if now - at < TimeDelta::minutes(1) {
        return with_hint(at, zone, now);
    }
    format!("{} ({})", clock(at, zone, now), together(&format!("overdue by {}", span(now - at))))
}

/// With spaces that no line breaks at.
fn together(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// `25 min`, `2 h 10 min`, `3 days`. Not for negative spans.
pub(super) fn span(span: TimeDelta) -> String {
    let (hours, minutes) = (span.num_hours(), span.num_minutes() % 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ ..48, 0) => format!("{hours} h"),
        (hours @ ..48, minutes) => format!("{hours} h {minutes} min"),
        (hours, _) => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_told_in_the_zone_with_a_hint() {
        let now = at("2026-11-24T13:30:00Z");
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            with_hint(at("2026-11-24T13:05:00Z"), berlin, now).replace('\u{a0}', " "),
            "Tue 24 Nov, 14:05 CET (25 min ago)"
        );
        assert_eq!(
            with_hint(at("2026-11-24T15:40:30Z"), berlin, now).replace('\u{a0}', " "),
            "Tue 24 Nov, 16:40 CET (in 2 h 10 min)"
        );
        assert_eq!(with_hint(now, berlin, now).replace('\u{a0}', " "), "Tue 24 Nov, 14:30 CET (now)");
        assert_eq!(
            with_hint(at("2027-01-01T00:00:00Z"), berlin, now).replace('\u{a0}', " "),
            "Fri 1 Jan 2027, 01:00 CET (in 37 days)"
        );
        assert_eq!(with_hint(now, Tz::America__Sao_Paulo, now).replace('\u{a0}', " "), "Tue 24 Nov, 10:30 UTC-03 (now)");
    }

    #[test]
    fn a_restoration_time_that_has_passed_is_overdue() {
        let now = at("2026-11-24T13:30:00Z");
        assert_eq!(
            expected(at("2026-11-24T13:00:00Z"), Tz::UTC, now).replace('\u{a0}', " "),
            "Tue 24 Nov, 13:00 UTC (overdue by 30 min)"
        );
        assert_eq!(expected(at("2026-11-24T14:30:00Z"), Tz::UTC, now).replace('\u{a0}', " "), "Tue 24 Nov, 14:30 UTC (in 1 h)");
    }
}
