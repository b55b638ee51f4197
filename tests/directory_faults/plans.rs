//! What was approved is applied exactly, or not at all; what waits says why; what is too much ends the read.

use serde_json::{Value, json};

use crate::{
    scene::{CREW, EVERYBODY, FEARLESS, INNER, audited, decide, group, import, import_ok, imported, map, person, standing},
    support::Store,
};

/// More than may be disabled unasked, of 47.
const MANY: u32 = 10;

fn all_gone() -> Value {
    (1..=MANY).map(|number| json!({ "deleteUser": { "user": person(number) } })).collect::<Vec<_>>().into()
}

/// The changes of somebody's roles that an import's list holds.
fn listed(operation: &Value) -> Vec<&Value> {
    let changes = operation["changes"]["nodes"].as_array().unwrap();
    changes.iter().filter(|change| change["action"] == "access").collect()
}

#[tokio::test]
async fn a_role_that_the_list_does_not_name_is_not_taken() {
    for store in Store::available() {
        let (world, connector) = imported(store, &[]).await;
        world.simulator.change_directory(&all_gone()).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!((&waiting["state"], listed(&waiting).len()), (&json!("AWAITING_APPROVAL"), MANY as usize), "{waiting}");
        assert!(listed(&waiting).iter().all(|change| change["before"]["roles"] == json!(["lead"])), "{waiting}");
        // The same people get another role meanwhile: approved now, they would lose that as well.
        map(&connector, INNER, "clerk").await;
        let late = decide(&connector, "approveImport", &waiting).await;
        assert_eq!((&late["state"], &late["error"]["code"]), (&json!("FAILED"), &json!("CONFLICT")), "{late}");
        assert_eq!(standing(&connector).await, (0, EVERYBODY));
        // Imported again, the list names both roles; approved, it is done, each person told and audited once.
        let before = audited(&connector, "access.changed").await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert!(listed(&waiting).iter().all(|change| change["before"]["roles"] == json!(["clerk", "lead"])), "{waiting}");
        assert_eq!(decide(&connector, "approveImport", &waiting).await["state"], "SUCCEEDED");
        assert_eq!(standing(&connector).await, (u64::from(MANY), EVERYBODY - u64::from(MANY)));
        assert_eq!(audited(&connector, "access.changed").await, before + u64::from(MANY));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_plan_of_groups_waits_when_it_takes_a_role_from_many_and_says_so() {
    for store in Store::available() {
        let (world, connector) = imported(store, &[]).await;
        let out: Vec<_> = (21..=20 + MANY).map(person).collect();
        world.simulator.change_directory(&json!([{ "removeMembers": { "group": CREW, "members": out } }])).await;
        let dry = import_ok(&connector, "importGroups(input: { dryRun: true })").await;
        assert_eq!((&dry["counts"]["losingRoles"], listed(&dry).len()), (&json!(MANY), MANY as usize), "{dry}");
        let waiting = import(&connector, "importGroups").await;
        let why = "would take a role from 10 people; 5 are allowed unasked";
        assert_eq!(waiting["error"], json!({ "code": "APPROVAL_REQUIRED", "message": why }), "{waiting}");
        assert_eq!(standing(&connector).await, (0, EVERYBODY));
        // The role is taken from the group by hand, and with it from everybody: nobody has it to lose.
        let unmap = "mutation($g: String!) { unmapGroupFromRole(groupId: $g, role: \"lead\") }";
        connector.data(unmap, json!({ "g": CREW })).await;
        let late = decide(&connector, "approveImport", &waiting).await;
        assert_eq!(late["error"]["code"], "CONFLICT", "{late}");
        // Nothing is lost now, so the next one passes unasked; by the same delta, for the failed one has not moved its link.
        let next = import_ok(&connector, "importGroups").await;
        assert_eq!((&next["counts"]["membershipsRemoved"], &next["counts"]["losingRoles"]), (&json!(MANY), &json!(0)), "{next}");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_person_who_changed_since_is_a_conflict_and_one_whom_it_does_not_concern_is_none() {
    for store in Store::available() {
        let (world, connector) = imported(store, &[]).await;
        world.simulator.change_directory(&all_gone()).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        let why = "would disable 10 of 47 active people; 5 are allowed unasked";
        assert_eq!(waiting["error"]["message"], why, "{waiting}");
        // Somebody else moves, and is imported by department: no business of the plan.
        let rename = json!([{ "setUser": { "user": person(40), "properties": { "displayName": "Renamed" } } }]);
        world.simulator.change_directory(&rename).await;
        let other = "importUsers(input: { department: \"Department 1\", mode: FULL })";
        assert_eq!(import_ok(&connector, other).await["counts"]["updated"], 1);
        assert_eq!(decide(&connector, "approveImport", &waiting).await["state"], "SUCCEEDED");
        // Back again; a new plan, and one of its people comes back before it is approved.
        let back: Vec<_> = (1..=MANY).map(|number| json!({ "restoreUser": { "user": person(number) } })).collect();
        world.simulator.change_directory(&back.into()).await;
        import_ok(&connector, "importUsers").await;
        world.simulator.change_directory(&all_gone()).await;
        let waiting = import(&connector, "importUsers").await;
        let renamed = json!([
            { "restoreUser": { "user": person(2) } },
            { "setUser": { "user": person(2), "properties": { "displayName": "Back" } } },
        ]);
        world.simulator.change_directory(&renamed).await;
        import_ok(&connector, other).await;
        assert_eq!(decide(&connector, "approveImport", &waiting).await["error"]["code"], "CONFLICT");
        assert_eq!(standing(&connector).await.0, 0);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn groups_that_nest_too_deep_end_the_import_and_are_not_cut_off() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        // Each is in the one before it: a chain of more than a hundred.
        world.simulator.change_directory(&json!([{ "generate": { "groups": 105, "nestUnder": 1, "first": 1_000 } }])).await;
        let deep = import(&connector, &format!("importGroups(input: {{ groupIds: [\"{}\"] }})", group(1_000))).await;
        assert_eq!((&deep["state"], &deep["error"]["code"]), (&json!("FAILED"), &json!("LIMIT_EXCEEDED")), "{deep}");
        let groups =
            connector.data("{ directoryGroups(search: \"Group 1\", first: 200) { nodes { objectId } } }", Value::Null).await;
        let deep = groups["directoryGroups"]["nodes"].as_array().unwrap().iter().any(|node| node["objectId"] == group(1_000));
        assert!(!deep, "nothing of it is kept: {groups}");
        world.finish(connector).await;
    }
}
