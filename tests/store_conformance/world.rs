//! A fresh store of either kind, the means to look behind it, and short ways to make rows.

use std::{panic::AssertUnwindSafe, sync::OnceLock};

use argus_m365::{
    capabilities::{CapabilityName, Outcome, Place, PlaceState, Version},
    events::EventContext,
    graph::Cloud,
    ids::Ids,
    organisation::{OrgScope, OrganisationId},
    store::{
        Arrival, AuditFilter, Claim, ClaimRequest, ConnectionRow, ConnectionState, CredentialKind, DeadLetterFilter,
        DeliveryError, Kind, Lease, NewAuditEntry, NewDeadLetter, Next, OutgoingEvent, PageRequest, Progress, Shares, Store,
        WorkerScope,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlitePool};

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) url: String,
    /// Who owns the tables; on SQLite the same.
    pub(crate) owner_url: String,
    /// Who reads the audit trail; on SQLite the same.
    pub(crate) auditor_url: String,
    pub(crate) worker: WorkerScope,
    /// Beside the store, with every right.
    pub(crate) raw: Raw,
    dropped_by: Option<(PgPool, String)>,
    _folder: Option<tempfile::TempDir>,
}

pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Raw {
    pub(crate) async fn run(&self, text: &str) -> Result<u64, sqlx::Error> {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Sqlite(pool) => sqlx::raw_sql(text).execute(pool).await.map(|done| done.rows_affected()),
            Self::Postgres(pool) => sqlx::raw_sql(text).execute(pool).await.map(|done| done.rows_affected()),
        }
    }

    /// The first column of every row, as text.
    pub(crate) async fn texts(&self, text: &str) -> Vec<String> {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Sqlite(pool) => sqlx::query(text).fetch_all(pool).await.unwrap().iter().map(|row| row.get(0)).collect(),
            Self::Postgres(pool) => sqlx::query(text).fetch_all(pool).await.unwrap().iter().map(|row| row.get(0)).collect(),
        }
    }
}

static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

#[expect(clippy::disallowed_methods, reason = "where the tests find a server is not a setting of the product")]
fn postgres_url() -> Option<String> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let url = std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let required = std::env::var("ARGUS_TEST_REQUIRE_POSTGRES").is_ok_and(|required| required == "1");
        assert!(url.is_some() || !required, "ARGUS_TEST_REQUIRE_POSTGRES=1, but TEST_POSTGRES_URL names no server");
        url
    };
    URL.get_or_init(read).clone()
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made-on-demand").join("store.db");
        let url = format!("sqlite://{}", path.display());
        let store = Store::open_with(&url, Ids::seeded(1)).await.unwrap();
        store.migrate().await.unwrap();
        let raw = Raw::Sqlite(SqlitePool::connect(&url).await.unwrap());
        let (owner_url, auditor_url) = (url.clone(), url.clone());
        Self {
            store,
            url,
            owner_url,
            auditor_url,
            worker: WorkerScope::for_loops(),
            raw,
            dropped_by: None,
            _folder: Some(folder),
        }
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let Some(server) = postgres_url() else {
            eprintln!("not run: TEST_POSTGRES_URL names no server");
            return None;
        };
        let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("argus_test_{}_{number}", std::process::id());
        let superuser = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&server).await.unwrap();
        // Three roles, as docs/operations.md asks for: so everything here runs under row-level security.
        for text in [
            format!("CREATE ROLE {name}_owner LOGIN"),
            format!("CREATE ROLE {name}_app LOGIN"),
            format!("CREATE ROLE {name}_auditor LOGIN"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&superuser).await.unwrap();
        }
        let url_of = |role: &str| {
            let mut url = url::Url::parse(&server).unwrap();
            url.set_path(&name);
            if !role.is_empty() {
                url.set_username(&format!("{name}_{role}")).unwrap();
            }
            String::from(url)
        };
        let (url, owner_url) = (url_of("app"), url_of("owner"));
        let owner = Store::open(&owner_url).await.unwrap();
        owner.migrate().await.unwrap();
        owner.admit(&url, Some(&format!("{name}_auditor"))).await.unwrap();
        owner.close().await;
        let store = Store::open_with(&url, Ids::seeded(1)).await.unwrap();
        let raw = Raw::Postgres(PgPool::connect(&url_of("")).await.unwrap());
        let (auditor_url, worker) = (url_of("auditor"), WorkerScope::for_loops());
        let dropped_by = Some((superuser, name));
        Some(Self { store, auditor_url, url, owner_url, worker, raw, dropped_by, _folder: None })
    }

    /// Runs a behaviour and tidies up, also when it fails.
    pub(crate) async fn run(&self, behaviour: impl Future<Output = ()>) {
        let outcome = AssertUnwindSafe(behaviour).catch_unwind().await;
        self.store.close().await;
        if let Some((owner, name)) = &self.dropped_by {
            // Each its own statement: a database is not dropped inside a transaction.
            let roles = ["owner", "app", "auditor"].map(|role| format!("DROP ROLE {name}_{role}"));
            for text in [format!("DROP DATABASE {name} WITH (FORCE)")].into_iter().chain(roles) {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(owner).await.unwrap();
            }
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    pub(crate) async fn connect(&self, org: &str) -> OrgScope {
        let scope = scope(org);
        self.store.put_connection(&scope, None, connection(1, 1), vec![], vec![]).await.unwrap();
        scope
    }

    /// Takes one task in, at instant `at`.
    pub(crate) async fn want(&self, scope: &OrgScope, key: &str, version: u64, target: &str, at: i64) {
        self.store.take_in(now(at), vec![arrival(scope, key, version, target)], vec![]).await.unwrap();
    }

    pub(crate) async fn claim(&self, at: i64, limit: u32, per_target: u32) -> Vec<Claim> {
        let request = ClaimRequest {
            kinds: vec![Kind::Task],
            limit,
            per_target,
            owner: "worker".into(),
            lease_until: now(at + 60),
            shares: Shares::default(),
        };
        self.store.claim(&self.worker, now(at), request).await.unwrap()
    }

    pub(crate) async fn claim_one(&self, at: i64) -> Claim {
        let mut claims = self.claim(at, 10, 4).await;
        assert_eq!(claims.len(), 1, "{claims:?}");
        claims.remove(0)
    }

    pub(crate) async fn record(&self, at: i64, lease: &Lease, next: Next) -> argus_m365::store::Recorded {
        self.store.record(now(at), progress(lease, next)).await.unwrap()
    }

    pub(crate) async fn task(&self, scope: &OrgScope, key: &str) -> argus_m365::store::ObjectRow {
        self.store.object(scope, Kind::Task, key).await.unwrap().unwrap()
    }

    pub(crate) async fn actions(&self, scope: &OrgScope) -> Vec<String> {
        let trail = self.store.audit_trail(scope, AuditFilter::default(), page(100)).await.unwrap();
        trail.rows.into_iter().map(|(_, record)| record.entry.action).collect()
    }

    pub(crate) async fn letters(&self, scope: &OrgScope) -> Vec<String> {
        let letters = self.store.dead_letters(scope, DeadLetterFilter::default(), page(100)).await.unwrap();
        letters.rows.into_iter().map(|(_, row)| row.letter.id).collect()
    }

    pub(crate) async fn published(&self) -> Vec<String> {
        let queued = self.store.outbox(&self.worker, 100).await.unwrap();
        queued.into_iter().map(|queued| queued.event.id).collect()
    }
}

pub(crate) fn now(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap() + TimeDelta::seconds(second)
}

pub(crate) fn scope(org: &str) -> OrgScope {
    OrgScope::granted_to_operator(OrganisationId::parse(org).unwrap())
}

pub(crate) fn page(first: u32) -> PageRequest {
    PageRequest { first, after: None }
}

pub(crate) fn version(event: u64) -> Version {
    Version { event, mutation: 0 }
}

pub(crate) fn context(id: &str) -> EventContext {
    EventContext {
        id: id.into(),
        source: "/argus/tasks".into(),
        time: now(0),
        subject: None,
        correlation_id: Some("c-1".into()),
        causation_id: None,
        traceparent: None,
        tracestate: None,
        data_classification: None,
    }
}

pub(crate) fn arrival(scope: &OrgScope, key: &str, version: u64, target: &str) -> Arrival {
    Arrival {
        scope: scope.clone(),
        kind: Kind::Task,
        key: key.into(),
        version,
        digest: [u8::try_from(version % 200).unwrap(); 32],
        body: format!("{{\"version\":{version}}}"),
        body_format: 1,
        target: target.into(),
        context: context(&format!("{key}-{version}")),
    }
}

pub(crate) fn progress(lease: &Lease, next: Next) -> Progress {
    Progress { lease: lease.clone(), places: vec![], rechecked: false, audit: vec![], outgoing: vec![], holds: vec![], next }
}

pub(crate) fn settled(event: u64) -> Next {
    Next::Settled { version: version(event) }
}

pub(crate) fn error(code: &str) -> DeliveryError {
    DeliveryError { code: code.into(), message: "in words".into(), graph_request_id: Some("r-1".into()), at: now(0) }
}

pub(crate) fn retry(at: i64) -> Next {
    Next::Retry { not_before: now(at), unknown: false, counts: true, error: error("TIMEOUT") }
}

pub(crate) fn dead(event: u64, letter: &str) -> Next {
    Next::Dead { version: version(event), dead_letter: dead_letter(letter), error: error("MAILBOX_NOT_FOUND") }
}

pub(crate) fn dead_letter(id: &str) -> NewDeadLetter {
    NewDeadLetter {
        id: id.into(),
        capability: Some(CapabilityName::Calendar),
        code: "MAILBOX_NOT_FOUND".into(),
        message: "in words".into(),
        pointer: None,
        object: None,
        attempts: 3,
        graph_request_id: Some("r-1".into()),
        payload: Some("{}".into()),
        context: None,
        first_failed_at: now(0),
    }
}

pub(crate) fn entry(action: &str) -> NewAuditEntry {
    NewAuditEntry {
        at: now(0),
        actor: "system".into(),
        action: action.into(),
        target: "task/1".into(),
        outcome: Outcome::Succeeded,
        detail: serde_json::json!({ "generation": 1 }),
        personal: vec![],
        correlation_id: Some("c-1".into()),
        graph_request_id: None,
    }
}

pub(crate) fn outgoing(id: &str) -> OutgoingEvent {
    OutgoingEvent { id: id.into(), subject: "argus.acme.m365.calendar.synced".into(), payload: "{}".into() }
}

pub(crate) fn place(target: &str, generation: u64) -> Place {
    Place {
        target: target.into(),
        generation,
        idempotency_key: format!("key-{generation}"),
        state: PlaceState::Present,
        remote_id: Some("AAMk".into()),
        confirmed: Some(serde_json::json!({ "subject": "Meter" })),
    }
}

pub(crate) fn connection(epoch: u64, secret_version: u64) -> ConnectionRow {
    ConnectionRow {
        connection_id: "connection-1".into(),
        epoch,
        secret_version,
        cloud: Cloud::Global,
        credential_kind: CredentialKind::Secret,
        credential_hint: "abc".into(),
        secret_expires_at: Some(now(1_000_000)),
        key_id: "key-2026".into(),
        sealed_data_key: vec![1, 2],
        sealed_directory_id: vec![3],
        sealed_application_id: vec![4],
        sealed_credential: vec![0, 255],
        state: ConnectionState::Active,
        state_reason: None,
        registered_at: now(0),
        updated_at: now(0),
        last_test: None,
    }
}
