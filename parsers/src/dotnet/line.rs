//! What a line of a .NET trace is, and how a trace printed in one line is cut into such lines.
//!
//! In: one line. Out: its pieces, each a `Piece`. Invariant: a line in any of the runtime's translations is
//! recognised by its words or, failing that, by its indentation. Does not know what stood before.

use std::cell::RefCell;

use super::{frame, head, near};
use crate::memo::Memo;
use crate::record::Frame;
use crate::text::Literal;

/// One line of a trace, or a part of one where a logger has joined them.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A call, and the text behind it.
    Frame(Frame, &'a str),
    /// ` ---> T: m`, and the number that an aggregate's member has.
    Cause { number: Option<u32>, text: &'a str },
    /// The cause's trace is over; the outer exception's frames follow.
    EndOfInner,
    /// A rethrow, or another line that parts frames of one exception.
    Rethrow,
    /// `<---` alone.
    EndOfMember,
    /// Nothing but blanks.
    Blank,
    /// Anything else.
    Text(&'a str),
}

/// What `text` is, taken as a whole line.
pub(super) fn piece(text: &str) -> Piece<'_> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Piece::Blank;
    }
    if let Some(rest) = trimmed.strip_prefix("---> ") {
        let (number, text) = member_number(rest);
        return Piece::Cause { number, text };
    }
    if trimmed.starts_with("<---") && trimmed.split("<---").all(str::is_empty) {
        return Piece::EndOfMember;
    }
    if let Some(separator) = separator(text) {
        return separator;
    }
    if let Some((frame, tail)) = frame::frame(text).or_else(|| frame::unity(text)) {
        return Piece::Frame(frame, tail);
    }
    Piece::Text(text)
}

thread_local! {
    /// Whether a call looks so.
    static TRACES: RefCell<Memo<bool>> = RefCell::new(Memo::new());
}

/// Whether a line belongs to a trace's frames, causes or separators.
pub(super) fn is_trace(line: &str) -> bool {
    // The same line is asked about from several sides, and stands in many traces.
    TRACES.with_borrow(|known| known.get(line.as_bytes()).copied()).unwrap_or_else(|| {
        let is_trace = looks_like_trace(line);
        // Calls of other runtimes are asked about as often.
        if is_trace || line.trim_start().starts_with("at ") {
            TRACES.with_borrow_mut(|known| known.keep(line.as_bytes(), is_trace, 0));
        }
        is_trace
    })
}

fn looks_like_trace(line: &str) -> bool {
    match piece(line) {
        Piece::Frame(..) | Piece::EndOfInner | Piece::Rethrow => true,
        Piece::Cause { text, .. } => head::at_start(text).is_some(),
        Piece::EndOfMember | Piece::Blank => false,
        Piece::Text(_) => pieces(line).len() > 1,
    }
}

static DASHES: Literal = Literal::new("---");

/// The line, cut where a logger has joined a trace's lines with blanks.
pub(super) fn pieces(line: &str) -> Vec<&str> {
    let bytes = line.as_bytes();
    // Calls have arguments; what parts them has dashes.
    if memchr::memchr(b'(', bytes).is_none() && !DASHES.is_in(bytes) {
        return vec![line];
    }
    let mut cuts = Vec::new();
    let mut at = line.len() - line.trim_start().len();
    while let Some(found) = memchr::memchr(b' ', &bytes[at..]) {
        let start = at + found;
        let blanks = bytes[start..].iter().take_while(|b| **b == b' ').count();
        at = start + blanks;
        let rest = &line[at..];
        let cut = match rest.as_bytes().first() {
            None => false,
            Some(b'-') => {
                let cause = rest.strip_prefix("---> ").map(|rest| member_number(rest).1);
                cause
                    .is_some_and(|text| head::at_start(text).is_some_and(|head| head.strong || head.kind.contains('.')))
                    || rest.starts_with("--- ") && joined_separator(rest)
            }
            Some(_) => frame::begins(rest),
        };
        // A line break that is spelt out belongs to a message that quotes a trace.
        if cut && start > 0 && !line[..start].ends_with("\\n") {
            cuts.push(start);
        }
    }
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    let mut from = 0;
    for cut in cuts {
        pieces.push(&line[from..cut]);
        from = cut;
    }
    pieces.push(&line[from..]);
    pieces
}

/// Whether a separator of the runtime begins here; one in the middle of a line is believed by its words alone.
fn joined_separator(text: &str) -> bool {
    let start = &near(text, 200)[4..];
    start.find(" ---").is_some_and(|end| by_words(&text[..end + 8]).is_some())
}

/// `(Inner Exception #1) T: m`
fn member_number(text: &str) -> (Option<u32>, &str) {
    let numbered = text.strip_prefix('(').and_then(|rest| {
        let start = near(rest, 64);
        let end = start.find(") ")?;
        let (label, after) = (&rest[..end], &rest[end + 2..]);
        let (_, number) = label.rsplit_once('#')?;
        Some((number.parse().ok()?, after))
    });
    match numbered {
        Some((number, after)) => (Some(number), after),
        None => (None, text),
    }
}

//    --- End of inner exception stack trace ---
// --- Ende der Stapelüberwachung vom vorhergehenden Ort, an dem die Ausnahme ausgelöst wurde ---
// Server stack trace:
fn separator(line: &str) -> Option<Piece<'_>> {
    let text = line.trim();
    match text {
        "End of inner exception" | "--- End of inner exception stack trace ---" => return Some(Piece::EndOfInner),
        "Server stack trace:"
        | "--- End of stack trace from previous location ---"
        | "--- End of stack trace from previous location where exception was thrown ---" => {
            return Some(Piece::Rethrow);
        }
        _ => {}
    }
    if text.starts_with("Exception rethrown at [") && text.ends_with(':') {
        return Some(Piece::Rethrow);
    }
    if !text.starts_with("--- ") || !text.ends_with(" ---") || text.len() < 12 {
        return None;
    }
    let by_indent = || {
        let indent = line.len() - line.trim_start().len();
        // A translation unknown to the words: the end of an inner trace stands as deep as frames do.
        if indent % 6 == 3 { Piece::EndOfInner } else { Piece::Rethrow }
    };
    let words = text.split(' ').count();
    by_words(text).or_else(|| (words > 5 || !text.is_ascii()).then(by_indent))
}

// --- inner --- · Inner exception: Shop.StockException: none left · ---- Inner Exception ---- · Exc level 1: Shop.StockException: …
/// What stands behind a logger's own words for a cause; empty where the cause is on the next line.
pub(super) fn inner_marker(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['-', '=', '*', '[', '>', ' ', '|']);
    if let Some((level, rest)) = text.strip_prefix("Exc level ").and_then(|rest| rest.split_once(": ")) {
        let deeper = level.parse::<u32>().is_ok_and(|level| level > 0);
        return (deeper && head::at_start(rest).is_some()).then_some(rest);
    }
    let word = ["inner exception", "innerexception", "inner", "nested exception", "caused by"]
        .iter()
        .find(|word| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))?;
    let rest = text[word.len()..].trim_start_matches(['-', '=', '*', ']', '>', ':', ' ', '|']);
    (rest.is_empty() || head::at_start(rest).is_some_and(|head| head.strong)).then_some(rest)
}

/// The words for "inner" and "previous" in the translations of the two separators.
fn by_words(text: &str) -> Option<Piece<'_>> {
    const INNER: &[&str] = &[
        "inner exception",
        "internen Ausnahme",
        "inneren Ausnahme",
        "exception interne",
        "d'exception interne",
        "excepción interna",
        "eccezione interna",
        "exceção interna",
        "excepção interna",
        "interne uitzondering",
        "binnenste uitzondering",
        "indre undtagelse",
        "interna undantag",
        "inre undantag",
        "indre unntak",
        "sisäisen poikkeuksen",
        "wyjątku wewnętrznego",
        "wewnętrznego",
        "vnitřní výjimky",
        "внутреннего",
        "εσωτερικής",
        "iç özel durum",
        "belső kivétel",
        "内部",
        "內部",
        "내부 예외",
    ];
    const PREVIOUS: &[&str] = &[
        "previous location",
        "vorherigen",
        "vorhergehenden",
        "précédent",
        "ubicación anterior",
        "anterior",
        "precedente",
        "local anterior",
        "localização anterior",
        "vorige locatie",
        "tidligere",
        "forrige",
        "föregående",
        "tidigare",
        "edellisestä",
        "poprzedniej",
        "předchozího",
        "предыдущего",
        "προηγούμενη",
        "önceki",
        "előző",
        "上一位置",
        "上一個位置",
        "以前",
        "直前",
        "이전",
    ];
    if PREVIOUS.iter().any(|word| text.contains(word)) {
        return Some(Piece::Rethrow);
    }
    INNER.iter().any(|word| text.contains(word)).then_some(Piece::EndOfInner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators() {
        for line in [
            "   --- End of inner exception stack trace ---",
            "   --- Ende der internen Ausnahmestapelüberwachung ---",
            "   --- Fin de la trace de la pile d'exception interne ---",
            "   --- 内部例外スタック トレースの終わり ---",
            "   --- Konec jakési neznámé stopy zásobníku tady ---",
            "   End of inner exception",
        ] {
            assert!(matches!(piece(line), Piece::EndOfInner), "{line}");
        }
        for line in [
            "--- End of stack trace from previous location where exception was thrown ---",
            "   --- End of stack trace from previous location ---",
            "   --- 引发异常的上一位置中堆栈跟踪的末尾 ---",
            "Exception rethrown at [0]:",
            "Server stack trace: ",
        ] {
            assert!(matches!(piece(line), Piece::Rethrow), "{line}");
        }
        assert!(matches!(piece("--- a/src/Cart.cs ---"), Piece::Text(_)));
    }

    #[test]
    fn a_trace_in_one_line() {
        let line = "Shop.AException: x ---> Shop.BException: y    at Shop.B.Go(Int32 i) in /b.cs:line 3    --- End of inner \
                    exception stack trace ---    at Shop.A.Go()";
        let parts = pieces(line);
        assert_eq!(parts.len(), 5, "{parts:?}");
        assert!(matches!(piece(parts[2]), Piece::Frame(..)));
        assert!(matches!(piece(parts[3]), Piece::EndOfInner));
        assert_eq!(pieces("   at Shop.A.Go() in /a.cs:line 3").len(), 1);
        assert_eq!(pieces("look at this (or at that)").len(), 1);
    }
}
