//! Every request seen, in full or as counts only.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;

use super::call::{Call, Fate, Reply};

/// One request, or one part of a `$batch`, as it came and as it was answered.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one request")]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Order of arrival, from 1.
    pub number: u64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// Milliseconds until the answer was ready.
    pub took_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Header names in lower case; the token is replaced by `x`.
    pub headers: BTreeMap<String, String>,
    /// The body as text; credentials in a token request are replaced.
    pub body: String,
    /// Status of the answer that was made, whether or not it arrived.
    pub status: u16,
    /// The answer's body; absent for tokens and when the ledger does not keep answers.
    pub response: Option<String>,
    /// Whether the answer left whole. When not, the caller cannot know the status.
    pub answered: bool,
    /// Whether a fault made the answer or its fate.
    pub faulted: bool,
    /// Whether it was refused as malformed or undocumented.
    pub refused: bool,
    /// Whether it came as a part of a `$batch` (which is recorded too).
    pub in_batch: bool,
}

/// How much of a request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerMode {
    /// Everything, for the newest so many requests.
    Full {
        /// Requests kept.
        capacity: usize,
    },
    /// Numbers per method, kind and status: for loads of hundreds of thousands.
    Counts,
}

const SHARDS: usize = 16;

/// The ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    full: AtomicBool,
    capacity: AtomicUsize,
    next: AtomicU64,
    records: Mutex<VecDeque<RequestRecord>>,
    counts: [Mutex<BTreeMap<(&'static str, u16), u64>>; SHARDS],
}

/// A request that has arrived: what is needed to write it down once it is answered.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) started: std::time::Instant,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            full: AtomicBool::new(true),
            capacity: AtomicUsize::new(100_000),
            next: AtomicU64::new(0),
            records: Mutex::default(),
            counts: Default::default(),
        }
    }
}

impl Ledger {
    pub(crate) fn set_mode(&self, mode: LedgerMode) {
        match mode {
            LedgerMode::Full { capacity } => {
                self.capacity.store(capacity, Ordering::Relaxed);
                self.full.store(true, Ordering::Release);
            }
            LedgerMode::Counts => self.full.store(false, Ordering::Release),
        }
    }

    pub(crate) fn arrival(&self, at: DateTime<Utc>) -> Arrival {
        Arrival { number: self.next.fetch_add(1, Ordering::Relaxed) + 1, at, started: std::time::Instant::now() }
    }

    /// Writes an answered request down.
    pub(crate) fn record(&self, arrival: &Arrival, kind: &'static str, call: &Call, reply: &Reply) {
        let shard = usize::try_from(arrival.number).unwrap_or_default() % SHARDS;
        if let Some(counts) = self.counts.get(shard) {
            *counts.lock().entry((kind, reply.status)).or_default() += 1;
        }
        if !self.full.load(Ordering::Acquire) {
            return;
        }
        let record = full(arrival, kind, call, reply);
        let mut records = self.records.lock();
        while records.len() >= self.capacity.load(Ordering::Relaxed).max(1) {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// The requests kept, in order of arrival.
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        let mut records: Vec<_> = self.records.lock().iter().cloned().collect();
        records.sort_by_key(|record| record.number);
        records
    }

    /// Requests by `kind status`, for example `createEvent 201`.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut sum = BTreeMap::new();
        for shard in &self.counts {
            for ((kind, status), count) in shard.lock().iter() {
                *sum.entry(format!("{kind} {status}")).or_default() += count;
            }
        }
        sum
    }

    pub(crate) fn clear(&self) {
        self.records.lock().clear();
        for shard in &self.counts {
            shard.lock().clear();
        }
    }
}

fn full(arrival: &Arrival, kind: &'static str, call: &Call, reply: &Reply) -> RequestRecord {
    let headers = call.headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let hidden = if text.starts_with("Bearer ") { "Bearer x" } else { "x" }.to_owned();
        (name.as_str().to_owned(), if name == http::header::AUTHORIZATION { hidden } else { text })
    });
    let token = kind == "token";
    RequestRecord {
        number: arrival.number,
        at: arrival.at,
        took_ms: u64::try_from(arrival.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        headers: headers.collect(),
        body: if token { without_credentials(&call.body) } else { String::from_utf8_lossy(&call.body).into_owned() },
        status: reply.status,
        response: (!token && !reply.body.is_empty()).then(|| String::from_utf8_lossy(&reply.body).into_owned()),
        answered: reply.fate == Fate::Whole,
        faulted: reply.faulted,
        refused: reply.refused,
        in_batch: call.in_batch,
    }
}

fn without_credentials(form: &Bytes) -> String {
    let fields = url::form_urlencoded::parse(form).map(|(name, value)| {
        let secret = matches!(&*name, "client_secret" | "client_assertion");
        (name.clone(), if secret && !value.is_empty() { "x".into() } else { value })
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
