//! No audit, no call: while the trail cannot be written nothing leaves for Microsoft, and afterwards everything goes on by itself.

use serde_json::{Value, json};

use crate::{
    database, outage,
    support::{Connector, Store, World, eventually},
    task,
};

/// Lets the database refuse audit entries; all of them, or those that a condition names.
async fn refuse(store: Store, world: &World, condition: &str) {
    let text = match store {
        Store::Sqlite => {
            format!(
                "CREATE TRIGGER no_room BEFORE INSERT ON audit WHEN {condition} BEGIN SELECT RAISE(ABORT, 'no room for an entry'); END"
            )
        }
        Store::Postgres => format!(
            "CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for an entry'; END $$; \
            CREATE TRIGGER no_room BEFORE INSERT ON audit FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_entry()"
        ),
    };
    database::run(store, world, &text).await;
}

async fn allow(store: Store, world: &World) {
    let text = match store {
        Store::Sqlite => "DROP TRIGGER no_room",
        Store::Postgres => "DROP TRIGGER no_room ON audit",
    };
    database::run(store, world, text).await;
}

/// What the metric says of transactions that could not be audited.
async fn unaudited(connector: &Connector) -> u64 {
    let metrics = connector.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("argus_m365_audit_write_failures_total "));
    line.unwrap().parse().unwrap()
}

/// Until nothing of the registration is under way any more.
async fn tested(connector: &Connector) {
    eventually("the new connection is tested", async || {
        let tested = connector.data("{ connection { lastTest { succeeded } } }", Value::Null).await;
        (tested["connection"]["lastTest"]["succeeded"] == true).then_some(())
    })
    .await;
}

async fn set_channel(world: &World, connector: &Connector) {
    let url = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=x", world.simulator.url);
    let input = json!({ "input": { "key": "ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url } });
    connector.data("mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }", input).await;
}

#[tokio::test]
async fn while_the_trail_cannot_be_written_no_call_leaves_and_afterwards_all_of_them_do() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        set_channel(&world, &connector).await;
        world.publish("argus.acme.task.scheduled", &task("before", 1)).await;
        connector.settled("before", 1).await;
        tested(&connector).await;
        refuse(store, &world, "NEW.seq > 0").await;
        let (calls, requests) = (world.simulator.counts().await, world.simulator.requests().await);
        for number in 0..20 {
            world.publish("argus.acme.task.scheduled", &task(&format!("t-{number}"), 1)).await;
        }
        world.publish("argus.acme.task.scheduled", &task("before", 2)).await;
        world.publish("argus.acme.outage.reported", &outage("o-1")).await;
        // Events are taken in all the same: they are wishes, not effects.
        eventually("every event is taken", async || (world.untaken().await == 0).then_some(())).await;
        // So is the wish for an import.
        let operation = connector.data("mutation { importUsers { id } }", Value::Null).await["importUsers"]["id"].take();
        let refused = connector.graphql("mutation { pauseCapability(capability: CALENDAR) { paused } }", Value::Null).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "INTERNAL", "{refused}");
        let seen = unaudited(&connector).await;
        eventually("it has been tried again and again", async || (unaudited(&connector).await > seen + 20).then_some(())).await;
        assert_eq!(world.simulator.counts().await, calls, "{}", world.simulator.requests().await);
        assert_eq!(world.simulator.requests().await.as_array().unwrap().len(), requests.as_array().unwrap().len());
        assert_eq!(world.simulator.cards("ops").await.len(), 0);

        allow(store, &world).await;
        for number in 0..20 {
            connector.settled(&format!("t-{number}"), 1).await;
        }
        connector.settled("before", 2).await;
        eventually("the outage is told", async || (world.simulator.cards("ops").await.len() == 1).then_some(())).await;
        eventually("the import is carried out", async || {
            let query = "query($id: ID!) { operation(id: $id) { state } }";
            let state = connector.data(query, json!({ "id": operation })).await["operation"]["state"].take();
            (state == "SUCCEEDED").then_some(())
        })
        .await;
        let paused = connector.data("{ backlog { capability paused } }", Value::Null).await;
        assert!(!paused.to_string().contains("true"), "{paused}");
        let calm = unaudited(&connector).await;
        assert_eq!(
            connector.graphql("mutation { pauseCapability(capability: SHAREPOINT) { paused } }", Value::Null).await["errors"],
            Value::Null
        );
        assert_eq!(unaudited(&connector).await, calm);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn an_effect_whose_outcome_cannot_be_written_is_looked_for_and_not_made_twice() {
    for store in Store::available() {
        let world = World::start(store).await;
        let short = [("delivery.lease", "4s"), ("delivery.call_timeout", "1s"), ("delivery.max_crashes", "1000")];
        let connector = world.connector(&short).await;
        connector.register().await;
        refuse(store, &world, "NEW.outcome <> 'intended'").await;
        world.publish("argus.acme.task.scheduled", &task("t", 1)).await;
        eventually("the visit is made", async || world.simulator.counts().await.get("createEvent 201").cloned()).await;
        let seen = unaudited(&connector).await;
        eventually("its outcome is refused", async || (unaudited(&connector).await > seen + 3).then_some(())).await;
        assert_ne!(connector.task("t").await["state"], "SETTLED");
        allow(store, &world).await;
        connector.settled("t", 1).await;
        let created = world.simulator.counts().await["createEvent 201"].clone();
        assert_eq!(created, 1);
        world.finish(connector).await;
    }
}
