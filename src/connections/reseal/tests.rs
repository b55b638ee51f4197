//! A rotation over many connections, killed half-way, with readers that open them all the while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{join_all, try_join_all};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::{Connections, Parts, Registration, sealing};
use crate::{
    clock::{Clock as _, SystemClock},
    graph::{Cloud, GraphClient, GraphSettings},
    ids::Ids,
    metrics::Metrics,
    organisation::{OrgScope, OrganisationId},
    store::{Store, WorkerScope},
    vault::Vault,
};

const CONNECTIONS: usize = 10_000;

struct Scene {
    connections: Connections,
    vault: Vault,
    scopes: Vec<OrgScope>,
    worker: WorkerScope,
    _folder: tempfile::TempDir,
}

fn key(id: &str) -> String {
    Vault::generate_key(Some(id)).unwrap().expose_secret().to_owned()
}

impl Scene {
    async fn with(ring: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("store.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        let vault = Vault::from_keyring(&SecretString::from(ring)).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let (clock, ids) = (Arc::new(SystemClock), Ids::seeded(1));
        let bound = Duration::from_secs(1);
        let settings = GraphSettings { login_url: None, graph_url: None, connect_timeout: bound, call_timeout: bound };
        let graph = GraphClient::new(settings, clock.clone(), ids.clone(), metrics.clone()).unwrap();
        let parts = Parts { store, vault: vault.clone(), graph, clock, ids, metrics, read_channels: false, changed: vec![] };
        let scope = |number| OrgScope::granted_to_operator(OrganisationId::parse(&format!("org-{number}")).unwrap());
        let scopes = (0..CONNECTIONS).map(scope).collect();
        let scene =
            Self { connections: Connections::new(parts), vault, scopes, worker: WorkerScope::for_loops(), _folder: folder };
        scene.register().await;
        scene
    }

    async fn register(&self) {
        let put = async |scope: &OrgScope| {
            let registration = Registration {
                directory_id: "contoso.example".into(),
                application_id: "5f0c7a0e-0000-4000-8000-000000000001".into(),
                application_secret: Some(secret_of(scope).into()),
                application_certificate: None,
                cloud: Cloud::Global,
                secret_expires_at: None,
            };
            let numbers = sealing::Numbers {
                connection_id: format!("connection of {}", scope.as_str()),
                epoch: 1,
                secret_version: 1,
                registered_at: SystemClock.now(),
            };
            let checked = registration.check().unwrap();
            let row = sealing::seal(&self.vault, scope, numbers, &checked, SystemClock.now()).unwrap();
            self.connections.parts.store.put_connection(scope, None, row, vec![], vec![]).await
        };
        for chunk in self.scopes.chunks(500) {
            try_join_all(chunk.iter().map(put)).await.unwrap();
        }
    }

    /// Whether an organisation's secret opens, and is its own.
    async fn opens(&self, scope: &OrgScope) -> bool {
        let row = self.connections.parts.store.connection(scope).await.unwrap().unwrap();
        sealing::open(&self.vault, scope, &row).is_ok_and(|access| access.connection_id.ends_with(scope.as_str()))
    }

    async fn left(&self, newest: &str) -> u64 {
        self.connections.parts.store.count_under_another_key(&self.worker, newest).await.unwrap()
    }
}

fn secret_of(scope: &OrgScope) -> String {
    format!("the secret of {}", scope.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_move_to_the_new_key_while_they_are_read_and_the_old_key_can_go() {
    let (old, new) = (key("old"), key("new"));
    let scene = Scene::with(&old).await;
    scene.vault.replace_keyring(&SecretString::from(format!("{old}\n{new}"))).unwrap();
    assert_eq!(scene.left("new").await, CONNECTIONS as u64);
    // Dropped after some steps, as by a kill.
    for _ in 0..3 {
        scene.connections.reseal(&scene.worker, 64).await.unwrap();
    }
    assert_eq!(scene.left("new").await, CONNECTIONS as u64 - 3 * 64);
    let (over, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let reader = async {
        for scope in scene.scopes.iter().cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            assert!(scene.opens(scope).await, "{scope:?} did not open during the rotation");
            read.fetch_add(1, Ordering::Relaxed);
        }
    };
    let started = Instant::now();
    let rotation = async {
        while scene.connections.reseal(&scene.worker, 64).await.unwrap() > 0 {}
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(reader, rotation);
    let took = started.elapsed();
    println!("{CONNECTIONS} connections re-sealed in {took:?}, read {} times meanwhile", read.load(Ordering::Relaxed));
    assert!(took < Duration::from_mins(1), "{took:?}");
    assert!(read.into_inner() > 0);
    assert_eq!(scene.left("new").await, 0);
    scene.vault.replace_keyring(&SecretString::from(new)).unwrap();
    for chunk in scene.scopes.chunks(500) {
        assert!(join_all(chunk.iter().map(|scope| scene.opens(scope))).await.into_iter().all(|opens| opens));
    }
}
