//! Events: ids, times, extended properties, filters, pages.

use argus_m365::simulator::{MailboxState, SearchLag, TenantChange, TenantSpec, WorkerAct};
use reqwest::Method;
use serde_json::json;

use crate::support::{Lab, NIAMH, PROPERTY, encoded, look_up, read, visit};

#[tokio::test]
async fn an_event_is_created_read_changed_and_removed() {
    let lab = Lab::new().await;
    let created = lab.create(NIAMH, &visit("t-1", "acme/7f0c2b1e")).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["start"], json!({"dateTime": "2026-11-25T08:30:00.0000000", "timeZone": "UTC"}));
    assert_eq!(created.body["originalStartTimeZone"], "GMT Standard Time");
    assert_eq!(created.body["@odata.etag"], format!("W/\"{}\"", created.body["changeKey"].as_str().unwrap()));
    assert_eq!(created.body["body"]["contentType"], "html");
    assert!(created.body.get("singleValueExtendedProperties").is_none(), "shown only when expanded");
    let path = format!("/users/{NIAMH}/events/{}", created.id());
    let moved = lab.patch(&path, &json!({"start": {"dateTime": "2026-11-25T07:00:00", "timeZone": "Europe/Berlin"}})).await;
    assert_eq!((moved.status, moved.body["start"]["dateTime"].as_str()), (200, Some("2026-11-25T06:00:00.0000000")));
    assert_eq!(moved.body["subject"], created.body["subject"]);
    assert_ne!(moved.body["changeKey"], created.body["changeKey"]);
    assert_eq!(lab.delete(&path).await.status, 204);
    for gone in [lab.get(&path).await, lab.patch(&path, &json!({"subject": "x"})).await, lab.delete(&path).await] {
        assert_eq!((gone.status, gone.code()), (404, "ErrorItemNotFound"));
        assert!(gone.body["error"]["innerError"]["request-id"].is_string());
    }
}

#[tokio::test]
async fn the_mailbox_is_found_by_object_id_and_by_name_in_any_case() {
    let lab = Lab::new().await;
    let id = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    for user in ["NIAMH@Acme-Water.example", "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01"] {
        assert_eq!(lab.get(&format!("/users/{user}/events/{id}")).await.status, 200, "{user}");
    }
    let person = lab.get(&format!("/users/{NIAMH}?$select=id,userPrincipalName")).await;
    assert_eq!(person.body["id"], "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01");
    let nobody = lab.get("/users/nobody@acme-water.example").await;
    assert_eq!((nobody.status, nobody.code()), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn an_immutable_id_survives_a_move_and_a_plain_one_does_not() {
    let lab = Lab::new().await;
    let immutable = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    let plain_ids = || async {
        let url = format!("{}/v1.0/users/{NIAMH}/events", lab.simulator.url());
        let answer = read(lab.http.get(url).bearer_auth(&lab.token)).await.unwrap();
        answer.body["value"][0]["id"].as_str().unwrap().to_owned()
    };
    let before = plain_ids().await;
    assert_ne!(before, immutable);
    assert!(lab.simulator.worker(TenantSpec::DEMO_ID, NIAMH, &immutable, &WorkerAct::Move));
    assert_ne!(plain_ids().await, before);
    assert_eq!(lab.get(&format!("/users/{NIAMH}/events/{before}")).await.code(), "ErrorItemNotFound");
    assert_eq!(lab.get(&format!("/users/{NIAMH}/events/{immutable}")).await.status, 200);
}

#[tokio::test]
async fn a_reference_is_found_without_case_and_shown_as_it_is() {
    let lab = Lab::new().await;
    lab.create(NIAMH, &visit("t-1", "acme/Task-7")).await;
    lab.create(NIAMH, &visit("t-2", "acme/TASK-7")).await;
    lab.create(NIAMH, &visit("t-3", "acme/task-8")).await;
    let found = lab.get(&look_up(NIAMH, PROPERTY, "acme/task-7")).await;
    let values: Vec<&str> = found.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["singleValueExtendedProperties"][0]["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["acme/Task-7", "acme/TASK-7"]);
    let other_name = PROPERTY.replace("ArgusTask", "argustask");
    let none = lab.get(&look_up(NIAMH, &other_name, "acme/task-7")).await;
    assert_eq!((none.status, none.body["value"].as_array().unwrap().len()), (200, 0));
}

#[tokio::test]
async fn a_quote_in_a_value_is_doubled() {
    let lab = Lab::new().await;
    lab.create(NIAMH, &visit("t-1", "acme/O'Brien")).await;
    let found = lab.get(&look_up(NIAMH, PROPERTY, "acme/O''Brien")).await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(lab.get(&look_up(NIAMH, PROPERTY, "acme/O'Brien")).await.status, 400);
}

#[tokio::test]
async fn an_update_of_extended_properties_leaves_the_others() {
    let lab = Lab::new().await;
    let id = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    let other = "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name Other";
    let body = json!({"singleValueExtendedProperties": [{"id": other, "value": "x"}]});
    assert_eq!(lab.patch(&format!("/users/{NIAMH}/events/{id}"), &body).await.status, 200);
    let expand = encoded(&format!("singleValueExtendedProperties($filter=id eq '{PROPERTY}' or id eq '{other}')"));
    let read = lab.get(&format!("/users/{NIAMH}/events/{id}?$expand={expand}")).await;
    assert_eq!(read.body["singleValueExtendedProperties"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pages_follow_their_links_on_the_same_origin() {
    let lab = Lab::new().await;
    for number in 0..7 {
        lab.create(NIAMH, &visit(&format!("t-{number}"), &format!("acme/{number}"))).await;
    }
    let mut link = format!("{}/v1.0/users/{NIAMH}/events?$top=3&$select=id", lab.simulator.url());
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        assert!(link.starts_with(&lab.simulator.url()));
        let page = read(lab.http.get(&link).bearer_auth(&lab.token)).await.unwrap();
        ids.extend(page.body["value"].as_array().unwrap().iter().map(|event| event["id"].to_string()));
        pages += 1;
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut link),
            None => break,
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!((pages, ids.len()), (3, 7));
}

#[tokio::test]
async fn a_preferred_page_size_and_an_order_are_kept() {
    let lab = Lab::new().await;
    for (number, subject) in ["b", "c", "a"].into_iter().enumerate() {
        let mut body = visit(&format!("t-{number}"), "acme/1");
        body["subject"] = json!(subject);
        lab.create(NIAMH, &body).await;
    }
    let request = lab.request(Method::GET, &format!("/users/{NIAMH}/events?$orderby=subject%20desc&$count=true"), None);
    let page = read(request.header("Prefer", "odata.maxpagesize=2")).await.unwrap();
    let subjects: Vec<&str> =
        page.body["value"].as_array().unwrap().iter().map(|event| event["subject"].as_str().unwrap()).collect();
    assert_eq!((subjects, page.body["@odata.count"].as_u64()), (vec!["c", "b"], Some(3)));
    assert!(page.body["@odata.nextLink"].is_string());
}

#[tokio::test]
async fn a_calendar_view_shows_what_overlaps_its_window_in_the_zone_preferred() {
    let lab = Lab::new().await;
    lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let view = |from: &str, to: &str| format!("/users/{NIAMH}/calendarView?startDateTime={from}&endDateTime={to}");
    let inside = lab.request(Method::GET, &view("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"), None);
    let inside = read(inside.header("Prefer", "outlook.timezone=\"Europe/Berlin\"")).await.unwrap();
    assert_eq!(inside.body["value"][0]["start"], json!({"dateTime": "2026-11-25T09:30:00.0000000", "timeZone": "Europe/Berlin"}));
    let outside = lab.get(&view("2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z")).await;
    assert_eq!(outside.body["value"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_stale_entity_tag_is_a_conflict_and_changes_nothing() {
    let lab = Lab::new().await;
    let created = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let path = format!("/users/{NIAMH}/events/{}", created.id());
    lab.patch(&path, &json!({"subject": "second"})).await;
    let stale = created.body["@odata.etag"].as_str().unwrap();
    let body = json!({"subject": "third"});
    for (method, body) in [(Method::PATCH, Some(&body)), (Method::DELETE, None)] {
        let answer = read(lab.request(method, &path, body).header("If-Match", stale)).await.unwrap();
        assert_eq!((answer.status, answer.code()), (412, "ErrorIrresolvableConflict"));
    }
    assert_eq!(lab.get(&path).await.body["subject"], "second");
}

#[tokio::test]
async fn every_state_of_a_mailbox_has_its_documented_error() {
    let lab = Lab::new().await;
    let cases = [
        (MailboxState::Unlicensed, 404, "MailboxNotEnabledForRESTAPI"),
        (MailboxState::OnPremises, 404, "MailboxNotEnabledForRESTAPI"),
        (MailboxState::NotDiscovered, 404, "ResourceNotFound"),
        (MailboxState::Blocked, 403, "extensionError"),
        (MailboxState::UnknownToExchange, 404, "ErrorInvalidUser"),
        (MailboxState::NoAccess, 403, "ErrorAccessDenied"),
        (MailboxState::Full, 507, "ErrorQuotaExceeded"),
    ];
    for (state, status, code) in cases {
        let mailboxes = [(NIAMH.to_owned(), state)].into();
        assert!(lab.simulator.change_tenant(TenantSpec::DEMO_ID, TenantChange { mailboxes, ..TenantChange::default() }));
        let answer = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{state:?}");
    }
    let nobody = lab.create("nobody@acme-water.example", &visit("t-1", "acme/1")).await;
    assert_eq!((nobody.status, nobody.code()), (404, "ErrorInvalidUser"));
    let directory = Lab::with_settings(|settings| settings.unknown_user_is_directory_error = true).await;
    assert_eq!(directory.create("nobody@acme-water.example", &visit("t", "r")).await.code(), "Request_ResourceNotFound");
}

#[tokio::test]
async fn a_search_may_lag_behind() {
    let lab = Lab::with_settings(|settings| settings.search_lag = SearchLag::Searches(2)).await;
    lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(lab.get(&look_up(NIAMH, PROPERTY, "acme/1")).await.body["value"].as_array().unwrap().len());
    }
    assert_eq!(found, [0, 0, 1]);
    let lab = Lab::with_settings(|settings| settings.search_lag = SearchLag::Millis(3_600_000)).await;
    let made = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    assert_eq!(lab.get(&look_up(NIAMH, PROPERTY, "acme/1")).await.body["value"], json!([]));
    assert_eq!(lab.get(&format!("/users/{NIAMH}/events/{}", made.id())).await.status, 200, "only searches lag");
}

#[tokio::test]
async fn copies_of_a_reference_are_remembered_after_they_are_gone() {
    let lab = Lab::new().await;
    lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let second = lab.create(NIAMH, &visit("t-2", "acme/1")).await;
    lab.create(NIAMH, &visit("t-3", "acme/2")).await;
    lab.delete(&format!("/users/{NIAMH}/events/{}", second.id())).await;
    let state = lab.simulator.state(TenantSpec::DEMO_ID).unwrap();
    let copies = &state.mailbox(NIAMH).unwrap().copies;
    assert_eq!((copies.len(), copies[0].value.as_str(), copies[0].most), (1, "acme/1", 2));
    assert_eq!(copies[0].met.len(), 1, "which two met: {:?}", copies[0].met);
    assert_eq!(copies[0].met[0].len(), 2);
}
