//! Appending to the audit chains: the last thing a transaction does.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    NewAuditEntry,
    db::{Conn, Failure, Value},
    values,
};
use crate::{
    audit::{Commitment, Entry, Head, Salt, link},
    hex::{hex, unhex},
    ids::Ids,
    organisation::OrgScope,
};

const LOCK_HEADS: &str = "WITH v(org) AS (VALUES {rows}) SELECT w.org, w.seq, w.hash FROM v JOIN audit_head w ON w.org = v.org \
                          ORDER BY w.org{lock}";
const START_HEADS: &str = "INSERT INTO audit_head (org, seq, hash) VALUES {rows} ON CONFLICT (org) DO NOTHING";
const MOVE_HEADS: &str = "WITH v(org, seq, hash) AS (VALUES {rows}) UPDATE audit_head SET seq = v.seq, hash = v.hash FROM v \
                          WHERE audit_head.org = v.org";
const INSERT: &str = "INSERT INTO audit (org, seq, at, actor, action, target, outcome, detail, personal, correlation_id, \
                      graph_request_id, previous, hash) VALUES {rows}";
const INSERT_PERSONAL: &str = "INSERT INTO audit_personal (org, seq, field, salt, value) VALUES {rows}";

/// Appends entries, each organisation's in the order given. Locks the organisations' heads in their order until the
/// transaction ends.
pub(super) async fn append<'a>(
    conn: &mut Conn,
    ids: &Ids,
    entries: impl Iterator<Item = (&'a OrgScope, &'a [NewAuditEntry])>,
) -> Result<(), Failure> {
    let mut chains: BTreeMap<&OrgScope, Vec<&NewAuditEntry>> = BTreeMap::new();
    for (scope, entries) in entries.filter(|(_, entries)| !entries.is_empty()) {
        chains.entry(scope).or_default().extend(entries);
    }
    if chains.is_empty() {
        return Ok(());
    }
    let mut heads = lock_heads(conn, chains.keys().copied()).await?;
    let mut new = NewRows::default();
    for (scope, entries) in chains {
        let head = heads.get_mut(scope.as_str()).ok_or(Failure::Unreadable("head of an audit chain"))?;
        for entry in entries {
            new.add(scope, head, entry, ids)?;
        }
    }
    let moved = heads.into_iter().map(|(org, head)| [org.into(), head.seq.into(), head.hash.as_slice().into()]).collect();
    conn.many(INSERT, &[], new.entries).await?;
    conn.many(INSERT_PERSONAL, &[], new.personal).await?;
    conn.many(MOVE_HEADS, &[], moved).await.map(drop)
}

/// Locks and reads the heads; starts the chains that have none.
async fn lock_heads(conn: &mut Conn, scopes: impl Iterator<Item = &OrgScope> + Clone) -> Result<BTreeMap<String, Head>, Failure> {
    let rows: Vec<[Value; 1]> = scopes.clone().map(|scope| [scope.as_str().into()]).collect();
    let mut heads = read_heads(conn, rows.clone()).await?;
    if heads.len() < rows.len() {
        let start = |scope: &OrgScope| {
            let head = Head::start(scope.organisation());
            [scope.as_str().into(), 0_i64.into(), head.hash.as_slice().into()]
        };
        let missing = scopes.filter(|scope| !heads.contains_key(scope.as_str())).map(start).collect();
        // Another replica may start the same chain: then the second look waits for it and reads what it left.
        conn.many(START_HEADS, &[], missing).await?;
        heads = read_heads(conn, rows).await?;
    }
    Ok(heads)
}

async fn read_heads(conn: &mut Conn, rows: Vec<[Value; 1]>) -> Result<BTreeMap<String, Head>, Failure> {
    let found = conn.many(LOCK_HEADS, &[], rows).await?;
    let head = |row: &super::db::Row| Ok((row.text(0)?, Head { seq: row.count(1)?, hash: values::bytes32(row, 2)? }));
    found.iter().map(head).collect()
}

#[derive(Default)]
struct NewRows {
    entries: Vec<[Value; 13]>,
    personal: Vec<[Value; 5]>,
}

impl NewRows {
    /// Links an entry to the head and moves the head to it. What is hashed is what is stored, byte for byte.
    fn add(&mut self, scope: &OrgScope, head: &mut Head, new: &NewAuditEntry, ids: &Ids) -> Result<(), Failure> {
        let clean = super::db::without_nul;
        let (actor, action, target) = (clean(&new.actor), clean(&new.action), clean(&new.target));
        let maybe = |text: &'_ Option<String>| text.as_deref().map(clean).map(Cow::into_owned);
        let (correlation_id, graph_request_id) = (maybe(&new.correlation_id), maybe(&new.graph_request_id));
        let detail = values::json(&new.detail)?;
        let mut personal: Vec<(Commitment, Salt, Cow<'_, str>)> = Vec::with_capacity(new.personal.len());
        for (field, value) in &new.personal {
            let (field, value, salt) = (clean(field), clean(value), salt(ids));
            // One fact a name: the last one said stands.
            personal.retain(|(commitment, ..)| commitment.field != field);
            personal.push((Commitment::to(&field, &value, &salt), salt, value));
        }
        let commitments: Vec<Commitment> = personal.iter().map(|(commitment, ..)| commitment.clone()).collect();
        let entry = Entry {
            at: new.at.timestamp_micros(),
            actor: &actor,
            action: &action,
            target: &target,
            outcome: new.outcome.label(),
            detail: &detail,
            personal: &commitments,
            correlation_id: correlation_id.as_deref(),
            graph_request_id: graph_request_id.as_deref(),
        };
        let link = link(head, &entry);
        *head = (&link).into();
        let org = scope.as_str();
        for (commitment, salt, value) in personal {
            self.personal.push([org.into(), link.seq.into(), commitment.field.into(), salt.as_slice().into(), (&*value).into()]);
        }
        self.entries.push([
            org.into(),
            link.seq.into(),
            new.at.into(),
            (&*actor).into(),
            (&*action).into(),
            (&*target).into(),
            new.outcome.label().into(),
            detail.into(),
            commitments_as_json(&commitments)?.into(),
            correlation_id.into(),
            graph_request_id.into(),
            link.previous.as_slice().into(),
            link.hash.as_slice().into(),
        ]);
        Ok(())
    }
}

fn salt(ids: &Ids) -> Salt {
    let mut salt = [0; 32];
    let halves = [ids.random(), ids.random()];
    for (place, byte) in salt.iter_mut().zip(halves.iter().flat_map(uuid::Uuid::as_bytes)) {
        *place = *byte;
    }
    salt
}

fn commitments_as_json(commitments: &[Commitment]) -> Result<String, Failure> {
    let pairs: Vec<(&str, String)> = commitments.iter().map(|one| (one.field.as_str(), hex(&one.digest))).collect();
    values::json(&pairs)
}

pub(super) fn commitments_from_json(text: &str) -> Result<Vec<Commitment>, Failure> {
    let pairs: Vec<(String, String)> = values::from_json(text, "commitment")?;
    let read = |(field, digest): (String, String)| {
        let digest = hash_from_hex(&digest).ok_or(Failure::Unreadable("commitment"))?;
        Ok(Commitment { field, digest })
    };
    pairs.into_iter().map(read).collect()
}

pub(super) fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    unhex(text)?.try_into().ok()
}
