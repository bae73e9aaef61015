//! `errtail check`: reads the configuration and says what `run` would do with it.
//!
//! In: the configuration. Out: what would be watched, where events would go, and what is wrong. Invariant: exit
//! status 2 when something is wrong. Does not watch, store or send, but the test event that it is asked for.

use std::process::ExitCode;

use super::ConfigOption;

/// Arguments of `errtail check`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail check`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = match arguments.config.load() {
        Ok(config) => config,
        Err(error) => return super::usage_error(&error),
    };
    println!("environment: {}", config.environment.as_deref().unwrap_or("as the logs say, else production"));
    println!("release: {}", config.release.as_deref().unwrap_or("none"));
    ExitCode::SUCCESS
}
