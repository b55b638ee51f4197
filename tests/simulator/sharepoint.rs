//! Lists: look-ups and their rules, writes and their refusals, resource units.

use std::time::{Duration, Instant};

use argus_m365::simulator::{
    AppSpec, ColumnKind, ColumnSpec, Effect, Fault, ItemAct, ListSpec, RetryAfter, SiteGrant, SiteSpec, TenantChange, TenantSpec,
    When,
};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Lab, encoded, read};

const LIST: &str = SiteSpec::DEMO_LIST;

fn items() -> String {
    format!("/sites/{}/lists/{LIST}/items", SiteSpec::DEMO_ID)
}

async fn add(lab: &Lab, fields: Value) -> Answer {
    lab.post(&items(), &json!({ "fields": fields })).await
}

fn by(column: &str, literal: &str) -> String {
    let filter = encoded(&format!("fields/{column} eq {literal}"));
    format!("{}?$expand=fields&$filter={filter}", items())
}

async fn found(lab: &Lab, path: &str) -> Vec<String> {
    let answer = lab.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["value"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The demo tenant with `rows` items in its list, whose `Kind` has no index.
async fn lab_with(rows: usize) -> Lab {
    Lab::with(|spec| {
        let fields = |row: usize| {
            Map::from_iter([("Zone_x0020_ID".to_owned(), json!(format!("Z-{row}"))), ("Kind".to_owned(), json!("x"))])
        };
        spec.sites[0].lists[0].items = (1..=rows).map(fields).collect();
    })
    .await
}

#[tokio::test]
async fn a_site_and_a_list_are_found_by_every_name() {
    let lab = Lab::with(|spec| {
        spec.sites.push(SiteSpec { id: "acme-water.sharepoint.example,0,1".into(), ..SiteSpec::default() });
    })
    .await;
    let ops = ["acme-water.sharepoint.example:/sites/ops", "ACME-water.sharepoint.example:/Sites/OPS", SiteSpec::DEMO_ID];
    for site in ops {
        assert_eq!(lab.get(&format!("/sites/{site}")).await.id(), SiteSpec::DEMO_ID, "{site}");
    }
    for root in ["root", "acme-water.sharepoint.example"] {
        assert_eq!(lab.get(&format!("/sites/{root}")).await.id(), "acme-water.sharepoint.example,0,1", "{root}");
    }
    for list in ["Zones", "zones", LIST] {
        let path = format!("/sites/acme-water.sharepoint.example:/sites/ops:/lists/{list}");
        assert_eq!(lab.get(&path).await.id(), LIST, "{list}");
    }
    for gone in
        ["/sites/acme-water.sharepoint.example:/sites/none".to_owned(), format!("/sites/{}/lists/None", SiteSpec::DEMO_ID)]
    {
        let answer = lab.get(&gone).await;
        assert_eq!((answer.status, answer.code()), (404, "itemNotFound"), "{gone}");
    }
}

#[tokio::test]
async fn columns_say_their_type_index_and_what_is_forbidden() {
    let lab = Lab::new().await;
    let answer = lab.get(&format!("/sites/{}/lists/Zones/columns", SiteSpec::DEMO_ID)).await;
    let columns = answer.body["value"].as_array().unwrap();
    let column = |name: &str| columns.iter().find(|column| column["name"] == name).unwrap();
    let id = column("Zone_x0020_ID");
    assert_eq!((&id["displayName"], &id["indexed"], &id["enforceUniqueValues"]), (&json!("Zone ID"), &json!(true), &json!(true)));
    assert_eq!(column("Boundary")["text"]["allowMultipleLines"], true);
    assert_eq!(column("Created")["readOnly"], true);
    assert!(column("Place")["geolocation"].is_object() && column("Utility")["choice"]["choices"].is_array());
}

#[tokio::test]
async fn an_item_is_created_found_changed_and_deleted() {
    let lab = Lab::new().await;
    let made = add(&lab, json!({"Zone_x0020_ID": "O'Brien #7 é 50%", "Latitude": 5, "Inspected": "2026-11-23"})).await;
    assert_eq!((made.status, made.id()), (201, "1"));
    assert_eq!(
        (&made.body["fields"]["Latitude"], &made.body["fields"]["Inspected"]),
        (&json!(5.0), &json!("2026-11-23T00:00:00Z"))
    );
    assert_eq!(found(&lab, &by("Zone_x0020_ID", "'o''brien #7 É 50%'")).await, ["1"], "SharePoint compares without case");
    assert!(found(&lab, &by("Zone_x0020_ID", "'O''Brien'")).await.is_empty());
    let item = format!("{}/1", items());
    let changed = lab.patch(&format!("{item}/fields"), &json!({"Title": "North", "Latitude": null})).await;
    assert_eq!((changed.status, &changed.body["Title"], changed.body.get("Latitude")), (200, &json!("North"), None));
    assert!(changed.body["@odata.etag"].as_str().unwrap().ends_with(",2\""));
    assert_eq!(lab.get(&format!("{item}?$expand=fields")).await.body["fields"]["Inspected"], "2026-11-23T00:00:00Z");
    assert_eq!(lab.delete(&item).await.status, 204);
    assert_eq!(lab.delete(&item).await.code(), "itemNotFound");
    let again = add(&lab, json!({"Zone_x0020_ID": "O'Brien #7 é 50%"})).await;
    assert_eq!((again.status, again.id()), (201, "2"), "a deleted item's value is free, its number is not");
}

#[tokio::test]
async fn a_change_onto_an_older_version_is_refused_and_leaves_the_item() {
    let lab = Lab::new().await;
    let made = add(&lab, json!({"Title": "a"})).await;
    let etag = made.body["@odata.etag"].as_str().unwrap().to_owned();
    let act = ItemAct::Edit { item: "1".into(), fields: Map::from_iter([("Title".to_owned(), json!("by hand"))]) };
    assert!(lab.simulator.by_hand(TenantSpec::DEMO_ID, LIST, &act));
    let path = format!("{}/1/fields", items());
    let update = |tag: &str| read(lab.request(Method::PATCH, &path, Some(&json!({"Title": "b"}))).header("If-Match", tag));
    assert_eq!(update(&etag).await.unwrap().status, 412);
    let state = lab.simulator.state(TenantSpec::DEMO_ID).unwrap();
    let item = state.list("Zones").unwrap().items[0].clone();
    assert_eq!((item.version, &item.fields["Title"]), (2, &json!("by hand")));
    assert_eq!(update(&item.etag).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_unique_value_stands_once_whatever_its_case() {
    for (status, code) in [(400, "invalidRequest"), (409, "nameAlreadyExists"), (500, "generalException")] {
        let lab = Lab::with_settings(|settings| settings.sharepoint.duplicate_status = status).await;
        assert_eq!(add(&lab, json!({"Zone_x0020_ID": "Z-1"})).await.status, 201);
        assert_eq!(add(&lab, json!({"Zone_x0020_ID": "Z-2"})).await.status, 201);
        let second = add(&lab, json!({"Zone_x0020_ID": "z-1"})).await;
        assert_eq!((second.status, second.code()), (status, code));
        let path = format!("{}/2/fields", items());
        assert_eq!(lab.patch(&path, &json!({"Zone_x0020_ID": "Z-1"})).await.status, status);
        assert_eq!(lab.patch(&path, &json!({"Zone_x0020_ID": "Z-2", "Title": "x"})).await.status, 200);
        assert_eq!(lab.simulator.state(TenantSpec::DEMO_ID).unwrap().list(LIST).unwrap().items.len(), 2);
    }
}

#[tokio::test]
async fn what_a_column_does_not_take_is_refused_and_nothing_is_made() {
    let lab = Lab::new().await;
    let bad = [
        json!({"Zone ID": "display name"}),
        json!({"None": 1}),
        json!({"Created": "2026-11-23"}),
        json!({"ID": 5}),
        json!({"id": "5"}),
        json!({"Latitude": "53.3"}),
        json!({"Title": 5}),
        json!({"Title": "x".repeat(256)}),
        json!({"Retired": "yes"}),
        json!({"Utility": "coal"}),
        json!({"Inspected": "soon"}),
        json!({"Map": {"Url": "https://x.example"}}),
        json!({"Place": null}),
        json!({"Title@odata.type": "Collection(Edm.String)"}),
    ];
    for fields in bad {
        assert_eq!(add(&lab, fields.clone()).await.status, 400, "{fields}");
    }
    assert_eq!(lab.post(&items(), &json!({"Title": "x"})).await.status, 400);
    assert!(lab.simulator.state(TenantSpec::DEMO_ID).unwrap().list(LIST).unwrap().items.is_empty());
}

#[tokio::test]
async fn without_an_index_a_filter_needs_the_preference_and_above_the_threshold_nothing_helps() {
    let rule = async |rows: usize| {
        let lab = lab_with(rows).await;
        let plain = lab.get(&by("Kind", "'x'")).await;
        assert!(plain.status == 400 && plain.body["error"]["message"].as_str().unwrap().contains("not indexed"));
        let bold =
            lab.request(Method::GET, &by("Kind", "'x'"), None).header("Prefer", "HonorNonIndexedQueriesWarningMayFailRandomly");
        assert_eq!(found(&lab, &by("Zone_x0020_ID", &format!("'Z-{rows}'"))).await.len(), 1, "an index always helps");
        read(bold).await.unwrap().status
    };
    assert_eq!(rule(5_000).await, 200);
    assert_eq!(rule(5_001).await, 429);
}

#[tokio::test]
async fn an_undocumented_option_is_refused() {
    let lab = Lab::new().await;
    for query in [
        "$skip=1",
        "$count=true",
        "$search=x",
        "$top=5001",
        "$orderby=fields/Title",
        "$filter=Title%20eq%20'x'",
        "$expand=columns",
        "$expand=fields(select=Title)",
        "$skiptoken=1",
    ] {
        assert_eq!(lab.get(&format!("{}?{query}", items())).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_items_are_paged_through_and_looked_up_at_once() {
    let lab = lab_with(100_000).await;
    let started = Instant::now();
    for row in [1, 50_000, 100_000] {
        assert_eq!(found(&lab, &by("Zone_x0020_ID", &format!("'z-{row}'"))).await, [row.to_string()]);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let (mut link, mut seen, mut pages) = (format!("{}/v1.0{}?$top=5000", lab.simulator.url(), items()), 0, 0);
    loop {
        let page = read(lab.http.get(&link).bearer_auth(&lab.token)).await.unwrap();
        seen += page.body["value"].as_array().unwrap().len();
        pages += 1;
        // What is deleted behind us moves nothing.
        assert!(lab.simulator.by_hand(TenantSpec::DEMO_ID, LIST, &ItemAct::Delete { item: pages.to_string() }));
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen, pages), (100_000, 20));
}

#[tokio::test]
async fn a_selected_site_needs_the_role_and_the_grant() {
    let attempt = async |role: &str, grant: Option<bool>| {
        let lab = Lab::with(|spec| {
            spec.apps[0].roles = vec![role.to_owned()];
            spec.sites[0].grants = grant.map(|write| SiteGrant { app: TenantSpec::DEMO_APP.into(), write }).into_iter().collect();
        })
        .await;
        (lab.get(&items()).await.status, add(&lab, json!({"Title": "x"})).await.status)
    };
    assert_eq!(attempt("Sites.Selected", None).await, (403, 403));
    assert_eq!(attempt("Sites.Selected", Some(false)).await, (200, 403));
    assert_eq!(attempt("Sites.Selected", Some(true)).await, (200, 201));
    assert_eq!(attempt("User.Read.All", Some(true)).await, (403, 403));
    assert_eq!(attempt("Sites.Read.All", None).await, (200, 403));
}

#[tokio::test]
async fn resource_units_are_counted_told_and_enforced() {
    for over_status in [429, 503] {
        let lab = Lab::with_settings(|settings| {
            settings.sharepoint.units = Some(10);
            settings.sharepoint.over_status = over_status;
        })
        .await;
        let single = format!("/sites/{}/lists/{LIST}", SiteSpec::DEMO_ID);
        let mut remaining = Vec::new();
        for path in [&items(), &items(), &items(), &single, &single] {
            remaining.push(lab.get(path).await.header("ratelimit-remaining").map(str::to_owned));
        }
        assert_eq!(remaining, [None, None, None, None, Some("2".to_owned())]);
        assert_eq!(add(&lab, json!({"Title": "the last two"})).await.status, 201);
        assert!(lab.simulator.violations().is_empty());
        let over = lab.get(&single).await;
        let wait: u64 = over.header("retry-after").unwrap().parse().unwrap();
        assert!(over.status == over_status && (50..=60).contains(&wait), "{} {wait}", over.status);
        assert_eq!(lab.get("/organization").await.status, 200, "another service's is not counted");
        lab.get(&items()).await;
        assert_eq!(lab.simulator.violations().len(), 1, "it came before its time");
    }
}

#[tokio::test]
async fn every_part_of_a_batch_is_charged_and_judged_alone() {
    let lab = Lab::with_settings(|settings| settings.sharepoint.units = Some(10)).await;
    let part = |id: usize| {
        let fields = json!({"Zone_x0020_ID": format!("Z-{id}")});
        let headers = json!({"Content-Type": "application/json"});
        json!({"id": id.to_string(), "method": "POST", "url": items(), "headers": headers, "body": {"fields": fields}})
    };
    let parts: Vec<Value> = (1..=6).map(part).collect();
    let answer = lab.post("/$batch", &json!({ "requests": parts })).await;
    let of = |id: &str| answer.body["responses"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap().clone();
    assert_eq!((&of("5")["status"], &of("5")["headers"]["RateLimit-Remaining"]), (&json!(201), &json!("0")));
    assert_eq!(of("6")["status"], 429);
    assert!(of("6")["headers"]["Retry-After"].is_string());
    assert_eq!(lab.simulator.state(TenantSpec::DEMO_ID).unwrap().list(LIST).unwrap().made, 5);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_item_behind() {
    let lab = Lab::new().await;
    let path = Some(format!("/v1.0/sites/*/lists/{LIST}/items"));
    lab.simulator.add_fault(Fault {
        method: Some("POST".into()),
        path,
        times: Some(1),
        when: When::After,
        effect: Effect::Reset,
        ..Fault::default()
    });
    let body = json!({"fields": {"Zone_x0020_ID": "Z-1"}});
    assert!(read(lab.request(Method::POST, &items(), Some(&body))).await.is_err());
    assert_eq!(found(&lab, &by("Zone_x0020_ID", "'Z-1'")).await.len(), 1);
}

#[tokio::test]
async fn a_fault_on_lists_binds_the_applications_whole_use_of_sharepoint() {
    let lab = Lab::new().await;
    let effect = Effect::Status { status: 429, code: None, retry_after: Some(RetryAfter::Seconds(60)), no_body: false };
    lab.simulator.add_fault(Fault { path: Some("/v1.0/sites".into()), times: Some(1), effect, ..Fault::default() });
    assert_eq!(lab.get(&items()).await.status, 429);
    add(&lab, json!({"Title": "too early"})).await;
    assert_eq!(lab.simulator.violations()[0].scope, format!("{}/sharepoint", TenantSpec::DEMO_APP));
}

#[tokio::test]
async fn a_site_is_made_over_http_and_its_items_are_touched_by_hand() {
    let lab = Lab::new().await;
    let control = |method: Method, path: &str| {
        lab.http.request(method, format!("{}/_sim/tenants/{}{path}", lab.simulator.url(), TenantSpec::DEMO_ID))
    };
    let mut site = SiteSpec::demo();
    site.lists.push(ListSpec {
        id: "l-2".into(),
        title: "Second".into(),
        columns: vec![ColumnSpec::new("Key", "Key", ColumnKind::Number).indexed()],
        ..ListSpec::default()
    });
    let changed = read(control(Method::PATCH, "").json(&json!({"sites": [site]}))).await.unwrap();
    assert_eq!(changed.status, 204);
    for act in [json!({"add": {"Key": 7.0}}), json!({"edit": {"item": "1", "fields": {"Key": 8.0}}})] {
        assert_eq!(read(control(Method::POST, "/lists/l-2").json(&act)).await.unwrap().status, 204, "{act}");
    }
    let path = format!("/sites/{}/lists/Second/items?$filter=fields/Key%20eq%208", SiteSpec::DEMO_ID);
    assert_eq!(found(&lab, &path).await, ["1"]);
    let state = read(control(Method::GET, "/state")).await.unwrap();
    assert_eq!(state.body["lists"][1]["items"][0]["fields"]["Key"], 8.0);
    let change = TenantChange { apps: vec![AppSpec::default()], ..TenantChange::default() };
    assert!(lab.simulator.change_tenant(TenantSpec::DEMO_ID, change), "other changes leave sites alone");
    assert_eq!(found(&lab, &path).await, ["1"]);
}
