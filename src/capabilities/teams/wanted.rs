//! What one channel should show: the body of a row of [`Kind::Card`](super::Kind) or [`Kind::Message`](super::Kind) (`body_format` 1).

use serde::{Deserialize, Serialize};

use crate::{capabilities::Work, events::outage::WantedOutage};

/// An outage in one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedCard {
    /// The outage.
    pub outage_id: String,
    /// The channel's key.
    pub channel: String,
    /// What the channel led to when the outage was routed. One that leads elsewhere now gets the next version, not this one.
    pub target: String,
    /// What to show.
    pub outage: WantedOutage,
}

impl WantedCard {
    /// What a piece of work wants.
    pub(super) fn read(work: &Work) -> Result<Self, serde_json::Error> {
        Self::deserialize(&work.wanted)
    }
}

/// The key of an outage's row for a channel. A channel's key holds no slash, so the last one parts the two.
pub fn card_key(outage: &str, channel: &str) -> String {
    format!("{outage}/{channel}")
}

/// The channel in a [`card_key`].
pub(super) fn channel_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(_, channel)| channel)
}

/// The outage in a [`card_key`].
pub(super) fn outage_of(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(outage, _)| outage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_outage_is_called_the_key_leads_back_to_both() {
        for outage in ["o-1", "a/b", "a/ops", "/"] {
            let key = card_key(outage, "ops");
            assert_eq!((outage_of(&key), channel_of(&key)), (outage, "ops"));
        }
    }
}
