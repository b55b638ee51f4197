//! SharePoint: a zone's item in the organisation's list.
//!
//! One item a zone, found by the match column, saying in the mapped columns what the newest version says and leaving every other
//! column alone. Only what differs is sent, and only onto the version of the item that was compared.
//!
//! Needs write access to the site: the application permission `Sites.Selected` with a grant on it, or `Sites.ReadWrite.All`:
//! - items: <https://learn.microsoft.com/graph/api/listitem-list>, <https://learn.microsoft.com/graph/api/listitem-create>,
//!   <https://learn.microsoft.com/graph/api/listitem-update>, <https://learn.microsoft.com/graph/api/listitem-delete>
//! - the grant: <https://learn.microsoft.com/graph/permissions-selected-overview>
//! - limits: <https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online>
//!
//! Reading order: [`Target`], [`Call`], `decide`, `intend`, `perform`, `learn`; [`plan`] is what a dry run and a publication compare.

mod call;
mod columns;
mod content;
mod decide;
mod fields;
mod find;
mod intend;
mod learn;
mod ledger;
mod notes;
mod perform;
pub mod plan;
pub mod reading;
mod refusal;
pub mod request;
mod rival;
mod survey;
pub mod target;
#[cfg(test)]
mod tests;
mod value;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

pub use self::{
    call::{Answer, Call, Found},
    content::{Content, Misfit},
    find::{Unfound, find, still_there},
    rival::Rival,
    survey::{Surveyed, Wrong, check},
    target::Target,
};
use super::{Announcement, Capability, CapabilityName, Decision, Intent, Kind, Learned, Told, Work};
use crate::graph::Graph;

/// The lane of every zone: an organisation has one list at a time, and one chain of calls goes there.
pub const LANE: &str = "list";

/// Keeps the items of zones in one list. [`Work::wanted`] is a [`WantedZone`](crate::events::zone::WantedZone).
#[derive(Debug, Clone, Default)]
pub struct Zones {
    target: Option<Arc<Target>>,
    known: Option<Vec<Found>>,
    operation: Option<Arc<str>>,
    rival: Option<Rival>,
}

impl Zones {
    /// Into this list.
    pub fn into_list(target: Arc<Target>) -> Self {
        Self { target: Some(target), ..Self::default() }
    }

    /// Beside another zone that has the same value of the match column, if there is one.
    #[must_use]
    pub fn beside(self, rival: Option<Rival>) -> Self {
        Self { rival, ..self }
    }

    /// With what a complete reading of the list found for the zone, so that nobody needs to be asked.
    #[must_use]
    pub fn knowing(self, found: Vec<Found>) -> Self {
        Self { known: Some(found), ..self }
    }

    /// For this publication.
    #[must_use]
    pub fn publishing(self, operation: Arc<str>) -> Self {
        Self { operation: Some(operation), ..self }
    }
}

impl Capability for Zones {
    type Call = Call;
    type Answer = Answer;

    fn name(&self) -> CapabilityName {
        CapabilityName::SharePoint
    }

    fn kind(&self) -> Kind {
        Kind::Zone
    }

    fn failed_action(&self) -> &'static str {
        notes::FAILED
    }

    fn decide(&self, work: &Work, now: DateTime<Utc>) -> Decision<Call> {
        decide::decide(self, work, now)
    }

    fn intend(&self, work: &Work, call: &Call) -> Option<Intent> {
        intend::intend(self, work, call)
    }

    async fn perform(&self, graph: &impl Graph, _work: &Work, call: &Call) -> Answer {
        match &self.target {
            Some(target) => perform::perform(graph, target, call).await,
            None => Answer::none(),
        }
    }

    fn learn(&self, work: &Work, call: &Call, answer: Answer) -> Learned {
        learn::learn(self, work, call, answer)
    }

    fn tell(&self, work: &Work, announcement: &Announcement) -> Told {
        // Items are told of by publication, never one by one.
        Told { topic: "zones.published", data: json!({ "zoneId": work.key, "action": announcement.action }) }
    }
}
