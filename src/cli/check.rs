//! `errtail check`: reads the configuration and says what `run` would do with it.
//!
//! In: the configuration. Out: what would be watched, where events would go, and what is wrong. Invariant: exit
//! status 2 when something is wrong. Does not watch, store or send, but the test event that it is asked for.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use sentry::types::Dsn;
use serde_json::json;

use super::{ConfigOption, run};
use crate::config::Config;
use crate::deliver::{self, Sender};
use crate::route::Routes;
use crate::state_dir;
use crate::store::{Outcome, Outgoing, Store};
use crate::tail::{self, Tail};

/// Files that are named one by one.
const NAMED_FILES: usize = 20;
/// So much of a file is held against the formats.
const FORMAT_BYTES: u64 = 256 << 10;

/// Arguments of `errtail check`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Files, directories and globs, in place of the configuration's
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Send one event, and say what Sentry answers
    #[arg(long)]
    send_test_event: bool,
    /// Where the store lies
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail check`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match check(arguments) {
        Ok(problems) if problems.is_empty() => {
            super::say(format_args!("nothing is wrong"));
            ExitCode::SUCCESS
        }
        Ok(problems) => {
            problems.iter().for_each(|problem| eprintln!("errtail: {problem}"));
            ExitCode::from(2)
        }
        Err(error) => super::usage_error(error.as_ref()),
    }
}

/// Says what `run` would do; what is wrong with it comes back.
fn check(arguments: &Arguments) -> Result<Vec<String>, Box<dyn Error>> {
    let mut config = arguments.config.load()?;
    if !arguments.paths.is_empty() {
        config.tail.paths.clone_from(&arguments.paths);
    }
    super::policy(&config)?;
    super::events::builder(&config)?;
    super::events::release_marker(&config)?;
    let mut problems = Vec::new();
    let files = say_paths(&config.tail, &mut problems)?;
    super::say(format_args!(
        "environment: {}",
        config.environment.as_deref().unwrap_or("what the logs say, else production")
    ));
    super::say(format_args!(
        "release: {}",
        config.release.as_deref().unwrap_or("none; set `release` or SENTRY_RELEASE")
    ));
    super::say(format_args!("rules of your own: {}", config.rule.len()));
    say_formats(&config, &files, &mut problems);
    for (prefix, folder) in &config.source_roots {
        super::say(format_args!("sources: {prefix} in the logs is {} here", folder.display()));
        if !folder.is_dir() {
            problems.push(format!("source_roots: {} is no directory that can be read", folder.display()));
        }
    }
    say_store(arguments.state_dir.as_deref(), &config, &mut problems);
    let routes = config.routes()?;
    match (routes.dsns(), arguments.send_test_event) {
        ([], true) => problems.push("--send-test-event: no DSN; set SENTRY_DSN or `dsn`".into()),
        ([], false) => super::say(format_args!("events go to: nowhere; without a DSN, issues stay in the local store")),
        (_, false) => say_routes(&routes),
        (dsns, true) => {
            say_routes(&routes);
            let sender = run::sender(dsns, &config.delivery)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            for dsn in dsns {
                runtime.block_on(send_test_event(&sender, dsn, &config, &mut problems));
            }
        }
    }
    Ok(problems)
}

fn say_routes(routes: &Routes) {
    for (whose, key) in routes.all() {
        super::say(format_args!("events of {whose} go to: {key}"));
    }
}

fn say_paths(settings: &tail::Settings, problems: &mut Vec<String>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if settings.paths.is_empty() {
        problems.push("nothing to read: name files, directories or globs, or set `paths` under [tail]".to_owned());
    }
    let mut tail = Tail::new(settings.clone(), Vec::new(), &std::env::current_dir()?, Vec::new())?;
    let files = tail.survey();
    let paths = if settings.paths.is_empty() { "nothing".to_owned() } else { settings.paths.join(", ") };
    super::say(format_args!("reads: {paths}; {} files now", files.len()));
    for file in files.iter().take(NAMED_FILES) {
        super::say(format_args!("  {}", file.display()));
        if let Err(error) = File::open(file) {
            problems.push(format!("{}: {}", file.display(), super::reason(&error)));
        }
    }
    if files.len() > NAMED_FILES {
        super::say(format_args!("  … {} more", files.len() - NAMED_FILES));
    }
    Ok(files)
}

/// Holds each format against the beginnings of its files.
fn say_formats(config: &Config, files: &[PathBuf], problems: &mut Vec<String>) {
    for (name, is_of, begins) in config.formats.each() {
        let its: Vec<&PathBuf> = files.iter().filter(|file| is_of(&file.to_string_lossy())).collect();
        let (mut lines, mut entries) = (0, 0);
        for file in its.iter().take(NAMED_FILES) {
            let mut head = Vec::new();
            let read = File::open(file).and_then(|file| file.take(FORMAT_BYTES).read_to_end(&mut head));
            if read.is_ok() {
                let of_file = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                of_file.for_each(|line| {
                    lines += 1;
                    entries += usize::from(begins(line.strip_suffix(b"\r").unwrap_or(line)));
                });
            }
        }
        super::say(format_args!(
            "format {name}: {} files; {entries} of their first {lines} lines begin an entry",
            its.len()
        ));
        if its.is_empty() && !files.is_empty() {
            problems.push(format!("format {name}: its `path` matches none of the files that are read"));
        } else if entries == 0 && lines > 0 {
            problems.push(format!("format {name}: its `regex` matches no line at the beginning of its files"));
        }
    }
}

fn say_store(named: Option<&Path>, config: &Config, problems: &mut Vec<String>) {
    let folder = state_dir::resolve(named.or(config.state_dir.as_deref()));
    super::say(format_args!("store: {}", folder.display()));
    if folder.join("errtail.db").exists()
        && let Err(error) = Store::open_shared(&folder)
    {
        problems.push(error.to_string());
    }
}

/// Sends one event and prints the answer.
async fn send_test_event(sender: &Sender, dsn: &Dsn, config: &Config, problems: &mut Vec<String>) {
    let now = Timestamp::now();
    // One id an attempt: this event is no occurrence of anything.
    let event_id = format!("{:032x}", now.as_nanosecond().cast_unsigned() << 16 | u128::from(std::process::id()));
    let event = json!({
        "event_id": event_id, "timestamp": now.as_millisecond() as f64 / 1000.0, "platform": "other", "level": "info",
        "logger": "errtail", "environment": config.environment, "release": config.release,
        "logentry": { "formatted": "errtail's test event: events arrive" },
    });
    let outgoing = Outgoing {
        id: 0,
        event_id: event_id.clone(),
        dsn_key: deliver::dsn_key(dsn),
        body: event.to_string().into_bytes(),
        attempts: 0,
    };
    match sender.send(&outgoing, &[], now).await {
        Outcome::Sent => super::say(format_args!("test event: {} took it as {event_id}", outgoing.dsn_key)),
        Outcome::Retry { why, .. } | Outcome::Hold { why, .. } | Outcome::Failed { why } => {
            problems.push(format!("test event: {} did not take it: {why}", outgoing.dsn_key));
        }
    }
}
