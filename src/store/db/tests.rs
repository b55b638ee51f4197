//! The writer under jobs that fail, panic or find the disk full. (What both databases promise is in
//! `tests/store_conformance`; here are the faults that only a job of our own can make.)

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{FutureExt as _, future::join_all};

use super::*;
use crate::{
    capabilities::Outcome,
    store::{AuditFilter, NewAuditEntry, OutgoingEvent, PageRequest, WorkerScope},
};

struct Fixture {
    store: Store,
    folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display())).await.unwrap();
    store.migrate().await.unwrap();
    Fixture { store, folder }
}

#[tokio::test]
async fn a_new_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = fixture().await;
    fixture.store.append_audit(&scope(), vec![entry("connection.tested")]).await.unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(fixture.folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
        files += 1;
    }
    assert!(files >= 2, "the journal was looked at, too");
}

fn scope() -> OrgScope {
    OrgScope::of_stored_row(crate::organisation::OrganisationId::parse("acme").unwrap())
}

fn entry(action: &str) -> NewAuditEntry {
    NewAuditEntry {
        at: chrono::DateTime::UNIX_EPOCH,
        actor: "system".into(),
        action: action.into(),
        target: "task/1".into(),
        outcome: Outcome::Succeeded,
        detail: serde_json::json!({}),
        personal: vec![],
        correlation_id: None,
        graph_request_id: None,
    }
}

fn event(id: &str) -> OutgoingEvent {
    OutgoingEvent { id: id.into(), subject: "s".into(), payload: "{}".into() }
}

/// Writes a row, an audit entry and an event, then ends as told.
fn job(name: &'static str, end: fn() -> Result<(), Failure>) -> Job<()> {
    Box::new(move |tx| {
        Box::pin(async move {
            let text = "INSERT INTO hold (org, capability, target, until) VALUES ($1, $2, '', 1)";
            tx.conn.run(text, vec!["acme".into(), name.into()]).await?;
            tx.audit(&scope(), [entry(name)]);
            tx.outgoing(&scope(), [event(name)]);
            end()
        })
    })
}

impl Fixture {
    /// The names whose rows, entries and events stand; they must agree.
    async fn standing(&self) -> Vec<String> {
        let mut conn = self.store.read(Reach::nobody(), "").await.unwrap();
        let rows = conn.all("SELECT capability FROM hold WHERE org = 'acme' ORDER BY capability", vec![]).await.unwrap();
        let rows: Vec<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
        drop(conn);
        let page = PageRequest { first: 1_000, after: None };
        let trail = self.store.audit_trail(&scope(), AuditFilter::default(), page).await.unwrap();
        let mut actions: Vec<String> = trail.rows.into_iter().map(|(_, record)| record.entry.action).collect();
        actions.sort();
        let queued = self.store.outbox(&WorkerScope::for_loops(), 1_000).await.unwrap();
        let mut events: Vec<String> = queued.into_iter().map(|queued| queued.event.id).collect();
        events.sort();
        assert!(rows == actions && rows == events, "{rows:?} {actions:?} {events:?}");
        assert!(self.store.verify_audit(&scope()).await.unwrap().intact);
        rows
    }
}

#[tokio::test]
async fn a_job_that_fails_after_it_wrote_does_not_undo_its_neighbours() {
    let fixture = fixture().await;
    let jobs = [
        ("a", (|| Ok(())) as fn() -> _),
        ("b", || Err(Failure::Conflict)),
        ("c", || Ok(())),
        ("d", || Err(Failure::Unreadable("thing"))),
        ("e", || Ok(())),
    ];
    let answers = join_all(jobs.map(|(name, end)| fixture.store.write(Reach::nobody(), "testing", job(name, end)))).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    assert_eq!(fixture.standing().await, ["a", "c", "e"]);
}

#[tokio::test]
async fn jobs_that_wait_together_share_a_commit() {
    let fixture = fixture().await;
    let transactions = Arc::new(AtomicU32::new(0));
    let count = |_| {
        let transactions = Arc::clone(&transactions);
        let job: Job<()> = Box::new(move |tx| {
            let transactions = Arc::clone(&transactions);
            Box::pin(async move {
                // The first job of a transaction finds no table, those after it do; it ends with the transaction.
                let known = tx.conn.all("SELECT 1 FROM hold WHERE org = 'mark'", vec![]).await?;
                if known.is_empty() {
                    transactions.fetch_add(1, Ordering::Relaxed);
                    tx.conn.run("INSERT INTO hold (org, capability, target, until) VALUES ('mark', '', '', 1)", vec![]).await?;
                }
                Ok(())
            })
        });
        fixture.store.write(Reach::nobody(), "testing", job)
    };
    for answer in join_all((0..50).map(count)).await {
        answer.unwrap();
    }
    assert_eq!(transactions.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_panic_in_a_job_is_survived_and_leaves_nothing() {
    let fixture = fixture().await;
    let boom = fixture.store.write(Reach::nobody(), "testing", job("boom", || panic!("on purpose")));
    assert!(matches!(boom.await, Err(StoreError::Unavailable { .. })));
    fixture.store.write(Reach::nobody(), "testing", job("after", || Ok(()))).await.unwrap();
    assert_eq!(fixture.standing().await, ["after"]);
}

#[tokio::test]
async fn a_full_disk_fails_what_it_hits_and_the_next_job_works() {
    let fixture = fixture().await;
    // No page more than there are: what SQLite says then is what it says on a full disk.
    let limited: Job<()> = Box::new(|tx| {
        Box::pin(async move {
            tx.conn.all("PRAGMA max_page_count = 1", vec![]).await?;
            let text = "INSERT INTO hold (org, capability, target, until) VALUES ('large', $1, '', 1)";
            tx.conn.run(text, vec!["x".repeat(1_000_000).into()]).await.map(drop)
        })
    });
    let neighbour = fixture.store.write(Reach::nobody(), "testing", job("neighbour", || Ok(())));
    let (full, neighbour) = futures_util::future::join(fixture.store.write(Reach::nobody(), "testing", limited), neighbour).await;
    assert!(matches!(full, Err(StoreError::Unavailable { .. })), "{full:?}");
    let room: Job<()> =
        Box::new(|tx| Box::pin(async move { tx.conn.all("PRAGMA max_page_count = 1000000", vec![]).await.map(drop) }));
    fixture.store.write(Reach::nobody(), "testing", room).await.unwrap();
    fixture.store.write(Reach::nobody(), "testing", job("after", || Ok(()))).await.unwrap();
    let mut expected = vec!["after"];
    expected.extend(neighbour.is_ok().then_some("neighbour"));
    assert_eq!(fixture.standing().await, expected, "an answer is never a lie");
}

#[tokio::test]
async fn a_flush_that_fails_takes_only_its_own_job_along() {
    let fixture = fixture().await;
    let trigger: Job<()> = Box::new(|tx| {
        let text = "CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN NEW.action = 'poison' \
                    BEGIN SELECT RAISE(ABORT, 'no'); END";
        Box::pin(async move { tx.conn.run(text, vec![]).await.map(drop) })
    });
    fixture.store.write(Reach::nobody(), "testing", trigger).await.unwrap();
    let names = ["a", "poison", "z"];
    let answers = join_all(names.map(|name| fixture.store.write(Reach::nobody(), "testing", job(name, || Ok(()))))).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(fixture.standing().await, ["a", "z"]);
}

#[tokio::test]
async fn a_caller_that_went_away_does_not_stop_the_writer() {
    let fixture = fixture().await;
    let gone = fixture.store.submit((&scope()).into(), "testing", job("gone", || Ok(())));
    drop(gone);
    assert!(fixture.store.write(Reach::nobody(), "testing", job("here", || Ok(()))).now_or_never().is_none());
    fixture.store.write(Reach::nobody(), "testing", job("later", || Ok(()))).await.unwrap();
    assert_eq!(fixture.standing().await, ["gone", "here", "later"]);
}

#[tokio::test]
async fn processes_that_migrate_a_new_file_at_once_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", folder.path().display());
    let stores = join_all((0..4).map(|_| Store::open(&url))).await;
    let stores: Vec<Store> = stores.into_iter().map(Result::unwrap).collect();
    for answer in join_all(stores.iter().map(Store::migrate)).await {
        answer.unwrap();
    }
    for store in stores {
        store.check().await.unwrap();
    }
}
