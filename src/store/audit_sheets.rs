//! A page of a chain as one text, for SQLite.
//!
//! Its driver copies every value of every row by itself and hands row after row to another thread, which takes longer than all the
//! hashing. So SQLite writes a page down as JSON, and one value is handed over. What does not read as a whole (a column holds
//! another type, a text is not UTF-8) is for the reader of rows, who names the entry at fault.

use super::{
    audit_entry::{Fact, Facts, Line, Stored},
    db::{Conn, Failure, Value},
    values,
};
use crate::{hex::unhex, organisation::OrgScope};

const ENTRIES: &str = "SELECT MAX(seq), json_group_array(json_array(seq, at, actor, action, target, outcome, detail, personal, \
    correlation_id, graph_request_id, hex(previous), hex(hash))) FROM audit WHERE org = $1 AND seq > $2 AND seq <= $3";

const FACTS: &str = "SELECT json_group_array(json_array(seq, field, hex(salt), value)) FROM audit_personal \
    WHERE org = $1 AND seq > $2 AND seq <= $3";

/// A page, not taken apart yet.
pub(super) struct Sheet {
    /// Its last entry's number.
    pub(super) last: u64,
    entries: String,
    facts: String,
}

/// The entries after one number and up to another; none when there are none.
pub(super) async fn sheet(conn: &mut Conn, scope: &OrgScope, after: u64, upto: u64) -> Result<Option<Sheet>, Failure> {
    let between = || -> Vec<Value> { vec![scope.as_str().into(), after.into(), upto.into()] };
    let found = conn.all(ENTRIES, between()).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let Some(last) = row.maybe_int(0)? else { return Ok(None) };
    let last = u64::try_from(last).map_err(|_| Failure::Unreadable("counter"))?;
    let entries = row.text(1)?;
    let facts = conn.all(FACTS, between()).await?;
    let facts = facts.first().map_or(Ok("[]".to_owned()), |row| row.text(0))?;
    Ok(Some(Sheet { last, entries, facts }))
}

impl Sheet {
    /// The entries in chain order, and the personal facts that are left, by entry.
    pub(super) fn read(&self) -> Result<(Vec<Stored>, Facts), Failure> {
        let lines: Vec<Line> = values::from_json(&self.entries, "audit page")?;
        let mut entries = lines.into_iter().map(Stored::try_from).collect::<Result<Vec<_>, _>>()?;
        // An aggregate promises no order.
        entries.sort_by_key(|entry| entry.link.seq);
        let mut facts: Facts = Facts::new();
        for (seq, field, salt, value) in values::from_json::<Vec<(u64, String, String, String)>>(&self.facts, "audit page")? {
            let salt = unhex(&salt).ok_or(Failure::Unreadable("salt"))?;
            facts.entry(seq).or_default().push(Fact { field, salt, value });
        }
        Ok((entries, facts))
    }
}
