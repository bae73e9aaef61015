//! The command line: one file a subcommand.
//!
//! In: arguments. Out: an exit status. Invariant: each failure is one line on standard error that says what,
//! where and what to do. Does not do the work of any room.

mod check;
mod crashes;
mod events;
mod explain;
mod issues;
mod listen;
mod parse;
mod pretty;
mod rules;
mod run;
mod stats;
mod status;
mod test;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand, ValueEnum};

use self::parse::Reading;
use crate::config::{Config, ConfigError};
use crate::event::Builder;
use crate::policy::Policy;

/// Tails application logs, finds the unhandled exceptions in them and sends those to Sentry.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tail log files, and send what nobody handled to Sentry; without a DSN, show it and keep it in the local store
    Run(run::Arguments),
    /// Print the exceptions found in log files, with what would happen to each
    Parse(parse::Arguments),
    /// Tell step by step why each exception in a log is sent or not
    Explain(explain::Arguments),
    /// Show the lists by which exceptions are judged
    Rules(rules::Arguments),
    /// Read the configuration, say what would be watched, where events would go, and what is wrong
    Check(check::Arguments),
    /// List the issues in the local store, show one, resolve, ignore or reopen it
    Issues(issues::Arguments),
    /// One look at the agent: files and lag, outbox, destinations, outcomes
    Status(status::Arguments),
    /// Hold sample logs against what is expected to be found in them
    Test(test::Arguments),
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
        Command::Run(arguments) => run::run(&arguments),
        Command::Parse(arguments) => parse::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Issues(arguments) => issues::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    }
}

impl ConfigOption {
    /// The configuration that this option names, or the defaults; the environment stands in where it is set.
    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref())
    }

    /// How logs are read and judged, and what makes events of it, as that configuration asks for.
    fn reading_and_builder(&self) -> Result<(Reading, Builder), Box<dyn Error>> {
        let config = self.load()?;
        let builder = events::builder(&config)?;
        let release_marker = events::release_marker(&config)?;
        let reading = Reading { policy: policy(&config)?, formats: config.formats, release_marker, context: true };
        Ok((reading, builder))
    }
}

/// The policy that a configuration asks for.
fn policy(config: &Config) -> Result<Arc<Policy>, Box<dyn Error>> {
    Ok(Arc::new(Policy::new(config.policy.clone(), &config.rule, config.environment.clone())?))
}

/// One line on standard output; a reader who went away does not want it, and `println!` would panic.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// One line on standard error, and exit status 2.
fn usage_error(error: &dyn Error) -> ExitCode {
    eprintln!("errtail: {error}");
    ExitCode::from(2)
}

/// Why a command that works on the store did not come to its end.
type Failure = Box<dyn Error>;

/// The exit status of a command; a failure is one line on standard error, a reader who went away is none.
fn finish(done: Result<ExitCode, Failure>) -> ExitCode {
    match done {
        Ok(status) => status,
        Err(error) if error.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("errtail: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What went wrong with a file, without the operating system's numbers.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}
