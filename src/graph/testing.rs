//! For this module's tests: a server on loopback that records what it is sent and does as scripted, down to the connection
//! (a real reset, a stall, a body that breaks off), which an HTTP framework would keep from us.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use url::Url;

use super::{Access, Cloud, Credential, GraphClient, GraphSettings};
use crate::{clock::ManualClock, ids::Ids, metrics::Metrics, organisation::OrganisationId};

/// An access by secret.
pub(super) fn access(organisation: &str, secret_version: u64) -> Access {
    Access {
        organisation: OrganisationId::parse(organisation).unwrap(),
        connection_id: format!("connection-of-{organisation}"),
        secret_version,
        cloud: Cloud::Global,
        directory_id: "contoso.example".into(),
        application_id: "app-1".into(),
        credential: Credential::Secret("s3cret+/=&".into()),
    }
}

/// What the server was sent.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    /// The fields of a form.
    pub(super) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with status, extra headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Answers after a pause.
    Late(Duration, Box<Act>),
    /// Does the other once it is told to.
    When(Arc<Notify>, Box<Act>),
    /// Closes with a reset instead of answering.
    Reset,
    /// Never answers.
    Stall,
    /// Answers with this status and the first part of a longer body, then closes.
    Cut(u16, &'static str),
}

/// An answer with a body.
pub(super) fn say(status: u16, body: &str) -> Act {
    Act::Answer(status, Vec::new(), body.to_owned())
}

/// A token that is good for an hour.
pub(super) fn token(name: &str) -> Act {
    say(200, &format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{name}"}}"#))
}

/// The server.
pub(super) struct Server {
    pub(super) root: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts one; `script` decides on each request, given how many came before it.
    pub(super) async fn start(script: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, seen_by_all) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen_by_all));
                tokio::spawn(async move { serve(stream, script.as_ref(), &seen).await });
            }
        });
        Self { root, seen }
    }

    /// Everything it was sent so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was sent, without token requests.
    pub(super) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !is_login(seen)).collect()
    }

    /// The token requests it was sent.
    pub(super) fn logins(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(is_login).collect()
    }
}

/// Whether it is a token request.
pub(super) fn is_login(seen: &Seen) -> bool {
    seen.path.ends_with("/oauth2/v2.0/token")
}

/// A client of that server, and the clock that it goes by.
pub(super) fn client_of(server: &Server) -> (GraphClient, Arc<ManualClock>, Arc<Metrics>) {
    client_with(server, Duration::from_secs(10))
}

/// The same with a bound on calls.
pub(super) fn client_with(server: &Server, call_timeout: Duration) -> (GraphClient, Arc<ManualClock>, Arc<Metrics>) {
    let clock = ManualClock::at("2026-11-23T20:00:00Z".parse().unwrap());
    let metrics = Arc::new(Metrics::new().unwrap());
    let settings = GraphSettings {
        login_url: Some(server.root.clone()),
        graph_url: Some(server.root.clone()),
        connect_timeout: Duration::from_secs(2),
        call_timeout,
    };
    let client = GraphClient::new(settings, clock.clone(), Ids::seeded(1), Arc::clone(&metrics)).unwrap();
    (client, clock, metrics)
}

/// Waits until something holds, at most 10 s.
pub(super) async fn eventually(holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("it never came to hold");
}

async fn serve(mut stream: TcpStream, script: &(impl Fn(&Seen, usize) -> Act + Send + Sync), seen: &Mutex<Vec<Seen>>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let act = match script(&request, before) {
            Act::Late(pause, then) => {
                tokio::time::sleep(pause).await;
                *then
            }
            Act::When(told, then) => {
                told.notified().await;
                *then
            }
            at_once => at_once,
        };
        match act {
            Act::Answer(status, headers, body) => {
                let extra: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{extra}\r\n{body}", body.len());
                if stream.write_all(head.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Reset => return stream.set_zero_linger().unwrap(),
            Act::Stall => std::future::pending().await,
            Act::Cut(status, part) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{part}", part.len() + 100);
                stream.write_all(head.as_bytes()).await.unwrap();
                return;
            }
            Act::Late(..) | Act::When(..) => unreachable!("one pause is enough"),
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut start = lines.next()?.split(' ');
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < end + length {
        read_more(stream, buffer).await?;
    }
    let body = String::from_utf8(buffer[end..end + length].to_vec()).unwrap();
    buffer.drain(..end + length);
    Some(Seen { method: start.next()?.to_owned(), path: start.next()?.to_owned(), headers, body })
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}
