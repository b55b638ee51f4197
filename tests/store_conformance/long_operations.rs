//! Long-running operations: queued, taken by one runner at a time, followed, ended, approved.

use argus_m365::{
    organisation::OrgScope,
    store::{
        ClaimedOperation, NewOperation, OperationChange, OperationEnd, OperationError, OperationFilter, OperationKind,
        OperationLease, OperationProgress, OperationState, PageRequest, Recorded,
    },
    traces::TraceContext,
};
use serde_json::json;

use crate::world::{World, entry, now, page, scope};

const KIND: OperationKind = OperationKind::ImportUsers;

fn trace() -> Option<TraceContext> {
    TraceContext::given("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("a=1"))
}

async fn enqueue(world: &World, scope: &OrgScope, id: &str, at: i64) {
    let new = NewOperation {
        id: id.into(),
        kind: KIND,
        dry_run: false,
        input: json!({ "department": "Field" }),
        requested_by: "user:kim".into(),
        trace: trace(),
    };
    let audit = vec![entry("directory.import.asked")];
    world.store.enqueue_operation(scope, now(at), new, audit).await.unwrap();
}

/// A claim at `at` with a lease of 30 s.
async fn claim(world: &World, at: i64) -> Option<ClaimedOperation> {
    world.store.claim_operation(&world.worker, now(at), KIND, "runner", now(at + 30)).await.unwrap()
}

fn progress(done: u64) -> OperationProgress {
    OperationProgress { done, total: Some(9), counts: json!({ "seen": done }) }
}

fn end(state: OperationState) -> OperationEnd {
    OperationEnd { state, progress: progress(9), error: None, audit: vec![entry("directory.users.imported")], outgoing: vec![] }
}

async fn state(world: &World, scope: &OrgScope, id: &str) -> OperationState {
    world.store.operation(scope, id).await.unwrap().unwrap().state
}

async fn finish(world: &World, lease: &OperationLease, state: OperationState) -> Recorded {
    world.store.end_operation(lease, now(5), end(state)).await.unwrap()
}

pub(crate) async fn an_operation_is_followed_from_the_queue_to_its_end(world: &World) {
    let acme = scope("acme");
    enqueue(world, &acme, "o-1", 1).await;
    assert_eq!(world.store.next_operation_due(&world.worker, KIND).await.unwrap(), Some(now(1)));
    let claimed = claim(world, 2).await.unwrap();
    assert_eq!((claimed.lease.id.as_str(), claimed.crashes), ("o-1", 0));
    assert_eq!(claimed.operation.input, json!({ "department": "Field" }));
    assert!(claimed.operation.trace.is_some() && claimed.operation.trace == trace(), "its runs go on in its trace");
    assert_eq!(world.store.record_operation(&claimed.lease, progress(4)).await.unwrap(), Recorded::Done);
    let running = world.store.operation(&acme, "o-1").await.unwrap().unwrap();
    assert_eq!((running.state, running.done, running.total), (OperationState::Running, 4, Some(9)));
    assert_eq!((running.started_at, running.counts), (Some(now(2)), json!({ "seen": 4 })));
    assert_eq!(finish(world, &claimed.lease, OperationState::Succeeded).await, Recorded::Done);
    let ended = world.store.operation(&acme, "o-1").await.unwrap().unwrap();
    assert_eq!((ended.state, ended.finished_at, ended.done), (OperationState::Succeeded, Some(now(5)), 9));
    assert!(claim(world, 1_000).await.is_none());
    assert_eq!(world.store.verify_audit(&acme).await.unwrap().entries, 2);
}

pub(crate) async fn one_operation_of_a_kind_runs_at_a_time_in_an_organisation(world: &World) {
    let (acme, other) = (scope("acme"), scope("other"));
    enqueue(world, &acme, "o-2", 2).await;
    enqueue(world, &acme, "o-1", 1).await;
    enqueue(world, &other, "o-3", 3).await;
    let first = claim(world, 4).await.unwrap();
    assert_eq!(first.lease.id, "o-1", "the older goes first");
    assert_eq!(claim(world, 4).await.unwrap().lease.scope, other);
    assert!(claim(world, 4).await.is_none(), "acme's second waits");
    finish(world, &first.lease, OperationState::Failed).await;
    assert_eq!(claim(world, 5).await.unwrap().lease.id, "o-2");
}

pub(crate) async fn replicas_that_claim_at_once_get_one_operation_between_them(world: &World) {
    let acme = scope("acme");
    for number in 0..4 {
        enqueue(world, &acme, &format!("o-{number}"), number).await;
    }
    let claims = futures_util::future::join_all((0..8).map(|_| claim(world, 9))).await;
    assert_eq!(claims.into_iter().flatten().count(), 1);
}

pub(crate) async fn an_operation_whose_runner_died_is_taken_over_and_its_late_words_are_refused(world: &World) {
    let acme = scope("acme");
    enqueue(world, &acme, "o-1", 0).await;
    let dead = claim(world, 0).await.unwrap();
    assert!(claim(world, 29).await.is_none());
    assert_eq!(world.store.extend_operation(&dead.lease, now(40)).await.unwrap(), Recorded::Done);
    assert!(claim(world, 31).await.is_none());
    let next = claim(world, 40).await.unwrap();
    assert_eq!((next.crashes, next.lease.epoch), (1, dead.lease.epoch + 1));
    assert_eq!(world.store.record_operation(&dead.lease, progress(1)).await.unwrap(), Recorded::LeaseLost);
    assert_eq!(world.store.extend_operation(&dead.lease, now(99)).await.unwrap(), Recorded::LeaseLost);
    assert_eq!(world.store.release_operation(&dead.lease, now(99)).await.unwrap(), Recorded::LeaseLost);
    assert_eq!(world.store.add_operation_changes(&dead.lease, vec![change(0, "x")]).await.unwrap(), Recorded::LeaseLost);
    assert_eq!(finish(world, &dead.lease, OperationState::Succeeded).await, Recorded::LeaseLost);
    assert_eq!(state(world, &acme, "o-1").await, OperationState::Running);
    assert_eq!(world.store.verify_audit(&acme).await.unwrap().entries, 1, "what was refused left no entry");
}

pub(crate) async fn an_operation_put_back_waits_for_its_instant(world: &World) {
    let acme = scope("acme");
    enqueue(world, &acme, "o-1", 0).await;
    let claimed = claim(world, 0).await.unwrap();
    world.store.release_operation(&claimed.lease, now(10)).await.unwrap();
    assert_eq!(state(world, &acme, "o-1").await, OperationState::Queued);
    assert!(claim(world, 9).await.is_none());
    assert_eq!(claim(world, 10).await.unwrap().crashes, 0);
}

fn change(sequence: u64, key: &str) -> OperationChange {
    OperationChange {
        sequence,
        key: key.into(),
        action: "update".into(),
        before: None,
        after: Some(json!({ "a": 1 })),
        error: None,
    }
}

pub(crate) async fn changes_told_again_stand_once_and_are_read_in_order(world: &World) {
    let (acme, other) = (scope("acme"), scope("other"));
    enqueue(world, &acme, "o-1", 0).await;
    let claimed = claim(world, 0).await.unwrap();
    let many = (0..130).map(|number| change(number, &format!("k-{number}"))).collect();
    world.store.add_operation_changes(&claimed.lease, many).await.unwrap();
    let error = OperationError { code: "COLUMN_REJECTED".into(), message: "no such column".into() };
    let again = OperationChange { error: Some(error), ..change(1, "k-1") };
    world.store.add_operation_changes(&claimed.lease, vec![again.clone()]).await.unwrap();
    let first = world.store.operation_changes(&acme, "o-1", page(2)).await.unwrap();
    assert_eq!((first.total, first.has_next), (130, true));
    assert_eq!(first.rows[1].1, again);
    let after = first.rows.last().map(|(cursor, _)| cursor.clone());
    let rest = world.store.operation_changes(&acme, "o-1", PageRequest { first: 200, after }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.has_next, rest.rows[0].1.key.as_str()), (128, false, "k-2"));
    assert_eq!(world.store.operation_changes(&other, "o-1", page(9)).await.unwrap().total, 0);
    assert_eq!(world.store.operation(&other, "o-1").await.unwrap(), None);
}

pub(crate) async fn what_waits_for_approval_runs_again_or_never(world: &World) {
    let acme = scope("acme");
    for id in ["o-1", "o-2"] {
        enqueue(world, &acme, id, 0).await;
        let claimed = claim(world, 0).await.unwrap();
        finish(world, &claimed.lease, OperationState::AwaitingApproval).await;
    }
    assert!(claim(world, 1_000).await.is_none());
    let approved = entry("directory.import.approved");
    assert!(world.store.approve_operation(&acme, now(20), "o-1", "user:kim", approved.clone()).await.unwrap());
    assert!(world.store.reject_operation(&acme, now(21), "o-2", entry("directory.import.rejected")).await.unwrap());
    assert!(!world.store.approve_operation(&acme, now(22), "o-2", "user:kim", approved.clone()).await.unwrap(), "rejected");
    assert!(!world.store.approve_operation(&scope("other"), now(22), "o-1", "user:eve", approved).await.unwrap());
    let claimed = claim(world, 23).await.unwrap();
    assert_eq!((claimed.lease.id.as_str(), claimed.operation.approved_by.as_deref()), ("o-1", Some("user:kim")));
    assert_eq!(state(world, &acme, "o-2").await, OperationState::Rejected);
}

pub(crate) async fn operations_are_listed_newest_first_by_kind_and_state(world: &World) {
    let acme = scope("acme");
    for (id, at) in [("o-1", 1), ("o-2", 2), ("o-3", 2)] {
        enqueue(world, &acme, id, at).await;
    }
    let claimed = claim(world, 3).await.unwrap();
    finish(world, &claimed.lease, OperationState::Succeeded).await;
    let ids = async |kind, state, request| {
        let rows = world.store.operations(&acme, OperationFilter { kind, state }, request).await.unwrap();
        (rows.rows.iter().map(|(_, row)| row.id.clone()).collect::<Vec<_>>(), rows.rows.last().map(|(cursor, _)| cursor.clone()))
    };
    let (first, after) = ids(None, None, page(2)).await;
    assert_eq!(first, ["o-3", "o-2"]);
    assert_eq!(ids(None, None, PageRequest { first: 2, after }).await.0, ["o-1"]);
    assert_eq!(ids(Some(KIND), Some(OperationState::Queued), page(9)).await.0, ["o-3", "o-2"]);
    assert_eq!(ids(Some(OperationKind::PublishZones), None, page(9)).await.0, [""; 0]);
}
