//! Pages that are wrong although they arrive whole: a body that stops, a link that leads back or elsewhere, a list cut short.

use serde_json::{Map, Value, json};

use super::{
    call::{Call, Reply},
    faults::Effect,
};

/// Twists a good answer as the fault says. Leaves alone what is no list, and what the fault is not about.
pub(crate) fn twisted(mut reply: Reply, effect: &Effect, call: &Call) -> Reply {
    if !(200..300).contains(&reply.status) {
        return reply;
    }
    match effect {
        Effect::Truncated => reply.body = reply.body.slice(..reply.body.len() / 2),
        Effect::Body { text } => reply.body = text.clone().into(),
        Effect::RepeatedLink => {
            let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
            let own = format!("{}{}{query}", call.origin(), call.path);
            return relinked(reply, |page| lead(page, Some(own)));
        }
        Effect::ForeignLink { link } => return relinked(reply, |page| lead(page, Some(link.clone()))),
        Effect::LostLink => return relinked(reply, |page| lead(page, None)),
        Effect::EmptyList => {
            return relinked(reply, |page| {
                page.insert("value".to_owned(), json!([]));
                page.remove("@odata.nextLink");
            });
        }
        _ => return reply,
    }
    reply.faulted = true;
    reply
}

/// Lets the page lead somewhere, or nowhere.
fn lead(page: &mut Map<String, Value>, link: Option<String>) {
    page.remove("@odata.nextLink");
    if let Some(link) = link {
        page.remove("@odata.deltaLink");
        page.insert("@odata.nextLink".to_owned(), json!(link));
    }
}

fn relinked(mut reply: Reply, change: impl FnOnce(&mut Map<String, Value>)) -> Reply {
    let Ok(Value::Object(mut page)) = serde_json::from_slice(&reply.body) else { return reply };
    if !page.contains_key("value") {
        return reply;
    }
    change(&mut page);
    reply.body = Value::Object(page).to_string().into();
    reply.faulted = true;
    reply
}
