//! What is done next, case by case.

use chrono::Utc;

use super::*;
use crate::capabilities::{
    Failure, PlaceChange,
    calendar::samples::{ANN, ANN_ID, BOB, closed, intended, scheduled, standing, visit, with, work},
};
use crate::events::task::WantedTask;

fn next(work: &Work) -> Decision<Call> {
    decide(CalendarSettings::default(), work)
}

fn call(work: &Work) -> Call {
    match next(work) {
        Decision::Call(call) => call,
        other => panic!("no call but {other:?}"),
    }
}

fn looked(mut work: Work, mailbox: &str) -> Work {
    work.looked.insert(mailbox.into());
    work
}

fn failed(mut work: Work, mailbox: &str, kind: FailureKind) -> Work {
    let (code, message) = (String::new(), String::new());
    work.failures.push(Failure { target: mailbox.into(), kind, code, message, graph_request_id: None });
    work
}

fn recheck(work: Work) -> Work {
    Work { recheck: true, ..work }
}

fn look_up(mailbox: &str) -> Call {
    Call::LookUp { mailbox: mailbox.into() }
}

fn removal(mailbox: &str, generation: u64, id: &str) -> Call {
    Call::Remove { mailbox: mailbox.into(), generation, event_id: id.into() }
}

#[test]
fn a_new_task_costs_one_creation_and_no_look_up() {
    let Call::Create { mailbox, generation: 1, repeat: false, .. } = call(&work(&scheduled(ANN, 9))) else { panic!() };
    assert_eq!(mailbox, ANN);
}

#[test]
fn an_event_that_says_what_it_should_is_left_alone() {
    assert_eq!(next(&with(&scheduled(ANN, 9), &[standing(ANN, 1, "x", Some(9))])), Decision::Settled);
}

#[test]
fn an_event_that_says_something_else_is_updated_by_what_differs() {
    let Call::Update { patch, .. } = call(&with(&scheduled(ANN, 10), &[standing(ANN, 1, "x", Some(9))])) else { panic!() };
    assert_eq!(patch.changed, ["body", "end", "start", "subject"]);
}

#[test]
fn an_event_of_which_nobody_knows_what_it_says_is_updated_whole() {
    let Call::Update { patch, .. } = call(&with(&scheduled(ANN, 9), &[standing(ANN, 1, "x", None)])) else { panic!() };
    assert_eq!(patch.body.as_object().unwrap().len(), 11);
}

#[test]
fn an_attempt_of_unknown_outcome_is_looked_for_and_then_sent_again_with_its_key() {
    let work = with(&scheduled(ANN, 9), &[intended(ANN, 3)]);
    assert_eq!(call(&work), look_up(ANN));
    let Call::Create { generation: 3, repeat: true, transaction_id, .. } = call(&looked(work, ANN)) else { panic!() };
    assert_eq!(transaction_id, intended(ANN, 3).idempotency_key);
}

#[test]
fn a_doubtful_picture_is_looked_at_before_it_is_trusted() {
    assert_eq!(call(&recheck(with(&scheduled(ANN, 9), &[standing(ANN, 1, "x", Some(9))]))), look_up(ANN));
    assert_eq!(call(&recheck(work(&scheduled(ANN, 9)))), look_up(ANN));
    assert_eq!(call(&recheck(with(&closed(), &[standing(ANN, 1, "x", Some(9))]))), look_up(ANN));
}

#[test]
fn a_reassigned_visit_is_created_before_the_old_one_is_removed() {
    let old = standing(ANN, 1, "x", Some(9));
    let Call::Create { mailbox, generation: 2, .. } = call(&with(&scheduled(BOB, 9), std::slice::from_ref(&old))) else {
        panic!()
    };
    assert_eq!(mailbox, BOB);
    let both = with(&scheduled(BOB, 9), &[old, standing(BOB, 2, "y", Some(9))]);
    assert_eq!(call(&both), removal(ANN, 1, "x"));
}

#[test]
fn an_unreachable_old_mailbox_does_not_hold_up_the_new_one_and_stays_to_be_done() {
    let places = [standing(ANN, 1, "x", Some(9)), standing(BOB, 2, "y", Some(9))];
    let work = failed(with(&scheduled(BOB, 9), &places), ANN, FailureKind::Transient);
    assert_eq!(next(&work), Decision::Stop);
    let work = failed(with(&scheduled(BOB, 10), &places), ANN, FailureKind::Transient);
    assert!(matches!(call(&work), Call::Update { .. }));
}

#[test]
fn a_dead_new_mailbox_does_not_keep_the_visit_in_the_old_one() {
    let work = failed(with(&scheduled(BOB, 9), &[standing(ANN, 1, "x", Some(9))]), BOB, FailureKind::Permanent);
    assert_eq!(call(&work), removal(ANN, 1, "x"));
}

#[test]
fn after_a_refused_connection_nothing_else_is_sent() {
    let places = [standing(ANN, 1, "x", Some(9)), standing(BOB, 2, "y", Some(9))];
    let whole = FailureKind::Throttled { until: chrono::DateTime::<Utc>::UNIX_EPOCH, whole_workload: true };
    for kind in [FailureKind::Connection, whole] {
        assert_eq!(next(&failed(with(&closed(), &places), ANN, kind)), Decision::Stop);
    }
}

#[test]
fn a_closed_task_leaves_by_its_id() {
    assert_eq!(call(&with(&closed(), &[standing(ANN, 1, "x", Some(9))])), removal(ANN, 1, "x"));
    assert_eq!(next(&work(&closed())), Decision::Settled);
}

#[test]
fn a_closed_task_with_an_attempt_of_unknown_outcome_is_looked_for_and_then_revealed_by_its_key() {
    let work = with(&closed(), &[intended(ANN, 1)]);
    assert_eq!(call(&work), look_up(ANN));
    let Call::Probe { generation: 1, transaction_id, .. } = call(&looked(work, ANN)) else { panic!() };
    assert_eq!(transaction_id, intended(ANN, 1).idempotency_key);
}

#[test]
fn a_task_closed_and_scheduled_again_takes_a_new_generation() {
    let mut work = with(&scheduled(ANN, 9), &[standing(ANN, 4, "x", Some(9))]);
    work.apply(&crate::capabilities::Learned {
        places: vec![PlaceChange::Gone { target: ANN.into(), generation: 4 }],
        ..Default::default()
    });
    assert!(matches!(call(&work), Call::Create { generation: 5, repeat: false, .. }));
}

#[test]
fn of_two_events_in_the_right_mailbox_the_older_stays() {
    let work = with(&scheduled(ANN, 9), &[standing(ANN, 2, "extra", None), standing(ANN, 1, "x", Some(9))]);
    assert_eq!(call(&work), removal(ANN, 2, "extra"));
}

#[test]
fn the_event_that_stays_is_never_removed_under_another_name() {
    let work = with(&scheduled(ANN_ID, 9), &[standing(ANN, 1, "x", Some(9)), standing(ANN_ID, 2, "x", Some(9))]);
    assert_eq!(next(&work), Decision::Settled);
}

#[test]
fn a_worker_named_by_id_may_be_the_one_named_by_address_before() {
    let work = with(&scheduled(ANN_ID, 9), &[standing(ANN, 1, "x", Some(9))]);
    assert_eq!(call(&work), look_up(ANN_ID));
    assert!(matches!(call(&looked(work.clone(), ANN_ID)), Call::Create { .. }));
    // While that cannot be told, nothing is removed.
    assert_eq!(next(&failed(work, ANN_ID, FailureKind::Transient)), Decision::Stop);
}

#[test]
fn a_visit_that_names_its_worker_both_ways_stays_where_it_is() {
    let mut visit = visit(ANN_ID, 9);
    visit.assignee.user_principal_name = Some(ANN.to_uppercase());
    let wanted = WantedTask::Scheduled(visit);
    assert_eq!(next(&with(&wanted, &[standing(ANN, 1, "x", Some(9))])), Decision::Settled);
    // Unless the old name no longer works.
    let work = failed(with(&wanted, &[standing(ANN, 1, "x", Some(9))]), ANN, FailureKind::Permanent);
    assert_eq!(call(&work), look_up(ANN_ID));
    // And once it was found under the other one, the failure is of no account.
    let found = failed(with(&wanted, &[standing(ANN_ID, 1, "x", Some(9))]), ANN, FailureKind::Permanent);
    assert_eq!(next(&found), Decision::Settled);
}

#[test]
fn a_task_that_cannot_be_read_is_impossible() {
    let work = Work { wanted: serde_json::json!({ "state": "asleep" }), ..work(&closed()) };
    assert!(matches!(next(&work), Decision::Impossible { code: "INVALID_DATA", .. }));
}
