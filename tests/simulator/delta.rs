//! Delta queries: a first round, then what changed; replays, repeats, removals, and links that are too old.

use std::collections::BTreeMap;

use argus_m365::simulator::{DirectoryChange, DirectorySettings, Generate, GroupSpec, TenantSpec};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Lab, NIAMH, OISIN, encoded, read};

const CREW: &str = "11111111-0000-4000-9000-000000000001";
const NIAMH_ID: &str = "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01";
const OISIN_ID: &str = "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a02";
const USERS: &str = "/users/delta?$select=id,displayName,department";
const GROUPS: &str = "/groups/delta?$select=id,displayName,members";

async fn lab(change: impl FnOnce(&mut DirectorySettings)) -> Lab {
    Lab::with(|spec| {
        change(&mut spec.settings.directory);
        spec.groups.push(GroupSpec { members: vec![NIAMH.to_owned()], ..GroupSpec::security(CREW, "Crew") });
    })
    .await
}

fn set(user: &str, name: &str, value: Value) -> DirectoryChange {
    DirectoryChange::SetUser { user: user.to_owned(), properties: Map::from_iter([(name.to_owned(), value)]) }
}

fn change(lab: &Lab, changes: Vec<DirectoryChange>) {
    assert!(lab.simulator.change_directory(TenantSpec::DEMO_ID, changes));
}

async fn at(lab: &Lab, link: &str) -> Answer {
    read(lab.http.get(link).bearer_auth(&lab.token)).await.expect("an answer")
}

/// Follows a round to its delta link: its entries, and the link.
async fn round(lab: &Lab, start: &str) -> (Vec<Value>, String) {
    let root = format!("{}/v1.0", lab.simulator.url());
    let (mut link, mut entries) = (if start.starts_with('/') { format!("{root}{start}") } else { start.to_owned() }, Vec::new());
    loop {
        let page = at(lab, &link).await;
        assert_eq!(page.status, 200, "{:?}", page.body);
        entries.extend(page.body["value"].as_array().expect("a list").iter().cloned());
        if let Some(end) = page.body["@odata.deltaLink"].as_str() {
            return (entries, end.to_owned());
        }
        page.body["@odata.nextLink"].as_str().expect("a link").clone_into(&mut link);
    }
}

#[tokio::test]
async fn the_first_round_tells_everybody_and_the_next_one_what_changed() {
    let lab = lab(|settings| settings.delta_page = 3).await;
    change(&lab, vec![DirectoryChange::Generate(Generate { users: 10, ..Generate::default() })]);
    let (all, link) = round(&lab, USERS).await;
    assert_eq!(all.len(), 12);
    let (nothing, link) = round(&lab, &link).await;
    assert_eq!(nothing, [Value::Null; 0]);
    change(
        &lab,
        vec![
            set(NIAMH, "department", json!("Finance")),
            set(NIAMH, "jobTitle", json!("not asked for")),
            set(OISIN, "jobTitle", json!("not asked for")),
            DirectoryChange::DeleteUser { user: Generate::user_id(1), permanent: false },
            DirectoryChange::DeleteUser { user: Generate::user_id(2), permanent: true },
        ],
    );
    let (told, link) = round(&lab, &link).await;
    assert_eq!(
        told,
        [
            json!({"id": NIAMH_ID, "displayName": "Niamh B.", "department": "Finance"}),
            json!({"id": Generate::user_id(1), "@removed": {"reason": "changed"}}),
            json!({"id": Generate::user_id(2), "@removed": {"reason": "deleted"}}),
        ]
    );
    change(&lab, vec![DirectoryChange::RestoreUser { user: Generate::user_id(1) }]);
    let (told, _) = round(&lab, &link).await;
    assert_eq!(told.len(), 1, "restored, it comes as new");
    assert_eq!(told[0]["displayName"], "Person 1");
}

#[tokio::test]
async fn a_change_during_the_first_round_is_told_in_the_next() {
    let lab = lab(|settings| settings.delta_page = 1).await;
    let first = lab.get(USERS).await;
    change(&lab, vec![set(NIAMH, "department", json!("Finance"))]);
    let (_, link) = round(&lab, first.body["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(round(&lab, &link).await.0.len(), 1);
}

#[tokio::test]
async fn a_minimal_answer_holds_what_changed_alone() {
    let lab = lab(|_| {}).await;
    let (_, link) = round(&lab, USERS).await;
    change(&lab, vec![set(NIAMH, "department", json!(null))]);
    let request = lab.http.get(link).bearer_auth(&lab.token).header("Prefer", "return=minimal");
    assert_eq!(read(request).await.unwrap().body["value"], json!([{"id": NIAMH_ID, "department": null}]));
}

#[tokio::test]
async fn members_are_told_in_parts_and_their_changes_with_removals() {
    let lab = lab(|settings| (settings.delta_members, settings.delta_page) = (2, 2)).await;
    change(&lab, vec![DirectoryChange::Generate(Generate { users: 7, groups: 1, memberships: 7, ..Generate::default() })]);
    let (all, link) = round(&lab, GROUPS).await;
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &all {
        let part = entry["members@delta"].as_array().map_or(0, Vec::len);
        assert!(part <= 2);
        *members.entry(entry["id"].as_str().unwrap()).or_default() += part;
    }
    assert_eq!(members, BTreeMap::from([(CREW, 1), (Generate::group_id(1).as_str(), 7)]));
    let crew = || CREW.to_owned();
    change(
        &lab,
        vec![
            DirectoryChange::AddMembers { group: crew(), members: vec![OISIN.to_owned(), Generate::group_id(1)] },
            DirectoryChange::RemoveMembers { group: crew(), members: vec![NIAMH.to_owned()] },
        ],
    );
    let (told, _) = round(&lab, &link).await;
    let parts: Vec<_> = told.iter().flat_map(|entry| entry["members@delta"].as_array().unwrap().clone()).collect();
    assert_eq!(
        parts,
        [
            json!({"@odata.type": "#microsoft.graph.user", "id": OISIN_ID}),
            json!({"@odata.type": "#microsoft.graph.group", "id": Generate::group_id(1)}),
            json!({"@odata.type": "#microsoft.graph.user", "id": NIAMH_ID, "@removed": {"reason": "deleted"}}),
        ]
    );
    assert_eq!(told.len(), 2, "three members in parts of two");
}

#[tokio::test]
async fn changes_may_come_again_and_objects_several_times() {
    let lab = lab(|settings| (settings.delta_repeats, settings.delta_replays) = (true, 1)).await;
    let (_, link) = round(&lab, USERS).await;
    change(&lab, vec![set(NIAMH, "department", json!("A")), set(NIAMH, "department", json!("B"))]);
    let (told, link) = round(&lab, &link).await;
    assert_eq!(told.iter().filter(|entry| entry["id"] == NIAMH_ID).count(), 2);
    let (again, _) = round(&lab, &link).await;
    assert_eq!(again.len(), 1, "the last change comes once more");
}

#[tokio::test]
async fn a_link_older_than_seven_days_is_gone_and_says_where_to_start_over() {
    let lab = lab(|_| {}).await;
    let (_, link) = round(&lab, USERS).await;
    change(&lab, vec![DirectoryChange::ExpireDeltaLinks]);
    let gone = at(&lab, &link).await;
    assert_eq!((gone.status, gone.code()), (410, "resyncRequired"));
    let location = gone.header("location").unwrap().to_owned();
    assert!(location.ends_with("$deltatoken="));
    assert_eq!(round(&lab, &location).await.0.len(), 2);
    let short = self::lab(|settings| settings.delta_life_s = -1).await;
    let (_, link) = round(&short, USERS).await;
    assert_eq!(at(&short, &link).await.status, 410);
}

#[tokio::test]
async fn the_latest_link_skips_the_first_round() {
    let lab = lab(|_| {}).await;
    let (told, link) = round(&lab, &format!("{USERS}&$deltatoken=latest")).await;
    assert_eq!(told, [Value::Null; 0]);
    change(&lab, vec![set(OISIN, "department", json!("A"))]);
    assert_eq!(round(&lab, &link).await.0.len(), 1);
}

#[tokio::test]
async fn nothing_can_be_added_to_a_link_and_only_ids_can_be_filtered() {
    let lab = lab(|_| {}).await;
    let (_, link) = round(&lab, USERS).await;
    assert_eq!(at(&lab, &format!("{link}&$select=id")).await.status, 400);
    assert_eq!(at(&lab, &link.replace("/users/", "/groups/")).await.status, 400);
    let one = format!("{USERS}&$filter={}", encoded(&format!("id eq '{NIAMH_ID}'")));
    assert_eq!(round(&lab, &one).await.0.len(), 1);
    let department = format!("{USERS}&$filter={}", encoded("department eq 'A'"));
    assert_eq!(lab.get(&department).await.status, 400);
    let request = lab.request(Method::GET, USERS, None).header("Prefer", "deltashowremoved");
    assert_eq!(read(request).await.unwrap().status, 400);
}
