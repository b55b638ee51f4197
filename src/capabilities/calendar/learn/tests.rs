//! What an answer teaches, case by case, through the fake Outlook.

use super::super::{
    fake::{Duplicates, FakeOutlook, Fault, Manners},
    model::{Ended, Task},
    samples::{ANN, ANN_ID, BOB, closed, scheduled},
};
use crate::capabilities::{Failure, FailureKind, PlaceState};

fn planned(outlook: &FakeOutlook) -> Task {
    let mut task = Task::new();
    task.publish(1, &scheduled(ANN, 9));
    task.settle(outlook);
    task
}

fn one_failure(ended: Ended) -> Failure {
    match ended {
        Ended::Stopped(failures) if failures.len() == 1 => failures.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn stands(outlook: &FakeOutlook, mailbox: &str, hour: u32) {
    assert_eq!(outlook.calendars(), [(mailbox.to_owned(), vec![format!("Visit at {hour}")])], "{:?}", outlook.log());
}

#[test]
fn deleted_by_the_worker_just_before_an_update_it_is_created_again_in_a_new_generation() {
    for duplicates in [Duplicates::Answered, Duplicates::Refused] {
        let outlook = FakeOutlook::with(Manners { duplicates, remembers_removed: true, ..Manners::default() });
        let mut task = planned(&outlook);
        outlook.edit(ANN, Vec::clear);
        task.publish(2, &scheduled(ANN, 10));
        assert_eq!(task.claim(&outlook), Ended::Settled);
        stands(&outlook, ANN, 10);
        assert_eq!(task.row.generation, 2);
        assert_eq!(task.told.last().unwrap().action, "created");
    }
}

#[test]
fn closed_after_the_worker_deleted_it_counts_as_done() {
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    outlook.edit(ANN, Vec::clear);
    task.publish(2, &closed());
    assert_eq!(task.claim(&outlook), Ended::Settled);
    assert_eq!(task.audit.last().unwrap().detail["alreadyGone"], true);
    assert_eq!(task.told.last().unwrap().action, "removed");
}

#[test]
fn nothing_is_sent_when_nothing_changed() {
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    task.publish(2, &scheduled(ANN, 9));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    assert_eq!(outlook.log(), [format!("POST {ANN}")]);
}

#[test]
fn reassigned_while_the_old_mailbox_is_down_the_new_one_has_its_event_and_the_old_one_goes_later() {
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    outlook.refuse(ANN, Some((503, "serviceNotAvailable")));
    task.publish(2, &scheduled(BOB, 9));
    let failure = one_failure(task.claim(&outlook));
    assert_eq!((failure.target.as_str(), failure.kind), (ANN, FailureKind::Transient));
    assert_eq!(outlook.calendars().len(), 2);
    outlook.refuse(ANN, None);
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, BOB, 9);
    assert_eq!(task.told.last().unwrap().action, "moved");
}

#[test]
fn a_mailbox_that_no_longer_exists_holds_nothing() {
    for code in ["MailboxNotEnabledForRESTAPI", "ResourceNotFound", "Request_ResourceNotFound", "ErrorInvalidUser", ""] {
        let outlook = FakeOutlook::default();
        let mut task = planned(&outlook);
        outlook.refuse(ANN, Some((404, code)));
        task.publish(2, &scheduled(BOB, 9));
        assert_eq!(task.claim(&outlook), Ended::Settled, "{code}");
        assert_eq!(task.row.places.len(), 1);
    }
}

#[test]
fn no_mailbox_and_no_access_have_codes_of_their_own_and_name_nobody() {
    let cases = [
        (404, "MailboxNotEnabledForRESTAPI", "MAILBOX_NOT_FOUND"),
        (404, "", "MAILBOX_NOT_FOUND"),
        (403, "ErrorAccessDenied", "MAILBOX_ACCESS_DENIED"),
        (403, "extensionError", "MAILBOX_ACCESS_DENIED"),
        (400, "ErrorInvalidRequest", "GRAPH_REJECTED"),
    ];
    for (status, code, expected) in cases {
        let outlook = FakeOutlook::default();
        outlook.refuse(ANN, Some((status, code)));
        let mut task = Task::new();
        task.publish(1, &scheduled(ANN, 9));
        let failure = one_failure(task.claim(&outlook));
        assert_eq!((failure.code.as_str(), failure.kind), (expected, FailureKind::Permanent));
        assert!(failure.message.contains(code) && !failure.message.contains(ANN));
        assert!(task.row.places.is_empty(), "a refused creation leaves nothing to look for");
    }
}

#[test]
fn an_update_in_a_mailbox_that_is_gone_is_not_taken_for_a_deleted_event() {
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    outlook.refuse(ANN, Some((404, "MailboxNotEnabledForRESTAPI")));
    task.publish(2, &scheduled(ANN, 10));
    assert_eq!(one_failure(task.claim(&outlook)).code, "MAILBOX_NOT_FOUND");
    assert_eq!(task.row.generation, 1);
}

#[test]
fn a_creation_whose_answer_was_lost_is_unknown_and_then_adopted() {
    let outlook = FakeOutlook::default();
    outlook.fail(1, Fault::LostAfter);
    let mut task = Task::new();
    task.publish(1, &scheduled(ANN, 9));
    assert_eq!(one_failure(task.claim(&outlook)).kind, FailureKind::Ambiguous);
    assert_eq!(task.row.places[0].state, PlaceState::Unknown);
    assert_eq!(task.audit.last().unwrap().outcome.label(), "unknown");
    task.publish(2, &scheduled(ANN, 10));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 10);
    assert_eq!(outlook.log(), ["POST", "GET", "PATCH"].map(|verb| format!("{verb} {ANN}")));
}

#[test]
fn a_repeated_creation_that_is_answered_with_the_first_content_is_brought_up_to_date() {
    for duplicates in [Duplicates::Answered, Duplicates::RefusedWithId] {
        let outlook = FakeOutlook::with(Manners { lag: 99, duplicates, ..Manners::default() });
        outlook.fail(1, Fault::LostAfter);
        let mut task = Task::new();
        task.publish(1, &scheduled(ANN, 9));
        task.claim(&outlook);
        task.publish(2, &scheduled(ANN, 10));
        assert_eq!(task.claim(&outlook), Ended::Settled);
        stands(&outlook, ANN, 10);
    }
}

#[test]
fn after_a_restored_backup_used_up_generations_are_passed_over() {
    for duplicates in [Duplicates::RefusedWithId, Duplicates::Refused] {
        let outlook = FakeOutlook::with(Manners { duplicates, remembers_removed: true, ..Manners::default() });
        let mut task = planned(&outlook);
        task.publish(2, &closed());
        task.settle(&outlook);
        let mut restored = Task::new();
        restored.publish(3, &scheduled(ANN, 11));
        restored.settle(&outlook);
        stands(&outlook, ANN, 11);
        assert_eq!(restored.row.generation, 2);
    }
}

#[test]
fn a_taken_key_is_not_let_go_of_because_asking_for_its_event_was_throttled() {
    let outlook = FakeOutlook::with(Manners { duplicates: Duplicates::Refused, ..Manners::default() });
    planned(&outlook);
    let mut restored = Task::new();
    restored.publish(2, &scheduled(ANN, 10));
    outlook.fail(3, Fault::Throttled);
    one_failure(restored.claim(&outlook));
    assert_eq!(restored.row.places[0].state, PlaceState::Unknown);
    assert_eq!(restored.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 10);
}

#[test]
fn after_a_restored_backup_a_forgotten_event_is_adopted_and_extras_go() {
    let outlook = FakeOutlook::default();
    planned(&outlook);
    outlook.edit(ANN, |events| {
        let copies: Vec<_> = (0..5).map(|n| super::super::fake::Event { id: format!("copy{n}"), ..events[0].clone() }).collect();
        events.extend(copies);
    });
    let mut restored = Task::new();
    restored.row.recheck = true;
    restored.publish(2, &scheduled(ANN, 10));
    assert_eq!(restored.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 10);
    assert!(!restored.row.recheck);
    assert_eq!(restored.row.places.len(), 1);
}

#[test]
fn the_event_of_a_task_whose_id_differs_in_case_is_left_alone() {
    let outlook = FakeOutlook::default();
    planned(&outlook);
    let mut shouted = Task::new();
    shouted.row.key = "T1".into();
    shouted.row.recheck = true;
    shouted.publish(1, &scheduled(ANN, 10));
    assert_eq!(shouted.claim(&outlook), Ended::Settled);
    assert_eq!(outlook.calendars(), [(ANN.to_owned(), vec!["Visit at 9".to_owned(), "Visit at 10".to_owned()])]);
}

#[test]
fn a_mailbox_under_its_other_name_keeps_its_event() {
    let outlook = FakeOutlook::default();
    outlook.alias(ANN_ID, ANN);
    let mut task = planned(&outlook);
    task.publish(2, &scheduled(ANN_ID, 10));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 10);
    assert_eq!(task.row.places.len(), 1);
    assert_eq!((task.row.places[0].target.as_str(), task.row.generation), (ANN_ID, 1));
    assert!(!outlook.log().iter().any(|call| call.starts_with("DELETE")));
}

#[test]
fn an_unknown_creation_under_the_other_name_is_adopted_not_doubled() {
    let outlook = FakeOutlook::default();
    outlook.alias(ANN_ID, ANN);
    outlook.fail(1, Fault::LostAfter);
    let mut task = Task::new();
    task.publish(1, &scheduled(ANN, 9));
    task.claim(&outlook);
    task.publish(2, &scheduled(ANN_ID, 10));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 10);
    assert_eq!(outlook.most(), 1);
}

#[test]
fn a_server_that_knows_no_zone_gets_the_same_instants_in_utc() {
    let outlook = FakeOutlook::with(Manners { zones: Some(&["UTC"]), ..Manners::default() });
    let mut task = planned(&outlook);
    task.publish(2, &scheduled(ANN, 10));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    let start = outlook.edit(ANN, |events| events[0].body["start"].clone());
    assert_eq!(start, serde_json::json!({ "dateTime": "2026-12-01T09:00:00", "timeZone": "UTC" }));
}

#[test]
fn a_server_that_knows_windows_names_alone_gets_the_same_wall_clock() {
    let outlook = FakeOutlook::with(Manners { zones: Some(&["UTC", "W. Europe Standard Time"]), ..Manners::default() });
    let mut task = planned(&outlook);
    let start = || outlook.edit(ANN, |events| events[0].body["start"].clone());
    assert_eq!(start(), serde_json::json!({ "dateTime": "2026-12-01T09:00:00", "timeZone": "W. Europe Standard Time" }));
    task.publish(2, &scheduled(ANN, 10));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    assert_eq!(start(), serde_json::json!({ "dateTime": "2026-12-01T10:00:00", "timeZone": "W. Europe Standard Time" }));
    assert_eq!(outlook.most(), 1);
}

#[test]
fn a_visit_that_went_to_and_fro_unseen_is_still_updated() {
    // Version 2 gets through, its answer does not; version 3 says again what was last confirmed.
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    outlook.fail(2, Fault::LostAfter);
    task.publish(2, &scheduled(ANN, 10));
    task.claim(&outlook);
    task.publish(3, &scheduled(ANN, 9));
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 9);
}

#[test]
fn a_frozen_worker_that_wakes_up_late_is_overruled() {
    // Frozen with version 2 in hand while version 3 went through; its update arrives after all, and its record is refused, which
    // marks the task for a recheck.
    let outlook = FakeOutlook::default();
    let mut task = planned(&outlook);
    task.publish(3, &scheduled(ANN, 11));
    task.settle(&outlook);
    outlook.edit(ANN, |events| events[0].body["subject"] = "Visit at 10".into());
    task.row.recheck = true;
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 11);
}

#[test]
fn an_unreadable_answer_to_a_creation_leaves_it_unknown() {
    let outlook = FakeOutlook::with(Manners { answers_nothing: true, ..Manners::default() });
    let mut task = Task::new();
    task.publish(1, &scheduled(ANN, 9));
    assert_eq!(one_failure(task.claim(&outlook)).kind, FailureKind::Ambiguous);
    assert_eq!(task.claim(&outlook), Ended::Settled);
    stands(&outlook, ANN, 9);
}
