//! `zones publish`: a file's zones into the organisation's list.
//!
//! The zones are kept and the publication is queued, as `publishZones` does; a running `serve` carries it out, and this command
//! follows it to its end. Ending this command early ends nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    failure::Answer,
    follow::{self, Subject},
    organisation::organisation,
    say::say,
};
use crate::{
    app::Parts,
    connections::Actor,
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
/// Changes read at a time.
const PAGE: u32 = 200;

pub(super) async fn run(command: &Zones, settings: &Settings) -> anyhow::Result<Answer> {
    let Zones::Publish { file, org, dry_run, json } = command;
    let zones = read(file)?;
    let scope = OrgScope::granted_to_operator(org.clone());
    let parts = Parts::open(settings).await?;
    let request = Request { target: None, zones: Some(zones), dry_run: *dry_run };
    let queued = parts.publications.publish(&scope, &Actor::operator(), request).await?;
    if !json {
        for warning in parts.store.zone_target(&scope).await?.into_iter().flat_map(|set| set.warnings) {
            eprintln!("argus-m365: {warning}");
        }
    }
    let ended = follow::watched(&parts.store, &scope, &queued.id).await?;
    if *json {
        print_json(&ended, &changes(&parts.store, &scope, &ended.id).await?)?;
    } else {
        follow::print_table(&parts.store, &scope, &ended, Subject::Zones).await?;
    }
    parts.store.close().await;
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
    say!("{}", serde_json::to_string(&result)?)?;
    Ok(())
}
