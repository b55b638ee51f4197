//! A visit's window: wall clock in an IANA zone, turned into instants, with what clock changes do to it.
//!
//! A time that a change skips moves forward by the gap. A time that comes twice means its first occurrence, unless
//! `window.fold` is 1 (for both ends) or the end's own offset says which. An offset is accepted only where the zone has it at
//! that wall time. Zone rules are those of the tz database inside `chrono-tz`.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Offset, TimeZone, Utc, offset::LocalResult};
use chrono_tz::{GapInfo, Tz};

use super::{
    fields::{Fields, NAME},
    refusal::Problem,
    task::{Adjustment, Moment, Window},
    wall_clock,
};

/// The years in which a time can be meant. Outside lie typing errors, and dates that calendars and stores cannot keep.
pub(super) const YEARS: RangeInclusive<i32> = 1900..=2200;

/// Reads `window {start, end, timeZone, fold}`.
pub(super) fn read(window: &Fields<'_>) -> Result<Window, Problem> {
    let zone = window.required_text("timeZone", NAME)?;
    let time_zone: Tz = zone.parse().map_err(|_| window.problem("timeZone", "is not the name of an IANA time zone"))?;
    let second = match window.integer("fold")? {
        None | Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(window.problem("fold", "must be 0 or 1")),
    };
    let start = read_end(window, "start", time_zone, second)?;
    let end = read_end(window, "end", time_zone, second)?;
    if end.instant <= start.instant {
        return Err(window.problem("end", "must be after start"));
    }
    Ok(Window { time_zone, start, end })
}

/// Reads one end of the window.
fn read_end(window: &Fields<'_>, name: &str, zone: Tz, second: bool) -> Result<Moment, Problem> {
    let text = window.required_text(name, NAME)?;
    let form = "must be a wall-clock time like 2026-11-25T08:30:00, between 1900 and 2200";
    let written = wall_clock::read(&text).filter(|written| YEARS.contains(&written.wall.year()));
    let written = written.ok_or_else(|| window.problem(name, form))?;
    let disagrees = || window.problem(name, "has an offset that the time zone does not have at that time");
    resolve(written.wall, written.offset, zone, second).ok_or_else(disagrees)
}

/// What a wall clock means in a zone; `None` when the offset is not one that the zone has there.
fn resolve(wall: NaiveDateTime, offset: Option<FixedOffset>, zone: Tz, second: bool) -> Option<Moment> {
    let agrees = |instant: &DateTime<Tz>| offset.is_none_or(|offset| instant.offset().fix() == offset);
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(instant) => agrees(&instant).then(|| Moment { wall, instant: instant.to_utc(), adjusted: None }),
        LocalResult::Ambiguous(first, last) => {
            let second = if offset.is_some() { !agrees(&first) } else { second };
            let instant = if second { last } else { first };
            let adjusted = Some(Adjustment::Repeated { second });
            agrees(&instant).then(|| Moment { wall, instant: instant.to_utc(), adjusted })
        }
        LocalResult::None => {
            let before = GapInfo::new(&wall, &zone)?.begin?.1.fix();
            offset.is_none_or(|offset| offset == before).then(|| after_gap(wall, before, zone)).flatten()
        }
    }
}

/// A skipped wall clock: with the offset from before the gap it is an instant, and the clock that shows then is the one asked
/// for, moved forward by the gap.
fn after_gap(asked: NaiveDateTime, before: FixedOffset, zone: Tz) -> Option<Moment> {
    let instant: DateTime<Utc> = before.from_local_datetime(&asked).single()?.to_utc();
    let wall = instant.with_timezone(&zone).naive_local();
    Some(Moment { wall, instant, adjusted: Some(Adjustment::Skipped { asked }) })
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
