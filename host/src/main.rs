//! Arguments, then one verb, then an exit code.

fn main() -> std::process::ExitCode {
    interlock::cli::main()
}
