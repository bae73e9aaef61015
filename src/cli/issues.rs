//! `errtail issues`: the board in the terminal, and what people say of an issue.
//!
//! In: the local store, beside a running agent or without one. Out: a table, JSON, one issue's page; states changed.
//! Invariant: text of a log cannot steer the terminal. Does not send.

mod show;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ConfigOption;
use super::pretty::visible;
use crate::issue::State;
use crate::state_dir;
use crate::store::{Filter, IssueRow, Sort, Store, StoreError};

/// Characters of a message in the table.
const MESSAGE_CHARS: usize = 90;
/// The heights of a sparkline's columns; an hour without an occurrence is the first.
const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Arguments of `errtail issues`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    store: StoreOption,
}

/// Which store; an option of each subcommand.
#[derive(Args)]
pub(super) struct StoreOption {
    /// Directory of the store
    #[arg(long, value_name = "DIRECTORY", global = true)]
    state_dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Args)]
struct List {
    /// Order, the greatest first
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Only of this category
    #[arg(long, value_parser = ["defect", "infra", "integration"])]
    category: Option<String>,
    /// Only in this state; may be given more than once
    #[arg(long, value_enum)]
    state: Vec<State>,
    /// Only found in files whose path holds this
    #[arg(long, value_name = "TEXT")]
    file: Option<String>,
    /// Only whose type, message or culprit holds this
    #[arg(long)]
    text: Option<String>,
    /// What nobody has resolved or ignored, oldest first
    #[arg(long, conflicts_with_all = ["state", "sort"])]
    stale: bool,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    limit: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// How issues are printed.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Subcommand)]
enum Action {
    /// Show all that is kept of one issue
    Show {
        /// Short id, or the beginning of the fingerprint
        id: String,
    },
    /// Mark as mended: silent until it comes back, which is then marked as a regression
    Resolve {
        /// Short ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Count, but do not send
    Ignore {
        /// Short ids
        #[arg(required = true)]
        ids: Vec<String>,
        /// Until a time (`2027-01-31`, `2027-01-31T08:00Z`) or for a span (`12h`, `7d`)
        #[arg(long, value_parser = parse_until)]
        until: Option<Until>,
        /// For so many further occurrences
        #[arg(long, value_name = "NUMBER", conflicts_with = "until")]
        events: Option<u64>,
    },
    /// Take back what was said of an issue
    Reopen {
        /// Short ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// The end of ignoring.
#[derive(Clone, Copy)]
enum Until {
    At(Timestamp),
    In(SignedDuration),
}

/// Runs `errtail issues`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut store = match arguments.store.open() {
        Ok(store) => store,
        Err(status) => return status,
    };
    let now = Timestamp::now();
    let done = match &arguments.action {
        None => list(&store, &arguments.list, now),
        Some(Action::Show { id }) => show(&store, id, now),
        Some(Action::Resolve { ids }) => each(ids, "resolved", |id| store.resolve(id, now)),
        Some(Action::Reopen { ids }) => each(ids, "reopened", |id| store.reopen(id)),
        Some(Action::Ignore { ids, until, events }) => {
            let until = until.map(|until| until.time(now));
            if until.is_some_and(|until| until <= now) {
                return super::usage_error(&io::Error::other(
                    "--until lies in the past; `errtail issues reopen` ends it at once",
                ));
            }
            each(ids, "ignored", |id| store.ignore(id, until, *events))
        }
    };
    super::finish(done)
}

impl StoreOption {
    /// Opens the store, or says why not.
    pub(super) fn open(&self) -> Result<Store, ExitCode> {
        let config = self.config.load().map_err(|error| super::usage_error(&error))?;
        let configured = self.state_dir.as_deref().or(config.state_dir.as_deref());
        let store = Store::open_shared(&state_dir::resolve(configured));
        let store = store.map_err(|error| super::usage_error(&error))?;
        Ok(store.with(config.store, config.dedupe))
    }
}

impl Until {
    fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Until::At(time) => time,
            Until::In(span) => now.checked_add(span).unwrap_or(Timestamp::MAX),
        }
    }
}

fn parse_until(text: &str) -> Result<Until, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Until::At(time));
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        let time = TimeZone::system().to_timestamp(local).map_err(|error| error.to_string())?;
        return Ok(Until::At(time));
    }
    let span = match text.strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => days.checked_mul(24).map(SignedDuration::from_hours),
        _ => text.parse().ok(),
    };
    span.filter(SignedDuration::is_positive)
        .map(Until::In)
        .ok_or_else(|| "not a time, and not a span such as 12h or 7d".to_owned())
}

/// Changes the state of each issue; one that is not there is said, and costs exit status 1.
fn each(
    ids: &[String],
    done: &str,
    mut change: impl FnMut(&str) -> Result<bool, StoreError>,
) -> Result<ExitCode, super::Failure> {
    let mut status = ExitCode::SUCCESS;
    for id in ids {
        if change(id)? {
            super::say(format_args!("{id}: {done}"));
        } else {
            eprintln!("errtail: {id}: no such issue; `errtail issues` lists them");
            status = ExitCode::FAILURE;
        }
    }
    Ok(status)
}

fn show(store: &Store, id: &str, now: Timestamp) -> Result<ExitCode, super::Failure> {
    let Some(page) = store.issue(id, now)? else {
        eprintln!("errtail: {id}: no such issue; `errtail issues` lists them");
        return Ok(ExitCode::FAILURE);
    };
    show::print(&mut anstream::stdout().lock(), &page, now)?;
    Ok(ExitCode::SUCCESS)
}

fn list(store: &Store, list: &List, now: Timestamp) -> Result<ExitCode, super::Failure> {
    let states = if list.stale { vec![State::Unresolved, State::Regressed] } else { list.state.clone() };
    let filter = Filter {
        states,
        category: list.category.clone(),
        file: list.file.clone(),
        text: list.text.clone(),
        sort: if list.stale { Sort::Oldest } else { list.sort },
        limit: list.limit,
        offset: 0,
    };
    let rows = store.issues(&filter, now)?;
    let mut out = io::stdout().lock();
    match list.output {
        Output::Json => {
            serde_json::to_writer(&mut out, &rows).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Output::Table if rows.is_empty() => writeln!(out, "no issues")?,
        Output::Table => writeln!(out, "{}", table(store, &rows, now)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(store: &Store, rows: &[IssueRow], now: Timestamp) -> Result<Table, StoreError> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header([
        "id",
        "category",
        "issue",
        "events",
        "users",
        "last 24 hours",
        "first seen",
        "last seen",
        "state",
    ]);
    for row in rows {
        let number = |number: u64| Cell::new(number).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(&row.id),
            Cell::new(&row.category),
            Cell::new(title(row)),
            number(row.events),
            number(row.users),
            Cell::new(sparkline(&store.hours(&row.id, now)?)),
            Cell::new(ago(row.first_seen, now)),
            Cell::new(ago(row.last_seen, now)),
            Cell::new(row.state.as_str()),
        ]);
    }
    Ok(table)
}

/// `Type: message`, in one line.
pub(super) fn title(row: &IssueRow) -> String {
    let message: String = visible(row.message.lines().next().unwrap_or("")).chars().take(MESSAGE_CHARS).collect();
    if message.is_empty() { visible(&row.kind) } else { format!("{}: {message}", visible(&row.kind)) }
}

/// One column an hour, as high as its share of the highest.
pub(super) fn sparkline(hours: &[u64]) -> String {
    let highest = hours.iter().copied().max().unwrap_or(0).max(1);
    let bar = |events: u64| {
        let height = (u128::from(events) * 8).div_ceil(u128::from(highest));
        BARS[usize::try_from(height).unwrap_or(8).min(8)]
    };
    hours.iter().map(|events| bar(*events)).collect()
}

/// How long ago, in the one unit that says enough.
pub(super) fn ago(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs().max(0);
    match seconds {
        0..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_show_shares() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), "·▁▄█");
        assert_eq!(sparkline(&[0, 0]), "··");
        assert_eq!(sparkline(&[1, u64::MAX]), "▁█");
    }

    #[test]
    fn ends_of_ignoring_are_times_or_spans() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let seconds = |text| parse_until(text).map(|until| until.time(now).as_second() - 1_800_000_000);
        assert_eq!(seconds("7d"), Ok(7 * 86_400));
        assert_eq!(seconds("12h"), Ok(12 * 3_600));
        assert_eq!(seconds("2027-01-15T08:00:10Z"), Ok(10));
        assert!(seconds("soon").is_err() && seconds("-1h").is_err());
    }
}
