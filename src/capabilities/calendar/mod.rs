//! Outlook: a field task's visit in its worker's calendar.
//!
//! One event a task, in the mailbox of the worker who has it now and nowhere else, saying what the newest version says. The event
//! is a plain appointment without attendees, so Exchange never mails anybody. It carries our reference in an extended property,
//! by which it is found again after anything that can go wrong.
//!
//! Needs the application permission `Calendars.ReadWrite`, best granted for the workers' mailboxes alone:
//! - create: <https://learn.microsoft.com/graph/api/user-post-events>
//! - update: <https://learn.microsoft.com/graph/api/event-update>
//! - remove: <https://learn.microsoft.com/graph/api/event-delete>
//! - the event: <https://learn.microsoft.com/graph/api/resources/event>
//! - our reference: <https://learn.microsoft.com/graph/api/resources/extended-properties-overview>
//! - immutable ids: <https://learn.microsoft.com/graph/outlook-immutable-id>
//! - time zone names: <https://learn.microsoft.com/graph/api/resources/datetimetimezone>
//! - scoping: <https://learn.microsoft.com/exchange/permissions-exo/application-rbac>
//!
//! Reading order: [`Call`], `decide`, `intend`, `perform`, `learn`.

mod body;
mod call;
mod content;
mod decide;
mod home;
mod intend;
mod key;
mod learn;
mod learn_refusal;
mod ledger;
mod lesson;
mod notes;
mod perform;
mod refusal;
mod tell;
mod wire;
mod zones;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod model;
#[cfg(test)]
pub(crate) mod samples;

use chrono::{DateTime, Utc};

use self::home::Wanted;
pub use self::{
    call::{Answer, Call},
    content::{EventContent, Patch},
};
use super::{Announcement, Capability, CapabilityName, Decision, Intent, Kind, Learned, Told, Work};
use crate::graph::Graph;

/// What can be set about calendar events.
#[derive(Debug, Clone, Copy)]
pub struct CalendarSettings {
    /// How long before the start Outlook reminds the worker, in minutes.
    pub reminder_minutes: u32,
}

impl Default for CalendarSettings {
    fn default() -> Self {
        Self { reminder_minutes: 15 }
    }
}

/// Keeps the visits of tasks in Outlook calendars. [`Work::wanted`] is a [`WantedTask`](crate::events::task::WantedTask).
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    settings: CalendarSettings,
}

impl Calendar {
    /// With these settings.
    pub fn new(settings: CalendarSettings) -> Self {
        Self { settings }
    }

    /// What the work wants; nothing when it cannot be read, which `decide` has refused before any call.
    fn wanted(&self, work: &Work) -> Wanted {
        Wanted::read(self.settings, work).unwrap_or(Wanted::Nowhere)
    }
}

impl Capability for Calendar {
    type Call = Call;
    type Answer = Answer;

    fn name(&self) -> CapabilityName {
        CapabilityName::Calendar
    }

    fn kind(&self) -> Kind {
        Kind::Task
    }

    fn failed_action(&self) -> &'static str {
        notes::FAILED
    }

    fn decide(&self, work: &Work, _now: DateTime<Utc>) -> Decision<Call> {
        decide::decide(self.settings, work)
    }

    fn intend(&self, work: &Work, call: &Call) -> Option<Intent> {
        intend::intend(work, call, self.wanted(work).home())
    }

    async fn perform(&self, graph: &impl Graph, work: &Work, call: &Call) -> Answer {
        perform::perform(graph, work, call).await
    }

    fn learn(&self, work: &Work, call: &Call, answer: Answer) -> Learned {
        learn::learn(work, call, answer, self.wanted(work).home())
    }

    fn tell(&self, work: &Work, announcement: &Announcement) -> Told {
        tell::tell(work, announcement)
    }
}
