//! What the simulator accepts fits Microsoft's own description, and what does not fit is refused: checked with the shared samples
//! and the shared checker, where they are there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use argus_m365::simulator::{
    ColumnKind, ColumnSpec, DirectoryChange, Generate, GroupSpec, ListSpec, SiteSpec, TenantSpec, UserSpec, traffic,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Lab, NIAMH, OISIN, PROPERTY, look_up, read, visit};

/// A file of the shared folder beside the checkout.
fn shared(name: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/graph").join(name);
    file.exists().then_some(file)
}

/// A Python that can run the checker.
#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the product")]
fn python() -> Option<String> {
    let python = std::env::var("ARGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ready = Command::new(&python).args(["-c", "import yaml, jsonschema"]).output().is_ok_and(|out| out.status.success());
    ready.then_some(python)
}

async fn varied(lab: &Lab) {
    let created = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    lab.create(NIAMH, &visit("t-1", "acme/other")).await;
    let path = format!("/users/{NIAMH}/events/{}", created.id());
    let etag = created.body["@odata.etag"].as_str().unwrap_or_default();
    lab.get(&look_up(NIAMH, PROPERTY, "acme/1")).await;
    lab.get(&format!("{path}?$select=id,subject")).await;
    let full = json!({
        "subject": "moved", "body": {"contentType": "html", "content": "<p>x</p>"}, "showAs": "tentative", "importance": "high",
        "sensitivity": "private", "categories": ["Field task"], "isReminderOn": true, "reminderMinutesBeforeStart": 30,
        "start": {"dateTime": "2026-11-26T13:00:00", "timeZone": "Europe/London"},
        "end": {"dateTime": "2026-11-26T14:30:00", "timeZone": "Europe/London"},
    });
    let update = lab.request(Method::PATCH, &path, Some(&full)).header("If-Match", etag);
    assert_eq!(read(update).await.expect("an answer").status, 200);
    for _ in 0..12 {
        lab.create(OISIN, &visit(&format!("t-{}", lab.live(OISIN)), "acme/2")).await;
    }
    lab.get(&format!("/users/{OISIN}/calendarView?startDateTime=2026-11-25T00:00:00Z&endDateTime=2026-11-26T00:00:00Z&$top=100"))
        .await;
    let page = lab.get(&format!("/users/{OISIN}/events")).await;
    let next = page.body["@odata.nextLink"].as_str().expect("a second page").to_owned();
    let next = lab.http.get(next).bearer_auth(&lab.token).header("Prefer", "IdType=\"ImmutableId\"");
    assert_eq!(read(next).await.expect("an answer").status, 200);
    let prefer = json!({"Prefer": "IdType=\"ImmutableId\"", "Content-Type": "application/json"});
    let parts = json!({"requests": [
        {"id": "1", "method": "POST", "url": format!("/users/{NIAMH}/events"), "headers": prefer, "body": visit("t-9", "acme/9")},
        {"id": "2", "method": "GET", "url": "/organization?$select=id"},
    ]});
    assert_eq!(lab.post("/$batch", &parts).await.status, 200);
    lists(lab).await;
    lab.get("/organization?$select=id,displayName").await;
    lab.get(&format!("/users/{NIAMH}?$select=id,displayName")).await;
    importing(lab).await;
    assert_eq!(lab.delete(&path).await.status, 204);
    assert_eq!(lab.delete(&path).await.status, 404);
}

/// What an importer of the directory sends.
async fn importing(lab: &Lab) {
    let group = GroupSpec { members: vec![NIAMH.to_owned(), "device:d".to_owned()], ..GroupSpec::security("g", "Crew") };
    let changes = [
        DirectoryChange::Generate(Generate { users: 300, groups: 2, memberships: 250, ..Generate::default() }),
        DirectoryChange::PutGroup(group),
        DirectoryChange::AddMembers { group: "g".to_owned(), members: vec![Generate::group_id(1)] },
    ];
    assert!(lab.simulator.change_directory(TenantSpec::DEMO_ID, changes.into()));
    let starts = [
        "/users?$select=id,userPrincipalName,mail,department,accountEnabled,userType&$top=99&$filter=accountEnabled%20eq%20true",
        "/groups?$select=id,displayName&$filter=securityEnabled%20eq%20true%20and%20mailEnabled%20eq%20false",
        "/groups/g",
        "/groups/g/members?$select=id",
        "/groups/g/transitiveMembers/microsoft.graph.user?$select=id&$count=true&$top=50",
        "/users/delta?$select=id,displayName",
        "/groups/delta?$select=id,displayName,members",
    ];
    for start in starts {
        let mut link = format!("{}/v1.0{start}", lab.simulator.url());
        loop {
            let page = lab.http.get(&link).bearer_auth(&lab.token).header("ConsistencyLevel", "eventual");
            let page = read(page).await.expect("an answer");
            assert_eq!(page.status, 200, "{link}");
            let Some(next) = page.body["@odata.nextLink"].as_str() else { break };
            next.clone_into(&mut link);
        }
    }
}

/// Every call on SharePoint, in the forms that a careful caller sends.
async fn lists(lab: &Lab) {
    let site = lab.get("/sites/acme-water.sharepoint.example:/sites/ops?$select=id,webUrl,displayName").await;
    assert_eq!(site.body["id"], SiteSpec::DEMO_ID);
    let base = format!("/sites/{}/lists", SiteSpec::DEMO_ID);
    lab.get(&format!("{base}?$filter=displayName%20eq%20'Zones'&$select=id,displayName,list")).await;
    lab.get(&format!("{base}/{}?$select=id,displayName", SiteSpec::DEMO_LIST)).await;
    lab.get(&format!("{base}/Zones/columns")).await;
    let fields = json!({"Title": "North", "Zone_x0020_ID": "Z-1", "Latitude": 53.35, "Utility": "water", "Retired": false});
    let made = lab.post(&format!("{base}/Zones/items"), &json!({"fields": fields})).await;
    assert_eq!(made.status, 201);
    for number in 2..5 {
        let fields = json!({"fields": {"Title": "x", "Zone_x0020_ID": format!("Z-{number}")}});
        lab.post(&format!("{base}/Zones/items"), &fields).await;
    }
    let items = format!("{base}/Zones/items?$expand=fields($select=Zone_x0020_ID,Title)");
    lab.get(&format!("{items}&$filter=fields/Zone_x0020_ID%20eq%20'Z-1'&$top=2")).await;
    let page = lab.get(&format!("{items}&$top=2")).await;
    let next = page.body["@odata.nextLink"].as_str().expect("a second page");
    assert_eq!(read(lab.http.get(next).bearer_auth(&lab.token)).await.expect("an answer").status, 200);
    let item = format!("{base}/Zones/items/{}", made.id());
    lab.get(&format!("{item}?$expand=fields")).await;
    let etag = made.body["@odata.etag"].as_str().unwrap_or_default();
    let change = json!({"Title": "North side", "Latitude": null, "Inspected": "2026-11-23"});
    let update = lab.request(Method::PATCH, &format!("{item}/fields"), Some(&change)).header("If-Match", etag);
    assert_eq!(read(update).await.expect("an answer").status, 200);
    lab.get(&format!("{item}/fields?$select=Title")).await;
    assert_eq!(lab.delete(&item).await.status, 204);
}

#[tokio::test]
async fn accepted_traffic_passes_the_shared_checker_without_a_warning() {
    let lab = Lab::new().await;
    varied(&lab).await;
    traffic::dump(&lab.simulator, "simulator-varied").expect("the traffic folder is writable");
    let (Some(checker), Some(python)) = (shared("validate_traffic.py"), python()) else {
        eprintln!("skipped: no shared checker, or no Python with pyyaml and jsonschema");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("varied.jsonl");
    std::fs::write(&file, lab.simulator.traffic()).expect("written");
    let out = Command::new(python).arg(checker).arg("--strict").arg(&file).output().expect("the checker runs");
    let (found, sum) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && sum.contains(" 0 errors, 0 warnings"), "{found}\n{sum}");
    assert!(!sum.starts_with("0 requests"));
}

/// A simulator whose tenant is the one of the samples.
async fn sample_lab() -> Lab {
    Lab::with(|spec| {
        spec.users.push(UserSpec::licensed("1", "w1@contoso.com", "W1"));
        spec.users.push(UserSpec::licensed("2", "a@c.com", "A"));
        spec.users.push(UserSpec::licensed("3", "b@c.com", "B"));
        spec.groups.push(GroupSpec::security("1", "One"));
        spec.groups.push(GroupSpec::security("02bd9fd6-8f93-4758-87c3-1fb73740a315", "Two"));
        spec.sites.extend(sample_sites());
    })
    .await
}

/// The sites of the samples, with a list whose item 12 is there.
fn sample_sites() -> [SiteSpec; 2] {
    let tags = ColumnKind::MultiChoice { choices: vec!["a".into(), "b".into()], allow_text_entry: false };
    let zones = ListSpec {
        id: "0b0e8f6a-5a52-4c33-8d35-2f6f2a1f7e10".to_owned(),
        title: "Zones".to_owned(),
        columns: vec![
            ColumnSpec::new("ZoneId", "Zone", ColumnKind::Text).indexed(),
            ColumnSpec::new("Status", "Status", ColumnKind::Text),
            ColumnSpec::new("Area_x0020_km2", "Area km2", ColumnKind::Number),
            ColumnSpec::new("Tags", "Tags", tags),
        ],
        items: vec![serde_json::Map::new(); 12],
    };
    let site = |id: &str, path: &str, lists| SiteSpec { id: id.into(), path: path.into(), lists, ..SiteSpec::default() };
    [
        site(
            "contoso.sharepoint.com,2C712604-1370-44E7-A1F5-426573FDA80A,2D2244C3-251A-49EA-93A8-39E1C3A060FE",
            "/sites/Ops/Zones",
            vec![zones],
        ),
        site(
            "contoso.sharepoint.com,2C712604-1370-44E7-A1F5-426573FDA80B,2D2244C3-251A-49EA-93A8-39E1C3A060FF",
            "/sites/Ops",
            Vec::new(),
        ),
    ]
}

fn samples(name: &str) -> Vec<Value> {
    let Some(file) = shared(name) else {
        eprintln!("skipped: no shared samples");
        return Vec::new();
    };
    let text = std::fs::read_to_string(file).expect("readable");
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Sends a sample with our host, our token and, in place of the sample's event, one that is there.
async fn replay(lab: &Lab, sample: &Value, event: &str, etag: &str) -> u16 {
    let url = sample["url"].as_str().expect("url");
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let path = path.replace("AAMkAGI1AAAt9AHjAAA=", event).replace("/events/2", &format!("/events/{event}"));
    let method = Method::from_bytes(sample["method"].as_str().expect("method").as_bytes()).expect("method");
    let mut request = lab.http.request(method, format!("{}/{path}", lab.simulator.url()));
    for (name, value) in sample["headers"].as_object().expect("headers") {
        let value = value.as_str().expect("text");
        request = match name.as_str() {
            "Authorization" => request.bearer_auth(&lab.token),
            "If-Match" if url.ends_with("/items/12/fields") => request.header(name, "*"),
            "If-Match" if value.starts_with("W/") => request.header(name, etag),
            _ => request.header(name, value),
        };
    }
    request = match &sample["body"] {
        Value::Null => request,
        Value::String(form) => request.body(form.clone()),
        body => request.body(body.to_string()),
    };
    read(request).await.expect("an answer").status
}

/// Whether a sample is about what the simulator plays so far.
fn is_ours(sample: &Value) -> bool {
    let url = sample["url"].as_str().unwrap_or_default();
    ["/users", "/groups", "/sites/", "/oauth2/", "/$batch", "/organization"].iter().any(|part| url.contains(part))
        && ["/calendarView/delta", "/items/delta", "/cancel", "$deltatoken=abc"].iter().all(|part| !url.contains(part))
}

#[tokio::test]
async fn the_shared_good_samples_are_accepted() {
    for sample in samples("sample-good.jsonl").iter().filter(|sample| is_ours(sample)) {
        let lab = sample_lab().await;
        let made = lab.create("w1@contoso.com", &visit("made", "made")).await;
        let etag = made.body["@odata.etag"].as_str().expect("a tag").to_owned();
        let status = replay(&lab, sample, made.id(), &etag).await;
        let refused = lab.simulator.requests().into_iter().rfind(|record| !record.in_batch).expect("a record").refused;
        // The samples' tenants and apps are not here, which is an answer and no refusal of the form.
        let token = sample["url"].as_str().is_some_and(|url| url.contains("/oauth2/"));
        assert!(!refused && (token || status < 300), "{}: {status}", sample["name"]);
    }
}

#[tokio::test]
async fn the_shared_bad_samples_are_refused() {
    for sample in samples("sample-bad.jsonl").iter().filter(|sample| !sample["url"].as_str().unwrap_or_default().contains("evil"))
    {
        // What the HTTP client puts right by itself never arrives.
        if !is_ours(sample) || sample["name"] == "http" || sample["name"] == "url space" {
            continue;
        }
        let lab = sample_lab().await;
        let made = lab.create("1", &visit("made", "made")).await;
        let status = replay(&lab, sample, made.id(), "W/\"x\"").await;
        assert!((400..500).contains(&status), "{}: {status}", sample["name"]);
        let refused = lab.simulator.requests().into_iter().rfind(|record| !record.in_batch).is_some_and(|record| record.refused);
        assert!(refused || status == 401, "{} was refused for another reason than its form", sample["name"]);
    }
}
