//! Imports on a timer: of what was imported before, one at a time, by one replica, and none beside a plan that waits.

use serde_json::{Value, json};

use crate::{
    scene::{change_rows, count_rows, decide, ended, imported, person, standing},
    support::{Connector, Store, World, eventually},
};

/// The shortest that can be set. Nobody waits for it here: the turn is set back in the store.
const EVERY: (&str, &str) = ("directory.schedule", "1m");

/// Operations that nobody asked for, oldest first.
async fn by_itself(connector: &Connector) -> Vec<Value> {
    let query = "{ operations(first: 100) { nodes { id kind state requestedBy } } }";
    let mut all = connector.data(query, Value::Null).await["operations"]["nodes"].take();
    let mut own: Vec<_> =
        all.as_array_mut().unwrap().drain(..).filter(|operation| operation["requestedBy"] == "system").collect();
    own.reverse();
    own
}

async fn has_planned(world: &World, store: Store) {
    let planned = "SELECT COUNT(*) FROM directory_scope WHERE next_import_at > 1000";
    eventually("both scopes have their next turn", async || (count_rows(world, store, planned).await == 2).then_some(())).await;
}

/// The turn of every scope has come.
async fn let_it_be_time(world: &World, store: Store) {
    assert_eq!(change_rows(world, store, "UPDATE directory_scope SET next_import_at = 1").await, 2);
}

async fn has_run(connector: &Connector, kind: &str, times: usize) -> Value {
    let what = format!("{kind} is imported by itself");
    let id = eventually(&what, async || {
        let own: Vec<_> = by_itself(connector).await.into_iter().filter(|operation| operation["kind"] == kind).collect();
        (own.len() == times).then(|| own[times - 1]["id"].clone())
    })
    .await;
    ended(connector, &id).await
}

#[tokio::test]
async fn what_was_imported_is_imported_again_in_its_turn_once_by_all_replicas_and_not_beside_a_plan_that_waits() {
    for store in Store::available() {
        let (world, connector) = imported(store, &[EVERY]).await;
        // SQLite is one process's.
        let replica = if store == Store::Postgres { Some(world.connector(&[EVERY]).await) } else { None };
        has_planned(&world, store).await;
        assert_eq!(by_itself(&connector).await, [json!(null); 0], "the first turn is only planned");
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(1) } }])).await;
        let_it_be_time(&world, store).await;
        assert_eq!(has_run(&connector, "IMPORT_USERS", 1).await["state"], "SUCCEEDED");
        assert_eq!(has_run(&connector, "IMPORT_GROUPS", 1).await["state"], "SUCCEEDED");
        assert_eq!(standing(&connector).await.0, 1);
        has_planned(&world, store).await;
        // More than may go unasked: the plan waits, and its scope has no further turn until somebody has decided.
        let off = json!({ "accountEnabled": false });
        let off: Vec<_> = (2..=20).map(|number| json!({ "setUser": { "user": person(number), "properties": off } })).collect();
        world.simulator.change_directory(&off.into()).await;
        let_it_be_time(&world, store).await;
        let waiting = has_run(&connector, "IMPORT_USERS", 2).await;
        assert_eq!(waiting["state"], "AWAITING_APPROVAL", "{waiting}");
        assert_eq!(has_run(&connector, "IMPORT_GROUPS", 2).await["state"], "SUCCEEDED");
        has_planned(&world, store).await;
        let_it_be_time(&world, store).await;
        assert_eq!(has_run(&connector, "IMPORT_GROUPS", 3).await["state"], "SUCCEEDED");
        let own = by_itself(&connector).await;
        assert_eq!(own.iter().filter(|operation| operation["kind"] == "IMPORT_USERS").count(), 2, "{own:?}");
        decide(&connector, "rejectImport", &waiting).await;
        let again = has_run(&connector, "IMPORT_USERS", 3).await;
        assert_eq!(again["state"], "AWAITING_APPROVAL", "rejected, but still so: {again}");
        assert_eq!(standing(&connector).await.0, 1);
        if let Some(replica) = replica {
            replica.stop().await;
        }
        world.finish(connector).await;
    }
}
