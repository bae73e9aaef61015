//! The runtime's own deaths: what it prints when no exception can be thrown any more.
//!
//! In: lines. Out: a record with the exception that the runtime names, or the one that stands for it. Invariant: its
//! words stand alone at the beginning of a line. The entry before them has nothing to do with them.

use super::{head, line, record, trace};
use crate::assemble::Found;
use crate::record::Exception;

/// How far above a frame its announcement may stand, in lines that are no frames.
const QUIET_LINES: usize = 12;

/// The death announced at the hit, or above the frames at the hit.
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let start = announcement(lines, hit)?;
    let text = lines[start].trim_start_matches('\u{feff}').trim_end();
    let mut said = None;
    let (mut exceptions, end) = if text == "Out of memory." {
        (vec![named("System.OutOfMemoryException", text)], start + 1)
    } else if text == "Stack overflow." || text.starts_with("Process is terminating due to StackOverflow") {
        stack_overflow(lines, start)
    } else if let Some(message) = text.strip_prefix("Process terminated.") {
        said = Some(message.trim().to_owned()).filter(|message| !message.is_empty());
        fail_fast(lines, start, message.trim())
    } else {
        fatal_error(lines, start)?
    };
    for exception in &mut exceptions {
        exception.message.truncate(exception.message.trim_end().len());
    }
    let mut record = record(exceptions);
    record.format = "dotnet-crash".to_owned();
    record.message = said;
    record.found_by("dotnet.fatal", Some(false));
    Some(Found { record, lines: start..end, has_header: false })
}

// Unhandled exception. System.IO.FileNotFoundException: Could not load file or assembly 'Shop.Tax'. …
/// A crash of which the runtime printed no call: before the program's first, or where calls were stripped.
pub(super) fn without_calls(lines: &[&str], hit: usize) -> Option<Found> {
    let line = lines[hit];
    let after = head::after_banner(line)?;
    let (at, offset) = if after.is_empty() { (hit + 1, 0) } else { (hit, line.len() - after.len()) };
    head::at_start(lines.get(at)?.get(offset..)?).filter(|head| head.strong && head.kind.contains('.'))?;
    // The name of a missing file may follow; what stands further behind is another's.
    let trace = trace::read(&lines[..lines.len().min(at + 2)], at, offset, 0);
    let mono = at > hit || line.contains("FATAL");
    let mut record = record(trace.exceptions);
    record.format = if mono { "mono-crash" } else { "dotnet-crash" }.to_owned();
    record.found_by(if mono { "mono.crash" } else { "dotnet.crash" }, Some(false));
    Some(Found { record, lines: hit..trace.end.max(at + 1), has_header: false })
}

/// The line of the announcement at the hit or above it.
fn announcement(lines: &[&str], hit: usize) -> Option<usize> {
    let mut quiet = 0;
    for at in (0..=hit).rev() {
        let text = lines[at].trim_start_matches('\u{feff}').trim_end();
        let named = matches!(text, "Out of memory." | "Stack overflow." | "Fatal error.")
            || text.starts_with("Fatal error. ")
            || text.starts_with("Process terminated.")
            || text.starts_with("Process is terminating due to StackOverflow");
        if named {
            return Some(at);
        }
        if at < hit && !line::is_trace(lines[at]) {
            quiet += 1;
        }
        if quiet > QUIET_LINES || text.is_empty() && at < hit {
            return None;
        }
    }
    None
}

fn named(kind: &str, message: &str) -> Exception {
    Exception { kind: kind.to_owned(), message: message.to_owned(), ..Exception::default() }
}

// Stack overflow. / Repeat 16167 times: / -------- / at … / -------- / at …
fn stack_overflow(lines: &[&str], start: usize) -> (Vec<Exception>, usize) {
    let mut exception = named("System.StackOverflowException", lines[start].trim());
    let mut end = start + 1;
    while let Some(text) = lines.get(end) {
        let trimmed = text.trim();
        if let line::Piece::Frame(frame, _) = line::piece(text) {
            exception.frames.push(frame);
        } else if trimmed.starts_with("Repeat") && trimmed.ends_with("times:") {
            exception.properties.push(("repeated".to_owned(), trimmed.to_owned()));
        } else if trimmed.len() < 8 || !trimmed.bytes().all(|b| b == b'-') {
            break;
        }
        end += 1;
    }
    (vec![exception], end)
}

// Process terminated. Cannot go on / at System.Environment.FailFast(String) / at … / Shop.CartException: … / at …
fn fail_fast(lines: &[&str], start: usize, message: &str) -> (Vec<Exception>, usize) {
    let mut message = message.to_owned();
    let mut at = start + 1;
    while let Some(text) = lines.get(at).filter(|text| !line::is_trace(text) && !text.trim().is_empty()) {
        if head::at_start(text).is_some_and(|head| head.strong) || at > start + 40 {
            break;
        }
        if !message.is_empty() {
            message.push('\n');
        }
        message.push_str(text);
        at += 1;
    }
    let (mut outer, mut end) = (named("FailFast", &message), at);
    if lines.get(at).is_some_and(|text| line::is_trace(text)) {
        let own = trace::read_frames(lines, at);
        outer.frames = own.exceptions.into_iter().next().unwrap_or_default().frames;
        end = own.end;
    }
    let cause = lines.get(end).filter(|text| head::at_start(text).is_some_and(|head| head.strong));
    if cause.is_some() {
        let given = trace::read(lines, end, 0, 0);
        return (given.exceptions, given.end);
    }
    (vec![outer], end)
}

// Fatal error. System.AccessViolationException: … / at … · Fatal error. / System.AccessViolationException: … / at …
fn fatal_error(lines: &[&str], start: usize) -> Option<(Vec<Exception>, usize)> {
    let offset = lines[start].find("Fatal error.")? + "Fatal error.".len();
    let rest = &lines[start][offset..];
    let (at, offset) = match rest.trim() {
        "" => (start + 1, 0),
        _ => (start, offset + rest.len() - rest.trim_start().len()),
    };
    let text = lines.get(at)?.get(offset..)?;
    let mut trace = trace::read(lines, at, offset, 0);
    let exception = trace.exceptions.first_mut()?;
    if head::at_start(text).is_none() {
        // Fatal error. Internal CLR error. (0x80131506)
        if !text.contains("CLR") && exception.frames.is_empty() {
            return None;
        }
        exception.kind = "System.ExecutionEngineException".to_owned();
    }
    Some((trace.exceptions, trace.end))
}
