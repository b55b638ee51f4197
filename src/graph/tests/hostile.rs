//! Links that lead away, as an answer of Graph could hold them: followed by a client that asks nothing they reach a listener with the token;
//! followed by ours none does, nor is any connection made.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::{Host, Url};

use crate::graph::{
    Graph, Request, Verdict, Workload,
    testing::{Act, Server, access, client_of, is_login, say, token},
};

/// Somebody else's server: counts who connects, and who brings a token.
struct Foreign {
    port: u16,
    connections: Arc<AtomicUsize>,
    tokens: Arc<AtomicUsize>,
}

impl Foreign {
    async fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind((address, 0)).await.ok()?;
        let port = listener.local_addr().ok()?.port();
        let (connections, tokens) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = (Arc::clone(&connections), Arc::clone(&tokens));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.0.fetch_add(1, Ordering::SeqCst);
                let tokens = Arc::clone(&counted.1);
                tokio::spawn(async move {
                    let mut head = vec![0; 8192];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
                    tokens.fetch_add(usize::from(head.contains("\nauthorization:")), Ordering::SeqCst);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap_or_default();
                });
            }
        });
        Some(Self { port, connections, tokens })
    }

    fn seen(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.tokens.load(Ordering::SeqCst))
    }
}

/// `{G}`: Graph's own host and port. `{F}`: the port of somebody else on 127.0.0.1, `{S}`: on 127.0.0.2, `{P}`: Graph's port.
const LINKS: &[&str] = &[
    // another port of this machine, by every name that it has
    "http://127.0.0.1:{F}/v1.0/users?$skiptoken=x",
    "HTTP://127.0.0.1:{F}/v1.0/users",
    "http://localhost:{F}/v1.0/users",
    "http://LOCALHOST:{F}/v1.0/users",
    "http://127.1:{F}/v1.0/users",
    "http://127.0.1:{F}/v1.0/users",
    "http://2130706433:{F}/v1.0/users",
    "http://0x7f000001:{F}/v1.0/users",
    "http://0x7f.0.0.1:{F}/v1.0/users",
    "http://0177.0.0.1:{F}/v1.0/users",
    "http://0177.0.0.01:{F}/v1.0/users",
    "http://127.0.0.1.:{F}/v1.0/users",
    "http://%31%32%37.0.0.1:{F}/v1.0/users",
    "http://127.0.0.%31:{F}/v1.0/users",
    "http://l%6fcalhost:{F}/v1.0/users",
    "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:{F}/v1.0/users",
    "http://127\u{3002}0\u{3002}0\u{3002}1:{F}/v1.0/users",
    "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1:{F}/v1.0/users",
    "http://\u{24db}ocalhost:{F}/v1.0/users",
    "http://127.0.0.1:0{F}/v1.0/users",
    // another address
    "http://127.0.0.2:{S}/v1.0/users",
    "http://127.2:{S}/v1.0/users",
    "http://2130706434:{S}/v1.0/users",
    "http://127.0.0.2:{S}/v1.0/../v1.0/users",
    // Graph's name as a user, a password, a path, a query, a fragment of somebody else's
    "http://{G}@127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1@127.0.0.1:{F}/v1.0/users",
    "http://user:{P}@127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1:{P}@127.0.0.2:{S}/v1.0/users",
    "http://127.0.0.1%3A{P}@127.0.0.2:{S}/v1.0/users",
    "http://@127.0.0.1:{F}/v1.0/users",
    "http://:@127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1:{F}/{G}/v1.0/users",
    "http://127.0.0.1:{F}/http://{G}/v1.0/users",
    "http://127.0.0.1:{F}?@{G}/v1.0/users",
    "http://127.0.0.1:{F}#@{G}/v1.0/users",
    "http://127.0.0.1:{F}/v1.0/users#http://{G}/v1.0/users",
    // written so that parsers disagree
    "http:\\\\127.0.0.1:{F}\\v1.0\\users",
    "http:/\\127.0.0.1:{F}/v1.0/users",
    "http:\\/127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1:{F}\\@{G}/v1.0/users",
    "http://127.0.0.2:{S}\\.{G}/v1.0/users",
    "http:127.0.0.1:{F}/v1.0/users",
    "http:/127.0.0.1:{F}/v1.0/users",
    "http:///127.0.0.1:{F}/v1.0/users",
    "http://///127.0.0.1:{F}/v1.0/users",
    "ht\ttp://127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1:{F}\t/v1.0/users",
    "http://127.0\n.0.1:{F}/v1.0/users",
    "http://127.0.0.1\r:{F}/v1.0/users",
    "\thttp://127.0.0.1:{F}/v1.0/users",
    " http://127.0.0.1:{F}/v1.0/users",
    "http://127.0.0.1:{F}/v1.0/users ",
    "http://127.0.0.1:{F}/v1.0/us\0ers",
    "http://127.0.0.1:{F}/v1.0/users\u{7f}",
    // Graph itself, but not as it is spoken to
    "https://{G}/v1.0/users",
    "ftp://{G}/v1.0/users",
    "ws://{G}/v1.0/users",
    "//{G}/v1.0/users",
    "//127.0.0.1:{F}/v1.0/users",
    "http://user@{G}/v1.0/users",
    "http://user:pass@{G}/v1.0/users",
    "http://@{G}/v1.0/users",
    "http://localhost:{P}/v1.0/users",
    "http://127.0.0.1.:{P}@127.0.0.1:{F}/v1.0/users",
    "http://{G}/beta/users",
    "http://{G}/v1.0/../beta/users",
    "http://{G}/v1.0/%2e%2e/beta/users",
    "http://{G}/v1.0/..%2fbeta/users",
    // hosts of the world, and of this network; never resolved, never called
    "https://graph.microsoft.com.evil.example/v1.0/users",
    "https://graph.micros\u{43e}ft.com/v1.0/users",
    "https://evil-graph.microsoft.com/v1.0/users",
    "https://graph.microsoft.com./v1.0/users",
    "http://169.254.169.254/v1.0/users",
    "http://10.0.0.1/v1.0/users",
    "http://[::ffff:127.0.0.1]:{F}/v1.0/users",
    "http://0.0.0.0:{F}/v1.0/users",
    "file:///v1.0/users",
    "data:text/plain,http://{G}/v1.0/users",
    "javascript:fetch('http://{G}/v1.0/users')",
];

/// The links, for these servers.
fn links(graph: &Url, foreign: &Foreign, second: &Foreign) -> Vec<String> {
    let port = graph.port().unwrap().to_string();
    let fill = |link: &&str| {
        let link = link.replace("{G}", &format!("127.0.0.1:{port}")).replace("{P}", &port);
        link.replace("{F}", &foreign.port.to_string()).replace("{S}", &second.port.to_string())
    };
    LINKS.iter().map(fill).collect()
}

/// A client that follows what it is given, as a library would that knows no origin; on this machine alone.
async fn naive(link: &str) {
    let Ok(url) = Url::parse(link) else { return };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback()),
        None => false,
    };
    if here && url.scheme() == "http" {
        #[expect(clippy::disallowed_methods, reason = "the client that ours must not be")]
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        drop(client.get(url).bearer_auth("t").send().await);
    }
}

async fn foreign() -> (Foreign, Foreign) {
    (Foreign::at("127.0.0.1").await.unwrap(), Foreign::at("127.0.0.2").await.unwrap())
}

#[tokio::test]
async fn no_hostile_link_gets_a_connection_let_alone_a_token() {
    let server = Server::start(|seen, _| if is_login(seen) { token("t") } else { say(200, r#"{"value":[]}"#) }).await;
    let (one, two) = foreign().await;
    let links = links(&server.root, &one, &two);
    assert!(links.len() >= 60, "{}", links.len());
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let like = Request::get(Workload::Directory, "/users");
    session.send(like.clone()).await.unwrap();
    for link in &links {
        let error = session.follow(link, &like).await.expect_err(link);
        assert_eq!((error.code.as_str(), error.verdict), ("foreignLink", Verdict::Transient), "{link:?}");
    }
    assert_eq!((one.seen(), two.seen()), ((0, 0), (0, 0)));
    assert_eq!(server.calls().len(), 1, "nor does one lead to another part of Graph");

    // Were they followed, most of them would have told somebody else the token.
    for link in &links {
        naive(link).await;
    }
    let (first, second) = (one.seen(), two.seen());
    assert!(first.1 + second.1 >= 40, "{first:?} and {second:?} of {} links reach a listener", links.len());
    println!(
        "{} links: 0 connections by ours, {} tokens handed over by a client that asks nothing",
        links.len(),
        first.1 + second.1
    );
}

#[tokio::test]
async fn no_redirect_is_followed_whatever_was_called_and_wherever_it_leads() {
    let (one, two) = foreign().await;
    let known: Arc<std::sync::Mutex<(u16, String)>> = Arc::default();
    let told = Arc::clone(&known);
    let server = Server::start(move |seen, _| {
        let (status, link) = told.lock().unwrap().clone();
        // A header cannot hold every character that JSON can.
        let plain: String = link.chars().filter(|letter| letter.is_ascii() && !letter.is_ascii_control()).collect();
        if is_login(seen) && status < 400 {
            token("t")
        } else {
            Act::Answer(status % 400, vec![("location", plain)], "{}".into())
        }
    })
    .await;
    let links = links(&server.root, &one, &two);
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    *known.lock().unwrap() = (302, String::new());
    let mut followed = 0;
    for (number, link) in links.iter().enumerate() {
        let status = [301, 302, 303, 307, 308][number % 5];
        *known.lock().unwrap() = (status, link.clone());
        let path = format!("/users/a/events/{number}");
        let calls = [
            Request::get(Workload::Outlook, path.clone()),
            Request::post(Workload::Outlook, path.clone(), json!({"subject": "visit"})),
            Request::patch(Workload::Outlook, path.clone(), json!({"subject": "visit"})),
            Request::delete(Workload::Outlook, path),
        ];
        for call in calls {
            let error = session.send(call).await.unwrap_err();
            assert_eq!((error.code.as_str(), error.status), ("redirect", Some(status)), "{link:?}");
            followed += 1;
        }
        // The token endpoint itself, with the secret in the body.
        *known.lock().unwrap() = (400 + status, link.clone());
        client.probe_token(&Arc::new(access("globex", number as u64 + 1))).await.unwrap_err();
    }
    assert_eq!((one.seen(), two.seen()), ((0, 0), (0, 0)));
    assert_eq!((server.calls().len(), followed), (links.len() * 4, links.len() * 4), "each call was made once");
}
