//! Reading pages and entries: whatever is not a complete answer is none.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};

use super::*;
use crate::graph::{Graph, GraphError, Request, Response};

/// Answers in turn, whatever is asked; remembers what was.
struct Script {
    answers: Mutex<Vec<Value>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: Vec<Value>) -> Self {
        Self { answers: Mutex::new(answers), asked: Mutex::default() }
    }

    fn answer(&self, asked: String) -> Response {
        self.asked.lock().unwrap().push(asked);
        Response { status: 200, body: self.answers.lock().unwrap().remove(0), request_id: None, clock_skew_ms: None }
    }
}

impl Graph for Script {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        Ok(self.answer(request.path))
    }

    async fn follow(&self, link: &str, _like: &Request) -> Result<Response, GraphError> {
        Ok(self.answer(link.to_owned()))
    }
}

async fn read(mut pages: Pages<'_, Script>) -> Result<(usize, Option<String>), ReadTrouble> {
    let (mut entries, mut link) = (0, None);
    while let Some(page) = pages.next().await? {
        entries += page.entries.len();
        link = page.delta_link;
    }
    Ok((entries, link))
}

#[tokio::test]
async fn links_are_followed_as_they_are_and_an_empty_page_is_no_end() {
    let script = Script::new(vec![
        json!({ "value": [1], "@odata.nextLink": "https://x/v1.0/users?a=1" }),
        json!({ "value": [], "@odata.nextLink": "https://x/v1.0/users?a=2" }),
        json!({ "value": [2, 3] }),
    ]);
    assert_eq!(read(Pages::of_list(&script, calls::users(None))).await, Ok((3, None)));
    assert_eq!(*script.asked.lock().unwrap(), ["/users", "https://x/v1.0/users?a=1", "https://x/v1.0/users?a=2"]);
}

#[tokio::test]
async fn what_is_no_complete_answer_is_none() {
    let repeated = json!({ "value": [], "@odata.nextLink": "https://x/v1.0/users?a=1" });
    for answers in [
        vec![repeated.clone(), repeated.clone(), repeated],
        vec![json!({ "value": [], "@odata.nextLink": "https://x/v1.0/users?$top=999" })],
        vec![json!({})],
        vec![json!({ "value": null })],
        vec![json!([])],
        vec![json!({ "value": [], "@odata.nextLink": "" })],
        vec![json!({ "value": [], "@odata.nextLink": 7 })],
        vec![json!({ "value": [], "@odata.nextLink": "https://x/a", "@odata.deltaLink": "https://x/b" })],
    ] {
        let script = Script::new(answers.clone());
        let trouble = read(Pages::of_list(&script, calls::users(None))).await.expect_err(&format!("{answers:?}"));
        assert_eq!(trouble.code, "INCOMPLETE_READ");
    }
    let script = Script::new(vec![json!({ "value": [] })]);
    assert!(read(Pages::of_delta(&script, calls::users_from_now_on())).await.is_err(), "a delta ends with a delta link");
}

/// Always has another page.
#[derive(Default)]
struct Endless(AtomicU64);

impl Endless {
    fn page(&self) -> Response {
        let next = format!("https://x/v1.0/users?a={}", self.0.fetch_add(1, Ordering::Relaxed));
        Response { status: 200, body: json!({ "value": [], "@odata.nextLink": next }), request_id: None, clock_skew_ms: None }
    }
}

impl Graph for Endless {
    async fn send(&self, _request: Request) -> Result<Response, GraphError> {
        Ok(self.page())
    }

    async fn follow(&self, _link: &str, _like: &Request) -> Result<Response, GraphError> {
        Ok(self.page())
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up_and_not_cut_short() {
    let endless = Endless::default();
    let mut pages = Pages::of_list(&endless, calls::users(None));
    let trouble = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some(), "it was cut short"),
            Err(trouble) => break trouble,
        }
    };
    assert_eq!(trouble.code, "LIMIT_EXCEEDED", "{trouble:?}");
}

#[test]
fn a_value_of_another_type_is_no_value() {
    for wrong in [
        json!({ "id": 7 }),
        json!({ "id": "u-1", "department": 7 }),
        json!({ "id": "u-1", "userPrincipalName": ["a"] }),
        json!({ "id": "u-1", "userType": false }),
        json!({ "id": "u-1", "accountEnabled": "false" }),
        json!({ "id": "u-1", "@removed": null }),
        json!([]),
    ] {
        assert_eq!(PersonEntry::read(&wrong).expect_err(&wrong.to_string()).code, "INCOMPLETE_READ");
    }
    for wrong in [
        json!({ "id": "g-1", "displayName": 7 }),
        json!({ "id": "g-1", "securityEnabled": "true" }),
        json!({ "id": "g-1", "members@delta": null }),
        json!({ "id": "g-1", "members@delta": [{ "id": "u-1", "@removed": "deleted" }] }),
        json!({ "id": "g-1", "members@delta": [{ "id": "u-1" }] }),
    ] {
        assert_eq!(GroupEntry::read(&wrong).expect_err(&wrong.to_string()).code, "INCOMPLETE_READ");
    }
}

#[test]
fn an_entry_of_a_delta_changes_only_what_it_names() {
    let full = json!({ "id": "U-1", "userPrincipalName": "Ann@x.example", "displayName": "Ann", "mail": null, "department": "Field",
        "jobTitle": "Fitter", "accountEnabled": true, "userType": null });
    let ann = PersonEntry::read(&full).unwrap().whole().unwrap();
    assert_eq!((ann.object_id.as_str(), ann.guest, ann.enabled), ("u-1", false, true));
    let change = json!({ "id": "u-1", "department": null, "accountEnabled": false });
    let changed = PersonEntry::read(&change).unwrap().onto(Some(&ann)).unwrap();
    assert_eq!(changed, Person { department: None, enabled: false, ..ann });
    assert_eq!(PersonEntry::read(&change).unwrap().onto(None), None, "nobody to change");
    assert!(PersonEntry::read(&json!({ "displayName": "nobody" })).is_err());
    assert!(PersonEntry::read(&json!({ "id": "u-1", "@removed": { "reason": "changed" } })).unwrap().removed);
}

#[test]
fn members_are_people_and_groups_and_nothing_untold() {
    let member = |entry: Value| Member::read(&entry);
    let of = |kind: &str| json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": "m" });
    assert_eq!(member(of("user")).unwrap().unwrap().kind, MemberKind::User);
    assert_eq!(member(of("group")).unwrap().unwrap().kind, MemberKind::Group);
    assert_eq!(member(of("device")).unwrap(), None);
    assert!(member(json!({ "id": "m" })).is_err());
    let entry = json!({ "id": "g", "members@delta": [
        { "@odata.type": "#microsoft.graph.user", "id": "a" },
        { "id": "b", "@removed": { "reason": "deleted" } },
        { "@odata.type": "#microsoft.graph.servicePrincipal", "id": "c" },
    ] });
    let entry = GroupEntry::read(&entry).unwrap();
    let told: Vec<_> = entry.members.iter().map(|change| (change.member.object_id.as_str(), change.removed)).collect();
    assert_eq!(told, [("a", false), ("b", true)]);
}
