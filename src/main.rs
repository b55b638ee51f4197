//! `argus-m365`: arguments → settings → telemetry → command → exit code.

use std::process::ExitCode;

/// Values pass from the database's threads to the runtime's by the million; the C library's allocator spends a third of a delivery on
/// freeing what another thread has made (its arenas' locks, and putting pieces together again).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    argus_m365::cli::main()
}
