//! An organisation with a list to publish to, and what its callers do and see.

use std::collections::BTreeMap;

use argus_m365::{
    capabilities::{
        Outcome,
        sharepoint::{
            Target,
            request::TargetRequest,
            target::{Column, ColumnType, Mapping, Retire},
        },
    },
    clock::{Clock as _, SystemClock},
    organisation::{OrgScope, OrganisationId},
    simulator::SiteSpec,
    store::{NewAuditEntry, NewOperation, OperationKind, ZoneTarget},
};
use serde_json::{Value, json};

use crate::support::{self, Connector, Store, World};

/// The tenant's settings that matter here.
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether the list has it")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Scene {
    pub(crate) retire: Option<Retire>,
    /// Whether the match column has an index, and enforces unique values.
    pub(crate) unindexed: bool,
    /// An index, and each value as often as somebody likes.
    pub(crate) not_unique: bool,
    /// What a second item with a unique value gets; 400 without it.
    pub(crate) duplicate_status: Option<u16>,
    /// Whether the site has a second list, `Copy`, with the same columns.
    pub(crate) copy: bool,
    /// Items `Z-1`, `Z-2`, … that the list begins with.
    pub(crate) items: usize,
    /// Resource units in a window …
    pub(crate) units: Option<u64>,
    /// … of so many seconds; three without it.
    pub(crate) window: Option<u64>,
    /// Whether no answer says how many are left.
    pub(crate) no_headers: bool,
    /// What an application gets that has used them up; 429 without it.
    pub(crate) over_status: Option<u16>,
    /// What a value gets that its column does not take; 400 without it.
    pub(crate) type_error_status: Option<u16>,
}

/// Where a fault meets a list's items as a whole: creations, look-ups and pages, alone or as parts of a batch.
pub(crate) const ITEMS: &str = "/v1.0/sites/*/lists/*/items";

/// Where a fault meets a change of one item.
pub(crate) const CHANGES: &str = "/v1.0/sites/*/lists/*/items/*/fields";

/// The second list's id.
pub(crate) const COPY: &str = "0c5d6e7f-8a9b-4c1d-8e2f-3a4b5c6d7e8f";

/// Runs a story on every store, each in a world of its own with a registered connection and a list to publish to.
pub(crate) async fn on_every_store(scene: Scene, story: impl AsyncFn(&World, &Connector)) {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, scene).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        set_target(&world, &target(scene)).await;
        story(&world, &connector).await;
        world.finish(connector).await;
    }
}

pub(crate) async fn prepare(world: &World, scene: Scene) {
    let mut site = serde_json::to_value(SiteSpec::demo()).unwrap();
    if scene.unindexed {
        let column = &mut site["lists"][0]["columns"][0];
        (column["indexed"], column["enforceUniqueValues"]) = (json!(false), json!(false));
    }
    if scene.not_unique {
        site["lists"][0]["columns"][0]["enforceUniqueValues"] = json!(false);
    }
    let old = |number| json!({ "Zone_x0020_ID": format!("Z-{number}"), "Title": "old", "Customers": f64::from(number) });
    site["lists"][0]["items"] = (1..=u32::try_from(scene.items).unwrap()).map(old).collect();
    if scene.copy {
        let mut copy = site["lists"][0].clone();
        (copy["id"], copy["title"]) = (json!(COPY), json!("Copy"));
        site["lists"].as_array_mut().unwrap().push(copy);
    }
    let mut change = json!({ "sites": [site] });
    let mut sharepoint = json!({});
    if let Some(units) = scene.units {
        sharepoint = json!({
            "units": units, "windowS": scene.window.unwrap_or(3), "rateLimitHeaders": !scene.no_headers,
            "overStatus": scene.over_status.unwrap_or(429),
        });
    }
    if let Some(status) = scene.type_error_status {
        sharepoint["typeErrorStatus"] = json!(status);
    }
    if let Some(status) = scene.duplicate_status {
        sharepoint["duplicateStatus"] = json!(status);
    }
    change["settings"] = json!({ "sharepoint": sharepoint });
    let tenant = support::tenant();
    let url = format!("{}/_sim/tenants/{}", world.simulator.url, tenant["id"].as_str().unwrap());
    let answer = world.http.patch(url).json(&change).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

pub(crate) fn target(scene: Scene) -> Target {
    let column = |name: &str, kind| Column { name: name.into(), kind, indexed: false, unique: false };
    let mapping = |field: &str, name: &str, kind| Mapping { zone_field: field.into(), column: column(name, kind) };
    Target {
        site_id: SiteSpec::DEMO_ID.into(),
        list_id: SiteSpec::DEMO_LIST.into(),
        match_field: "zoneId".into(),
        match_column: Column {
            indexed: !scene.unindexed,
            unique: !scene.unindexed && !scene.not_unique,
            ..column("Zone_x0020_ID", ColumnType::Text)
        },
        fields: vec![
            mapping("name", "Title", ColumnType::Text),
            mapping("attributes.customers", "Customers", ColumnType::Number),
        ],
        retire: scene.retire.unwrap_or(Retire::Leave),
        retire_column: Some(column("Retired", ColumnType::Boolean)),
    }
}

pub(crate) async fn set_target(world: &World, target: &Target) {
    let store = argus_m365::store::Store::open(&world.store).await.unwrap();
    let scope = OrgScope::granted_to_operator(OrganisationId::parse("acme").unwrap());
    let epoch = store.connection(&scope).await.unwrap().unwrap().epoch;
    let asked = TargetRequest {
        site: target.site_id.clone(),
        list: target.list_id.clone(),
        match_column: target.match_column.name.clone(),
        match_field: target.match_field.clone(),
        fields: vec![],
        retire: target.retire,
        retire_column: None,
    };
    let now = SystemClock.now();
    let row = ZoneTarget { connection_epoch: epoch, asked, target: target.clone(), warnings: vec![], set_at: now };
    let audit = NewAuditEntry {
        at: now,
        actor: "test".into(),
        action: "zone-target.set".into(),
        target: "zone-target".into(),
        outcome: Outcome::Succeeded,
        detail: json!({}),
        personal: vec![],
        correlation_id: None,
        graph_request_id: None,
    };
    let publication = NewOperation {
        id: "unused".into(),
        kind: OperationKind::PublishZones,
        dry_run: false,
        input: json!({}),
        requested_by: "test".into(),
        trace: None,
    };
    store.set_zone_target(&scope, row, publication, audit).await.unwrap();
    store.close().await;
}

/// The list's items by zone: (item id, fields). A zone with two items fails the test.
pub(crate) async fn items(world: &World) -> BTreeMap<String, (String, Value)> {
    items_of(world, 0).await
}

/// The same of the second list.
pub(crate) async fn copied(world: &World) -> BTreeMap<String, (String, Value)> {
    items_of(world, 1).await
}

async fn items_of(world: &World, list: usize) -> BTreeMap<String, (String, Value)> {
    let state = world.simulator.state().await;
    let mut found = BTreeMap::new();
    for item in state["lists"][list]["items"].as_array().into_iter().flatten() {
        let key = item["fields"]["Zone_x0020_ID"].as_str().unwrap_or_default().to_owned();
        let id = item["id"].as_str().map_or_else(|| item["id"].to_string(), str::to_owned);
        let twice = found.insert(key.clone(), (id, item["fields"].clone()));
        assert!(twice.is_none(), "zone {key} has two items");
    }
    found
}

/// Items made, changed and deleted so far.
pub(crate) async fn writes(world: &World) -> u64 {
    let state = world.simulator.state().await;
    let list = &state["lists"][0];
    ["made", "changed", "removed"].iter().filter_map(|what| list[what].as_u64()).sum()
}

/// What a person does to the list's items by hand: `add`, `edit`, `delete`.
pub(crate) async fn by_hand(world: &World, act: &Value) {
    let tenant = support::tenant();
    let list = SiteSpec::DEMO_LIST;
    let url = format!("{}/_sim/tenants/{}/lists/{list}", world.simulator.url, tenant["id"].as_str().unwrap());
    let answer = world.http.post(url).json(act).send().await.unwrap();
    assert!(answer.status().is_success(), "{act}: {}", answer.text().await.unwrap());
}

/// What the calls with this method came to, of those whose path ends so, oldest first. Batches are seen by their parts.
pub(crate) async fn statuses(world: &World, method: &str, is_it: impl Fn(&str) -> bool) -> Vec<u64> {
    let requests = world.simulator.requests().await;
    let fits = |request: &&Value| request["method"] == method && is_it(request["path"].as_str().unwrap_or_default());
    requests.as_array().unwrap().iter().filter(fits).filter_map(|request| request["status"].as_u64()).collect()
}

/// Calls that left for the list so far: a batch is one.
pub(crate) async fn calls(world: &World) -> usize {
    let requests = world.simulator.requests().await;
    let is_call = |request: &&Value| {
        let path = request["path"].as_str().unwrap_or_default();
        request["inBatch"] != true && (path.contains("/lists/") || path.ends_with("/$batch"))
    };
    requests.as_array().unwrap().iter().filter(is_call).count()
}

pub(crate) fn zone(number: usize, name: &str) -> Value {
    json!({ "zoneId": format!("Z-{number}"), "name": name, "attributes": { "customers": number } })
}

pub(crate) async fn publish_zones(connector: &Connector, input: Value) -> String {
    let query = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id state } }";
    let answer = connector.data(query, json!({ "input": input })).await;
    answer["publishZones"]["id"].as_str().unwrap().to_owned()
}

/// Waits for an operation's end.
pub(crate) async fn ended(connector: &Connector, id: &str) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { state done total counts error { code message } \
        changes(first: 200) { totalCount nodes { key action before after error { code message } } } } }";
    support::eventually_within(std::time::Duration::from_mins(2), "the publication ends", async || {
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        (!operation["error"].is_null() || !["QUEUED", "RUNNING"].contains(&operation["state"].as_str().unwrap()))
            .then_some(operation)
    })
    .await
}

pub(crate) async fn published(connector: &Connector, input: Value) -> Value {
    let id = publish_zones(connector, input).await;
    ended(connector, &id).await
}

pub(crate) async fn event(world: &World, verb: &str, version: u64, zone: &Value) {
    let mut data = zone.clone();
    data["version"] = json!(version);
    let id = format!("{verb}-{}-{version}", data["zoneId"].as_str().unwrap());
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": format!("argus.zone.{verb}.v1"),
        "time": "2026-11-23T09:00:00Z", "data": data,
    });
    world.publish(&format!("argus.acme.zone.{verb}"), &event).await;
}
