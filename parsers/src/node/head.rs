//! The first line of an error's text: `Type [CODE]: message`, alone or behind other words.
//!
//! In: one line. Out: where the type stands, and what stands before and behind it. Invariant: linear in the line;
//! a name counts as a type only by its ending, unless the caller knows that a frame follows. Does not read frames.

/// A head within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// What the entry says before the error's own text.
    pub before: &'a str,
    /// Where the error's own text begins in the line.
    pub start: usize,
    /// The type, with what Node adds in brackets resolved.
    pub kind: &'a str,
    /// `ERR_…`, where Node prints it in brackets.
    pub code: Option<&'a str>,
    /// The first line of the message.
    pub message: &'a str,
}

/// Longest name of a type.
const NAME_BYTES: usize = 80;

/// Colons of a line at which a name is sought.
const MAX_COLONS: usize = 16;

/// The head in a line, wherever it stands.
// job 7 failed TypeError [ERR_INVALID_ARG_TYPE]: The "path" argument must be of type string
pub(crate) fn find(line: &str) -> Option<Head<'_>> {
    let mut quiet = None;
    let mut from = 0;
    while let Some(at) = memchr::memchr(b':', &line.as_bytes()[from..]).map(|at| from + at) {
        from = at + 1;
        if !matches!(line.as_bytes().get(at + 1), None | Some(b' ')) {
            continue;
        }
        let Some(head) = ending_at(line, at) else { continue };
        if is_type(head.kind) {
            return Some(inner(line, head));
        }
        // `Internal server error: x` is prose.
        if head.kind == "error" && !head.before.to_ascii_lowercase().ends_with("internal server") {
            quiet = quiet.or(Some(head));
        }
    }
    quiet.or_else(|| bare_at_end(line))
}

/// The head that a line begins with; `loose` also takes names that only a frame below makes a type.
pub(crate) fn at_start(line: &str, loose: bool) -> Option<Head<'_>> {
    let start = line.len() - undecorated(line).len();
    let text = &line[start..];
    let name = text.len() - text.trim_start_matches(is_name).len();
    if name == 0 || name > NAME_BYTES || text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let name = name + number(&text[name..]);
    let tag = match text[name..].strip_prefix(" [").and_then(|rest| rest.find(']')) {
        Some(end) if end < NAME_BYTES => 2 + end + 1,
        _ => 0,
    };
    let colon = start + name + tag;
    match &line.as_bytes()[colon..] {
        [] | [b':'] | [b':', b' ', ..] => {}
        _ => return None,
    }
    let head = ending_at(line, colon).filter(|head| head.start == start)?;
    // `error: TypeError: x` is a level before a type, `Uncaught Exception: TypeError: x` a word.
    if matches!(head.kind, "error" | "Exception")
        && at_start(head.message, false).is_some_and(|next| is_type(next.kind))
    {
        return None;
    }
    // `ENOENT: no such file` begins a message.
    let named =
        loose && !(name > 1 && head.kind.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_'));
    (named || is_type(head.kind) || head.kind == "error").then_some(head)
}

/// The head of an error that is named after what went wrong, behind other words: only a call below makes it one.
// sync failed: CardDeclined: no funds · job 7 failed Quiet [Error]: no funds
pub(crate) fn named(line: &str) -> Option<Head<'_>> {
    line.match_indices(": ").map(|(at, _)| at).take(MAX_COLONS).find_map(|at| {
        let head = ending_at(line, at)?;
        (line[..at].ends_with(" [Error]") || is_compound(head.kind)).then_some(head)
    })
}

/// Whether a line names an error's type anywhere.
pub(crate) fn names_type(line: &str) -> bool {
    at_start(line, false).is_some() || find(line).is_some_and(|head| is_type(head.kind)) || named(line).is_some()
}

/// A name of two words or more: `CardDeclined`, not `Warning` or `HTTP`.
fn is_compound(name: &str) -> bool {
    let humps = name.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|c| c.is_ascii_alphanumeric())
        && humps.count() > 0
}

/// `database Error: TypeError: x` is a TypeError; `Error: TypeError: x` at the beginning of a text is not.
fn inner<'a>(line: &'a str, head: Head<'a>) -> Head<'a> {
    let warns = head.kind.ends_with("RejectionWarning");
    let prefixed = matches!(head.kind, "Exception" | "Rejection") || head.kind == "Error" && !head.before.is_empty();
    if !warns && !prefixed {
        return head;
    }
    let offset = line.len() - head.message.len();
    let before = line[..offset].trim_end().trim_end_matches(':');
    match at_start(head.message, warns) {
        Some(next) if is_type(next.kind) || warns => Head { before, start: offset + next.start, ..next },
        None if warns && !head.message.is_empty() => Head { before, start: offset, kind: "Error", ..head },
        _ => head,
    }
}

/// The head whose colon (or end) is at `colon`.
fn ending_at(line: &str, colon: usize) -> Option<Head<'_>> {
    let mut name_end = colon;
    let mut tag = None;
    let numbered = line[..colon].rfind('[').filter(|open| number(&line[*open..colon]) == colon - open);
    let numbered = numbered.filter(|open| line[..*open].ends_with(|c: char| c.is_ascii_alphanumeric()));
    if line[..colon].ends_with(']') && numbered.is_none() {
        let open = line[..colon].rfind(" [")?;
        if colon - open > NAME_BYTES {
            return None;
        }
        tag = Some(&line[open + 2..colon - 1]);
        name_end = open;
    }
    let bare_end = numbered.unwrap_or(name_end);
    let name_start =
        bare_end - line[..bare_end].bytes().rev().take(NAME_BYTES).take_while(|c| is_name_byte(*c)).count();
    let name = line.get(name_start..name_end)?.trim_start_matches('.');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let start = name_end - name.len();
    let before = &line[..start];
    if before.ends_with(|c: char| c.is_alphanumeric() || "/\\-=@".contains(c)) {
        return None;
    }
    let (kind, code) = match tag {
        Some(tag) if is_code(tag) => (name, Some(tag)),
        Some("Error") | None => (name, None),
        Some(tag) if is_type(tag) => (tag, None),
        Some(tag) if is_type(name) && tag.bytes().all(|c| c.is_ascii_alphanumeric()) => (name, None),
        Some(_) => return None,
    };
    let message = line.get(colon + 1..).unwrap_or("");
    let message = message.strip_prefix(' ').unwrap_or(message);
    let before = before.strip_suffix("<rejected> ").unwrap_or(before);
    Some(Head { before: before[..before.len() - ref_tag(before)].trim_end(), start, kind, code, message })
}

/// Bytes of the number in brackets that a library makes part of its errors' names.
// DiscordAPIError[50013]: Missing Permissions
fn number(text: &str) -> usize {
    let digits = text.strip_prefix('[').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if digits > 0 && text[1 + digits..].starts_with(']') { digits + 2 } else { 0 }
}

/// `… uncaughtException Error`: an error without a message.
fn bare_at_end(line: &str) -> Option<Head<'_>> {
    let trimmed = line.trim_end();
    let head = ending_at(trimmed, trimmed.len())?;
    (is_type(head.kind) || trimmed.ends_with(" [Error]")).then_some(head)
}

/// Bytes of the `<ref *1> ` that `text` ends with.
fn ref_tag(text: &str) -> usize {
    match text.strip_suffix("> ").and_then(|rest| rest.rfind("<ref *")) {
        Some(open) if text.len() - open < 16 => text.len() - open,
        _ => 0,
    }
}

/// A text without what a console puts before an error's first line.
// Uncaught (in promise) TypeError: x · <ref *1> Error: x · ⨯ Error: x
pub(crate) fn undecorated(text: &str) -> &str {
    let mut rest = text.trim_start();
    for mark in ["⨯ ", "✖ ", "Uncaught ", "(in promise) ", "<rejected> "] {
        rest = rest.strip_prefix(mark).unwrap_or(rest);
    }
    match rest.strip_prefix("<ref *").and_then(|tail| tail.split_once("> ")) {
        Some((digits, tail)) if digits.bytes().all(|c| c.is_ascii_digit()) => tail,
        _ => rest,
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii() && is_name_byte(c as u8)
}

fn is_name_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'.')
}

/// `ERR_INVALID_ARG_TYPE`, `42P01`.
fn is_code(tag: &str) -> bool {
    !tag.is_empty() && tag.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

/// Whether a name is one that errors have.
pub(crate) fn is_type(name: &str) -> bool {
    let name = name.split('[').next().unwrap_or(name);
    const ENDS: [&str; 7] = ["Error", "Exception", "Rejection", "RejectionWarning", "Failure", "Fault", "Exceeded"];
    name.starts_with(|c: char| {
        c.is_ascii_uppercase() || c == '_' || c == '$' || c.is_ascii_lowercase() && name.contains('.')
    }) && ENDS.iter().any(|end| name.ends_with(end))
        || name
            .strip_suffix("Error")
            .is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_in_lines() {
        for (line, before, kind, code, message) in [
            ("TypeError: x is not a function", "", "TypeError", None, "x is not a function"),
            ("job 7 failed TypeError: x", "job 7 failed", "TypeError", None, "x"),
            ("TypeError [ERR_ARG]: bad", "", "TypeError", Some("ERR_ARG"), "bad"),
            ("RefusedError [DbRefusedError]: no", "", "DbRefusedError", None, "no"),
            ("failed: error: relation \"a\" does not exist", "failed:", "error", None, "relation \"a\" does not exist"),
            ("Unhandled Rejection: TypeError: x", "Unhandled Rejection", "TypeError", None, "x"),
            (
                "(node:7) UnhandledPromiseRejectionWarning: error: no such column",
                "(node:7) UnhandledPromiseRejectionWarning",
                "error",
                None,
                "no such column",
            ),
            ("pool error: Error: refused", "pool error:", "Error", None, "refused"),
            ("Error: worker said: Error: boom", "", "Error", None, "worker said: Error: boom"),
            ("Database Error: TypeError: x", "Database Error", "TypeError", None, "x"),
            ("handler uncaughtException Error", "handler uncaughtException", "Error", None, ""),
            ("send DiscordAPIError[50013]: no", "send", "DiscordAPIError[50013]", None, "no"),
            ("ServiceException [NoSuchKey]: gone", "", "ServiceException", None, "gone"),
            ("boundary <ref *1> AxiosError: t", "boundary", "AxiosError", None, "t"),
            (
                "GET /a?b=c -> 429 TooManyRequestsError: slow down",
                "GET /a?b=c -> 429",
                "TooManyRequestsError",
                None,
                "slow down",
            ),
        ] {
            let head = find(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((head.before, head.kind, head.code, head.message), (before, kind, code, message), "{line}");
        }
        for line in
            ["listening on http://127.0.0.1:3000", "12:00:01 all good", "0 errors: none", "see https://x/Error:80"]
        {
            assert_eq!(find(line), None, "{line}");
        }
    }

    #[test]
    fn names_that_only_a_call_makes_types() {
        for (line, before, kind, message) in [
            ("sync failed: CardDeclined: no: funds", "sync failed:", "CardDeclined", "no: funds"),
            ("job 7 failed Quiet [Error]: no funds", "job 7 failed", "Quiet", "no funds"),
        ] {
            let head = named(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((head.before, head.kind, head.message), (before, kind, message), "{line}");
        }
        for line in ["sync failed: no funds", "HTTP: no funds", "Warning: no funds", "at 12:30: no funds"] {
            assert_eq!(named(line), None, "{line}");
        }
    }

    #[test]
    fn heads_at_the_start() {
        assert_eq!(at_start("  <ref *4> Error: x", false).map(|h| (h.kind, h.start)), Some(("Error", 11)));
        assert_eq!(at_start("Oops: x", false), None);
        assert_eq!(at_start("Oops: x", true).map(|h| h.kind), Some("Oops"));
        assert_eq!(at_start("two words: x", true), None);
        assert_eq!(at_start("Error", false).map(|h| h.message), Some(""));
    }
}
