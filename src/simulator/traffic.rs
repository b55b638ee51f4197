//! Recorded traffic as JSON lines, in the form that an independent checker of Microsoft's own description reads:
//! `{"method", "url", "headers", "body", "status", "response"}` with Microsoft's hosts in the place of ours.

use std::{io, path::PathBuf};

use serde_json::{Value, json};

use super::{Simulator, ledger::RequestRecord};

/// The environment variable that names the folder where the test suite's traffic is collected.
pub const TRAFFIC_DIR: &str = "ARGUS_TRAFFIC_DIR";

/// Headers of the connection, not of the call.
const TRANSPORT: &[&str] = &["host", "content-length", "connection", "accept-encoding"];

/// The requests as JSON lines. Parts of a batch are left out, they stand inside it; refused requests only come along when asked for.
pub fn lines(records: &[RequestRecord], with_refused: bool) -> String {
    let mut text = String::new();
    // A webhook is not Graph: its card is checked where it is received. Nor is the start of a sign-in: the description knows the token
    // endpoint alone, and the simulator checks the form of what it gets (`identity`).
    let graph =
        |record: &&RequestRecord| !record.path.starts_with("/workflows/") && !record.path.ends_with("/oauth2/v2.0/devicecode");
    for record in records.iter().filter(graph).filter(|record| !record.in_batch && (with_refused || !record.refused)) {
        text.push_str(&line(record).to_string());
        text.push('\n');
    }
    text
}

/// Writes a simulator's accepted traffic to `{name}.jsonl` in the folder that [`TRAFFIC_DIR`] names. Does nothing without it.
/// Call it at the end of an integration test; the name must be the test's own.
#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the product")]
pub fn dump(simulator: &Simulator, name: &str) -> io::Result<Option<PathBuf>> {
    let Some(folder) = std::env::var_os(TRAFFIC_DIR) else { return Ok(None) };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.jsonl"));
    std::fs::write(&file, simulator.traffic())?;
    Ok(Some(file))
}

fn line(record: &RequestRecord) -> Value {
    let token = record.path.ends_with("/oauth2/v2.0/token");
    let host = if token { "https://login.microsoftonline.com" } else { "https://graph.microsoft.com" };
    let query = if record.query.is_empty() { String::new() } else { format!("?{}", record.query) };
    let headers: serde_json::Map<String, Value> = record
        .headers
        .iter()
        .filter(|(name, _)| !TRANSPORT.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let mut line = json!({
        "name": format!("request {}", record.number), "method": record.method,
        "url": format!("{host}{}{query}", record.path), "headers": headers, "body": body(record, token),
    });
    // An answer that never left whole is no answer to check; a fault's answer is not ours.
    if let (Value::Object(map), true, false) = (&mut line, record.answered, record.faulted) {
        map.insert("status".to_owned(), json!(record.status));
        let response = record.response.as_deref().and_then(|text| serde_json::from_str(text).ok());
        map.insert("response".to_owned(), response.unwrap_or(Value::Null));
    }
    line
}

fn body(record: &RequestRecord, token: bool) -> Value {
    match record.body.as_str() {
        "" => Value::Null,
        text if token => json!(text),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}
