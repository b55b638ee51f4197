//! The zones' part of the story: a list is chosen, zones are published twice, one changes, one would, and one is removed.

use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{
    patience::{PATIENCE, pause},
    teller::Teller,
};
use crate::simulator::SiteSpec;

impl Teller<'_> {
    pub(super) async fn publish_zones(&mut self) -> anyhow::Result<()> {
        self.table.step("A SharePoint list is chosen for zones; three zones are published, then the same again");
        self.stage.caller.change_tenant(&json!({ "sites": [SiteSpec::demo()] })).await?;
        let target = json!({
            "site": SiteSpec::DEMO_ID, "list": "Zones", "matchColumn": "Zone ID", "retire": "MARK", "retireColumn": "Retired",
            "fields": [{ "zoneField": "name", "column": "Title" }, { "zoneField": "attributes.customers", "column": "Customers" }],
        });
        let query = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { matchColumn } }";
        let set = self.stage.caller.graphql(query, json!({ "input": target })).await?;
        self.table.line(&format!("\"Zone ID\" is the column {}, checked against the list", set["setZoneTarget"]["matchColumn"]));
        let zone = |id: &str, name: &str, customers: u64| json!({ "zoneId": id, "name": name, "attributes": { "customers": customers } });
        let zones = [zone("N-1", "North Ward", 1_240), zone("N-2", "O'Connell St. #2", 87), zone("S-1", "South Docks", 411)];
        let first = self.published(json!({ "zones": zones })).await?;
        self.claims.equal(self.table, "three items were created", &first["counts"]["created"], &json!(3));
        let writes = self.stage.caller.writes().await?;
        let again = self.published(json!({})).await?;
        self.claims.equal(self.table, "published again, three are unchanged", &again["counts"]["unchanged"], &json!(3));
        self.claims.equal(self.table, "and nothing was written", &self.stage.caller.writes().await?, &writes);

        self.table.step("One zone changes (an event)");
        let event = json!({
            "specversion": "1.0", "id": "zone-N-1-2", "source": "/argus/zones", "type": "argus.zone.changed.v1",
            "time": "2026-11-25T10:00:00Z", "subject": "zone/N-1",
            "data": { "zoneId": "N-1", "version": 2, "name": "North Ward", "attributes": { "customers": 1_302 } },
        });
        self.publish_on("zone.changed", &event, "first").await?;
        // SharePoint keeps every number as a fraction.
        let follows = |items: &[Value]| items.iter().any(|item| item["Customers"].as_f64().is_some_and(|count| count > 1_300.0));
        let items = self.items_until(follows).await?;
        for item in &items {
            self.table.line(&format!("│ {} {} {}", item["Zone_x0020_ID"], item["Title"], item["Customers"]));
        }
        self.claims.that(self.table, "its item follows, and there are still three", follows(&items) && items.len() == 3);

        self.table.step("What another change would do is asked first (a dry run); then a zone is removed (an event)");
        let writes = self.stage.caller.writes().await?;
        let dry = self.published(json!({ "zones": [zone("N-1", "North Ward", 1_500)], "dryRun": true })).await?;
        let change = &dry["changes"]["nodes"][0];
        self.table.line(&format!("{} {}: {} -> {}", change["action"], change["key"], change["before"], change["after"]));
        let told = change["before"]["Customers"].as_f64().zip(change["after"]["Customers"].as_f64());
        self.claims.that(
            self.table,
            "the column is told before and after",
            told.is_some_and(|(before, after)| before < 1_303.0 && after > 1_499.0),
        );
        self.claims.equal(self.table, "and nothing was written", &self.stage.caller.writes().await?, &writes);
        let event = json!({
            "specversion": "1.0", "id": "zone-S-1-2", "source": "/argus/zones", "type": "argus.zone.removed.v1",
            "time": "2026-11-25T11:00:00Z", "subject": "zone/S-1", "data": { "zoneId": "S-1", "version": 2 },
        });
        self.publish_on("zone.removed", &event, "first").await?;
        let marked = |items: &[Value]| items.iter().any(|item| item["Title"] == "South Docks" && item["Retired"] == true);
        let items = self.items_until(marked).await?;
        self.claims.that(self.table, "its item is marked as the list's rule says, and stays", marked(&items) && items.len() == 3);
        Ok(())
    }

    /// Publishes and waits for the end.
    async fn published(&self, input: Value) -> anyhow::Result<Value> {
        let started = Instant::now();
        let query = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
        let id = self.stage.caller.graphql(query, json!({ "input": input })).await?["publishZones"]["id"].take();
        loop {
            let query = "query($id: ID!) { operation(id: $id) { state counts error { code message } \
                changes(first: 20) { nodes { key action before after } } } }";
            let operation = self.stage.caller.graphql(query, json!({ "id": id })).await?["operation"].take();
            if !matches!(operation["state"].as_str(), Some("QUEUED" | "RUNNING")) {
                return Ok(operation);
            }
            if started.elapsed() > PATIENCE {
                bail!("the publication did not end: {operation}");
            }
            pause().await;
        }
    }

    /// The list's items, once they are as wanted; as they are, when that never comes.
    async fn items_until(&self, wanted: impl Fn(&[Value]) -> bool) -> anyhow::Result<Vec<Value>> {
        let started = Instant::now();
        loop {
            let state = self.stage.caller.state().await?;
            let items = state["lists"][0]["items"].as_array().context("the list has items")?;
            let fields: Vec<Value> = items.iter().map(|item| item["fields"].clone()).collect();
            if wanted(&fields) || started.elapsed() > PATIENCE {
                return Ok(fields);
            }
            pause().await;
        }
    }
}
