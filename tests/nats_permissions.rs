//! A broker as docs/nats/permissions.conf describes it: who may speak for whom, and who hears what.

#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the failure")]

mod support;

use std::{path::Path, process::Command, time::Duration};

use async_nats::{Client, ConnectOptions, jetstream};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use support::{Owned, Store, World, eventually, nats_server};

/// A word that is in globex's events and nowhere else.
const CANARY: &str = "canary-of-globex-8f31";

struct Broker {
    url: String,
    log: std::path::PathBuf,
    _process: Owned,
}

impl Broker {
    async fn start(folder: &Path) -> Self {
        let (store, log) = (folder.join("guarded"), folder.join("guarded.log"));
        let mut command = Command::new(nats_server());
        command.args(["-c", concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats/permissions.conf"), "-p", "-1", "-m", "-1"]);
        command.arg("-sd").arg(store).arg("--ports_file_dir").arg(folder);
        for user in ["ACME", "GLOBEX", "CONNECTOR", "ADMIN"] {
            command.env(format!("{user}_PASSWORD"), format!("{}-pw", user.to_lowercase()));
        }
        let process = Owned::spawn(&mut command, Some(&log));
        let ports = folder.join(format!("nats-server_{}.ports", process.id()));
        let url = eventually("the guarded broker listens", async || {
            let ports: Value = serde_json::from_str(&std::fs::read_to_string(&ports).ok()?).ok()?;
            Some(ports["nats"][0].as_str()?.to_owned())
        })
        .await;
        Self { url, log, _process: process }
    }

    fn url_of(&self, user: &str) -> String {
        self.url.replace("nats://", &format!("nats://{user}:{user}-pw@"))
    }

    async fn client(&self, user: &str) -> Client {
        eventually("the guarded broker answers", async || {
            ConnectOptions::with_user_and_password(user.into(), format!("{user}-pw")).connect(&self.url).await.ok()
        })
        .await
    }

    async fn stream(&self, user: &str) -> jetstream::Context {
        let mut context = jetstream::new(self.client(user).await);
        context.set_timeout(Duration::from_millis(500));
        context
    }

    /// What the server refused this user, from its log.
    fn refusals(&self, user: &str) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let of_user = |line: &&str| line.contains("Violation") && line.contains(&format!("user:{user}\""));
        log.lines().filter(of_user).map(str::to_owned).collect()
    }
}

fn task(organisation: &str, id: &str, title: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{organisation}-{id}"), "source": "/argus/test", "type": "argus.task.scheduled.v1",
        "time": "2031-05-06T06:00:00Z", "subject": id, "orgid": organisation, "datacontenttype": "application/json",
        "data": {
            "taskId": id, "version": 1, "title": title,
            "window": { "start": "2031-05-07T08:30:00", "end": "2031-05-07T10:00:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": "niamh@acme-water.example" }
        }
    })
}

/// Whether the stream has acknowledged it.
async fn publish(context: &jetstream::Context, subject: &str, event: &Value) -> bool {
    let sent = context.publish(subject.to_owned(), event.to_string().into()).await.unwrap();
    sent.await.is_ok()
}

#[tokio::test]
async fn a_publisher_speaks_for_its_own_organisation_and_hears_no_other() {
    let world = World::start(Store::Sqlite).await;
    let broker = Broker::start(world.folder.path()).await;
    // The streams and the consumer are made once, by somebody with that right.
    let (admin, service) = (broker.url_of("admin"), broker.url_of("connector"));
    world.connector(&[("nats.url", &admin)]).await.stop().await;

    let connector = world.connector(&[("nats.url", &service)]).await;
    connector.register().await;
    let (acme, globex) = (broker.stream("acme").await, broker.stream("globex").await);
    // Acme listens wherever it is let, and where it is not.
    let ears = broker.client("acme").await;
    let mut heard = Vec::new();
    for subject in ["_INBOX.>", "argus.globex.>", "argus.>", ">", "_INBOX_ARGUS_M365.>", "$JS.ACK.>", "$JS.EVENT.>"] {
        heard.push(ears.subscribe(subject).await.unwrap());
    }
    ears.flush().await.unwrap();

    // For oneself: taken in and delivered.
    assert!(publish(&acme, "argus.acme.task.scheduled", &task("acme", "mine", "Replace meter")).await);
    connector.settled("mine", 1).await;
    assert!(publish(&globex, "argus.globex.task.scheduled", &task("globex", "theirs", CANARY)).await);

    // For another: refused by the broker, whatever the event says of itself.
    for event in [task("globex", "forged", "Forged"), task("acme", "forged", "Forged")] {
        assert!(!publish(&acme, "argus.globex.task.scheduled", &event).await);
    }
    for subject in ["argus.globex.m365.calendar.synced", "argus.acme.m365.calendar.synced", "argus.m365.audit.checkpoint"] {
        assert!(!publish(&acme, subject, &json!({})).await, "{subject}");
    }
    // And by the connector where subject and event differ.
    assert!(publish(&acme, "argus.acme.task.scheduled", &task("globex", "mixed", "Mixed")).await);
    eventually("the mixed event is a dead letter of its subject's organisation", async || {
        let letters =
            connector.data("{ deadLetters { nodes { code pointer } } }", Value::Null).await["deadLetters"]["nodes"].clone();
        (letters == json!([{ "code": "ORGANISATION_MISMATCH", "pointer": "/orgid" }])).then_some(())
    })
    .await;

    let admin = broker.stream("admin").await;
    let stream = admin.get_stream("ARGUS").await.unwrap();
    eventually("every event is taken", async || {
        let consumer = stream.consumer_info("argus-m365").await.ok()?;
        (consumer.num_pending == 0 && consumer.num_ack_pending == 0).then_some(())
    })
    .await;
    assert_eq!(stream.get_info().await.unwrap().state.messages, 3);
    // What acme's ears could hear, they have heard by now: the server answers in order.
    ears.flush().await.unwrap();
    for ear in &mut heard {
        while let Some(Some(message)) = futures_util::FutureExt::now_or_never(ear.next()) {
            let text = String::from_utf8_lossy(&message.payload).into_owned();
            assert!(!text.contains(CANARY) && !message.subject.contains("globex"), "{}: {text}", message.subject);
        }
    }
    assert!(broker.refusals("acme").len() >= 11, "{:?}", broker.refusals("acme"));
    assert_eq!(broker.refusals("connector"), [""; 0], "the connector needs more than it is given");
    connector.stop().await;
    world.abandon().await;
}

#[tokio::test]
async fn the_connector_may_do_what_it_needs_and_nothing_else() {
    let world = World::start(Store::Sqlite).await;
    let broker = Broker::start(world.folder.path()).await;
    let admin = broker.url_of("admin");
    world.connector(&[("nats.url", &admin)]).await.stop().await;
    let mut service = jetstream::new(broker.client("connector").await);
    service.set_timeout(Duration::from_millis(500));
    assert!(!publish(&service, "argus.acme.task.scheduled", &task("acme", "forged", "Forged")).await);
    for request in [
        "STREAM.DELETE.ARGUS",
        "STREAM.PURGE.ARGUS",
        "STREAM.UPDATE.ARGUS",
        "STREAM.CREATE.MINE",
        "CONSUMER.DELETE.ARGUS.argus-m365",
    ] {
        let answer: Result<Value, _> = service.request(request, &json!({})).await;
        assert!(answer.is_err(), "{request}");
    }
    let stream = broker.stream("admin").await.get_stream("ARGUS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 0);
    assert!(stream.consumer_info("argus-m365").await.is_ok());
    assert!(broker.refusals("connector").len() >= 6, "{:?}", broker.refusals("connector"));
    world.abandon().await;
}
