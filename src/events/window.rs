//! A visit's window: wall clock in an IANA zone, turned into instants, with what clock changes do to it.
//!
//! A time that a change skips moves forward by the gap. A time that comes twice means its first occurrence, unless
//! `window.fold` is 1 (for both ends) or the end's own offset says which. An offset is accepted only where the zone has it at
//! that wall time. Zone rules are those of the tz database inside `chrono-tz`.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Offset, TimeZone, Utc, offset::LocalResult};
use chrono_tz::{GapInfo, Tz};

use serde_json::{Value, json};

use super::{
    fields::Fields,
    kind::Kind,
    kinds::Text,
    limits::{NAME, YEARS},
    refusal::Problem,
    shape::{Optional, Required, Shape, optional, required},
    task::{Adjustment, Moment, Window},
    wall_clock,
};

const START: Required<Wall> =
    required("start", Wall, "Wall clock in the zone. An offset or `Z` is accepted when it agrees with the zone.");
const END: Required<Wall> = required("end", Wall, "The same; after start.");
const TIME_ZONE: Required<Zone> = required("timeZone", Zone, "IANA name of the zone that both ends stand in.");
const FOLD: Optional<Fold> =
    optional("fold", Fold, "Of a wall time that a clock change repeats: 0 the first occurrence, 1 the second.");

/// `window`.
pub(super) static WINDOW: Shape = Shape::of(&[&START, &END, &TIME_ZONE, &FOLD]);

/// Reads `window {start, end, timeZone, fold}`.
pub(super) fn read(window: &Fields<'_>) -> Result<Window, Problem> {
    let time_zone = window.required(&TIME_ZONE)?;
    let second = window.optional(&FOLD)?.unwrap_or(false);
    let start = read_end(window, &START, time_zone, second)?;
    let end = read_end(window, &END, time_zone, second)?;
    if end.instant <= start.instant {
        return Err(window.problem("end", "must be after start"));
    }
    Ok(Window { time_zone, start, end })
}

/// Reads one end of the window.
fn read_end(window: &Fields<'_>, field: &Required<Wall>, zone: Tz, second: bool) -> Result<Moment, Problem> {
    let written = window.required(field)?;
    let disagrees = || window.problem(field.0.name, "has an offset that the time zone does not have at that time");
    resolve(written.wall, written.offset, zone, second).ok_or_else(disagrees)
}

/// A wall-clock time.
struct Wall;

impl Kind for Wall {
    type Read<'a> = wall_clock::Written;

    fn read(&self, value: &Value) -> Result<Option<wall_clock::Written>, String> {
        let Some(text) = Text(NAME).read(value)? else { return Ok(None) };
        let written = wall_clock::read(text).filter(|written| YEARS.contains(&written.wall.year()));
        let form = || "must be a wall-clock time like 2026-11-25T08:30:00, between 1900 and 2200".to_owned();
        written.map(Some).ok_or_else(form)
    }

    fn schema(&self, _required: bool) -> Value {
        let form =
            "^(19|20|21|22)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?$";
        json!({ "type": "string", "maxLength": 40, "pattern": form, "examples": ["2026-11-25T08:30:00"] })
    }
}

/// The name of an IANA time zone.
struct Zone;

impl Kind for Zone {
    type Read<'a> = Tz;

    fn read(&self, value: &Value) -> Result<Option<Tz>, String> {
        let Some(name) = Text(NAME).read(value)? else { return Ok(None) };
        name.parse().map(Some).map_err(|_| "is not the name of an IANA time zone".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        let mut schema = Text(NAME).schema(required);
        schema["examples"] = json!(["Europe/Dublin"]);
        schema
    }
}

/// Which of two occurrences: 0 the first, 1 the second.
struct Fold;

impl Kind for Fold {
    type Read<'a> = bool;

    fn read(&self, value: &Value) -> Result<Option<bool>, String> {
        match value.as_u64() {
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            _ => Err("must be 0 or 1".to_owned()),
        }
    }

    fn schema(&self, _required: bool) -> Value {
        json!({ "enum": [0, 1, null] })
    }
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
