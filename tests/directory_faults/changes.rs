//! Deltas beside full reads: whatever Microsoft tells twice, again, late or in parts, a delta makes of the directory what a full read
//! makes of it.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    scene::{
        CREW, EVERYBODY, FEARLESS, INNER, OTHERS, PAGE, audited, change_rows, decide, group, import, import_ok, imported, person,
        reason, standing,
    },
    support::{Connector, Store, World},
};

const SEED: u64 = 20_261_129;
const ROUNDS: u64 = 6;
/// Changes of a round.
const CHANGES: u32 = 25;

/// What administrators may do, one thing after another, on few objects: so that the same one is changed again and again.
fn change(dice: &mut StdRng, gone: &mut [bool]) -> Value {
    let number = dice.random_range(1..=12_u32);
    let (who, which) = (person(number), if dice.random_bool(0.5) { CREW.to_owned() } else { INNER.to_owned() });
    let place = number as usize;
    match dice.random_range(0..7) {
        0 if !gone[place] => {
            gone[place] = true;
            json!({ "deleteUser": { "user": who } })
        }
        0 | 1 if gone[place] => {
            gone[place] = false;
            json!({ "restoreUser": { "user": who } })
        }
        2 => json!({ "setUser": { "user": who, "properties": { "accountEnabled": dice.random_bool(0.5) } } }),
        3 => {
            json!({ "setUser": { "user": who, "properties": { "department": format!("Department {}", dice.random_range(1..4)) } } })
        }
        4 => json!({ "removeMembers": { "group": which, "members": [who] } }),
        5 => json!({ "addMembers": { "group": which, "members": [who] } }),
        _ => json!({ "setGroup": { "group": group(number), "properties": { "displayName": format!("Group {number}x") } } }),
    }
}

/// A full read that finds nothing to do.
async fn agrees_with_a_full_read(connector: &Connector, what: &str) {
    for mutation in ["importUsers(input: { mode: FULL, dryRun: true })", "importGroups(input: { mode: FULL, dryRun: true })"] {
        let whole = import_ok(connector, mutation).await;
        assert_eq!(whole["changes"]["totalCount"], 0, "{what}: {mutation}: {whole}");
    }
}

/// The same while people are deleted: a list of members leaves them out, a delta of groups does not tell of them. They have no roles
/// either way.
async fn agrees_but_for_who_is_gone(connector: &Connector, what: &str) {
    let people = import_ok(connector, "importUsers(input: { mode: FULL, dryRun: true })").await;
    assert_eq!(people["changes"]["totalCount"], 0, "{what}: {people}");
    let groups = import_ok(connector, "importGroups(input: { mode: FULL, dryRun: true })").await;
    let changed = ["created", "disabled", "reenabled", "membershipsAdded", "losingRoles"].map(|name| &groups["counts"][name]);
    assert_eq!(changed, [&json!(0); 5], "{what}: {groups}");
    let access = groups["changes"]["nodes"].as_array().unwrap().iter().any(|change| change["action"] == "access");
    assert!(!access, "{what}: {groups}");
}

/// Pages of lists of people read so far: none is read by a delta.
async fn lists_read(world: &World) -> u64 {
    let counts = world.simulator.counts().await;
    let lists = counts.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("users "));
    lists.filter_map(|(_, count)| count.as_u64()).sum()
}

#[tokio::test]
async fn a_delta_told_twice_in_parts_and_again_is_what_a_full_read_is() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        let directory = json!({ "listPage": PAGE, "deltaPage": 3, "deltaMembers": 2, "deltaReplays": 20, "deltaRepeats": true });
        world.simulator.change(&json!({ "settings": { "directory": directory } })).await;
        let mut dice = StdRng::seed_from_u64(SEED);
        let mut gone = [false; 13];
        for round in 0..ROUNDS {
            let changes: Vec<_> = (0..CHANGES).map(|_| change(&mut dice, &mut gone)).collect();
            world.simulator.change_directory(&changes.into()).await;
            let before = lists_read(&world).await;
            import_ok(&connector, "importUsers").await;
            import_ok(&connector, "importGroups").await;
            assert_eq!(lists_read(&world).await, before, "round {round}: by delta, not by list");
            agrees_but_for_who_is_gone(&connector, &format!("seed {SEED}, round {round}")).await;
        }
        let back: Vec<_> = (1..).zip(&gone[1..]).filter(|(_, gone)| **gone).collect();
        let back: Vec<_> = back.into_iter().map(|(number, _)| json!({ "restoreUser": { "user": person(number) } })).collect();
        world.simulator.change_directory(&back.into()).await;
        import_ok(&connector, "importUsers").await;
        import_ok(&connector, "importGroups").await;
        agrees_with_a_full_read(&connector, &format!("seed {SEED}, everybody back")).await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn who_is_removed_for_good_or_for_now_is_absent_and_back_when_restored() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        let gone = json!([
            { "deleteUser": { "user": person(1) } },
            { "deleteUser": { "user": person(2), "permanent": true } },
            // Gone and back before anybody looked.
            { "deleteUser": { "user": person(3) } },
            { "restoreUser": { "user": person(3) } },
            { "deleteGroup": { "group": group(1) } },
            { "restoreGroup": { "group": group(1) } },
        ]);
        world.simulator.change_directory(&gone).await;
        let first = import_ok(&connector, "importUsers").await;
        assert_eq!(first["counts"]["disabled"], 2, "{first}");
        let absent = json!([{ "status": "DISABLED", "disabledReason": "ABSENT" }]);
        for number in [1, 2] {
            assert_eq!(reason(&connector, &format!("person-{number}@")).await, absent, "{number}");
        }
        let groups = import_ok(&connector, "importGroups").await;
        assert_eq!(groups["counts"]["disabled"], 0, "{groups}");
        assert_eq!(standing(&connector).await, (2, EVERYBODY - 2));
        world.simulator.change_directory(&json!([{ "restoreUser": { "user": person(1) } }])).await;
        assert_eq!(import_ok(&connector, "importUsers").await["counts"]["reenabled"], 1);
        import_ok(&connector, "importGroups").await;
        assert_eq!(standing(&connector).await, (1, EVERYBODY - 1), "the role is back with the person");
        agrees_but_for_who_is_gone(&connector, "after all").await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_department_is_told_from_the_changes_of_all() {
    for store in Store::available() {
        let world = World::start(store).await;
        world.simulator.change_directory(&json!([{ "generate": { "users": 20, "departments": 2 } }])).await;
        let connector = world.connector(&FEARLESS).await;
        connector.register().await;
        // Even numbers are of the first department.
        let department = "importUsers(input: { department: \"Department 1\" })";
        assert_eq!(import_ok(&connector, department).await["counts"]["created"], 10);
        let into =
            |number: u32, name: &str| json!({ "setUser": { "user": person(number), "properties": { "department": name } } });
        let changes = json!([
            into(1, "Department 1"),
            into(2, "Department 2"),
            into(3, "Department 3"),
            { "deleteUser": { "user": person(4) } },
            { "deleteUser": { "user": person(5) } },
        ]);
        world.simulator.change_directory(&changes).await;
        let before = lists_read(&world).await;
        let delta = import_ok(&connector, department).await;
        assert_eq!(lists_read(&world).await, before, "by delta: {delta}");
        assert_eq!((&delta["counts"]["created"], &delta["counts"]["disabled"]), (&json!(1), &json!(2)), "{delta}");
        assert_eq!(delta["changes"]["totalCount"], 3, "nobody else's people: {delta}");
        assert_eq!(reason(&connector, "person-2@").await, json!([{ "status": "DISABLED", "disabledReason": "OUT_OF_SCOPE" }]));
        assert_eq!(reason(&connector, "person-4@").await, json!([{ "status": "DISABLED", "disabledReason": "ABSENT" }]));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn the_second_import_is_a_delta_and_a_link_older_than_seven_days_is_not_used() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        let before = lists_read(&world).await;
        import_ok(&connector, "importUsers").await;
        assert_eq!(lists_read(&world).await, before, "what was imported once is imported by what changed");
        // A week passes. What is absent from the full read is told apart by asking, and nothing waits: no link was refused.
        // Microseconds, as the store keeps instants.
        assert!(change_rows(&world, store, "UPDATE directory_scope SET delta_at = delta_at - 604800000000").await > 0);
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(1) } }])).await;
        let whole = import_ok(&connector, "importUsers").await;
        assert!(lists_read(&world).await > before, "everything is read");
        assert_eq!(whole["counts"]["disabled"], 1, "{whole}");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn after_a_refused_link_absences_wait_for_people_and_for_groups() {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        let changes = json!([
            { "deleteUser": { "user": person(1) } },
            { "removeMembers": { "group": CREW, "members": [person(OTHERS)] } },
            "expireDeltaLinks",
        ]);
        world.simulator.change_directory(&changes).await;
        for (mutation, losing) in [("importUsers", 1), ("importGroups", 1)] {
            let waiting = import(&connector, mutation).await;
            assert_eq!(
                (&waiting["state"], &waiting["counts"]["losingRoles"]),
                (&json!("AWAITING_APPROVAL"), &json!(losing)),
                "{waiting}"
            );
            assert_eq!(waiting["error"]["code"], "APPROVAL_REQUIRED", "{waiting}");
            let message = waiting["error"]["message"].as_str().unwrap();
            assert!(message.contains("refused the delta link"), "{message}");
            let (disabled, holders) = standing(&connector).await;
            let done = decide(&connector, "approveImport", &waiting).await;
            assert_eq!((&done["state"], &done["error"]), (&json!("SUCCEEDED"), &Value::Null), "{done}");
            let after = standing(&connector).await;
            assert_eq!(after, (disabled + u64::from(mutation == "importUsers"), holders - 1), "{mutation}");
        }
        // Approved, the link is trusted again: the next import is a delta, and does by itself what it may.
        let before = lists_read(&world).await;
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(2) } }])).await;
        assert_eq!(import_ok(&connector, "importUsers").await["counts"]["disabled"], 1);
        assert_eq!(lists_read(&world).await, before);
        assert_eq!(audited(&connector, "directory.import.awaiting-approval").await, 2);
        world.finish(connector).await;
    }
}
