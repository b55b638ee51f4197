//! The directory as callers read it, and role mappings as they set them.

use std::collections::BTreeMap;

use argus_m365::{
    api::{DirectoryRecords, ImportAdmin, RoleAdmin, auth::Permission},
    capabilities::directory::ImportScope,
    connections::Actor,
    imports::{ImportMode, ImportProblem},
    organisation::OrgScope,
    roles::RoleError,
    store::{
        DirectoryGroupRow, DirectoryStatus, DirectoryUserFilter, DirectoryUserRow, EffectiveRolesRow, OperationRow, Page,
        PageRequest, RoleMappingRow, StoreError,
    },
};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::json;

use crate::{
    backend::Memory,
    keys::start,
    support::{TestApi, samples},
};

/// Thirty people, the last one gone; each is in groups `g-1` and `g-2`.
fn people() -> Vec<DirectoryUserRow> {
    let person = |number: usize| DirectoryUserRow {
        object_id: format!("u-{number}"),
        user_principal_name: format!("p{number}@acme.test"),
        display_name: None,
        mail: None,
        department: Some("Field".into()),
        job_title: None,
        status: if number < 30 { DirectoryStatus::Active } else { DirectoryStatus::Disabled },
        disabled_reason: (number == 30).then(|| "account-disabled".into()),
        first_seen_at: start(),
        last_seen_at: start(),
    };
    (1..=30).map(person).collect()
}

fn groups() -> Vec<DirectoryGroupRow> {
    let group = |id: &str| DirectoryGroupRow {
        object_id: id.into(),
        display_name: format!("Group {id}"),
        description: None,
        status: DirectoryStatus::Active,
    };
    vec![group("g-1"), group("g-2")]
}

fn each<T>(ids: &[String], value: impl Fn(&str) -> T) -> BTreeMap<String, T> {
    ids.iter().map(|id| (id.clone(), value(id))).collect()
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl DirectoryRecords for Memory {
    fn users<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DirectoryUserFilter,
        page: PageRequest,
    ) -> Answer<'a, Page<DirectoryUserRow>> {
        self.read(scope, &format!("users {filter:?}"), move || samples::page(people().into_iter(), &page))
    }

    fn groups<'a>(
        &'a self,
        scope: &'a OrgScope,
        search: Option<String>,
        page: PageRequest,
        count: bool,
    ) -> Answer<'a, Page<DirectoryGroupRow>> {
        self.read(scope, &format!("groups {search:?} {count}"), move || samples::page(groups().into_iter(), &page))
    }

    fn groups_of_people<'a>(
        &'a self,
        scope: &'a OrgScope,
        people: &'a [String],
        page: PageRequest,
        count: bool,
    ) -> Answer<'a, BTreeMap<String, Page<DirectoryGroupRow>>> {
        let call = format!("groups of {} {page:?} {count}", people.len());
        self.read(scope, &call, move || {
            each(people, |_| Page {
                rows: groups().into_iter().map(|group| (group.object_id.clone(), group)).take(page.first as usize).collect(),
                has_next: page.first < 2,
                total: 2,
            })
        })
    }

    fn roles_of_people<'a>(&'a self, scope: &'a OrgScope, people: &'a [String]) -> Answer<'a, BTreeMap<String, Vec<String>>> {
        self.read(scope, &format!("roles of {} people", people.len()), move || each(people, |id| vec![format!("role of {id}")]))
    }

    fn roles_of_groups<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> Answer<'a, BTreeMap<String, Vec<String>>> {
        self.read(scope, &format!("roles of {} groups", groups.len()), move || each(groups, |id| vec![format!("role of {id}")]))
    }

    fn member_counts<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> Answer<'a, BTreeMap<String, u64>> {
        self.read(scope, &format!("members of {} groups", groups.len()), move || each(groups, |_| 7))
    }

    fn role_mappings<'a>(&'a self, scope: &'a OrgScope) -> Answer<'a, Vec<RoleMappingRow>> {
        let unseen = RoleMappingRow { group_id: "g-9".into(), group_name: None, role: "lead".into(), people: u64::MAX };
        self.read(scope, "mappings", move || vec![unseen])
    }

    fn effective_roles<'a>(&'a self, scope: &'a OrgScope, user: &'a str) -> Answer<'a, Option<EffectiveRolesRow>> {
        self.read(scope, &format!("effective roles of {user}"), move || {
            let user = people().into_iter().find(|person| person.object_id == user || person.user_principal_name == user)?;
            Some(EffectiveRolesRow { user, roles: BTreeMap::from([("lead".to_owned(), groups())]) })
        })
    }
}

impl RoleAdmin for Memory {
    fn map<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<RoleMappingRow, RoleError>> {
        let call = format!("map {group} to {role} by {}", actor.name);
        let row = RoleMappingRow { group_id: group, group_name: Some("Crew".into()), role, people: 4 };
        let answer = self.read(scope, &call, move || row);
        async move { Ok(answer.await?) }.boxed()
    }

    fn unmap<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<bool, RoleError>> {
        let answer = self.read(scope, &format!("unmap {group} from {role} by {}", actor.name), || false);
        async move { Ok(answer.await?) }.boxed()
    }
}

#[tokio::test]
async fn people_are_shown_with_what_the_contract_names() {
    let query = "{ directoryUsers(first: 30) { nodes { objectId userPrincipalName displayName mail department jobTitle status \
        disabledReason firstSeenAt lastSeenAt roles } pageInfo { hasNextPage } } }";
    let list = TestApi::new().ask(query).await.data()["directoryUsers"].clone();
    let gone = &list["nodes"][29];
    assert_eq!((&gone["status"], &gone["disabledReason"]), (&json!("DISABLED"), &json!("ACCOUNT_DISABLED")));
    assert_eq!((&list["nodes"][0]["status"], &list["nodes"][0]["disabledReason"]), (&json!("ACTIVE"), &json!(null)));
    assert_eq!(list["nodes"][3]["roles"], json!(["role of u-4"]), "each person has their own");
}

#[tokio::test]
async fn a_page_of_people_with_groups_and_roles_takes_as_many_reads_as_there_are_kinds() {
    let api = TestApi::new();
    let query = "{ directoryUsers(first: 30) { nodes { roles groups(first: 5) { nodes { displayName memberCount roles } } } } }";
    let list = api.ask(query).await.data()["directoryUsers"].clone();
    assert_eq!(
        list["nodes"][29]["groups"]["nodes"][1],
        json!({"displayName": "Group g-2", "memberCount": 7, "roles": ["role of g-2"]})
    );
    let mut calls = api.memory.calls();
    calls.sort();
    assert_eq!(calls.len(), 5, "{calls:#?}");
    assert!(calls.iter().any(|call| call == "acme roles of 2 groups"), "{calls:#?}");
}

#[tokio::test]
async fn the_same_field_under_two_names_is_read_as_asked() {
    let api = TestApi::new();
    let query = "{ directoryUsers(first: 2) { nodes { one: groups(first: 1) { nodes { objectId } pageInfo { hasNextPage } } \
        all: groups { nodes { objectId } totalCount } } } }";
    let node = api.ask(query).await.data()["directoryUsers"]["nodes"][1].clone();
    assert_eq!(node["one"], json!({"nodes": [{"objectId": "g-1"}], "pageInfo": {"hasNextPage": true}}));
    assert_eq!(node["all"]["totalCount"], 2);
    assert_eq!(api.memory.calls().len(), 3);
}

#[tokio::test]
async fn the_whole_list_is_counted_only_when_asked_for() {
    for (query, counted) in [
        ("{ directoryUsers { nodes { objectId } } }", "count: false"),
        ("{ directoryUsers { totalCount } }", "count: true"),
        ("query { directoryUsers { ...C } } fragment C on DirectoryUserConnection { totalCount }", "count: true"),
    ] {
        let api = TestApi::new();
        api.ask(query).await.data();
        assert!(api.memory.calls()[0].contains(counted), "{query}: {:?}", api.memory.calls());
    }
}

#[tokio::test]
async fn filters_reach_the_store_and_endless_ones_do_not() {
    let api = TestApi::new();
    api.ask(r#"{ directoryUsers(status: DISABLED, department: "Field Ops", search: "100% _'\"") { nodes { objectId } } }"#)
        .await
        .data();
    let call = api.memory.calls().remove(0);
    for part in ["Some(Disabled)", r#"Some("Field Ops")"#, r#"100% _'\""#] {
        assert!(call.contains(part), "{call}");
    }
    let (long, many) = ("x".repeat(257), "a b c d e f g");
    for arguments in [format!("search: \"{long}\""), format!("department: \"{long}\""), format!("search: \"{many}\"")] {
        let answer = api.ask(&format!("{{ directoryUsers({arguments}) {{ nodes {{ objectId }} }} }}")).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT");
    }
    assert_eq!(api.memory.calls().len(), 1, "the store was not asked again");
}

#[tokio::test]
async fn effective_roles_name_the_groups_and_nobody_is_null() {
    let api = TestApi::new();
    let query = |user: &str| {
        format!("{{ effectiveRoles(user: \"{user}\") {{ objectId status roles {{ role groups {{ objectId memberCount }} }} }} }}")
    };
    let known = api.ask(&query(" p2@acme.test ")).await.data()["effectiveRoles"].clone();
    let given_by = json!([{"objectId": "g-1", "memberCount": 7}, {"objectId": "g-2", "memberCount": 7}]);
    let roles = json!([{"role": "lead", "groups": given_by}]);
    assert_eq!(known, json!({"objectId": "u-2", "status": "ACTIVE", "roles": roles}));
    assert_eq!(api.ask(&query("nobody")).await.data()["effectiveRoles"], json!(null));
}

#[tokio::test]
async fn mappings_are_set_and_removed_in_the_callers_name() {
    let api = TestApi::new();
    let mapping = "mutation { mapGroupToRole(input: {groupId: \"g-1\", role: \"lead\"}) { groupId groupName role memberCount } }";
    let mapped = api.ask(mapping).await.data()["mapGroupToRole"].clone();
    assert_eq!(mapped, json!({"groupId": "g-1", "groupName": "Crew", "role": "lead", "memberCount": 4}));
    let removed = api.ask("mutation { unmapGroupFromRole(groupId: \"g-1\", role: \"lead\") }").await.data();
    assert_eq!(removed["unmapGroupFromRole"], false);
    assert_eq!(api.memory.calls()[0], "acme map g-1 to lead by user:dispatcher-7");
    let unseen = api.ask_as(&[Permission::Read], "{ roleMappings { groupName memberCount } }").await.data();
    assert_eq!(unseen["roleMappings"], json!([{"groupName": null, "memberCount": i32::MAX}]));
}

#[tokio::test]
async fn a_store_that_fails_is_asked_once_for_all_rows() {
    let api = TestApi::new();
    api.memory.failing.lock().unwrap().replace("roles of");
    let answer = api.ask("{ directoryUsers(first: 30) { nodes { objectId roles } } }").await;
    assert_eq!(answer.code(), "INTERNAL");
    assert_eq!(api.memory.calls().len(), 2, "{:?}", api.memory.calls());
}

impl ImportAdmin for Memory {
    fn start<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        import: ImportScope,
        mode: ImportMode,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<OperationRow, ImportProblem>> {
        let call = format!("import {} {mode:?} dry {dry_run} by {}", import.key(), actor.name);
        let answer = self.read(scope, &call, || samples::operations().remove(0));
        async move { Ok(answer.await?) }.boxed()
    }

    fn approve<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        id: &'a str,
    ) -> BoxFuture<'a, Result<OperationRow, ImportProblem>> {
        let answer = self.read(scope, &format!("approve {id} by {}", actor.name), || samples::operations().remove(0));
        async move { Ok(answer.await?) }.boxed()
    }

    fn reject<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        id: &'a str,
    ) -> BoxFuture<'a, Result<OperationRow, ImportProblem>> {
        let asked = self.read(scope, &format!("reject {id} by {}", actor.name), || ());
        let answer = match id {
            "o-1" => Err(ImportProblem::NotWaiting),
            "o-2" => Ok(samples::operations().remove(0)),
            _ => Err(ImportProblem::NotFound),
        };
        async move {
            asked.await?;
            answer
        }
        .boxed()
    }
}

#[tokio::test]
async fn an_import_is_asked_for_by_scope_and_its_defaults_are_the_contracts() {
    let api = TestApi::new();
    let ids = "groupIds: [\"0A1B2C3D-0000-4000-8000-000000000001\"]";
    let asked = format!(
        "mutation {{ a: importUsers {{ id }} b: importUsers(input: {{ department: \"Field Ops\", mode: FULL, dryRun: true }}) {{ id }} \
         c: importGroups(input: {{ {ids}, mode: DELTA }}) {{ id }} d: approveImport(operationId: \"o-1\") {{ id }} }}"
    );
    assert_eq!(api.ask(&asked).await.data()["a"]["id"], "o-1");
    let calls = api.memory.calls().join("\n");
    for wanted in ["import users: Auto dry false", "import users:field ops Full dry true", "Delta dry false", "approve o-1"] {
        assert!(calls.contains(wanted), "{wanted}: {calls}");
    }
}

#[tokio::test]
async fn an_import_that_cannot_be_is_refused_by_field_and_one_that_does_not_wait_is_a_conflict() {
    let api = TestApi::new();
    let answer = api.ask("mutation { importUsers(input: { department: \" \" }) { id } }").await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
    assert_eq!(answer.json()["errors"][0]["extensions"]["field"], "department");
    assert_eq!(api.ask("mutation { importGroups(input: { groupIds: [\"Crew\"] }) { id } }").await.code(), "BAD_USER_INPUT");
    assert_eq!(api.ask("mutation { rejectImport(operationId: \"o-1\") { id } }").await.code(), "CONFLICT");
    assert_eq!(api.ask("mutation { rejectImport(operationId: \"nobody\") { id } }").await.code(), "NOT_FOUND");
}
