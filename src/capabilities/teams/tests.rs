//! The claim that the capability has to keep: whatever crashes and whatever answer is lost, each piece of news stands once in the channel,
//! the last of them last.
//!
//! The driver is a reconciler in miniature, as the calendar's: an intent is durable before its call leaves, what was learned is durable
//! after it, a crash loses the rest.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{Channel, Desk, DeskError, Sender, Teams, TeamsSettings, Turn, WebhookError, kept, perform::Rests};
use crate::{
    capabilities::{Announcement, AuditNote, Capability, Decision, FailureKind, Understood, Version, Work},
    events::EventContext,
    graph::{Graph, GraphError, Request, Response, Verdict},
    organisation::OrganisationId,
};

const TARGET: &str = "team/channel";

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Given,
    /// The message stands; the answer does not come.
    LostAfter,
    /// Neither.
    LostBefore,
    Refused(u16),
}

/// A channel, as Graph and a webhook both lead to.
#[derive(Debug, Clone, Default)]
struct Place {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Card, and the message it is under.
    messages: Vec<(Value, Option<String>)>,
    /// Fates of the next sendings.
    fates: Vec<Fate>,
    unreadable: bool,
    gone: bool,
    turns: Vec<Turn>,
    reads: usize,
}

impl Place {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap())
    }

    fn take(&self, card: Value, under: Option<String>) -> (Fate, String) {
        self.with(|inner| {
            let fate = if inner.fates.is_empty() { Fate::Given } else { inner.fates.remove(0) };
            if matches!(fate, Fate::Given | Fate::LostAfter) {
                inner.messages.push((card, under));
            }
            (fate, inner.messages.len().to_string())
        })
    }

    /// What readers see, message by message.
    fn told(&self) -> Vec<String> {
        self.with(|inner| inner.messages.iter().map(|(card, _)| card["body"][0]["items"][0]["text"].to_string()).collect())
    }
}

fn failed(verdict: Verdict, status: Option<u16>) -> GraphError {
    GraphError {
        verdict,
        code: status
            .map_or("connection".into(), |status| if status == 401 { "Unauthorized".into() } else { format!("http{status}") }),
        message: String::new(),
        status,
        request_id: Some("r-1".into()),
        detail: Value::Null,
        elapsed: Duration::ZERO,
        source: None,
    }
}

impl Graph for Place {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let answer = |body| Response { status: 200, body, request_id: Some("r-1".into()), clock_skew_ms: None };
        let under = request.path.strip_suffix("/replies").and_then(|path| path.rsplit('/').next()).map(str::to_owned);
        let Some(body) = request.body else {
            return self.with(|inner| {
                inner.reads += 1;
                if inner.unreadable {
                    return Err(failed(Verdict::Forbidden, Some(403)));
                }
                let shown = |(number, (card, of)): (usize, &(Value, Option<String>))| {
                    (*of == under)
                        .then(|| json!({ "id": (number + 1).to_string(), "attachments": [{ "content": card.to_string() }] }))
                };
                let value: Vec<Value> = inner.messages.iter().enumerate().filter_map(shown).collect();
                Ok(answer(json!({ "value": value })))
            });
        };
        let card = serde_json::from_str(body["attachments"][0]["content"].as_str().unwrap()).unwrap();
        match self.take(card, under) {
            (Fate::Given, id) => Ok(answer(json!({ "id": id }))),
            (Fate::LostAfter | Fate::LostBefore, _) => Err(failed(Verdict::Ambiguous, None)),
            (Fate::Refused(401), _) => Err(failed(Verdict::Unauthorized, Some(401))),
            (Fate::Refused(404), _) => Err(failed(Verdict::NotFound, Some(404))),
            (Fate::Refused(status), _) => Err(failed(Verdict::Rejected, Some(status))),
        }
    }

    async fn follow(&self, _link: &str, like: &Request) -> Result<Response, GraphError> {
        self.send(like.clone()).await
    }
}

impl Desk for Place {
    async fn open(&self, _work: &Work) -> Result<Option<Channel>, DeskError> {
        let channel = Channel {
            key: "ops".into(),
            target: TARGET.into(),
            team_id: "team".into(),
            channel_id: "channel".into(),
            time_zone: chrono_tz::UTC,
        };
        Ok(Some(channel).filter(|_| !self.with(|inner| inner.gone)))
    }

    async fn turn(&self, _work: &Work, _channel: &Channel, _marker: &str) -> Result<Turn, DeskError> {
        Ok(self.with(|inner| inner.turns.pop().unwrap_or(Turn::Granted)))
    }

    async fn post(&self, _work: &Work, _channel: &Channel, body: Value) -> Result<(), WebhookError> {
        match self.take(body["attachments"][0]["content"].clone(), None).0 {
            Fate::Given => Ok(()),
            Fate::LostAfter | Fate::LostBefore => Err(WebhookError::Lost("timeout".into())),
            Fate::Refused(status) => Err(WebhookError::Rejected(status.to_string())),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Ended {
    Settled,
    Stopped(Vec<(String, FailureKind)>),
    Crashed,
}

struct Crash;

/// The durable state of one outage in one channel, and a worker that may crash at the step named.
struct Row {
    work: Work,
    steps: usize,
    crash_at: Option<usize>,
    audit: Vec<AuditNote>,
    told: Vec<Announcement>,
    teams: Teams<Place>,
    place: Place,
}

impl Row {
    fn new(sender: Sender, hold_unknown: bool) -> Self {
        let place = Place::default();
        let settings = TeamsSettings { customers_threshold_percent: 10, hold_unknown };
        let rests = Arc::new(Rests::of(Duration::ZERO));
        let teams = Teams { sender, settings, desk: place.clone(), rests };
        let context = EventContext {
            id: "e-1".into(),
            source: "/test".into(),
            time: DateTime::<Utc>::UNIX_EPOCH,
            subject: None,
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            data_classification: None,
        };
        let work = Work {
            organisation: OrganisationId::parse("acme").unwrap(),
            key: "o-1/ops".into(),
            version: Version { event: 0, mutation: 0 },
            wanted: Value::Null,
            context,
            generation: 0,
            recheck: false,
            places: Vec::new(),
            failures: Vec::new(),
            looked: BTreeSet::new(),
            briefing: None,
            understood: Understood::default(),
        };
        Self { work, steps: 0, crash_at: None, audit: Vec::new(), told: Vec::new(), teams, place }
    }

    fn want(&mut self, version: u64, status: &str) {
        self.work.version.event = version;
        self.work.wanted = json!({
            "outageId": "o-1", "channel": "ops", "target": TARGET,
            "outage": { "title": "Burst main", "status": status, "customersAffected": 100, "utilityType": "water" },
        });
    }

    fn claim(&mut self) -> Ended {
        self.run().unwrap_or_else(|Crash| {
            self.work.recheck = true;
            Ended::Crashed
        })
    }

    fn settle(&mut self) {
        for _ in 0..12 {
            if self.claim() == Ended::Settled {
                self.work.recheck = false;
                return;
            }
        }
        panic!("never settled: {:?}", self.work.places);
    }

    fn run(&mut self) -> Result<Ended, Crash> {
        self.step()?;
        let mut work = self.work.clone();
        for _ in 0..40 {
            let call = match self.teams.decide(&work, DateTime::<Utc>::UNIX_EPOCH) {
                Decision::Call(call) => call,
                Decision::Settled => return Ok(Ended::Settled),
                Decision::Stop => {
                    return Ok(Ended::Stopped(work.failures.into_iter().map(|failure| (failure.code, failure.kind)).collect()));
                }
                Decision::Impossible { message, .. } => panic!("{message}"),
            };
            if let Some(intent) = self.teams.intend(&work, &call) {
                self.step()?;
                self.work.apply_intent(&intent);
                work.apply_intent(&intent);
                self.audit.push(intent.audit);
                self.step()?;
            }
            let answer = self.teams.perform(&self.place, &work, &call).now_or_never().expect("nothing waits");
            self.step()?;
            let learned = self.teams.learn(&work, &call, answer);
            work.apply(&learned);
            self.work.apply(&crate::capabilities::Learned { failure: None, looked: None, briefing: None, ..learned.clone() });
            self.audit.extend(learned.audit);
            self.told.extend(learned.announce);
            self.step()?;
        }
        panic!("no end: {:?}", work.places);
    }

    fn step(&mut self) -> Result<(), Crash> {
        self.steps += 1;
        if self.crash_at == Some(self.steps) { Err(Crash) } else { Ok(()) }
    }
}

const LIFE: [(u64, &str); 3] = [(1, "reported"), (2, "investigating"), (3, "restored")];

fn live(sender: Sender, crash_at: Option<usize>, fates: &[Fate]) -> Row {
    let mut row = Row { crash_at, ..Row::new(sender, false) };
    row.place.with(|inner| inner.fates = fates.to_vec());
    for (version, status) in LIFE {
        row.want(version, status);
        row.settle();
    }
    row
}

#[test]
fn through_graph_every_crash_and_every_lost_answer_leaves_each_piece_of_news_once() {
    let fates = [Fate::Given, Fate::LostAfter, Fate::LostBefore];
    let calm = live(Sender::Graph, None, &[]);
    assert_eq!(calm.place.told().len(), 3);
    for first in fates {
        for second in fates {
            let steps = live(Sender::Graph, None, &[first, second]).steps;
            for crash in 1..=steps {
                let row = live(Sender::Graph, Some(crash), &[first, second]);
                assert_eq!(row.place.told(), calm.place.told(), "crash at {crash}, {first:?} {second:?}");
                assert!(!kept::ever_twice(&row.work, TARGET));
                let under: Vec<_> = row.place.with(|inner| inner.messages.iter().map(|(_, under)| under.clone()).collect());
                assert_eq!(under, [None, Some("1".into()), Some("1".into())], "crash at {crash}");
            }
        }
    }
}

#[test]
fn through_a_webhook_nothing_is_lost_and_what_may_be_there_twice_is_said_to_be() {
    let calm = live(Sender::Webhook, None, &[]);
    for fate in [Fate::Given, Fate::LostAfter, Fate::LostBefore] {
        for crash in 1..=live(Sender::Webhook, None, &[fate]).steps {
            let row = live(Sender::Webhook, Some(crash), &[fate]);
            let mut told = row.place.told();
            let twice = told.len() > 3;
            told.dedup();
            assert_eq!(told, calm.place.told(), "crash at {crash}, {fate:?}");
            assert!(!twice || kept::ever_twice(&row.work, TARGET), "crash at {crash}, {fate:?}");
        }
    }
}

#[test]
fn a_restored_store_that_forgot_everything_finds_what_it_posted() {
    let before = live(Sender::Graph, None, &[]);
    let mut row = Row { place: before.place.clone(), ..Row::new(Sender::Graph, false) };
    row.teams.desk = before.place.clone();
    row.work.recheck = true;
    row.want(3, "restored");
    row.settle();
    assert_eq!(row.place.told().len(), 3, "nothing was posted again");
    row.want(4, "investigating");
    row.settle();
    assert_eq!(row.place.with(|inner| inner.messages[3].1.clone()), Some("1".into()), "and the thread goes on where it was");
}

#[test]
fn where_reading_is_not_permitted_the_policy_decides() {
    let mut row = Row::new(Sender::Graph, false);
    row.place.with(|inner| (inner.unreadable, inner.fates) = (true, vec![Fate::LostAfter]));
    row.want(1, "reported");
    row.settle();
    assert_eq!(row.place.told().len(), 2);
    assert!(kept::ever_twice(&row.work, TARGET));

    let mut row = Row::new(Sender::Graph, true);
    row.place.with(|inner| (inner.unreadable, inner.fates) = (true, vec![Fate::LostAfter]));
    row.want(1, "reported");
    row.claim();
    assert_eq!(row.claim(), Ended::Stopped(vec![("POSSIBLY_POSTED".into(), FailureKind::Permanent)]));
    // Claimed again: a person has replayed it.
    row.settle();
    assert_eq!(row.place.told().len(), 2);
}

#[test]
fn refusals_end_where_a_person_can_do_something_about_them() {
    for (fate, code) in
        [(401, "TEAMS_APP_ONLY_FORBIDDEN"), (404, "CHANNEL_NOT_FOUND"), (413, "CARD_TOO_LARGE"), (400, "GRAPH_REJECTED")]
    {
        let mut row = Row::new(Sender::Graph, false);
        row.place.with(|inner| inner.fates = vec![Fate::Refused(fate)]);
        row.want(1, "reported");
        assert_eq!(row.claim(), Ended::Stopped(vec![(code.into(), FailureKind::Permanent)]));
        assert!(row.work.places.is_empty(), "what was refused stands nowhere");
    }
}

#[test]
fn a_thread_whose_first_message_was_deleted_begins_anew() {
    let mut row = Row::new(Sender::Graph, false);
    row.want(1, "reported");
    row.settle();
    row.place.with(|inner| inner.fates = vec![Fate::Refused(404)]);
    row.want(2, "investigating");
    row.settle();
    let messages = row.place.with(|inner| inner.messages.clone());
    assert_eq!(messages.iter().map(|(_, under)| under.is_none()).collect::<Vec<_>>(), [true, true]);
    row.want(3, "restored");
    row.settle();
    assert_eq!(row.place.with(|inner| inner.messages[2].1.clone()), Some("2".into()));
}

#[test]
fn nothing_is_asked_or_sent_where_there_is_no_news() {
    let mut row = Row::new(Sender::Graph, false);
    row.want(1, "cancelled");
    row.settle();
    assert!(row.place.told().is_empty(), "nobody hears of what they never heard of");
    row.want(2, "reported");
    row.place.with(|inner| inner.gone = true);
    row.settle();
    assert!(row.place.told().is_empty(), "a channel that is gone is told nothing");
    row.place.with(|inner| inner.gone = false);
    row.settle();
    let reads = row.place.with(|inner| inner.reads);
    row.want(3, "reported");
    row.settle();
    assert_eq!((row.place.told().len(), row.place.with(|inner| inner.reads)), (1, reads));
}

#[test]
fn a_full_channel_waits_and_a_summary_counts_as_told() {
    let until = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(60);
    let mut row = Row::new(Sender::Webhook, false);
    row.place.with(|inner| inner.turns = vec![Turn::Covered, Turn::Pending(until), Turn::Wait(until)]);
    row.want(1, "reported");
    let throttled = |code: &str| {
        let kind = FailureKind::Throttled { until, whole_workload: false };
        Ended::Stopped(vec![(code.into(), kind)])
    };
    assert_eq!(row.claim(), throttled("CHANNEL_IS_FULL"));
    assert_eq!(row.claim(), throttled("IN_SUMMARY"));
    row.settle();
    assert_eq!((row.place.told().len(), row.told.len()), (0, 1), "another object's summary told of it");
    row.want(2, "reported");
    row.settle();
    assert!(row.place.told().is_empty(), "and so it is no news");
    row.want(3, "restored");
    row.settle();
    assert_eq!(row.place.told().len(), 1);
}
