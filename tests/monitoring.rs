//! The alert rules and the dashboard speak of metrics that exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every `argus_m365_…` in a text, without the suffixes that Prometheus adds to a histogram.
fn metrics(text: &str) -> BTreeSet<String> {
    let names = text.match_indices("argus_m365_").map(|(start, prefix)| {
        let rest = &text[start + prefix.len()..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let name = &rest[..end];
        ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
    });
    names.collect()
}

#[test]
fn rules_and_dashboard_name_metrics_that_the_connector_has() {
    let declared = read("src/metrics.rs");
    for file in ["alerts.yml", "alerts_test.yml", "grafana/dashboards/argus-m365.json"] {
        let named = metrics(&read(&format!("docs/monitoring/{file}")));
        assert!(named.len() > 5, "{file} names {named:?}");
        for name in named {
            assert!(declared.contains(&format!("\"{name}\"")), "{file}: no metric is called {name}");
        }
    }
}

#[test]
fn every_alert_is_shown_to_fire_and_to_resolve() {
    let (rules, tests) = (read("docs/monitoring/alerts.yml"), read("docs/monitoring/alerts_test.yml"));
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 6, "{alerts:?}");
    for alert in alerts {
        let fires = tests.matches(&format!("- alertname: {alert}\n")).count();
        let silent = tests.matches(&format!("{{ alertname: {alert}, ")).count();
        assert!(fires >= 1 && silent >= 1, "{alert}: shown to fire {fires} times and to be silent {silent} times");
    }
}
