//! A publisher as the contract wants it, and its ledger: what the stream has acknowledged is what must be true in the end.

use std::{collections::BTreeMap, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{self, Context},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;

/// Tasks that the publisher plays with.
const TASKS: usize = 60;
/// Mailboxes that it moves them between.
pub(crate) const MAILBOXES: usize = 8;
/// One change every so often: enough to have work under way at any moment, and little enough for a busy machine.
const PACE: Duration = Duration::from_millis(15);
/// How long the stream's acknowledgement is waited for before the same event is sent again.
const ACK: Duration = Duration::from_millis(500);

/// What must stand in Outlook for one task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Visit {
    /// Whose calendar.
    pub(crate) mailbox: String,
    /// Names task and version.
    pub(crate) subject: String,
    /// Start as UTC.
    pub(crate) start: String,
    /// A line of the body that no other version has.
    pub(crate) line: String,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By task: what its newest version wants; none when it was closed.
    pub(crate) wanted: BTreeMap<usize, Option<Visit>>,
    /// Events acknowledged by the stream, without those that were sent again.
    pub(crate) acknowledged: usize,
    /// Attempts that got no acknowledgement and were repeated under the same id.
    pub(crate) repeated: usize,
    /// The newest version of each task.
    pub(crate) versions: BTreeMap<usize, u64>,
}

/// A publisher at work.
pub(crate) struct Load {
    stop: CancellationToken,
    task: JoinHandle<Ledger>,
}

/// The mailbox with a number.
pub(crate) fn mailbox(number: usize) -> String {
    format!("worker-{number}@acme-water.example")
}

impl Load {
    /// Publishes on and on, until told to finish. `ledger` is what was published before.
    pub(crate) async fn start(broker: &str, dice: Dice, ledger: Ledger) -> Self {
        let stop = CancellationToken::new();
        let client = async_nats::ConnectOptions::new()
            .reconnect_delay_callback(|_| Duration::from_millis(20))
            .connect(broker)
            .await
            .expect("the broker");
        let mut context = jetstream::new(client);
        context.set_timeout(ACK);
        let task = tokio::spawn(publisher(context, dice, ledger, stop.clone()));
        Self { stop, task }
    }

    /// Ends after the change in hand, with everything in it acknowledged.
    pub(crate) async fn finish(self) -> Ledger {
        self.stop.cancel();
        self.task.await.expect("the publisher")
    }
}

async fn publisher(context: Context, mut dice: Dice, mut ledger: Ledger, stop: CancellationToken) -> Ledger {
    let mut pace = tokio::time::interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let task = dice.below(TASKS);
        let mut events = vec![ledger.change(task, &mut dice)];
        if dice.chance(0.1) {
            // A newer version overtakes an older one.
            events.insert(0, ledger.change(task, &mut dice));
        }
        if dice.chance(0.1) {
            // The same again under another id, as a publisher without deduplication sends it.
            let mut again = events[0].clone();
            again["id"] = json!(format!("{}-again", again["id"].as_str().unwrap()));
            events.push(again);
        }
        for event in &events {
            ledger.repeated += publish(&context, event).await;
            ledger.acknowledged += 1;
        }
    }
    ledger
}

impl Ledger {
    /// The next version of a task, as an event; the caller publishes it until it is acknowledged.
    fn change(&mut self, task: usize, dice: &mut Dice) -> Value {
        let version = self.versions.entry(task).and_modify(|version| *version += 1).or_insert(1);
        let mut data = json!({ "taskId": format!("task-{task}"), "version": *version });
        let close = dice.chance(0.2);
        if close {
            self.wanted.insert(task, None);
        } else {
            let (hour, minute) = (8 + dice.below(10), dice.below(60));
            // Dublin is on UTC in November.
            let visit = Visit {
                mailbox: mailbox(dice.below(MAILBOXES)),
                subject: format!("Task {task} v{version}"),
                start: format!("2026-11-25T{hour:02}:{minute:02}:00Z"),
                line: format!("text of version {version} of task {task}."),
            };
            data["title"] = json!(visit.subject);
            data["description"] = json!(visit.line);
            data["window"] = json!({
                "start": visit.start.trim_end_matches('Z'), "end": "2026-11-25T19:00:00", "timeZone": "Europe/Dublin",
            });
            data["assignee"] = json!({ "userPrincipalName": visit.mailbox });
            self.wanted.insert(task, Some(visit));
        }
        let verb = if close { "closed" } else { "scheduled" };
        json!({
            "specversion": "1.0", "id": format!("task-{task}-{version}"), "source": "/chaos", "type": format!("argus.task.{verb}.v1"),
            "time": "2026-11-23T09:00:00Z", "data": data,
        })
    }
}

/// Sends an event until the stream has acknowledged it, always under the same id; how often it had to be repeated.
async fn publish(context: &Context, event: &Value) -> usize {
    let verb = event["type"].as_str().unwrap().split('.').nth(2).unwrap().to_owned();
    for repeated in 0.. {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", event["id"].as_str().unwrap());
        headers.insert("Content-Type", "application/cloudevents+json");
        let payload = event.to_string().into_bytes().into();
        let sent = context.publish_with_headers(format!("argus.acme.task.{verb}"), headers, payload).await;
        if let Ok(acknowledgement) = sent
            && tokio::time::timeout(ACK, acknowledgement.into_future()).await.is_ok_and(|answer| answer.is_ok())
        {
            return repeated;
        }
    }
    0
}
