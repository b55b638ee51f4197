//! The alert rules and the dashboard speak of metrics that exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

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

/// The metrics that the connector promises, with their labels.
#[rustfmt::skip]
const PROMISED: [(&str, &[&str]); 14] = [
    ("events_received_total", &["subject_kind", "outcome"]),
    ("delivery_attempts_total", &["capability", "outcome"]),
    ("delivery_latency_seconds", &["capability"]),
    ("backlog", &["capability", "state"]),
    ("oldest_pending_seconds", &["capability"]),
    ("graph_requests_total", &["workload", "method", "status"]),
    ("graph_request_seconds", &["workload"]),
    ("graph_throttled_total", &["workload"]),
    ("token_requests_total", &["outcome"]),
    ("dead_letters", &["capability"]),
    ("secret_expiry_seconds", &["organisation"]),
    ("connection_state", &["organisation", "state"]),
    ("audit_entries_total", &[]),
    ("consumer_pending", &[]),
];

/// Every metric that `src/metrics.rs` declares, with its labels.
fn declared() -> BTreeMap<String, Vec<String>> {
    let text = read("src/metrics.rs");
    let own = text.split("/// Makes and registers one metric").next().unwrap();
    let calls = own.split("declare").skip(1).filter_map(|call| call.split_once('?'));
    let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let metrics = calls.filter_map(|(call, _)| {
        let name = quoted(call).first()?.clone();
        let labels = call.split_once("&[").map(|(_, labels)| quoted(labels.split(']').next().unwrap_or_default()));
        Some((name, labels.unwrap_or_default()))
    });
    // The registry's prefix is no metric.
    metrics.filter(|(name, _)| name != "argus_m365").collect()
}

#[test]
fn the_promised_metrics_are_there_with_their_labels() {
    let declared = declared();
    assert!(declared.len() > 15, "{declared:?}");
    for (name, labels) in PROMISED {
        assert_eq!(
            declared.get(name).map(Vec::as_slice),
            Some(labels.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
            "{name}"
        );
    }
}

#[test]
fn every_metric_is_explained_in_the_operators_documentation() {
    let reference = read("docs/operations.md");
    for (name, labels) in declared() {
        let row = reference.lines().find(|line| line.starts_with(&format!("| `{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/operations.md has no row for {name}"));
        assert!(labels.iter().all(|label| row.contains(label)), "{row}: not with the labels {labels:?}");
    }
}

#[test]
fn rules_and_dashboard_use_labels_that_the_metrics_have() {
    let declared = declared();
    for file in ["alerts.yml", "alerts_test.yml", "grafana/dashboards/argus-m365.json"] {
        let text = read(&format!("docs/monitoring/{file}")).replace("\\\"", "\"");
        let mut found = 0;
        for (start, _) in text.match_indices("argus_m365_") {
            let rest = &text[start + "argus_m365_".len()..];
            let Some((name, selector)) = rest.split_once('{') else { continue };
            if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                continue;
            }
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            let selector = selector.split('}').next().unwrap();
            for label in selector.split(',').filter_map(|part| part.split(['=', '!']).next()).map(str::trim) {
                let of_prometheus = ["instance", "job", "le"].contains(&label);
                assert!(
                    of_prometheus || declared[name].iter().any(|known| known == label),
                    "{file}: {name} has no label {label}"
                );
                found += 1;
            }
        }
        assert!(found > 1 || file.ends_with("json"), "{file}: the search for labels is broken");
    }
}

/// When an alert is looked at in its tests, minutes, by whether it has to fire then.
fn looked_at(tests: &str, alert: &str) -> (Vec<u32>, Vec<u32>) {
    let minutes = |text: &str| text.split("eval_time: ").nth(1)?.split('m').next()?.trim().parse().ok();
    let (firing, quiet) = (format!("- alertname: {alert}\n"), format!("{{ alertname: {alert}, "));
    let fires = tests.match_indices(&firing).filter_map(|(at, _)| minutes(&tests[at..]));
    let silent = tests.match_indices(&quiet).filter_map(|(at, _)| minutes(&tests[at..]));
    (fires.collect(), silent.collect())
}

#[test]
fn every_alert_is_shown_to_fire_and_then_to_resolve() {
    let (rules, tests) = (read("docs/monitoring/alerts.yml"), read("docs/monitoring/alerts_test.yml"));
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    for subject in ["OldestPending", "DeadLetters", "TokenFailures", "SecretExpiry", "Throttled", "AuditBroken"] {
        assert!(alerts.contains(&format!("ArgusM365{subject}").as_str()), "no alert of {subject}");
    }
    for alert in alerts {
        let (fires, silent) = looked_at(&tests, alert);
        let first = fires.first().unwrap_or_else(|| panic!("{alert} is never shown to fire"));
        assert!(silent.iter().any(|minute| minute > first), "{alert}: fires at {fires:?}, silent at {silent:?}");
    }
}
