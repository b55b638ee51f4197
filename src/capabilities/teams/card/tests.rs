//! What a card says, and that no event can make it say anything else.

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    headline, render,
    samples::{at, north_ward, now},
    summary,
};
use crate::events::outage::{OutageStatus, Severity, WantedOutage};

fn card(outage: &WantedOutage) -> Value {
    render(outage, Tz::Europe__Berlin, now(), "acme/7")
}

fn facts(card: &Value) -> Vec<(String, String)> {
    let set = card["body"].as_array().unwrap().iter().find(|element| element["type"] == "FactSet").unwrap();
    let text = |value: &Value| value.as_str().unwrap().replace('\u{a0}', " ");
    set["facts"].as_array().unwrap().iter().map(|fact| (text(&fact["title"]), text(&fact["value"]))).collect()
}

#[test]
fn the_first_line_tells_the_story() {
    assert_eq!(headline(&north_ward()), "Outage · North Ward · 1,240 customers · investigating");
    let restored = WantedOutage { status: OutageStatus::Restored, customers_affected: 0, ..north_ward() };
    assert_eq!(headline(&restored), "Restored · North Ward");
    let planned = WantedOutage { planned: Some(true), area: None, customers_affected: 1, ..north_ward() };
    assert_eq!(headline(&planned), "Planned outage · Cable fault at Mill Lane substation · 1 customer · investigating");
    let cancelled = WantedOutage { status: OutageStatus::Cancelled, ..north_ward() };
    assert_eq!(headline(&cancelled), "Outage cancelled · North Ward · 1,240 customers");
}

#[test]
fn the_facts_are_those_of_the_outage() {
    let found = facts(&card(&north_ward()));
    let expected = [
        ("Title", "Cable fault at Mill Lane substation"),
        ("Status", "Investigating"),
        ("Customers affected", "1,240"),
        ("Utility", "Electricity"),
        ("Severity", "Major"),
        ("Area", "North Ward"),
        ("Zones", "NW-1, NW-2"),
        ("Started", "Tue 24 Nov, 14:05 CET (25 min ago)"),
        ("Expected back", "Tue 24 Nov, 16:40 CET (in 2 h 10 min)"),
        ("Cause", "Damaged by excavation"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn restored_is_told_in_words_and_for_how_long_supply_was_away() {
    let outage = WantedOutage { status: OutageStatus::Restored, restored_at: Some(at("2026-11-24T13:20:00Z")), ..north_ward() };
    let card = card(&outage);
    let found = facts(&card);
    assert!(found.contains(&("Status".into(), "✔ Restored".into())));
    assert!(found.contains(&("Restored".into(), "Tue 24 Nov, 14:20 CET (10 min ago), after 15 min".into())));
    assert!(!found.iter().any(|(name, _)| name == "Expected back"));
    assert_eq!(card["body"][0]["items"][1]["text"], "✔ Supply is back · Electricity");
}

#[test]
fn severity_can_be_told_without_colour() {
    let second = |severity| card(&WantedOutage { severity, ..north_ward() })["body"][0]["items"][1]["text"].clone();
    assert_eq!(second(Some(Severity::Minor)), "■□□□ Minor · Electricity");
    assert_eq!(second(Some(Severity::Critical)), "■■■■ Critical · Electricity");
    assert_eq!(second(None), "Electricity");
}

#[test]
fn the_marker_is_an_id_that_a_search_finds_and_nobody_reads() {
    let card = render(&north_ward(), Tz::UTC, now(), "argus:acme/7\"<x>");
    assert_eq!(card["body"][0]["id"], "argus:acme/7x");
    assert!(!card["fallbackText"].as_str().unwrap().contains("acme"));
}

#[test]
fn the_link_is_a_button() {
    assert_eq!(
        card(&north_ward())["actions"],
        json!([{ "type": "Action.OpenUrl", "title": "Open at argus.example", "url": "https://argus.example/outages/7" }])
    );
    assert_eq!(card(&WantedOutage { url: None, ..north_ward() })["actions"], Value::Null);
}

#[test]
fn a_storm_is_one_card_with_the_worst_first() {
    let mild = WantedOutage { severity: None, customers_affected: 9_000, ..north_ward() };
    let back = WantedOutage { status: OutageStatus::Restored, ..north_ward() };
    let worst = WantedOutage { severity: Some(Severity::Critical), customers_affected: 3, ..north_ward() };
    let card = summary(&[&mild, &back, &worst], Tz::UTC, now(), "storm/1");
    let texts: Vec<_> = card["body"].as_array().unwrap()[1..].iter().filter_map(|block| block["text"].as_str()).collect();
    assert_eq!(card["fallbackText"], "2 outages · 9,003 customers · 1 restored");
    assert_eq!(
        texts[..3],
        [
            "■■■■ North Ward · 3 customers · investigating",
            "■■□□ North Ward · 9,000 customers · investigating",
            "✔ North Ward · 1,240 customers · restored",
        ]
    );
    let many = vec![&mild; 1_000];
    let text = summary(&many, Tz::UTC, now(), "storm/2").to_string();
    assert!(text.contains("… and 975 more"), "{text}");
}
