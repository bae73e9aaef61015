//! The literals of SQL statements.
//!
//! In: a text that holds a statement, and a place in it. Out: places of literals. Invariant: a statement keeps its form, so
//! that a reader knows it again, and what the database said of it stays. Does not parse SQL.

use super::Hit;

/// How the texts that hold statements write what was bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    /// As SQL does; knex writes the database's message behind the statement.
    Quoted,
    /// Laravel's `(SQL: … where name = Ann)`: without quotes, up to the next word of the statement.
    Bare,
}

impl Literals {
    // … where `id` = 7 - ER_NO_SUCH_TABLE: Table 'shop.order' doesn't exist
    /// Where the message behind a statement begins; what is subtracted is none.
    fn message(self, text: &str) -> Option<usize> {
        let is_message = |at: &usize| {
            let (first, rest) = text[at + 3..].split_once(' ').unwrap_or_default();
            let is_word = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphabetic());
            let second = rest.split(' ').next().unwrap_or_default();
            let named = first.starts_with(|c: char| c.is_ascii_uppercase())
                && first[1..].starts_with(|c: char| c.is_ascii_lowercase())
                && second.starts_with(['\'', '"', '`']);
            let said = is_word(first) && is_word(second) && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(second));
            let coded = first.strip_suffix(':').is_some_and(|code| code.starts_with(|c: char| c.is_ascii_alphabetic()));
            coded || named || said || first == "relation"
        };
        if self == Literals::Bare {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let outside = |at: &usize| {
            let byte = text.as_bytes()[*at];
            quoted ^= byte == b'\'' && !escaped;
            escaped = byte == b'\\' && !escaped;
            !quoted && text.as_bytes()[*at..].starts_with(b" - ")
        };
        (0..text.len()).filter(outside).find(is_message)
    }
}

/// Words that go on with a statement behind a column.
const WORDS: [&str; 14] =
    ["where", "and", "or", "limit", "order", "group", "returning", "from", "as", "is", "in", "between", "then", "end"];

// insert into `customers` (`name`, `email`) values (Ann O'Hara, ann@mail.example) on duplicate key …
/// The values behind `values (`: bindings may stand there without quotes, so they go up to the statement's end.
pub(super) fn values(text: &str, start: usize, literals: Literals) -> Option<Hit> {
    let rest = &text[start..];
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    if line.starts_with('?') || line.starts_with("$1") || line.starts_with(":") || line.starts_with("@p") {
        return None;
    }
    let line = &line[..literals.message(line).unwrap_or(line.len())];
    const ENDS: [&str; 4] = [") on ", ") returning ", ") ON ", ") RETURNING "];
    let end = ENDS.iter().filter_map(|end| line.find(end)).min().unwrap_or_else(|| {
        let last = line.rfind(')').unwrap_or(line.len());
        if line[..last].ends_with(')') { last - 1 } else { last }
    });
    Some(Hit { start, end: start + end, rule: "SQL literals" })
}

// … where `email` = ann@mail.example and `name` like 'Ann%' limit 1
/// The literals of conditions and assignments in `text[start..end]`, numbers excepted.
pub(super) fn literals(text: &str, start: usize, end: usize, literals: Literals, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < end {
        let Some(found) = bytes[at..end].iter().position(|c| matches!(c, b'\'' | b'=')) else { return };
        let sign = at + found;
        if literals.message(&text[at..end.min(sign + 1)]).is_some() {
            return;
        }
        if bytes[sign] == b'\'' {
            let close = memchr::memchr(b'\'', &bytes[sign + 1..end]).map_or(end, |n| sign + 1 + n);
            hits.push(Hit { start: sign + 1, end: close, rule: "SQL literals" });
            hits.pop_if(|hit| hit.start >= hit.end);
            at = close + 1;
            continue;
        }
        let value = sign + 1 + bytes[sign + 1..end].iter().take(2).take_while(|c| **c == b' ').count();
        let length = bare_literal(&text[value..end], literals);
        if length > 0 {
            hits.push(Hit { start: value, end: value + length, rule: "SQL literals" });
        }
        at = value + length;
    }
}

/// How long the binding at the beginning of `text` is; 0 for numbers, columns, placeholders and what is quoted.
fn bare_literal(text: &str, literals: Literals) -> usize {
    const NEXT: [&str; 9] = [" and ", " or ", " limit ", " order ", " group ", " returning ", " where ", ", ", ")"];
    let first = text.bytes().next().unwrap_or(b' ');
    if matches!(first, b'"' | b'`' | b'[' | b'(' | b'?' | b'$' | b':' | b'@' | b'\'') {
        return 0;
    }
    // A binding is short: what comes later than this is not its end.
    let mut window = text.len().min(256);
    while !text.is_char_boundary(window) {
        window -= 1;
    }
    let window = &text[..window];
    let window = &window[..literals.message(window).unwrap_or(window.len())];
    let length = NEXT.iter().filter_map(|next| window.find(next)).min().unwrap_or(window.len());
    let literal = &window[..length];
    let column = literal.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
        && !literal.contains('-')
        && literal.contains('.');
    let plain = ["null", "true", "false", "default"].iter().any(|word| word.eq_ignore_ascii_case(literal));
    if literal.parse::<f64>().is_ok() || column || plain { 0 } else { length }
}
