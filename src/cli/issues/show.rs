//! One issue for people: what it is, how often, where, and the event that Sentry has of it.
//!
//! In: an `IssuePage`. Out: lines, coloured; whoever writes them to no terminal takes the colours out. Invariant:
//! text of a log cannot steer the terminal. Does not read the store.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::{ago, sparkline};
use crate::cli::pretty::visible;
use crate::store::{IssuePage, Sample, SampleFrame};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();

/// Prints an issue.
///
/// # Errors
/// `out` cannot be written.
pub(super) fn print(out: &mut impl Write, page: &IssuePage, now: Timestamp) -> io::Result<()> {
    let row = &page.row;
    writeln!(out, "{BOLD}issue {}{BOLD:#} · {} · {} · {}", row.id, row.state.as_str(), row.category, row.platform)?;
    writeln!(out, "{RED}{}{RED:#}: {}", visible(&row.kind), lines(&row.message))?;
    if let Some(culprit) = &row.culprit {
        writeln!(out, "    at {}", visible(culprit))?;
    }
    writeln!(out, "  {} events, {} users, {} sent", row.events, row.users, row.sent)?;
    writeln!(out, "  last 24 hours {}", sparkline(&page.hours))?;
    writeln!(
        out,
        "  first seen {:.0} ({}), last {:.0} ({})",
        row.first_seen,
        ago(row.first_seen, now),
        row.last_seen,
        ago(row.last_seen, now)
    )?;
    writeln!(out, "  {DIM}fingerprint {}{DIM:#}", row.fingerprint)?;
    if let Some(sample) = &page.sample {
        event(out, sample)?;
    }
    if !page.places.is_empty() {
        writeln!(out, "\n{BOLD}in the logs{BOLD:#}")?;
    }
    for place in &page.places {
        let host = if place.host.is_empty() { String::new() } else { format!(" on {}", visible(&place.host)) };
        writeln!(
            out,
            "  {}:{}{host}: {} events, last {}",
            visible(&place.path),
            place.line,
            place.events,
            ago(place.last_seen, now)
        )?;
    }
    if !page.event_ids.is_empty() {
        writeln!(out, "\n{BOLD}events at Sentry{BOLD:#}, newest first")?;
    }
    for id in &page.event_ids {
        writeln!(out, "  {}", visible(id))?;
    }
    Ok(())
}

fn event(out: &mut impl Write, sample: &Sample) -> io::Result<()> {
    for exception in &sample.exceptions {
        writeln!(out, "\n{BOLD}{}{BOLD:#}: {}", visible(&exception.kind), lines(&exception.value))?;
        for frame in &exception.frames {
            print_frame(out, frame)?;
        }
    }
    if !sample.facts.is_empty() {
        writeln!(out)?;
    }
    for (name, value) in &sample.facts {
        writeln!(out, "  {DIM}{}{DIM:#} {}", visible(name), visible(value))?;
    }
    if !sample.breadcrumbs.is_empty() {
        writeln!(out, "\n{BOLD}before it{BOLD:#}")?;
    }
    for breadcrumb in &sample.breadcrumbs {
        writeln!(
            out,
            "  {DIM}{}{DIM:#} {} {}",
            visible(&breadcrumb.time),
            visible(&breadcrumb.level),
            lines(&breadcrumb.message)
        )?;
    }
    Ok(())
}

fn print_frame(out: &mut impl Write, frame: &SampleFrame) -> io::Result<()> {
    let style = if frame.in_app { BOLD } else { DIM };
    writeln!(out, "    {style}{}{style:#} {DIM}{}{DIM:#}", visible(&frame.name), visible(&frame.place))?;
    for (number, line, is_it) in &frame.source {
        let mark = if *is_it { '>' } else { ' ' };
        writeln!(out, "      {mark} {number:>5} {}", visible(line))?;
    }
    Ok(())
}

/// A text with its line breaks, the further lines set in.
fn lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n    ")
}
