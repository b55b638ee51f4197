//! Two replicas on one store, and a clock that is moved by hand.

use std::sync::Arc;

use super::*;
use crate::{
    clock::{Clock as _, ManualClock},
    connections::Parts,
    graph::{Cloud, GraphClient, GraphSettings},
    metrics::Metrics,
    organisation::{OrgScope, OrganisationId},
    store::{AuditFilter, ConnectionRow, ConnectionState, CredentialKind, PageRequest, Store},
    vault::Vault,
};

struct Scene {
    clock: Arc<ManualClock>,
    store: Store,
    replicas: [Connections; 2],
    _folder: tempfile::TempDir,
}

fn acme() -> OrgScope {
    OrgScope::granted_to_operator(OrganisationId::parse("acme").unwrap())
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("store.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        let clock = ManualClock::at("2027-01-01T00:00:00Z".parse().unwrap());
        let replicas = [1, 2].map(|seed| replica(&store, &clock, seed));
        Self { clock, store, replicas, _folder: folder }
    }

    /// Registers a credential that ends so many days from now.
    async fn register(&self, version: u64, days: i64) {
        let row = ConnectionRow {
            connection_id: "connection-1".into(),
            epoch: 1,
            secret_version: version,
            cloud: Cloud::Global,
            credential_kind: CredentialKind::Secret,
            credential_hint: "abc".into(),
            secret_expires_at: Some(self.clock.now() + TimeDelta::days(days)),
            key_id: "key".into(),
            sealed_data_key: vec![],
            sealed_directory_id: vec![],
            sealed_application_id: vec![],
            sealed_credential: vec![],
            state: ConnectionState::Active,
            state_reason: None,
            registered_at: self.clock.now(),
            updated_at: self.clock.now(),
            last_test: None,
        };
        let replaced = (version > 1).then_some(version - 1);
        self.store.put_connection(&acme(), replaced, row, vec![], vec![]).await.unwrap();
    }

    /// Both replicas look at the same moment; what is told: (`days`, `daysLeft`) of each event that waits, which are taken away.
    async fn told(&self) -> Vec<(u64, i64)> {
        let worker = WorkerScope::for_loops();
        let [one, other] = &self.replicas;
        let (one, other) = tokio::join!(one.warn_once(&worker), other.warn_once(&worker));
        let queued = self.store.outbox(&worker, 100).await.unwrap();
        assert_eq!(one.unwrap() + other.unwrap(), queued.len());
        self.store.published(&worker, &queued).await.unwrap();
        let data = |payload: &str| serde_json::from_str::<serde_json::Value>(payload).unwrap()["data"].take();
        let read = |data: serde_json::Value| (data["days"].as_u64().unwrap(), data["daysLeft"].as_i64().unwrap());
        queued.iter().map(|queued| read(data(&queued.event.payload))).collect()
    }

    async fn audited(&self) -> usize {
        let filter = AuditFilter { action: Some(TOPIC.into()), ..AuditFilter::default() };
        self.store.audit_trail(&acme(), filter, PageRequest { first: 50, after: None }).await.unwrap().rows.len()
    }
}

fn replica(store: &Store, clock: &Arc<ManualClock>, seed: u64) -> Connections {
    let metrics = Arc::new(Metrics::new().unwrap());
    let bound = Duration::from_secs(1);
    let settings = GraphSettings { login_url: None, graph_url: None, connect_timeout: bound, call_timeout: bound };
    let ids = Ids::seeded(seed);
    let graph = GraphClient::new(settings, clock.clone(), ids.clone(), metrics.clone()).unwrap();
    let vault = Vault::from_keyring(&Vault::generate_key(Some("key")).unwrap()).unwrap();
    let (store, clock) = (store.clone(), clock.clone());
    Connections::new(Parts { store, vault, graph, clock, ids, metrics, read_channels: false, changed: vec![] })
}

#[tokio::test]
async fn each_threshold_is_told_once_however_many_replicas_look_and_however_often() {
    let scene = Scene::new().await;
    scene.register(1, 61).await;
    let mut told = Vec::new();
    // Every six hours, until two days after the end.
    for _ in 0..4 * 63 {
        told.extend(scene.told().await);
        scene.clock.advance(TimeDelta::hours(6));
    }
    assert_eq!(told, [(60, 60), (30, 30), (14, 14), (7, 7), (1, 1)]);
    assert_eq!(scene.audited().await, 5);
}

#[tokio::test]
async fn who_was_away_tells_the_nearest_threshold_and_not_those_before_it() {
    let scene = Scene::new().await;
    scene.register(1, 400).await;
    assert_eq!(scene.told().await, []);
    scene.clock.advance(TimeDelta::days(390));
    assert_eq!(scene.told().await, [(14, 10)]);
    assert_eq!(scene.told().await, []);
    scene.clock.advance(TimeDelta::days(20));
    assert_eq!(scene.told().await, [(1, 0)], "it has ended meanwhile");
    assert_eq!(scene.told().await, []);
}

#[tokio::test]
async fn a_new_credential_starts_anew_under_other_ids() {
    let scene = Scene::new().await;
    scene.register(1, 5).await;
    let ending = |store: Store| async move {
        let far = "2100-01-01T00:00:00Z".parse().unwrap();
        store.ending_credentials(&WorkerScope::for_loops(), far, LAST).await.unwrap().remove(0)
    };
    let first = stable_id(&ending(scene.store.clone()).await, 7);
    assert_eq!(scene.told().await, [(7, 5)]);
    scene.register(2, 5).await;
    let second = stable_id(&ending(scene.store.clone()).await, 7);
    assert_eq!(scene.told().await, [(7, 5)]);
    assert_ne!(first, second);
    scene.register(3, 90).await;
    assert_eq!(scene.told().await, []);
}

#[test]
fn a_threshold_is_passed_at_its_very_instant() {
    let now: DateTime<Utc> = "2027-01-01T00:00:00Z".parse().unwrap();
    let ending = |left: TimeDelta, warned_days| EndingCredential {
        scope: acme(),
        connection_id: "c".into(),
        secret_version: 1,
        ends: now + left,
        warned_days,
    };
    let second = TimeDelta::seconds(1);
    assert_eq!(due(&ending(before_end(60) + second, None), now), None);
    assert_eq!(due(&ending(before_end(60), None), now), Some(60));
    assert_eq!(due(&ending(before_end(30) + second, Some(60)), now), None);
    assert_eq!(due(&ending(before_end(30), Some(60)), now), Some(30));
    assert_eq!(due(&ending(-second, Some(7)), now), Some(1));
    assert_eq!(due(&ending(-second, Some(1)), now), None);
}
