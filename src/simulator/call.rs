//! One request as the simulator judges it, and one answer before it goes onto the wire.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// A request, or a part of a `$batch`, read in full.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As sent, percent-encoding included.
    pub(crate) path: String,
    /// As sent, without the question mark; empty when there is none.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it came inside a `$batch`.
    pub(crate) in_batch: bool,
}

impl Call {
    /// The path's segments, decoded. `None` when one is not UTF-8 once decoded.
    pub(crate) fn segments(&self) -> Option<Vec<String>> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split('/').map(|part| percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned)).collect()
    }

    /// The query's options in order, decoded; `+` is a space, as in every OData service. `None` when one is not UTF-8.
    pub(crate) fn options(&self) -> Option<Vec<(String, String)>> {
        self.query.split('&').filter(|part| !part.is_empty()).map(option).collect()
    }

    /// A header's text, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The origin that the caller used, for links back to here.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("localhost"))
    }
}

fn option(part: &str) -> Option<(String, String)> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    Some((plain(name)?, plain(value)?))
}

fn plain(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// What becomes of an answer on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fate {
    /// It arrives.
    #[default]
    Whole,
    /// The connection is closed in order, without an answer.
    Close,
    /// The connection is reset, without an answer.
    Reset,
    /// Status, headers and half the body, then a reset.
    Cut,
    /// Status, headers and half the body, then silence; silence from the start when there is no body.
    Stall,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) fate: Fate,
    /// Whether the request was malformed or undocumented, so that it is no example of good traffic.
    pub(crate) refused: bool,
    /// Whether a fault made this answer.
    pub(crate) faulted: bool,
}

impl Reply {
    /// An answer with a JSON body that is already written.
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type", JSON.to_owned())], body: Bytes::from(body), ..Self::default() }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The content type of Graph's JSON answers.
pub(crate) const JSON: &str =
    "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8";
