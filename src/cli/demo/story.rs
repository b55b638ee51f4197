//! The story, step by step. Each step publishes or asks, waits until the connector has done its part, shows, and claims.

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    calendars::{Calendars, NIAMH, Standing},
    claims::Claims,
    stage::Stage,
    table::Table,
    teller::Teller,
};

const SCHEDULED: &str = include_str!("../../../examples/events/task.scheduled.json");
const RESCHEDULED: &str = include_str!("../../../examples/events/task.rescheduled.json");
const CLOSED: &str = include_str!("../../../examples/events/task.closed.json");

/// The task of the examples, and the one whose worker is killed.
const TASK: &str = "7f0c2b1e";
const SECOND: &str = "5d3e9a10";

/// Tells it to the end. An error means that a step could not be shown; a claim that failed is only counted.
pub(super) async fn tell(stage: &mut Stage, table: &mut Table, claims: &mut Claims) -> anyhow::Result<()> {
    let mut teller = Teller { stage, table, claims };
    teller.connect().await?;
    teller.schedule().await?;
    teller.move_to_another_worker().await?;
    teller.redeliver().await?;
    teller.arrive_late().await?;
    teller.close().await?;
    teller.kill_in_the_middle().await?;
    teller.an_outage().await?;
    teller.sign_in_for_teams().await?;
    teller.publish_zones().await?;
    teller.import_the_directory().await?;
    teller.lose_one_person().await?;
    teller.lose_half_the_directory().await?;
    teller.show_audit_trail().await
}

impl Teller<'_> {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.table.step("An administrator registers the connection through GraphQL and tests it");
        let app = self.stage.caller.tenant["apps"][0].clone();
        let secret = app["secrets"][0]["value"].as_str().unwrap_or_default().to_owned();
        let input =
            json!({ "directoryId": self.stage.caller.tenant["id"], "applicationId": app["id"], "applicationSecret": secret });
        let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { credentialHint } }";
        self.stage.caller.graphql(query, json!({ "input": input })).await?;
        let answer = self
            .stage
            .caller
            .graphql("mutation { testConnection { succeeded latencyMs checks { code status } } }", Value::Null)
            .await?;
        let test = &answer["testConnection"];
        for check in test["checks"].as_array().into_iter().flatten() {
            self.table.line(&format!("{:<8} {}", check["status"].as_str().unwrap_or("?"), check["code"].as_str().unwrap_or("?")));
        }
        let latency = test["latencyMs"].as_f64().unwrap_or_default();
        let works = test["succeeded"] == true;
        self.claims.that(self.table, &format!("the test succeeded, the token took {latency:.0} ms"), works);
        let leaked = self.stage.store_holds(&secret)?;
        self.claims.that(self.table, "the client secret stands nowhere in the store's files", !leaked);
        Ok(())
    }

    async fn schedule(&mut self) -> anyhow::Result<()> {
        self.table.step("Argus publishes task.scheduled (version 7): Niamh, 25 November, 08:30 to 10:00 in Dublin");
        self.publish("scheduled", &example(SCHEDULED)?, "first").await?;
        self.settled(TASK, 7).await?;
        let now = self.show().await?;
        let expected = vec![("2026-11-25 08:30".to_owned(), "2026-11-25 10:00".to_owned())];
        self.claims.equal(self.table, "exactly one event, at that wall clock", &times(&now.niamh), &expected);
        let event = now.niamh.first();
        let in_dublin = event.is_some_and(|event| matches!(event.zone.as_str(), "Europe/Dublin" | "GMT Standard Time"));
        self.claims.that(self.table, "paired with the named zone, not with an offset", in_dublin);
        let ours = event.is_some_and(|event| event.reference == format!("acme/{TASK}") && event.attendees == 0);
        self.claims.that(self.table, "it carries our reference and invites nobody", ours);
        Ok(())
    }

    async fn move_to_another_worker(&mut self) -> anyhow::Result<()> {
        self.table.step("task.rescheduled (version 8): now Oisín, a day later");
        self.publish("rescheduled", &example(RESCHEDULED)?, "first").await?;
        self.settled(TASK, 8).await?;
        let now = self.until("the visit has moved", |now| now.niamh.is_empty()).await?;
        self.shown(&now).await?;
        let expected = vec![("2026-11-26 13:00".to_owned(), "2026-11-26 14:30".to_owned())];
        self.claims.equal(self.table, "it stands in Oisín's calendar at the new time", &times(&now.oisin), &expected);
        self.claims.equal(self.table, "and has left Niamh's", &now.niamh.len(), &0);
        Ok(())
    }

    async fn redeliver(&mut self) -> anyhow::Result<()> {
        self.table.step("The same event is delivered twice more, past the broker's own deduplication");
        let (before, writes) = (self.calendars().await?, self.stage.caller.writes().await?);
        for again in ["second", "third"] {
            self.publish("rescheduled", &example(RESCHEDULED)?, again).await?;
        }
        self.taken().await?;
        self.settled(TASK, 8).await?;
        let now = self.show().await?;
        self.unchanged(&now, &before, writes).await
    }

    async fn arrive_late(&mut self) -> anyhow::Result<()> {
        self.table.step("Out of order: version 7 arrives again, after version 8");
        let (before, writes) = (self.calendars().await?, self.stage.caller.writes().await?);
        self.publish("scheduled", &example(SCHEDULED)?, "late").await?;
        self.taken().await?;
        self.settled(TASK, 8).await?;
        let now = self.show().await?;
        self.unchanged(&now, &before, writes).await
    }

    async fn close(&mut self) -> anyhow::Result<()> {
        self.table.step("task.closed (version 9): the work is done");
        self.publish("closed", &example(CLOSED)?, "first").await?;
        self.settled(TASK, 9).await?;
        let now = self.until("the visit has left", |now| now.oisin.is_empty()).await?;
        self.shown(&now).await?;
        self.claims.equal(self.table, "both calendars are empty", &(now.niamh.len() + now.oisin.len()), &0);
        Ok(())
    }

    async fn kill_in_the_middle(&mut self) -> anyhow::Result<()> {
        self.table.step("A second task: Outlook creates the event, and before its answer arrives the worker is killed (kill -9)");
        let reference = format!("acme/{SECOND}");
        self.stage.caller.hold_next_answer().await?;
        self.publish("scheduled", &second_task()?, "first").await?;
        let before = self.until("Outlook has the event", |now| now.of_task(&reference).len() == 1).await?;
        self.stage.kill_connector().await?;
        self.table.line("killed: the event stands in Outlook; here, only the intent was written down. Starting again ...");
        self.stage.start_connector().await?;
        self.settled(SECOND, 1).await?;
        let now = self.show().await?;
        let ids = |calendars: &Calendars| calendars.of_task(&reference).iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        self.claims.equal(
            self.table,
            "one event, not two: the one that was there was found and adopted",
            &ids(&now),
            &ids(&before),
        );
        self.claims.that(self.table, "at no moment did two events stand for one task", !now.ever_doubled);
        Ok(())
    }

    async fn show_audit_trail(&mut self) -> anyhow::Result<()> {
        self.table.step("The audit trail: every intent and every outcome, each chained to the one before");
        let query = "{ auditTrail(first: 200) { nodes { at action target outcome graphRequestId hash } } \
                       auditVerification { intact entries headHash } }";
        let answer = self.stage.caller.graphql(query, Value::Null).await?;
        let entries = answer["auditTrail"]["nodes"].as_array().cloned().unwrap_or_default();
        for entry in &entries {
            self.table.line(&audit_line(entry));
        }
        let adopted = entries.iter().any(|entry| entry["action"] == "calendar.event.adopted");
        self.claims.that(self.table, "it tells of the adoption after the kill", adopted);
        let verification = &answer["auditVerification"];
        let text = format!("the chain of {} entries is intact", verification["entries"]);
        self.claims.that(self.table, &text, verification["intact"] == true);
        Ok(())
    }
}

fn example(text: &str) -> anyhow::Result<Value> {
    serde_json::from_str(text).context("reading an example event")
}

/// The first example again, as another task.
fn second_task() -> anyhow::Result<Value> {
    let mut event = example(SCHEDULED)?;
    event["id"] = json!("01JD9Q4K7C2V8M5T1X6B3N0ZRF");
    event["subject"] = json!(format!("task/{SECOND}"));
    event["data"]["taskId"] = json!(SECOND);
    event["data"]["version"] = json!(1);
    event["data"]["reference"] = json!("WO-20419");
    event["data"]["title"] = json!("Meter replacement");
    event["data"]["window"] =
        json!({ "start": "2026-11-27T09:00:00", "end": "2026-11-27T10:00:00", "timeZone": "Europe/Dublin" });
    event["data"]["assignee"] = json!({ "userPrincipalName": NIAMH, "displayName": "Niamh B." });
    Ok(event)
}

fn times(events: &[Standing]) -> Vec<(String, String)> {
    events.iter().map(|event| (event.start.clone(), event.end.clone())).collect()
}

fn audit_line(entry: &Value) -> String {
    let text = |name: &str, length: usize| entry[name].as_str().unwrap_or("-").chars().take(length).collect::<String>();
    let at = text("at", 23).split_off(11.min(text("at", 23).len()));
    format!("{at:<12} {:<30} {:<18} {:<10} {}", text("action", 30), text("target", 18), text("outcome", 10), text("hash", 12))
}
