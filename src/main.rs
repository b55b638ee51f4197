//! `argus-m365`: arguments → settings → telemetry → command → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    argus_m365::cli::main()
}
