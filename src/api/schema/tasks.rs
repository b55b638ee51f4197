//! Field tasks and their events in Outlook.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    page::{self, List, Listed, count},
    scalars::{Instant, Long},
    words::DeliveryState,
};
use crate::{
    capabilities::{Place, PlaceState},
    events::task::{Visit, WantedTask},
    store::{self, ObjectRow},
};

/// The form of a stored task that this release reads (`WantedTask`).
const BODY_FORMAT: u16 = 1;

/// A task, and what became of its event.
pub(super) struct TaskEvent(ObjectRow);

impl Listed for TaskEvent {
    const NAME: &'static str = "TaskEvent";
}

/// A task, and what became of its event.
#[Object]
impl TaskEvent {
    /// The task's id in Argus.
    async fn task_id(&self) -> &str {
        &self.0.key
    }

    /// Where the delivery stands.
    async fn state(&self) -> DeliveryState {
        self.0.state.into()
    }

    /// The newest version that was taken in.
    async fn version(&self) -> Long {
        Long(self.0.version.event)
    }

    /// The version that stands in Microsoft 365.
    async fn synced_version(&self) -> Option<Long> {
        self.0.settled.map(|version| Long(version.event))
    }

    /// The mailbox that the event stands in.
    async fn mailbox(&self) -> Option<&str> {
        self.place().map(|place| place.target.as_str())
    }

    /// Microsoft's id of the event.
    async fn event_id(&self) -> Option<&str> {
        self.place().and_then(|place| place.remote_id.as_deref())
    }

    /// The start of the visit that is wanted; null for a closed task.
    #[expect(clippy::unused_async, reason = "async-graphql wants resolvers that are async")]
    async fn start(&self) -> Result<Option<Instant>> {
        Ok(self.visit()?.map(|visit| visit.window.start.instant.into()))
    }

    /// The end of the visit that is wanted; null for a closed task.
    #[expect(clippy::unused_async, reason = "async-graphql wants resolvers that are async")]
    async fn end(&self) -> Result<Option<Instant>> {
        Ok(self.visit()?.map(|visit| visit.window.end.instant.into()))
    }

    /// The IANA zone that the visit was planned in; null for a closed task.
    #[expect(clippy::unused_async, reason = "async-graphql wants resolvers that are async")]
    async fn time_zone(&self) -> Result<Option<&'static str>> {
        Ok(self.visit()?.map(|visit| visit.window.time_zone.name()))
    }

    /// Attempts on the newest version.
    async fn attempts(&self) -> i32 {
        count(self.0.attempts.into())
    }

    /// When it is tried again, if it waits.
    async fn next_attempt_at(&self) -> Option<Instant> {
        self.0.next_attempt_at.map(Instant)
    }

    /// What last went wrong.
    async fn last_error(&self) -> Option<DeliveryError> {
        self.0.last_error.clone().map(DeliveryError::from)
    }

    /// When anything of this last changed.
    async fn updated_at(&self) -> Instant {
        self.0.updated_at.into()
    }
}

impl TaskEvent {
    /// Where the event stands. During a move both calendars may have one; the younger counts.
    fn place(&self) -> Option<&Place> {
        self.0.places.iter().filter(|place| place.state == PlaceState::Present).max_by_key(|place| place.generation)
    }

    fn visit(&self) -> Result<Option<Visit>, Refusal> {
        if self.0.body_format != BODY_FORMAT {
            return Err(Refusal::internal("a stored task has a form that this release does not read"));
        }
        match serde_json::from_str(&self.0.body) {
            Ok(WantedTask::Scheduled(visit)) => Ok(Some(visit)),
            Ok(WantedTask::Closed { .. }) => Ok(None),
            Err(_) => Err(Refusal::internal("a stored task cannot be read")),
        }
    }
}

/// What went wrong with a delivery.
#[derive(SimpleObject)]
pub(super) struct DeliveryError {
    /// `MAILBOX_NOT_FOUND`, or Microsoft's code.
    code: String,
    /// In words.
    message: String,
    /// Microsoft's `request-id`.
    graph_request_id: Option<String>,
    /// When.
    at: Instant,
}

impl From<store::DeliveryError> for DeliveryError {
    fn from(error: store::DeliveryError) -> Self {
        let store::DeliveryError { code, message, graph_request_id, at } = error;
        Self { code, message, graph_request_id, at: at.into() }
    }
}

/// `task` and `tasks`.
#[derive(Default)]
pub(super) struct TaskQuery;

#[Object]
impl TaskQuery {
    /// One task; null when the organisation has none with this id.
    #[graphql(guard = "Permission::Read")]
    async fn task(&self, context: &Context<'_>, task_id: String) -> Result<Option<TaskEvent>> {
        let records = super::records(context)?;
        let row = records.task(Caller::of(context)?.scope(), &task_id).await.map_err(Refusal::from)?;
        Ok(row.map(TaskEvent))
    }

    /// Tasks by id.
    #[graphql(guard = "Permission::Read")]
    async fn tasks(
        &self,
        context: &Context<'_>,
        state: Option<DeliveryState>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<TaskEvent>> {
        let page = page::request(first, after)?;
        let records = super::records(context)?;
        let rows = records.tasks(Caller::of(context)?.scope(), state.map(Into::into), page).await.map_err(Refusal::from)?;
        Ok(List::of(rows, TaskEvent))
    }
}
