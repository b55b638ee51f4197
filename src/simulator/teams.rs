//! Teams channels: messages posted, replied to, listed.
//!
//! Posting is for a signed-in account (`ChannelMessage.Send`): an application's token gets 401 `Unauthorized`. A token counts as such
//! an account's when it grants that permission by name; as an application permission, it does not exist.

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    call::{Call, Reply},
    errors::{Failure, RetryAfter},
    identity::Grant,
    report::{ChannelReport, MessageReport},
    route::ChannelName,
    rules::{self, Allowed},
    tenant::ChannelSpec,
};

const WRITE: Allowed = Allowed { body: true, if_match: false, query: false };
const READ: Allowed = Allowed { body: false, if_match: false, query: true };
const READERS: &[&str] = &["ChannelMessage.Read.All", "ChannelMessage.Read.Group"];
const CARD: &str = "application/vnd.microsoft.card.adaptive";
/// Messages a page when `$top` is absent, and at most.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 50;
/// One message a second and channel (Microsoft, "Microsoft Graph service-specific throttling limits").
const DISTANCE: TimeDelta = TimeDelta::seconds(1);

/// A tenant's channels.
#[derive(Debug, Default)]
pub(crate) struct Teams(Mutex<Vec<Channel>>);

#[derive(Debug)]
struct Channel {
    spec: ChannelSpec,
    messages: Vec<MessageReport>,
    bodies: Vec<Value>,
    last: Option<DateTime<Utc>>,
}

impl Teams {
    pub(crate) fn new(specs: &[ChannelSpec]) -> Self {
        let teams = Self::default();
        for spec in specs {
            teams.set(spec);
        }
        teams
    }

    /// Adds a channel, or sets one anew.
    pub(crate) fn set(&self, spec: &ChannelSpec) {
        let mut channels = self.0.lock();
        match channels.iter_mut().find(|known| known.is(&spec.team_id, &spec.channel_id)) {
            Some(known) => known.spec = spec.clone(),
            None => channels.push(Channel { spec: spec.clone(), messages: Vec::new(), bodies: Vec::new(), last: None }),
        }
    }

    pub(crate) fn report(&self) -> Vec<ChannelReport> {
        let channel = |channel: &Channel| ChannelReport {
            team_id: channel.spec.team_id.clone(),
            channel_id: channel.spec.channel_id.clone(),
            messages: channel.messages.clone(),
        };
        self.0.lock().iter().map(channel).collect()
    }
}

impl Channel {
    fn is(&self, team: &str, channel: &str) -> bool {
        self.spec.team_id.eq_ignore_ascii_case(team) && self.spec.channel_id == channel
    }

    /// Lets a call in, or refuses one that comes too early.
    fn enter(&mut self, now: DateTime<Utc>) -> Result<(), Failure> {
        if self.last.is_some_and(|last| now - last < DISTANCE) {
            let text = "Too many requests to the channel.";
            return Err(Failure { retry_after: Some(RetryAfter::Seconds(1)), ..Failure::new(429, "TooManyRequests", text) });
        }
        self.last = Some(now);
        Ok(())
    }
}

fn missing() -> Failure {
    Failure::new(404, "NotFound", "NotFound")
}

/// `POST …/messages` and `POST …/messages/{id}/replies`.
pub(crate) fn post(
    call: &Call,
    grant: &Grant,
    name: &ChannelName,
    under: Option<&str>,
    now: DateTime<Utc>,
    id: &str,
) -> Result<Reply, Failure> {
    rules::check(call, WRITE)?;
    if !grant.has(&["ChannelMessage.Send"]) {
        let text = "Message POST is allowed in application-only context only for import purposes.";
        return Err(Failure::new(401, "Unauthorized", text));
    }
    let (body, card) = message(call)?;
    let mut channels = grant.tenant.teams.0.lock();
    let channel = channels.iter_mut().find(|known| known.is(&name.team, &name.channel)).ok_or_else(missing)?;
    channel.enter(now)?;
    if under.is_some_and(|under| !channel.messages.iter().any(|message| message.id == under && message.reply_to_id.is_none())) {
        return Err(missing());
    }
    // Ids of messages are times in Microsoft's Teams; a part of the request's keeps two of one millisecond apart.
    let suffix = id.bytes().take(8).fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 1000;
    let id = format!("{}{suffix:03}", now.timestamp_millis());
    let shown = json!({
        "@odata.context": format!("{}/v1.0/$metadata#chatMessage", call.origin()), "id": id, "replyToId": under,
        "etag": id, "messageType": "message", "createdDateTime": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "deletedDateTime": null, "importance": "normal", "body": body["body"], "attachments": body["attachments"],
        "mentions": [], "reactions": [],
    });
    channel.messages.push(MessageReport { id, reply_to_id: under.map(str::to_owned), at: now, card });
    channel.bodies.push(shown.clone());
    Ok(Reply::json(201, shown.to_string().into_bytes()))
}

/// The body, and the card of its one attachment: as text, referred to by an `<attachment>` tag.
fn message(call: &Call) -> Result<(Value, Value), Failure> {
    let wrong = |text: &str| Failure::malformed("BadRequest", text);
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| wrong("The body is not JSON."))?;
    let known = ["body", "attachments", "subject", "summary", "importance"];
    let odd = body.as_object().is_none_or(|map| map.keys().any(|name| !known.contains(&name.as_str())));
    let attachment = &body["attachments"][0];
    let id = attachment["id"].as_str().unwrap_or_default();
    let referred =
        body["body"]["content"].as_str().is_some_and(|html| html.contains(&format!("<attachment id=\"{id}\"></attachment>")));
    let good = !odd
        && !id.is_empty()
        && referred
        && body["body"]["contentType"] == "html"
        && attachment["contentType"] == CARD
        && body["attachments"].as_array().is_some_and(|all| all.len() == 1);
    if !good {
        return Err(wrong("The body is not a message with one Adaptive Card."));
    }
    let text = attachment["content"].as_str().ok_or_else(|| wrong("A card's content is a text."))?;
    let card: Value = serde_json::from_str(text).map_err(|_| wrong("The card is not JSON."))?;
    if card["type"] != "AdaptiveCard" || card["version"] != "1.4" {
        return Err(wrong("The card is not an Adaptive Card 1.4."));
    }
    Ok((body, card))
}

/// `GET …/messages` and `GET …/messages/{id}/replies`: newest first.
pub(crate) fn list(call: &Call, grant: &Grant, name: &ChannelName, under: Option<&str>) -> Result<Reply, Failure> {
    rules::check(call, READ)?;
    let (top, skip) = paging(call)?;
    if !grant.has(READERS) {
        return Err(Failure::new(403, "Forbidden", "Missing scope permissions on the request."));
    }
    let channels = grant.tenant.teams.0.lock();
    let channel = channels.iter().find(|known| known.is(&name.team, &name.channel)).ok_or_else(missing)?;
    if !channel.spec.readable {
        return Err(Failure::new(403, "Forbidden", "Missing role permissions on the request."));
    }
    let of = |message: &&Value| message["replyToId"].as_str() == under;
    let all: Vec<&Value> = channel.bodies.iter().rev().filter(of).collect();
    let page: Vec<&Value> = all.iter().skip(skip).take(top).copied().collect();
    let mut answer = json!({ "@odata.context": format!("{}/v1.0/$metadata#chatMessages", call.origin()), "value": page });
    if skip + top < all.len() {
        answer["@odata.nextLink"] = json!(format!("{}{}?$top={top}&$skiptoken={}", call.origin(), call.path, skip + top));
    }
    Ok(Reply::json(200, answer.to_string().into_bytes()))
}

fn paging(call: &Call) -> Result<(usize, usize), Failure> {
    let (mut top, mut skip) = (PAGE, 0);
    for (name, value) in call.options().unwrap_or_default() {
        let number = value.parse::<usize>().ok();
        match (name.as_str(), number) {
            ("$top", Some(number)) if (1..=LARGEST_PAGE).contains(&number) => top = number,
            ("$skiptoken", Some(number)) => skip = number,
            _ => {
                return Err(Failure::malformed(
                    "BadRequest",
                    format!("'{name}' is not described for this call, or has another form."),
                ));
            }
        }
    }
    Ok((top, skip))
}
