//! `make bench`: what the connector reaches on this machine, with the bare ceilings beside it, in one run.
//!
//! The worker is the real binary in a process of its own, with default settings; so is the simulator, which keeps counts only; the
//! broker syncs always, SQLite has `synchronous=FULL`. Everything shares this machine's cores, so compare CPU seconds and ratios
//! between machines, not rates.
//!
//! | file | subject |
//! | --- | --- |
//! | `scene` | broker, simulator and store with so many mailboxes and events |
//! | `ceilings` | the same client and the same server without the connector |
//! | `runs` | what is measured |
//! | `neighbours` | what one organisation's trouble costs another |
//! | `settled_rows` | a store that has been at work for a while |
//! | `zones` | publications into a SharePoint list |
//! | `directory` | imports of the directory |
//! | `abuse` | requests that ask for too much |
//! | `audit` | checking a chain of a million entries |
//! | `process` | CPU time and memory of a process |
//! | `table` | the answer |
//!
//! A word after `--` picks the measurements whose names hold it: `cargo bench … -- 120`.

#[path = "../../tests/support/mod.rs"]
mod support;

mod abuse;
#[path = "../../tests/hardening/attacks.rs"]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a bench whose connector does not answer ends")]
mod attacks;
mod audit;
mod ceilings;
mod directory;
mod neighbours;
mod process;
mod runs;
mod scene;
mod settled_rows;
mod table;
mod zones;

use std::time::Duration;

use support::Store;
use table::Table;

const LATENCY: Duration = Duration::from_millis(120);

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut table = Table::new(wanted);
    runtime.block_on(async {
        if table.wants("ceiling: plain POSTs") {
            table.add(ceilings::posts().await);
        }
        if table.wants("ceiling: consume and ack") {
            table.add(ceilings::consume_and_ack().await);
        }
        for store in Store::available() {
            if table.wants(&format!("intake {store:?}")) {
                table.add(runs::intake(store).await);
            }
        }
        for store in Store::available() {
            if table.wants(&format!("end to end 0 ms {store:?}")) {
                table.add(runs::end_to_end(store, Duration::ZERO).await);
            }
        }
        for store in Store::available() {
            if table.wants(&format!("end to end 120 ms {store:?}")) {
                table.add(runs::end_to_end(store, LATENCY).await);
            }
        }
        if table.wants("blocked 0 ms") {
            table.add(neighbours::others_beside_blocked().await);
        }
        if table.wants("settled rows: claims") {
            table.add(settled_rows::claims().await);
        }
        if table.wants("settled rows: delivery") {
            table.add(settled_rows::delivery().await);
        }
        if table.wants("quiet 120 ms") {
            table.add(neighbours::quiet_beside_throttled(LATENCY).await);
        }
        if table.wants("crowded 120 ms") {
            table.add(runs::crowded(LATENCY).await);
        }
        if table.wants("killed 120 ms") {
            table.add(runs::killed(LATENCY).await);
        }
        if table.wants("zones: rate") {
            table.add(zones::rate().await);
        }
        if table.wants("zones: ten thousand") {
            zones::ten_thousand().await.into_iter().for_each(|line| table.add(line));
        }
        if table.wants("zones: memory") {
            table.add(zones::memory().await);
        }
        if table.wants("abuse of GraphQL") {
            table.add(abuse::answered().await);
        }
        for store in Store::available() {
            if table.wants(&format!("directory {store:?}: people and groups")) {
                directory::hundred_thousand(store).await.into_iter().for_each(|line| table.add(line));
            }
            if table.wants(&format!("directory {store:?}: memory")) {
                table.add(directory::memory(store).await);
            }
            if table.wants(&format!("audit verify {store:?}")) {
                table.add(audit::verify(store).await);
            }
        }
    });
    table.print();
    Ok(())
}
