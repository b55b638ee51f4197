//! Every IANA zone, every clock change of ten years, the hours around it: what is sent means the intended instant.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::TZ_VARIANTS;

use super::*;

const YEARS: std::ops::RangeInclusive<i32> = 2021..=2031;

#[test]
fn every_line_of_both_tables_is_read() {
    assert_eq!(NAMES.listed.len(), lines(include_str!("microsoft.txt")).count());
    assert_eq!(NAMES.principal.len(), lines(include_str!("windows.txt")).count());
    let zones: usize =
        lines(include_str!("windows.txt")).filter_map(windows_line).map(|(_, _, zones)| zones.split(' ').count()).sum();
    assert_eq!(NAMES.windows_of.len(), zones);
}

#[test]
fn what_is_sent_means_the_intended_instant_in_every_zone_around_every_clock_change() {
    let mut moments = 0;
    for zone in TZ_VARIANTS {
        for instant in change_days(zone) {
            let moment = moment_at(zone, instant);
            let sent = ZonedTime::of(&moment, zone);
            assert_eq!(sent.instant(), Some(instant), "{zone} {instant} was sent as {sent:?}");
            let known = sent.time_zone == UTC
                || NAMES.principal.contains_key(sent.time_zone.as_str())
                || NAMES.listed.values().any(|name| *name == sent.time_zone);
            assert!(known, "{sent:?} uses a name that Outlook does not list");
            moments += 1;
        }
    }
    assert!(moments > 100_000, "only {moments} moments were tried");
}

#[test]
fn a_windows_name_keeps_wall_clock_and_instant_or_is_not_used() {
    let mut renamed = 0;
    for zone in TZ_VARIANTS {
        for instant in change_days(zone).into_iter().step_by(7) {
            let sent = ZonedTime::of(&moment_at(zone, instant), zone);
            let other = sent.by_windows_name();
            assert_eq!((other.instant(), other.date_time), (Some(instant), sent.date_time), "{sent:?} became {other:?}");
            renamed += usize::from(other != sent);
        }
    }
    assert!(renamed > 1_000, "only {renamed} were renamed");
}

#[test]
fn only_zones_whose_windows_zone_has_other_rules_fall_back_to_utc() {
    let noon = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap().and_hms_opt(12, 0, 0).unwrap();
    let in_utc: Vec<_> = TZ_VARIANTS
        .iter()
        .filter(|zone| {
            let instant = zone.from_local_datetime(&noon).single().unwrap().with_timezone(&Utc);
            let sent = ZonedTime::of(&moment_at(**zone, instant), **zone);
            sent.time_zone == UTC && sent.date_time != noon
        })
        .map(|zone| zone.name())
        .collect();
    assert_eq!(in_utc, ["America/Scoresbysund", "Antarctica/Casey", "Antarctica/Vostok"]);
}

#[test]
fn a_zone_that_microsoft_lists_keeps_its_own_name() {
    assert_eq!(sent("Europe/Berlin", "2026-07-01T09:00:00"), ("2026-07-01T09:00:00".into(), "Europe/Berlin".into()));
}

#[test]
fn a_zone_that_microsoft_does_not_list_goes_by_its_windows_name() {
    assert_eq!(sent("Europe/Kyiv", "2026-07-01T09:00:00").1, "FLE Standard Time");
    assert_eq!(sent("Europe/Madrid", "2026-07-01T09:00:00").1, "Romance Standard Time");
    assert_eq!(sent("UTC", "2026-07-01T09:00:00").1, "UTC");
}

#[test]
fn a_repeated_hour_is_sent_in_utc() {
    let zone: Tz = "Europe/Berlin".parse().unwrap();
    let first = "2026-10-25T00:30:00Z".parse().unwrap();
    let moment = Moment { adjusted: Some(Adjustment::Repeated { second: false }), ..moment_at(zone, first) };
    let sent = ZonedTime::of(&moment, zone);
    assert_eq!((sent.date_time, sent.time_zone.as_str()), (first.naive_utc(), "UTC"));
}

fn sent(zone: &str, wall: &str) -> (String, String) {
    let zone: Tz = zone.parse().unwrap();
    let wall: NaiveDateTime = wall.parse().unwrap();
    let instant = zone.from_local_datetime(&wall).single().unwrap().with_timezone(&Utc);
    let sent = ZonedTime::of(&moment_at(zone, instant), zone);
    (sent.date_time.format("%FT%T").to_string(), sent.time_zone)
}

fn moment_at(zone: Tz, instant: DateTime<Utc>) -> Moment {
    Moment { wall: instant.with_timezone(&zone).naive_local(), instant, adjusted: None }
}

/// Every half hour of the day and a half around each change of the offset, and midsummer and midwinter of each year.
fn change_days(zone: Tz) -> Vec<DateTime<Utc>> {
    let mut instants = Vec::new();
    for year in YEARS {
        let start = NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
        instants.extend([start, start + TimeDelta::days(182)]);
        for day in 0..365 {
            let morning = start + TimeDelta::days(day);
            if offset(zone, morning) != offset(zone, morning + TimeDelta::days(1)) {
                instants.extend((-12..60).map(|half_hours| morning + TimeDelta::minutes(30 * half_hours)));
            }
        }
    }
    instants
}

fn offset(zone: Tz, instant: DateTime<Utc>) -> i32 {
    use chrono::Offset;
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
}
