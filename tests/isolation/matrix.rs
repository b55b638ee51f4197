//! The matrix itself.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    rows::{ROWS, Row},
    scene::{CANARY, fill, rows},
    schema::Schema,
    support::{Connector, SECRET, Store, World},
};

/// What acme reads: by `Type.field`, each value once.
type Known = BTreeMap<String, BTreeSet<String>>;

/// A caller of another organisation, or one of acme's that may too little.
struct Who {
    name: &'static str,
    token: Option<String>,
    /// What it must be answered, if it is never answered anything else.
    always: Option<&'static str>,
}

fn token(organisation: &str, permissions: &str, key: &str) -> String {
    let claims = json!({
        "iss": "tests", "aud": "argus-m365", "sub": "somebody", "exp": 4_102_444_800_i64, "org_id": organisation, "scope": permissions,
    });
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

/// Each of an organisation of its own, so that what one of them wrote is nothing that the next one reads.
fn callers() -> Vec<Who> {
    let who = |name, token, always| Who { name, token, always };
    let of = |organisation: &str, permissions: &str| Some(token(organisation, permissions, SECRET));
    vec![
        who("nobody", None, Some("UNAUTHENTICATED")),
        who("nonsense", Some("nonsense".into()), Some("UNAUTHENTICATED")),
        who("forged acme", Some(token("acme", "m365:admin", &SECRET.replace('a', "e"))), Some("UNAUTHENTICATED")),
        who("acme with a dot", of("acme.", "m365:admin"), Some("UNAUTHENTICATED")),
        who("another, nothing", of("globex", ""), None),
        who("acme, nothing", of("acme", ""), None),
        who("another, read", of("initech", "m365:read"), None),
        who("another, operate", of("umbrella", "m365:operate"), None),
        who("another, admin", of("hooli", "m365:admin"), None),
        who("ACME, admin", of("ACME", "m365:admin"), None),
    ]
}

/// The texts of one row: every placeholder with each value of its own kind, and with one of every other kind.
fn texts(row: &Row, known: &Known) -> Vec<String> {
    let sources: Vec<&String> = known.keys().filter(|source| row.with.contains(&format!("{{{source}}}"))).collect();
    let named = row.with.split('{').filter_map(|part| part.split_once('}')).filter(|(name, _)| is_source(name));
    let asked: BTreeSet<&str> = named.map(|(name, _)| name).collect();
    assert_eq!(asked.len(), sources.len(), "{}: acme has nothing to ask for by {}", row.field, row.with);
    if sources.is_empty() {
        return vec![row.with.to_owned()];
    }
    let first = |source: &str| known[source].iter().next().unwrap().as_str();
    let fill = |special: &str, value: &str| {
        sources.iter().fold(row.with.to_owned(), |text, source| {
            let value = if *source == special { value } else { first(source) };
            text.replace(&format!("{{{source}}}"), &json!(value).to_string())
        })
    };
    let mut all = BTreeSet::new();
    for source in &sources {
        all.extend(known[*source].iter().take(3).map(|value| fill(source, value)));
        let others = known.keys().filter(|other| other != source && is_asked_for(other));
        all.extend(others.map(|other| fill(source, first(other))));
    }
    all.into_iter().collect()
}

/// Whether some row asks by it.
fn is_asked_for(source: &str) -> bool {
    ROWS.iter().any(|row| row.with.contains(&format!("{{{source}}}")))
}

/// `Type.field`, and nothing that GraphQL writes between braces.
fn is_source(name: &str) -> bool {
    name.contains('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// Notes every text by type and field.
fn learn(value: &Value, known: &mut Known) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| learn(one, known)),
        Value::Object(fields) => {
            let ty = fields.get("__typename").and_then(Value::as_str).unwrap_or_default();
            for (name, value) in fields {
                if let (Some(text), false) = (value.as_str(), name == "__typename") {
                    known.entry(format!("{ty}.{name}")).or_default().insert(text.to_owned());
                }
                learn(value, known);
            }
        }
        _ => {}
    }
}

/// Texts that are acme's alone: its canaries, ids and names; no words of the API, no times.
fn secrets(known: &Known) -> BTreeSet<String> {
    let an_id = |name: &str| {
        ["Id", ".id", "Cursor", "Hash", "Name", ".key", "Hint", "email", ".mail"].iter().any(|end| name.ends_with(end))
    };
    let all = known.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    all.filter(|(name, value)| value.contains(CANARY) || (an_id(name) && value.len() >= 8))
        .map(|(_, value)| value.clone())
        .collect()
}

async fn ask(connector: &Connector, world: &World, who: &Who, query: &str) -> (u16, String) {
    let mut request = world.http.post(format!("{}/graphql", connector.url)).json(&json!({ "query": query }));
    if let Some(token) = &who.token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn code(text: &str) -> String {
    let answer: Value = serde_json::from_str(text).unwrap();
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

fn operation(root: &str, field: &Value, arguments: &str, schema: &Schema) -> String {
    let name = field["name"].as_str().unwrap();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    format!("{} {{ {name}{arguments}{} }}", root.to_lowercase(), schema.selection(field))
}

/// Every field has a row, and the rows of each name every argument.
fn complete(schema: &Schema) {
    for root in ["Query", "Mutation"] {
        for field in schema.fields(root) {
            let name = field["name"].as_str().unwrap();
            let rows: Vec<&Row> = ROWS.iter().filter(|row| row.field == name).collect();
            assert!(!rows.is_empty(), "{name} has no row in tests/isolation/rows.rs");
            for row in rows {
                let words: BTreeSet<&str> =
                    row.with.split(|c: char| !c.is_alphanumeric()).chain(row.without.split(' ')).collect();
                let missing: Vec<_> = schema.arguments(field).into_iter().filter(|name| !words.contains(name.as_str())).collect();
                assert!(missing.is_empty(), "{name}: a row does not say how {missing:?} is tried");
            }
        }
    }
}

async fn what_acme_reads(connector: &Connector, schema: &Schema) -> Known {
    let mut known = Known::new();
    for field in schema.fields("Query") {
        let name = field["name"].as_str().unwrap();
        // What needs no argument; the rest asks for what these show.
        let needs = ["task", "operation", "outage", "effectiveRoles", "previewOutageCard"].contains(&name);
        if !needs {
            learn(&connector.data(&operation("Query", field, "", schema), Value::Null).await, &mut known);
        }
    }
    known.entry("OutagePost.outageId".into()).or_default().insert("canary-of-acme-outage".into());
    known.retain(|name, _| !name.ends_with("At") && !name.starts_with("Viewer."));
    known
}

#[tokio::test]
async fn no_organisation_learns_or_changes_anything_of_another() {
    for store in Store::available() {
        let world = World::start(store).await;
        let filling = world.connector(&[]).await;
        fill(&world, &filling).await;
        filling.stop().await;
        // Without loops: whatever changes from here on, a request changed.
        let connector = world.connector(&[("--role", "api")]).await;
        let schema = Schema::of(&connector).await;
        complete(&schema);
        let known = what_acme_reads(&connector, &schema).await;
        let secrets = secrets(&known);
        let canaries = secrets.iter().filter(|text| text.contains(CANARY)).count();
        assert!(canaries >= 12 && secrets.len() >= 60, "acme sees {canaries} canaries, {} texts of its own", secrets.len());

        let acme = rows(store, &world.store, Some("acme")).await;
        let filled = acme.iter().filter(|(_, rows)| !rows.is_empty()).count();
        assert!(filled >= 18, "acme has rows in {filled} tables only");
        let (mut asked, mut leaks, mut lacking) = (0, Vec::new(), BTreeSet::new());
        for who in callers() {
            let before = rows(store, &world.store, None).await;
            // What it wrote itself it may read again.
            let mut wrote = String::new();
            for (root, field) in
                ["Query", "Mutation"].into_iter().flat_map(|root| schema.fields(root).into_iter().map(move |field| (root, field)))
            {
                let name = field["name"].as_str().unwrap();
                // Who is not let in at all is not let in whatever is asked.
                let most = if who.always.is_some() { 1 } else { usize::MAX };
                for text in ROWS.iter().filter(|row| row.field == name).flat_map(|row| texts(row, &known).into_iter().take(most))
                {
                    let query = operation(root, field, &text, &schema);
                    let (status, answer) = ask(&connector, &world, &who, &query).await;
                    asked += 1;
                    let code = code(&answer);
                    assert!(!["LIMIT_EXCEEDED", "INTERNAL"].contains(&code.as_str()), "{} {query}: {answer}", who.name);
                    if let Some(always) = who.always {
                        assert_eq!((status, code.as_str()), (401, always), "{} {query}", who.name);
                    }
                    if code == "FORBIDDEN" {
                        lacking.insert((who.name, name.to_owned()));
                    }
                    if root == "Mutation" {
                        wrote.push_str(&text);
                    }
                    let read = secrets.iter().filter(|secret| {
                        answer.contains(secret.as_str()) && !text.contains(secret.as_str()) && !wrote.contains(secret.as_str())
                    });
                    leaks.extend(read.map(|secret| format!("{} read {secret} by {name}({text})", who.name)));
                }
            }
            let after = rows(store, &world.store, Some("acme")).await;
            assert_eq!(after, acme, "{} changed something of acme's", who.name);
            if who.always.is_some() || who.name.ends_with("nothing") {
                assert_eq!(rows(store, &world.store, None).await, before, "{} changed something", who.name);
            }
        }
        assert!(leaks.is_empty(), "{leaks:#?}");
        // Who lacks a permission is refused by every field that asks for one.
        let fields = schema.fields("Query").len() + schema.fields("Mutation").len();
        let refused = |name: &str| lacking.iter().filter(|(who, _)| *who == name).count();
        assert_eq!((refused("another, nothing"), refused("acme, nothing")), (fields, fields));
        assert_eq!(refused("another, read"), schema.fields("Mutation").len());
        assert_eq!(refused("another, admin"), 0);
        println!("{store:?}: {asked} requests over {fields} fields, {} secrets, 0 leaks, 0 effects", secrets.len());
        connector.stop().await;
        world.abandon().await;
    }
}
