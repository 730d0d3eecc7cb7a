//! Arguments, then one verb, then an exit code.

fn main() {}
