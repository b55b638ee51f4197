//! Every page of every answer that an import reads, wrong in every form. The connector may disable everybody unasked: whatever it
//! believed of a wrong page, it would do.
//!
//! `ARGUS_CHAOS=long` (`make chaos`) plays every form on every page of every answer on every store. Without it, each form meets one
//! page of each answer on SQLite, and those that could look whole meet every page; Postgres, whose statements are the same, sees the
//! latter on one page each.

use serde_json::{Value, json};

use crate::{
    scene::{CREW, EVERYBODY, FEARLESS, INNER, OTHERS, import, import_ok, imported, person, standing},
    support::{Connector, Store, World},
};

/// One answer of several pages.
struct Answer {
    path: String,
    /// Calls to the path before its first page: the count of the list is asked for under the same path.
    before: u64,
    pages: u64,
    /// What reads it.
    mutation: &'static str,
    /// Read by what changed: each time, everything must change before.
    delta: bool,
}

const USERS: &str = "importUsers(input: { mode: FULL })";
const GROUPS: &str = "importGroups(input: { mode: FULL })";

fn users() -> Answer {
    Answer { path: "/v1.0/users*".into(), before: 1, pages: 3, mutation: USERS, delta: false }
}

fn users_delta() -> Answer {
    Answer { path: "/v1.0/users/delta".into(), before: 0, pages: 3, mutation: "importUsers", delta: true }
}

/// Twenty generated groups and the crew.
fn groups() -> Answer {
    Answer { path: "/v1.0/groups*".into(), before: 1, pages: 2, mutation: GROUPS, delta: false }
}

fn groups_delta() -> Answer {
    Answer { path: "/v1.0/groups/delta".into(), before: 0, pages: 2, mutation: "importGroups", delta: true }
}

fn members() -> Answer {
    Answer { path: format!("/v1.0/groups/{CREW}/members"), before: 0, pages: 3, mutation: GROUPS, delta: false }
}

/// What `transitiveMembers` would tell is read group by group: members of the group within the crew.
fn inner_members() -> Answer {
    Answer { path: format!("/v1.0/groups/{INNER}/members"), before: 0, pages: 2, mutation: GROUPS, delta: false }
}

/// Every form in which a page can be other than it should be, but one that never ends.
fn forms(of: &Answer) -> Vec<Value> {
    let status = |status: u16| json!({ "status": { "status": status } });
    let body = |body: &Value| json!({ "body": { "text": body.to_string() } });
    let entry = |entry: Value| body(&json!({ "value": [entry], "@odata.deltaLink": "https://graph.microsoft.com/v1.0/x/delta" }));
    let mut forms = vec![
        status(400),
        status(401),
        status(403),
        status(404),
        status(410),
        status(500),
        json!({ "status": { "status": 503, "noBody": true } }),
        json!("close"),
        json!("reset"),
        json!("cut"),
        json!("truncated"),
        json!("repeatedLink"),
        json!({ "foreignLink": { "link": "https://elsewhere.example/v1.0/users?$skiptoken=x" } }),
        json!("lostLink"),
        json!("emptyList"),
        json!({ "body": { "text": "<html>sign in</html>" } }),
        body(&json!({})),
        body(&json!([])),
        body(&json!({ "value": null })),
        body(&json!({ "value": {} })),
        body(&json!({ "value": [7] })),
        body(&json!({ "value": [], "@odata.nextLink": 7 })),
        entry(json!({ "displayName": "nobody" })),
        entry(json!({ "id": 7 })),
        entry(json!({ "id": person(1), "@removed": null })),
        entry(json!({ "id": CREW, "displayName": 7 })),
    ];
    forms.extend(if of.mutation.starts_with("importUsers") {
        [json!({ "id": person(1), "accountEnabled": "false" }), json!({ "id": person(1), "department": 7 })].map(entry)
    } else {
        let removed = json!([{ "id": person(1), "@removed": "deleted" }]);
        [json!({ "id": CREW, "members@delta": {} }), json!({ "id": CREW, "members@delta": removed })].map(entry)
    });
    forms
}

/// Forms that arrive as a good answer, and look whole until somebody counts.
fn looks_whole(form: &Value) -> bool {
    matches!(form.as_str(), Some("lostLink" | "emptyList" | "repeatedLink"))
}

#[expect(clippy::disallowed_methods, reason = "how thorough a test is to be is no setting of the product")]
fn everything() -> bool {
    std::env::var("ARGUS_CHAOS").is_ok_and(|form| form == "long")
}

/// Whether this run plays a form on a page.
fn is_played(store: Store, (number, form): (usize, &Value), (page, pages): (u64, u64)) -> bool {
    let its_page = number as u64 % pages == page;
    everything() || (looks_whole(form) && store == Store::Sqlite) || (its_page && (store == Store::Sqlite || looks_whole(form)))
}

/// What may end well all the same, and why nobody is harmed by it.
fn may_succeed(answer: &Answer, page: u64, form: &Value) -> bool {
    let last = page + 1 == answer.pages;
    match form.as_str() {
        // The last page has no link that could be lost.
        Some("lostLink") => last,
        // An empty last page of a delta, delta link and all, says that nothing changed.
        Some("emptyList") => last && answer.delta,
        // A delta link that Microsoft no longer takes: everything is read, nobody is absent.
        _ => answer.delta && is_refusal(form),
    }
}

/// After it the delta link is dropped: the next delta needs a new one.
fn is_refusal(form: &Value) -> bool {
    [400, 404, 410].iter().any(|status| form["status"]["status"] == *status)
}

/// Changes everybody and every group, so that the next delta has everything on its pages.
async fn change_everything(world: &World, round: usize) {
    let title = format!("Round {round}");
    let people = (1..=OTHERS).map(|number| json!({ "setUser": { "user": person(number), "properties": { "jobTitle": title } } }));
    let groups = (1..=20).map(crate::scene::group).chain([CREW.to_owned()]);
    let groups = groups.map(|id| json!({ "setGroup": { "group": id, "properties": { "description": title } } }));
    world.simulator.change_directory(&people.chain(groups).collect::<Vec<_>>().into()).await;
}

async fn strike(world: &World, connector: &Connector, answer: &Answer, page: u64, form: &Value) {
    let what = format!("{} page {page}, {form}", answer.path);
    let fault = json!({ "method": "GET", "path": answer.path, "skip": answer.before + page, "effect": form });
    world.simulator.fault(fault).await;
    let operation = import(connector, answer.mutation).await;
    let struck = world.simulator.struck().await;
    world.simulator.heal().await;
    assert!(struck > 0, "{what}: no such page was asked for: {operation}");
    let expected = if may_succeed(answer, page, form) { &["SUCCEEDED", "FAILED"][..] } else { &["FAILED"] };
    assert!(expected.iter().any(|state| operation["state"] == *state), "{what}: {operation}");
    assert_eq!(standing(connector).await, (0, EVERYBODY), "{what}: {operation}");
}

async fn nobody_is_harmed(answers: &[Answer]) {
    for store in Store::available() {
        let (world, connector) = imported(store, &FEARLESS).await;
        for answer in answers {
            for (number, form) in forms(answer).iter().enumerate() {
                for page in (0..answer.pages).filter(|page| is_played(store, (number, form), (*page, answer.pages))) {
                    if answer.delta {
                        change_everything(&world, number).await;
                    }
                    strike(&world, &connector, answer, page, form).await;
                    if answer.delta && is_refusal(form) {
                        import_ok(&connector, if answer.mutation == "importUsers" { USERS } else { GROUPS }).await;
                    }
                }
            }
        }
        // Nothing is left of it: the next reads find everything as it is.
        for mutation in [USERS, GROUPS] {
            import_ok(&connector, mutation).await;
        }
        assert_eq!(standing(&connector).await, (0, EVERYBODY));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_wrong_page_of_people_harms_nobody() {
    nobody_is_harmed(&[users()]).await;
}

#[tokio::test]
async fn a_wrong_page_of_changes_to_people_harms_nobody() {
    nobody_is_harmed(&[users_delta()]).await;
}

#[tokio::test]
async fn a_wrong_page_of_groups_harms_nobody() {
    nobody_is_harmed(&[groups(), groups_delta()]).await;
}

#[tokio::test]
async fn a_wrong_page_of_members_takes_no_role() {
    nobody_is_harmed(&[members(), inner_members()]).await;
}

#[tokio::test]
async fn a_page_that_never_ends_harms_nobody() {
    let settings: Vec<_> = FEARLESS.into_iter().chain([("delivery.call_timeout", "1s")]).collect();
    for store in Store::available() {
        let (world, connector) = imported(store, &settings).await;
        for answer in [users(), users_delta(), groups(), groups_delta(), members(), inner_members()] {
            if answer.delta {
                change_everything(&world, 0).await;
            }
            strike(&world, &connector, &answer, answer.pages - 1, &json!("stall")).await;
        }
        world.finish(connector).await;
    }
}

/// Nobody is known yet, so nobody is missed; but a delta would never tell of those on the lost pages.
#[tokio::test]
async fn a_first_list_that_ends_before_its_count_is_not_taken_for_the_whole() {
    for store in Store::available() {
        let world = World::start(store).await;
        world.simulator.change(&json!({ "settings": { "directory": { "listPage": 20 } } })).await;
        world.simulator.change_directory(&json!([{ "generate": { "users": 60, "groups": 60 } }])).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        for answer in [users(), groups()] {
            for form in ["lostLink", "emptyList"] {
                let fault = json!({ "method": "GET", "path": answer.path, "skip": answer.before, "effect": form });
                world.simulator.fault(fault).await;
                let short = import(&connector, answer.mutation).await;
                world.simulator.heal().await;
                assert_eq!((&short["state"], &short["error"]["code"]), (&json!("FAILED"), &json!("INCOMPLETE_READ")), "{short}");
            }
        }
        let known = connector.data("{ directoryUsers { totalCount } directoryGroups { totalCount } }", Value::Null).await;
        assert_eq!(known, json!({ "directoryUsers": { "totalCount": 0 }, "directoryGroups": { "totalCount": 0 } }));
        world.finish(connector).await;
    }
}
