//! Waits that Graph asks for: kept to the second, for what they are about and nothing else.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    graph::{
        Graph, Request, ThrottleScope, Verdict, Workload,
        testing::{Act, Server, access, client_of, eventually, is_login, say, token},
    },
};

fn of(mailbox: &str) -> Request {
    Request::get(Workload::Outlook, format!("/users/{mailbox}/events")).target(mailbox)
}

async fn server_that_throttles_ann(status: u16, retry_after: &'static str) -> Server {
    Server::start(move |seen, _| match is_login(seen) {
        true => token("t"),
        false if seen.path.contains("/ann/") => Act::Answer(status, vec![("Retry-After", retry_after.into())], String::new()),
        false => say(200, "{}"),
    })
    .await
}

#[tokio::test]
async fn a_throttled_mailbox_is_left_alone_until_its_time_and_others_are_not_held_up() {
    for (status, text) in [(429, "30"), (503, "30"), (429, "Mon, 23 Nov 2026 20:00:30 GMT")] {
        let server = server_that_throttles_ann(status, text).await;
        let (client, clock, metrics) = client_of(&server);
        let session = client.session(Arc::new(access("acme", 1)));
        let until = clock.now() + TimeDelta::seconds(30);
        let wanted = Verdict::Throttled { until, scope: ThrottleScope::Target };

        assert_eq!(session.send(of("ann")).await.unwrap_err().verdict, wanted);
        clock.advance(TimeDelta::seconds(29));
        let held = session.send(of("ann")).await.unwrap_err();
        assert_eq!((held.verdict.clone(), held.status, held.code.as_str()), (wanted, None, "heldBack"));
        assert_eq!(server.calls().len(), 1, "not sent early");
        session.send(of("bob")).await.unwrap();
        let other_session = client.session(Arc::new(access("acme", 1)));
        assert!(other_session.send(of("ann")).await.is_err());
        assert_eq!(server.calls().len(), 2, "sessions of one connection share what they were told");
        assert!(client.session(Arc::new(access("other", 1))).send(of("ann")).await.unwrap_err().status.is_some());

        clock.advance(TimeDelta::seconds(1));
        assert_eq!(session.send(of("ann")).await.unwrap_err().status, Some(status), "sent again when its time came");
        assert_eq!(metrics.graph_throttled_total.with_label_values(&["outlook"]).get(), 3);
    }
}

#[tokio::test]
async fn those_in_the_queue_behind_a_throttled_call_are_not_sent_either() {
    let server = server_that_throttles_ann(429, "30").await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let results = join_all((0..40).map(|_| session.send(of("ann")))).await;
    assert!(results.iter().all(|result| matches!(result, Err(error) if matches!(error.verdict, Verdict::Throttled { .. }))));
    assert!(server.calls().len() <= 4, "{} were sent", server.calls().len());
}

#[tokio::test]
async fn a_call_that_waited_for_a_token_meanwhile_is_not_sent_again() {
    let (throttled, renewed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (throttle, renew) = (Arc::clone(&throttled), Arc::clone(&renewed));
    let server = Server::start(move |seen, before| match seen.path.rsplit('/').next() {
        _ if is_login(seen) && before == 0 => token("old"),
        _ if is_login(seen) => Act::When(Arc::clone(&renew), Box::new(token("new"))),
        Some("other") => {
            let refusal = Act::Answer(429, vec![("Retry-After", "30".into())], String::new());
            Act::When(Arc::clone(&throttle), Box::new(refusal))
        }
        _ => say(401, "{}"),
    })
    .await;
    let (client, _, metrics) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let to = |what: &str| Request::post(Workload::Outlook, format!("/users/ann/{what}"), serde_json::json!({})).target("ann");
    let other = session.send(to("other"));
    let refused = async {
        eventually(|| server.calls().len() == 1).await;
        session.send(to("events")).await
    };
    let watch = async {
        eventually(|| server.logins().len() == 2).await;
        throttled.notify_one();
        eventually(|| metrics.graph_throttled_total.with_label_values(&["outlook"]).get() == 1).await;
        renewed.notify_one();
    };
    let (_, refused, ()) = tokio::join!(other, refused, watch);
    let held = refused.unwrap_err();
    assert_eq!((held.status, held.code.as_str()), (None, "heldBack"));
    assert_eq!(server.calls().len(), 2, "the fresh token did not send it before its time");
}

#[tokio::test]
async fn a_throttle_without_a_target_holds_the_workload_and_no_other() {
    let server = Server::start(|seen, _| match is_login(seen) {
        true => token("t"),
        false if seen.path.contains("/sites/") => {
            Act::Answer(429, vec![("Retry-After", "5".into()), ("RateLimit-Reset", "20".into())], String::new())
        }
        false => say(200, "{}"),
    })
    .await;
    let (client, clock, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let list = |name: &str| Request::get(Workload::SharePoint, format!("/sites/{name}/lists")).target(name);
    let until = clock.now() + TimeDelta::seconds(20);
    let wanted = Verdict::Throttled { until, scope: ThrottleScope::Workload };
    assert_eq!(session.send(list("a")).await.unwrap_err().verdict, wanted);
    assert_eq!(session.send(list("b")).await.unwrap_err().verdict, wanted);
    assert_eq!(server.calls().len(), 1);
    session.send(of("ann")).await.unwrap();
}

#[tokio::test]
async fn a_workload_whose_limit_is_used_up_gets_fewer_calls_at_once_before_it_refuses_any() {
    let (told, seen_first) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait_for, arrived) = (Arc::clone(&told), Arc::clone(&seen_first));
    let server = Server::start(move |seen, _| match is_login(seen) {
        true => token("t"),
        false if seen.path.contains("/first") => {
            Act::Answer(200, vec![("x-ms-throttle-limit-percentage", "1.0".into())], "{}".into())
        }
        false => {
            arrived.notify_one();
            Act::When(Arc::clone(&wait_for), Box::new(say(200, "{}")))
        }
    })
    .await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let to = |name: &str| Request::get(Workload::Directory, format!("/{name}"));
    session.send(to("first")).await.unwrap();
    let (one, two) = (session.send(to("a")), session.send(to("b")));
    let both = async { tokio::join!(one, two) };
    let watch = async {
        seen_first.notified().await;
        // The other directory call waits for its turn; another workload does not.
        assert_eq!(server.calls().len(), 2);
        told.notify_one();
        seen_first.notified().await;
        assert_eq!(server.calls().len(), 3, "the second left when the first was over");
        told.notify_one();
    };
    let ((first, second), ()) = tokio::join!(both, watch);
    assert!(first.is_ok() && second.is_ok());
}
