//! Who may do what.

use argus_m365::api::auth::Permission::{self, Admin, Operate, Read};

use crate::support::TestApi;

const PREVIEW: &str = "{ previewOutageCard(input: { outageId: \"o-1\", title: \"t\", status: \"reported\", customersAffected: 1, utilityType: \"gas\" }) }";

const OPERATIONS: &[(&str, Permission)] = &[
    ("{ viewer { subject } }", Read),
    ("{ connection { state } }", Read),
    ("{ task(taskId: \"t-1\") { state } }", Read),
    ("{ tasks { totalCount } }", Read),
    ("{ zones { totalCount } }", Read),
    ("{ zoneTarget { site } }", Read),
    ("{ deadLetters { totalCount } }", Read),
    ("{ backlog { pending } }", Read),
    ("{ operation(id: \"o-1\") { state } }", Read),
    ("{ operations { totalCount } }", Read),
    ("{ teamsChannels { key } }", Read),
    ("{ outage(outageId: \"u-1\") { routed } }", Read),
    ("{ auditTrail { totalCount } }", Read),
    ("{ auditVerification { intact } }", Read),
    (PREVIEW, Read),
    ("{ directoryUsers { totalCount } }", Read),
    ("{ directoryGroups { totalCount } }", Read),
    ("{ roleMappings { role } }", Read),
    ("{ effectiveRoles(user: \"u-1\") { status } }", Read),
    ("mutation { testConnection { succeeded } }", Operate),
    ("mutation { publishZones(input: {}) { state } }", Operate),
    ("mutation { replayDeadLetters { matched } }", Operate),
    ("mutation { discardDeadLetters(ids: [\"d-1\"]) }", Operate),
    ("mutation { pauseCapability(capability: CALENDAR) { paused } }", Operate),
    ("mutation { resumeCapability(capability: CALENDAR) { paused } }", Operate),
    (
        "mutation { postOutage(input: { outageId: \"u-1\", title: \"t\", status: \"reported\", customersAffected: 1, utilityType: \"gas\" }) \
         { routed } }",
        Operate,
    ),
    ("mutation { setTeamsChannel(input: { key: \"ops\", sender: GRAPH, teamId: \"t\", channelId: \"c\" }) { key } }", Admin),
    ("mutation { removeTeamsChannel(key: \"ops\") }", Admin),
    ("mutation { registerConnection(input: { directoryId: \"d\", applicationId: \"a\" }) { state } }", Admin),
    ("mutation { removeConnection }", Admin),
    ("mutation { startTeamsSignIn { userCode } }", Admin),
    ("mutation { removeTeamsAccount }", Admin),
    ("mutation { importUsers { id } }", Operate),
    ("mutation { importGroups { id } }", Operate),
    ("mutation { approveImport(operationId: \"o-1\") { id } }", Admin),
    ("mutation { rejectImport(operationId: \"o-2\") { id } }", Admin),
    ("mutation { mapGroupToRole(input: { groupId: \"g-1\", role: \"lead\" }) { role } }", Admin),
    ("mutation { unmapGroupFromRole(groupId: \"g-1\", role: \"lead\") }", Admin),
    ("mutation { setZoneTarget(input: { site: \"s\", list: \"l\", matchColumn: \"c\", fields: [] }) { site } }", Admin),
    ("mutation { removeZoneTarget }", Admin),
];

#[tokio::test]
async fn every_operation_asks_for_its_permission_and_each_includes_the_lower() {
    let callers: [(&[Permission], Option<Permission>); 4] =
        [(&[], None), (&[Read], Some(Read)), (&[Operate], Some(Operate)), (&[Admin], Some(Admin))];
    for &(operation, needed) in OPERATIONS {
        for (permissions, highest) in callers {
            let api = TestApi::new();
            let answer = api.ask_as(permissions, operation).await;
            assert_eq!(answer.status, 200);
            if highest >= Some(needed) {
                answer.data();
            } else {
                assert_eq!(answer.code(), "FORBIDDEN", "{operation} as {highest:?}");
                assert!(api.memory.calls().is_empty(), "{operation} as {highest:?} did something");
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_operations_above_is_complete() {
    let api = TestApi::new();
    let answer = api.ask("{ __schema { queryType { fields { name } } mutationType { fields { name } } } }").await.data();
    let fields = |root: &str| answer["__schema"][root]["fields"].as_array().unwrap().clone();
    let mut names = [fields("queryType"), fields("mutationType")].concat();
    names.retain(|field| {
        let name = field["name"].as_str().unwrap();
        !OPERATIONS.iter().any(|(operation, _)| operation.contains(&format!("{{ {name}")))
    });
    assert!(names.is_empty(), "without a permission test: {names:?}");
}

#[tokio::test]
async fn everything_is_asked_for_the_tokens_organisation() {
    let mut ask_nobody = Vec::new();
    for &(operation, _) in OPERATIONS {
        let api = TestApi::new();
        api.ask(operation).await.data();
        let calls = api.memory.calls();
        assert!(calls.iter().all(|call| call.starts_with("acme ")), "{operation}: {calls:?}");
        if calls.is_empty() {
            ask_nobody.push(operation);
        }
    }
    assert_eq!(ask_nobody, ["{ viewer { subject } }", PREVIEW]);
}

#[tokio::test]
async fn what_is_forbidden_does_not_take_the_rest_along() {
    let answer = TestApi::new().ask_as(&[], "{ connection { state } __typename }").await;
    assert_eq!(answer.code(), "FORBIDDEN");
    assert_eq!(answer.json()["data"], serde_json::json!({ "connection": null, "__typename": "Query" }));
}

#[tokio::test]
async fn the_viewer_sees_the_permissions_that_a_higher_one_includes() {
    let answer = TestApi::new().ask_as(&[Operate], "{ viewer { permissions organisation } }").await;
    assert_eq!(
        answer.data()["viewer"],
        serde_json::json!({ "permissions": ["m365:read", "m365:operate"], "organisation": "acme" })
    );
}
