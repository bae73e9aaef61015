//! The text of an error's `stack`: message, then calls.
//!
//! In: the text (or the lines of a log that hold it). Out: type, message, frames, and the causes that loggers
//! append to it. Invariant: linear in the text. Does not read properties that stand behind the stack.

use std::cell::RefCell;

use super::frame::frame;
use super::head::{self, Head};
use super::run;
use crate::memo::Memo;
use crate::text::Literal;
use crate::{Frame, Frames};

/// One error's text, parsed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stack {
    /// The type that the first line names; empty where it names none.
    pub kind: String,
    /// `ERR_…`, where the first line holds it in brackets.
    pub code: Option<String>,
    /// The message, with its own line breaks.
    pub message: String,
    /// Whether the message is the one of the cause that the text names.
    pub is_borrowed: bool,
    /// Innermost call first.
    pub frames: Frames,
    /// Calls that the text leaves out because the cause's text has them: how many, and before which frame.
    pub elided: Option<(usize, usize)>,
    /// Lines between the frames that are none.
    pub unparsed: Vec<String>,
    /// What `caused by: ` introduces, outermost first.
    pub causes: Vec<Stack>,
}

/// Where properties begin behind a call.
pub(crate) static OBJECT: Literal = Literal::new(" {\"");
/// Causes that a logger may append.
const MAX_CAUSES: usize = 32;

/// What a line is within a stack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// A call.
    Call(Box<Frame>),
    /// `... 4 lines matching cause stack trace ...`
    Elided(usize),
    /// `Caused by: Error: x`, as libraries put it into their own stack.
    Caused,
    /// `From previous event:`, or a rule: more of the same error's calls follow.
    Earlier,
    /// Anything else.
    Other,
}

/// What Next prints for calls of libraries, where the error has no others.
pub(crate) const IGNORED: &str = "at ignore-listed frames";

/// Dashes of a rule between calls.
const RULE_BYTES: usize = 20;

fn is_rule(text: &str) -> bool {
    text.len() >= RULE_BYTES && text.bytes().all(|c| c == b'-')
}

/// Classifies a line of a stack; what follows the call on its line (` {`, `,`) is not looked at.
pub(crate) fn part(line: &str) -> Part {
    let text = line.trim();
    if text.starts_with(IGNORED) {
        return Part::Elided(0);
    }
    if text.starts_with("at ") {
        return frame(call_text(text)).map_or(Part::Other, |frame| Part::Call(Box::new(frame)));
    }
    if let Some(rest) = text.strip_prefix("... ")
        && let Some(count) = rest.split_once(" lines matching cause stack trace ...").map(|(count, _)| count)
    {
        return count.parse().map_or(Part::Other, Part::Elided);
    }
    if text.starts_with("Caused by: ") || text.starts_with("caused by: ") || text.starts_with("[cause]: ") {
        return Part::Caused;
    }
    // The calls that led to an asynchronous one: bluebird's, longjohn's, and mysql's.
    if text == "From previous event:" || is_rule(text) {
        return Part::Earlier;
    }
    Part::Other
}

thread_local! {
    /// Whether a text is a call.
    static CALLS: RefCell<Memo<bool>> = RefCell::new(Memo::new());
}

/// Whether a line is one of the source, as Next prints it behind the calls.
//   2309 |   } catch (error) { · > 2310 |     throw new Error('no bet'); ·        |           ^
pub(crate) fn is_excerpt(line: &str) -> bool {
    // Bun's, above an error, has no margin.
    if !line.starts_with("  ") && !line.starts_with("> ") {
        return false;
    }
    let text = line.trim_start_matches(['>', ' ']);
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = rest.len() < text.len();
    match rest.trim_start().strip_prefix('|') {
        Some(source) if numbered => source.is_empty() || source.starts_with(' '),
        Some(source) => source.trim().bytes().all(|c| c == b'^') && !source.trim().is_empty(),
        None => false,
    }
}

/// Whether a line is a call: as `part`, without the frame.
pub(crate) fn is_call(line: &str) -> bool {
    let text = line.trim();
    if !text.starts_with("at ") {
        return false;
    }
    CALLS.with_borrow_mut(|known| {
        known.get_or_keep(text.as_bytes(), || text.starts_with(IGNORED) || frame(call_text(text)).is_some())
    })
}

/// A text without the time since the line before, as Nest, debug and winston put it behind an entry.
// duplicate key value +12345ms
pub(crate) fn without_elapsed(words: &str) -> &str {
    if !words.ends_with(['s', 'm', 'h']) {
        return words;
    }
    let Some((rest, last)) = words.rsplit_once(" +") else { return words };
    let digits = last.trim_end_matches("ms").trim_end_matches(['s', 'm', 'h']);
    let is_elapsed = digits.len() < last.len() && !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    if is_elapsed { rest.trim_end() } else { words }
}

/// A frame's line without what an inspected object puts behind it.
pub(crate) fn call_text(text: &str) -> &str {
    let text = without_elapsed(text.trim_end());
    let text =
        text.strip_suffix(" {").or_else(|| text.strip_suffix(',')).or_else(|| text.strip_suffix(" }")).unwrap_or(text);
    match OBJECT.find(text.as_bytes()) {
        Some(at) => &text[..at],
        None => text,
    }
}

/// Parses a stack's text. `message` is the error's message where another place tells it.
pub(crate) fn parse(text: &str, message: Option<&str>) -> Stack {
    let mut sections = sections(text).into_iter();
    let mut stack = section(sections.next().unwrap_or(""), message);
    stack.causes = sections.map(|cause| section(cause, None)).collect();
    stack
}

/// The words that introduce a cause at the beginning of a line, as pino and VError print it. Libraries that put
/// `Caused by: ` into their own stack (axios, KafkaJS) do not cut it.
const CAUSED: &str = "caused by: ";
static NEXT_CAUSE: Literal = Literal::new("\ncaused by: ");

/// A text cut at the lines that introduce causes. A message may hold the words, too: a cause comes behind calls.
fn sections(text: &str) -> Vec<&str> {
    // Few name a cause.
    if !NEXT_CAUSE.is_in(text.as_bytes()) {
        return vec![text];
    }
    let mut found = Vec::new();
    let (mut start, mut at, mut called) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let cause = line.strip_prefix(CAUSED).filter(|_| called);
        if let Some(cause) = cause.filter(|_| found.len() < MAX_CAUSES) {
            found.push(text[start..at].trim_end_matches('\n'));
            start = at + line.len() - cause.len();
            called = false;
        }
        called |= line.trim_start().starts_with("at ");
        at += line.len();
    }
    found.push(&text[start..]);
    found
}

fn section(text: &str, message: Option<&str>) -> Stack {
    let mut stack = Stack::default();
    let (head_text, rest) = match text.split_once(['\n', '\r']) {
        Some((first, rest)) => (first.trim_end_matches('\r'), Some(rest)),
        None => (text, None),
    };
    let first_is_call = is_call(head_text);
    let mut body = if first_is_call { Some(text) } else { rest };
    if !first_is_call {
        let first = head_of(head_text, rest.is_some());
        match first {
            Some(head) => {
                stack.kind = head.kind.to_owned();
                stack.code = head.code.map(str::to_owned);
                stack.message = head.message.to_owned();
                // A known message may hold lines that look like calls.
                let own = &text[head_text.len() - head.message.len()..];
                if let Some(known) = message.filter(|known| known.contains('\n'))
                    && let Some(after) = own.strip_prefix(known)
                {
                    stack.message = known.to_owned();
                    body = after.strip_prefix('\n');
                }
            }
            None => stack.message = head_text.to_owned(),
        }
    }
    let kept = undoubled(&stack.message, &stack.kind).len();
    stack.message.truncate(kept);
    read_body(&mut stack, body.unwrap_or(""));
    quoted_trace(&mut stack);
    stack
}

/// A message without the error's whole text behind it, as `${error} ${error.stack}` prints it.
// no funds TypeError: no funds
fn undoubled<'a>(message: &'a str, kind: &str) -> &'a str {
    let Some((first, again)) = message.split_once(kind).filter(|(first, _)| !first.is_empty()) else { return message };
    let first = first.trim_end_matches([' ', '-', '|', ',']);
    if again.strip_prefix(": ").is_some_and(|again| again.trim_end() == first) { first } else { message }
}

fn head_of(line: &str, loose: bool) -> Option<Head<'_>> {
    head::at_start(line, loose)
}

fn read_body(stack: &mut Stack, body: &str) {
    let mut in_message = true;
    let mut rest = Some(body);
    while let Some(text) = rest {
        if let Some((length, frames)) = run::read(text) {
            in_message = false;
            if stack.frames.is_empty() {
                stack.frames = frames;
            } else {
                stack.frames.extend_from_slice(&frames);
            }
            rest = text[length..].strip_prefix(['\n', '\r']);
            continue;
        }
        let (line, after) = text.split_once(['\n', '\r']).map_or((text, None), |(line, after)| (line, Some(after)));
        rest = after;
        match part(line) {
            Part::Call(_) => {}
            Part::Caused if in_message && stack.message.is_empty() => {
                // An error without a text of its own that names its cause: `Name\n  Caused by: Type: message`.
                let cause = line.trim_start()["caused by: ".len()..].trim_end();
                stack.is_borrowed = true;
                stack.message = head::at_start(cause, true).map_or(cause, |head| head.message).to_owned();
                in_message = false;
            }
            Part::Elided(count) => {
                in_message = false;
                stack.elided = Some((count, stack.frames.len()));
            }
            Part::Caused | Part::Earlier if !in_message => {}
            _ if in_message && super::text::is_title(line) => {}
            _ if in_message => {
                stack.message.push('\n');
                stack.message.push_str(line);
            }
            _ if line.trim().is_empty() => {}
            _ => stack.unparsed.push(line.to_owned()),
        }
    }
    let kept = stack.message.trim_end_matches(['\n', ' ']).len();
    stack.message.truncate(kept);
    let kept = stack.message.len() - excerpt(&stack.message);
    stack.message.truncate(kept);
}

/// Bytes of the source line and the caret below it, which Deno prints between a message and its calls.
//     return user.name; ·                 ^
fn excerpt(message: &str) -> usize {
    let mut lines = message.rsplitn(3, '\n');
    let (caret, source, rest) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""), lines.next());
    let points = caret.starts_with("    ") && caret.trim_start().bytes().all(|c| c == b'^');
    match rest {
        Some(rest) if points && source.starts_with("    ") && !source[4..].starts_with(' ') => {
            message.len() - rest.len()
        }
        _ => 0,
    }
}

/// A message that quotes another error's trace: its calls are the message's, where they have relative paths and the
/// error's own have absolute ones.
// Error: worker replied: Error: boom\n    at remote (worker.js:10:5)\n    at pay (/srv/app/pay.js:3:7)
fn quoted_trace(stack: &mut Stack) {
    if head::find(&stack.message).is_none() {
        return;
    }
    let relative = |frame: &Frame| {
        frame.file.as_deref().is_some_and(|file| {
            !file.contains(":/") && !file.starts_with(['/', '\\', '<']) && !file.starts_with("node:")
        })
    };
    let absolute = |frame: &Frame| {
        frame.file.as_deref().is_some_and(|file| file.starts_with('/') || file.contains(":/") || file.contains(":\\"))
    };
    let quoted = stack.frames.iter().take_while(|frame| relative(frame)).count();
    if quoted > 0 && stack.frames.get(quoted).is_some_and(absolute) {
        for frame in stack.frames.drain(..quoted) {
            stack.message.push_str("\n    at ");
            stack.message.push_str(frame.raw.as_deref().unwrap_or(""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_calls() {
        let stack = parse("TypeError [ERR_X]: one\n  two\n\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)", None);
        assert_eq!((stack.kind.as_str(), stack.code.as_deref()), ("TypeError", Some("ERR_X")));
        assert_eq!((stack.message.as_str(), stack.frames.len()), ("one\n  two", 2));
    }

    #[test]
    fn a_known_message_may_look_like_calls() {
        let text = "Error: remote said\n    at x (/r.js:1:2)\n    at f (/a.js:1:2)";
        let stack = parse(text, Some("remote said\n    at x (/r.js:1:2)"));
        assert_eq!((stack.message.lines().count(), stack.frames.len()), (2, 1));
    }

    #[test]
    fn a_quoted_trace_is_the_message_s() {
        let stack = parse("Error: peer: Error: b\n    at x (r.js:1:2)\n    at f (/srv/a.js:1:2)", None);
        assert_eq!(stack.message, "peer: Error: b\n    at x (r.js:1:2)");
        assert_eq!(stack.frames.len(), 1);
    }

    #[test]
    fn causes_that_a_logger_appends() {
        let stack = parse(
            "A: x\n    at f (/a.js:1:2)\ncaused by: B: y\n    at g (/a.js:3:4)\ncaused by: C: z\n    at h (/a.js:5:6)",
            None,
        );
        let causes: Vec<(&str, usize)> =
            stack.causes.iter().map(|cause| (cause.kind.as_str(), cause.frames.len())).collect();
        assert_eq!((stack.frames.len(), causes), (1, vec![("B", 1), ("C", 1)]));
    }

    #[test]
    fn an_error_that_borrows_its_cause_s_words() {
        let stack = parse("PoolError\n  Caused by: NetError: refused\n    at f (/a.js:1:2)", None);
        assert_eq!((stack.kind.as_str(), stack.message.as_str(), stack.is_borrowed), ("PoolError", "refused", true));
    }
}
