//! A message as it came, opened into one envelope whatever mode it was sent in (CloudEvents, NATS protocol binding 1.0).

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    headers::Headers,
    json,
    refusal::{Problem, RefusalCode},
};

/// Bytes of a whole event.
const EVENT: usize = 512 * 1024;
/// Bytes up to which an event that is too large is still read, to say which one it was.
const READABLE: usize = 4 * 1024 * 1024;
/// Bytes of an unreadable or too large message that are kept with its dead letter.
const KEPT: usize = 512 * 1024;

/// What a message turned out to hold.
pub(super) struct Opened {
    /// The envelope, as it is in structured mode; empty when it cannot be read.
    pub(super) envelope: Map<String, Value>,
    /// What makes the message unfit, if anything.
    pub(super) problem: Option<Problem>,
    /// What a dead letter would keep.
    pub(super) kept: Kept,
}

/// What a dead letter keeps, made only when there is one.
pub(super) enum Kept {
    /// The payload: it is the envelope.
    Payload,
    /// The envelope, rebuilt from headers and payload.
    Rebuilt,
    /// The envelope without its data.
    Attributes,
    /// The bytes.
    Bytes,
}

impl Opened {
    /// Opens a message.
    pub(super) fn read(headers: &Headers, payload: &[u8]) -> Self {
        let binary = is_binary(headers);
        let size = payload.len() + if binary { headers.iter().map(|(name, value)| name.len() + value.len()).sum() } else { 0 };
        if size > READABLE {
            return Self { envelope: Map::new(), problem: Some(too_large(size)), kept: Kept::Bytes };
        }
        let opened = if binary { open_binary(headers, payload) } else { open_structured(payload) };
        if size <= EVENT {
            return opened;
        }
        let kept = if opened.envelope.is_empty() { Kept::Bytes } else { Kept::Attributes };
        Self { problem: Some(too_large(size)), kept, envelope: opened.envelope }
    }

    /// The dead letter's payload, as JSON text.
    pub(super) fn keep(mut self, payload: &[u8]) -> String {
        match self.kept {
            Kept::Payload => String::from_utf8_lossy(payload).into_owned(),
            Kept::Rebuilt => Value::Object(self.envelope).to_string(),
            Kept::Attributes => {
                self.envelope.remove("data");
                let attributes = Value::Object(self.envelope).to_string();
                if attributes.len() > KEPT { keep_bytes(payload) } else { attributes }
            }
            Kept::Bytes => keep_bytes(payload),
        }
    }
}

fn keep_bytes(payload: &[u8]) -> String {
    let kept = payload.get(..KEPT).unwrap_or(payload);
    if kept.len() == payload.len() {
        return json!({ "base64": STANDARD.encode(kept) }).to_string();
    }
    json!({ "base64": STANDARD.encode(kept), "truncatedFrom": payload.len() }).to_string()
}

fn too_large(size: usize) -> Problem {
    let message = format!("an event has at most {EVENT} bytes, this one has {size}");
    Problem { code: RefusalCode::TooLarge, pointer: None, message }
}

/// A `Content-Type` of CloudEvents says structured whatever else is there; then `ce-` headers say binary.
fn is_binary(headers: &Headers) -> bool {
    let content_type = headers.get("content-type").map(str::to_ascii_lowercase).unwrap_or_default();
    !content_type.trim_start().starts_with("application/cloudevents") && headers.attributes().next().is_some()
}

fn open_structured(payload: &[u8]) -> Opened {
    let unreadable = |message: String| Opened {
        envelope: Map::new(),
        problem: Some(Problem { code: RefusalCode::InvalidEnvelope, pointer: None, message }),
        kept: Kept::Bytes,
    };
    match json::read(payload) {
        Ok(Value::Object(envelope)) => Opened { envelope, problem: None, kept: Kept::Payload },
        Ok(_) => Opened { kept: Kept::Payload, ..unreadable("the message is JSON, but not an object".into()) },
        Err(error) => unreadable(format!("the message is not JSON: {error}")),
    }
}

fn open_binary(headers: &Headers, payload: &[u8]) -> Opened {
    let mut envelope = Map::new();
    let mut problem = None;
    for (name, value) in headers.attributes() {
        let decoded = percent_decode_str(value).decode_utf8();
        let text = decoded.as_deref().unwrap_or(value).to_owned();
        if decoded.is_err() {
            problem = problem.or_else(|| Some(Problem::envelope(&name, "is not UTF-8 after percent-decoding")));
        }
        if name == "data" || envelope.insert(name.clone(), Value::String(text)).is_some() {
            problem = problem.or_else(|| Some(Problem::envelope(&name, "comes twice, or is not an attribute")));
        }
    }
    if let Some(content_type) = headers.get("content-type") {
        envelope.insert("datacontenttype".into(), content_type.into());
    }
    problem = add_data(&mut envelope, payload).err().or(problem);
    Opened { envelope, problem, kept: Kept::Rebuilt }
}

/// Puts the payload of a binary-mode message where structured mode has it.
fn add_data(envelope: &mut Map<String, Value>, payload: &[u8]) -> Result<(), Problem> {
    if payload.is_empty() {
        return Ok(());
    }
    match json::read(payload) {
        Ok(data) => envelope.insert("data".into(), data),
        Err(error) => {
            envelope.insert("data_base64".into(), STANDARD.encode(payload).into());
            let message = format!("is not JSON: {error}");
            return Err(Problem { code: RefusalCode::InvalidData, pointer: Some("/data".into()), message });
        }
    };
    Ok(())
}
