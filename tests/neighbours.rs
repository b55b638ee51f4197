//! One organisation's trouble is nobody else's: through the real binary against real servers, on every store.

mod support;

use serde_json::{Value, json};
use support::{Quiet, Store, World, eventually};

/// Calls that one organisation may have under way here.
const CONCURRENCY: u32 = 8;

fn scheduled(task: &str, worker: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{task}-1"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": task, "version": 1, "title": task,
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": worker },
        },
    })
}

fn worker(number: u32) -> String {
    format!("worker-{number}@acme-water.example")
}

/// Gives acme so many workers, and every call to their mailboxes this fault.
async fn trouble(world: &World, workers: u32, mut fault: Value) {
    let person = |number| json!({ "id": format!("0d5b9b0e-6f0a-4f7c-9a45-{number:012x}"), "userPrincipalName": worker(number) });
    world.simulator.add_people(&(0..workers).map(person).collect()).await;
    fault["path"] = json!("/v1.0/users/worker-*@acme-water.example/events");
    world.simulator.fault(fault).await;
}

async fn publish_acmes(world: &World, tasks: u32, workers: u32) {
    for number in 0..tasks {
        world.publish("argus.acme.task.scheduled", &scheduled(&format!("acme-{number}"), &worker(number % workers))).await;
    }
}

#[tokio::test]
async fn an_organisation_whose_calls_do_not_end_leaves_the_next_its_turn() {
    for store in Store::available() {
        let world = World::start(store).await;
        let concurrency = CONCURRENCY.to_string();
        // Nothing that acme has begun ends by itself while this test runs.
        let settings = [("delivery.concurrency", &*concurrency), ("delivery.call_timeout", "5m"), ("delivery.lease", "10m")];
        let connector = world.connector(&settings).await;
        connector.register().await;
        let quiet = Quiet::register(&world, &connector, 1).await;
        trouble(&world, 20, json!({ "delayMs": 600_000 })).await;
        publish_acmes(&world, 60, 20).await;
        let under_way = u64::from(CONCURRENCY);
        eventually("acme has as many calls under way as it may", async || {
            (world.simulator.struck().await == under_way).then_some(())
        })
        .await;
        for number in 0..20 {
            let task = format!("quiet-{number}");
            world.publish("argus.quiet.task.scheduled", &scheduled(&task, &Quiet::mailbox(0))).await;
            eventually("its visit stands", async || (quiet.state(&connector, &task).await == "SETTLED").then_some(())).await;
        }
        assert_eq!(world.simulator.struck().await, under_way, "acme still has those calls under way, and no more");
        connector.kill();
        world.abandon().await;
    }
}
