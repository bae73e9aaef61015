//! tslog's pretty print, whose calls are bulleted lines.
//!
//! In: lines, and the one that says `error stack:`. Out: the trace. Invariant: only the bullets and their places
//! are calls. Does not read tslog's JSON.

use super::error::frame_of;
use super::text::Trace;
use super::{head, stack};
use crate::{CauseOf, Exception, Frame};

/// The trace in tslog's form.
//  CardError  card declined, CardError, 402 / error stack: /   • pay.js⇥Object.charge / ⇥app/pay.js:164
pub(crate) fn tslog(lines: &[&str], hit: usize) -> Option<Trace> {
    if lines[hit].trim() != "error stack:" {
        return None;
    }
    let head = hit.checked_sub(1)?;
    let (kind, rest) = lines[head].trim().split_once("  ")?;
    let mut exceptions =
        vec![Exception { kind: kind.to_owned(), message: message(rest, kind).to_owned(), ..Exception::default() }];
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
    let before = (head > 0).then(|| lines[0].trim().to_owned()).filter(|words| !words.is_empty());
    Some(Trace { exceptions, lines: 0..line, head: 0, before, ..Trace::default() })
}

/// The message, without the values of the error's properties that tslog puts behind it: the type's name is one of
/// them, numbers may stand before it.
fn message<'a>(text: &'a str, kind: &str) -> &'a str {
    let mark = format!(", {kind}");
    let ends = |at: usize| matches!(text.as_bytes().get(at + mark.len()), None | Some(b','));
    let Some(at) = text.find(&mark).filter(|at| ends(*at)) else { return text };
    let mut message = &text[..at];
    while let Some((rest, last)) = message.rsplit_once(", ") {
        if last.is_empty() || !last.bytes().all(|c| c.is_ascii_digit()) {
            break;
        }
        message = rest;
    }
    message
}

fn calls(lines: &[&str], from: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut line = from;
    while let [call, place] = lines.get(line..line + 2).unwrap_or(&[]) {
        let Some((_, function)) = call.trim_start().strip_prefix("• ").and_then(|text| text.split_once('\t')) else {
            break;
        };
        let Some(frame) = frame_of(place.trim(), Some(function.trim())) else { break };
        frames.push(frame);
        line += 2;
    }
    (frames, line)
}
