//! Visits and work to test with.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use super::{content::EventContent, home::Confirmed, key};
use crate::{
    capabilities::{Place, PlaceState, Understood, Version, Work},
    events::{
        EventContext,
        task::{Assignee, Moment, Priority, Privacy, Visit, WantedTask, Window},
    },
    organisation::OrganisationId,
};

/// The worker of most tests.
pub(crate) const ANN: &str = "ann@contoso.example";
/// The other one.
pub(crate) const BOB: &str = "bob@contoso.example";
/// The object id of Ann's mailbox.
pub(crate) const ANN_ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// One hour at `hour` on 1 December 2026 in Berlin, for the worker with this principal name (or object id).
pub(crate) fn visit(worker: &str, hour: u32) -> Visit {
    let named = |is_id: bool| (uuid::Uuid::try_parse(worker).is_ok() == is_id).then(|| worker.to_owned());
    Visit {
        reference: None,
        title: format!("Visit at {hour}"),
        description: None,
        window: Window { time_zone: Tz::Europe__Berlin, start: moment(hour), end: moment(hour + 1) },
        assignee: Assignee { object_id: named(true), user_principal_name: named(false), display_name: None },
        location: None,
        priority: Priority::Normal,
        privacy: Privacy::Normal,
        url: None,
    }
}

fn moment(hour: u32) -> Moment {
    let wall = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap().and_hms_opt(hour, 0, 0).unwrap();
    Moment { wall, instant: Tz::Europe__Berlin.from_local_datetime(&wall).unwrap().with_timezone(&Utc), adjusted: None }
}

pub(crate) fn scheduled(worker: &str, hour: u32) -> WantedTask {
    WantedTask::Scheduled(visit(worker, hour))
}

pub(crate) fn closed() -> WantedTask {
    WantedTask::Closed { reason: None }
}

/// Fresh work on task `t1` of `acme`, with nothing known.
pub(crate) fn work(wanted: &WantedTask) -> Work {
    Work {
        organisation: OrganisationId::parse("acme").unwrap(),
        key: "t1".into(),
        version: Version { event: 1, mutation: 0 },
        wanted: serde_json::to_value(wanted).unwrap(),
        context: EventContext {
            id: "e1".into(),
            source: "/test".into(),
            time: Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).unwrap(),
            subject: None,
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            data_classification: None,
        },
        generation: 0,
        recheck: false,
        places: Vec::new(),
        failures: Vec::new(),
        looked: BTreeSet::new(),
        briefing: None,
        understood: Understood::default(),
    }
}

/// Work that knows of these places.
pub(crate) fn with(wanted: &WantedTask, places: &[Place]) -> Work {
    let generation = places.iter().map(|place| place.generation).max().unwrap_or(0);
    Work { places: places.to_vec(), generation, ..work(wanted) }
}

/// An attempt whose outcome is not known.
pub(crate) fn intended(mailbox: &str, generation: u64) -> Place {
    let organisation = OrganisationId::parse("acme").unwrap();
    Place {
        target: mailbox.into(),
        generation,
        idempotency_key: key::transaction_id(&organisation, "t1", mailbox, generation),
        state: PlaceState::Intended,
        remote_id: None,
        confirmed: None,
    }
}

/// An event that stands there, saying what a visit at `hour` says (`None`: nobody knows).
pub(crate) fn standing(mailbox: &str, generation: u64, id: &str, hour: Option<u32>) -> Place {
    let says = |hour| Confirmed::Says(EventContent::of(&visit(mailbox, hour), "t1", 15)).keep();
    Place {
        state: PlaceState::Present,
        remote_id: Some(id.into()),
        confirmed: hour.and_then(says),
        ..intended(mailbox, generation)
    }
}
