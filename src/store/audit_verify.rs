//! Checking a stored chain from its first entry to its last.

use super::{
    audit_entry::{Facts, Stored},
    audit_log::{personal_between, read_head},
    audit_pages,
    audit_sheets::{Sheet, sheet},
    db::{Conn, Failure, Row},
};
use crate::{
    audit::{Head, Verification, Verifier},
    organisation::OrgScope,
};

/// Entries a page.
const PAGE: u32 = 1_000;

/// A page of a chain as it was read, not looked at yet.
enum Unchecked {
    Rows(Vec<Row>, Facts),
    Sheet(Sheet),
}

/// Reads the whole chain, a page at a time, and checks it.
pub(super) async fn verify(conn: &mut Conn, scope: &OrgScope, checkpoints: &[Head]) -> Result<Verification, Failure> {
    // The head first: what is appended while we read lies behind it and is left for the next time.
    let head = read_head(conn, scope).await?;
    let mut verifier = Verifier::new(scope.organisation()).anchored(checkpoints);
    let mut after = 0;
    let mut ahead = read(conn, scope, after, head.seq).await?;
    while let Some((page, last)) = ahead.take() {
        // Hashing is work for a thread of its own; meanwhile the next page comes.
        let checking = tokio::task::spawn_blocking(move || {
            let checked = page.check(&mut verifier);
            (verifier, checked)
        });
        if last < head.seq {
            ahead = read(conn, scope, last, head.seq).await?;
        }
        let checked;
        (verifier, checked) = checking.await.map_err(|_| Failure::Unreadable("audit page"))?;
        if !checked {
            rows(conn, scope, after, last).await?.check(&mut verifier);
        }
        after = last;
    }
    let last = conn.all("SELECT COALESCE(MAX(seq), 0) FROM audit WHERE org = $1", vec![scope.as_str().into()]).await?;
    let last = last.first().map_or(Ok(0), |row| row.count(0))?;
    // The head moves with every entry, so one read later lies behind no entry.
    if last > read_head(conn, scope).await?.seq {
        verifier.fault(last, "it lies behind the chain's head row".to_owned());
    }
    Ok(verifier.finish(head))
}

/// The page after an entry, with its last entry's number; none when none is left up to `upto`.
async fn read(conn: &mut Conn, scope: &OrgScope, after: u64, upto: u64) -> Result<Option<(Unchecked, u64)>, Failure> {
    if !conn.is_postgres() {
        // A page that SQLite cannot write down as a whole, and a gap, are left to the rows.
        let page = sheet(conn, scope, after, upto.min(after + u64::from(PAGE))).await;
        if let Ok(Some(page)) = page {
            let last = page.last;
            return Ok(Some((Unchecked::Sheet(page), last)));
        }
    }
    let page = rows(conn, scope, after, upto).await?;
    Ok(page.last()?.map(|last| (page, last)))
}

async fn rows(conn: &mut Conn, scope: &OrgScope, after: u64, upto: u64) -> Result<Unchecked, Failure> {
    let rows = audit_pages::page(conn, scope, after, upto, PAGE).await?;
    let facts = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => personal_between(conn, scope, first.count(0)?, last.count(0)?).await?,
        _ => Facts::new(),
    };
    Ok(Unchecked::Rows(rows, facts))
}

impl Unchecked {
    fn last(&self) -> Result<Option<u64>, Failure> {
        match self {
            Self::Rows(rows, _) => rows.last().map(|row| row.count(0)).transpose(),
            Self::Sheet(sheet) => Ok(Some(sheet.last)),
        }
    }

    /// Hands its entries to the verifier; false, and nothing handed over, when it must be read by its rows.
    fn check(self, verifier: &mut Verifier) -> bool {
        match self {
            Self::Rows(rows, facts) => check_rows(verifier, &rows, facts),
            Self::Sheet(sheet) => {
                let Ok((entries, mut facts)) = sheet.read() else { return false };
                for entry in entries {
                    entry.check(verifier, facts.remove(&entry.link.seq).unwrap_or_default());
                }
            }
        }
        true
    }
}

fn check_rows(verifier: &mut Verifier, rows: &[Row], mut facts: Facts) {
    for row in rows {
        match Stored::read(row) {
            Ok(entry) => entry.check(verifier, facts.remove(&entry.link.seq).unwrap_or_default()),
            Err(_) => verifier.fault(row.count(0).unwrap_or_default(), "it cannot be read".to_owned()),
        }
    }
}
