//! `audit verify` and `audit export`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{failure::Answer, open, organisation::organisation, say::say};
use crate::{
    app::Checkpoints,
    audit::{ExportVerifier, Verification},
    capabilities::Outcome,
    clock::{Clock as _, SystemClock},
    hex::hex,
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
    store::{NewAuditEntry, Store, WorkerScope},
};

/// `audit …`
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every link of the hash chain; exit code 1 when one is broken
    Verify {
        /// One organisation [default: all that have a trail]
        #[arg(long, value_parser = organisation)]
        org: Option<OrganisationId>,
        /// An export to check, instead of the store
        #[arg(long)]
        file: Option<PathBuf>,
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
    if let Audit::Verify { org, file: Some(file) } = command {
        return verify_file(file, org.as_ref(), Checkpoints::from_settings(&settings.audit)?.as_ref());
    }
    let store = open::store(settings).await?;
    let answer = match command {
        Audit::Verify { org, .. } => verify(&store, org.as_ref(), Checkpoints::from_settings(&settings.audit)?).await,
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
        tell(scope, &found)?;
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
    let mut after = 0;
    loop {
        let page = store.export_audit(scope, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(Answer::Yes) };
        after = last.seq;
        for entry in &page {
            let line = serde_json::to_string(entry).context("writing an entry as JSON")?;
            match writeln!(output, "{line}") {
                // Whoever reads has seen enough (`| head`).
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Answer::Yes),
                written => written.context("writing the trail")?,
            }
        }
    }
}

/// Checks what `export` printed, without a store.
fn verify_file(path: &Path, org: Option<&OrganisationId>, checkpoints: Option<&Checkpoints>) -> anyhow::Result<Answer> {
    let unreadable = || format!("--file: reading {}", path.display());
    let mut lines = BufReader::new(File::open(path).with_context(unreadable)?).lines();
    let Some(first) = lines.next().transpose().with_context(unreadable)? else { anyhow::bail!("--file: it holds no entries") };
    let Some(organisation) = org.cloned().or_else(|| organisation_of(&first)) else {
        say!("BROKEN at entry 1: the line is no entry of an export")?;
        return Ok(Answer::No);
    };
    let known = checkpoints.map(Checkpoints::known).transpose()?.unwrap_or_default();
    let scope = OrgScope::granted_to_operator(organisation.clone());
    let mut verifier = ExportVerifier::new(organisation, known.of(&scope).as_slice());
    verifier.line(&first);
    for line in lines {
        verifier.line(&line.with_context(unreadable)?);
    }
    let found = verifier.finish();
    tell(&scope, &found)?;
    say!("an export that was cut off at its end is sound as far as it goes; compare the head, or signed checkpoints")?;
    Ok(found.intact.into())
}

/// Whose a line says it is.
fn organisation_of(line: &str) -> Option<OrganisationId> {
    let entry: Value = serde_json::from_str(line).ok()?;
    OrganisationId::parse(entry["organisation"].as_str()?).ok()
}

fn tell(scope: &OrgScope, found: &Verification) -> anyhow::Result<()> {
    let said = match found.first_broken {
        None if found.intact => say!("{}: intact, {} entries, head {}", scope.as_str(), found.entries, hex(&found.head)),
        broken => {
            let place = broken.map_or_else(|| "at the head".to_owned(), |entry| format!("at entry {entry}"));
            say!("{}: BROKEN {place}: {}", scope.as_str(), found.reason.as_deref().unwrap_or("a link does not hold"))
        }
    };
    Ok(said?)
}
