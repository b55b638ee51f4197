//! `teams preview`: the card of an outage, without sending it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono_tz::Tz;
use clap::Subcommand;
use serde_json::Value;

use super::{failure::Answer, say::say};
use crate::{
    capabilities::teams::card,
    clock::{Clock as _, SystemClock},
    events::given_outage,
};

/// `teams …`
#[derive(Debug, Subcommand)]
pub(super) enum Teams {
    /// Print the Adaptive Card that an outage would be posted as; nothing is sent
    Preview {
        /// The outage: an event, an event's data or an `OutageInput`, as JSON
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The time zone of the card's times, such as Europe/Dublin
        #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
        time_zone: Tz,
    },
}

pub(super) fn run(command: &Teams) -> anyhow::Result<Answer> {
    let Teams::Preview { file, time_zone } = command;
    let given = given_outage(&read(file)?).with_context(|| format!("{}", file.display()))?;
    let card = card::render(&given.wanted, *time_zone, SystemClock.now(), "preview");
    say!("{}", serde_json::to_string_pretty(&card)?)?;
    Ok(Answer::Yes)
}

/// What the file says of the outage: the whole of it, or its `data` when it is an event.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut said: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let event = said.get("specversion").is_some();
    Ok(if event { said["data"].take() } else { said })
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "must be the name of an IANA time zone, such as Europe/Dublin".to_owned())
}
