//! What surrounds the connector in a test: broker, simulator, store, secrets.

use std::{fmt::Write, process::Command, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{self, publish::PublishAck},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Connector, Simulator, Store,
    children::{Owned, nats_server},
    told,
    wait::eventually,
};

/// Broker, simulator and store of one test. End the test with [`World::finish`].
pub(crate) struct World {
    /// The tenant simulator.
    pub(crate) simulator: Simulator,
    /// The store's URL.
    pub(crate) store: String,
    /// The broker's URL.
    pub(crate) nats: String,
    /// The test's folder: settings, key ring, SQLite file, logs.
    pub(crate) folder: TempDir,
    /// Talks to the simulator and the connector.
    pub(crate) http: reqwest::Client,
    broker: Option<Owned>,
    finished: bool,
}

/// The shared secret that tests sign tokens with.
pub(crate) const SECRET: &str = "a shared secret of a test: 32 bytes or more";

impl World {
    /// Starts everything but the connector.
    pub(crate) async fn start(store: Store) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let http = client();
        // The broker takes a free port by itself; other tests of the run look for ports at the same time.
        let nats = "nats://127.0.0.1:-1".to_owned();
        let (simulator, store) = tokio::join!(Simulator::start(http.clone(), folder.path()), store.fresh(folder.path()));
        std::fs::write(folder.path().join("keyring"), "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").expect("a key ring");
        let mut world = Self { simulator, store, nats, folder, http, broker: None, finished: false };
        world.start_broker().await;
        world
    }

    /// The settings file's text; `changes` are (`section.key`, value) pairs laid over it through the environment.
    pub(crate) fn settings(&self, listen: u16) -> String {
        let mut text = String::new();
        let ring = self.folder.path().join("keyring");
        let sections = [
            ("database", vec![("url", self.store.clone())]),
            ("nats", vec![("url", self.nats.clone())]),
            ("http", vec![("listen", format!("127.0.0.1:{listen}"))]),
            ("auth", vec![("issuer", "tests".into()), ("audience", "argus-m365".into()), ("hs256_secret", SECRET.into())]),
            ("vault", vec![("keyring_file", ring.display().to_string())]),
            ("microsoft", vec![("login_url", self.simulator.url.clone()), ("graph_url", self.simulator.url.clone())]),
            // Failures are repeated at once, so that a test of them takes no minutes.
            ("delivery", vec![("backoff_initial", "20ms".into()), ("backoff_max", "500ms".into())]),
        ];
        for (section, keys) in sections {
            writeln!(text, "[{section}]").expect("writing to a text");
            for (key, value) in keys {
                writeln!(text, "{key} = {value:?}").expect("writing to a text");
            }
        }
        text
    }

    /// Starts the connector as the real binary and waits until it is ready. `changes` are (`section.key`, value).
    pub(crate) async fn connector(&self, changes: &[(&str, &str)]) -> Connector {
        Connector::start(self, changes).await
    }

    /// Publishes an event as a publisher should: its id for deduplication, and the stream's answer awaited.
    pub(crate) async fn publish(&self, subject: &str, event: &Value) -> PublishAck {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", event["id"].as_str().unwrap_or_default());
        headers.insert("Content-Type", "application/cloudevents+json");
        self.publish_raw(subject, headers, event.to_string().into_bytes()).await
    }

    /// Publishes any bytes with any headers.
    pub(crate) async fn publish_raw(&self, subject: &str, headers: HeaderMap, payload: Vec<u8>) -> PublishAck {
        let stream = self.jetstream().await;
        let sent = stream.publish_with_headers(subject.to_owned(), headers, payload.into()).await.expect("publishing");
        sent.await.expect("the stream's answer")
    }

    /// The broker as a client sees it.
    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(&self.nats).await.expect("the broker"))
    }

    /// Events that the connector has not taken, or not acknowledged.
    pub(crate) async fn untaken(&self) -> u64 {
        let stream = self.jetstream().await.get_stream("ARGUS").await.expect("the stream");
        let consumer = stream.consumer_info("argus-m365").await.expect("the consumer");
        consumer.num_pending + u64::try_from(consumer.num_ack_pending).unwrap_or(u64::MAX)
    }

    /// Everything published so far on a subject of the outgoing stream, oldest first.
    pub(crate) async fn published(&self, subject: &str) -> Vec<Value> {
        let all = self.outgoing().await.into_iter();
        all.filter_map(|(of, event)| (of == subject).then_some(event)).collect()
    }

    /// Everything on the outgoing stream, oldest first, with its subject.
    async fn outgoing(&self) -> Vec<(String, Value)> {
        let Ok(stream) = self.jetstream().await.get_stream("ARGUS_M365").await else { return Vec::new() };
        let (first, last) = (stream.cached_info().state.first_sequence, stream.cached_info().state.last_sequence);
        let mut events = Vec::new();
        // A stream that never held anything begins at 0, which is no message's number.
        for sequence in first.max(1)..=last {
            let message = stream.get_raw_message(sequence).await.expect("a message of the stream");
            events.push((message.subject.to_string(), serde_json::from_slice(&message.payload).expect("JSON")));
        }
        events
    }

    /// Kills the broker.
    pub(crate) fn stop_broker(&mut self) {
        self.broker = None;
    }

    /// Starts the broker: on any free port the first time, later on the port and store it had.
    pub(crate) async fn start_broker(&mut self) {
        let (_, port) = self.nats.rsplit_once(':').expect("a port");
        let (config, folder) = (concat!(env!("CARGO_MANIFEST_DIR"), "/nats.conf"), self.folder.path());
        let mut command = Command::new(nats_server());
        command.args(["-c", config, "-p", port, "-m", "-1", "-sd"]).arg(folder.join("nats")).arg("--ports_file_dir").arg(folder);
        let broker = Owned::spawn(&mut command, Some(&folder.join("nats.log")));
        let ports = folder.join(format!("nats-server_{}.ports", broker.id()));
        self.nats = eventually("the broker listens", async || listening(&std::fs::read_to_string(&ports).ok()?)).await;
        self.broker = Some(broker);
        let url = self.nats.clone();
        eventually("the broker answers", async || {
            let client = async_nats::connect(&url).await.ok()?;
            jetstream::new(client).query_account().await.ok()
        })
        .await;
    }

    /// Ends the test: waits until nothing is left to do (else the test fails), stops the connector, which must drain and end with 0,
    /// holds every outgoing event to its published schema, and records the traffic.
    pub(crate) async fn finish(mut self, connector: Connector) {
        eventually("every event is taken", async || (self.untaken().await == 0).then_some(())).await;
        connector.nothing_left().await;
        connector.stop().await;
        told::check(&self.outgoing().await.into_iter().map(|(_, event)| event).collect::<Vec<_>>());
        self.simulator.record_traffic().await;
        self.finished = true;
    }

    /// Ends a test that leaves work on purpose.
    pub(crate) async fn abandon(mut self) {
        self.simulator.record_traffic().await;
        self.finished = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "the test did not end with World::finish or World::abandon");
    }
}

/// The address in the broker's ports file; none while it is still being written.
fn listening(file: &str) -> Option<String> {
    let ports: Value = serde_json::from_str(file).ok()?;
    Some(ports["nats"][0].as_str()?.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a test's own client, which talks to loopback alone")]
fn client() -> reqwest::Client {
    // Servers end a connection that was idle for half a minute, and a request that meets the end is lost.
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(10)).pool_idle_timeout(Duration::from_secs(5));
    builder.build().expect("an HTTP client")
}
