//! The command line: one file a subcommand.
//!
//! In: arguments. Out: an exit status. Invariant: each failure is one line on standard error that says what,
//! where and what to do. Does not do the work of any room.

mod parse;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Tails application logs, finds the unhandled exceptions in them and sends those to Sentry.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the exceptions found in log files, with what would happen to each
    Parse(parse::Arguments),
}

/// How `parse` prints.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Pretty,
    /// One JSON object a line
    Jsonl,
    /// The Sentry events, one JSON object a line
    Sentry,
}

/// The configuration's place, the same option for each subcommand.
#[derive(clap::Args)]
struct ConfigOption {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Parse(arguments) => parse::run(&arguments),
    }
}
