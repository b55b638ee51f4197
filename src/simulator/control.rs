//! The simulator's own interface, under `/_sim`: tenants, faults, the ledger, and what people do by hand.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    calendar,
    call::{Call, Reply},
    errors::Failure,
    faults::Fault,
    identity::SignInAct,
    ledger::LedgerMode,
    report,
    tenant::{AppSpec, ChannelSpec, MailboxState, TenantSettings, TenantSpec, UserSpec},
    traffic,
    world::World,
};

/// A change to a tenant at work. What is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TenantChange {
    /// Replaces these app registrations, by id (secrets, certificates, roles); an unknown id is added.
    pub apps: Vec<AppSpec>,
    /// Apps to be removed, by id.
    pub remove_apps: Vec<String>,
    /// People to be added.
    pub users: Vec<UserSpec>,
    /// Teams channels to be added, or set anew by their ids (what was posted stays).
    pub channels: Vec<ChannelSpec>,
    /// Mailbox states, by sign-in name or object id.
    pub mailboxes: std::collections::BTreeMap<String, MailboxState>,
    /// New behaviour, whole.
    pub settings: Option<TenantSettings>,
    /// Ends every token of the tenant.
    pub revoke_tokens: bool,
    /// Ends every sign-in of the tenant's people: refresh tokens and access tokens.
    pub revoke_sign_ins: bool,
}

/// What a mailbox's owner does to an event by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerAct {
    /// Deletes it.
    Delete,
    /// Moves it to another calendar: the plain id changes, the immutable id does not.
    Move,
    /// Changes it: the body of an update.
    Edit(Value),
}

/// Behaviour of the simulator as a whole. What is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Settings {
    /// Milliseconds that every call takes at least.
    latency_ms: Option<u64>,
    /// Requests kept in full; 0 keeps counts only.
    ledger_capacity: Option<usize>,
}

/// Answers a control call.
pub(crate) fn answer(world: &Arc<World>, call: &Call) -> Reply {
    routed(world, call).unwrap_or_else(|failure| {
        let id = world.request_id();
        failure.reply(world.now(), (&id, &id))
    })
}

fn routed(world: &Arc<World>, call: &Call) -> Result<Reply, Failure> {
    let segments = call.segments().unwrap_or_default();
    let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::POST, ["tenants"]) => {
            let id = world.add_tenant(body::<TenantSpec>(call)?).id.clone();
            Ok(Reply::json(201, json!({"id": id}).to_string().into_bytes()))
        }
        (&Method::GET, ["tenants"]) => Ok(ok(&json!({"tenants": world.tenant_ids()}))),
        (&Method::PATCH, ["tenants", id]) => {
            let changed = change_tenant(world, id, body(call)?);
            if changed { Ok(Reply::empty(204)) } else { Err(missing("tenant")) }
        }
        (&Method::GET, ["tenants", id, "state"]) => {
            let tenant = world.tenant(id).ok_or_else(|| missing("tenant"))?;
            Ok(ok(&report::tenant(&tenant)))
        }
        (&Method::POST, ["tenants", id, "mailboxes", user, "events", event]) => {
            worker(world, id, user, event, &body(call)?)?;
            Ok(Reply::empty(204))
        }
        (&Method::POST, ["sign-ins", user_code]) => {
            let known = world.sign_ins.act(user_code, body::<SignInAct>(call)?);
            if known { Ok(Reply::empty(204)) } else { Err(missing("sign-in")) }
        }
        (&Method::POST, ["faults"]) => {
            let id = world.faults.add(body::<Fault>(call)?);
            Ok(Reply::json(201, json!({"id": id}).to_string().into_bytes()))
        }
        (&Method::GET, ["faults"]) => Ok(ok(&json!({"faults": world.faults.list()}))),
        (&Method::DELETE, ["faults"]) => Ok(removed(world, None)),
        (&Method::DELETE, ["faults", id]) => Ok(removed(world, Some(id.parse().map_err(|_| missing("fault"))?))),
        (&Method::GET, ["requests"]) => Ok(requests(world, call)),
        (&Method::DELETE, ["requests"]) => {
            world.ledger.clear();
            Ok(Reply::empty(204))
        }
        (&Method::GET, ["webhooks", name]) => Ok(ok(&json!({"cards": world.webhooks.cards(name)}))),
        (&Method::GET, ["counts"]) => Ok(ok(&world.ledger.counts())),
        (&Method::GET, ["violations"]) => Ok(ok(&json!({"violations": world.promises.violations()}))),
        (&Method::PATCH, ["settings"]) => {
            change_settings(world, &body(call)?);
            Ok(Reply::empty(204))
        }
        (&Method::POST, ["reset"]) => {
            world.reset();
            Ok(Reply::empty(204))
        }
        _ => Err(missing("control call")),
    }
}

/// Applies a change; `false` when there is no such tenant or mailbox.
pub(crate) fn change_tenant(world: &World, id: &str, change: TenantChange) -> bool {
    let Some(tenant) = world.tenant(id) else { return false };
    {
        let mut apps = tenant.apps.write();
        for app in change.remove_apps {
            apps.remove(&app.to_lowercase());
        }
        for app in change.apps {
            apps.insert(app.id.to_lowercase(), Arc::new(app));
        }
    }
    for channel in &change.channels {
        tenant.teams.set(channel);
    }
    for user in change.users {
        tenant.add_user(user);
    }
    if let Some(settings) = change.settings {
        *tenant.settings.write() = Arc::new(settings);
    }
    if change.revoke_sign_ins {
        world.sign_ins.revoke(&tenant.id);
    }
    if change.revoke_tokens || change.revoke_sign_ins {
        world.grants.revoke(&tenant.id);
    }
    change.mailboxes.into_iter().fold(true, |all, (key, state)| match tenant.person(&key) {
        Some(person) => {
            *person.mailbox.write() = state;
            all
        }
        None => false,
    })
}

/// Does to an event what its owner might. The id may be either form.
pub(crate) fn worker(world: &World, tenant: &str, user: &str, event: &str, act: &WorkerAct) -> Result<(), Failure> {
    let tenant = world.tenant(tenant).ok_or_else(|| missing("tenant"))?;
    let person = tenant.person(user).ok_or_else(|| missing("mailbox"))?;
    if let WorkerAct::Edit(body) = act {
        return calendar::edit_by_worker(&person, event, body.to_string().as_bytes(), world.now(), &tenant.settings());
    }
    let mut calendar = person.calendar.lock();
    let found = calendar.find(event).ok_or_else(Failure::item_not_found)?;
    match act {
        WorkerAct::Delete => calendar.remove(&found),
        WorkerAct::Move | WorkerAct::Edit(_) => {
            calendar.relocate(&found, person.number, world.now());
        }
    }
    Ok(())
}

fn requests(world: &World, call: &Call) -> Reply {
    let options = call.options().unwrap_or_default();
    let has = |name: &str, value: &str| options.iter().any(|(have, text)| have == name && text == value);
    let records = world.ledger.records();
    if !has("format", "jsonl") {
        return ok(&json!({"requests": records}));
    }
    let text = traffic::lines(&records, has("refused", "include"));
    Reply { headers: vec![("content-type", "application/jsonl".to_owned())], ..Reply::json(200, text.into_bytes()) }
}

fn change_settings(world: &World, settings: &Settings) {
    if let Some(millis) = settings.latency_ms {
        world.set_latency(Duration::from_millis(millis));
    }
    match settings.ledger_capacity {
        None => {}
        Some(0) => world.ledger.set_mode(LedgerMode::Counts),
        Some(capacity) => world.ledger.set_mode(LedgerMode::Full { capacity }),
    }
}

fn removed(world: &World, id: Option<u64>) -> Reply {
    world.faults.remove(id);
    Reply::empty(204)
}

fn ok(body: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(body).unwrap_or_default();
    Reply { headers: vec![("content-type", "application/json".to_owned())], ..Reply::json(200, text) }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Failure> {
    serde_json::from_slice(&call.body)
        .map_err(|error| Failure::malformed("BadRequest", format!("The body cannot be read: {error}.")))
}

fn missing(what: &str) -> Failure {
    Failure::new(404, "NotFound", format!("There is no such {what}."))
}
