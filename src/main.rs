//! errtail: tails application logs, finds the unhandled exceptions in them and sends those to Sentry.
//!
//! In: the command line. Out: an exit status: 0, 1 failed, 2 usage or configuration. Does nothing itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    errtail::cli::main()
}
