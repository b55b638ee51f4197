//! Our reference in a card: which outage, channel and attempt it is of. Pure.

use std::fmt;

use uuid::Uuid;

use super::wanted::{channel_of, outage_of};
use crate::{
    capabilities::{Version, Work},
    ids::Ids,
};

/// What a card is in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// A message of its own: the first of a thread.
    Post,
    /// A reply in the thread.
    Reply,
    /// A message that tells of several outages.
    Summary,
}

impl Step {
    fn letter(self) -> &'static str {
        match self {
            Self::Post => "p",
            Self::Reply => "r",
            Self::Summary => "s",
        }
    }
}

/// `argus/THREAD/GENERATION/STEP/VERSION/MUTATION`. The thread is made from organisation, outage and channel: nobody else's, and
/// telling nothing of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    thread: Uuid,
    pub(super) generation: u64,
    pub(super) step: Step,
    pub(super) version: Version,
}

impl Marker {
    pub(super) fn new(work: &Work, generation: u64, step: Step) -> Self {
        Self { thread: thread(work), generation, step, version: work.version }
    }

    /// The marker of one of this work's cards in `text`, if there is one.
    pub(super) fn find(work: &Work, text: &str) -> Option<Self> {
        let thread = thread(work);
        let start = format!("argus/{thread}/");
        let (_, rest) = text.split_once(&start)?;
        let mut parts = rest.split('/');
        let generation = parts.next()?.parse().ok()?;
        let step = match parts.next()? {
            "p" => Step::Post,
            "r" => Step::Reply,
            "s" => Step::Summary,
            _ => return None,
        };
        let event = parts.next()?.parse().ok()?;
        let digits = |text: &str| text.split(|letter: char| !letter.is_ascii_digit()).next().map(str::to_owned);
        let mutation = digits(parts.next()?)?.parse().ok()?;
        Some(Self { thread, generation, step, version: Version { event, mutation } })
    }

    /// The attachment's id: the same for the same attempt.
    pub(super) fn attachment(&self) -> String {
        Uuid::new_v5(&self.thread, self.to_string().as_bytes()).to_string()
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { thread, generation, step, version } = self;
        write!(f, "argus/{thread}/{generation}/{}/{}/{}", step.letter(), version.event, version.mutation)
    }
}

fn thread(work: &Work) -> Uuid {
    Ids::derived(work.organisation.as_str(), &["outage", outage_of(&work.key), channel_of(&work.key)])
}
