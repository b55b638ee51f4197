//! Following a long-running operation to its end: progress on a terminal, then what it did or would do, as a table or as JSON lines.
//!
//! A running `serve` carries operations out; a command queues one and watches. Ctrl-C ends the watching, not the operation.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use serde_json::{Value, json};

use super::{failure::Answer, say::say};
use crate::{
    organisation::OrgScope,
    store::{OperationChange, OperationRow, OperationState, PageRequest, Store},
};

/// How often the operation is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// So many looks without a worker are worth a word: two seconds.
const PATIENCE: u32 = 8;
/// Changes read at a time.
const PAGE: u32 = 200;
/// Changes that a table shows, and as many that failed besides; JSON shows all.
const SHOWN: u64 = 50;
/// Characters of one value in a table: a boundary has thousands.
const LONGEST: usize = 60;
/// Cells of the progress bar.
const BAR: usize = 28;

/// Whose changes a table tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// People and groups: known by name, and of a new one the name says enough.
    Directory,
    /// Zones: known by id, and of a new item every column is told.
    Zones,
}

/// Watches an operation until it ended or waits for a person, and prints what it came to.
pub(super) async fn to_the_end(store: &Store, scope: &OrgScope, id: &str, as_json: bool) -> anyhow::Result<Answer> {
    let ended = watched(store, scope, id).await?;
    if as_json {
        print_json(store, scope, &ended).await?;
    } else {
        print_table(store, scope, &ended, Subject::Directory).await?;
    }
    Ok((ended.state == OperationState::Succeeded).into())
}

/// Watches an operation until it ended or waits for a person.
pub(super) async fn watched(store: &Store, scope: &OrgScope, id: &str) -> anyhow::Result<OperationRow> {
    tokio::select! {
        ended = watch(store, scope, id) => ended,
        _ = tokio::signal::ctrl_c() => {
            clear_line();
            anyhow::bail!("stopped watching; operation {id} goes on");
        }
    }
}

async fn watch(store: &Store, scope: &OrgScope, id: &str) -> anyhow::Result<OperationRow> {
    let mut looks = 0_u32;
    loop {
        let Some(operation) = store.operation(scope, id).await? else { anyhow::bail!("there is no operation {id}") };
        match operation.state {
            OperationState::Queued => {
                looks += 1;
                if looks == PATIENCE {
                    clear_line();
                    eprintln!("argus-m365: operation {id} waits for a running `argus-m365 serve` to carry it out");
                }
            }
            OperationState::Running => progress(&operation),
            _ => {
                clear_line();
                return Ok(operation);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Redraws the one line of progress; only where somebody is looking.
fn progress(operation: &OperationRow) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        // A terminal that is gone is no reason to stop.
        drop(write!(out, "\r\u{1b}[2K{}", bar(operation.done, operation.total)).and_then(|()| out.flush()));
    }
}

fn clear_line() {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        drop(write!(out, "\r\u{1b}[2K").and_then(|()| out.flush()));
    }
}

/// `[=======>    ]  12,000 of 40,000`, or the number alone while nobody knows how many there are.
fn bar(done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else { return format!("{} so far", grouped(done)) };
    let filled = usize::try_from(u128::from(done.min(total)) * BAR as u128 / u128::from(total)).unwrap_or(BAR);
    let head = if filled == BAR { "=" } else { ">" };
    let (cells, rest) = ("=".repeat(filled.saturating_sub(1)), " ".repeat(BAR - filled.max(1)));
    format!("[{cells}{head}{rest}]  {} of {}", grouped(done), grouped(total))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The operation, then its changes, a line each.
async fn print_json(store: &Store, scope: &OrgScope, operation: &OperationRow) -> anyhow::Result<()> {
    say!("{}", operation_json(operation))?;
    let mut after = None;
    loop {
        let page = store.operation_changes(scope, &operation.id, PageRequest { first: PAGE, after: after.take() }).await?;
        for (cursor, change) in &page.rows {
            say!("{}", change_json(change))?;
            after = Some(cursor.clone());
        }
        if !page.has_next || after.is_none() {
            return Ok(());
        }
    }
}

/// What an operation did or would do, the first of it and whatever failed, then how it ended.
pub(super) async fn print_table(
    store: &Store,
    scope: &OrgScope,
    operation: &OperationRow,
    subject: Subject,
) -> anyhow::Result<()> {
    let (mut done, mut failed, mut left, mut after) = (0, 0, 0_u64, None);
    loop {
        let page = store.operation_changes(scope, &operation.id, PageRequest { first: PAGE, after: after.take() }).await?;
        for (cursor, change) in page.rows {
            let shown = if change.error.is_some() { &mut failed } else { &mut done };
            if *shown < SHOWN {
                *shown += 1;
                if done + failed == 1 {
                    say!("{:<12}  {:<40}  WHAT", "ACTION", if subject == Subject::Zones { "ZONE" } else { "WHO" })?;
                }
                say!("{}", line(&change, subject))?;
            } else {
                left += 1;
            }
            after = Some(cursor);
        }
        if !page.has_next || after.is_none() {
            break;
        }
    }
    if left > 0 {
        say!("… and {} more (--json prints all of them)", grouped(left))?;
    }
    if done + failed > 0 {
        say!("")?;
    }
    say!("{}", verdict(operation, scope.as_str()))?;
    Ok(())
}

fn line(change: &OperationChange, subject: Subject) -> String {
    let what = match (&change.error, subject, &change.before, &change.after) {
        (Some(error), ..) => format!("{}: {}", error.code, error.message),
        (None, Subject::Zones, None, Some(Value::Object(said))) => {
            said.iter().map(|(name, value)| format!("{name}: {}", shown(Some(value)))).collect::<Vec<_>>().join(", ")
        }
        (None, _, before, after) => difference(before.as_ref(), after.as_ref()),
    };
    let name = if subject == Subject::Zones { change.key.clone() } else { name(change) };
    format!("{:<12}  {:<40}  {}", plain(&change.action), plain(&name), plain(&what))
}

/// By what people know it: a name of the object before its id.
fn name(change: &OperationChange) -> String {
    let of = |side: &Option<Value>| {
        let side = side.as_ref()?;
        let known = ["userPrincipalName", "displayName", "name"].into_iter().find_map(|field| side[field].as_str());
        known.map(str::to_owned)
    };
    of(&change.after).or_else(|| of(&change.before)).unwrap_or_else(|| change.key.clone())
}

/// The fields that differ: `department: Finance → Field Ops`.
fn difference(before: Option<&Value>, after: Option<&Value>) -> String {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) else { return String::new() };
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter(|name| before.get(*name).unwrap_or(&Value::Null) != after.get(*name).unwrap_or(&Value::Null));
    let shown = changed.map(|name| format!("{name}: {} → {}", shown(before.get(name)), shown(after.get(name))));
    shown.collect::<Vec<_>>().join(", ")
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => shortened(text),
        // As a long text is kept of a list that was read.
        Some(Value::Object(kept)) if kept.contains_key("characters") => format!("{} characters", kept["characters"]),
        Some(Value::Array(items)) => items.iter().map(|item| shown(Some(item))).collect::<Vec<_>>().join(" "),
        Some(other) => shortened(&other.to_string()),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// How it ended, in a line or two.
fn verdict(operation: &OperationRow, organisation: &str) -> String {
    let counts = operation.counts.as_object().into_iter().flatten();
    let counts: Vec<_> = counts.filter(|(_, count)| **count != json!(0)).map(|(name, count)| format!("{name} {count}")).collect();
    let (counts, id) = (if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") }, &operation.id);
    let why = operation.error.as_ref().map_or_else(String::new, |error| plain(&format!(": {}: {}", error.code, error.message)));
    match operation.state {
        OperationState::Succeeded if operation.dry_run => format!("would be done: {counts}"),
        OperationState::Succeeded => format!("done: {counts}"),
        OperationState::AwaitingApproval => format!(
            "waits for approval{why}: {counts}\n-> argus-m365 directory approve {id} --org {organisation}, or reject it; nothing is applied until then"
        ),
        OperationState::Rejected => "rejected; nothing was applied".to_owned(),
        OperationState::PartiallyFailed => format!("partly failed{why} ({counts})"),
        OperationState::Failed | OperationState::Queued | OperationState::Running => format!("failed{why}"),
    }
}

fn operation_json(operation: &OperationRow) -> Value {
    json!({
        "operation": operation.id, "kind": operation.kind.label(), "state": operation.state.label(), "dryRun": operation.dry_run,
        "requestedBy": operation.requested_by, "requestedAt": operation.requested_at, "finishedAt": operation.finished_at,
        "counts": operation.counts,
        "error": operation.error.as_ref().map(|error| json!({ "code": error.code, "message": error.message })),
    })
}

fn change_json(change: &OperationChange) -> Value {
    json!({
        "key": change.key, "action": change.action, "before": change.before, "after": change.after,
        "error": change.error.as_ref().map(|error| json!({ "code": error.code, "message": error.message })),
    })
}

/// Text from elsewhere without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: Value, after: Value) -> OperationChange {
        let side = |value: Value| (!value.is_null()).then_some(value);
        OperationChange {
            sequence: 0,
            key: "u-1".into(),
            action: "update".into(),
            before: side(before),
            after: side(after),
            error: None,
        }
    }

    #[test]
    fn the_bar_is_empty_full_or_in_between() {
        assert_eq!(bar(0, Some(4)), format!("[>{}]  0 of 4", " ".repeat(27)));
        assert_eq!(bar(2, Some(4)), format!("[{}>{}]  2 of 4", "=".repeat(13), " ".repeat(14)));
        assert_eq!(bar(9, Some(4)), format!("[{}]  9 of 4", "=".repeat(28)));
        assert_eq!(bar(u64::MAX, Some(u64::MAX)).chars().filter(|cell| *cell == '=').count(), 28);
        assert_eq!((bar(1_234_567, None), bar(7, Some(0))), ("1,234,567 so far".into(), "7 so far".into()));
    }

    #[test]
    fn a_line_shows_whom_people_know_and_what_differs() {
        let update = change(
            json!({"userPrincipalName": "a@x", "department": null, "roles": ["lead", "clerk"], "same": 1}),
            json!({"userPrincipalName": "a@x", "department": "Field\u{1b}[2J", "roles": [], "same": 1}),
        );
        let line = line(&update, Subject::Directory);
        assert!(line.contains("a@x") && line.contains("department: - → Field [2J, roles: lead clerk → "), "{line}");
        assert_eq!(name(&change(Value::Null, Value::Null)), "u-1");
        assert_eq!(difference(None, Some(&json!({"a": 1}))), "");
    }

    #[test]
    fn of_a_zone_every_column_is_told_and_a_long_text_by_its_beginning() {
        let create = change(Value::Null, json!({"name": "North\u{7}", "Boundary": "x".repeat(5_000), "Customers": 4}));
        let told = line(&create, Subject::Zones);
        assert!(told.starts_with("update        u-1 "), "{told}");
        for part in [&format!("Boundary: {}…", "x".repeat(60)), "Customers: 4", "name: North "] {
            assert!(told.contains(part), "{part} in {told}");
        }
        let update = change(json!({"Boundary": {"digest": "d", "characters": 812}}), json!({"Boundary": "é"}));
        assert!(line(&update, Subject::Zones).ends_with("Boundary: 812 characters → é"));
        let delete = change(json!({"Title": "North"}), Value::Null);
        assert!(line(&delete, Subject::Zones).trim_end().ends_with("u-1"));
    }
}
