//! An Outlook in memory to test the calendar against: strict about what it is sent, and awkward wherever Microsoft may be.
//!
//! It answers the way the service was seen to: a filter that ignores case, a search that may lag, a key that is remembered in one of
//! three ways, answers lost before or after the effect, mailboxes that are missing or closed to us, two names for one mailbox.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};

use crate::graph::{Graph, GraphError, Request, Response, ThrottleScope, Verdict};

type Answered = Result<Response, Box<GraphError>>;

/// How a creation with a used key and another content is answered. With the same content it is always answered with the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// 201 with the event as it stands.
    Answered,
    /// 400, with the id of the event.
    RefusedWithId,
    /// 409, without.
    Refused,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and nobody knows.
    LostBefore,
    /// It happens, and nobody knows.
    LostAfter,
    /// 503 before anything happens.
    Unavailable,
    /// 429.
    Throttled,
}

/// What is awkward about this Outlook.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// Events younger than so many calls are not found by a search.
    pub(crate) lag: usize,
    /// Used keys.
    pub(crate) duplicates: Duplicates,
    /// Whether the key of a removed event counts as used.
    pub(crate) remembers_removed: bool,
    /// The names of time zones that it knows; `None`: every name.
    pub(crate) zones: Option<&'static [&'static str]>,
    /// Whether a creation is answered without a body.
    pub(crate) answers_nothing: bool,
    /// Events a page.
    pub(crate) page: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self { lag: 0, duplicates: Duplicates::Answered, remembers_removed: false, zones: None, answers_nothing: false, page: 2 }
    }
}

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// Its properties, as sent last.
    pub(crate) body: Value,
    /// The call that made it; 0 for one that every search finds.
    pub(crate) born: usize,
}

#[derive(Debug, Clone, Default)]
struct State {
    calls: usize,
    made: usize,
    events: BTreeMap<String, Vec<Event>>,
    used: BTreeSet<(String, String)>,
    aliases: BTreeMap<String, String>,
    closed: BTreeMap<String, (u16, &'static str)>,
    faults: BTreeMap<usize, Fault>,
    most: usize,
    most_visits: usize,
    log: Vec<String>,
}

/// The Outlook of one tenant. Every mailbox exists until it is said to be missing.
#[derive(Debug, Default)]
pub(crate) struct FakeOutlook {
    pub(crate) manners: Manners,
    state: Mutex<State>,
}

impl Clone for FakeOutlook {
    /// Another one in the same state.
    fn clone(&self) -> Self {
        Self { manners: self.manners.clone(), state: Mutex::new(self.state().clone()) }
    }
}

impl FakeOutlook {
    pub(crate) fn with(manners: Manners) -> Self {
        Self { manners, ..Self::default() }
    }

    /// Makes every call to this mailbox fail (`None`: no longer).
    pub(crate) fn refuse(&self, mailbox: &str, refusal: Option<(u16, &'static str)>) {
        let mut state = self.state();
        match refusal {
            Some(refusal) => state.closed.insert(mailbox.into(), refusal),
            None => state.closed.remove(mailbox),
        };
    }

    /// Makes `name` another name of `mailbox`.
    pub(crate) fn alias(&self, name: &str, mailbox: &str) {
        self.state().aliases.insert(name.into(), mailbox.into());
    }

    /// Makes the call with this number (counted from 1) go wrong.
    pub(crate) fn fail(&self, call: usize, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// Makes the next call go wrong.
    pub(crate) fn fail_next(&self, fault: Fault) {
        let mut state = self.state();
        let next = state.calls + 1;
        state.faults.insert(next, fault);
    }

    /// The search lags behind no more for what stands now.
    pub(crate) fn catch_up(&self) {
        self.state().events.values_mut().flatten().for_each(|event| event.born = 0);
    }

    /// What a person does in Outlook.
    pub(crate) fn edit<T>(&self, mailbox: &str, change: impl FnOnce(&mut Vec<Event>) -> T) -> T {
        change(self.state().events.entry(mailbox.into()).or_default())
    }

    /// The subjects in every mailbox that holds an event.
    pub(crate) fn calendars(&self) -> Vec<(String, Vec<String>)> {
        let subjects = |events: &Vec<Event>| events.iter().map(|event| text(&event.body["subject"])).collect();
        let state = self.state();
        state
            .events
            .iter()
            .filter(|(_, events)| !events.is_empty())
            .map(|(name, events)| (name.clone(), subjects(events)))
            .collect()
    }

    /// The calls so far, as `POST ann@…`.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// The most events that ever stood in one mailbox at once.
    pub(crate) fn most(&self) -> usize {
        self.state().most
    }

    /// The same without what a probe makes: what a person sees.
    pub(crate) fn most_visits(&self) -> usize {
        self.state().most_visits
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, request: &Request, skip: usize) -> Answered {
        let mut state = self.state();
        state.calls += 1;
        let (name, event_id) = address(request);
        check(request, &name);
        state.log.push(format!("{} {name}", request.method));
        if let Some((status, code)) = state.closed.get(&name) {
            return Err(refusal(*status, code).into());
        }
        let now = state.calls;
        let fault = state.faults.remove(&now);
        match fault {
            Some(Fault::LostBefore) => return Err(lost(request).into()),
            Some(Fault::Unavailable) => return Err(refusal(503, "serviceNotAvailable").into()),
            Some(Fault::Throttled) => return Err(throttled().into()),
            Some(Fault::LostAfter) | None => {}
        }
        let mailbox = state.aliases.get(&name).cloned().unwrap_or(name);
        let answer = self.answer(&mut state, request, &mailbox, event_id.as_deref(), skip);
        let (events, visits) = state.events.get(&mailbox).map_or((0, 0), |events| (events.len(), visits(events)));
        (state.most, state.most_visits) = (state.most.max(events), state.most_visits.max(visits));
        if fault == Some(Fault::LostAfter) { Err(lost(request).into()) } else { answer }
    }

    fn answer(&self, state: &mut State, request: &Request, mailbox: &str, id: Option<&str>, skip: usize) -> Answered {
        let body = request.body.clone().unwrap_or_default();
        let zone = body["start"]["timeZone"].as_str();
        if self.manners.zones.zip(zone).is_some_and(|(known, zone)| !known.contains(&zone)) {
            return Err(refusal(400, "TimeZoneNotSupportedException").into());
        }
        if request.method == Method::POST {
            return self.create(state, mailbox, body);
        }
        let now = state.calls;
        let events = state.events.entry(mailbox.into()).or_default();
        let Some(id) = id else { return Ok(ok(200, self.search(events, request, now, skip))) };
        let at = events.iter().position(|event| event.id == id).ok_or_else(|| refusal(404, "ErrorItemNotFound"))?;
        match request.method {
            Method::GET => Ok(ok(200, shown(&events[at]))),
            Method::DELETE => {
                events.remove(at);
                Ok(ok(204, Value::Null))
            }
            _ => {
                for (name, value) in body.as_object().unwrap() {
                    events[at].body[name] = value.clone();
                }
                Ok(ok(200, shown(&events[at])))
            }
        }
    }

    fn create(&self, state: &mut State, mailbox: &str, body: Value) -> Answered {
        let key = text(&body["transactionId"]);
        let standing =
            state.events.get(mailbox).and_then(|events| events.iter().find(|event| event.body["transactionId"] == key.as_str()));
        if let Some(event) = standing {
            let same = event.body == body;
            return match self.manners.duplicates {
                _ if same => Ok(ok(201, shown(event))),
                Duplicates::Answered => Ok(ok(201, shown(event))),
                Duplicates::RefusedWithId => Err(duplicate(400, Some(&event.id)).into()),
                Duplicates::Refused => Err(duplicate(409, None).into()),
            };
        }
        if self.manners.remembers_removed && state.used.contains(&(mailbox.to_owned(), key.clone())) {
            let id = (self.manners.duplicates == Duplicates::RefusedWithId).then_some("gone");
            return Err(duplicate(400, id).into());
        }
        state.used.insert((mailbox.to_owned(), key));
        state.made += 1;
        let event = Event { id: format!("AAMk{}=", state.made), body, born: state.calls };
        let answer = ok(201, if self.manners.answers_nothing { Value::Null } else { shown(&event) });
        state.events.entry(mailbox.into()).or_default().push(event);
        Ok(answer)
    }

    fn search(&self, events: &[Event], request: &Request, now: usize, skip: usize) -> Value {
        let filter = &request.query.iter().find(|(name, _)| *name == "$filter").expect("a look-up has a filter").1;
        let value = filter.split_once("ep/value eq '").and_then(|(_, rest)| rest.strip_suffix("')")).expect("our own filter");
        let value = value.replace("''", "'").to_lowercase();
        let found: Vec<_> = events
            .iter()
            .filter(|event| event.born == 0 || now - event.born > self.manners.lag)
            .filter(|event| reference(&event.body).to_lowercase() == value)
            .collect();
        let mut page =
            json!({ "value": found.iter().skip(skip).take(self.manners.page).map(|event| shown(event)).collect::<Vec<_>>() });
        if found.len() > skip + self.manners.page {
            page["@odata.nextLink"] = json!(format!("https://graph.test/next?skip={}", skip + self.manners.page));
        }
        page
    }
}

impl Graph for FakeOutlook {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        self.take(&request, 0).map_err(|error| *error)
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        let skip = link.rsplit_once('=').and_then(|(_, skip)| skip.parse().ok()).expect("our own link");
        self.take(like, skip).map_err(|error| *error)
    }
}

/// Refuses what the calendar never may send.
fn check(request: &Request, name: &str) {
    assert_eq!(request.headers, [("Prefer", "IdType=\"ImmutableId\"".to_owned())]);
    assert_eq!(request.target.as_deref(), Some(name), "a call names its mailbox");
    assert_eq!(name, name.to_lowercase());
    let options: Vec<_> = request.query.iter().map(|(name, _)| *name).collect();
    let body = request.body.clone().unwrap_or_default();
    assert!(body["attendees"].is_null(), "attendees get mail");
    match request.method {
        Method::POST => {
            assert!(!request.repeatable, "a lost creation must come back");
            assert!(body["transactionId"].is_string() && reference(&body).contains('/'));
            assert!(body["start"].is_object() && body["end"].is_object() && body["subject"].is_string());
        }
        Method::PATCH => {
            assert!(body["start"].is_object() && body["end"].is_object(), "an update always holds start and end");
            assert!(body["transactionId"].is_null(), "a transaction id cannot be changed");
        }
        Method::GET => assert!(options.contains(&"$expand"), "the reference is never returned unless expanded"),
        _ => assert!(options.is_empty()),
    }
}

fn address(request: &Request) -> (String, Option<String>) {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let parts: Vec<&str> = request.path.split('/').collect();
    match parts.as_slice() {
        ["", "users", name, "events"] => (decoded(name), None),
        ["", "users", name, "events", id] => (decoded(name), Some(decoded(id))),
        _ => panic!("{} is not a path of events", request.path),
    }
}

/// Events that are not a probe's, which stands in the past and says nothing.
fn visits(events: &[Event]) -> usize {
    events.iter().filter(|event| !text(&event.body["start"]["dateTime"]).starts_with("2000-01-01")).count()
}

fn shown(event: &Event) -> Value {
    let mut body = event.body.clone();
    body["id"] = json!(event.id);
    body["createdDateTime"] = json!(format!("2026-11-01T00:{:02}:{:02}Z", event.born / 60, event.born % 60));
    body
}

fn reference(body: &Value) -> String {
    text(&body["singleValueExtendedProperties"][0]["value"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ok(status: u16, body: Value) -> Response {
    Response { status, body, request_id: Some("answered".into()), clock_skew_ms: None }
}

fn lost(request: &Request) -> GraphError {
    let verdict = if request.repeatable { Verdict::Transient } else { Verdict::Ambiguous };
    GraphError { status: None, ..error(verdict, "timeout") }
}

fn throttled() -> GraphError {
    let verdict = Verdict::Throttled { until: chrono::DateTime::UNIX_EPOCH, scope: ThrottleScope::Target };
    GraphError { status: Some(429), ..error(verdict, "ApplicationThrottled") }
}

fn duplicate(status: u16, id: Option<&str>) -> GraphError {
    let detail = id.map_or(Value::Null, |id| json!({ "@event.existingEventId": id }));
    GraphError { detail, ..refusal(status, "ErrorDuplicateTransactionId") }
}

/// A refusal with the verdict that the transport gives it.
pub(crate) fn refusal(status: u16, code: &str) -> GraphError {
    let verdict = match status {
        401 => Verdict::Unauthorized,
        403 => Verdict::Forbidden,
        404 | 410 => Verdict::NotFound,
        409 | 412 => Verdict::Conflict,
        500.. => Verdict::Transient,
        _ => Verdict::Rejected,
    };
    GraphError { status: Some(status), ..error(verdict, code) }
}

fn error(verdict: Verdict, code: &str) -> GraphError {
    GraphError {
        verdict,
        code: code.into(),
        message: String::new(),
        status: None,
        request_id: Some("refused".into()),
        detail: Value::Null,
        elapsed: Duration::ZERO,
        source: None,
    }
}
