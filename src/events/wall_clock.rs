//! The wall-clock texts of a window: `2026-11-25T08:30:00`, with or without an offset.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

/// A wall clock, and the offset that was written behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) wall: NaiveDateTime,
    pub(super) offset: Option<FixedOffset>,
}

/// Reads `YYYY-MM-DDThh:mm[:ss[.fraction]][Z|±hh:mm]`; `None` for anything else, a date alone and leap seconds included. Of a
/// fraction, microseconds are kept: what the store keeps.
pub(super) fn read(text: &str) -> Option<Written> {
    let (date, rest) = text.split_once('T')?;
    let (time, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (rest.get(..at)?, Some(read_offset(rest.get(at..)?)?)),
        None => (rest, None),
    };
    Some(Written { wall: read_date(date)?.and_time(read_time(time)?), offset })
}

fn read_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn read_time(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map(|second| digits(second, 2));
    let micros = match (second, fraction) {
        (Some(_), Some(fraction)) => read_micros(fraction)?,
        (None, Some(_)) => return None,
        (_, None) => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    NaiveTime::from_hms_micro_opt(hour, minute, second.unwrap_or(Some(0))?, micros)
}

fn read_micros(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<6}").get(..6)?.parse().ok()
}

fn read_offset(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let (sign, clock) = text.split_at_checked(1)?;
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| minutes < 60)?;
    FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds })
}

/// Exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_allowed_spellings() {
        for (text, wall, offset) in [
            ("2026-11-25T08:30", "2026-11-25T08:30:00", None),
            ("2026-11-25T08:30:15.1234567", "2026-11-25T08:30:15.123456", None),
            ("2026-11-25T08:30:00Z", "2026-11-25T08:30:00", Some(0)),
            ("2026-11-25T08:30:00.5-03:30", "2026-11-25T08:30:00.5", Some(-12_600)),
            ("2026-11-25T08:30+14:00", "2026-11-25T08:30:00", Some(50_400)),
        ] {
            let written = read(text).unwrap();
            assert_eq!(written.wall, wall.parse::<NaiveDateTime>().unwrap(), "{text}");
            assert_eq!(written.offset.map(|offset| offset.local_minus_utc()), offset, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "T",
            "2026-11-25",
            "2026-11-25 08:30:00",
            "2026-11-25t08:30:00",
            "2026-02-30T08:30:00",
            "+2026-11-25T08:30:00",
            "2026-11-25T24:00:00",
            "2026-11-25T08:30:60",
            "2026-11-25T8:30",
            "2026-11-25T08:30:00.",
            "2026-11-25T08:30.5",
            "2026-11-25T08:30:00.1234567890",
            "2026-11-25T08:30:00+0100",
            "2026-11-25T08:30:00+01:60",
            "2026-11-25T08:30:00z",
            "2026-11-25T08:30:00+99:00",
            "2026-11-25T08:30:00Zjunk",
            "2026-11-25T08:30:00[Europe/Dublin]",
            "2026-W48-3T08:30:00",
            "２026-11-25T08:30:00",
            "2026-11-25T08:30:00é",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
