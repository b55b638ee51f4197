//! Another directory behind the same organisation: nobody of the old one is missed in it.

use serde_json::{Value, json};

use crate::{
    scene::{EVERYBODY, FEARLESS, PAGE, audited, decide, ended, import, import_ok, imported, person, standing, start},
    support::{Connector, Store, World, eventually, tenant},
};

const OTHER: &str = "6f3a1c52-9d0e-4b7a-8c35-2e41d09b7f61";
/// Stays and works in both directories' time.
const HER: &str = "0d5b9b0e-6f0a-4f7c-9a47-000000000001";

/// Makes a second tenant with one person and nobody else, and connects the organisation to it.
async fn moves(world: &World, connector: &Connector) {
    let mut other = tenant();
    other["id"] = json!(OTHER);
    other["domain"] = json!("other.example");
    other["users"] = json!([{ "id": HER, "userPrincipalName": "ada@other.example", "displayName": "Ada" }]);
    let made = world.http.post(format!("{}/_sim/tenants", world.simulator.url)).json(&other).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.status());
    let app = &other["apps"][0];
    let input = json!({ "directoryId": OTHER, "applicationId": app["id"], "applicationSecret": app["secrets"][0]["value"] });
    let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { directoryId } }";
    connector.data(query, json!({ "input": input })).await;
    eventually("the connection is active", async || {
        let state = connector.data("{ connection { state directoryId } }", Value::Null).await;
        (state["connection"] == json!({ "state": "ACTIVE", "directoryId": OTHER })).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_is_disabled_by_another_directory_and_its_links_are_its_own() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        moves(&world, &connector).await;
        // Not by the old directory's delta link, which would be refused, and whose absences would wait.
        let first = import_ok(&connector, "importUsers").await;
        let counts = &first["counts"];
        assert_eq!((&counts["seen"], &counts["created"], &counts["disabled"]), (&json!(1), &json!(1), &json!(0)), "{first}");
        let groups = import_ok(&connector, "importGroups").await;
        assert_eq!((&groups["counts"]["disabled"], &groups["counts"]["losingRoles"]), (&json!(0), &json!(0)), "{groups}");
        assert_eq!(standing(&connector).await, (0, EVERYBODY), "the old directory's people are as they were");
        // The new directory is imported as any other: by what changed, and who leaves it is missed.
        let gone = json!({ "changes": [{ "deleteUser": { "user": HER } }] });
        let told = world.http.post(format!("{}/_sim/tenants/{OTHER}/directory", world.simulator.url)).json(&gone).send().await;
        assert!(told.unwrap().status().is_success());
        let second = import_ok(&connector, "importUsers").await;
        assert_eq!((&second["counts"]["seen"], &second["counts"]["disabled"]), (&json!(0), &json!(1)), "{second}");
        assert_eq!(audited(&connector, "directory.user.disabled").await, 1);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_plan_of_the_old_directory_is_not_applied_in_the_new_one() {
    for store in Store::available() {
        let (world, connector) = imported(store, &[]).await;
        let gone: Vec<_> = (1..=PAGE).map(|number| json!({ "deleteUser": { "user": person(number) } })).collect();
        world.simulator.change_directory(&gone.into()).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(waiting["state"], "AWAITING_APPROVAL", "{waiting}");
        moves(&world, &connector).await;
        let late = decide(&connector, "approveImport", &waiting).await;
        assert_eq!((&late["state"], &late["error"]["code"]), (&json!("FAILED"), &json!("CONFLICT")), "{late}");
        assert_eq!(standing(&connector).await, (0, EVERYBODY));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn an_import_that_is_under_way_when_the_directory_is_exchanged_applies_nothing() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        // The old directory's last page takes its time; meanwhile the organisation moves.
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(1) } }])).await;
        let late = json!({ "method": "GET", "path": "/v1.0/users*", "skip": 3, "times": 1, "delayMs": 3_000 });
        world.simulator.fault(late).await;
        let id = start(&connector, "importUsers(input: { mode: FULL })").await;
        eventually("the last page is asked for", async || (world.simulator.struck().await > 0).then_some(())).await;
        moves(&world, &connector).await;
        let import = ended(&connector, &id).await;
        world.simulator.heal().await;
        assert_eq!((&import["state"], &import["error"]["code"]), (&json!("FAILED"), &json!("CONFLICT")), "{import}");
        assert_eq!(standing(&connector).await, (0, EVERYBODY));
        world.finish(connector).await;
    }
}
