//! The next step for one outage in one channel. Pure: the claims of the capability's tests rest on this file.

use chrono::{DateTime, Utc};

use super::{
    Sender, TeamsSettings,
    call::{Call, Send},
    desk::{Channel, Turn},
    kept::{Kept, Thread},
    look::{Briefing, Look},
    marker::{Marker, Step},
    says::Says,
    wanted::WantedCard,
};
use crate::capabilities::{Decision, Place, Work};

/// What is open is cleared up first; then news is sent, in its turn.
pub(super) fn decide(sender: Sender, settings: TeamsSettings, work: &Work, now: DateTime<Utc>) -> Decision<Call> {
    let wanted = match WantedCard::read(work) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("the outage's wanted state cannot be read: {error}");
            return Decision::Impossible { code: "UNREADABLE", message };
        }
    };
    if !work.failures.is_empty() {
        return Decision::Stop;
    }
    let thread = Thread::of(work, &wanted.target);
    let says = Says::of(&wanted.outage);
    let uncertain = thread.open.is_some() || thread.suspected || (work.recheck && sender == Sender::Graph);
    if !uncertain && !is_news(settings, work, &thread, &says) {
        return Decision::Settled;
    }
    let Some(briefing) = Briefing::of(work) else { return Decision::Call(Call::Open) };
    // A channel that is gone, or leads elsewhere, is told nothing.
    let Some(channel) = &briefing.channel else { return Decision::Settled };
    if sender == Sender::Graph
        && let Some(look) = Look::due(work, &thread, channel, &briefing)
    {
        return Decision::Call(Call::LookUp(look));
    }
    let sending = Sending { sender, work, wanted: &wanted, says, thread: &thread, channel, briefing: &briefing, now };
    match &thread.open {
        Some((_, kept)) if settings.hold_unknown && !kept.held => Decision::Call(Call::Leave),
        Some((place, kept)) => sending.again(place, kept),
        None if is_news(settings, work, &thread, &sending.says) => sending.news(),
        None => Decision::Settled,
    }
}

/// Whether readers should hear of the wanted version.
fn is_news(settings: TeamsSettings, work: &Work, thread: &Thread, says: &Says) -> bool {
    match &thread.last {
        // Nobody needs to be told that what they never heard of will not be.
        None => !says.is_cancelled(),
        Some((_, Kept { says: Some(told), .. })) => says.is_news_after(told, settings.customers_threshold_percent),
        // Found, not sent: it tells of its version, whatever that said.
        Some((_, kept)) => kept.version < work.version,
    }
}

struct Sending<'a> {
    sender: Sender,
    work: &'a Work,
    wanted: &'a WantedCard,
    says: Says,
    thread: &'a Thread,
    channel: &'a Channel,
    briefing: &'a Briefing,
    now: DateTime<Utc>,
}

impl Sending<'_> {
    fn news(self) -> Decision<Call> {
        let step = match self.sender {
            Sender::Graph if self.thread.root.is_some() => Step::Reply,
            _ => Step::Post,
        };
        let generation = self.work.generation + 1;
        let twice = self.briefing.blind && self.work.recheck;
        self.in_turn(generation, step, twice)
    }

    /// A card that may stand there already, once more; with the newest version, which may be another by now.
    fn again(self, open: &Place, kept: &Kept) -> Decision<Call> {
        let step = match kept.step {
            Step::Reply if self.thread.root.is_some() => Step::Reply,
            _ => Step::Post,
        };
        self.in_turn(open.generation, step, true)
    }

    fn in_turn(self, generation: u64, step: Step, twice: bool) -> Decision<Call> {
        let (step, several, root) = match &self.briefing.turn {
            Some(Turn::Granted) => (step, Vec::new(), self.thread.root.clone().filter(|_| step == Step::Reply)),
            Some(Turn::Summary(several)) => (Step::Summary, several.clone(), None),
            _ => return Decision::Call(Call::Turn(self.channel.clone(), generation)),
        };
        Decision::Call(Call::Send(Box::new(Send {
            channel: self.channel.clone(),
            by_graph: self.sender == Sender::Graph,
            marker: Marker::new(self.work, generation, step),
            root,
            outage: self.wanted.outage.clone(),
            several,
            says: self.says,
            at: self.now,
            twice,
        })))
    }
}
