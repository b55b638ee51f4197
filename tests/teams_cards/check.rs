//! What a card must be. Independent of how cards are made: it knows the elements, the limits and what clients obey.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// The smallest reading of "28 KB".
const LIMIT: usize = 28_000;

/// Says what is wrong with a card; `address` is the only one that it may lead to.
pub(crate) fn card(card: &Value, address: Option<&str>) -> Result<(), String> {
    if card["type"] != "AdaptiveCard" || card["version"] != "1.4" || card["fallbackText"].as_str().is_none_or(str::is_empty) {
        return Err("not an Adaptive Card 1.4 with a fallback".into());
    }
    elements(card)?;
    sizes(card)?;
    texts(card, &mut |text| inert(text))?;
    for action in card["actions"].as_array().into_iter().flatten() {
        let leads_to = address.and_then(|address| url::Url::parse(address).ok()).map(|url| url.to_string());
        if action["url"].as_str() != leads_to.as_deref() {
            return Err(format!("a foreign link: {action}"));
        }
    }
    Ok(())
}

/// The elements and properties that cards have, and no others.
fn elements(element: &Value) -> Result<(), String> {
    let allowed: &[&str] = match element["type"].as_str() {
        Some("AdaptiveCard") => &["$schema", "type", "version", "lang", "fallbackText", "speak", "body", "actions"],
        Some("Container") => &["type", "id", "style", "bleed", "items"],
        Some("TextBlock") => &["type", "text", "wrap", "size", "weight", "spacing", "isSubtle"],
        Some("FactSet") => &["type", "spacing", "facts"],
        Some("Action.OpenUrl") => &["type", "title", "url"],
        _ => return Err(format!("an unknown element: {element}")),
    };
    let object = element.as_object().ok_or("an element is not an object")?;
    if let Some(foreign) = object.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(format!("{foreign} is no property of {}", element["type"]));
    }
    for fact in element["facts"].as_array().into_iter().flatten() {
        let names: Vec<_> = fact.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if names != ["title", "value"] || fact["value"].as_str().is_none_or(str::is_empty) {
            return Err(format!("not a fact: {fact}"));
        }
    }
    let mut below = ["body", "items", "actions"].into_iter().filter_map(|name| element[name].as_array()).flatten();
    below.try_for_each(elements)
}

/// Both ways to Teams, each as it is and with everything outside ASCII escaped.
fn sizes(card: &Value) -> Result<(), String> {
    let kind = "application/vnd.microsoft.card.adaptive";
    let attached = |content: Value| json!({ "contentType": kind, "contentUrl": null, "content": content });
    let forms = [
        json!({ "type": "message", "attachments": [attached(card.clone())] }).to_string(),
        json!({ "body": { "contentType": "html" }, "attachments": [attached(card.to_string().into())] }).to_string(),
        escaped(&json!({ "attachments": [attached(escaped(&card.to_string()).into())] }).to_string()),
    ];
    match forms.iter().map(String::len).max() {
        Some(largest) if largest < LIMIT => Ok(()),
        largest => Err(format!("{largest:?} bytes")),
    }
}

fn escaped(json: &str) -> String {
    let mut text = String::new();
    for unit in json.encode_utf16() {
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => text.push(byte.into()),
            None => text.extend(["\\u", &format!("{unit:04x}")]),
        }
    }
    text
}

/// Every text that a reader may see or hear.
fn texts(value: &Value, look: &mut impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
    match value {
        Value::String(text) => look(text),
        Value::Array(all) => all.iter().try_for_each(|one| texts(one, look)),
        Value::Object(all) => all
            .iter()
            .filter(|(name, _)| !["$schema", "url", "type", "actions"].contains(&name.as_str()))
            .try_for_each(|(_, one)| texts(one, look)),
        _ => Ok(()),
    }
}

/// Nothing that Markdown, a tag, a macro or an address could be made of, and nothing hidden.
fn inert(text: &str) -> Result<(), String> {
    let lower = text.to_lowercase();
    for bad in ["*", "_", "`", "~", "[", "]", "\\", "{", "}", "//", "<a", "</", "<!", "<h", "<s", "<t", "&lt;", "&#60;"] {
        if lower.contains(bad) {
            return Err(format!("{bad:?} in {text:?}"));
        }
    }
    let letters: Vec<char> = text.chars().collect();
    if letters.windows(2).any(|pair| pair[0] == '@' && !pair[1].is_whitespace()) {
        return Err(format!("an address or mention in {text:?}"));
    }
    let domain = |three: &[char]| three[0].is_alphanumeric() && three[1] == '.' && three[2].is_alphabetic();
    if letters.windows(3).any(domain) {
        return Err(format!("a domain in {text:?}"));
    }
    if ["# ", "- ", "+ ", "> ", "---", "==="].iter().any(|start| text.starts_with(start)) || is_numbered(text) {
        return Err(format!("a list, heading, quotation or rule: {text:?}"));
    }
    let hidden = |c: &char| {
        c.is_control()
            || matches!(
                c,
                '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{ad}' | '\u{61c}' | '\u{202a}'
                    ..='\u{202e}' | '\u{2066}' | '\u{2067}' | '\u{feff}'
            )
    };
    if let Some(found) = letters.iter().find(|letter| hidden(letter)) {
        return Err(format!("{found:?} in {text:?}"));
    }
    let depth = letters.iter().try_fold(0_i32, |depth, letter| match letter {
        '\u{2068}' => Some(depth + 1),
        '\u{2069}' if depth == 0 => None,
        '\u{2069}' => Some(depth - 1),
        _ => Some(depth),
    });
    if depth == Some(0) { Ok(()) } else { Err(format!("isolates that do not pair in {text:?}")) }
}

fn is_numbered(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && (rest.starts_with(". ") || rest.starts_with(") "))
}

/// One card of so many is validated against the official schema: the validator takes its time, and [`card`] has looked at each of
/// them. `ARGUS_CARDS=long` validates all.
const SAMPLE: usize = 25;

/// Whether the card of this number is one of them.
pub(crate) fn is_sampled(number: usize) -> bool {
    number.is_multiple_of(SAMPLE) || long_form()
}

/// Validates cards, as JSON, against the official schema, where it lies beside the checkout and Python has what it takes.
pub(crate) fn against_the_schema(cards: &[String]) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/graph/adaptive-card-1.4.schema.json");
    let (true, Some(python)) = (schema.exists(), python()) else {
        eprintln!("skipped: no schema beside the checkout, or no Python with jsonschema");
        return;
    };
    let program = "import json, sys, jsonschema\n\
        validator = jsonschema.Draft6Validator(json.load(open(sys.argv[1])))\n\
        count = 0\n\
        for line in sys.stdin:\n    \
            count += 1\n    \
            for error in validator.iter_errors(json.loads(line)):\n        \
                sys.exit(f'card {count}: {error.json_path}: {error.message[:300]}')\n\
        print(count)\n";
    let mut child = Command::new(python)
        .args(["-c", program])
        .arg(&schema)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = child.stdin.take().expect("a pipe");
    for card in cards {
        writeln!(input, "{card}").expect("Python reads");
    }
    drop(input);
    let out = child.wait_with_output().expect("Python ends");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), cards.len().to_string());
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the product")]
fn long_form() -> bool {
    std::env::var("ARGUS_CARDS").is_ok_and(|form| form == "long")
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the product")]
fn python() -> Option<String> {
    let python = std::env::var("ARGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ready = Command::new(&python).args(["-c", "import jsonschema"]).output().is_ok_and(|out| out.status.success());
    ready.then_some(python)
}
