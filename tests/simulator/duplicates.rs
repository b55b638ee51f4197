//! `transactionId` in every face that is documented or reported.

use argus_m365::simulator::{AfterDelete, DuplicateFace};
use serde_json::json;

use crate::support::{Lab, NIAMH, visit};

#[tokio::test]
async fn the_same_content_again_is_a_201_with_the_event_that_is_there() {
    let lab = Lab::new().await;
    let first = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let again = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    assert_eq!((again.status, again.id()), (201, first.id()));
    assert_eq!(lab.live(NIAMH), 1);
}

#[tokio::test]
async fn other_content_is_refused_with_either_status_and_with_or_without_the_existing_id() {
    for (status, names_existing) in [(400, false), (409, false), (400, true), (409, true)] {
        let lab = Lab::with_settings(|settings| settings.duplicate = DuplicateFace::Refused { status, names_existing }).await;
        let first = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
        let again = lab.create(NIAMH, &visit("t-1", "acme/2")).await;
        assert_eq!((again.status, again.code()), (status, "ErrorDuplicateTransactionId"));
        let existing = again.body["error"]["@event.existingEventId"].as_str();
        assert_eq!(existing, names_existing.then_some(first.id()));
        assert_eq!(lab.live(NIAMH), 1);
    }
}

#[tokio::test]
async fn other_content_may_also_be_answered_with_the_first_body() {
    let lab = Lab::with_settings(|settings| settings.duplicate = DuplicateFace::FirstBody).await;
    let first = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let mut other = visit("t-1", "acme/1");
    other["subject"] = json!("something else");
    let again = lab.create(NIAMH, &other).await;
    assert_eq!((again.status, again.id(), &again.body["subject"]), (201, first.id(), &first.body["subject"]));
}

#[tokio::test]
async fn after_a_deletion_the_id_is_forgotten_or_remembered_with_nothing_live() {
    for (after_delete, status) in [(AfterDelete::Forgotten, 201), (AfterDelete::Remembered, 400)] {
        let lab = Lab::with_settings(|settings| settings.after_delete = after_delete).await;
        let first = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
        lab.delete(&format!("/users/{NIAMH}/events/{}", first.id())).await;
        let again = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
        assert_eq!(again.status, status);
        assert_ne!(again.id(), first.id());
        assert_eq!(lab.live(NIAMH), usize::from(status == 201));
    }
}
