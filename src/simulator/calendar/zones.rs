//! Wall clock and zone name to an instant, by the names that Exchange takes and no others.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::zone_names::{IANA, WINDOWS};

/// A wall-clock time in a named zone, as it was sent, with the instant that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The wall clock as sent.
    pub(crate) wall: NaiveDateTime,
    /// The zone's name as sent (`UTC` when none was).
    pub(crate) zone: String,
    /// The instant.
    pub(crate) utc: DateTime<Utc>,
}

/// The rules behind a name, if Exchange takes that name (Windows names ignoring case; IANA names exactly).
pub(crate) fn rules(name: &str) -> Option<Tz> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(Tz::UTC);
    }
    let iana = if IANA.binary_search(&name).is_ok() {
        name
    } else {
        WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name)).map(|(_, iana)| *iana)?
    };
    iana.parse().ok()
}

/// All zone names taken, Windows names first.
pub fn names() -> impl Iterator<Item = &'static str> {
    WINDOWS.iter().map(|(windows, _)| *windows).chain(IANA.iter().copied())
}

/// The instant of a wall clock: the first of a repeated hour; in a gap, as if the clocks had not been moved yet.
pub(crate) fn instant(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => match zone.from_local_datetime(&(wall - Duration::hours(3))) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc) + Duration::hours(3),
            LocalResult::None => Utc.from_utc_datetime(&wall),
        },
    }
}

/// `2026-12-01T08:00[:00[.0000000]]`, exactly so: no offset. A trailing `Z` is left to the caller.
pub(crate) fn wall_clock(text: &str) -> Option<NaiveDateTime> {
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        _ => byte.is_ascii_digit(),
    });
    let format = match text.len() {
        16 => "%Y-%m-%dT%H:%M",
        19 => "%Y-%m-%dT%H:%M:%S",
        21..=27 => "%Y-%m-%dT%H:%M:%S%.f",
        _ => return None,
    };
    shape.then(|| NaiveDateTime::parse_from_str(text, format).ok()).flatten()
}

/// How Graph writes a wall clock: seven digits of fraction, no offset.
pub(crate) fn written(at: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone).naive_local();
    format!("{}.{:07}", local.format("%Y-%m-%dT%H:%M:%S"), local.and_utc().timestamp_subsec_nanos() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_rules_and_an_unlisted_iana_name_has_none() {
        for name in names() {
            assert!(rules(name).is_some(), "{name}");
        }
        assert!(rules("Europe/Dublin").is_none());
        assert!(rules("europe/london").is_none());
        assert!(rules("gmt standard time").is_some());
        assert!(IANA.is_sorted() && WINDOWS.is_sorted());
    }

    #[test]
    fn only_a_wall_clock_without_offset_is_one() {
        for good in ["2026-12-01T08:00", "2026-12-01T08:00:01", "2026-12-01T08:00:01.1234567"] {
            assert!(wall_clock(good).is_some(), "{good}");
        }
        for bad in
            ["2026-12-01", "2026-12-01T08:00:00+01:00", "2026-13-01T08:00:00", "2026-12-01 08:00:00", "2026-12-01T08:00:00."]
        {
            assert!(wall_clock(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_gap_and_a_repeated_hour_have_an_instant() {
        let dublin: Tz = "Europe/London".parse().unwrap();
        let gap = wall_clock("2026-03-29T01:30:00").unwrap();
        assert_eq!(instant(gap, dublin).to_rfc3339(), "2026-03-29T01:30:00+00:00");
        let twice = wall_clock("2026-10-25T01:30:00").unwrap();
        assert_eq!(instant(twice, dublin).to_rfc3339(), "2026-10-25T00:30:00+00:00");
    }
}
