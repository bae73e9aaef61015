//! `errtail explain`: the way of each record through the policy, as a person would tell it.
//!
//! In: a log, one line of it where that is asked for. Out: step by step what was found, why it was judged so, and the
//! event that would be sent; or a table of the whole file. Invariant: text of a log cannot steer the terminal.
//! Touches neither the store nor the network.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment};
use jiff::Timestamp;

use super::pretty::{self, visible};
use super::status::plain_table;
use super::{ConfigOption, parse};
use crate::event::Builder;
use crate::pipeline::Finding;
use crate::policy::{Action, Category};

/// Issues that a summary names, those with the most records first.
const SHOWN_ISSUES: usize = 30;
/// Characters of an issue's title.
const TITLE_CHARS: usize = 110;

/// Arguments of `errtail explain`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Log file; `FILE:LINE` explains the record at that line
    #[arg(value_name = "FILE[:LINE]")]
    place: PathBuf,
    /// One table for the whole file instead
    #[arg(long)]
    summary: bool,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail explain`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (reading, builder) = match arguments.config.reading_and_builder() {
        Ok(made) => made,
        Err(error) => return super::usage_error(error.as_ref()),
    };
    let (path, line) = place(&arguments.place);
    let mut out = BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()));
    let mut summary = Summary::default();
    let mut explained = 0;
    let read = parse::read(&path, &reading, |finding| {
        let source = &finding.record.source;
        if arguments.summary {
            summary.count(&finding);
        } else if line.is_none_or(|line| (source.first_line..=source.last_line).contains(&line)) {
            explained += 1;
            explain(&mut out, &builder, &finding)?;
        }
        Ok(())
    });
    let read = read.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => error,
        _ => io::Error::new(error.kind(), format!("{}: {}", path.display(), super::reason(&error))),
    });
    let told = read.and_then(|_| match (arguments.summary, line) {
        (true, _) => summary.print(&mut out),
        (false, Some(line)) if explained == 0 => {
            Err(io::Error::other(format!("{}: no exception stands at line {line}", path.display())))
        }
        (false, None) if explained == 0 => writeln!(out, "No exception stands in {}.", path.display()),
        _ => Ok(()),
    });
    super::finish(told.and_then(|()| out.flush()).map(|()| ExitCode::SUCCESS).map_err(Box::from))
}

/// A file, and the line behind it where there is one; a file that is really called so is taken as it is.
fn place(argument: &Path) -> (PathBuf, Option<u64>) {
    let named = argument.to_str().and_then(|text| text.rsplit_once(':'));
    match named.and_then(|(path, line)| Some((PathBuf::from(path), line.parse().ok()?))) {
        Some((path, line)) if !argument.exists() => (path, Some(line)),
        _ => (argument.to_owned(), None),
    }
}

fn explain(out: &mut impl Write, builder: &Builder, finding: &Finding) -> io::Result<()> {
    let record = &finding.record;
    pretty::chain(out, record)?;
    let mut steps = vec![format!("found: lines {} to {}", record.source.first_line, record.source.last_line)];
    if let Some(message) = record.message.as_deref().filter(|message| !message.is_empty()) {
        steps.push(format!("logged as: {}", visible(message.lines().next().unwrap_or_default())));
    }
    steps.extend(finding.verdict.reasons.iter().map(|reason| visible(reason)));
    steps.push(format!("group: {}", finding.fingerprint.0));
    for (index, step) in steps.iter().enumerate() {
        writeln!(out, "  {:>2}. {step}", index + 1)?;
    }
    if finding.verdict.action == Action::Send {
        let event = builder.event(record, &finding.verdict, None, Timestamp::now());
        let json = serde_json::to_string_pretty(&event)?;
        writeln!(out, "  The event that would be sent:")?;
        json.lines().try_for_each(|line| writeln!(out, "      {line}"))?;
    }
    writeln!(out)
}

/// What a whole file comes to.
#[derive(Default)]
struct Summary {
    /// By outcome and its reason: records, and the groups that they fall into.
    rows: BTreeMap<(&'static str, String), (u64, BTreeSet<String>)>,
    /// What is sent, by its group.
    issues: BTreeMap<String, Issue>,
    records: u64,
}

/// An issue that would be made.
struct Issue {
    category: Category,
    title: String,
    records: u64,
}

impl Summary {
    fn count(&mut self, finding: &Finding) {
        self.records += 1;
        let verdict = &finding.verdict;
        let group = finding.fingerprint.0.clone();
        let (outcome, why) = match verdict.action {
            Action::Send => ("send", verdict.category.name().to_owned()),
            Action::Drop => {
                let last = verdict.reasons.last().map_or("", String::as_str);
                ("drop", last.strip_prefix("drop: ").unwrap_or(last).to_owned())
            }
            Action::Duplicate => ("duplicate", "another print of an occurrence".to_owned()),
        };
        if verdict.action == Action::Send {
            let new = || Issue { category: verdict.category, title: title(finding), records: 0 };
            self.issues.entry(group.clone()).or_insert_with(new).records += 1;
        }
        let (records, groups) = self.rows.entry((outcome, why)).or_default();
        *records += 1;
        groups.insert(group);
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut categories: BTreeMap<Category, usize> = BTreeMap::new();
        self.issues.values().for_each(|issue| *categories.entry(issue.category).or_default() += 1);
        let issues = self.issues.len();
        let parts: Vec<_> =
            categories.iter().map(|(category, issues)| format!("{issues} {}", category.name())).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        writeln!(out, "{} exceptions were found; {issues} issues would be made{parts}.", self.records)?;
        if self.records == 0 {
            return Ok(());
        }
        let mut table = plain_table(&["outcome", "why", "records", "share", "groups"]);
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(_, (records, _))| std::cmp::Reverse(*records));
        for ((outcome, why), (records, groups)) in rows {
            let share = format!("{} %", records * 100 / self.records);
            let numbers = [records.to_string(), share, groups.len().to_string()].map(number);
            table.add_row([Cell::new(outcome), Cell::new(visible(why))].into_iter().chain(numbers));
        }
        writeln!(out, "{table}")?;
        if self.issues.is_empty() {
            return Ok(());
        }
        let mut issues: Vec<&Issue> = self.issues.values().collect();
        issues.sort_by_key(|issue| std::cmp::Reverse(issue.records));
        let mut table = plain_table(&["records", "category", "issue"]);
        for issue in issues.iter().take(SHOWN_ISSUES) {
            let records = number(issue.records.to_string());
            table.add_row([records, Cell::new(issue.category.name()), Cell::new(&issue.title)]);
        }
        writeln!(out, "\n{table}")?;
        match issues.len().saturating_sub(SHOWN_ISSUES) {
            0 => Ok(()),
            more => writeln!(out, " … {more} issues more"),
        }
    }
}

/// `Type: message`, in one line.
fn title(finding: &Finding) -> String {
    let Some(exception) = finding.record.exceptions.first() else { return String::new() };
    let message = exception.message.lines().next().unwrap_or("");
    let title = if message.is_empty() { exception.kind.clone() } else { format!("{}: {message}", exception.kind) };
    visible(&title).chars().take(TITLE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_stand_behind_the_file() {
        assert_eq!(place(Path::new("no/such.log:12")), (PathBuf::from("no/such.log"), Some(12)));
        assert_eq!(place(Path::new("no/such.log")), (PathBuf::from("no/such.log"), None));
        assert_eq!(place(Path::new("C:\\no\\such.log")), (PathBuf::from("C:\\no\\such.log"), None));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.log:7");
        std::fs::write(&file, "").unwrap();
        assert_eq!(place(&file), (file.clone(), None));
    }
}
