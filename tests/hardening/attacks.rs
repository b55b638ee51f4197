//! Requests that ask for too much, and how each is to be answered: for the tests, and for the bench, which measures them.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::Connector;

/// What a request may be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, and this code.
    Code(&'static str),
    /// This status.
    Status(u16),
    /// 200 without an error.
    Data,
}

const LIMIT: Answer = Answer::Code("LIMIT_EXCEEDED");
const INPUT: Answer = Answer::Code("BAD_USER_INPUT");
const TOO_LARGE: Answer = Answer::Status(413);

/// A request that asks for too much.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) wanted: Answer,
}

fn query(name: &'static str, text: &str, wanted: Answer) -> Attack {
    Attack { name, body: json!({ "query": text }).to_string().into_bytes(), wanted }
}

fn with(name: &'static str, text: &str, variables: &Value, wanted: Answer) -> Attack {
    Attack { name, body: json!({ "query": text, "variables": variables }).to_string().into_bytes(), wanted }
}

fn raw(name: &'static str, body: String, wanted: Answer) -> Attack {
    Attack { name, body: body.into_bytes(), wanted }
}

/// `count` pieces, each made from its number.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn nested(levels: usize, open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(levels), close.repeat(levels))
}

/// Every one.
pub(crate) fn all() -> Vec<Attack> {
    queries().into_iter().chain(bodies()).collect()
}

/// Depth, breadth and repetition in the query itself.
fn queries() -> Vec<Attack> {
    let zones = "zones(first: 200) { nodes { a: zoneId b: zoneId c: zoneId d: zoneId e: zoneId } }";
    let mut doubling = "{ ...F0 }".to_owned();
    for level in 0..28 {
        write!(doubling, " fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1).unwrap();
    }
    doubling += " fragment F28 on Query { viewer { subject } }";
    vec![
        query("depth 500", &format!("{{ {} }}", nested(500, "connection { ", "}")), LIMIT),
        query("depth 30", &format!("{{ connection {{ lastTest {} }} }}", nested(28, "{ checks ", "}")), LIMIT),
        query("10,000 aliases", &format!("{{ {} }}", many(10_000, |n| format!("a{n}: viewer {{ subject }} "))), LIMIT),
        query("1,000 aliases", &format!("{{ {} }}", many(1_000, |n| format!("a{n}: viewer {{ subject }} "))), LIMIT),
        query(
            "1,900 aliases of one field",
            &format!("{{ viewer {{ {} }} }}", many(1_900, |n| format!("a{n}: subject "))),
            Answer::Data,
        ),
        query("7,900 times one field", &format!("{{ viewer {{ {} }} }}", "subject ".repeat(7_900)), Answer::Data),
        query("10,000 directives", &format!("{{ viewer {{ subject {} }} }}", "@include(if: true) ".repeat(10_000)), LIMIT),
        query("1,000 directives", &format!("{{ viewer {{ subject {} }} }}", "@skip(if: false) ".repeat(1_000)), LIMIT),
        query("unknown directives", &format!("{{ viewer {{ subject {} }} }}", "@a ".repeat(3_000)), LIMIT),
        query("a fragment in itself", "{ ...A } fragment A on Query { ...A }", INPUT),
        query("fragments in each other", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", INPUT),
        query(
            "a ring of 1,000 fragments",
            &format!("{{ ...F0 }}{}", many(1_000, |n| format!(" fragment F{n} on Query {{ ...F{} }}", (n + 1) % 1_000))),
            LIMIT,
        ),
        query("fragments that double 28 times", &doubling, LIMIT),
        query("200 rows of 200 rows", &format!("{{ {} }}", many(20, |n| format!("a{n}: {zones} "))), LIMIT),
        query("10,000 operations", &many(10_000, |n| format!("query Q{n} {{ viewer {{ subject }} }} ")), LIMIT),
        query(
            "10,000 variables",
            &format!("query({}) {{ viewer {{ subject }} }}", many(10_000, |n| format!("$v{n}: Int "))),
            LIMIT,
        ),
        query("10,000 arguments", &format!("{{ task({}) {{ state }} }}", many(10_000, |n| format!("a{n}: 1 "))), LIMIT),
        query(
            "introspection of types of types",
            &format!("{{ __schema {{ types {} }} }}", nested(12, "{ fields { type ", "} }")),
            LIMIT,
        ),
        query("a literal list, 100,000 deep", &format!("{{ task(taskId: {}) {{ state }} }}", nested(100_000, "[", "]")), LIMIT),
        query("a literal object, 100,000 deep", &format!("{{ task(taskId: {}) {{ state }} }}", "{a:".repeat(100_000)), LIMIT),
        query(
            "a literal list of 10,000",
            &format!("mutation {{ discardDeadLetters(ids: [{}]) }}", "\"a\" ".repeat(10_000)),
            LIMIT,
        ),
        query(
            "a literal list of 1,000",
            &format!("mutation {{ discardDeadLetters(ids: [{}]) }}", "\"a\" ".repeat(1_000)),
            Answer::Data,
        ),
        query("900 kB of comments", &format!("{{ viewer {{ subject }} }}{}", "\n# nothing".repeat(90_000)), LIMIT),
        query("250 kB of comments", &format!("{{ viewer {{ subject }} }}{}", "\n# nothing".repeat(25_000)), Answer::Data),
        query("900 kB of commas", &format!("{{ viewer {{ subject }} {} }}", ",".repeat(900_000)), LIMIT),
        query("250 kB of commas", &format!("{{ viewer {{ subject }} {} }}", ",".repeat(250_000)), Answer::Data),
        query("a name of 250 kB", &format!("{{ {} }}", "a".repeat(250_000)), INPUT),
        query("a number of 250 kB", &format!("{{ zones(first: {}) {{ totalCount }} }}", "9".repeat(250_000)), INPUT),
        query("a text of 900 kB", &format!("{{ task(taskId: \"{}\") {{ state }} }}", "x".repeat(900_000)), LIMIT),
        query("a text of 250 kB", &format!("{{ task(taskId: \"{}\") {{ state }} }}", "x".repeat(250_000)), Answer::Data),
        query(
            "a block text of 250 kB",
            &format!("{{ task(taskId: \"\"\"{}\"\"\") {{ state }} }}", "x\n".repeat(125_000)),
            Answer::Data,
        ),
        query("a text that never ends", &format!("{{ task(taskId: \"{}", "\\\"".repeat(100_000)), INPUT),
    ]
}

/// Bodies and variables.
fn bodies() -> Vec<Attack> {
    let discard = "mutation($ids: [ID!]!) { discardDeadLetters(ids: $ids) }";
    let target = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { siteId } }";
    let fields = vec![json!({ "zoneField": "name", "column": "Title" }); 1_000];
    let list = json!({ "site": "a.example:/s", "list": "l", "matchColumn": "m", "fields": fields });
    let task = "query($id: String!) { task(taskId: $id) { state } }";
    let objects = vec![r#"{"query":"{ viewer { subject } }"}"#; 1_000].join(",");
    vec![
        raw("10 MB of blanks", " ".repeat(10_000_000), TOO_LARGE),
        raw(
            "10 MB of query",
            json!({ "query": format!("{{ viewer {{ subject }} }} #{}", "x".repeat(10_000_000)) }).to_string(),
            TOO_LARGE,
        ),
        raw("10 MB of brackets", "[".repeat(10_000_000), TOO_LARGE),
        raw(
            "10 MB of variables",
            json!({ "query": "{ viewer { subject } }", "variables": { "a": "x".repeat(10_000_000) } }).to_string(),
            TOO_LARGE,
        ),
        raw("1,000 requests in one", format!("[{objects}]"), Answer::Status(400)),
        raw("1 MB of brackets", "[".repeat(1_000_000), Answer::Status(400)),
        raw(
            "variables, 100,000 deep",
            format!("{{\"query\":\"{{ viewer {{ subject }} }}\",\"variables\":{{\"a\":{}}}}}", nested(100_000, "[", "]")),
            Answer::Status(400),
        ),
        raw(
            "100,000 unknown members",
            format!("{{\"query\":\"{{ viewer {{ subject }} }}\"{}}}", many(50_000, |n| format!(",\"a{n}\":1"))),
            Answer::Data,
        ),
        with("1,000 ids", discard, &json!({ "ids": vec!["a"; 1_000] }), Answer::Data),
        with("60,000 ids", discard, &json!({ "ids": vec!["a"; 60_000] }), INPUT),
        with("1,000 columns", target, &json!({ "input": list }), Answer::Code("NO_CONNECTION")),
        with("a list where a text belongs", task, &json!({ "id": vec!["a"; 100_000] }), INPUT),
        with("a text of 900 kB in a variable", task, &json!({ "id": "x".repeat(900_000) }), Answer::Data),
        with(
            "20,000 variables that nobody asked for",
            "{ viewer { subject } }",
            &(0..20_000).map(|n| (format!("v{n}"), json!(n))).collect(),
            Answer::Data,
        ),
    ]
}

/// Sends without mercy: whoever answers before the body has come whole, and hangs up, is heard all the same.
async fn exchange(connector: &Connector, body: &[u8]) -> (u16, String) {
    let host = connector.url.strip_prefix("http://").unwrap();
    let (mut reader, mut writer) = TcpStream::connect(host).await.unwrap().into_split();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        connector.token(),
        body.len()
    );
    let whole = async {
        writer.write_all(head.as_bytes()).await?;
        writer.write_all(body).await
    };
    let mut answer = Vec::new();
    let (sent, read) = tokio::join!(whole, reader.read_to_end(&mut answer));
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {sent:?}, {read:?}"));
    (status, text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
}

/// How long the answer to a body took, and what it was.
pub(crate) async fn ask(connector: &Connector, body: &[u8]) -> (Duration, Answer) {
    let started = Instant::now();
    let (status, text) = exchange(connector, body).await;
    let took = started.elapsed();
    if status != 200 {
        return (took, Answer::Status(status));
    }
    let answer: Value = serde_json::from_str(&text).unwrap();
    let code = answer["errors"][0]["extensions"]["code"].as_str();
    let known = ["LIMIT_EXCEEDED", "BAD_USER_INPUT", "NO_CONNECTION"];
    let code = code.map(|code| known.into_iter().find(|known| *known == code).unwrap_or("another"));
    (took, code.map_or(Answer::Data, Answer::Code))
}
