//! Outages, and what each Teams channel was told of them.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    outage_input::OutageInput,
    page::count,
    scalars::{Instant, Long},
    tasks::DeliveryError,
    words::DeliveryState,
};
use crate::{capabilities::teams, store};

/// An outage, and what each channel was told of it. routed: false when no channel matched; posts is then empty.
#[derive(SimpleObject)]
pub(super) struct OutagePost {
    /// The outage's id in Argus.
    outage_id: String,
    /// The newest event's version.
    version: Long,
    /// Whether it matched a channel.
    routed: bool,
    /// By channel.
    posts: Vec<ChannelPost>,
}

/// What one channel was told.
#[derive(SimpleObject)]
pub(super) struct ChannelPost {
    /// The channel's key.
    channel: String,
    /// Where the delivery stands.
    state: DeliveryState,
    /// Whether a card may stand there twice: its answer was lost, and nothing could be looked up.
    possibly_duplicated: bool,
    /// The version that the newest card tells of.
    posted_version: Option<Long>,
    /// Microsoft's id of the thread's first message; a webhook tells none.
    message_id: Option<String>,
    /// When the newest card was posted.
    posted_at: Option<Instant>,
    /// Attempts on the newest version.
    attempts: i32,
    /// What last went wrong.
    last_error: Option<DeliveryError>,
}

impl From<store::OutageRow> for OutagePost {
    fn from(row: store::OutageRow) -> Self {
        // A version that was not routed yet: the channels do not know that they have something to do.
        let coming = row.outage.state == store::DeliveryState::Pending;
        Self {
            outage_id: row.outage.key,
            version: Long(row.outage.version.event),
            routed: !row.posts.is_empty(),
            posts: row.posts.into_iter().map(|(channel, _, shown)| ChannelPost::of(channel, shown, coming)).collect(),
        }
    }
}

impl ChannelPost {
    fn of(channel: String, shown: store::ObjectRow, coming: bool) -> Self {
        let posted = teams::posted(&shown.places);
        Self {
            channel,
            state: if coming && shown.state == store::DeliveryState::Settled {
                DeliveryState::Pending
            } else {
                shown.state.into()
            },
            possibly_duplicated: posted.possibly_duplicated,
            posted_version: posted.version.map(|version| Long(version.event)),
            message_id: posted.message_id,
            posted_at: posted.at.map(Instant),
            attempts: count(shown.attempts.into()),
            last_error: shown.last_error.map(DeliveryError::from),
        }
    }
}

/// `outage`.
#[derive(Default)]
pub(super) struct OutageQuery;

#[Object]
impl OutageQuery {
    /// One outage; null when the organisation has none with this id.
    #[graphql(guard = "Permission::Read")]
    async fn outage(&self, context: &Context<'_>, outage_id: String) -> Result<Option<OutagePost>> {
        let row = super::teams(context)?.outage(Caller::of(context)?.scope(), &outage_id).await.map_err(Refusal::from)?;
        Ok(row.map(OutagePost::from))
    }
}

/// `postOutage`.
#[derive(Default)]
pub(super) struct OutageMutation;

#[Object]
impl OutageMutation {
    /// Posts an outage the way its events go: to the channel named, or to those whose rules fit. Returns once that is committed, with the
    /// state per channel; `outage(outageId)` shows it later. A version that is not newer than what is known changes nothing.
    #[graphql(guard = "Permission::Operate")]
    async fn post_outage(&self, context: &Context<'_>, input: OutageInput) -> Result<OutagePost> {
        let caller = Caller::of(context)?;
        let given = input.read()?;
        let posted = super::teams(context)?.post_outage(caller.scope(), caller.actor(), given).await.map_err(Refusal::from)?;
        Ok(posted.into())
    }
}
