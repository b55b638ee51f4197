//! People, groups and memberships, page by page, as an importer meets them.

use argus_m365::simulator::{DirectoryChange, Effect, Fault, Generate, GroupSpec, TenantSpec, UserSpec, UserType};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Lab, NIAMH, OISIN, encoded, read};

const CREW: &str = "11111111-0000-4000-9000-000000000001";
const INNER: &str = "11111111-0000-4000-9000-000000000002";

/// The demo tenant with two departments, a guest, and two groups that contain each other.
async fn lab() -> Lab {
    Lab::with(|spec| {
        for user in &mut spec.users {
            user.department = Some("Field Ops & O'Brien".to_owned());
        }
        spec.users.push(UserSpec {
            user_type: UserType::Guest,
            department: Some("Finance".to_owned()),
            ..UserSpec::licensed("0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a03", "g_x.example#EXT#@acme-water.example", "Guest")
        });
        let members = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let crew = GroupSpec::security(CREW, "Crew");
        spec.groups.push(GroupSpec { members: members(&[NIAMH, INNER, "device:dddddddd-0000-4000-9000-000000000001"]), ..crew });
        spec.groups.push(GroupSpec { members: members(&[OISIN, CREW]), ..GroupSpec::security(INNER, "Inner") });
        let list = GroupSpec::security("11111111-0000-4000-9000-000000000003", "News");
        spec.groups.push(GroupSpec { security_enabled: false, mail_enabled: true, ..list });
    })
    .await
}

async fn eventual(lab: &Lab, path: &str) -> Answer {
    read(lab.request(Method::GET, path, None).header("ConsistencyLevel", "eventual")).await.expect("an answer")
}

/// Follows a list to its end as it is told to; the objects of all pages.
async fn all(lab: &Lab, path: &str) -> Vec<Value> {
    let (mut page, mut found) = (eventual(lab, path).await, Vec::new());
    loop {
        assert_eq!(page.status, 200, "{:?}", page.body);
        found.extend(page.body["value"].as_array().expect("a list").iter().cloned());
        let Some(next) = page.body["@odata.nextLink"].as_str() else { return found };
        let next = lab.http.get(next).bearer_auth(&lab.token).header("ConsistencyLevel", "eventual");
        page = read(next).await.expect("an answer");
    }
}

fn generate(lab: &Lab, generate: Generate) {
    assert!(lab.simulator.change_directory(TenantSpec::DEMO_ID, vec![DirectoryChange::Generate(generate)]));
}

fn ids(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["id"].as_str()).collect()
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_shown() {
    let lab = lab().await;
    let page = lab.get("/users").await;
    let niamh = &page.body["value"][0];
    assert_eq!((niamh["userPrincipalName"].as_str(), niamh["mail"].as_str()), (Some(NIAMH), Some(NIAMH)));
    for name in ["department", "accountEnabled", "userType"] {
        assert!(niamh.get(name).is_none(), "{name} comes only with $select");
    }
    let page = lab.get("/users?$select=id,department,accountEnabled,userType").await;
    assert_eq!(page.body["value"][2]["userType"], "Guest");
    assert_eq!(page.body["value"][0].as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(lab.get("/users?$select=id,signInActivity").await.status, 400);
}

#[tokio::test]
async fn a_department_is_filtered_ignoring_case_and_with_doubled_quotes() {
    let lab = lab().await;
    let found = all(&lab, &format!("/users?$select=id&$filter={}", encoded("department eq 'field ops & o''brien'"))).await;
    assert_eq!(found.len(), 2);
    let filter = encoded("accountEnabled eq true and (userType eq 'Guest' or department in ('Nobody','Finance'))");
    assert_eq!(all(&lab, &format!("/users?$select=id&$filter={filter}")).await.len(), 1);
    let plain = lab.get(&format!("/users?$filter={}", encoded("department eq 'O'Brien'"))).await;
    assert_eq!(plain.status, 400);
}

#[tokio::test]
async fn an_advanced_query_needs_its_header_and_a_count() {
    let lab = lab().await;
    let path = format!("/users?$count=true&$filter={}", encoded("department ne 'Finance'"));
    assert_eq!(lab.get(&path).await.code(), "Request_UnsupportedQuery");
    let counted = eventual(&lab, &path).await;
    assert_eq!((counted.status, &counted.body["@odata.count"]), (200, &json!(2)));
    assert_eq!(eventual(&lab, &path.replace("$count=true&", "")).await.status, 400);
    assert_eq!(lab.get(&format!("/groups/{CREW}/members/microsoft.graph.user")).await.status, 400);
}

#[tokio::test]
async fn options_that_are_not_described_are_refused() {
    let lab = lab().await;
    for query in ["$top=1000", "$top=0", "$skip=10", "$orderby=displayName", "$search=x", "$top=5&$top=6", "top=5"] {
        assert_eq!(lab.get(&format!("/users?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(lab.get("/users/delta?$top=5").await.status, 400);
    assert!(lab.simulator.requests().iter().skip(1).all(|record| record.refused));
}

#[tokio::test]
async fn pages_hold_everybody_once_while_others_come_and_go() {
    let lab = lab().await;
    generate(&lab, Generate { users: 2500, groups: 3, memberships: 600, ..Generate::default() });
    let first = lab.get("/users?$select=id&$top=999").await;
    assert_eq!(first.body["value"].as_array().map(Vec::len), Some(999));
    let gone = DirectoryChange::DeleteUser { user: Generate::user_id(5), permanent: false };
    assert!(lab.simulator.change_directory(TenantSpec::DEMO_ID, vec![gone]));
    let mut rest: Vec<Value> = first.body["value"].as_array().unwrap().clone();
    let next = first.body["@odata.nextLink"].as_str().unwrap().split_once("/v1.0").unwrap().1.to_owned();
    rest.extend(all(&lab, &next).await);
    let mut seen = ids(&rest);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((rest.len(), seen.len()), (2503, 2503), "the one who left was on the first page");
    assert_eq!(all(&lab, "/users?$select=id").await.len(), 2502);
    assert_eq!(lab.get("/users").await.body["value"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn a_link_that_was_rebuilt_is_refused() {
    let lab = lab().await;
    generate(&lab, Generate { users: 200, ..Generate::default() });
    let page = lab.get("/users?$select=id&$top=100").await;
    let next = page.body["@odata.nextLink"].as_str().unwrap().split_once("/v1.0").unwrap().1.to_owned();
    assert_eq!(lab.get(&next).await.status, 200);
    assert_eq!(lab.get(&next.replace("$select=id", "$select=id,mail")).await.code(), "Directory_ExpiredPageToken");
    assert_eq!(lab.get(&next.replace("/users", "/groups")).await.status, 400);
}

#[tokio::test]
async fn security_groups_are_told_apart_from_lists() {
    let lab = lab().await;
    let filter = encoded("securityEnabled eq true and mailEnabled eq false");
    let found = all(&lab, &format!("/groups?$select=id,displayName&$filter={filter}")).await;
    assert_eq!(ids(&found), [CREW, INNER]);
    assert_eq!(lab.get(&format!("/groups/{CREW}?$select=displayName")).await.body["displayName"], "Crew");
    assert_eq!(lab.get("/groups/Crew").await.code(), "Request_ResourceNotFound");
}

#[tokio::test]
async fn direct_and_transitive_members_differ_and_circles_end() {
    let lab = lab().await;
    let direct = all(&lab, &format!("/groups/{CREW}/members?$select=id")).await;
    let types: Vec<_> = direct.iter().map(|member| member["@odata.type"].as_str().unwrap()).collect();
    assert_eq!(types, ["#microsoft.graph.user", "#microsoft.graph.group", "#microsoft.graph.device"]);
    let below = all(&lab, &format!("/groups/{CREW}/transitiveMembers?$select=id")).await;
    assert_eq!(below.len(), 5, "two people, both groups of the circle, the device");
    let people = all(&lab, &format!("/groups/{CREW}/transitiveMembers/microsoft.graph.user?$select=id&$count=true")).await;
    assert_eq!(people.len(), 2);
    assert_eq!(all(&lab, &format!("/groups/{CREW}/members/microsoft.graph.user?$select=id&$count=true&$top=999")).await.len(), 1);
}

#[tokio::test]
async fn without_the_role_there_is_a_403_and_members_are_bare() {
    let lab = Lab::with(|spec| {
        spec.apps[0].roles = vec!["GroupMember.Read.All".to_owned()];
        spec.groups.push(GroupSpec { members: vec![NIAMH.to_owned()], ..GroupSpec::security(CREW, "Crew") });
    })
    .await;
    for path in ["/users", "/users/delta", &format!("/users/{NIAMH}")] {
        let refused = lab.get(path).await;
        assert_eq!((refused.status, refused.code()), (403, "Authorization_RequestDenied"), "{path}");
    }
    let members = lab.get(&format!("/groups/{CREW}/members?$select=id,userPrincipalName")).await;
    let member = &members.body["value"][0];
    assert!(member["id"].is_string() && member["userPrincipalName"].is_null());
}

#[tokio::test]
async fn someone_deleted_leaves_every_list_and_comes_back_with_the_same_memberships() {
    let lab = lab().await;
    let change = |change| assert!(lab.simulator.change_directory(TenantSpec::DEMO_ID, vec![change]));
    change(DirectoryChange::DeleteUser { user: NIAMH.to_owned(), permanent: false });
    assert_eq!(lab.get(&format!("/users/{NIAMH}")).await.status, 404);
    assert_eq!(all(&lab, "/users?$select=id").await.len(), 2);
    assert_eq!(all(&lab, &format!("/groups/{CREW}/members?$select=id")).await.len(), 2);
    assert_eq!(lab.get(&format!("/users/{NIAMH}/events")).await.code(), "ErrorInvalidUser");
    change(DirectoryChange::RestoreUser { user: "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01".to_owned() });
    assert_eq!(all(&lab, &format!("/groups/{CREW}/members?$select=id")).await.len(), 3);
    assert_eq!(lab.get(&format!("/users/{NIAMH}/events")).await.status, 200);
}

#[tokio::test]
async fn a_page_can_be_wrong_in_every_way() {
    let lab = lab().await;
    generate(&lab, Generate { users: 300, ..Generate::default() });
    let faulty = async |effect: Effect| {
        lab.simulator.remove_fault(None);
        lab.simulator.add_fault(Fault { path: Some("/v1.0/users".to_owned()), effect, ..Fault::default() });
        lab.get("/users?$select=id").await
    };
    assert_eq!(faulty(Effect::Truncated).await.body, Value::Null, "half of a page is no JSON");
    let own = faulty(Effect::RepeatedLink).await;
    assert!(own.body["@odata.nextLink"].as_str().unwrap().ends_with("/v1.0/users?$select=id"));
    let link = "https://elsewhere.example/v1.0/users?$skiptoken=x".to_owned();
    assert_eq!(faulty(Effect::ForeignLink { link: link.clone() }).await.body["@odata.nextLink"], json!(link));
    let lost = faulty(Effect::LostLink).await;
    assert_eq!((lost.body["value"].as_array().map(Vec::len), lost.body.get("@odata.nextLink")), (Some(100), None));
    assert_eq!(faulty(Effect::EmptyList).await.body["value"], json!([]));
    let empty = faulty(Effect::PartialPage { items: 0 }).await;
    assert!(empty.body["value"].as_array().is_some_and(Vec::is_empty) && empty.body["@odata.nextLink"].is_string());
    assert_eq!(faulty(Effect::Body { text: "{}".to_owned() }).await.body, json!({}));
}

#[tokio::test]
async fn calls_cost_resource_units_until_the_budget_is_spent() {
    let lab = Lab::with_settings(|settings| settings.directory.resource_units = Some(20)).await;
    let cost = async |path: &str| lab.get(path).await.header("x-ms-resource-unit").map(str::to_owned);
    assert_eq!(cost("/users").await.as_deref(), Some("2"));
    assert_eq!(cost("/users?$select=id").await.as_deref(), Some("1"));
    assert_eq!(cost("/users?$select=id&$top=5").await.as_deref(), Some("1"), "never below one");
    let spent = loop {
        let answer = lab.get("/users").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((spent.status, spent.code()), (429, "Request_ThrottledTemporarily"));
    assert!(spent.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(spent.header("x-ms-throttle-information"), Some("ResourceUnitLimitExceeded"));
    let scope = format!("Tenant_Application/ReadWrite/{}/{}", TenantSpec::DEMO_APP, TenantSpec::DEMO_ID);
    assert_eq!(spent.header("x-ms-throttle-scope"), Some(scope.as_str()));
    let requests = lab.simulator.requests();
    let told = requests.iter().filter(|record| record.status == 200 && record.path == "/v1.0/users").count();
    assert!((9..=12).contains(&told), "twenty units in ten seconds let {told} lists through");
}

#[tokio::test]
async fn the_control_interface_changes_a_directory_at_work() {
    let lab = lab().await;
    let path = format!("{}/_sim/tenants/{}/directory", lab.simulator.url(), TenantSpec::DEMO_ID);
    let changes = json!({"changes": [
        {"generate": {"users": 1000, "groups": 10, "memberships": 500, "nestUnder": 1}},
        {"setUser": {"user": NIAMH, "properties": {"department": "Finance", "accountEnabled": false}}},
        {"setGroup": {"group": CREW, "properties": {"displayName": "Crew of the north"}}},
        {"removeMembers": {"group": CREW, "members": [NIAMH]}},
        {"deleteGroup": {"group": INNER}},
        "expireDeltaLinks",
    ]});
    assert_eq!(read(lab.http.post(&path).json(&changes)).await.unwrap().status, 204);
    let counts = read(lab.http.get(&path)).await.unwrap().body;
    assert_eq!(counts, json!({"users": 1003, "groups": 12, "memberships": 510}));
    let niamh = lab.get(&format!("/users/{NIAMH}?$select=department,accountEnabled")).await.body;
    assert_eq!((&niamh["department"], &niamh["accountEnabled"]), (&json!("Finance"), &json!(false)));
    let unknown = json!({"changes": [{"deleteUser": {"user": "nobody@acme-water.example"}}]});
    assert_eq!(read(lab.http.post(&path).json(&unknown)).await.unwrap().status, 404);
}
