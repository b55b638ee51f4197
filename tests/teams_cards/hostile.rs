//! Outages as somebody would write them who wants more than text on a card.

use argus_m365::events::outage::{Area, OutageStatus, Severity, UtilityType, WantedOutage};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, seq::IndexedRandom as _};

const PIECES: [&str; 48] = [
    "[click](https://evil.example/?q=1)",
    "![img](https://evil.example/x.png)",
    "[a]: https://evil.example",
    "<at>everyone</at>",
    "<at id=\"0\">Ann</at>",
    "<a href='https://evil.example'>x</a>",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "</TextBlock>",
    "<!-- -->",
    "https://evil.example",
    "HTTP://EVIL.EXAMPLE",
    "http:\u{200b}//evil.example",
    "h\u{ad}ttps://evil.example",
    "www.evil.example",
    "ann@evil.example",
    "mailto:ann@evil.example",
    "**bold**",
    "__bold__",
    "_it_",
    "*it*",
    "***",
    "~~no~~",
    "`code`",
    "```\ncode\n```",
    "# Heading",
    "- item",
    "* item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "---",
    "===",
    "\\*escaped\\*",
    "\\",
    "&lt;at&gt;x&lt;/at&gt;",
    "&#60;b&#62;",
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
    "${evil}",
    "@{triggerBody()}",
    "\u{202e}gnp.exe",
    "\u{2066}\u{2067}\u{2069}\u{2069}\u{2069}",
    "\u{feff}\u{200b}\u{200e}\u{200f}\u{61c}",
    "\u{2028}- item\u{2029}",
    "z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    "\"},{\"type\":\"Action.OpenUrl\"",
    "{\"$ref\":1}",
];
const PLAIN: [&str; 12] =
    ["North Ward", "feeder 12", "Straße", "Ελλάδα", "Москва", "停電", "انقطاع التيار", "הפסקת חשמל", "👩‍🚒🔥", "𝔘𝔫𝔦", "a", " "];
const ADDRESSES: [&str; 8] = [
    "https://argus.example/outages/7?a=b&c=d#e",
    "https://argus.example@evil.example/",
    "http://[::1]:8080/x",
    "https://аrgus.example/страница",
    "https://a.example/<script>\"'`",
    "javascript:alert(1)",
    "https://a.example/ü",
    "not an address",
];

/// Any outage that the reader of events could let through, and some that it could not.
pub(crate) fn outage(dice: &mut impl Rng) -> WantedOutage {
    WantedOutage {
        title: text(dice, 255),
        status: *choose(
            dice,
            &[
                OutageStatus::Reported,
                OutageStatus::Investigating,
                OutageStatus::CrewAssigned,
                OutageStatus::CrewOnSite,
                OutageStatus::PartiallyRestored,
                OutageStatus::Restored,
                OutageStatus::Cancelled,
            ],
        ),
        customers_affected: if dice.random_bool(0.1) { (1 << 53) - 1 } else { dice.random_range(0..100_000) },
        utility_type: *choose(
            dice,
            &[
                UtilityType::Electricity,
                UtilityType::Gas,
                UtilityType::Water,
                UtilityType::Wastewater,
                UtilityType::Heat,
                UtilityType::Telecom,
                UtilityType::Other,
            ],
        ),
        severity: *choose(
            dice,
            &[None, Some(Severity::Minor), Some(Severity::Moderate), Some(Severity::Major), Some(Severity::Critical)],
        ),
        description: maybe(dice, |dice| text(dice, 4_000)),
        area: maybe(dice, area),
        started_at: maybe(dice, instant),
        estimated_restoration_at: maybe(dice, instant),
        restored_at: maybe(dice, instant),
        cause: maybe(dice, |dice| text(dice, 4_000)),
        planned: maybe(dice, |dice| dice.random_bool(0.5)),
        url: maybe(dice, address),
        channel: None,
    }
}

/// Between 1900 and 2200, most often near now.
pub(crate) fn instant(dice: &mut impl Rng) -> DateTime<Utc> {
    let now = DateTime::from_timestamp(1_795_500_000, 0).unwrap_or_default();
    let seconds = if dice.random_bool(0.2) {
        dice.random_range(-3_900_000_000..5_400_000_000_i64)
    } else {
        dice.random_range(-200_000..200_000)
    };
    now + TimeDelta::seconds(seconds)
}

fn area(dice: &mut impl Rng) -> Area {
    let zones = if dice.random_bool(0.2) { 1_000 } else { dice.random_range(0..20) };
    Area { name: maybe(dice, |dice| text(dice, 255)), zone_ids: (0..zones).map(|_| text(dice, 128)).collect() }
}

fn address(dice: &mut impl Rng) -> String {
    let start = (*choose(dice, &ADDRESSES)).to_owned();
    if dice.random_bool(0.1) { format!("{start}{}", choose(dice, &["x", "ж", "%20"]).repeat(600)) } else { start }
}

/// Pieces until it is as long as it may be, or shorter.
fn text(dice: &mut impl Rng, limit: usize) -> String {
    let length = if dice.random_bool(0.2) { limit } else { dice.random_range(0..=limit.min(300)) };
    let mut text = String::new();
    // One kind of letter all through is the largest a text can be.
    let same = dice.random_bool(0.1).then(|| *choose(dice, &PLAIN));
    let mut long = 0;
    while long < length {
        let pieces: &[&str] = if dice.random_bool(0.5) { &PIECES } else { &PLAIN };
        let piece = *choose(dice, pieces);
        let piece = same.unwrap_or(piece);
        long += piece.chars().count();
        text.push_str(piece);
        if dice.random_bool(0.2) {
            text.push('\n');
        }
    }
    text.chars().take(limit).collect()
}

fn maybe<T, R: Rng>(dice: &mut R, make: impl FnOnce(&mut R) -> T) -> Option<T> {
    dice.random_bool(0.7).then(|| make(dice))
}

fn choose<'a, T>(dice: &mut impl Rng, all: &'a [T]) -> &'a T {
    all.choose(dice).expect("something to choose from")
}
