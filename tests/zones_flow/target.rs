//! The list that zones go to: set, refused, shown; and a file published into it.

use argus_m365::simulator::{ColumnKind, ColumnSpec, SiteSpec};
use serde_json::{Value, json};

use crate::{
    command::{publish, ran, sheet},
    stage::{Scene, items, prepare},
    support::{self, Connector, Store, World, eventually},
};

const SET: &str = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { site list siteId listId matchColumn matchField \
    fields { zoneField column } retire retireColumn warnings } }";

fn input(change: impl FnOnce(&mut Value)) -> Value {
    let mut input = json!({
        "site": "acme-water.sharepoint.example:/sites/ops", "list": "Zones", "matchColumn": "Zone ID", "retire": "MARK",
        "retireColumn": "Retired", "fields": [
            { "zoneField": "name", "column": "Title" },
            { "zoneField": "latitude", "column": "Latitude" },
            { "zoneField": "boundary", "column": "Boundary" },
            { "zoneField": "attributes.customers", "column": "customers" },
        ],
    });
    change(&mut input);
    input
}

async fn set(connector: &Connector, input: Value) -> Value {
    connector.graphql(SET, json!({ "input": input })).await
}

/// Code and field of the refusal of a changed input; what is set stays as it was.
async fn refused(connector: &Connector, change: impl FnOnce(&mut Value)) -> (String, String) {
    let answer = set(connector, input(change)).await;
    let extensions = &answer["errors"][0]["extensions"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&extensions["code"]), text(&extensions["field"]))
}

async fn patch_tenant(world: &World, change: &Value) {
    let tenant = support::tenant();
    let url = format!("{}/_sim/tenants/{}", world.simulator.url, tenant["id"].as_str().unwrap());
    assert!(world.http.patch(url).json(change).send().await.unwrap().status().is_success());
}

async fn in_a_world(story: impl AsyncFn(&World, &Connector)) {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, Scene::default()).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        story(&world, &connector).await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_target_is_set_with_every_name_resolved_and_shown_and_removed() {
    in_a_world(async |_, connector| {
        let answer = set(connector, input(|_| {})).await;
        let set = &answer["data"]["setZoneTarget"];
        assert_eq!(set["siteId"], SiteSpec::DEMO_ID, "{answer}");
        assert_eq!((&set["listId"], &set["matchColumn"]), (&json!(SiteSpec::DEMO_LIST), &json!("Zone_x0020_ID")));
        assert_eq!((&set["matchField"], &set["retireColumn"]), (&json!("zoneId"), &json!("Retired")));
        assert_eq!(set["fields"][3], json!({ "zoneField": "attributes.customers", "column": "Customers" }));
        assert_eq!(set["warnings"], json!([]));
        let shown = connector.data("{ zoneTarget { site list retire } }", Value::Null).await;
        let said = json!({ "site": "acme-water.sharepoint.example:/sites/ops", "list": "Zones", "retire": "MARK" });
        assert_eq!(shown["zoneTarget"], said);
        let trail = connector.data("{ auditTrail(action: \"zone-target.set\") { totalCount } }", Value::Null).await;
        assert_eq!(trail["auditTrail"]["totalCount"], 1);
        assert_eq!(connector.data("mutation { removeZoneTarget }", Value::Null).await["removeZoneTarget"], true);
        assert_eq!(connector.data("mutation { removeZoneTarget }", Value::Null).await["removeZoneTarget"], false);
        assert_eq!(connector.data("{ zoneTarget { site } }", Value::Null).await["zoneTarget"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_fit_the_list_is_named_by_its_field_and_changes_nothing() {
    in_a_world(async |_, connector| {
        assert!(set(connector, input(|_| {})).await["errors"].is_null());
        let bad = |field: &str| ("BAD_USER_INPUT".to_owned(), field.to_owned());
        let column = |name: &'static str| move |input: &mut Value| input["fields"][2]["column"] = json!(name);
        assert_eq!(
            refused(connector, |input| input["site"] = json!("acme-water.sharepoint.example:/sites/no")).await,
            bad("site")
        );
        assert_eq!(refused(connector, |input| input["site"] = json!("https://acme.example")).await, bad("site"));
        assert_eq!(refused(connector, |input| input["list"] = json!("O'Brien's")).await, bad("list"));
        assert_eq!(refused(connector, |input| input["matchColumn"] = json!("Boundary")).await, bad("matchColumn"));
        assert_eq!(refused(connector, |input| input["matchField"] = json!("colour")).await, bad("matchField"));
        for name in ["None", "Created", "Place", "Map", "Latitude", "Zone ID", "Title"] {
            assert_eq!(refused(connector, column(name)).await, bad("fields[2].column"), "{name}");
        }
        let several = |input: &mut Value| {
            input["matchColumn"] = json!("Zone Id2");
            input["fields"][1]["column"] = json!("Place");
            input["retireColumn"] = json!("Title");
        };
        let answer = set(connector, input(several)).await;
        assert_eq!(answer["errors"][0]["extensions"]["field"], "matchColumn", "{answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        for told in
            ["no column \"Zone Id2\"", "; fields[1].column: column \"Place\"", "number columns for latitude", "; retireColumn: "]
        {
            assert!(message.contains(told), "{told} in {message}");
        }
        let nonsense = |input: &mut Value| input["fields"][1]["zoneField"] = json!("attributes.");
        assert_eq!(refused(connector, nonsense).await, bad("fields[1].zoneField"));
        assert_eq!(refused(connector, |input| input["retireColumn"] = Value::Null).await, bad("retireColumn"));
        assert_eq!(refused(connector, |input| input["retireColumn"] = json!("Title")).await, bad("retireColumn"));
        let shown = connector.data("{ zoneTarget { list fields { column } } }", Value::Null).await;
        assert_eq!(shown["zoneTarget"]["fields"][2]["column"], "Boundary");
    })
    .await;
}

#[tokio::test]
async fn a_match_column_without_index_or_uniqueness_is_warned_of_with_the_remedy() {
    in_a_world(async |world, connector| {
        let warned = async |column: ColumnSpec| {
            let mut site = SiteSpec::demo();
            site.lists[0].columns[0] = column;
            patch_tenant(world, &json!({ "sites": [site] })).await;
            let answer = set(connector, input(|_| {})).await;
            answer["data"]["setZoneTarget"]["warnings"].to_string()
        };
        let plain = || ColumnSpec::new("Zone_x0020_ID", "Zone ID", ColumnKind::Text);
        assert!(warned(plain()).await.contains("has no index and does not enforce unique values"));
        let file = sheet(world, "zones.csv", "zoneId,name\nZ-1,North");
        let (code, out, err) = ran(publish(connector, &file, &["--dry-run"])).await;
        assert_eq!((code, out.lines().last()), (Some(0), Some("would be done: created 1")), "{err}");
        assert!(err.contains("\"Zone ID\" (Zone_x0020_ID) has no index"), "whoever publishes reads it, too: {err}");
        let indexed = warned(plain().indexed()).await;
        assert!(indexed.contains("does not enforce unique values") && !indexed.contains("no index"), "{indexed}");
        assert_eq!(warned(plain().unique()).await, "[]");
    })
    .await;
}

#[tokio::test]
async fn a_site_that_was_not_granted_and_a_microsoft_out_of_reach_are_told_apart() {
    in_a_world(async |world, connector| {
        let forbidden = json!({ "status": { "status": 403, "code": "accessDenied" } });
        world.simulator.fault(json!({ "path": "/v1.0/sites", "effect": forbidden })).await;
        let answer = set(connector, input(|_| {})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "CONSENT_MISSING");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("Sites.Selected"), "{answer}");
        world.simulator.heal().await;
        world.simulator.fault(json!({ "path": "/v1.0/sites", "effect": "close" })).await;
        assert_eq!(refused(connector, |_| {}).await.0, "GRAPH_UNAVAILABLE");
        world.simulator.heal().await;
        assert_eq!(connector.data("{ zoneTarget { site } }", Value::Null).await["zoneTarget"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_file_is_published_by_command_and_again_without_a_write() {
    in_a_world(async |world, connector| {
        assert!(set(connector, input(|_| {})).await["errors"].is_null());
        let file = world.folder.path().join("zones.geojson");
        let square = json!([[[-6.3, 53.3], [-6.2, 53.3], [-6.2, 53.4], [-6.3, 53.4], [-6.3, 53.3]]]);
        let feature = |id: &str, customers: u64| {
            json!({ "type": "Feature", "id": id, "properties": { "name": format!("Zone {id}"), "customers": customers },
                "geometry": { "type": "Polygon", "coordinates": square } })
        };
        let text = json!({ "type": "FeatureCollection", "features": [feature("Z-1", 5), feature("O'Brien #7 50%", 6)] });
        std::fs::write(&file, text.to_string()).unwrap();
        let path = file.to_string_lossy().into_owned();
        let publish = ["zones", "publish", "--org", "acme", "--json", "--file", &path];
        let dry = connector.command(&[&publish[..], &["--dry-run"]].concat()).await;
        assert_eq!((&dry["state"], dry["changes"].as_array().unwrap().len()), (&json!("succeeded"), 2), "{dry}");
        assert!(items(world).await.is_empty());
        let first = connector.command(&publish).await;
        assert_eq!((&first["state"], &first["counts"]["created"]), (&json!("succeeded"), &json!(2)), "{first}");
        let again = connector.command(&publish).await;
        assert_eq!((&again["counts"]["unchanged"], &again["counts"]["updated"]), (&json!(2), &json!(0)), "{again}");
        let (_, fields) = eventually("the item is there", async || items(world).await.remove("O'Brien #7 50%")).await;
        assert_eq!((&fields["Latitude"], &fields["Customers"]), (&json!(53.35), &json!(6.0)));
        let writes = world.simulator.state().await["lists"][0]["changed"].clone();
        assert_eq!(writes, 0, "the second publication wrote nothing");
    })
    .await;
}
