//! tslog's pretty print, whose calls are bulleted lines.
//!
//! In: lines, and the one that says `error stack:`. Out: the trace. Invariant: only the bullets and their places
//! are calls. Does not read tslog's JSON.

use super::error::frame_of;
use super::text::Trace;
use super::{head, stack};
use crate::{CauseOf, Exception, Frame};

/// Lines that a message and the details below it may have.
const MESSAGE_LINES: usize = 60;
/// Lines of an excerpt of the source.
const EXCERPT_LINES: usize = 24;

/// The trace in tslog's form.
//  CardError  card declined, CardError, 402 / error stack: /   • pay.js⇥Object.charge / ⇥app/pay.js:164
pub(crate) fn tslog(lines: &[&str], hit: usize) -> Option<Trace> {
    if lines[hit].trim() != "error stack:" {
        return None;
    }
    let (head, kind, first) = (hit.saturating_sub(MESSAGE_LINES)..hit)
        .rev()
        .find_map(|line| named(lines[line]).map(|(k, m)| (line, k, m)))?;
    let details = (head..hit).find(|line| lines[*line] == "details:").unwrap_or(hit);
    let rest = lines[head + 1..details].iter().copied();
    let text = std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n");
    let message = without_values(text.trim_end(), kind).to_owned();
    let mut exceptions = vec![Exception { kind: kind.to_owned(), message, ..Exception::default() }];
    let mut line = hit + 1;
    loop {
        let (frames, next) = calls(lines, line);
        exceptions.last_mut()?.frames = frames.into();
        line = next;
        // Caused by (1): TypeError: x
        let Some((_, cause)) = lines.get(line).and_then(|text| text.strip_prefix("Caused by (")?.split_once("): "))
        else {
            break;
        };
        let text = stack::parse(cause, None);
        let source = head::at_start(cause, true).map_or(cause, |head| head.message);
        let cause_of = Some(CauseOf { parent: exceptions.len() - 1, source: "cause".to_owned() });
        exceptions.push(Exception { kind: text.kind, message: source.to_owned(), cause_of, ..Exception::default() });
        line += 1;
    }
    exceptions.first().filter(|first| !first.frames.is_empty())?;
    line += excerpt(&lines[line..]);
    let before = (head > 0).then(|| lines[0].trim().to_owned()).filter(|words| !words.is_empty());
    Some(Trace { exceptions, lines: 0..line, head: 0, before, ..Trace::default() })
}

/// The type and the message's first line.
//  TypeError  order is not defined
fn named(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix(' ').unwrap_or(line);
    let (kind, message) = line.split_once("  ")?;
    let is_name = !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || "_$.".contains(c));
    is_name.then_some((kind, message))
}

/// The message, without the values of the error's properties that tslog puts behind it: the type's name is one of
/// them, numbers may stand before it; those of the system are a number, a code and a call.
// card declined, CardError, 402 · connect ECONNREFUSED 10.0.0.7:6379, -111, ECONNREFUSED, connect, 10.0.0.7, 6379
fn without_values<'a>(text: &'a str, kind: &str) -> &'a str {
    let mark = format!(", {kind}");
    let ends = |at: usize| matches!(text.as_bytes().get(at + mark.len()), None | Some(b','));
    let system = || {
        text.match_indices(", -").map(|(at, _)| at).find(|at| {
            let rest = text[at + 3..].trim_start_matches(|c: char| c.is_ascii_digit());
            rest.strip_prefix(", E").is_some_and(|code| code.starts_with(|c: char| c.is_ascii_uppercase()))
        })
    };
    let Some(at) = text.find(&mark).filter(|at| ends(*at)).or_else(system) else { return text };
    let mut message = &text[..at];
    while let Some((rest, last)) = message.rsplit_once(", ") {
        if last.is_empty() || !last.bytes().all(|c| c.is_ascii_digit()) {
            break;
        }
        message = rest;
    }
    message
}

/// Calls of two lines each, between which a blank line may stand; and the line behind them.
//   • pay.js⇥Object.charge / ⇥app/pay.js:164 · • pay.js:164 charge /     app/pay.js:164:9
fn calls(lines: &[&str], from: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut line = from;
    while let [call, place] = lines.get(line..line + 2).unwrap_or(&[]) {
        let Some(call) = call.trim_start().strip_prefix("• ") else { break };
        let Some((file, function)) = call.split_once(['\t', ' ']) else { break };
        let function = Some(function.trim()).filter(|name| !matches!(*name, "<anonymous>" | ""));
        // The engine's own functions have no place, and neither has the message, which is printed as a call, too.
        let is_placeless = place.starts_with('\t') && place.trim().is_empty();
        match frame_of(if is_placeless { file } else { place.trim() }, function) {
            Some(frame) => frames.push(frame),
            None if is_placeless => {}
            None => break,
        }
        line += 2;
        line += usize::from(matches!(lines.get(line..), Some(["", next, ..]) if next.starts_with("• ")));
    }
    (frames, line)
}

/// How many lines an excerpt of the source takes that follows the calls.
// code frame: / > 012 |  charge(card) { throw new CardError('no') }
fn excerpt(lines: &[&str]) -> usize {
    match lines {
        ["", "code frame:", rest @ ..] | ["code frame:", rest @ ..] => {
            let rows = rest.iter().take(EXCERPT_LINES).take_while(|line| !line.trim().is_empty()).count();
            lines.len() - rest.len() + rows
        }
        _ => 0,
    }
}
