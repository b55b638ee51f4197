//! An exported trail can be checked by whoever receives it: by the binary without a store, and by a small program that anybody can read.

#![expect(clippy::unwrap_used, reason = "a helper that cannot set the scene fails the test")]

mod support;

use std::{fs, path::Path, process::Command};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use support::{Store, World, binary};

const SEED: u64 = 20_261_129;
const FALSIFIED: usize = 60;

/// What the two checkers say: their exit codes.
fn verdicts(settings: &Path, export: &Path, extra: &[&str]) -> (Option<i32>, Option<i32>) {
    let ours = binary().arg("--config").arg(settings).args(["audit", "verify", "--file"]).arg(export).output().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit/verify_export.py");
    let theirs = Command::new(python()).arg("-I").arg(script).arg(export).args(extra).output().unwrap();
    assert!(ours.stdout.len() > 10 && theirs.stdout.len() > 10, "{ours:?} {theirs:?}");
    (ours.status.code(), theirs.status.code())
}

#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their tools are")]
fn python() -> String {
    std::env::var("ARGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// One thing changed in one place of an export, so that it still is JSON lines.
fn falsify(lines: &[Value], dice: &mut StdRng) -> (Vec<Value>, String) {
    let mut lines = lines.to_vec();
    let at = dice.random_range(0..lines.len());
    let told = match dice.random_range(0..6) {
        0 if at + 1 < lines.len() => {
            lines.remove(at);
            format!("line {at} removed")
        }
        1 => {
            let copy = lines[at].clone();
            lines.insert(at, copy);
            format!("line {at} doubled")
        }
        2 if at > 0 => {
            lines.swap(at, at - 1);
            format!("line {at} moved up")
        }
        3 => {
            lines[at]["remark"] = json!("checked by hand");
            format!("line {at}: a word that no hash covers")
        }
        _ => {
            let names: Vec<String> = lines[at].as_object().unwrap().keys().cloned().collect();
            let name = &names[dice.random_range(0..names.len())];
            let value = &mut lines[at][name];
            *value = match value {
                Value::String(text) => json!(format!("{text}x")),
                Value::Number(number) => json!(number.as_i64().unwrap() + 1),
                Value::Array(items) if !items.is_empty() => changed(items[0].clone()),
                Value::Object(map) => {
                    let mut map = map.clone();
                    map.insert("more".into(), json!(1));
                    Value::Object(map)
                }
                Value::Null => json!("c-1"),
                Value::Array(_) => json!([{ "field": "mailbox", "digest": "00".repeat(32), "value": "x", "salt": "00" }]),
                Value::Bool(_) => Value::Null,
            };
            format!("line {at}: {name}")
        }
    };
    (lines, told)
}

/// The first of a list of facts or commitments, with another value.
fn changed(mut first: Value) -> Value {
    let name = if first["value"].is_null() { "digest" } else { "value" };
    first[name] = json!("ab".repeat(32));
    json!([first])
}

fn write(path: &Path, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[tokio::test]
async fn an_export_verifies_anywhere_and_no_falsified_one_does() {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    for n in 0..6 {
        let mut event: Value = serde_json::from_str(include_str!("../examples/events/task.scheduled.json")).unwrap();
        event["id"] = json!(format!("export-{n}"));
        event["data"]["taskId"] = json!(format!("export-{n}"));
        world.publish("argus.acme.task.scheduled", &event).await;
        connector.settled(&format!("export-{n}"), 7).await;
    }
    let settings = connector.log.with_extension("toml");
    let export = || binary().arg("--config").arg(&settings).args(["audit", "export", "--org", "acme"]).output().unwrap().stdout;
    let (first, file) = (String::from_utf8(export()).unwrap(), world.folder.path().join("export.jsonl"));
    fs::write(&file, &first).unwrap();
    let lines: Vec<Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 12 && first.contains("niamh@acme-water.example"), "{} entries", lines.len());
    let head = lines.last().unwrap()["hash"].as_str().unwrap();
    assert_eq!(verdicts(&settings, &file, &["--head", head]), (Some(0), Some(0)));

    let mut dice = StdRng::seed_from_u64(SEED);
    for _ in 0..FALSIFIED {
        let (false_lines, told) = falsify(&lines, &mut dice);
        let false_file = world.folder.path().join("false.jsonl");
        write(&false_file, &false_lines);
        assert_eq!(verdicts(&settings, &false_file, &[]), (Some(1), Some(1)), "seed {SEED}: {told}");
    }

    // Cut at its end it is sound as far as it goes; a head that is known, or a checkpoint, tells.
    let short = world.folder.path().join("short.jsonl");
    write(&short, &lines[..lines.len() - 1]);
    assert_eq!(verdicts(&settings, &short, &[]), (Some(0), Some(0)));
    assert_eq!(verdicts(&settings, &short, &["--head", head]).1, Some(1));
    let checkpoints = world.folder.path().join("checkpoints.jsonl");
    write(&checkpoints, &[json!({ "organisation": "acme", "entries": lines.len(), "head": head, "at": 1, "signature": "" })]);
    let named = checkpoints.to_str().unwrap();
    assert_eq!(verdicts(&settings, &short, &["--checkpoints", named]).1, Some(1));
    assert_eq!(verdicts(&settings, &file, &["--checkpoints", named]).1, Some(0));

    // Somebody is erased: the name is gone from the export, which verifies all the same.
    let erase = ["audit", "erase", "--org", "acme", "--person", "niamh@acme-water.example"];
    let erased = binary().arg("--config").arg(&settings).args(erase).output().unwrap();
    assert!(erased.status.success(), "{erased:?}");
    let after = String::from_utf8(export()).unwrap();
    assert!(!after.contains("niamh@acme-water.example"), "the name is still there");
    fs::write(&file, &after).unwrap();
    assert_eq!(verdicts(&settings, &file, &[]), (Some(0), Some(0)));
    assert_eq!(after.lines().count(), lines.len() + 1, "the erasure is an entry of its own");
    world.finish(connector).await;
}
