//! Ten thousand cards of outages that mean harm: each is valid, small enough, and shows nothing but text.

#![expect(clippy::expect_used, reason = "a helper that cannot set the scene fails the test")]

mod check;
mod hostile;

use argus_m365::capabilities::teams::card;
use chrono_tz::{TZ_VARIANTS, Tz};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// As many as the product's promise speaks of.
const CARDS: usize = 10_000;
const SEED: u64 = 20_261_124;

fn zone(dice: &mut StdRng) -> Tz {
    TZ_VARIANTS[dice.random_range(0..TZ_VARIANTS.len())]
}

#[test]
fn no_outage_makes_a_card_that_is_invalid_too_large_or_more_than_text() {
    let mut dice = StdRng::seed_from_u64(SEED);
    let mut sample = Vec::new();
    for number in 0..CARDS {
        let outage = hostile::outage(&mut dice);
        let (zone, now) = (zone(&mut dice), hostile::instant(&mut dice));
        let card = card::render(&outage, zone, now, &format!("argus:acme/{number}"));
        check::card(&card, outage.url.as_deref()).unwrap_or_else(|wrong| panic!("card {number}: {wrong}\n{outage:#?}\n{card:#}"));
        assert_eq!(card["body"][0]["id"], format!("argus:acme/{number}"));
        if check::is_sampled(number) {
            sample.push(card.to_string());
        }
    }
    check::against_the_schema(&sample);
}

#[test]
fn no_storm_makes_a_summary_that_is_invalid_too_large_or_more_than_text() {
    let mut dice = StdRng::seed_from_u64(SEED + 1);
    let mut sample = Vec::new();
    for number in 0..100 {
        let outages: Vec<_> = (0..dice.random_range(0..60)).map(|_| hostile::outage(&mut dice)).collect();
        let card = card::summary(&outages.iter().collect::<Vec<_>>(), zone(&mut dice), hostile::instant(&mut dice), "storm");
        check::card(&card, None).unwrap_or_else(|wrong| panic!("summary {number}: {wrong}\n{card:#}"));
        if check::is_sampled(number) {
            sample.push(card.to_string());
        }
    }
    check::against_the_schema(&sample);
}

#[test]
fn the_check_itself_can_fail() {
    let mut dice = StdRng::seed_from_u64(SEED + 2);
    let good = card::render(&hostile::outage(&mut dice), Tz::UTC, hostile::instant(&mut dice), "m");
    for bad in ["[a](b)", "<at>x</at>", "https://evil.example", "**a**", "a\u{202e}b", "{{DATE(x)}}", "- a"] {
        let mut card = good.clone();
        card["body"][0]["items"][0]["text"] = bad.into();
        assert!(check::card(&card, None).is_err(), "{bad}");
    }
    let mut card = good.clone();
    card["body"][0]["onload"] = "x".into();
    assert!(check::card(&card, None).is_err(), "a property of nobody's");
    card = good;
    card["speak"] = "ä".repeat(20_000).into();
    assert!(check::card(&card, None).is_err(), "too large");
}
