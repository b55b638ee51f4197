//! What is sent to Teams, and what is read from it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{call::Send, card, look::Look, marker::Marker};
use crate::{
    capabilities::Work,
    graph::{Request, Workload, segment},
};

/// The type of an attachment that is an Adaptive Card.
const CARD: &str = "application/vnd.microsoft.card.adaptive";
/// Messages a page: the most that Microsoft documents for channel messages.
const PAGE: &str = "50";

/// The card itself.
fn card_of(send: &Send) -> Value {
    let (zone, marker) = (send.channel.time_zone, send.marker.to_string());
    if send.several.is_empty() {
        return card::render(&send.outage, zone, send.at, &marker);
    }
    card::summary(&send.several.iter().collect::<Vec<_>>(), zone, send.at, &marker)
}

/// A channel message, or a reply: the card as text, in an attachment that the body refers to. Not marked repeatable: a lost answer
/// has to come back as such.
pub(super) fn message(send: &Send) -> Request {
    let id = send.marker.attachment();
    let body = json!({
        "body": { "contentType": "html", "content": format!("<attachment id=\"{id}\"></attachment>") },
        "attachments": [{
            "id": id, "contentType": CARD, "contentUrl": null, "content": card_of(send).to_string(), "name": null,
            "thumbnailUrl": null,
        }],
    });
    let path = match &send.root {
        None => messages(&send.channel.team_id, &send.channel.channel_id),
        Some(root) => replies(&send.channel.team_id, &send.channel.channel_id, root),
    };
    Request::post(Workload::Teams, path, body).target(send.channel.target.clone()).delegated()
}

/// The envelope that a Workflows webhook takes: the card as an object. `contentUrl` must be there and be null.
pub(super) fn envelope(send: &Send) -> Value {
    json!({
        "type": "message",
        "attachments": [{ "contentType": CARD, "contentUrl": null, "content": card_of(send) }],
    })
}

/// A page of messages, or of replies.
pub(super) fn listing(look: &Look) -> Request {
    let (team, channel) = (&look.channel.team_id, &look.channel.channel_id);
    let path = match &look.under {
        None => messages(team, channel),
        Some(root) => replies(team, channel, root),
    };
    Request::get(Workload::Teams, path).query("$top", PAGE).target(look.channel.target.clone()).delegated()
}

fn messages(team: &str, channel: &str) -> String {
    format!("/teams/{}/channels/{}/messages", segment(team), segment(channel))
}

fn replies(team: &str, channel: &str, root: &str) -> String {
    format!("{}/{}/replies", messages(team, channel), segment(root))
}

/// One page of messages.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) value: Vec<Message>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

/// What is read of a message; everything else is ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) created_date_time: Option<DateTime<Utc>>,
    deleted_date_time: Option<Value>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Deserialize)]
struct Attachment {
    content: Option<String>,
}

impl Message {
    /// The marker of one of this work's cards, if it shows one and was not deleted.
    pub(super) fn marker(&self, work: &Work) -> Option<Marker> {
        if self.deleted_date_time.as_ref().is_some_and(|deleted| !deleted.is_null()) {
            return None;
        }
        self.attachments.iter().filter_map(|attachment| attachment.content.as_deref()).find_map(|text| Marker::find(work, text))
    }
}
