//! `audit verify` and `audit export`.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{failure::Answer, open, organisation::organisation, say::say};
use crate::{
    app::Checkpoints,
    capabilities::Outcome,
    clock::{Clock as _, SystemClock},
    hex::hex,
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
    store::{AuditFilter, AuditRecord, NewAuditEntry, PageRequest, Store, WorkerScope},
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
    /// Erase what the trail holds aside of a person; the chain stays valid
    Erase {
        /// The organisation
        #[arg(long, value_parser = organisation)]
        org: OrganisationId,
        /// Object id, principal name or mailbox, as the trail shows it
        #[arg(long)]
        person: String,
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
        Audit::Verify { org } => verify(&store, org.as_ref(), Checkpoints::from_settings(&settings.audit)?).await,
        Audit::Erase { org, person } => erase(&store, &OrgScope::granted_to_operator(org.clone()), person).await,
        Audit::Export { org } => export(&store, &OrgScope::granted_to_operator(org.clone())).await,
    };
    store.close().await;
    answer
}

async fn verify(store: &Store, org: Option<&OrganisationId>, checkpoints: Option<Checkpoints>) -> anyhow::Result<Answer> {
    let scopes = match org {
        Some(org) => vec![OrgScope::granted_to_operator(org.clone())],
        None => store.audited_organisations(&WorkerScope::for_loops()).await.context("listing the organisations")?,
    };
    let known = checkpoints.as_ref().map(Checkpoints::known).transpose()?.unwrap_or_default();
    let (mut intact, mut held) = (true, 0);
    for scope in &scopes {
        let checkpoint = known.of(scope);
        held += usize::from(checkpoint.is_some());
        let found = store
            .verify_audit_against(scope, checkpoint.as_slice())
            .await
            .with_context(|| format!("reading the chain of {}", scope.as_str()))?;
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
    match checkpoints {
        None => say!("signed checkpoints: off; a database restored together with its chain's head is not noticed")?,
        Some(_) => say!("signed checkpoints: {held} compared")?,
    }
    if known.foreign > 0 {
        say!("the checkpoint file holds {} lines that the key did not sign", known.foreign)?;
        intact = false;
    }
    Ok(intact.into())
}

async fn erase(store: &Store, scope: &OrgScope, person: &str) -> anyhow::Result<Answer> {
    anyhow::ensure!(!person.trim().is_empty(), "--person: must not be empty");
    let entry = NewAuditEntry {
        at: SystemClock.now(),
        actor: "operator".into(),
        action: "audit.person-erased".into(),
        target: "audit".into(),
        outcome: Outcome::Succeeded,
        detail: json!({}),
        personal: Vec::new(),
        correlation_id: None,
        graph_request_id: None,
    };
    let erased = store.erase_personal(scope, person, entry).await?;
    say!("{erased} facts erased; the chain keeps its commitments and still verifies")?;
    Ok((erased > 0).into())
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
