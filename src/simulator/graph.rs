//! The way of one call: fault → caller → mailbox → its place there → effect → answer → ledger.

use std::{sync::Arc, time::Duration};

use super::{
    batch,
    calendar::{self, MailboxCall},
    call::{Call, Fate, Reply},
    directory,
    errors::{Failure, RetryAfter},
    faults::{Effect, Fault, When},
    identity::{self, Grant},
    ledger::Arrival,
    route::Route,
    teams,
    tenant::{Person, Slot},
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
    reply = sent(with_ids(world, call, reply), &fault);
    promise(world, call, kind, admitted.as_ref().ok(), &reply);
    // The place in the mailbox is given back only now: a call counts until it is answered.
    drop(admitted);
    world.ledger.record(&arrival, kind, call, &reply);
    reply
}

fn admit(world: &World, route: &Route, call: &Call, arrival: &Arrival) -> Result<Admitted, Failure> {
    if let Route::Token { tenant } | Route::DeviceCode { tenant } = route {
        world.promises.came(|| format!("{}/token", tenant.to_lowercase()), arrival.at, arrival.number);
        return Ok(Admitted { grant: None, mailbox: None });
    }
    if let Route::Webhook { name } = route {
        world.promises.came(|| format!("webhook/{name}"), arrival.at, arrival.number);
        return Ok(Admitted { grant: None, mailbox: None });
    }
    let grant = world.grants.caller(call, arrival.at)?;
    let Some(key) = route.mailbox() else {
        let scope = if call.path.contains("/channels/") { channel_of(&call.path) } else { route.name().to_owned() };
        world.promises.came(|| format!("{}/{scope}", grant.app), arrival.at, arrival.number);
        return Ok(Admitted { grant: Some(grant), mailbox: None });
    };
    let settings = grant.tenant.settings();
    let person = grant.tenant.person(key).ok_or_else(|| {
        if settings.unknown_user_is_directory_error {
            directory::not_found(key)
        } else {
            Failure::new(404, "ErrorInvalidUser", format!("The requested user '{key}' is invalid."))
        }
    })?;
    world.promises.came(|| format!("{}/{}", grant.app, person.spec.id), arrival.at, arrival.number);
    let slot = person.enter(&grant.app, &settings)?;
    may(&grant, route, &person)?;
    let state = *person.mailbox.read();
    calendar::served(state)?;
    Ok(Admitted { grant: Some(grant), mailbox: Some((person, slot)) })
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
    match (route, &admitted.mailbox) {
        (Route::Organization, _) => directory::organization(call, grant),
        (Route::User { user }, _) => directory::user(call, grant, user),
        (Route::PostMessage { channel, under }, _) => {
            teams::post(call, grant, channel, under.as_deref(), world.now(), &world.request_id())
        }
        (Route::ListMessages { channel, under }, _) => teams::list(call, grant, channel, under.as_deref()),
        (route, Some((person, _))) => {
            let page_limit = if let Effect::PartialPage { items } = fault.effect { Some(items) } else { None };
            let settings = grant.tenant.settings();
            let mailbox = MailboxCall { call, person, settings: &settings, now: world.now(), page_limit };
            calendar::answer(route, &mailbox)
        }
        _ => Err(Failure::malformed("BadRequest", "No such call.")),
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
        Effect::None | Effect::Status { .. } | Effect::PartialPage { .. } => return reply,
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
    world.promises.told(scope, until);
}

async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
