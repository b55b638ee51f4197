//! What an administrator sets about a channel, checked field by field before anything is stored.

use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};
use url::Url;

use super::{ChannelError, Hosts};
use crate::{
    events::outage::{Severity, UtilityType},
    store::ChannelSender,
};

/// A channel as an administrator sets it.
#[derive(Debug)]
pub struct ChannelSetting {
    /// Its name within the organisation.
    pub key: String,
    /// Who posts.
    pub sender: ChannelSender,
    /// The team, for Graph.
    pub team_id: Option<String>,
    /// The channel in it, for Graph.
    pub channel_id: Option<String>,
    /// The webhook's URL; a webhook channel that is there already keeps its own without.
    pub webhook_url: Option<SecretString>,
    /// Utilities it hears of; all when empty.
    pub utility_types: Vec<String>,
    /// The least severity it hears of.
    pub minimum_severity: Option<String>,
    /// IANA zone.
    pub time_zone: String,
}

/// A setting whose every value has the right form.
pub(super) struct Checked {
    pub(super) key: String,
    pub(super) to: To,
    pub(super) utility_types: Vec<UtilityType>,
    pub(super) minimum_severity: Option<Severity>,
    pub(super) time_zone: Tz,
}

/// Where cards go.
pub(super) enum To {
    Graph {
        team_id: String,
        channel_id: String,
    },
    /// With its host; none to keep the URL that is sealed already.
    Webhook(Option<(SecretString, String)>),
}

/// Longest key, id and URL taken.
const LONGEST_KEY: usize = 64;
const LONGEST_ID: usize = 255;
const LONGEST_URL: usize = 2_048;
/// Zones and utilities named are few; the bound only keeps nonsense out.
const MOST_UTILITIES: usize = 50;

impl ChannelSetting {
    /// Checks every field; the first that does not fit is named as the API names it.
    pub(super) fn check(self, hosts: &Hosts) -> Result<Checked, ChannelError> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if self.key.is_empty() || self.key.len() > LONGEST_KEY || !self.key.chars().all(allowed) {
            return Err(invalid("key", format!("must be 1 to {LONGEST_KEY} of A-Z a-z 0-9 . _ -")));
        }
        let to = match self.sender {
            ChannelSender::Graph => {
                if self.webhook_url.is_some() {
                    return Err(invalid("webhookUrl", "belongs to sender WORKFLOW_WEBHOOK; GRAPH takes teamId and channelId"));
                }
                To::Graph { team_id: id("teamId", self.team_id)?, channel_id: id("channelId", self.channel_id)? }
            }
            ChannelSender::Webhook => {
                for (field, value) in [("teamId", &self.team_id), ("channelId", &self.channel_id)] {
                    if value.is_some() {
                        return Err(invalid(field, "belongs to sender GRAPH; WORKFLOW_WEBHOOK takes webhookUrl"));
                    }
                }
                To::Webhook(self.webhook_url.map(|url| webhook(&url, hosts)).transpose()?)
            }
        };
        if self.utility_types.len() > MOST_UTILITIES {
            return Err(invalid("utilityTypes", format!("at most {MOST_UTILITIES}")));
        }
        let mut utility_types = Vec::new();
        for name in &self.utility_types {
            let utility = word::<UtilityType>(name)
                .ok_or_else(|| invalid("utilityTypes", "must be of electricity, gas, water, wastewater, heat, telecom, other"))?;
            if !utility_types.contains(&utility) {
                utility_types.push(utility);
            }
        }
        let severity =
            |name: &str| word(name).ok_or_else(|| invalid("minimumSeverity", "must be minor, moderate, major or critical"));
        Ok(Checked {
            key: self.key,
            to,
            utility_types,
            minimum_severity: self.minimum_severity.as_deref().map(severity).transpose()?,
            time_zone: self.time_zone.parse().map_err(|_| invalid("timeZone", "is not an IANA time zone"))?,
        })
    }
}

fn id(field: &'static str, value: Option<String>) -> Result<String, ChannelError> {
    let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| invalid(field, "is required with sender GRAPH"))?;
    // A step upwards is no id, and the transport would refuse its path.
    let odd = value.chars().any(|letter| letter.is_control() || letter.is_whitespace()) || value.bytes().all(|byte| byte == b'.');
    if odd || value.chars().count() > LONGEST_ID {
        return Err(invalid(field, format!("must be at most {LONGEST_ID} characters, without spaces")));
    }
    Ok(value)
}

fn webhook(url: &SecretString, hosts: &Hosts) -> Result<(SecretString, String), ChannelError> {
    const FIELD: &str = "webhookUrl";
    let text = url.expose_secret().trim();
    if text.is_empty() || text.len() > LONGEST_URL {
        return Err(invalid(FIELD, format!("must be 1 to {LONGEST_URL} bytes")));
    }
    let parsed = Url::parse(text).map_err(|_| invalid(FIELD, "is not a URL"))?;
    hosts.check(&parsed).map_err(|problem| invalid(FIELD, problem))?;
    let host = parsed.host_str().unwrap_or_default().to_owned();
    Ok((SecretString::from(String::from(parsed)), host))
}

fn word<T: DeserializeOwned>(name: &str) -> Option<T> {
    let reader: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(reader).ok()
}

pub(super) fn invalid(field: &'static str, problem: impl Into<String>) -> ChannelError {
    ChannelError::Invalid { field, problem: problem.into() }
}
