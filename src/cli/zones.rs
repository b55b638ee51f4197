//! `zones publish`: a file's zones into the organisation's list.
//!
//! The zones are kept and the publication is queued, as `publishZones` does; a running `serve` carries it out, and this command
//! follows it to its end. Ending this command early ends nothing else.

use std::{
    io::{IsTerminal, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{failure::Answer, organisation::organisation};
use crate::{
    app::Parts,
    organisation::{OrgScope, OrganisationId},
    publish::Request,
    settings::Settings,
    store::{OperationChange, OperationRow, OperationState, PageRequest, Store},
    zone_files::Form,
};

/// `zones …`
#[derive(Debug, Subcommand)]
pub(super) enum Zones {
    /// Publish the zones of a file; exit code 1 when any of them failed
    Publish {
        /// A GeoJSON feature collection (`.geojson`, `.json`) or CSV (`.csv`)
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The organisation
        #[arg(long, value_parser = organisation)]
        org: OrganisationId,
        /// Print what would be done, field by field, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Bytes of a file, at most.
const LARGEST: u64 = 256 * 1024 * 1024;
/// How often the operation is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long it may wait for a running service before that is said.
const QUIET: Duration = Duration::from_secs(5);
/// Changes read at a time.
const PAGE: u32 = 200;

pub(super) async fn run(command: &Zones, settings: &Settings) -> anyhow::Result<Answer> {
    let Zones::Publish { file, org, dry_run, json } = command;
    let zones = read(file)?;
    let scope = OrgScope::granted_to_operator(org.clone());
    let parts = Parts::open(settings).await?;
    let request = Request { target: None, zones: Some(zones), dry_run: *dry_run };
    let queued = parts.publications.publish(&scope, "operator".to_owned(), request).await?;
    let ended = follow(&parts.store, &scope, queued).await?;
    let changes = changes(&parts.store, &scope, &ended.id).await?;
    parts.store.close().await;
    if *json {
        print_json(&ended, &changes)?;
    } else {
        print_table(&ended, &changes);
    }
    Ok((ended.state == OperationState::Succeeded).into())
}

fn read(file: &Path) -> anyhow::Result<Vec<crate::events::ReadZone>> {
    let shown = file.display();
    let form = Form::of(&file.to_string_lossy());
    let Some(form) = form else { bail!("{shown}: the name must end in .geojson, .json or .csv") };
    let size = std::fs::metadata(file).with_context(|| format!("reading {shown}"))?.len();
    if size > LARGEST {
        bail!("{shown}: has {size} bytes, at most {LARGEST} are read; publish it in parts");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {shown}"))?;
    form.read(&text).with_context(|| shown.to_string())
}

/// Looks at the operation until it has ended.
async fn follow(store: &Store, scope: &OrgScope, queued: OperationRow) -> anyhow::Result<OperationRow> {
    let (mut operation, since, mut told) = (queued, Instant::now(), false);
    let bar = std::io::stderr().is_terminal();
    while matches!(operation.state, OperationState::Queued | OperationState::Running) {
        if operation.state == OperationState::Queued && since.elapsed() > QUIET && !told {
            eprintln!("operation {} waits: it is carried out by a running `serve`", operation.id);
            told = true;
        }
        if bar {
            show(&operation);
        }
        tokio::time::sleep(LOOK).await;
        let row = store.operation(scope, &operation.id).await?;
        operation = row.context("the operation is not there any more")?;
    }
    if bar {
        eprintln!("\r\x1b[K{}", line(&operation));
    }
    Ok(operation)
}

fn show(operation: &OperationRow) {
    eprint!("\r\x1b[K{}", line(operation));
    // A bar that cannot be shown is no reason to stop.
    let _ = std::io::stderr().flush();
}

/// `[#####.....]  512/1024 running`
fn line(operation: &OperationRow) -> String {
    const WIDTH: u64 = 30;
    let total = operation.total.unwrap_or(0);
    let full = (operation.done.min(total) * WIDTH).checked_div(total).unwrap_or(0);
    let (full, empty) = (usize::try_from(full).unwrap_or(0), usize::try_from(WIDTH - full).unwrap_or(0));
    format!("[{}{}] {}/{total} {}", "#".repeat(full), ".".repeat(empty), operation.done, operation.state.label())
}

async fn changes(store: &Store, scope: &OrgScope, id: &str) -> anyhow::Result<Vec<OperationChange>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.operation_changes(scope, id, PageRequest { first: PAGE, after: after.take() }).await?;
        let more = page.has_next;
        for (cursor, change) in page.rows {
            after = Some(cursor);
            all.push(change);
        }
        if !more || after.is_none() {
            return Ok(all);
        }
    }
}

fn print_json(operation: &OperationRow, changes: &[OperationChange]) -> anyhow::Result<()> {
    let error = |code: &str, message: &str| json!({ "code": code, "message": message });
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            let failed = change.error.as_ref().map(|failed| error(&failed.code, &failed.message));
            json!({ "key": change.key, "action": change.action, "before": change.before, "after": change.after, "error": failed })
        })
        .collect();
    let failed = operation.error.as_ref().map(|failed| error(&failed.code, &failed.message));
    let result = json!({
        "id": operation.id, "state": operation.state.label(), "dryRun": operation.dry_run, "counts": operation.counts,
        "error": failed, "changes": changes,
    });
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
}

fn print_table(operation: &OperationRow, changes: &[OperationChange]) {
    for change in changes {
        let said = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), Value::to_string);
        let what = match &change.error {
            Some(error) => format!("{}: {}", error.code, error.message),
            None => format!("{} -> {}", said(change.before.as_ref()), said(change.after.as_ref())),
        };
        println!("{:<10} {:<24} {what}", change.action, change.key);
    }
    println!("{}{} {}", if operation.dry_run { "dry run " } else { "" }, operation.state.label(), operation.counts);
    if let Some(error) = &operation.error {
        println!("{}: {}", error.code, error.message);
    }
}
