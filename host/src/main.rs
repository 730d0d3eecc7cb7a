//! Arguments, then one verb, then an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("compile") => interlock::runtime::compile::child::main(),
        _ => ExitCode::from(2),
    }
}
