//! The directory as it is read, and role mappings with what follows from them.

use argus_m365::{
    organisation::OrgScope,
    store::{DirectoryStatus, DirectoryUserFilter, PageRequest, RoleDecision, StoreError},
};

use crate::world::{World, entry, now, page, scope};

const ACME: &str = "acme";

/// Twelve people: six of Field Ops, six of none; the last one gone. Three groups: `crew` holds `inner`, `inner` holds `crew`.
async fn fill(world: &World, org: &str) -> OrgScope {
    for number in 0..12 {
        let department = if number % 2 == 0 { "'Field Ops', 'field ops'" } else { "NULL, NULL" };
        let status = if number == 11 { "'disabled', 'absent'" } else { "'active', NULL" };
        let text = format!(
            "INSERT INTO directory_user (org, object_id, user_principal_name, upn_key, display_name, department, department_key, \
             search_key, guest, enabled, status, disabled_reason, first_seen_at, last_seen_at, revision, access_revision) VALUES \
             ('{org}', 'u-{number:02}', 'P{number}@Acme.Test', 'p{number}@acme.test', 'Person {number}', {department}, \
             'person {number}\np{number}@acme.test', 0, 1, {status}, 1, 2, 1, 0)"
        );
        world.raw.run(&text).await.unwrap();
    }
    for (id, name) in [("crew", "Crew"), ("inner", "Inner 100%_!"), ("other", "Other")] {
        let key = name.to_lowercase();
        let text = format!(
            "INSERT INTO directory_group (org, object_id, display_name, description, search_key, transitive, status, first_seen_at, \
             last_seen_at, revision) VALUES ('{org}', '{id}', '{name}', NULL, '{key}', 1, 'active', 1, 2, 1)"
        );
        world.raw.run(&text).await.unwrap();
    }
    let members = [
        ("crew", "u-01", "user"),
        ("crew", "inner", "group"),
        ("inner", "u-02", "user"),
        ("inner", "u-11", "user"),
        ("inner", "crew", "group"),
        ("other", "u-01", "user"),
    ];
    for (group, member, kind) in members {
        let text = format!("INSERT INTO directory_member VALUES ('{org}', '{group}', '{member}', '{kind}')");
        world.raw.run(&text).await.unwrap();
    }
    scope(org)
}

fn decision(group: &str, role: &str) -> RoleDecision {
    RoleDecision { group_id: group.into(), role: role.into(), at: now(3), audit: entry("role-mapping.set") }
}

async fn found(world: &World, scope: &OrgScope, filter: DirectoryUserFilter) -> Vec<String> {
    let page = world.store.directory_users(scope, &DirectoryUserFilter { count: true, ..filter }, page(50)).await.unwrap();
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows.into_iter().map(|(_, row)| row.object_id).collect()
}

fn search(text: &str) -> DirectoryUserFilter {
    DirectoryUserFilter { search: Some(text.into()), ..DirectoryUserFilter::default() }
}

/// The roles that `access.changed` told of, oldest first: person, roles.
async fn told(world: &World) -> Vec<(String, String)> {
    let waiting = world.store.outbox(&world.worker, 50).await.unwrap();
    let events = waiting.iter().map(|queued| serde_json::from_str::<serde_json::Value>(&queued.event.payload).unwrap());
    events.map(|event| (event["data"]["objectId"].as_str().unwrap().into(), event["data"]["roles"].to_string())).collect()
}

pub(crate) async fn people_are_paged_by_object_id(world: &World) {
    let scope = fill(world, ACME).await;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let request = PageRequest { first: 5, after: after.take() };
        let page = world.store.directory_users(&scope, &DirectoryUserFilter::default(), request).await.unwrap();
        assert_eq!(page.total, 0, "nobody asked for it");
        seen.extend(page.rows.iter().map(|(_, row)| row.object_id.clone()));
        after = page.rows.last().map(|(cursor, _)| cursor.clone());
        if !page.has_next {
            break;
        }
    }
    assert_eq!(seen, (0..12).map(|number| format!("u-{number:02}")).collect::<Vec<_>>());
}

pub(crate) async fn people_are_found_by_status_and_department_and_both(world: &World) {
    let scope = fill(world, ACME).await;
    let department = || Some("FIELD OPS".to_owned());
    let filter = |status, department| DirectoryUserFilter { status, department, ..DirectoryUserFilter::default() };
    assert_eq!(found(world, &scope, filter(Some(DirectoryStatus::Disabled), None)).await, ["u-11"]);
    assert_eq!(found(world, &scope, filter(None, department())).await.len(), 6);
    assert_eq!(found(world, &scope, filter(Some(DirectoryStatus::Active), department())).await.len(), 6);
    assert!(found(world, &scope, filter(Some(DirectoryStatus::Disabled), department())).await.is_empty());
    assert!(found(world, &scope, filter(None, Some("Field".into()))).await.is_empty(), "a department is matched whole");
}

pub(crate) async fn a_search_finds_every_word_anywhere_and_takes_signs_as_letters(world: &World) {
    let scope = fill(world, ACME).await;
    assert_eq!(found(world, &scope, search("PERSON 1")).await, ["u-01", "u-10", "u-11"]);
    assert_eq!(found(world, &scope, search("acme p7@")).await, ["u-07"]);
    assert_eq!(found(world, &scope, search("  ")).await.len(), 12);
    for hostile in ["%", "_", "!", "'", "\"", "\\", "p_", "person%", "' OR 1=1 --", "\0", "né"] {
        assert!(found(world, &scope, search(hostile)).await.is_empty(), "{hostile:?}");
    }
    let both =
        DirectoryUserFilter { department: Some("field ops".into()), status: Some(DirectoryStatus::Active), ..search("p1") };
    assert_eq!(found(world, &scope, both).await, ["u-10"]);
    let groups = |text: &'static str| world.store.directory_groups(&scope, Some(text), page(9), true);
    assert_eq!(groups("%_!").await.unwrap().rows[0].1.object_id, "inner");
    assert_eq!(groups("100%").await.unwrap().total, 1);
    assert_eq!(groups("1%0").await.unwrap().total, 0);
}

pub(crate) async fn groups_are_read_for_many_people_at_once(world: &World) {
    let scope = fill(world, ACME).await;
    // More people than one statement takes.
    let people: Vec<String> = (0..150).map(|number| format!("u-{number:02}")).collect();
    let first = world.store.groups_of_people(&scope, &people, &page(1), true).await.unwrap();
    let of_one = &first["u-01"];
    assert_eq!((of_one.rows[0].0.as_str(), of_one.has_next, of_one.total), ("crew", true, 2));
    assert_eq!(first.keys().collect::<Vec<_>>(), ["u-01", "u-02", "u-11"]);
    let after = |cursor: &str| PageRequest { first: 1, after: Some(cursor.into()) };
    let second = world.store.groups_of_people(&scope, &people, &after("crew"), true).await.unwrap();
    assert_eq!((second["u-01"].rows[0].0.as_str(), second["u-01"].has_next), ("other", false));
    let beyond = world.store.groups_of_people(&scope, &people, &after("other"), true).await.unwrap();
    assert_eq!((beyond["u-01"].rows.len(), beyond["u-01"].total), (0, 2), "how many there are does not hang on the page");
    let groups: Vec<String> = ["crew", "inner", "other", "none"].map(Into::into).into();
    let counts = world.store.member_counts(&scope, &groups).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("crew".into(), 1), ("inner".into(), 2), ("other".into(), 1)]);
    assert!(world.store.groups_of_people(&scope, &[], &page(1), true).await.unwrap().is_empty());
}

pub(crate) async fn a_mapping_gives_its_role_through_nested_groups_and_circles(world: &World) {
    let scope = fill(world, ACME).await;
    let mapped = world.store.map_role(&scope, decision("crew", "lead")).await.unwrap();
    assert_eq!((mapped.group_name.as_deref(), mapped.people), (Some("Crew"), 2), "u-11 is disabled");
    world.store.map_role(&scope, decision("other", "lead")).await.unwrap();
    let one = world.store.effective_roles(&scope, "P1@ACME.test").await.unwrap().unwrap();
    let groups: Vec<_> = one.roles["lead"].iter().map(|group| group.object_id.as_str()).collect();
    assert_eq!((one.user.object_id.as_str(), groups), ("u-01", vec!["crew", "other"]));
    let nested = world.store.effective_roles(&scope, "U-02").await.unwrap().unwrap();
    assert_eq!(nested.roles["lead"].len(), 1);
    assert!(world.store.effective_roles(&scope, "u-11").await.unwrap().unwrap().roles.is_empty(), "disabled people have none");
    assert!(world.store.effective_roles(&scope, "nobody").await.unwrap().is_none());
    let people: Vec<String> = ["u-01", "u-02", "u-03", "u-11"].map(Into::into).into();
    let roles = world.store.roles_of_people(&scope, &people).await.unwrap();
    assert_eq!(
        roles.into_iter().collect::<Vec<_>>(),
        [("u-01".into(), vec!["lead".into()]), ("u-02".into(), vec!["lead".into()])]
    );
    let groups: Vec<String> = ["crew", "inner"].map(Into::into).into();
    assert_eq!(world.store.roles_of_groups(&scope, &groups).await.unwrap().len(), 1, "inner itself is mapped to nothing");
}

pub(crate) async fn each_change_of_somebodys_roles_is_told_and_audited_once(world: &World) {
    let scope = fill(world, ACME).await;
    world.store.map_role(&scope, decision("crew", "lead")).await.unwrap();
    let lead = r#"["lead"]"#.to_owned();
    assert_eq!(told(world).await, [("u-01".into(), lead.clone()), ("u-02".into(), lead.clone())]);
    world.store.map_role(&scope, decision("crew", "lead")).await.unwrap();
    world.store.map_role(&scope, decision("other", "lead")).await.unwrap();
    assert_eq!(told(world).await.len(), 2, "the same mapping, and another way to the same role, change nobody");
    assert!(world.store.unmap_role(&scope, decision("crew", "lead")).await.unwrap());
    assert_eq!(told(world).await.split_off(2), [("u-02".into(), "[]".into())], "u-01 has the role through another group");
    assert!(!world.store.unmap_role(&scope, decision("crew", "lead")).await.unwrap());
    let mut actions = world.actions(&scope).await;
    actions.sort();
    assert_eq!(actions.iter().filter(|action| *action == "access.changed").count(), 3);
    assert_eq!(
        actions.iter().filter(|action| *action == "role-mapping.set").count(),
        3,
        "one an effective decision: {actions:?}"
    );
    assert!(world.store.verify_audit(&scope).await.unwrap().intact);
    let waiting = world.store.outbox(&world.worker, 50).await.unwrap();
    let ids: std::collections::BTreeSet<_> = waiting.iter().map(|queued| queued.event.id.as_str()).collect();
    assert_eq!(ids.len(), 3, "each change has an id of its own");
}

pub(crate) async fn a_group_that_nobody_has_seen_can_be_mapped(world: &World) {
    let scope = fill(world, ACME).await;
    let mapped = world.store.map_role(&scope, decision("unseen", "lead")).await.unwrap();
    assert_eq!((mapped.group_name, mapped.people), (None, 0));
    assert_eq!(world.store.role_mappings(&scope).await.unwrap().len(), 1);
}

pub(crate) async fn mappings_set_at_the_same_time_all_stand(world: &World) {
    let scope = fill(world, ACME).await;
    let roles: Vec<String> = (0..8).map(|number| format!("role-{number}")).collect();
    let set = roles.iter().map(|role| world.store.map_role(&scope, decision("crew", role)));
    let done: Result<Vec<_>, StoreError> = futures_util::future::join_all(set).await.into_iter().collect();
    assert!(done.unwrap().iter().all(|mapping| mapping.people == 2));
    assert_eq!(world.store.effective_roles(&scope, "u-01").await.unwrap().unwrap().roles.len(), 8);
    assert!(world.store.verify_audit(&scope).await.unwrap().intact);
}

pub(crate) async fn an_organisation_sees_and_maps_its_own_directory_alone(world: &World) {
    let acme = fill(world, ACME).await;
    let other = scope("other");
    world.store.map_role(&acme, decision("crew", "lead")).await.unwrap();
    assert_eq!(found(world, &other, DirectoryUserFilter::default()).await, [""; 0]);
    assert_eq!(world.store.directory_groups(&other, None, page(9), true).await.unwrap().total, 0);
    assert!(world.store.effective_roles(&other, "u-01").await.unwrap().is_none());
    assert!(world.store.role_mappings(&other).await.unwrap().is_empty());
    let ids: Vec<String> = ["u-01", "crew"].map(Into::into).into();
    assert!(world.store.groups_of_people(&other, &ids, &page(9), true).await.unwrap().is_empty());
    assert!(world.store.roles_of_people(&other, &ids).await.unwrap().is_empty());
    assert!(world.store.roles_of_groups(&other, &ids).await.unwrap().is_empty());
    assert!(world.store.member_counts(&other, &ids).await.unwrap().is_empty());
    // The same ids in the other organisation, mapped to another role: nothing of it reaches the first.
    let other = fill(world, "other").await;
    assert!(!world.store.unmap_role(&other, decision("crew", "lead")).await.unwrap());
    world.store.map_role(&other, decision("crew", "clerk")).await.unwrap();
    let roles = |scope: OrgScope| async move { world.store.effective_roles(&scope, "u-01").await.unwrap().unwrap().roles };
    assert_eq!(roles(acme).await.into_keys().collect::<Vec<_>>(), ["lead"]);
    assert_eq!(roles(other).await.into_keys().collect::<Vec<_>>(), ["clerk"]);
}
