//! What Microsoft does not document is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Lab, NIAMH, PROPERTY, read, visit};

/// The visit with one property changed.
fn odd(name: &str, value: Value) -> Value {
    let mut body = visit("t-odd", "acme/odd");
    body[name] = value;
    body
}

#[tokio::test]
async fn an_odd_body_is_refused_and_makes_nothing() {
    let lab = Lab::new().await;
    let at = |text: &str, zone: &str| json!({"dateTime": text, "timeZone": zone});
    let bodies = [
        odd("begin", json!(1)),
        odd("subject", json!(7)),
        odd("showAs", json!("away")),
        odd("body", json!({"contentType": "HTML", "content": "x"})),
        odd("importance", json!("High")),
        odd("categories", json!("x")),
        odd("isReminderOn", json!("yes")),
        odd("reminderMinutesBeforeStart", json!(1.5)),
        odd("start", json!("2026-12-01T00:00:00Z")),
        odd("start", at("2026-11-25T08:30:00+01:00", "UTC")),
        odd("start", at("2026-11-25T08:30:00Z", "Europe/Berlin")),
        odd("start", at("2026-11-25T12:30:00", "UTC")),
        odd("start", json!(null)),
        odd("isAllDay", json!(true)),
        odd("id", json!("x")),
        odd("location", json!({"name": "x"})),
        odd("recurrence", json!({})),
        odd("attendees", json!([{"emailAddress": {"address": "a@b.example"}}])),
        odd("singleValueExtendedProperties", json!([{"id": "TaskRef", "value": "1"}])),
        odd("singleValueExtendedProperties", json!([{"id": PROPERTY, "value": 42}])),
        json!([]),
        json!({"subject": "no times"}),
    ];
    for body in bodies {
        let answer = lab.create(NIAMH, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.code().is_empty());
    }
    assert_eq!(lab.live(NIAMH), 0);
    assert!(lab.simulator.requests().iter().filter(|record| record.method == "POST").skip(1).all(|record| record.refused));
}

#[tokio::test]
async fn only_the_zones_that_exchange_lists_are_taken() {
    let lab = Lab::new().await;
    for (zone, status) in
        [("Europe/Dublin", 400), ("Mars/Base", 400), ("", 400), ("Europe/London", 201), ("Pacific Standard Time", 201)]
    {
        let mut body = visit(&format!("t-{zone}"), "acme/1");
        body["start"]["timeZone"] = json!(zone);
        body["end"]["timeZone"] = json!(zone);
        let answer = lab.create(NIAMH, &body).await;
        assert_eq!(answer.status, status, "{zone}");
        assert!(status == 201 || answer.code() == "TimeZoneNotSupportedException");
    }
}

#[tokio::test]
async fn an_odd_path_method_or_query_is_refused() {
    let lab = Lab::new().await;
    let events = format!("/users/{NIAMH}/events");
    let cases = [
        (Method::GET, format!("/users/{NIAMH}/contacts"), 400),
        (Method::POST, "/users".to_owned(), 405),
        (Method::PUT, format!("{events}/1"), 405),
        (Method::GET, format!("{events}?$foo=1"), 400),
        (Method::GET, format!("{events}?$top=5000"), 400),
        (Method::GET, format!("{events}?$top=1&$top=2"), 400),
        (Method::GET, format!("{events}?$select=id,begin"), 400),
        (Method::GET, format!("{events}?$filter=begin%20eq%20'x'"), 400),
        (Method::GET, format!("{events}?$filter=subject%20eq%20'O'Brien'"), 400),
        (Method::GET, format!("{events}?$expand=attachments"), 400),
        (Method::GET, format!("{events}?$skiptoken=forged"), 400),
        (Method::GET, format!("/users/{NIAMH}/calendarView"), 400),
        (Method::GET, "/organization?$top=1".to_owned(), 400),
        (Method::DELETE, format!("{events}/1?$select=id"), 400),
    ];
    for (method, path, status) in cases {
        let answer = read(lab.request(method, &path, None)).await.unwrap();
        assert_eq!(answer.status, status, "{path}");
    }
    let beta = lab.http.get(format!("{}/beta/organization", lab.simulator.url())).bearer_auth(&lab.token).send().await.unwrap();
    assert_eq!(beta.status(), 400);
}

#[tokio::test]
async fn an_odd_header_is_refused() {
    let lab = Lab::new().await;
    let path = format!("/users/{NIAMH}/events");
    for (name, value) in [
        ("Prefer", "IdType=\"Immutable\""),
        ("Prefer", "outlook.timezone=\"Europe/Dublin\""),
        ("Prefer", "handling=lenient"),
        ("client-request-id", "seven"),
        ("If-Match", "*"),
        ("ConsistencyLevel", "session"),
    ] {
        let answer = read(lab.request(Method::GET, &path, None).header(name, value)).await.unwrap();
        assert_eq!(answer.status, 400, "{name}: {value}");
    }
    let id = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    let unquoted =
        read(lab.request(Method::PATCH, &format!("{path}/{id}"), Some(&json!({"subject": "x"}))).header("If-Match", "abc")).await;
    assert_eq!(unquoted.unwrap().code(), "ErrorInvalidChangeKey");
}

#[tokio::test]
async fn a_body_needs_its_content_type_and_a_call_without_body_takes_none() {
    let lab = Lab::new().await;
    let path = format!("/users/{NIAMH}/events");
    let text = visit("t-1", "acme/1").to_string();
    assert_eq!(read(lab.request(Method::POST, &path, None).body(text)).await.unwrap().code(), "RequestBodyRead");
    let id = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    let delete = lab.request(Method::DELETE, &format!("{path}/{id}"), Some(&json!({"a": 1})));
    assert_eq!(read(delete).await.unwrap().status, 400);
    assert_eq!(lab.patch(&format!("{path}/{id}"), &json!({"transactionId": "x"})).await.status, 400);
    assert_eq!(lab.live(NIAMH), 1);
}

#[tokio::test]
async fn attendees_are_taken_only_where_the_tenant_says_so() {
    let lab = Lab::with_settings(|settings| settings.allow_attendees = true).await;
    let attendees = json!([{"emailAddress": {"address": "a@b.example"}, "type": "required"}]);
    assert_eq!(lab.create(NIAMH, &odd("attendees", attendees)).await.status, 201);
}

#[tokio::test]
async fn the_request_id_of_the_caller_comes_back() {
    let lab = Lab::new().await;
    let id = "8f1f4a55-7f2c-4a44-9ee2-9a5d3b0c8a11";
    let request = lab.request(Method::GET, &format!("/users/{NIAMH}/events/none"), None);
    let answer = read(request.header("client-request-id", id)).await.unwrap();
    assert_eq!((answer.status, answer.header("client-request-id")), (404, Some(id)));
    assert_eq!(answer.body["error"]["innerError"]["client-request-id"], id);
    assert_eq!(answer.body["error"]["innerError"]["request-id"].as_str(), answer.header("request-id"));
}
