//! A finding for people: type, message, the first frame of one's own, the causes, the verdict and why.
//!
//! In: a `Finding`. Out: a few coloured lines; whoever writes them to something that is no terminal takes the
//! colours out. Invariant: text of a log cannot steer the terminal: control characters are made visible. Does not judge.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use errtail_parsers::{Exception, Record};

use crate::issue;
use crate::pipeline::Finding;
use crate::policy::Action;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Lines of a message that are shown; the rest is counted.
const MESSAGE_LINES: usize = 6;

/// Prints one finding as a block that ends with an empty line.
///
/// # Errors
/// `out` cannot be written.
pub(super) fn print(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let record = &finding.record;
    chain(out, record)?;
    let verdict = &finding.verdict;
    let (word, style) = match verdict.action {
        Action::Send => ("send", GREEN),
        Action::Drop => ("drop", YELLOW),
        Action::Duplicate => ("duplicate", YELLOW),
    };
    let handled = match verdict.handled {
        Some(true) => "handled",
        Some(false) => "unhandled",
        None => "handled or not: the log does not tell",
    };
    let category = verdict.category.name();
    writeln!(out, "  {style}{word}{style:#} · {category} · {handled} · {DIM}{}{DIM:#}", finding.fingerprint.0)?;
    for reason in &verdict.reasons {
        writeln!(out, "    {DIM}{}{DIM:#}", visible(reason))?;
    }
    writeln!(out)
}

/// Prints what was found: the chain of exceptions, what is known of the entry, and what was not understood.
///
/// # Errors
/// `out` cannot be written.
pub(super) fn chain(out: &mut impl Write, record: &Record) -> io::Result<()> {
    for (index, exception) in record.exceptions.iter().enumerate() {
        let (label, style) = if index == 0 { ("", RED) } else { ("caused by ", BOLD) };
        writeln!(out, "{label}{style}{}{style:#}{}", visible(&exception.kind), message(exception))?;
        if let Some(place) = issue::culprit(exception, record.platform) {
            writeln!(out, "    at {}", visible(&place))?;
        }
    }
    writeln!(out, "  {DIM}{}{DIM:#}", about(record))?;
    for line in &record.unparsed {
        writeln!(out, "  {YELLOW}not understood:{YELLOW:#} {}", visible(line))?;
    }
    Ok(())
}

/// `: message`, with its further lines below it.
fn message(exception: &Exception) -> String {
    let mut lines = exception.message.lines();
    let Some(first) = lines.next().filter(|_| !exception.message.is_empty()) else { return String::new() };
    let mut text = format!(": {}", visible(first));
    for line in lines.by_ref().take(MESSAGE_LINES - 1) {
        let _ = write!(text, "\n    {}", visible(line));
    }
    match lines.count() {
        0 => {}
        more => drop(write!(text, "\n    {DIM}… {more} lines more{DIM:#}")),
    }
    text
}

/// Where the record stands and what else it says, in one line.
fn about(record: &Record) -> String {
    let source = &record.source;
    let mut parts = vec![format!("{}:{}", visible(&source.path), source.first_line)];
    parts.extend(record.timestamp.clone());
    parts.extend(record.level.map(|level| format!("{level:?}").to_lowercase()));
    parts.push(record.format.clone());
    parts.extend(record.environment.as_deref().map(visible));
    parts.extend(record.logger.as_deref().map(visible));
    if let Some(request) = &record.request {
        let words =
            [request.method.clone(), request.url.as_deref().map(visible), request.status.map(|s| s.to_string())];
        parts.push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    if let Some(id) = record.user.as_ref().and_then(|user| user.id.as_deref().or(user.username.as_deref())) {
        parts.push(format!("user {}", visible(id)));
    }
    parts.join(" · ")
}

/// Text of a log, with control characters made visible.
pub(super) fn visible(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn a_log_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[31mred\u{7f}\u{9b}\tb"), "a␛[31mred\u{fffd}\u{fffd} b");
    }
}
