//! Looking for our cards in a channel: what to read, and how far. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    desk::{Channel, Turn},
    kept::Thread,
    marker::{Marker, Step},
};
use crate::capabilities::Work;

/// Pages of 50 messages that are read at most, newest first.
const MOST_PAGES: u32 = 10;
/// How long before a card was to be sent its message may say it was made: clocks differ.
const MARGIN: TimeDelta = TimeDelta::minutes(10);

/// A page to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub(super) channel: Channel,
    /// The message whose replies are read; the channel's own messages without.
    pub(super) under: Option<String>,
    /// Where the page before led.
    pub(super) link: Option<String>,
    pub(super) page: u32,
    /// Nothing older matters.
    pub(super) since: Option<DateTime<Utc>>,
}

/// What a page showed.
#[derive(Debug)]
pub(super) struct Seen {
    /// Our cards: marker, id, when made.
    pub(super) found: Vec<(Marker, String, Option<DateTime<Utc>>)>,
    /// Where the next page is; none when that is enough.
    pub(super) next: Option<String>,
    pub(super) request_id: Option<String>,
}

/// What was found out since the claim, beside Microsoft 365: [`Work::briefing`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Briefing {
    /// The channel; none when it is gone.
    pub(super) channel: Option<Channel>,
    pub(super) turn: Option<Turn>,
    /// The next page of a look-up under way.
    pub(super) link: Option<(String, u32)>,
    /// Reading is not permitted: what was lost cannot be looked for.
    pub(super) blind: bool,
}

impl Briefing {
    pub(super) fn of(work: &Work) -> Option<Self> {
        work.briefing.as_ref().and_then(|briefing| Self::deserialize(briefing).ok())
    }

    pub(super) fn keep(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }
}

impl Look {
    /// What has to be read before anything is sent, if anything has.
    pub(super) fn due(work: &Work, thread: &Thread, channel: &Channel, briefing: &Briefing) -> Option<Self> {
        if briefing.blind {
            return None;
        }
        let open = thread.open.as_ref().map(|(_, kept)| kept.step);
        let messages = open.is_some_and(|step| step != Step::Reply) || (work.recheck && thread.root.is_none());
        let replies = open == Some(Step::Reply) || work.recheck;
        let under = match &thread.root {
            _ if messages && !work.looked.contains(&mark(&channel.target, false)) => None,
            Some(root) if replies && !work.looked.contains(&mark(&channel.target, true)) => Some(root.clone()),
            _ => return None,
        };
        let since = thread.open.as_ref().filter(|_| !work.recheck).map(|(_, kept)| kept.at - MARGIN);
        let (link, page) = briefing.link.clone().map_or((None, 0), |(link, page)| (Some(link), page));
        Some(Self { channel: channel.clone(), under, link, page, since })
    }

    /// The mark that this part of the channel was read.
    pub(super) fn mark(&self) -> String {
        mark(&self.channel.target, self.under.is_some())
    }

    /// Whether another page is worth reading after one whose oldest message was made at `oldest`.
    pub(super) fn goes_on(&self, oldest: Option<DateTime<Utc>>) -> bool {
        self.page + 1 < MOST_PAGES && self.since.zip(oldest).is_none_or(|(since, oldest)| oldest >= since)
    }
}

/// No target is named like this.
fn mark(target: &str, replies: bool) -> String {
    format!("{target}#{}", if replies { "replies" } else { "messages" })
}
