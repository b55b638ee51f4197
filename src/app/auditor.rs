//! Checks every audit chain from time to time, and signs where it stands.
//!
//! A chain that does not verify gets no checkpoint: what is signed was sound. Every replica does it; checkpoints of the same chain do
//! not disturb each other.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use async_nats::Client;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Parts;
use crate::{
    audit::{Checkpoint, CheckpointKey, Head, SignedCheckpoint, Verification},
    events::{Telling, outgoing},
    organisation::OrgScope,
    settings,
    store::StoreError,
};

/// Where checkpoints are published. The stream of outgoing events keeps it when the connector made that stream.
const SUBJECT: &str = "argus.m365.audit.checkpoint";

/// The first check after a start: late enough not to be in its way.
const FIRST: Duration = Duration::from_mins(1);

/// Where checkpoints go, and what signs them.
#[derive(Debug)]
pub struct Checkpoints {
    key: CheckpointKey,
    file: Option<PathBuf>,
}

impl Checkpoints {
    /// As the settings say; `None` when no key is set.
    pub fn from_settings(audit: &settings::Audit) -> anyhow::Result<Option<Self>> {
        let Some(path) = &audit.checkpoint_key_file else { return Ok(None) };
        let pem = fs::read(path).with_context(|| format!("audit.checkpoint_key_file: reading {}", path.display()))?;
        let key = CheckpointKey::from_pem(&pem).with_context(|| format!("audit.checkpoint_key_file: {}", path.display()))?;
        Ok(Some(Self { key, file: audit.checkpoint_file.clone() }))
    }

    /// What the file says: of each organisation the last checkpoint that our key signed. One is enough, for its hash covers every entry
    /// before it, and the file grows for ever.
    pub fn known(&self) -> anyhow::Result<Known> {
        let mut known = Known::default();
        let Some(path) = self.file.as_deref().filter(|path| path.exists()) else { return Ok(known) };
        let file = File::open(path).with_context(|| format!("audit.checkpoint_file: opening {}", path.display()))?;
        for line in BufReader::new(file).lines() {
            let line = line.with_context(|| format!("audit.checkpoint_file: reading {}", path.display()))?;
            let signed = serde_json::from_str::<Value>(&line).ok().and_then(|value| SignedCheckpoint::from_json(&value));
            match signed.filter(|signed| self.key.signed(signed)) {
                Some(signed) => known.take(signed.checkpoint),
                None => known.foreign += 1,
            }
        }
        Ok(known)
    }

    fn keep(&self, signed: &SignedCheckpoint) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        append(path, &format!("{}\n", signed.to_json()))
    }
}

/// What a checkpoint file says.
#[derive(Debug, Default)]
pub struct Known {
    last: HashMap<String, Head>,
    /// Lines that our key did not sign.
    pub foreign: u64,
}

impl Known {
    /// Where an organisation's chain stood last.
    pub fn of(&self, scope: &OrgScope) -> Option<Head> {
        self.last.get(scope.as_str()).copied()
    }

    fn take(&mut self, checkpoint: Checkpoint) {
        let last = self.last.entry(checkpoint.organisation).or_insert(checkpoint.head);
        if last.seq < checkpoint.head.seq {
            *last = checkpoint.head;
        }
    }
}

/// In one write, so that lines of several replicas do not mix; on disk before it counts.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

/// The loop.
pub(super) struct Auditor {
    pub(super) parts: Parts,
    pub(super) client: Client,
    pub(super) interval: Duration,
    pub(super) checkpoints: Option<Checkpoints>,
}

impl Auditor {
    /// Runs until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut wait = self.interval.min(FIRST);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = self.interval;
            if let Err(error) = self.round(&stop).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the audit chains could not be checked");
            }
        }
    }

    async fn round(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let known = self.known();
        for scope in self.parts.store.audited_organisations(&self.parts.worker).await? {
            if stop.is_cancelled() {
                return Ok(());
            }
            let found = self.parts.store.verify_audit_against(&scope, known.of(&scope).as_slice()).await?;
            self.parts.metrics.audit_intact.with_label_values(&[scope.as_str()]).set(found.intact.into());
            if found.intact {
                self.sign(&scope, &found).await;
            } else {
                let (entry, reason) = (found.first_broken, found.reason.unwrap_or_default());
                tracing::error!(organisation = %scope.organisation(), entry, reason, "the audit chain does not verify");
            }
        }
        Ok(())
    }

    fn known(&self) -> Known {
        match self.checkpoints.as_ref().map(Checkpoints::known).transpose() {
            Ok(known) => known.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "kept checkpoints could not be read");
                Known::default()
            }
        }
    }

    /// Signs where the chain stands; into the file, and to whoever listens.
    async fn sign(&self, scope: &OrgScope, found: &Verification) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let now = self.parts.clock.now();
        let head = Head { seq: found.entries, hash: found.head };
        let checkpoint = Checkpoint { organisation: scope.as_str().to_owned(), head, at: now.timestamp_micros() };
        let signed = checkpoints.key.sign(checkpoint);
        if let Err(error) = checkpoints.keep(&signed) {
            tracing::error!(%error, "audit.checkpoint_file: a checkpoint could not be written");
        }
        let event = outgoing(Telling {
            id: self.parts.ids.ordered(now).to_string(),
            organisation: scope.organisation(),
            topic: "audit.checkpoint",
            object: Some("audit".to_owned()),
            time: now,
            cause: None,
            trace: None,
            data: signed.to_json(),
        });
        // Not through the outbox: a stream that somebody else made without this subject would hold up every other event for ever.
        if let Err(error) = self.client.publish(SUBJECT, event.payload.into()).await {
            tracing::warn!(%error, "a checkpoint could not be published");
        }
    }
}
