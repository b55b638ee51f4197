//! The outage's part of the story: reported, updated, restored, and what a Teams channel saw of it.

use std::time::Instant;

use anyhow::bail;
use serde_json::json;

use super::{
    patience::{PATIENCE, pause},
    teller::Teller,
};

const OUTAGE: &str = "out-4471";
/// The channel's key, and the name of its webhook at the simulator.
const CHANNEL: &str = "control-room";
/// Stands in the webhook's URL and must stand nowhere else.
const SIGNATURE: &str = "demo-webhook-signature";

impl Teller<'_> {
    /// Tells it.
    pub(super) async fn an_outage(&mut self) -> anyhow::Result<()> {
        self.table.step("A Teams channel is set (a Workflows webhook), and an outage is reported");
        let url =
            self.stage.caller.simulator.join(&format!("workflows/{CHANNEL}/triggers/manual/paths/invoke?sig={SIGNATURE}"))?;
        let input = json!({
            "key": CHANNEL, "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url, "minimumSeverity": "moderate", "timeZone": "Europe/Dublin",
        });
        let query = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { webhookHost } }";
        let set = self.stage.caller.graphql(query, json!({ "input": input })).await?;
        self.table.line(&format!("of the URL, the API shows its host alone: {}", set["setTeamsChannel"]["webhookHost"]));
        let started = Instant::now();
        self.tell_outage("reported", 1, "investigating", 1_240).await?;
        self.posted(1).await?;
        let in_time = started.elapsed().as_secs_f64() < 2.0;
        let cards = self.stage.caller.cards(CHANNEL).await?;
        self.show_cards(&cards);
        self.claims.equal(self.table, "one card stands in the channel", &cards.len(), &1);
        self.claims.that(self.table, &format!("within 2 s of the event ({:.1} s)", started.elapsed().as_secs_f64()), in_time);

        self.table.step("Five updates in a burst: four that nobody acts on, and a crew that is on site");
        for (version, customers) in [(2, 1_250), (3, 1_260), (4, 1_245), (5, 1_255)] {
            self.tell_outage("updated", version, "investigating", customers).await?;
        }
        self.tell_outage("updated", 6, "crewOnSite", 1_255).await?;
        self.posted(6).await?;
        let cards = self.stage.caller.cards(CHANNEL).await?;
        self.show_cards(&cards);
        self.claims.equal(self.table, "one more card, with what matters", &cards.len(), &2);

        self.table.step("Supply is back; then an old update arrives late");
        self.tell_outage("restored", 7, "restored", 0).await?;
        self.posted(7).await?;
        self.tell_outage("updated", 4, "investigating", 1_245).await?;
        self.taken().await?;
        let cards = self.stage.caller.cards(CHANNEL).await?;
        self.show_cards(&cards);
        self.claims.equal(self.table, "a last card says so, and nothing after it", &cards.len(), &3);
        let last = cards.last().map(|card| card.to_lowercase()).unwrap_or_default();
        self.claims.that(self.table, "its first line tells that supply is restored", last.contains("restored"));
        let leaked = self.stage.store_holds(SIGNATURE)?;
        self.claims.that(self.table, "the webhook's URL stands nowhere in the store's files", !leaked);
        Ok(())
    }

    async fn tell_outage(&mut self, verb: &str, version: u64, status: &str, customers: u64) -> anyhow::Result<()> {
        let event = json!({
            "specversion": "1.0", "id": format!("{OUTAGE}-{verb}-{version}"), "source": "/argus/outages",
            "type": format!("argus.outage.{verb}.v1"), "time": "2026-11-25T09:15:02Z", "subject": format!("outage/{OUTAGE}"),
            "data": {
                "outageId": OUTAGE, "version": version, "title": "Outage in North Ward", "status": status, "customersAffected": customers,
                "utilityType": "electricity", "severity": "major", "area": { "name": "North Ward" },
                "startedAt": "2026-11-25T09:02:00Z", "estimatedRestorationAt": "2026-11-25T12:30:00Z",
            },
        });
        self.publish_on(&format!("outage.{verb}"), &event, "first").await
    }

    /// Waits until a version is settled in the channel, as the API says.
    async fn posted(&self, version: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        let query = "query($id: String!) { outage(outageId: $id) { version posts { state lastError { code message } } } }";
        loop {
            let answer = self.stage.caller.graphql(query, json!({ "id": OUTAGE })).await?;
            let row = &answer["outage"];
            if row["version"] == version && row["posts"].get(0).is_some_and(|post| post["state"] == "SETTLED") {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("outage {OUTAGE} was not posted at version {version}: {row}");
            }
            pause().await;
        }
    }

    fn show_cards(&self, cards: &[String]) {
        for card in cards {
            self.table.line(&format!("│ {card}"));
        }
    }
}
