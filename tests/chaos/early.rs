//! Calls before their time: what the simulator noticed, held against what each connector wrote down of its own doing.
//!
//! A connector writes down every call that leaves and every wait that it is told, under the lock that decides (`graph/throttle.rs`). So
//! of its own waits the order of its log is the truth: a call that left after the wait was known is too early, by however little, and one
//! that left before was under way, however late it arrived. A wait that another replica was told is known a tenth of a second after
//! that one has committed it, which it writes down, too; that is judged by the clock.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// How long after one replica has committed a wait a call of another may still leave: a tenth of a second, and as much again for what a
/// busy machine takes between asking whether it may and leaving.
const OTHERS: TimeDelta = TimeDelta::milliseconds(200);
/// The same where no commit was written down: after the answer. Who was told may have been killed over it; who lives commits at once.
const UNCOMMITTED: TimeDelta = TimeDelta::seconds(5);

/// What makes every connector write down what is judged here.
pub(crate) const LOG: (&str, &str) = ("log.level", "info,argus_m365::graph::throttle=debug,argus_m365::reconcile::run=debug");

/// Calls that were under way when another was told to wait.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// How many.
    pub(crate) calls: usize,
    /// The latest departure after another replica had committed the wait; negative when all left before.
    pub(crate) latest: Option<TimeDelta>,
}

/// Where something stands in which log.
struct Line {
    log: usize,
    number: usize,
    at: DateTime<Utc>,
}

/// What all connectors of a test wrote down.
#[derive(Default)]
struct Logs {
    /// By `client-request-id`.
    left: HashMap<String, Line>,
    /// By the `request-id` of the answer.
    told: HashMap<String, Line>,
    /// The same.
    committed: HashMap<String, Line>,
}

/// Judges what the simulator noticed; the error names the calls that were too early.
pub(crate) fn judge(violations: &Value, folder: &Path) -> Result<UnderWay, String> {
    let mut under_way = UnderWay::default();
    let violations = violations.as_array().map(Vec::as_slice).unwrap_or_default();
    if violations.is_empty() {
        return Ok(under_way);
    }
    let logs = Logs::read(folder);
    for violation in violations {
        let after = logs.after_others(violation).map_err(|reason| format!("{reason}: {violation}"))?;
        under_way.calls += 1;
        under_way.latest = under_way.latest.max(after);
    }
    Ok(under_way)
}

impl Logs {
    fn read(folder: &Path) -> Self {
        let mut logs = Self::default();
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        for (log, file) in files.filter(|file| file.extension().is_some_and(|extension| extension == "log")).enumerate() {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            // A process that was killed may have left half a line.
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
            for (number, line) in lines.enumerate() {
                let place = |at: &str| Line { log, number, at: at.parse().unwrap() };
                let (Some(message), Some(at)) = (line["message"].as_str(), line["timestamp"].as_str()) else { continue };
                let (lines, id) = match message {
                    "a call leaves" => (&mut logs.left, &line["call"]),
                    "told to wait" => (&mut logs.told, &line["request_id"]),
                    "a wait is committed" => (&mut logs.committed, &line["request_id"]),
                    _ => continue,
                };
                lines.insert(text_of(id), place(at));
            }
        }
        logs
    }

    /// How long after another replica's commit a call left that arrived before its time, if another was told; the error says that it
    /// should not have left.
    fn after_others(&self, violation: &Value) -> Result<Option<TimeDelta>, String> {
        let left = self.left.get(&text_of(&violation["call"])).ok_or("a call before its time that no connector knows of")?;
        let mut latest = None;
        for told in violation["told"].as_array().into_iter().flatten() {
            let id = text_of(&told["requestId"]);
            // Who was killed before it could read the answer tells nobody.
            let Some(known) = self.told.get(&id) else { continue };
            if known.log == left.log {
                if known.number < left.number {
                    return Err("a call before its time by the process that had been told".into());
                }
                continue;
            }
            let committed = self.committed.get(&id).map_or(known.at + UNCOMMITTED, |line| line.at);
            latest = latest.max(Some(left.at - committed));
        }
        match latest {
            Some(after) if after >= OTHERS => Err(format!("a call {after} after another replica had committed the wait")),
            _ => Ok(latest),
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A log with these lines, each so many milliseconds after the hour.
fn log(folder: &Path, name: &str, lines: &[(&str, &str, &str, u32)]) {
    let line = |(message, field, id, at): &(&str, &str, &str, u32)| {
        format!("{{\"timestamp\":\"2026-11-25T08:00:00.{at:03}Z\",\"message\":\"{message}\",\"{field}\":\"{id}\"}}\n")
    };
    std::fs::write(folder.join(name), lines.iter().map(line).collect::<String>()).unwrap();
}

#[test]
fn the_judge_tells_a_call_under_way_from_one_that_left_too_early() {
    let folder = tempfile::tempdir().unwrap();
    let (leaves, told) = (("a call leaves", "call"), ("told to wait", "request_id"));
    let before = (leaves.0, leaves.1, "before", 99);
    let after = (leaves.0, leaves.1, "after", 100);
    log(
        folder.path(),
        "one.log",
        &[before, (told.0, told.1, "answer", 100), after, ("a wait is committed", told.1, "answer", 110)],
    );
    log(folder.path(), "two.log", &[(leaves.0, leaves.1, "soon", 309), (leaves.0, leaves.1, "late", 310)]);
    let judged = |call: &str| {
        let told = serde_json::json!([{ "requestId": "answer", "at": "2026-11-25T08:00:00.090Z" }]);
        judge(&serde_json::json!([{ "call": call, "told": told }]), folder.path())
    };
    assert_eq!(judged("before").unwrap().calls, 1, "it left before its process knew");
    assert_eq!(judged("soon").unwrap().latest, Some(TimeDelta::milliseconds(199)), "another replica cannot know at once");
    for (call, reason) in [
        ("after", "the process that had been told"),
        ("late", "another replica had committed"),
        ("unknown", "no connector knows"),
    ] {
        assert!(judged(call).unwrap_err().contains(reason), "{call}");
    }
}
