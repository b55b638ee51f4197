//! A look at the card of an outage before anything is sent.

use async_graphql::{Context, Json, Object, Result};
use chrono_tz::Tz;
use serde_json::Value;

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    outage_input::OutageInput,
};
use crate::capabilities::teams::card;

/// `previewOutageCard`.
#[derive(Default)]
pub(super) struct PreviewQuery;

/// The marker of a card that is not sent.
const MARKER: &str = "preview";

#[Object]
impl PreviewQuery {
    /// The Adaptive Card that an outage would be posted as, in the time zone of the channel that it names, else in UTC. Nothing is sent.
    #[graphql(guard = "Permission::Read")]
    async fn preview_outage_card(&self, context: &Context<'_>, input: OutageInput) -> Result<Json<Value>> {
        let given = input.read()?;
        let zone = match &given.wanted.channel {
            Some(channel) => zone_of(context, channel).await?,
            None => Tz::UTC,
        };
        Ok(Json(card::render(&given.wanted, zone, super::clock(context)?.now(), MARKER)))
    }
}

/// The zone of a channel; UTC when there is no such channel.
async fn zone_of(context: &Context<'_>, key: &str) -> Result<Tz, Refusal> {
    let channels = super::teams(context)?.channels(Caller::of(context)?.scope()).await?;
    let channel = channels.into_iter().find(|channel| channel.row.key == key);
    Ok(channel.and_then(|channel| channel.row.time_zone.parse().ok()).unwrap_or(Tz::UTC))
}
