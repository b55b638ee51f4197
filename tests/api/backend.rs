//! Memory in the place of the store and of Microsoft: organisations see their own rows only because they ask with their own scope.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use argus_m365::{
    api::{ConnectionAdmin, KeptAnswers, Operator, Publisher, Records, TargetAdmin, TeamsDesk},
    audit::Verification,
    capabilities::{CapabilityName, sharepoint::request::TargetRequest},
    channels::{ChannelError, ChannelSetting, ChannelView, PostError},
    connections::{Actor, ConnectionError, ConnectionView, Registration, TeamsSignIn, TestReport},
    events::GivenOutage,
    operations::{Backlog, Replayed, Selection},
    organisation::OrgScope,
    publish::{PublishError, Request, TargetError, TargetSet},
    store::{
        AuditFilter, AuditRecord, DeadLetterFilter, DeadLetterRow, DeliveryState, KeyedRequest, ObjectRow, OperationChange,
        OperationFilter, OperationRow, OutageRow, Page, PageRequest, StoreError, Turn, ZoneTarget,
    },
};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};

use crate::support::samples;

/// A request's digest, and its answer once there is one.
pub(crate) type Kept = ([u8; 32], Option<String>);

type Failure<E> = Mutex<Option<fn() -> E>>;

/// Remembers what it was asked, and fails on request.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) calls: Mutex<Vec<String>>,
    pub(crate) registered: Mutex<Option<(Registration, Actor)>>,
    pub(crate) connection_failure: Failure<ConnectionError>,
    pub(crate) store_failure: Failure<StoreError>,
    /// Reads whose name begins so fail.
    pub(crate) failing: Mutex<Option<&'static str>>,
    /// Answers kept under keys, by organisation, caller and key.
    pub(crate) kept: Mutex<HashMap<[String; 3], Kept>>,
    /// Readers never answer while this is set.
    pub(crate) stuck: AtomicBool,
    /// Readers panic while this is set.
    pub(crate) broken: AtomicBool,
}

impl Memory {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn administer<'a, T: Send + 'a>(
        &'a self,
        scope: &OrgScope,
        call: &str,
        answer: impl FnOnce() -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ConnectionError>> {
        self.note(format!("{scope} {call}", scope = scope.as_str()));
        let failure = *self.connection_failure.lock().unwrap();
        async move { failure.map_or_else(|| Ok(answer()), |failure| Err(failure())) }.boxed()
    }

    pub(crate) fn read<'a, T: Send + 'a>(
        &'a self,
        scope: &OrgScope,
        call: &str,
        answer: impl FnOnce() -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        self.note(format!("{} {call}", scope.as_str()));
        let unavailable: fn() -> StoreError = || StoreError::Unavailable { doing: "reading", source: "down".into() };
        let failing = self.failing.lock().unwrap().is_some_and(|beginning| call.starts_with(beginning));
        let failure = if failing { Some(unavailable) } else { *self.store_failure.lock().unwrap() };
        async move {
            assert!(!self.broken.load(Ordering::SeqCst), "a mistake of ours");
            if self.stuck.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            failure.map_or_else(|| Ok(answer()), |failure| Err(failure()))
        }
        .boxed()
    }
}

fn kept_name(scope: &OrgScope, request: &KeyedRequest) -> [String; 3] {
    [scope.as_str().to_owned(), request.caller.clone(), request.key.clone()]
}

/// Without time: nothing expires here. That is the store's part (`tests/store_conformance`).
impl KeptAnswers for Memory {
    fn take<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        let mut kept = self.kept.lock().unwrap();
        let turn = match kept.get(&kept_name(scope, request)) {
            None => Turn::Run,
            Some((digest, _)) if *digest != request.digest => Turn::Taken,
            Some((_, Some(answer))) => Turn::Answered(answer.clone()),
            Some((_, None)) => Turn::UnderWay,
        };
        if turn == Turn::Run {
            kept.insert(kept_name(scope, request), (request.digest, None));
        }
        async move { Ok(turn) }.boxed()
    }

    fn extend<'a>(
        &'a self,
        _scope: &'a OrgScope,
        _request: &'a KeyedRequest,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        async { Ok(true) }.boxed()
    }

    fn end<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        answer: Option<String>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let mut kept = self.kept.lock().unwrap();
        match answer {
            Some(answer) => drop(kept.insert(kept_name(scope, request), (request.digest, Some(answer)))),
            None => drop(kept.remove(&kept_name(scope, request))),
        }
        async { Ok(true) }.boxed()
    }
}

impl ConnectionAdmin for Memory {
    fn view<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ConnectionView>, ConnectionError>> {
        self.administer(scope, "view", || Some(samples::connection()))
    }

    fn register<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        registration: Registration,
    ) -> BoxFuture<'a, Result<ConnectionView, ConnectionError>> {
        *self.registered.lock().unwrap() = Some((registration, actor.clone()));
        self.administer(scope, "register", samples::connection)
    }

    fn remove<'a>(&'a self, scope: &'a OrgScope, _actor: &'a Actor) -> BoxFuture<'a, Result<bool, ConnectionError>> {
        self.administer(scope, "remove", || true)
    }

    fn start_teams_sign_in<'a>(
        &'a self,
        scope: &'a OrgScope,
        _actor: &'a Actor,
    ) -> BoxFuture<'a, Result<TeamsSignIn, ConnectionError>> {
        self.administer(scope, "start sign-in", samples::sign_in)
    }

    fn remove_teams_account<'a>(
        &'a self,
        scope: &'a OrgScope,
        _actor: &'a Actor,
    ) -> BoxFuture<'a, Result<bool, ConnectionError>> {
        self.administer(scope, "remove account", || true)
    }

    fn test<'a>(&'a self, scope: &'a OrgScope, _actor: &'a Actor) -> BoxFuture<'a, Result<TestReport, ConnectionError>> {
        self.administer(scope, "test", samples::report)
    }
}

impl Records for Memory {
    fn task<'a>(&'a self, scope: &'a OrgScope, key: &'a str) -> BoxFuture<'a, Result<Option<ObjectRow>, StoreError>> {
        self.read(scope, &format!("task {key}"), move || samples::tasks().into_iter().find(|task| task.key == key))
    }

    fn tasks<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>> {
        self.read(scope, &format!("tasks {state:?} {page:?}"), move || {
            samples::page(samples::tasks().into_iter().filter(|task| state.is_none_or(|state| task.state == state)), &page)
        })
    }

    fn zones<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>> {
        self.read(scope, &format!("zones {state:?} {page:?}"), move || samples::page([].into_iter(), &page))
    }

    fn dead_letters<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DeadLetterRow>, StoreError>> {
        self.read(scope, &format!("dead letters {filter:?}"), move || samples::page(samples::dead_letters().into_iter(), &page))
    }

    fn backlog<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        self.read(scope, "backlog", samples::backlog)
    }

    fn audit_trail<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<AuditRecord>, StoreError>> {
        self.read(scope, &format!("audit trail {filter:?}"), move || samples::page(samples::audit().into_iter(), &page))
    }

    fn operation<'a>(&'a self, scope: &'a OrgScope, id: &'a str) -> BoxFuture<'a, Result<Option<OperationRow>, StoreError>> {
        self.read(scope, &format!("operation {id}"), move || samples::operations().into_iter().find(|row| row.id == id))
    }

    fn operations<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: OperationFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationRow>, StoreError>> {
        self.read(scope, &format!("operations {filter:?}"), move || samples::page(samples::operations().into_iter(), &page))
    }

    fn operation_changes<'a>(
        &'a self,
        scope: &'a OrgScope,
        id: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationChange>, StoreError>> {
        self.read(scope, &format!("changes of {id}"), move || samples::page(samples::changes().into_iter(), &page))
    }

    fn verify_audit<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Verification, StoreError>> {
        self.read(scope, "verify", samples::verification)
    }
}

impl Operator for Memory {
    fn replay<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        selection: Selection,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Replayed, StoreError>> {
        let call = format!("replay {selection:?} dry {dry_run} by {}", actor.name);
        self.read(scope, &call, || Replayed { matched: 3, replayed: 2 })
    }

    fn discard<'a>(&'a self, scope: &'a OrgScope, actor: Actor, ids: Vec<String>) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.read(scope, &format!("discard {ids:?} by {}", actor.name), move || ids.len() as u64)
    }

    fn pause<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        let call = format!("pause {capability:?} {reason:?} by {}", actor.name);
        self.read(scope, &call, move || samples::paused(capability, reason))
    }

    fn resume<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        self.read(scope, &format!("resume {capability:?} by {}", actor.name), samples::backlog)
    }
}

impl TeamsDesk for Memory {
    fn channels<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<ChannelView>, ChannelError>> {
        self.read(scope, "channels", || vec![samples::channel()]).map(|answer| answer.map_err(ChannelError::from)).boxed()
    }

    fn set_channel<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        setting: ChannelSetting,
    ) -> BoxFuture<'a, Result<ChannelView, ChannelError>> {
        let call = format!("set {setting:?} by {}", actor.name);
        self.read(scope, &call, samples::channel).map(|answer| answer.map_err(ChannelError::from)).boxed()
    }

    fn remove_channel<'a>(&'a self, scope: &'a OrgScope, actor: Actor, key: String) -> BoxFuture<'a, Result<bool, ChannelError>> {
        let call = format!("remove channel {key} by {}", actor.name);
        self.read(scope, &call, || true).map(|answer| answer.map_err(ChannelError::from)).boxed()
    }

    fn outage<'a>(&'a self, scope: &'a OrgScope, outage: &'a str) -> BoxFuture<'a, Result<Option<OutageRow>, StoreError>> {
        self.read(scope, &format!("outage {outage}"), || Some(samples::outage()))
    }

    fn post_outage<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        given: GivenOutage,
    ) -> BoxFuture<'a, Result<OutageRow, PostError>> {
        let call = format!("post {given:?} by {}", actor.name);
        self.read(scope, &call, samples::outage).map(|answer| answer.map_err(PostError::from)).boxed()
    }
}

impl Publisher for Memory {
    fn publish<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        request: Request,
    ) -> BoxFuture<'a, Result<OperationRow, PublishError>> {
        self.note(format!("{} publish {request:?} by {}", scope.as_str(), actor.name));
        let queued = samples::operations().into_iter().next().unwrap();
        async move { Ok(queued) }.boxed()
    }
}

impl TargetAdmin for Memory {
    fn target<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ZoneTarget>, TargetError>> {
        self.note(format!("{} target", scope.as_str()));
        async move { Ok(Some(samples::zone_target())) }.boxed()
    }

    fn set_target<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        asked: TargetRequest,
    ) -> BoxFuture<'a, Result<TargetSet, TargetError>> {
        self.note(format!("{} set target {asked:?} by {}", scope.as_str(), actor.name));
        async move { Ok(TargetSet { target: samples::zone_target(), publication: Some("op-1".into()) }) }.boxed()
    }

    fn remove_target<'a>(&'a self, scope: &'a OrgScope, actor: Actor) -> BoxFuture<'a, Result<bool, TargetError>> {
        self.note(format!("{} remove target by {}", scope.as_str(), actor.name));
        async move { Ok(true) }.boxed()
    }
}
