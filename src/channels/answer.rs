//! What a webhook's answer means. Pure.
//!
//! 202 is a card taken. Success may also come as 200 or 204; but a 200 may hide a failure in its text, as the webhooks before
//! Workflows did ("… endpoint returned HTTP error 429 …"), and then the number in the text is what counts.

use chrono::{DateTime, TimeDelta, Utc};

use crate::capabilities::teams::WebhookError;

/// How long a 429 without a `Retry-After` holds.
const UNSAID: TimeDelta = TimeDelta::seconds(5);

/// Reads an answer. `wait` is its `Retry-After`.
pub(super) fn read(status: u16, wait: Option<DateTime<Utc>>, body: &str, now: DateTime<Utc>) -> Result<(), WebhookError> {
    match status {
        200..=299 => match hidden(status, body) {
            None => Ok(()),
            Some(status) => Err(refused(status, wait, now)),
        },
        _ => Err(refused(status, wait, now)),
    }
}

fn refused(status: u16, wait: Option<DateTime<Utc>>, now: DateTime<Utc>) -> WebhookError {
    let code = format!("http{status}");
    match status {
        429 => WebhookError::Throttled(wait.unwrap_or(now + UNSAID)),
        // The gateway gave up waiting: what is behind it may have taken the card.
        408 | 502 | 504 => WebhookError::Lost(code),
        500.. | 423 => match wait {
            Some(until) => WebhookError::Throttled(until),
            None => WebhookError::Unavailable(code, format!("the webhook answered {status}")),
        },
        // Never followed, and no word on the card: a proxy, a front end that moves.
        300..=399 => WebhookError::Unavailable(code, format!("the webhook answered {status}, a redirect, which is not followed")),
        413 => WebhookError::TooLarge,
        _ => WebhookError::Rejected(status.to_string()),
    }
}

/// The failure that a successful answer's text tells of, as a status; 500 when it names none.
fn hidden(status: u16, body: &str) -> Option<u16> {
    let text = body.trim();
    // Nothing, the old webhooks' "1", and whatever a flow of the tenant's own answers without the word error.
    if status == 202 || text.is_empty() || text == "1" {
        return None;
    }
    let lower = text.to_lowercase();
    if let Ok(serde_json::Value::Object(answer)) = serde_json::from_str(text) {
        return answer.get("error").filter(|error| !error.is_null()).map(|_| number(&lower).unwrap_or(500));
    }
    (lower.contains("error") || lower.contains("failed")).then(|| number(&lower).unwrap_or(500))
}

/// The first number that is a status of failure, behind `http`, `error` or `status`.
fn number(text: &str) -> Option<u16> {
    let failure = |word: &str| word.parse::<u16>().ok().filter(|status| (400..600).contains(status));
    text.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| digits.len() == 3).find_map(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn answered(status: u16, body: &str) -> Result<(), WebhookError> {
        read(status, None, body, now())
    }

    #[test]
    fn a_card_is_taken_with_202_and_with_a_success_that_hides_nothing() {
        for (status, body) in [(202, ""), (202, "{\"error\":1}"), (200, "1"), (204, ""), (200, "{\"ok\":true}"), (200, "thanks")]
        {
            assert_eq!(answered(status, body), Ok(()), "{status} {body}");
        }
    }

    #[test]
    fn a_200_that_tells_of_an_error_is_that_error() {
        let text =
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0";
        assert_eq!(answered(200, text), Err(WebhookError::Throttled(now() + UNSAID)));
        assert_eq!(answered(200, &text.replace("429", "413")), Err(WebhookError::TooLarge));
        assert_eq!(answered(200, &text.replace("429", "404")), Err(WebhookError::Rejected("404".into())));
        assert!(matches!(answered(200, "delivery failed"), Err(WebhookError::Unavailable(..))));
        assert!(matches!(answered(200, "{\"error\":{\"code\":\"x\"}}"), Err(WebhookError::Unavailable(..))));
    }

    #[test]
    fn statuses_mean_what_they_say() {
        let until = now() + TimeDelta::seconds(70);
        assert_eq!(read(429, Some(until), "", now()), Err(WebhookError::Throttled(until)));
        assert_eq!(read(503, Some(until), "", now()), Err(WebhookError::Throttled(until)));
        assert!(matches!(answered(503, ""), Err(WebhookError::Unavailable(..))));
        assert!(matches!(answered(307, ""), Err(WebhookError::Unavailable(..))));
        for status in [400, 401, 403, 404, 410] {
            assert_eq!(answered(status, ""), Err(WebhookError::Rejected(status.to_string())));
        }
        for status in [408, 502, 504] {
            assert!(matches!(answered(status, ""), Err(WebhookError::Lost(_))), "{status}");
        }
    }
}
