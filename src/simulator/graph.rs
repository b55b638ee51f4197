//! The way of one call: fault → caller → mailbox → its place there → effect → answer → ledger.

use std::{sync::Arc, time::Duration};

use super::{
    batch,
    calendar::{self, MailboxCall},
    call::{Call, Fate, Reply},
    directory::{self, Charge, DirectoryCall},
    errors::{Failure, RetryAfter},
    faults::{Effect, Fault, When},
    identity::{self, Grant},
    ledger::Arrival,
    promises::{Came, Told},
    route::Route,
    sharepoint::{self, ListCall, RateLimit},
    teams,
    tenant::{MailboxState, Person, Slot},
    twist::twisted,
    webhooks,
    world::World,
};

const WRITE_ROLES: &[&str] = &["Calendars.ReadWrite"];
const READ_ROLES: &[&str] = &["Calendars.ReadWrite", "Calendars.Read"];

/// Answers one request from the wire.
pub(crate) async fn answer(world: &Arc<World>, call: &Call) -> Reply {
    let started = begin(world, call);
    finish(world, call, started).await
}

/// A call that holds its place in the mailbox and has not been performed. Parts of a `$batch` all take their places first.
#[derive(Debug)]
pub(crate) struct Started {
    arrival: Arrival,
    route: Result<Route, Failure>,
    fault: Option<Fault>,
    admitted: Result<Admitted, Failure>,
}

/// Who calls, and where it goes.
#[derive(Debug)]
struct Admitted {
    grant: Option<Arc<Grant>>,
    mailbox: Option<(Arc<Person>, Slot)>,
    charge: Option<Charge>,
    /// What SharePoint says about the resource units left.
    rate: RateLimit,
}

impl Admitted {
    /// Of a caller to whom nothing is charged.
    fn plain(grant: Option<Arc<Grant>>) -> Self {
        Self { grant, mailbox: None, charge: None, rate: RateLimit::new() }
    }
}

/// Takes note of a call's arrival and takes its place in the mailbox.
pub(crate) fn begin(world: &World, call: &Call) -> Started {
    let arrival = world.ledger.arrival(world.now());
    let fault = world.faults.strike(call.method.as_str(), &call.path);
    let route = Route::of(call);
    let admitted = match &route {
        Ok(route) => admit(world, route, call, &arrival),
        Err(failure) => Err(failure.clone()),
    };
    Started { arrival, route, fault, admitted }
}

/// Performs a call and writes it down.
pub(crate) async fn finish(world: &Arc<World>, call: &Call, started: Started) -> Reply {
    let Started { arrival, route, fault, admitted } = started;
    let kind = route.as_ref().map_or("unknown", Route::name);
    let fault = fault.unwrap_or_default();
    let early = if fault.when == When::Before { fault.delay_ms } else { 0 };
    pause(world.latency_ms().saturating_add(early)).await;
    let mut reply = match struck(world, call, &fault, When::Before) {
        Some(reply) => reply,
        None => performed(world, call, &route, &fault, &admitted).await,
    };
    if fault.when == When::After {
        pause(fault.delay_ms).await;
        reply = struck(world, call, &fault, When::After).unwrap_or(reply);
    }
    if let Some(charge) = admitted.as_ref().ok().and_then(|admitted| admitted.charge) {
        reply.headers.extend(charge.headers());
    }
    if let Ok(admitted) = &admitted {
        reply.headers.extend(admitted.rate.iter().cloned());
    }
    reply = sent(twisted(with_ids(world, call, reply), &fault.effect, call), &fault);
    promise(world, call, route.as_ref().map_or(kind, service), admitted.as_ref().ok(), &reply);
    // The place in the mailbox is given back only now: a call counts until it is answered.
    drop(admitted);
    world.ledger.record(&arrival, kind, call, &reply);
    reply
}

fn admit(world: &World, route: &Route, call: &Call, arrival: &Arrival) -> Result<Admitted, Failure> {
    let came = &Came { at: arrival.at, number: arrival.number, id: call.header("client-request-id") };
    if let Route::Token { tenant } | Route::DeviceCode { tenant } = route {
        world.promises.came(|| format!("{}/token", tenant.to_lowercase()), came);
        return Ok(Admitted::plain(None));
    }
    if let Route::Webhook { name } = route {
        world.promises.came(|| format!("webhook/{name}"), came);
        return Ok(Admitted::plain(None));
    }
    let grant = world.grants.caller(call, arrival.at)?;
    let settings = grant.tenant.settings();
    let Some(key) = route.mailbox() else {
        let scope = if call.path.contains("/channels/") { channel_of(&call.path) } else { service(route).to_owned() };
        world.promises.came(|| format!("{}/{scope}", grant.app), came);
        let charge = |units| grant.tenant.sites.meter.charge(&grant.app, units, arrival.at, &settings.sharepoint);
        let rate = route.units().map_or(Ok(RateLimit::new()), charge);
        let rate = rate.inspect_err(|failure| {
            if let Some(wait) = failure.retry_after {
                let until = wait.written(arrival.at).1;
                let told = Told { until, at: arrival.at, request_id: None };
                world.promises.told(format!("{}/{}", grant.app, service(route)), told);
            }
        })?;
        let charge = grant.tenant.units.charge(&grant.tenant, &grant.app, (route, call), arrival.at)?;
        return Ok(Admitted { charge, rate, ..Admitted::plain(Some(grant)) });
    };
    let person = grant.tenant.person(key).ok_or_else(|| {
        // Generated people are in the directory and have no mailbox.
        let known = grant.tenant.directory.read().user(key).is_some();
        if let (true, Err(unlicensed)) = (known, calendar::served(MailboxState::Unlicensed)) {
            unlicensed
        } else if settings.unknown_user_is_directory_error {
            directory::not_found(key)
        } else {
            Failure::new(404, "ErrorInvalidUser", format!("The requested user '{key}' is invalid."))
        }
    })?;
    world.promises.came(|| format!("{}/{}", grant.app, person.spec.id), came);
    let slot = person.enter(&grant.app, &settings)?;
    may(&grant, route, &person)?;
    let state = *person.mailbox.read();
    calendar::served(state)?;
    Ok(Admitted { mailbox: Some((person, slot)), ..Admitted::plain(Some(grant)) })
}

/// A role in the token, or a grant of Exchange's for this mailbox.
fn may(grant: &Grant, route: &Route, person: &Person) -> Result<(), Failure> {
    let reads = matches!(route, Route::ReadEvent { .. } | Route::ListEvents { .. } | Route::CalendarView { .. });
    let granted = grant.mailboxes.contains(&person.spec.user_principal_name.to_lowercase());
    if granted || grant.has(if reads { READ_ROLES } else { WRITE_ROLES }) {
        return Ok(());
    }
    Err(Failure::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."))
}

async fn performed(
    world: &Arc<World>,
    call: &Call,
    route: &Result<Route, Failure>,
    fault: &Fault,
    admitted: &Result<Admitted, Failure>,
) -> Reply {
    let outcome = match (route, admitted) {
        (Err(failure), _) | (_, Err(failure)) => Err(failure.clone()),
        (Ok(Route::Token { tenant }), _) => return identity::answer(world, tenant, call),
        (Ok(Route::DeviceCode { tenant }), _) => return identity::start(world, tenant, call),
        (Ok(Route::Batch), Ok(_)) => batch::answer(world, call).await,
        (Ok(Route::Webhook { name }), Ok(_)) => return webhooks::answer(world, call, name),
        (Ok(route), Ok(admitted)) => plain(world, call, route, fault, admitted),
    };
    outcome.unwrap_or_else(|failure| failed(world, call, failure))
}

fn plain(world: &World, call: &Call, route: &Route, fault: &Fault, admitted: &Admitted) -> Result<Reply, Failure> {
    let Some(grant) = &admitted.grant else { return Err(Failure::token("Access token is empty.")) };
    let page_limit = if let Effect::PartialPage { items } = fault.effect { Some(items) } else { None };
    match (route, &admitted.mailbox) {
        (Route::Organization, _) => directory::organization(call, grant),
        (Route::PostMessage { channel, under }, _) => {
            teams::post(call, grant, channel, under.as_deref(), world.now(), &world.request_id())
        }
        (Route::ListMessages { channel, under }, _) => teams::list(call, grant, channel, under.as_deref()),
        (route, None) if route.units().is_some() => {
            let settings = grant.tenant.settings();
            sharepoint::answer(route, &ListCall { call, grant, settings: &settings, now: world.now(), page_limit })
        }
        (route, Some((person, _))) => {
            let settings = grant.tenant.settings();
            let mailbox = MailboxCall { call, person, settings: &settings, now: world.now(), page_limit };
            calendar::answer(route, &mailbox)
        }
        (route, None) => directory::answer(route, &DirectoryCall { call, grant, now: world.now(), page_limit }),
    }
}

/// Graph's error answer for a call.
pub(crate) fn failed(world: &World, call: &Call, failure: Failure) -> Reply {
    let id = world.request_id();
    let client = call.header("client-request-id").unwrap_or(&id);
    failure.reply(world.now(), (&id, client)).with("request-id", id.clone())
}

fn with_ids(world: &World, call: &Call, mut reply: Reply) -> Reply {
    if !reply.headers.iter().any(|(name, _)| *name == "request-id") {
        reply = reply.with("request-id", world.request_id());
    }
    match call.header("client-request-id") {
        Some(id) => reply.with("client-request-id", id),
        None => reply,
    }
}

/// The answer that a fault gives in place of the true one, when its time is now.
fn struck(world: &World, call: &Call, fault: &Fault, when: When) -> Option<Reply> {
    if fault.when != when {
        return None;
    }
    let mut reply = match &fault.effect {
        Effect::Status { status, code, retry_after, no_body } => {
            let code = code.clone();
            let text = code.clone().unwrap_or_else(|| usual_code(*status).to_owned());
            let failure = Failure { retry_after: *retry_after, ..Failure::new(*status, text, "A fault that was asked for.") };
            let mut reply = failed(world, call, failure);
            if call.path.ends_with("/oauth2/v2.0/token") {
                reply.body = identity::fault_body(code.as_deref()).into();
            }
            if *no_body {
                reply.body = bytes::Bytes::new();
                reply.headers.retain(|(name, _)| *name != "content-type");
            }
            reply
        }
        // What hides the answer hides an empty one when nothing was done.
        Effect::Close | Effect::Reset | Effect::Cut | Effect::Stall if when == When::Before => Reply::empty(0),
        _ => return None,
    };
    reply.faulted = true;
    Some(reply)
}

fn sent(mut reply: Reply, fault: &Fault) -> Reply {
    let fate = match fault.effect {
        Effect::Close => Fate::Close,
        Effect::Reset => Fate::Reset,
        // There is no half of nothing.
        Effect::Cut if reply.body.is_empty() => Fate::Reset,
        Effect::Cut => Fate::Cut,
        Effect::Stall => Fate::Stall,
        _ => return reply,
    };
    reply.fate = fate;
    reply.faulted = true;
    reply
}

fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "BadRequest",
        401 => "InvalidAuthenticationToken",
        403 => "ErrorAccessDenied",
        404 => "ErrorItemNotFound",
        409 | 412 => "ErrorIrresolvableConflict",
        423 => "resourceLocked",
        429 => "ApplicationThrottled",
        500 => "InternalServerError",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        507 => "ErrorQuotaExceeded",
        _ => "UnknownError",
    }
}

/// What is told to wait together where there is no mailbox: an application's use of SharePoint, or one kind of call.
fn service(route: &Route) -> &'static str {
    if route.units().is_some() { "sharepoint" } else { route.name() }
}

/// What a `Retry-After` in the answer would bind.
fn scope(kind: &'static str, admitted: Option<&Admitted>, call: &Call) -> Option<String> {
    let admitted = admitted?;
    match (&admitted.grant, &admitted.mailbox) {
        (Some(grant), Some((person, _))) => Some(format!("{}/{}", grant.app, person.spec.id)),
        // One message a second and channel: the wait is the channel's.
        (Some(grant), None) if call.path.contains("/channels/") => Some(format!("{}/{}", grant.app, channel_of(&call.path))),
        (Some(grant), None) => Some(format!("{}/{kind}", grant.app)),
        (None, _) if kind == "webhook" => call.segments().and_then(|parts| Some(format!("webhook/{}", parts.get(1)?))),
        (None, _) => {
            call.segments().and_then(|parts| parts.into_iter().next()).map(|tenant| format!("{}/token", tenant.to_lowercase()))
        }
    }
}

/// `/v1.0/teams/{team}/channels/{channel}`, of whatever is below it.
fn channel_of(path: &str) -> String {
    path.split('/').take(6).collect::<Vec<_>>().join("/").to_lowercase()
}

fn promise(world: &World, call: &Call, kind: &'static str, admitted: Option<&Admitted>, reply: &Reply) {
    let header = reply.headers.iter().find(|(name, _)| *name == "retry-after");
    let (Some((_, text)), Fate::Whole) = (header, reply.fate) else { return };
    let Some(scope) = scope(kind, admitted, call) else { return };
    let now = world.now();
    let until = match text.parse() {
        Ok(seconds) => RetryAfter::Seconds(seconds).written(now).1,
        Err(_) => httpdate::parse_http_date(text).map_or(now, chrono::DateTime::from),
    };
    let request_id = reply.headers.iter().find(|(name, _)| *name == "request-id").map(|(_, id)| id.clone());
    world.promises.told(scope, Told { until, at: now, request_id });
}

async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
