//! What is unsafe about a stream or consumer that somebody else made. It is left as it is; the log says what and why.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{self, AckPolicy, DeliverPolicy},
    stream::{self, DiscardPolicy, RetentionPolicy, StorageType},
};

/// Bytes that a message must be allowed: an event of 512 KiB, and room to see that one is too large.
const MESSAGE: i32 = 1024 * 1024;
/// A replay window that is shorter than a long week-end is no way to recover.
const REPLAY: Duration = Duration::from_hours(4 * 24);

/// One unsafe setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unsafe {
    /// Its name, as the NATS tools show it.
    pub(crate) setting: &'static str,
    /// What can go wrong.
    pub(crate) why: &'static str,
}

fn found<const N: usize>(checks: [(bool, &'static str, &'static str); N]) -> Vec<Unsafe> {
    checks.into_iter().filter(|(unsafe_, ..)| *unsafe_).map(|(_, setting, why)| Unsafe { setting, why }).collect()
}

/// What is unsafe about a stream that should hold `subjects`.
pub(super) fn stream(config: &stream::Config, subjects: &[String]) -> Vec<Unsafe> {
    let limited = config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0;
    let short = config.max_age > Duration::ZERO && config.max_age < REPLAY;
    let message = (1..MESSAGE).contains(&config.max_message_size);
    found([
        (config.storage == StorageType::Memory, "storage", "memory: events are gone when the server stops"),
        (
            config.retention == RetentionPolicy::WorkQueue,
            "retention",
            "workqueue: events go once acknowledged, so nothing can be replayed",
        ),
        (
            config.retention == RetentionPolicy::Interest,
            "retention",
            "interest: events go when no consumer exists, so none wait for us",
        ),
        (
            limited && config.discard == DiscardPolicy::Old,
            "discard",
            "old: when the stream is full, events go before they are read",
        ),
        (short, "max_age", "events go after less than four days: too short to recover after a long week-end"),
        (message, "max_msg_size", "less than 1 MiB: events within the contract's limits are refused at the server"),
        (config.no_ack, "no_ack", "publishers cannot know whether an event was kept"),
        (config.sealed, "sealed", "takes no events any more"),
        (config.mirror.is_none() && !covers(&config.subjects, subjects), "subjects", "not every subject of the contract is kept"),
    ])
}

/// What is unsafe about a consumer that should deliver `subjects` of a stream that holds `held`.
pub(super) fn consumer(config: &consumer::Config, held: &[String], subjects: &[String]) -> Vec<Unsafe> {
    let filters: Vec<String> =
        config.filter_subjects.iter().chain(Some(&config.filter_subject)).filter(|f| !f.is_empty()).cloned().collect();
    let unfiltered = filters.is_empty() && !held.iter().all(|subject| covers(subjects, std::slice::from_ref(subject)));
    let rereads = matches!(
        config.deliver_policy,
        DeliverPolicy::All | DeliverPolicy::ByStartSequence { .. } | DeliverPolicy::ByStartTime { .. }
    );
    found([
        (config.ack_policy != AckPolicy::Explicit, "ack_policy", "not explicit: events count as taken before they are committed"),
        (config.max_deliver > 0, "max_deliver", "finite: while the store is down events are given up on"),
        (!config.backoff.is_empty(), "backoff", "changes the delay of every negative acknowledgement"),
        (config.ack_wait < Duration::from_secs(10), "ack_wait", "under 10 s: a slow commit has its events delivered twice"),
        (config.memory_storage, "mem_storage", "what was acknowledged is forgotten when the server stops"),
        (config.inactive_threshold > Duration::ZERO, "inactive_threshold", "the consumer is deleted while the connector is away"),
        (config.headers_only, "headers_only", "events come without their data"),
        (!rereads, "deliver_policy", "events from before the consumer was made are never read"),
        (unfiltered, "filter_subjects", "missing: messages that are none of our events come too, and are terminated"),
        (!filters.is_empty() && !covers(&filters, subjects), "filter_subjects", "not every subject of the contract is delivered"),
    ])
}

/// Whether every wanted subject is within one of those given.
fn covers(given: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|subject| given.iter().any(|pattern| within(subject, pattern)))
}

/// Whether a pattern of subjects lies within another: `*` stands for one token, `>` for one or more at the end.
fn within(subject: &str, pattern: &str) -> bool {
    let mut wanted = subject.split('.');
    for token in pattern.split('.') {
        match (token, wanted.next()) {
            (">", Some(_)) => return true,
            ("*", Some(wanted)) if wanted != ">" => {}
            (token, Some(wanted)) if token == wanted => {}
            _ => return false,
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Unsafe]) -> Vec<&'static str> {
        found.iter().map(|found| found.setting).collect()
    }

    #[test]
    fn patterns_contain_each_other_as_the_broker_says() {
        for (subject, pattern, is_within) in [
            ("argus.*.task.*", "argus.*.task.*", true),
            ("argus.*.task.*", "argus.>", true),
            ("argus.*.task.*", ">", true),
            ("argus.*.task.*", "argus.*.*.*", true),
            ("argus.*.task.*", "argus.acme.task.*", false),
            ("argus.*.task.>", "argus.*.task.*", false),
            ("argus.*.task.*", "argus.*.task", false),
            ("argus.*.task", "argus.*.task.>", false),
        ] {
            assert_eq!(within(subject, pattern), is_within, "{subject} in {pattern}");
        }
    }

    #[test]
    fn each_unsafe_setting_is_named() {
        let subjects = ["argus.*.task.*".to_owned()];
        let safe = stream::Config { subjects: subjects.to_vec(), ..Default::default() };
        assert_eq!(names(&stream(&safe, &subjects)), [""; 0]);
        let bad = stream::Config {
            storage: StorageType::Memory,
            retention: RetentionPolicy::WorkQueue,
            max_bytes: 1,
            max_age: Duration::from_mins(1),
            max_message_size: 1024,
            ..Default::default()
        };
        assert_eq!(names(&stream(&bad, &subjects)), ["storage", "retention", "discard", "max_age", "max_msg_size", "subjects"]);

        let bad = consumer::Config { ack_policy: AckPolicy::None, max_deliver: 5, memory_storage: true, ..Default::default() };
        let held = ["argus.>".to_owned()];
        let expected = ["ack_policy", "max_deliver", "ack_wait", "mem_storage", "filter_subjects"];
        assert_eq!(names(&consumer(&bad, &held, &subjects)), expected);
    }
}
