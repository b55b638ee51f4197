//! An API over memory, a caller with any permissions, and rows to be read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use argus_m365::{
    api::{
        ApiParts, HttpSettings,
        auth::{Authenticator, Permission, mint},
        router,
    },
    clock::ManualClock,
    ids::Ids,
    metrics::Metrics,
    organisation::OrganisationId,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    backend::Memory,
    keys::{settings, start},
};

pub(crate) struct TestApi {
    pub(crate) memory: Arc<Memory>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let json = serde_json::from_str(&self.text);
        assert!(json.is_ok(), "not JSON: {}", self.text);
        json.unwrap()
    }

    pub(crate) fn data(&self) -> Value {
        let body = self.json();
        assert!(body.get("errors").is_none(), "{body}");
        body["data"].clone()
    }

    /// The first error's code.
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestApi {
    pub(crate) fn new() -> Self {
        Self::with(HttpSettings::default())
    }

    pub(crate) fn with(limits: HttpSettings) -> Self {
        Self::made(limits, Authenticator::new(settings(), ManualClock::at(start())).unwrap())
    }

    /// With another way to know callers.
    pub(crate) fn authenticating(authenticator: Authenticator) -> Self {
        Self::made(HttpSettings::default(), authenticator)
    }

    fn made(limits: HttpSettings, authenticator: Authenticator) -> Self {
        let memory = Arc::new(Memory::default());
        let ready = Arc::new(AtomicBool::new(true));
        let clock = ManualClock::at(start());
        let metrics = Arc::new(Metrics::new().unwrap());
        let (probe, gauges) = (ready.clone(), metrics.clone());
        let router = router(ApiParts {
            connections: memory.clone(),
            records: memory.clone(),
            operations: memory.clone(),
            teams: memory.clone(),
            directory: memory.clone(),
            roles: memory.clone(),
            imports: memory.clone(),
            publications: memory.clone(),
            targets: memory.clone(),
            answers: memory.clone(),
            authenticator,
            clock,
            ids: Ids::seeded(7),
            metrics,
            settings: limits,
            readiness: Arc::new(move || {
                let ready = probe.load(Ordering::SeqCst);
                Box::pin(async move { if ready { Ok(()) } else { Err(vec!["store: out of reach".to_owned()]) } })
            }),
            refresh_metrics: Arc::new(move || {
                gauges.consumer_pending.set(42);
                Box::pin(async {})
            }),
        });
        Self { memory, ready, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Asks with a token of these permissions.
    pub(crate) async fn ask_as(&self, permissions: &[Permission], query: &str) -> Answer {
        self.send(post(&token(permissions), json!({ "query": query }).to_string())).await
    }

    /// Asks with every permission.
    pub(crate) async fn ask(&self, query: &str) -> Answer {
        self.ask_as(&[Permission::Admin], query).await
    }
}

pub(crate) fn token(permissions: &[Permission]) -> String {
    let acme = OrganisationId::parse("acme").unwrap();
    mint(&settings(), &acme, permissions, "dispatcher-7", TimeDelta::hours(1), start()).unwrap()
}

pub(crate) fn post(token: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

/// Waits until `holds`, or fails after five seconds.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap();
}

/// Rows as the services would hand them out.
pub(crate) mod samples {
    pub(crate) fn zone_target() -> argus_m365::store::ZoneTarget {
        let target = serde_json::json!({
            "siteId": "acme.sharepoint.example,1,2", "listId": "3", "matchField": "zoneId", "fields": [], "retire": "LEAVE",
            "matchColumn": { "name": "Zone_x0020_ID", "type": "text", "indexed": true, "unique": true }, "retireColumn": null,
        });
        let asked = serde_json::json!({
            "site": "acme.sharepoint.example:/sites/ops", "list": "Zones", "matchColumn": "Zone ID", "matchField": "zoneId",
            "fields": [], "retire": "LEAVE",
        });
        argus_m365::store::ZoneTarget {
            connection_epoch: 1,
            asked: serde_json::from_value(asked).unwrap(),
            target: serde_json::from_value(target).unwrap(),
            warnings: vec!["a word of advice".into()],
            set_at: "2026-11-23T09:00:00Z".parse().unwrap(),
        }
    }

    use argus_m365::{
        audit::{Link, Verification},
        capabilities::{CapabilityName, Outcome, Place, PlaceState, Version},
        channels::ChannelView,
        connections::{Check, CheckStatus, ConnectionView, TeamsAccountState, TeamsAccountView, TeamsSignIn, TestReport},
        graph::Cloud,
        operations::Backlog,
        store::{
            AuditRecord, BacklogRow, ChannelNews, ChannelRow, ChannelSender, ConnectionState, CredentialKind, DeadLetterRow,
            DeliveryError, DeliveryState, Kind, NewAuditEntry, NewDeadLetter, ObjectRow, OperationChange, OperationError,
            OperationKind, OperationRow, OperationState, OutageRow, Page, PageRequest, Pause,
        },
    };
    use serde_json::json;

    use crate::keys::start;

    pub(crate) fn connection() -> ConnectionView {
        ConnectionView {
            directory_id: "5f0c7a0e-0000-4000-8000-000000000001".into(),
            application_id: "app-1".into(),
            cloud: Cloud::UsGovL4,
            credential_kind: CredentialKind::Secret,
            credential_hint: "xyz".into(),
            secret_expires_at: None,
            state: ConnectionState::Active,
            state_reason: None,
            key_id: "key-1".into(),
            registered_at: start(),
            updated_at: start(),
            last_test: Some(report()),
            teams_account: Some(TeamsAccountView {
                user_principal_name: Some("alerts@acme-water.example".into()),
                state: TeamsAccountState::SignedIn,
                reason: None,
                signed_in_at: Some(start()),
            }),
        }
    }

    pub(crate) fn sign_in() -> TeamsSignIn {
        TeamsSignIn {
            user_code: "ABCD1234".into(),
            verification_url: "https://microsoft.com/devicelogin".into(),
            message: "Enter the code ABCD1234".into(),
            expires_at: start(),
        }
    }

    pub(crate) fn report() -> TestReport {
        let check = Check {
            code: "role.Calendars.ReadWrite".into(),
            capability: Some(CapabilityName::Calendar),
            status: CheckStatus::Warn,
            detail: "the role is not in the token".into(),
            remedy: Some("grant it".into()),
            latency_ms: None,
        };
        TestReport { succeeded: true, latency_ms: 12.5, tested_at: start(), checks: vec![check] }
    }

    fn place(target: &str, generation: u64, state: PlaceState) -> Place {
        Place {
            target: target.into(),
            generation,
            idempotency_key: "k".into(),
            state,
            remote_id: (state == PlaceState::Present).then(|| format!("event-{generation}")),
            confirmed: None,
        }
    }

    fn task(key: &str, state: DeliveryState, body: &str) -> ObjectRow {
        ObjectRow {
            key: key.into(),
            state,
            version: Version { event: 9_007_199_254_740_991, mutation: 0 },
            settled: Some(Version { event: 6, mutation: 0 }),
            body: body.into(),
            body_format: 1,
            places: Vec::new(),
            attempts: 2,
            next_attempt_at: None,
            last_error: None,
            updated_at: start(),
        }
    }

    pub(crate) fn tasks() -> Vec<ObjectRow> {
        let visit = json!({
            "state": "scheduled", "title": "Replace meter", "assignee": { "userPrincipalName": "Kim@acme.test" },
            "window": { "timeZone": "Europe/Berlin",
                "start": { "wall": "2031-05-07T08:00:00", "instant": "2031-05-07T06:00:00Z" },
                "end": { "wall": "2031-05-07T10:00:00", "instant": "2031-05-07T08:00:00Z" } }
        });
        let mut moving = task("t-1", DeliveryState::Pending, &visit.to_string());
        moving.places = vec![
            place("kim@acme.test", 2, PlaceState::Present),
            place("lee@acme.test", 1, PlaceState::Present),
            place("sam@acme.test", 3, PlaceState::Unknown),
        ];
        moving.last_error = Some(DeliveryError {
            code: "ErrorItemNotFound".into(),
            message: "gone".into(),
            graph_request_id: Some("r-1".into()),
            at: start(),
        });
        vec![
            moving,
            task("t-2", DeliveryState::Settled, r#"{"state":"closed"}"#),
            task("t-3", DeliveryState::Dead, "not of this release"),
        ]
    }

    pub(crate) fn channel() -> ChannelView {
        let row = ChannelRow {
            key: "ops".into(),
            sender: ChannelSender::Webhook,
            team_id: None,
            channel_id: None,
            webhook_host: Some("x.api.powerplatform.com".into()),
            secret_version: 1,
            key_id: "key-1".into(),
            sealed_data_key: vec![1],
            sealed_url: vec![2],
            utility_types: Vec::new(),
            minimum_severity: None,
            time_zone: "Europe/Dublin".into(),
            updated_at: start(),
        };
        ChannelView { row, news: ChannelNews { posted_at: Some(start()), error: None } }
    }

    /// Routed to one channel, where its first card stands.
    pub(crate) fn outage() -> OutageRow {
        let mut shown = task("u-1/ops", DeliveryState::Settled, "{}");
        let kept = json!({
            "step": "post", "version": { "event": 3, "mutation": 0 }, "says": null, "at": "2031-05-07T06:00:00Z", "twice": true,
        });
        let card = Place { confirmed: Some(kept), ..place("webhook/ops", 1, PlaceState::Present) };
        shown.places = vec![card];
        OutageRow { outage: task("u-1", DeliveryState::Settled, "{}"), posts: vec![("ops".into(), Kind::Card, shown)] }
    }

    /// One that ended with a failure among its objects.
    pub(crate) fn operations() -> Vec<OperationRow> {
        vec![OperationRow {
            id: "o-1".into(),
            kind: OperationKind::PublishZones,
            state: OperationState::PartiallyFailed,
            dry_run: false,
            input: json!({ "secret": "not for callers" }),
            requested_by: "user:kim".into(),
            requested_at: start(),
            approved_by: None,
            started_at: Some(start()),
            finished_at: None,
            done: 2,
            total: Some(3),
            counts: json!({ "created": 1, "failed": 1 }),
            error: None,
            trace: None,
        }]
    }

    pub(crate) fn changes() -> Vec<OperationChange> {
        let error = OperationError { code: "COLUMN_REJECTED".into(), message: "column Kind".into() };
        vec![
            OperationChange {
                sequence: 0,
                key: "z-1".into(),
                action: "create".into(),
                before: None,
                after: Some(json!({ "Title": "North" })),
                error: None,
            },
            OperationChange {
                sequence: 1,
                key: "z-2".into(),
                action: "update".into(),
                before: Some(json!({})),
                after: None,
                error: Some(error),
            },
        ]
    }

    /// The rows after a cursor, which is a row's index.
    pub(crate) fn page<T>(rows: impl Iterator<Item = T>, page: &PageRequest) -> Page<T> {
        let all: Vec<_> = rows.enumerate().map(|(index, row)| (index.to_string(), row)).collect();
        let skipped = page.after.as_ref().map_or(0, |after| after.parse::<usize>().unwrap() + 1);
        let (total, first) = (all.len(), page.first as usize);
        Page { rows: all.into_iter().skip(skipped).take(first).collect(), has_next: total > skipped + first, total: total as u64 }
    }

    pub(crate) fn dead_letters() -> Vec<DeadLetterRow> {
        let letter = |payload: &str| NewDeadLetter {
            id: "d-1".into(),
            capability: None,
            code: "INVALID_DATA".into(),
            message: "no such zone".into(),
            pointer: Some("/data/window/timeZone".into()),
            object: Some((Kind::Task, "t-9".into())),
            attempts: 0,
            graph_request_id: None,
            payload: Some(payload.into()),
            context: None,
            first_failed_at: start(),
        };
        [r#"{"id":"e-1"}"#, "not JSON"]
            .map(|payload| DeadLetterRow { letter: letter(payload), dead_at: start(), replays: 0 })
            .into()
    }

    pub(crate) fn backlog() -> Backlog {
        let row = |state, count, oldest| BacklogRow { kind: Kind::Task, state, count, oldest };
        let rows = vec![
            row(DeliveryState::Pending, 3, Some(start())),
            row(DeliveryState::Unknown, 1, None),
            row(DeliveryState::Blocked, 5, None),
            row(DeliveryState::Dead, u64::MAX, None),
        ];
        Backlog { rows, pauses: Vec::new() }
    }

    pub(crate) fn paused(capability: CapabilityName, reason: Option<String>) -> Backlog {
        Backlog { pauses: vec![Pause { capability, reason, since: start() }], ..backlog() }
    }

    pub(crate) fn audit() -> Vec<AuditRecord> {
        let entry = NewAuditEntry {
            at: start(),
            actor: "user:dispatcher-7".into(),
            action: "connection.registered".into(),
            target: "connection".into(),
            outcome: Outcome::Succeeded,
            detail: json!({ "cloud": "GLOBAL" }),
            personal: Vec::new(),
            correlation_id: Some("c-1".into()),
            graph_request_id: None,
        };
        vec![AuditRecord { entry, link: Link { seq: 1, previous: [0; 32], hash: [0xab; 32] } }]
    }

    pub(crate) fn verification() -> Verification {
        Verification { intact: false, entries: 7, head: [0xcd; 32], first_broken: Some(4), reason: Some("hash".into()) }
    }
}
