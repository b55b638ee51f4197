//! `kill -9` in the middle of an import: what stands is all of it or nothing, and another process brings it to its end.

use serde_json::{Value, json};

use crate::{
    scene::{CREW, FEARLESS, OTHERS, audited, count_rows, ended, imported, person, standing},
    support::{Connector, Store, World, eventually},
};

/// So that what a dead process held is taken over soon.
const SOON: [(&str, &str); 2] = [("delivery.call_timeout", "1s"), ("delivery.lease", "2s")];
/// People who go in each round.
const GO: u32 = 5;

fn settings() -> Vec<(&'static str, &'static str)> {
    FEARLESS.into_iter().chain(SOON).collect()
}

/// One kind of import, and how far it has come.
struct Kind {
    mutation: &'static str,
    /// Rows that it takes away or changes.
    rows: &'static str,
    /// By how much a whole one changes their number.
    by: i64,
}

const PEOPLE: Kind = Kind {
    mutation: "importUsers(input: { mode: FULL })",
    rows: "SELECT COUNT(*) FROM directory_user WHERE status = 'disabled'",
    by: 5,
};
const GROUPS: Kind = Kind {
    mutation: "importGroups(input: { mode: FULL })",
    rows: "SELECT COUNT(*) FROM directory_member WHERE kind = 'user' AND group_id = '11111111-0000-4000-9000-000000000001'",
    by: -5,
};

/// The people of a round; each loses their only role by the import.
fn people(round: u32) -> Vec<String> {
    (OTHERS + 1 - (round + 1) * GO..=OTHERS - round * GO).map(person).collect()
}

async fn they_go(world: &World, kind: &Kind, round: u32) {
    let people = people(round);
    let changes: Value = if kind.by > 0 {
        people.iter().map(|who| json!({ "deleteUser": { "user": who } })).collect()
    } else {
        json!([{ "removeMembers": { "group": CREW, "members": people } }])
    };
    world.simulator.change_directory(&changes).await;
}

async fn newest(connector: &Connector) -> Value {
    connector.data("{ operations(first: 1) { nodes { id } } }", Value::Null).await["operations"]["nodes"][0]["id"].take()
}

async fn dies_and_is_taken_over(store: Store, kind: &Kind, points: &[&str]) {
    let (world, connector) = imported(store, &settings()).await;
    let mut connector = Some(connector);
    for (round, point) in (0..).zip(points) {
        let first = connector.take().unwrap();
        let (disabled, holders) = standing(&first).await;
        let (changed, rows) = (audited(&first, "access.changed").await, count_rows(&world, store, kind.rows).await);
        first.stop().await;
        they_go(&world, kind, round).await;
        // The second page staged, where there are several: something is read, and not all.
        let times = if *point == "import.page-staged" { 2 } else { 1 };
        let doomed = [settings(), vec![("ARGUS_CRASH_AT", "")]].concat();
        let at = format!("{point}:{times}");
        let doomed: Vec<_> =
            doomed.iter().map(|(key, value)| (*key, if value.is_empty() { at.as_str() } else { value })).collect();
        world.connector(&doomed).await.dies_of(&format!("mutation {{ {} {{ id }} }}", kind.mutation)).await;
        let left = count_rows(&world, store, kind.rows).await;
        let applied = *point == "import.applied";
        assert_eq!(left, if applied { rows + kind.by } else { rows }, "{point}: all of it or nothing");

        let second = world.connector(&settings()).await;
        let operation = ended(&second, &newest(&second).await).await;
        assert_eq!(operation["state"], "SUCCEEDED", "{point}: {operation}");
        assert_eq!(count_rows(&world, store, kind.rows).await, rows + kind.by, "{point}");
        let gone = u64::from(GO);
        let expected = (if kind.by > 0 { disabled + gone } else { disabled }, holders - gone);
        assert_eq!(standing(&second).await, expected, "{point}: {operation}");
        assert_eq!(audited(&second, "access.changed").await, changed + gone, "{point}: each change once");
        connector = Some(second);
    }
    let imports = 2 + points.len();
    let told = async || (world.published("argus.acme.m365.directory.imported").await.len() == imports).then_some(());
    eventually("every import is told, each once", told).await;
    let staged =
        "SELECT (SELECT COUNT(*) FROM staged_user) + (SELECT COUNT(*) FROM staged_group) + (SELECT COUNT(*) FROM staged_member)";
    let tidy = async || (count_rows(&world, store, staged).await <= i64::from(OTHERS) * 3).then_some(());
    eventually("what dead processes staged does not pile up", tidy).await;
    world.finish(connector.take().unwrap()).await;
}

/// On Postgres the points between which commits lie: before the first page, amid the pages, amid the last transaction.
const ON_POSTGRES: [&str; 2] = ["import.page-staged", "import.half-applied"];

async fn on_every_store(kind: &Kind) {
    for store in Store::available() {
        let points = if store == Store::Sqlite { argus_m365::crash::IMPORT_POINTS } else { &ON_POSTGRES };
        dies_and_is_taken_over(store, kind, points).await;
    }
}

#[tokio::test]
async fn killed_anywhere_an_import_of_people_is_whole_or_not_there() {
    on_every_store(&PEOPLE).await;
}

#[tokio::test]
async fn killed_anywhere_an_import_of_groups_is_whole_or_not_there() {
    on_every_store(&GROUPS).await;
}
