//! The text of one error among lines: message, calls, and where they end.
//!
//! In: lines and the place where the error begins. Out: its text, and whether properties follow. Invariant: linear;
//! a line that another error begins with is not taken. Does not read properties.

use super::{Place, indent_of};
use crate::node::head;
use crate::node::stack::{self, Part};

/// The text of an error, and what follows it.
pub(crate) struct ErrorText {
    /// As the error's own `stack`, without the indentation of its surroundings.
    pub stack: String,
    /// The line and byte behind it, where its properties begin if it has any.
    pub end: Place,
    /// Whether properties follow in braces.
    pub opens: bool,
}

/// The text of the error that begins at a place and has calls; `indent` is that of its surroundings.
pub(crate) fn error_text(lines: &[&str], (line, at): Place, indent: usize) -> ErrorText {
    let mut stack = lines[line].get(at..).unwrap_or("").trim_end().to_owned();
    let mut in_calls = stack::is_call(&stack);
    let mut quiet = false;
    let mut index = line + 1;
    while index < lines.len() {
        let text = lines[index];
        let called = stack::is_call(text);
        let part = if called { Part::Other } else { stack::part(text) };
        let is_call = called || matches!(part, Part::Elided(_));
        in_calls |= is_call;
        // The calls that led to the event, which Node leaves out where the error's own tell them.
        if quiet && text.trim_start().starts_with("[... lines matching") {
            index += 1;
            continue;
        }
        if in_calls && !is_call && part != Part::Caused {
            if text.trim_start().starts_with("Emitted 'error' event ") {
                quiet = true;
                index += 1;
                continue;
            }
            if stack::is_excerpt(text) {
                index += 1;
                let next = lines.get(index).copied().unwrap_or("");
                // The last line of the source may be followed by the brace of the properties.
                if text.ends_with(" {") && is_first_property(next, indent) {
                    return ErrorText { stack, end: (index - 1, text.len() - 1), opens: true };
                }
                continue;
            }
            let earlier = part == Part::Earlier && lines.get(index + 1).is_some_and(|next| stack::is_call(next));
            if !earlier && !is_junk(text, lines.get(index + 1)) {
                break;
            }
        }
        let own = text.get(indent.min(indent_of(text))..).unwrap_or("");
        let own = if is_call { stack::call_text(own) } else { own.trim_end_matches('\r') };
        if !quiet {
            stack.push('\n');
            stack.push_str(own);
        }
        if is_call {
            let tail = text.trim_end();
            if let Some(open) = stack::OBJECT
                .find(tail.as_bytes())
                .or_else(|| tail.ends_with(" {").then(|| tail.len() - 2))
                .or_else(|| tail.find(" { ").filter(|_| tail.ends_with(" }")))
            {
                return ErrorText { stack, end: (index, open + 1), opens: true };
            }
            if tail.ends_with(',') {
                index += 1;
                break;
            }
        }
        index += 1;
    }
    ErrorText { stack, end: (index, 0), opens: false }
}

/// Whether a line holds a property of an error whose text stands at `indent`.
pub(crate) fn is_first_property(line: &str, indent: usize) -> bool {
    indent_of(line) > indent && !stack::is_excerpt(line) && line.contains(": ")
}

/// A line between calls that is none: kept if it can be nothing else, and calls follow it.
fn is_junk(line: &str, next: Option<&&str>) -> bool {
    let text = line.trim();
    if head::at_start(text, false).is_some() {
        return false;
    }
    let is_bare = text.strip_prefix("at ").is_some_and(|name| !name.contains([' ', ':']));
    !text.is_empty()
        && (is_bare || !text.starts_with(|c: char| c.is_alphanumeric() || "[{}]'\"`<(".contains(c)))
        && next.is_some_and(|next| stack::is_call(next))
}
