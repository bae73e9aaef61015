//! Exceptions as Monolog's line formatter writes them: `[object] (Type(code: 0): message at /file.php:12)`.
//!
//! In: the text of one context value, unescaped. Out: the chain, outermost first. Invariant: one pass over the
//! text: a place that only looks like the end of a message is left behind once the text behind it says so.
//! Does not read the JSON around it.

use std::cell::RefCell;

use super::frame::{self, Frames};
use crate::memo::Memo;
use crate::record::{CauseOf, Exception};
use crate::text::Literal;

/// Exceptions of one chain; what stands behind them is left out.
pub(super) const MAX_CHAIN: usize = 64;
/// What stands before each exception.
pub(super) const MARK: &str = "[object] (";
const PREVIOUS: &str = "[previous exception] [object] (";
/// Where Monolog gives up a chain.
const TOO_DEEP: &str = "[previous exception] Over ";
static MAIN: Literal = Literal::new("{main}");
static CODE: Literal = Literal::new("(code: ");
const STACKTRACE: &str = "[stacktrace]";

/// The chain of exceptions in `text`, and the lines of it that are none of the grammar's.
pub(super) fn chain(text: &str) -> Option<(Vec<Exception>, Vec<String>)> {
    let mut rest = text.strip_prefix(MARK)?;
    let mut chain = Vec::new();
    let mut unparsed = Vec::new();
    loop {
        let block = block(rest)?;
        // Old formatters put the causes into the same parentheses; the trace is the first one's.
        let first = chain.len();
        for mut exception in headers(block.header)? {
            exception.cause_of = previous_of(&chain);
            chain.push(exception);
        }
        chain[first].frames = block.trace.frames;
        unparsed.extend(block.trace.unparsed);
        match block.rest.trim_start().strip_prefix(PREVIOUS) {
            Some(next) if chain.len() < MAX_CHAIN => rest = next,
            _ => {
                let left = block.rest.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
                unparsed.extend(left.take(20));
                return Some((chain, unparsed));
            }
        }
    }
}

/// The place in the chain of the exception that comes next.
pub(super) fn previous_of(chain: &[Exception]) -> Option<CauseOf> {
    chain.len().checked_sub(1).map(|parent| CauseOf { parent, source: "previous".to_owned() })
}

/// One `(…)` with its trace.
struct Block<'a> {
    /// What stands in the parentheses.
    header: &'a str,
    trace: Frames,
    rest: &'a str,
}

/// The block that begins behind `[object] (`.
///
/// Its message may hold anything, another exception too. It ends at the first ` at FILE:LINE)` behind which the
/// text goes on as it must: to its end, to the next exception, or through a whole trace.
fn block(text: &str) -> Option<Block<'_>> {
    let mut from = 0;
    let mut first: Option<Block<'_>> = None;
    while let Some(found) = memchr::memchr(b')', &text.as_bytes()[from..]) {
        let close = from + found;
        from = close + 1;
        if !ends_with_place(&text[..close]) {
            continue;
        }
        let behind = &text[close + 1..];
        let trimmed = behind.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(PREVIOUS) || trimmed.starts_with(TOO_DEEP) {
            return Some(Block { header: &text[..close], trace: Frames::default(), rest: behind });
        }
        if !behind.starts_with(['\n', '\r']) {
            continue;
        }
        let Some(lines) = trimmed.strip_prefix(STACKTRACE) else { continue };
        let lines = lines.strip_prefix("\r\n").or_else(|| lines.strip_prefix('\n')).unwrap_or(lines);
        let (trace, rest) = trace(lines);
        from = text.len() - rest.len();
        let after = rest.trim_start();
        let whole = after.is_empty() || after.starts_with(PREVIOUS);
        let block = Block { header: &text[..close], trace, rest };
        if whole {
            return Some(block);
        }
        first = first.or(Some(block));
    }
    // The text was cut, or holds what no formatter writes: the first end is the likeliest.
    first.or(Some(Block { header: text, trace: Frames::default(), rest: "" }))
}

thread_local! {
    /// Whole traces, to their `{main}`.
    static TRACES: RefCell<Memo<Frames>> = RefCell::new(Memo::new());
}

/// The frames at the beginning of `text`, and what stands behind them.
fn trace(text: &str) -> (Frames, &str) {
    let bytes = text.as_bytes();
    let whole = MAIN.find(bytes).and_then(|main| memchr::memchr(b'\n', &bytes[main..]).map(|end| main + end + 1));
    let whole = &bytes[..whole.unwrap_or(0)];
    if let Some(frames) = TRACES.with_borrow(|known| known.get(whole).cloned()) {
        return (frames, &text[whole.len()..]);
    }
    let frames = frame::frames(text.lines());
    let mut end = 0;
    let mut last = 0;
    for _ in 0..frames.lines {
        last = end;
        end += memchr::memchr(b'\n', &text.as_bytes()[end..]).map_or(text.len() - end, |at| at + 1);
    }
    if end == whole.len() && frame::is_last(&text[last..end]) {
        TRACES.with_borrow_mut(|known| known.keep(whole, frames.clone(), 2 * whole.len()));
    }
    (frames, &text[end..])
}

/// Whether a text ends with ` at FILE:LINE`.
fn ends_with_place(text: &str) -> bool {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    digits > 0 && text[..text.len() - digits].ends_with(':')
}

/// The exceptions of one pair of parentheses: one, and its causes where an old formatter wrote them there.
///
/// `RuntimeException(code: 3): no stock at /srv/a.php:1, LogicException(code: 0): empty at /srv/b.php:2`
fn headers(text: &str) -> Option<Vec<Exception>> {
    let mut headers = Vec::new();
    let mut rest = text;
    loop {
        let (exception, message) = name(rest)?;
        let cut = next_header(message, exception.code.is_some());
        let own = cut.map_or(message, |cut| &message[..cut]);
        headers.push(place(exception, own));
        match cut {
            Some(cut) if headers.len() < MAX_CHAIN => rest = &message[cut + 2..],
            _ => return Some(headers),
        }
    }
}

/// Where `, Type(code: ` follows a place; `, Type: ` where the first one has no code, either.
fn next_header(message: &str, coded: bool) -> Option<usize> {
    if !coded {
        let named = |behind: &str| {
            let name = behind.bytes().take_while(|c| is_name(*c)).count();
            name > 0 && behind[name..].starts_with(": ")
        };
        let mut commas = memchr::memmem::find_iter(message.as_bytes(), b", ");
        return commas.find(|at| ends_with_place(&message[..*at]) && named(&message[at + 2..]));
    }
    let mut from = 0;
    while let Some(found) = CODE.find(&message.as_bytes()[from..]) {
        let open = from + found;
        from = open + 7;
        let start = message[..open].bytes().rev().take_while(|c| is_name(*c)).count();
        let before = &message[..open - start];
        if start > 0
            && let Some(before) = before.strip_suffix(", ")
            && ends_with_place(before)
        {
            return Some(before.len());
        }
    }
    None
}

/// A byte of a class name; bytes from 0x80 on are letters to PHP, and a NUL stands in anonymous classes' names.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\\' | b'@' | 0) || byte >= 0x80
}

/// `App\Exceptions\NoStock(code: 3): ` or the `RuntimeException: ` of Monolog's first years.
fn name(text: &str) -> Option<(Exception, &str)> {
    let mut exception = Exception::default();
    let end = match text.find('(').filter(|open| text[*open..].starts_with("(code: ")) {
        Some(open) => open,
        None => text.find(": ")?,
    };
    let full = &text[..end];
    if full.is_empty() || full.contains(['\n', ' ']) {
        return None;
    }
    // class@anonymous, a NUL, and the place of its definition
    exception.kind = full.split('\0').next().unwrap_or(full).to_owned();
    let Some(inside) = text[end..].strip_prefix("(code: ") else {
        return Some((exception, &text[end + 2..]));
    };
    let code = inside.split([')', ' ']).next().unwrap_or("");
    exception.code = (!code.is_empty()).then(|| code.to_owned());
    // SoapFault(code: 0 faultcode: Client faultactor: x detail: {"a":"(b): c"}): Bad request
    let close =
        if inside[code.len()..].starts_with(')') { code.len() } else { soap(inside, code.len(), &mut exception)? };
    let message = inside[close + 1..].strip_prefix(':')?;
    Some((exception, message.strip_prefix(' ').unwrap_or(message)))
}

/// Reads a SOAP fault's properties; the place of the parenthesis that closes them.
fn soap(inside: &str, from: usize, exception: &mut Exception) -> Option<usize> {
    let mut depth = 0u32;
    let close = inside[from..].char_indices().find_map(|(at, c)| {
        match c {
            '(' | '{' => depth += 1,
            '}' | ')' if depth > 0 => depth -= 1,
            ')' => return Some(from + at),
            _ => {}
        }
        None
    });
    let close = close.or_else(|| inside.find("): "))?;
    let text = &inside[from..close];
    let keys = [" faultcode: ", " faultactor: ", " detail: "];
    for key in keys {
        let Some(at) = text.find(key) else { continue };
        let value = &text[at + key.len()..];
        let end = keys.iter().filter_map(|next| value.find(next)).min().unwrap_or(value.len());
        exception.properties.push((key.trim_matches([' ', ':']).to_owned(), value[..end].to_owned()));
        if key == " detail: " {
            break;
        }
    }
    Some(close)
}

/// Cuts the place off the message: `no stock at /srv/app/Shop.php:12`.
fn place(mut exception: Exception, text: &str) -> Exception {
    let placed = text.rfind(" at ").and_then(|at| Some((at, frame::file_and_line(&text[at + 4..])?)));
    match placed {
        Some((at, (file, line))) if !file.contains('\n') => {
            exception.message = text[..at].to_owned();
            exception.file = Some(file.to_owned());
            exception.line = Some(line);
        }
        _ => text.clone_into(&mut exception.message),
    }
    exception
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, String, usize)> {
        let (chain, _) = chain(text).unwrap();
        chain.into_iter().map(|e| (e.kind, e.message, e.frames.len())).collect()
    }

    fn one(kind: &str, message: &str, frames: usize) -> (String, String, usize) {
        (kind.to_owned(), message.to_owned(), frames)
    }

    #[test]
    fn a_chain_with_traces() {
        let text = "[object] (App\\Late(code: E12): two\nlines at noon at /srv/a.php:3)\n[stacktrace]\n\
            #0 /srv/b.php(9): f()\n#1 {main}\n\n[previous exception] [object] (PDOException(code: 2002): gone at /srv/c.php:4)\n\
            [stacktrace]\n#0 /srv/b.php(8): g()\n#1 /srv/b.php(7): h()\n#2 {main}\n";
        assert_eq!(told(text), [one("App\\Late", "two\nlines at noon", 1), one("PDOException", "gone", 2)]);
        let (chain, unparsed) = chain(text).unwrap();
        assert_eq!(
            (chain[0].code.as_deref(), chain[0].file.as_deref(), chain[0].line),
            (Some("E12"), Some("/srv/a.php"), Some(3))
        );
        assert_eq!(chain[1].cause_of, Some(CauseOf { parent: 0, source: "previous".to_owned() }));
        assert!(unparsed.is_empty());
    }

    #[test]
    fn without_traces() {
        let text =
            "[object] (A(code: 0):  at /srv/a.php:3)\n[previous exception] [object] (B(code: 1): why at /srv/b.php:4)";
        assert_eq!(told(text), [one("A", "", 0), one("B", "why", 0)]);
    }

    #[test]
    fn old_chains_in_one_pair_of_parentheses() {
        let text = "[object] (A(code: 0): x, y at /srv/a.php:3, B\\C(code: 1): why at /srv/b.php:4)\n[stacktrace]\n#0 /srv/z.php(1): f()\n#1 {main}\n";
        assert_eq!(told(text), [one("A", "x, y", 1), one("B\\C", "why", 0)]);
        assert_eq!(told("[object] (A: old at /srv/a.php:3)"), [one("A", "old", 0)]);
    }

    #[test]
    fn a_message_that_holds_an_exception() {
        let text = "[object] (A(code: 0): got \"[object] (B(code: 0): x at /b.php:1)\n[stacktrace]\n#0 {main}\n\"} at /srv/a.php:3)\n\
            [stacktrace]\n#0 /srv/z.php(1): f()\n#1 {main}\n";
        assert_eq!(
            told(text),
            [one("A", "got \"[object] (B(code: 0): x at /b.php:1)\n[stacktrace]\n#0 {main}\n\"}", 1)]
        );
    }

    #[test]
    fn soap_faults() {
        let text = "[object] (SoapFault(code: 0 faultcode: Client faultactor: http://x detail: {\"a\":\"(b): c\"}): Bad at /srv/a.php:3)";
        assert_eq!(told(text), [one("SoapFault", "Bad", 0)]);
        let (chain, _) = chain(text).unwrap();
        assert_eq!(chain[0].properties[2], ("detail".to_owned(), "{\"a\":\"(b): c\"}".to_owned()));
    }

    #[test]
    fn anonymous_classes_and_cut_texts() {
        assert_eq!(
            told("[object] (class@anonymous\0/srv/a.php:1$0(code: 0): x at /srv/a.php:3)"),
            [one("class@anonymous", "x", 0)]
        );
        assert_eq!(told("[object] (A(code: 0): never end"), [one("A", "never end", 0)]);
        assert_eq!(
            told("[object] (A(code: 0): x at /a.php:1)\n[stacktrace]\n#0 /srv/z.php(1): f()"),
            [one("A", "x", 1)]
        );
        assert!(chain("[object] (no exception)").is_none());
    }
}
