//! `audit verify` and `audit export`.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{arguments::organisation, failure::Answer, open, say::say};
use crate::{
    hex::hex,
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
    store::{AuditFilter, AuditRecord, PageRequest, Store, WorkerScope},
};

/// `audit …`
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every link of the hash chain; exit code 1 when one is broken
    Verify {
        /// One organisation [default: all that have a trail]
        #[arg(long, value_parser = organisation)]
        org: Option<OrganisationId>,
    },
    /// Print the trail as JSON, one entry a line
    Export {
        /// The organisation
        #[arg(long, value_parser = organisation)]
        org: OrganisationId,
    },
}

/// Entries read at a time.
const PAGE: u32 = 500;

pub(super) async fn run(command: &Audit, settings: &Settings) -> anyhow::Result<Answer> {
    let store = open::store(settings).await?;
    let answer = match command {
        Audit::Verify { org } => verify(&store, org.as_ref()).await,
        Audit::Export { org } => export(&store, &OrgScope::granted_to_operator(org.clone())).await,
    };
    store.close().await;
    answer
}

async fn verify(store: &Store, org: Option<&OrganisationId>) -> anyhow::Result<Answer> {
    let scopes = match org {
        Some(org) => vec![OrgScope::granted_to_operator(org.clone())],
        None => store.audited_organisations(&WorkerScope::for_loops()).await.context("listing the organisations")?,
    };
    let mut intact = true;
    for scope in &scopes {
        let found = store.verify_audit(scope).await.with_context(|| format!("reading the chain of {}", scope.as_str()))?;
        intact &= found.intact;
        match found.first_broken {
            None if found.intact => say!("{}: intact, {} entries, head {}", scope.as_str(), found.entries, hex(&found.head))?,
            broken => {
                let place = broken.map_or_else(|| "at the head".to_owned(), |entry| format!("at entry {entry}"));
                say!("{}: BROKEN {place}: {}", scope.as_str(), found.reason.as_deref().unwrap_or("a link does not hold"))?;
            }
        }
    }
    if scopes.is_empty() {
        say!("no organisation has an audit trail yet")?;
    }
    say!("signed checkpoints: off; a database restored together with its chain's head is not noticed")?;
    Ok(intact.into())
}

async fn export(store: &Store, scope: &OrgScope) -> anyhow::Result<Answer> {
    let mut output = std::io::stdout().lock();
    let mut after = None;
    loop {
        let page = store.audit_trail(scope, AuditFilter::default(), PageRequest { first: PAGE, after: after.take() }).await?;
        for (cursor, record) in &page.rows {
            match writeln!(output, "{}", line(record)) {
                // Whoever reads has seen enough (`| head`).
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Answer::Yes),
                written => written.context("writing the trail")?,
            }
            after = Some(cursor.clone());
        }
        if !page.has_next || after.is_none() {
            return Ok(Answer::Yes);
        }
    }
}

fn line(record: &AuditRecord) -> Value {
    let AuditRecord { entry, link } = record;
    json!({
        "seq": link.seq, "at": entry.at, "actor": entry.actor, "action": entry.action, "target": entry.target,
        "outcome": entry.outcome.label(), "detail": entry.detail, "correlationId": entry.correlation_id,
        "graphRequestId": entry.graph_request_id, "previousHash": hex(&link.previous), "hash": hex(&link.hash),
    })
}
