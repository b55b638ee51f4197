//! A dead letter's event, read once more: a newer release may understand what an older one did not.

use serde_json::Value;

use super::translate;
use crate::{
    events::{self, Headers, Reading},
    organisation::OrgScope,
    store::{Arrival, DeadLetterRow},
};

/// The letter's event as what it asks for, under the same organisation; `None` when it still cannot be read, or was not kept
/// whole.
///
/// The subject it came on is not kept; it is rebuilt from the event's type. An event that was refused because its type did not
/// fit its subject is therefore never read again: its rebuilt subject would agree with anything it says.
pub fn reread(scope: &OrgScope, letter: &DeadLetterRow) -> Option<Arrival> {
    let letter = &letter.letter;
    if letter.code == "INVALID_ENVELOPE" && letter.pointer.as_deref() == Some("/type") {
        return None;
    }
    let payload = letter.payload.as_deref()?;
    let envelope: Value = serde_json::from_str(payload).ok()?;
    let (named, _version) = envelope.get("type")?.as_str()?.strip_prefix("argus.")?.rsplit_once(".v")?;
    let subject = format!("argus.{}.{named}", scope.as_str());
    // Whatever mode it came in: what is kept is the envelope as structured mode has it.
    let headers: Headers = [("content-type", "application/cloudevents+json")].into_iter().collect();
    match events::read(&subject, &headers, payload.as_bytes()) {
        Reading::Accepted(event) if event.scope == *scope => translate::arrival(event).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::{organisation::OrganisationId, store::NewDeadLetter};

    fn acme() -> OrgScope {
        OrgScope::granted_to_operator(OrganisationId::parse("acme").unwrap())
    }

    fn letter(code: &str, pointer: &str, payload: &str) -> DeadLetterRow {
        let at = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let letter = NewDeadLetter {
            id: "d-1".into(),
            capability: None,
            code: code.into(),
            message: "no".into(),
            pointer: Some(pointer.into()),
            object: None,
            attempts: 0,
            graph_request_id: None,
            payload: Some(payload.into()),
            context: None,
            first_failed_at: at,
        };
        DeadLetterRow { letter, dead_at: at, replays: 0 }
    }

    fn closed() -> String {
        let data = json!({ "taskId": "t-1", "version": 3 });
        json!({
            "specversion": "1.0", "id": "e-1", "source": "/test", "type": "argus.task.closed.v1", "time": "2026-11-26T14:20:00Z",
            "data": data,
        })
        .to_string()
    }

    #[test]
    fn what_can_be_read_now_is_what_it_asks_for() {
        let arrival = reread(&acme(), &letter("INVALID_DATA", "/data/window", &closed())).unwrap();
        assert_eq!((arrival.scope, arrival.key.as_str(), arrival.version), (acme(), "t-1", 3));
    }

    #[test]
    fn what_still_cannot_be_read_stays() {
        for payload in
            ["not JSON", "{}", r#"{"base64":"eHg="}"#, &closed().replace("t-1", ""), &closed().replace("task.closed", ">")]
        {
            assert!(reread(&acme(), &letter("INVALID_DATA", "/data", payload)).is_none(), "{payload}");
        }
    }

    #[test]
    fn an_event_that_came_on_another_subject_than_it_says_is_never_read_under_its_own_word() {
        assert!(reread(&acme(), &letter("INVALID_ENVELOPE", "/type", &closed())).is_none());
    }

    #[test]
    fn an_event_of_another_organisation_stays_refused() {
        let foreign = closed().replace("\"id\"", "\"orgid\":\"zenith\",\"id\"");
        assert!(reread(&acme(), &letter("ORGANISATION_MISMATCH", "/orgid", &foreign)).is_none());
    }
}
