//! The signed-in account's part of the story: a channel that posts through Graph, and the thread that an outage makes there.

use std::time::Instant;

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    patience::{PATIENCE, pause},
    teller::Teller,
};
use crate::simulator::TenantSpec;

const CHANNEL: &str = "dispatch";
const OUTAGE: &str = "out-4472";
const ACCOUNT: &str = "alerts@acme-water.example";

impl Teller<'_> {
    pub(super) async fn sign_in_for_teams(&mut self) -> anyhow::Result<()> {
        self.table.step("A channel that posts through Graph: Microsoft wants a person there, so an account signs in by code");
        let (team, channel) = (TenantSpec::DEMO_TEAM, TenantSpec::DEMO_CHANNEL);
        let input = json!({ "key": CHANNEL, "sender": "GRAPH", "teamId": team, "channelId": channel });
        self.stage.caller.change_tenant(&json!({ "channels": [{ "teamId": team, "channelId": channel }] })).await?;
        let query = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }";
        self.stage.caller.graphql(query, json!({ "input": input })).await?;
        let before = self.channel_check().await?;
        self.claims.equal(self.table, "before it has, the connection test says so", &before, &json!("FAIL"));
        let answer = self.stage.caller.graphql("mutation { startTeamsSignIn { userCode } }", Value::Null).await?;
        let code = answer["startTeamsSignIn"]["userCode"].as_str().unwrap_or_default();
        self.stage.caller.approve_sign_in(code, ACCOUNT).await?;
        self.signed_in().await?;
        let after = self.channel_check().await?;
        self.claims.equal(self.table, "afterwards it passes", &after, &json!("PASS"));
        self.tell_dispatch("reported", 1, "reported").await?;
        self.messages(1).await?;
        self.tell_dispatch("restored", 2, "restored").await?;
        let thread = self.messages(2).await?;
        let replies = thread.iter().filter(|message| message["replyToId"] == thread[0]["id"]).count();
        self.claims.equal(
            self.table,
            "an outage is one message, and its end a reply under it",
            &(thread.len(), replies),
            &(2, 1),
        );
        Ok(())
    }

    async fn tell_dispatch(&self, verb: &str, version: u64, status: &str) -> anyhow::Result<()> {
        let event = json!({
            "specversion": "1.0", "id": format!("{OUTAGE}-{version}"), "source": "/argus/outages",
            "type": format!("argus.outage.{verb}.v1"), "time": "2026-11-25T11:15:02Z", "subject": format!("outage/{OUTAGE}"),
            "data": {
                "outageId": OUTAGE, "version": version, "title": "Burst main", "status": status, "customersAffected": 40,
                "utilityType": "water", "channel": CHANNEL,
            },
        });
        self.publish_on(&format!("outage.{verb}"), &event, "first").await
    }

    /// How the connection test finds the channel.
    async fn channel_check(&self) -> anyhow::Result<Value> {
        let answer = self.stage.caller.graphql("mutation { testConnection { checks { code status } } }", Value::Null).await?;
        let checks = answer["testConnection"]["checks"].as_array().cloned().unwrap_or_default();
        let code = format!("teams.channel.{CHANNEL}");
        Ok(checks.into_iter().find(|check| check["code"] == code).map_or(Value::Null, |mut check| check["status"].take()))
    }

    async fn signed_in(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let query = "{ connection { teamsAccount { state reason userPrincipalName } } }";
            let account = self.stage.caller.graphql(query, Value::Null).await?["connection"]["teamsAccount"].take();
            if account["state"] == "SIGNED_IN" {
                self.table.line(&format!("signed in as {}", account["userPrincipalName"]));
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("nobody was signed in: {account}");
            }
            pause().await;
        }
    }

    /// The channel's messages, once there are so many.
    async fn messages(&self, count: usize) -> anyhow::Result<Vec<Value>> {
        let started = Instant::now();
        loop {
            let state = self.stage.caller.state().await?;
            let messages = state["channels"][0]["messages"].as_array().cloned().unwrap_or_default();
            if messages.len() >= count {
                return Ok(messages);
            }
            if started.elapsed() > PATIENCE {
                bail!("the channel has {} messages, not {count}", messages.len());
            }
            pause().await;
        }
    }
}
