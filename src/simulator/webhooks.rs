//! Workflows webhooks: `POST /workflows/{name}/…`, any name. What is posted is remembered and shown under `/_sim/webhooks/{name}`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use super::{
    call::{Call, Reply},
    errors::Failure,
    graph,
    world::World,
};

/// About 28 KB: more is "Request Entity too large" (Microsoft, "Microsoft Teams connector": limits).
const LARGEST: usize = 28 * 1024;

/// A card that a webhook took.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Taken {
    at: DateTime<Utc>,
    card: Value,
}

/// What every webhook took, in order.
#[derive(Debug, Default)]
pub(crate) struct Webhooks(Mutex<BTreeMap<String, Vec<Taken>>>);

impl Webhooks {
    pub(crate) fn cards(&self, name: &str) -> Vec<Taken> {
        self.0.lock().get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

/// 202 without a body: the flow starts later, and tells nobody how it ends.
pub(crate) fn answer(world: &World, call: &Call, name: &str) -> Reply {
    match card(call) {
        Ok(card) => {
            world.webhooks.0.lock().entry(name.to_owned()).or_default().push(Taken { at: world.now(), card });
            Reply::empty(202)
        }
        Err(failure) => graph::failed(world, call, failure),
    }
}

/// The card of a message envelope, which has to be an object beside a `contentUrl` of null.
fn card(call: &Call) -> Result<Value, Failure> {
    let wrong = |text: &str| Failure::malformed("TriggerInputSchemaMismatch", text);
    if call.headers.contains_key("authorization") {
        return Err(wrong("A webhook is called without a token."));
    }
    if call.body.len() > LARGEST {
        return Err(Failure::new(413, "RequestEntityTooLarge", "Request Entity too large"));
    }
    let envelope: Value = serde_json::from_slice(&call.body).map_err(|_| wrong("The body is not JSON."))?;
    let attachment = &envelope["attachments"][0];
    let card = &attachment["content"];
    let good = envelope["type"] == "message"
        && envelope["attachments"].as_array().is_some_and(|all| all.len() == 1)
        && attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        && attachment.get("contentUrl").is_some_and(Value::is_null)
        && card["type"] == "AdaptiveCard"
        && card["version"] == "1.4";
    if good { Ok(card.clone()) } else { Err(wrong("The body is not a message with one Adaptive Card 1.4.")) }
}
