//! Clock changes of five zones, each with its own oddity.

use serde_json::{Value, json};

use super::*;

fn window(value: &Value) -> Result<Window, Problem> {
    read(&Fields::data(value.as_object().unwrap()))
}

/// Reads one time as the start of a window that ends much later.
fn start(zone: &str, start: &str, fold: u8) -> Result<Moment, Problem> {
    window(&json!({"start": start, "end": "2100-01-01T00:00:00", "timeZone": zone, "fold": fold})).map(|window| window.start)
}

#[test]
fn wall_clocks_become_the_instants_that_the_zone_gives_them() {
    // zone, asked for, fold, the wall clock that stands, the instant, what was unusual
    let table = [
        ("Europe/Dublin", "2026-11-25T08:30:00", 0, "2026-11-25T08:30:00", "2026-11-25T08:30:00Z", ""),
        ("Europe/Dublin", "2026-07-01T08:30:00", 0, "2026-07-01T08:30:00", "2026-07-01T07:30:00Z", ""),
        ("Europe/Dublin", "2026-03-29T01:30:00", 0, "2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "skipped"),
        ("Europe/Dublin", "2026-03-29T01:00:00", 0, "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", "skipped"),
        ("Europe/Dublin", "2026-03-29T02:00:00", 0, "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", ""),
        ("Europe/Dublin", "2026-10-25T01:30:00", 0, "2026-10-25T01:30:00", "2026-10-25T00:30:00Z", "first"),
        ("Europe/Dublin", "2026-10-25T01:30:00", 1, "2026-10-25T01:30:00", "2026-10-25T01:30:00Z", "second"),
        ("America/New_York", "2026-03-08T02:30:00", 0, "2026-03-08T03:30:00", "2026-03-08T07:30:00Z", "skipped"),
        ("America/New_York", "2026-11-01T01:30:00", 0, "2026-11-01T01:30:00", "2026-11-01T05:30:00Z", "first"),
        ("America/New_York", "2026-11-01T01:30:00", 1, "2026-11-01T01:30:00", "2026-11-01T06:30:00Z", "second"),
        // half an hour only
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", 0, "2026-10-04T02:45:00", "2026-10-03T15:45:00Z", "skipped"),
        ("Australia/Lord_Howe", "2026-10-04T02:30:00", 0, "2026-10-04T02:30:00", "2026-10-03T15:30:00Z", ""),
        ("Australia/Lord_Howe", "2026-04-05T01:45:00", 0, "2026-04-05T01:45:00", "2026-04-04T14:45:00Z", "first"),
        ("Australia/Lord_Howe", "2026-04-05T01:45:00", 1, "2026-04-05T01:45:00", "2026-04-04T15:15:00Z", "second"),
        // a whole day left out
        ("Pacific/Apia", "2011-12-30T10:00:00", 0, "2011-12-31T10:00:00", "2011-12-30T20:00:00Z", "skipped"),
        ("Pacific/Apia", "2011-12-31T10:00:00", 0, "2011-12-31T10:00:00", "2011-12-30T20:00:00Z", ""),
        // back for Ramadan, and forth again
        ("Africa/Casablanca", "2025-02-23T02:30:00", 0, "2025-02-23T02:30:00", "2025-02-23T01:30:00Z", "first"),
        ("Africa/Casablanca", "2025-02-23T02:30:00", 1, "2025-02-23T02:30:00", "2025-02-23T02:30:00Z", "second"),
        ("Africa/Casablanca", "2025-04-06T02:30:00", 0, "2025-04-06T03:30:00", "2025-04-06T02:30:00Z", "skipped"),
    ];
    for (zone, asked, fold, wall, instant, unusual) in table {
        let moment = start(zone, asked, fold).unwrap();
        assert_eq!(moment.wall, wall.parse().unwrap(), "{zone} {asked}");
        assert_eq!(moment.instant, instant.parse::<DateTime<Utc>>().unwrap(), "{zone} {asked}");
        let expected = match unusual {
            "skipped" => Some(Adjustment::Skipped { asked: asked.parse().unwrap() }),
            "first" => Some(Adjustment::Repeated { second: false }),
            "second" => Some(Adjustment::Repeated { second: true }),
            _ => None,
        };
        assert_eq!(moment.adjusted, expected, "{zone} {asked}");
    }
}

#[test]
fn an_offset_counts_only_where_the_zone_has_it() {
    for (asked, instant) in [
        ("2026-11-25T08:30:00Z", Some("2026-11-25T08:30:00Z")),
        ("2026-11-25T08:30:00+00:00", Some("2026-11-25T08:30:00Z")),
        ("2026-07-01T08:30:00+01:00", Some("2026-07-01T07:30:00Z")),
        ("2026-07-01T08:30:00Z", None),
        ("2026-11-25T08:30:00+01:00", None),
        // a repeated hour: the offset says which, and wins over fold
        ("2026-10-25T01:30:00+01:00", Some("2026-10-25T00:30:00Z")),
        ("2026-10-25T01:30:00Z", Some("2026-10-25T01:30:00Z")),
        ("2026-10-25T01:30:00+02:00", None),
        // a skipped hour: the offset from before the gap says what moving forward says
        ("2026-03-29T01:30:00Z", Some("2026-03-29T01:30:00Z")),
        ("2026-03-29T01:30:00+01:00", None),
    ] {
        let read = start("Europe/Dublin", asked, 0);
        match instant {
            Some(instant) => assert_eq!(read.unwrap().instant, instant.parse::<DateTime<Utc>>().unwrap(), "{asked}"),
            None => assert_eq!(read.unwrap_err().pointer.as_deref(), Some("/data/start"), "{asked}"),
        }
    }
}

#[test]
fn a_window_ends_after_it_starts_by_instant_not_by_wall_clock() {
    let repeated = |end: &str| window(&json!({"start": "2026-10-25T01:45:00+01:00", "end": end, "timeZone": "Europe/Dublin"}));
    assert!(repeated("2026-10-25T01:15:00Z").is_ok(), "the second 01:15 is after the first 01:45");
    assert_eq!(repeated("2026-10-25T01:15:00").unwrap_err().pointer.as_deref(), Some("/data/end"));
    assert_eq!(repeated("2026-10-25T01:45:00").unwrap_err().pointer.as_deref(), Some("/data/end"));
}

#[test]
fn impossible_windows_are_refused_at_the_field() {
    let good = json!({"start": "2026-11-25T08:30:00", "end": "2026-11-25T10:00:00", "timeZone": "Europe/Dublin"});
    assert!(window(&good).is_ok());
    for (field, value) in [
        ("timeZone", json!("GMT Standard Time")),
        ("timeZone", json!("Europe/Atlantis")),
        ("timeZone", json!(" ")),
        ("timeZone", Value::Null),
        ("start", json!("2026-11-25")),
        ("start", json!(1_764_000_000)),
        ("start", json!("1899-12-31T23:59:59")),
        ("end", json!("2201-01-01T00:00:00")),
        ("end", json!("2026-11-25T08:30:00")),
        ("fold", json!(2)),
        ("fold", json!(true)),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        assert_eq!(window(&bad).unwrap_err().pointer.unwrap(), format!("/data/{field}"), "{value}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn in_every_zone_the_clock_shows_the_wall_time_at_the_instant(zone in 0..chrono_tz::TZ_VARIANTS.len(), minute in 0_i64..5_000_000) {
        let zone = chrono_tz::TZ_VARIANTS[zone];
        let asked = DateTime::UNIX_EPOCH.naive_utc() + chrono::TimeDelta::days(15_000) + chrono::TimeDelta::minutes(minute * 5);
        let moment = start(zone.name(), &asked.format("%Y-%m-%dT%H:%M").to_string(), 0).unwrap();
        proptest::prop_assert_eq!(moment.instant.with_timezone(&zone).naive_local(), moment.wall);
        if let Some(Adjustment::Skipped { asked: kept }) = moment.adjusted {
            proptest::prop_assert!(kept == asked && moment.wall > asked);
        } else {
            proptest::prop_assert_eq!(moment.wall, asked);
        }
    }
}
