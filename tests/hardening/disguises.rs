//! Secrets in every form that they may take on the way.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::json;

/// What is looked for, by what it is.
pub(crate) struct Canaries(pub(crate) Vec<(String, String)>);

impl Canaries {
    /// Looks for this one as well.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 7, "{name}: {secret} would be found by chance");
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    /// Every secret in every form, where it stands in a text.
    pub(crate) fn found(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let stands = |form: &[u8]| contains(bytes, form);
        let mut hits = Vec::new();
        for (name, secret) in &self.0 {
            hits.extend(
                forms(secret)
                    .into_iter()
                    .filter(|(_, form)| stands(form))
                    .map(|(form, _)| format!("{name} as {form} in {place}")),
            );
        }
        hits
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.split_first().is_some_and(|(first, _)| {
        let mut from = 0;
        while let Some(at) = text[from..].iter().position(|byte| byte == first) {
            if text[from + at..].starts_with(part) {
                return true;
            }
            from += at + 1;
        }
        false
    })
}

/// A secret as it is, percent-encoded, in hexadecimal, and in base64 wherever it may stand among other bytes.
fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| {
        let one = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        secret.as_bytes().iter().map(one).collect::<String>().into_bytes()
    };
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut all = vec![
        ("it is", secret.as_bytes().to_vec()),
        ("a form has it", encoded.clone().into_bytes()),
        ("a URL has it", encoded.replace('+', "%20").into_bytes()),
        ("JSON has it", json!(secret).to_string().trim_matches('"').as_bytes().to_vec()),
        ("hexadecimal", hex(false)),
        ("HEXADECIMAL", hex(true)),
    ];
    for before in 0..3_usize {
        let padded = [vec![0; before], secret.as_bytes().to_vec()].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // Without the characters that depend on what stands before and after.
            let text = engine.encode(&padded);
            let skipped = [0, 2, 3][before];
            all.push(("base64", text.as_bytes()[skipped..text.len() - 2].to_vec()));
        }
    }
    all
}

/// With every character that an encoding treats in its own way.
const SECRET: &str = "canary-signature_of+a/webhook-9Qz";

#[test]
fn a_secret_would_be_found_in_every_form() {
    let mut canaries = Canaries(Vec::new());
    canaries.add("it", SECRET);
    assert!(canaries.found("nothing", b"nothing of it").is_empty());
    for (name, form) in forms(SECRET) {
        let text = [b"before ".as_slice(), &form, b" after"].concat();
        assert!(!canaries.found("a text", &text).is_empty(), "{name}");
    }
    for before in 0..3 {
        let text = STANDARD_NO_PAD.encode(format!("{}{SECRET} and more", "x".repeat(before)));
        assert!(!canaries.found("a text", text.as_bytes()).is_empty(), "base64 after {before} bytes");
    }
}
