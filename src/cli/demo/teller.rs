//! What every step of the story is made of: publishing, waiting for the connector, looking, showing.

use std::time::Instant;

use anyhow::{Context, bail};
use async_nats::{HeaderMap, jetstream};
use serde_json::{Value, json};

use super::{
    calendars::Calendars,
    claims::Claims,
    patience::{PATIENCE, pause},
    stage::Stage,
    table::Table,
};

/// The story under way.
pub(super) struct Teller<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) table: &'a mut Table,
    pub(super) claims: &'a mut Claims,
}

impl Teller<'_> {
    /// Publishes to acme's subject and waits for the stream's answer. `delivery` sets apart the deduplication ids of copies.
    pub(super) async fn publish(&self, verb: &str, event: &Value, delivery: &str) -> anyhow::Result<()> {
        self.publish_on(&format!("task.{verb}"), event, delivery).await
    }

    /// The same on another of acme's subjects.
    pub(super) async fn publish_on(&self, subject: &str, event: &Value, delivery: &str) -> anyhow::Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/cloudevents+json");
        headers.insert("Nats-Msg-Id", format!("{}-{delivery}", event["id"].as_str().unwrap_or_default()));
        let stream = jetstream::new(self.stage.broker.clone());
        let sent = stream.publish_with_headers(format!("argus.acme.{subject}"), headers, event.to_string().into()).await?;
        sent.await.context("the stream did not take the event")?;
        Ok(())
    }

    /// Waits until the connector has taken and acknowledged every event.
    pub(super) async fn taken(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let stream = jetstream::new(self.stage.broker.clone()).get_stream("ARGUS").await?;
        loop {
            let consumer = stream.consumer_info("argus-m365").await?;
            if consumer.num_pending == 0 && consumer.num_ack_pending == 0 {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("the connector did not take the events in time");
            }
            pause().await;
        }
    }

    /// Waits until a version is what stands in Microsoft 365, as the API says.
    pub(super) async fn settled(&self, task: &str, version: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let query = "query($id: String!) { task(taskId: $id) { state syncedVersion lastError { code message } } }";
            let answer = self.stage.caller.graphql(query, json!({ "id": task })).await?;
            let row = &answer["task"];
            if row["state"] == "SETTLED" && row["syncedVersion"] == version {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("task {task} did not settle at version {version}: {row}");
            }
            pause().await;
        }
    }

    /// Waits until the simulator's calendars fulfil a condition. When they never do, the claims that follow say so.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Calendars) -> bool) -> anyhow::Result<Calendars> {
        let started = Instant::now();
        loop {
            let now = self.calendars().await?;
            if condition(&now) {
                return Ok(now);
            }
            if started.elapsed() > PATIENCE {
                self.table.line(&format!("waited {PATIENCE:?} in vain: {what}"));
                return Ok(now);
            }
            pause().await;
        }
    }

    pub(super) async fn calendars(&self) -> anyhow::Result<Calendars> {
        Ok(Calendars::read(&self.stage.caller.state().await?))
    }

    pub(super) async fn show(&self) -> anyhow::Result<Calendars> {
        let now = self.calendars().await?;
        self.shown(&now).await?;
        Ok(now)
    }

    pub(super) async fn shown(&self, now: &Calendars) -> anyhow::Result<()> {
        self.table.calendars(now.cells(), self.stage.caller.writes().await?);
        Ok(())
    }

    pub(super) async fn unchanged(&mut self, now: &Calendars, before: &Calendars, writes: usize) -> anyhow::Result<()> {
        self.claims.equal(self.table, "nothing moved", now, before);
        self.claims.equal(self.table, "nothing was written to Graph", &self.stage.caller.writes().await?, &writes);
        Ok(())
    }
}
