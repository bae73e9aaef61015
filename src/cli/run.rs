//! `errtail run`: the agent.
//!
//! In: paths, a configuration. Out: events at Sentry; without a DSN, issues in the local store and on the screen.
//! Invariant: what cannot work is said before anything is read, with exit status 2. Does not do the work of any room.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sentry::ClientInitGuard;
use sentry::types::Dsn;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::listen::ListenOption;
use super::{ConfigOption, crashes, pretty};
use crate::agent::{self, Hooks, Parts};
use crate::config::Config;
use crate::deliver::{self, Sender};
use crate::event::Builder;
use crate::issue::Repeats;
use crate::metrics::Counters;
use crate::pipeline::Finding;
use crate::policy::Action;
use crate::route::Routes;
use crate::state_dir;
use crate::store::{Built, ClientReport, Committed, Filter, Outcome, Outgoing, Own, Store};
use crate::tail::{From, Tail};

/// Arguments of `errtail run`.
#[derive(clap::Args)]
#[command(after_help = "What the agent says of itself goes to standard error; ERRTAIL_LOG=warn or \
                        ERRTAIL_LOG=info,errtail::tail=debug sets how much.")]
pub(super) struct Arguments {
    /// Files, directories and globs, in place of the configuration's; `-` reads standard input
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Globs of what is not read, besides the configuration's
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Read what is there to the end, deliver, and exit
    #[arg(long)]
    once: bool,
    /// Read the journal too, of this unit or all of it
    #[arg(long, value_name = "UNIT", num_args = 0..=1, default_missing_value = "")]
    journald: Vec<String>,
    /// Where the store lies
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where files begin that are there at the first start
    #[arg(long, value_enum)]
    from: Option<From>,
    /// Leave out what the log dates before so long: `24h`, `7d`
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<SignedDuration>,
    #[command(flatten)]
    listen: ListenOption,
    #[command(flatten)]
    config: ConfigOption,
}

fn parse_time(text: &str) -> Result<SignedDuration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err("write it as `90m`, `24h` or `7d`".to_owned()),
    };
    let number: i64 = number.trim().parse().map_err(|_| "write it as `90m`, `24h` or `7d`".to_owned())?;
    Ok(SignedDuration::from_secs(number.saturating_mul(seconds)))
}

/// Runs `errtail run`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let prepared = start_log().and_then(|()| prepare(arguments));
    let Prepared { parts, store, sender, counters, crashes: _crashes } = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return super::usage_error(error.as_ref()),
    };
    let send = sender.map(|sender| {
        let sender = Arc::new(sender);
        async move |event: &Outgoing, reports: &[ClientReport]| {
            let outcome = sender.send(event, reports, Timestamp::now()).await;
            counters.add("errtail_requests_total", "outcome", word(&outcome), 1);
            outcome
        }
    });
    match agent::run(parts, store, send) {
        Ok(store) => {
            sum_up(&store.lock().unwrap_or_else(PoisonError::into_inner));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("errtail: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An outcome as the metrics name it.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::Retry { .. } => "retry",
        Outcome::Hold { .. } => "hold",
        Outcome::Failed { .. } => "failed",
    }
}

/// What the agent is made of.
struct Prepared {
    parts: Parts,
    store: Store,
    sender: Option<Sender>,
    counters: Arc<Counters>,
    /// Reports the agent's own crashes while it lives.
    crashes: Option<ClientInitGuard>,
}

/// All that can be wrong is found here.
fn prepare(arguments: &Arguments) -> Result<Prepared, Box<dyn Error>> {
    let mut config = arguments.config.load()?;
    let crashes = crashes::report(config.self_dsn.as_deref())?;
    if !arguments.paths.is_empty() {
        config.tail.paths.clone_from(&arguments.paths);
    }
    let wants_stdin = config.tail.paths.iter().any(|path| path == "-");
    config.tail.paths.retain(|path| path != "-");
    config.tail.exclude.extend(arguments.exclude.iter().cloned());
    if config.tail.paths.is_empty() && !wants_stdin && arguments.journald.is_empty() {
        return Err("nothing to read: name files, directories or globs, or set `paths` in the configuration".into());
    }
    config.tail.from = arguments.from.unwrap_or(config.tail.from);
    let policy = super::policy(&config)?;
    let routes = config.routes()?;
    let own = config.self_dsn.as_deref().map(dsn).transpose()?;
    let dsns: Vec<Dsn> = routes.dsns().iter().chain(&own).cloned().collect();
    let sender = if dsns.is_empty() { None } else { Some(sender(&dsns, &config.delivery)?) };
    let server_name = config.event.server_name.clone().or_else(super::events::hostname);
    config.store.own = own.map(|own| Own { dsn_key: deliver::dsn_key(&own), server_name });
    let hooks = hooks(&config, routes, arguments.since)?;
    let state_dir = state_dir::resolve(arguments.state_dir.as_deref().or(config.state_dir.as_deref()));
    let mut store = Store::open(&state_dir)?.with(config.store.clone(), config.dedupe.clone());
    store.configure(&dsns.iter().map(deliver::dsn_key).collect::<Vec<_>>())?;
    let (counters, reads) = Default::default();
    arguments.listen.start(&state_dir, &config, &counters, &reads)?;
    let current = env::current_dir()?;
    let own = vec![std::path::absolute(&state_dir)?];
    let mut tail = Tail::new(config.tail.clone(), store.checkpoints()?, &current, own)?;
    if wants_stdin {
        tail.add_stdin();
    }
    if !arguments.journald.is_empty() {
        let started = tail.add_journal(&arguments.journald, arguments.once);
        started.map_err(|error| format!("journalctl cannot be started ({error}): is systemd on this host?"))?;
    }
    let in_flight = config.delivery.max_in_flight;
    let release_marker = super::events::release_marker(&config)?;
    let (settings, formats) = (config.tail, config.formats);
    let parts =
        Parts { tail, settings, formats, policy, hooks, release_marker, in_flight, reads, once: arguments.once };
    Ok(Prepared { parts, store, sender, counters, crashes })
}

pub(super) fn dsn(text: &str) -> Result<Dsn, Box<dyn Error>> {
    text.parse().map_err(|error| format!("the DSN is not one ({error}): copy it from the project's settings").into())
}

pub(super) fn sender(dsns: &[Dsn], settings: &deliver::Settings) -> Result<Sender, Box<dyn Error>> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("{}: delivery.ca_file: {}", path.display(), super::reason(&error)))
    };
    let authorities = settings.ca_file.as_ref().map(read).transpose()?;
    Ok(Sender::new(dsns, settings, authorities.as_deref())?)
}

fn hooks(config: &Config, routes: Routes, since: Option<SignedDuration>) -> Result<Hooks, Box<dyn Error>> {
    let builder = super::events::builder(config)?;
    let is_shown = routes.dsns().is_empty();
    Ok(Hooks {
        event_of: Box::new(move |finding, repeats| event_of(&builder, finding, repeats)),
        admit: Box::new(move |finding| {
            finding.dsn_key = routes.of(&finding.record, finding.verdict.effects.dsn.as_deref()).cloned();
            admit(finding, since);
        }),
        committed: Box::new(move |_, committed| {
            if is_shown {
                // Whoever closed our output is not interested.
                let _ = show(committed);
            }
        }),
    })
}

fn event_of(builder: &Builder, finding: &Finding, repeats: &Repeats) -> Built {
    let (event, body) = builder.written(&finding.record, &finding.verdict, Some(repeats), Timestamp::now());
    Built { event_id: event.event_id, body }
}

/// Keeps out what the log dates before `since`.
fn admit(finding: &mut Finding, since: Option<SignedDuration>) {
    let Some(since) = since else { return };
    let Some(time) = finding.record.timestamp.as_deref().and_then(time) else { return };
    let age = Timestamp::now().duration_since(time);
    if finding.verdict.action == Action::Send && age > since {
        finding.verdict.action = Action::Drop;
        finding.verdict.dropped = Some("since");
        finding.verdict.reasons.push("the log dates it before --since".to_owned());
    }
}

/// RFC 3339; without an offset, UTC.
fn time(text: &str) -> Option<Timestamp> {
    let civil = || jiff::tz::TimeZone::UTC.to_timestamp(text.parse().ok()?).ok();
    text.parse().ok().or_else(civil)
}

/// New issues, and those that came back, on the screen.
fn show(committed: &Committed) -> io::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    for (word, rows) in [("new issue", &committed.new), ("back again", &committed.regressed)] {
        for row in rows {
            let finding = committed.told.iter().find(|finding| finding.fingerprint.0 == row.fingerprint);
            if let Some(finding) = finding {
                write!(out, "{word} {}: ", row.id)?;
                pretty::print(&mut out, finding)?;
            }
        }
    }
    out.flush()
}

/// The last words.
fn sum_up(store: &Store) {
    let Ok(issues) = store.issues(&Filter::default(), Timestamp::now()) else { return };
    let events: u64 = issues.iter().map(|issue| issue.events).sum();
    super::say(format_args!("{} issues, {events} occurrences, in {}", issues.len(), store.path().display()));
}

/// The agent's own log, on standard error: as much as `ERRTAIL_LOG` asks for, else from `info` on.
fn start_log() -> Result<(), Box<dyn Error>> {
    let filter = match env::var("ERRTAIL_LOG") {
        Ok(levels) if !levels.is_empty() => log_levels(&levels).ok_or_else(|| {
            format!("ERRTAIL_LOG={levels}: write a level (`warn`), or levels of rooms (`info,errtail::tail=debug`)")
        })?,
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    let log = tracing_subscriber::fmt::layer().with_writer(Mutex::new(io::stderr()));
    let started = tracing_subscriber::registry().with(log).with(filter).try_init();
    // Only a second one could fail.
    drop(started);
    Ok(())
}

/// A word that is no level would be taken for a room, and nothing else be logged.
fn log_levels(text: &str) -> Option<Targets> {
    let is_known = |part: &str| {
        let part = part.trim();
        part.contains('=') || part.starts_with("errtail") || part.parse::<LevelFilter>().is_ok()
    };
    text.split(',').all(is_known).then(|| text.parse().ok()).flatten()
}
