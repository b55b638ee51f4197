//! Opaque links: a place in a list, or a moment in a directory's history, that only its maker can read.
//!
//! A token carries a check of everything else in its link: a caller that rebuilds links, or adds to them, breaks here, as it may
//! with Graph at any time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::simulator::{call::Call, errors::Failure};

/// What a token carries beside its content.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed<T> {
    c: T,
    s: u64,
}

/// Writes a token for a link of this tenant, path and other options.
pub(super) fn write<T: Serialize>(content: T, tenant: &str, path: &str, others: &str) -> String {
    let s = check(&serde_json::to_string(&content).unwrap_or_default(), tenant, path, others);
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Sealed { c: content, s }).unwrap_or_default())
}

/// Reads a token of the same link, or refuses it.
pub(super) fn read<T: Serialize + DeserializeOwned>(text: &str, tenant: &str, path: &str, others: &str) -> Result<T, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| strange())?;
    let sealed: Sealed<T> = serde_json::from_slice(&bytes).map_err(|_| strange())?;
    let s = check(&serde_json::to_string(&sealed.c).unwrap_or_default(), tenant, path, others);
    if s == sealed.s { Ok(sealed.c) } else { Err(strange()) }
}

/// A call's options without its tokens, as sent: what a link to another page repeats.
pub(super) fn others(call: &Call) -> String {
    let ours = |part: &&str| {
        let part = part.to_ascii_lowercase().replace("%24", "$");
        !part.is_empty() && !part.starts_with("$skiptoken=") && !part.starts_with("$deltatoken=")
    };
    call.query.split('&').filter(ours).collect::<Vec<_>>().join("&")
}

/// FNV-1a: it keeps honest callers honest, nothing more.
fn check(content: &str, tenant: &str, path: &str, others: &str) -> u64 {
    let bytes = [content, tenant, path, others].join("\n");
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mixed = bytes.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Within what every JSON reader keeps exactly.
    mixed >> 11
}

fn strange() -> Failure {
    Failure::malformed("Directory_ExpiredPageToken", "The specified page token value is invalid or has been altered.")
}
