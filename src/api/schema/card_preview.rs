//! A look at the card of an outage before anything is sent.

use async_graphql::{Context, Json, Object, Result};
use chrono_tz::Tz;
use serde_json::Value;

use super::{super::auth::Permission, outage_input::OutageInput};
use crate::capabilities::teams::card;

/// `previewOutageCard`.
#[derive(Default)]
pub(super) struct PreviewQuery;

/// The marker of a card that is not sent.
const MARKER: &str = "preview";

#[Object]
impl PreviewQuery {
    /// The Adaptive Card that an outage would be posted as, with times in UTC. Nothing is sent.
    #[graphql(guard = "Permission::Read")]
    async fn preview_outage_card(&self, context: &Context<'_>, input: OutageInput) -> Result<Json<Value>> {
        let given = input.read()?;
        Ok(Json(card::render(&given.wanted, Tz::UTC, super::clock(context)?.now(), MARKER)))
    }
}
