//! `errtail status`: one look at the agent through its store.
//!
//! In: the local store and the sizes of the watched files. Out: tables, or JSON; what Sentry refused, queued again
//! where that is asked for. Invariant: text of a log cannot steer the terminal. Does not send.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::json;

use super::issues::{Output, StoreOption, ago};
use super::pretty::visible;
use crate::store::{Agent, Destination, Status, Store};

/// Arguments of `errtail status`.
#[derive(Args)]
pub(super) struct Arguments {
    /// List the events that Sentry refused, and why
    #[arg(long)]
    failed: bool,
    /// Queue the refused events again
    #[arg(long, conflicts_with = "failed")]
    retry_failed: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    store: StoreOption,
}

/// Runs `errtail status`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut store = match arguments.store.open() {
        Ok(store) => store,
        Err(status) => return status,
    };
    let now = Timestamp::now();
    super::finish(if arguments.retry_failed {
        retry(&mut store)
    } else if arguments.failed {
        failed(&store, arguments.output, now)
    } else {
        status(&store, arguments.output, now)
    })
}

fn retry(store: &mut Store) -> Result<ExitCode, super::Failure> {
    super::say(format_args!("{} events queued again", store.retry_failed()?));
    Ok(ExitCode::SUCCESS)
}

fn failed(store: &Store, output: Output, now: Timestamp) -> Result<ExitCode, super::Failure> {
    let failed = store.failed()?;
    let mut out = io::stdout().lock();
    if output == Output::Json {
        let rows = failed.iter().map(|event| {
            json!({
                "event_id": event.event_id, "dsn": event.dsn_key, "created": event.created_at.to_string(),
                "attempts": event.attempts, "bytes": event.bytes, "why": event.why,
            })
        });
        writeln!(out, "{}", serde_json::Value::Array(rows.collect()))?;
    } else if failed.is_empty() {
        writeln!(out, "no event was refused")?;
    } else {
        let mut table = plain_table(&["event", "dsn", "found", "attempts", "bytes", "why"]);
        for event in &failed {
            table.add_row([
                visible(&event.event_id),
                visible(&event.dsn_key),
                ago(event.created_at, now),
                event.attempts.to_string(),
                event.bytes.to_string(),
                visible(&event.why),
            ]);
        }
        writeln!(out, "{table}\n`errtail status --retry-failed` queues them again")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status(store: &Store, output: Output, now: Timestamp) -> Result<ExitCode, super::Failure> {
    let (status, agent) = (store.status(now)?, store.agent());
    let mut out = io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", as_json(&status, &agent))?,
        Output::Table => for_people(&mut out, store, &status, &agent, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(status: &Status, agent: &Agent) -> serde_json::Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let files = status.checkpoints.iter().map(|file| {
        json!({"path": file.path.to_string_lossy(), "offset": file.offset, "line": file.line, "lag_bytes": file.lag(), "ledger": file.ledger})
    });
    let destinations = status.destinations.iter().map(|to| {
        json!({
            "dsn": to.dsn_key, "waiting": to.waiting, "sent": to.sent, "last_sent": time(to.last_sent_at),
            "held_until": time(to.held.as_ref().map(|held| held.0)), "held_why": to.held.as_ref().map(|held| &held.1),
            "last_error": to.last_error.as_ref().map(|error| &error.1),
            "last_error_at": time(to.last_error.as_ref().map(|error| error.0)), "hour_events": to.hour_events,
        })
    });
    let outcomes = status
        .outcomes
        .iter()
        .map(|count| json!({"outcome": count.outcome, "reason": count.reason, "records": count.records}));
    json!({
        "agent": match agent {
            Agent::Running(pid) => json!({"running": true, "pid": pid}),
            Agent::Stopped => json!({"running": false, "pid": null}),
        },
        "outbox": {"events": status.outbox.events, "bytes": status.outbox.bytes, "full": status.outbox.is_full,
                   "oldest": time(status.oldest), "failed": status.failed},
        "issues": status.issues.iter().map(|(state, count)| (state.clone(), json!(count))).collect::<serde_json::Map<_, _>>(),
        "gaps": {
            "totals": status.gap_totals.iter().map(|total| json!({"cause": total.cause, "gaps": total.gaps, "bytes": total.bytes})).collect::<Vec<_>>(),
            "newest": status.gaps.iter().map(|gap| json!({"found": gap.found_at.to_string(), "path": gap.path, "offset": gap.offset, "bytes": gap.bytes, "cause": gap.cause})).collect::<Vec<_>>(),
        },
        "files": files.collect::<Vec<_>>(),
        "destinations": destinations.collect::<Vec<_>>(),
        "outcomes": outcomes.collect::<Vec<_>>(),
    })
}

fn for_people(out: &mut impl Write, store: &Store, status: &Status, agent: &Agent, now: Timestamp) -> io::Result<()> {
    match agent {
        Agent::Running(Some(pid)) => writeln!(out, "agent: running (process {pid})")?,
        Agent::Running(None) => writeln!(out, "agent: running")?,
        Agent::Stopped => writeln!(out, "agent: not running")?,
    }
    writeln!(out, "store: {}", store.path().display())?;
    let issues: Vec<String> = status.issues.iter().map(|(state, count)| format!("{count} {state}")).collect();
    writeln!(out, "issues: {}", if issues.is_empty() { "none".to_owned() } else { issues.join(", ") })?;
    let oldest = status.oldest.map(|oldest| format!(", the oldest from {}", ago(oldest, now))).unwrap_or_default();
    let full = if status.outbox.is_full { "; full: reading waits" } else { "" };
    writeln!(out, "outbox: {} events, {} bytes{oldest}{full}", status.outbox.events, status.outbox.bytes)?;
    if status.failed > 0 {
        writeln!(out, "refused by Sentry: {} events; `errtail status --failed` lists them", status.failed)?;
    }
    if !status.destinations.is_empty() {
        let mut table = plain_table(&["dsn", "waiting", "sent", "this hour", "held", "last error"]);
        for to in &status.destinations {
            table.add_row(destination(to, now));
        }
        writeln!(out, "\n{table}")?;
    }
    if !status.outcomes.is_empty() {
        let mut table = plain_table(&["records", "outcome", "why"]);
        for count in &status.outcomes {
            table.add_row([count.records.to_string(), count.outcome.clone(), count.reason.replace('_', " ")]);
        }
        writeln!(out, "\n{table}")?;
    }
    if !status.checkpoints.is_empty() {
        let mut table = plain_table(&["file", "read", "lag", "records", "skipped", "gaps", "stalls", "failed reads"]);
        for file in &status.checkpoints {
            let ledger = &file.ledger;
            let lag = file.lag().map_or_else(|| "gone".to_owned(), |bytes| bytes.to_string());
            let mut row = vec![visible(&file.path.display().to_string()), file.offset.to_string(), lag];
            row.extend(
                [ledger.records, ledger.bytes_skipped, ledger.gaps, ledger.stalls, ledger.failed_reads]
                    .map(|n| n.to_string()),
            );
            table.add_row(row);
        }
        writeln!(out, "\n{table}")?;
    }
    if !status.gaps.is_empty() {
        let mut table = plain_table(&["could not be read", "at byte", "bytes missing", "why", "found"]);
        for gap in &status.gaps {
            let bytes = gap.bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("at least {bytes}"));
            let why = gap.cause.replace('_', " ");
            table.add_row([visible(&gap.path), gap.offset.to_string(), bytes, why, ago(gap.found_at, now)]);
        }
        writeln!(out, "\n{table}")?;
    }
    Ok(())
}

fn destination(to: &Destination, now: Timestamp) -> [String; 6] {
    let held = to
        .held
        .as_ref()
        .map(|(until, why)| format!("for {} s: {}", until.duration_since(now).as_secs().max(0), visible(why)));
    let error = to.last_error.as_ref().map(|(at, what)| format!("{}, {}", visible(what), ago(*at, now)));
    [
        visible(&to.dsn_key),
        to.waiting.to_string(),
        to.sent.to_string(),
        to.hour_events.to_string(),
        held.unwrap_or_default(),
        error.unwrap_or_default(),
    ]
}

/// A table without lines, as wide as the terminal where there is one.
pub(super) fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}
