//! Context and extra behind a Monolog entry's message.
//!
//! In: an entry's text behind its header. Out: where the message ends, what stands behind it, and the exception there.
//! Invariant: the work is bounded by a multiple of the text's length. Does not judge who wrote the entry.

use serde_json::{Map, Value};

use super::super::context::{self, Thrown};
use super::mechanism;
use crate::json::value;

/// What a format of one's own may put between message, context and extra, beside blanks.
const SEPARATORS: [char; 8] = [' ', '\t', '|', '-', ',', ';', '~', '>'];
/// Words that name what follows them.
const LABELS: [&str; 4] = ["context", "ctx", "extra", "data"];

/// What stands behind the message.
pub(super) struct Parts {
    /// Where the message ends.
    pub start: usize,
    pub context: Map<String, Value>,
    extra: Option<Map<String, Value>>,
    /// The exception in these.
    pub thrown: Option<Thrown>,
    pub end: usize,
}

impl Parts {
    pub(super) fn objects(&self) -> impl Iterator<Item = &Map<String, Value>> {
        std::iter::once(&self.context).chain(self.extra.as_ref())
    }
}

/// Finds context and extra behind a message that may hold braces, JSON and whole log lines itself.
///
/// The surest is a whole object, followed by nothing but its extra, whose exception has the entry's own message;
/// then the first whole one with an exception, the first cut one with an exception, the first whole one.
pub(super) fn parts(text: &str) -> Option<Parts> {
    let mut budget = 8 * text.len() + 65_536;
    let mut others: [Option<Parts>; 3] = [None, None, None];
    let objects = memchr::memmem::find_iter(text.as_bytes(), b"{\"");
    // Some hand the exception alone: `["[object] (…"]`.
    let alone = memchr::memmem::find(text.as_bytes(), b"[\"[object] (");
    for at in alone.into_iter().chain(objects) {
        if at > 0 && !matches!(text.as_bytes()[at - 1], b' ' | b'\n' | b'\t' | b'|' | b'=') {
            continue;
        }
        if budget == 0 {
            break;
        }
        let Some((mut parts, complete, work)) = parts_at(text, at) else {
            // What was read before the refusal is not known; refusals are short, or the text is hostile.
            budget = budget.saturating_sub(text.len() / 16 + 1);
            continue;
        };
        budget = budget.saturating_sub(work);
        let thrown = parts.objects().find_map(context::thrown);
        let own = thrown.as_ref().map(|thrown| thrown.chain[0].message.as_str());
        parts.start = message_end(&text[..at], own);
        parts.thrown = thrown;
        let same = |thrown: &Thrown| mechanism::is_same(text[..parts.start].trim_end(), &thrown.chain[0].message);
        let rank = match (complete, &parts.thrown) {
            (true, Some(thrown)) if same(thrown) => return Some(parts),
            (true, Some(_)) => 0,
            (false, Some(_)) => 1,
            (true, None) => 2,
            (false, None) => continue,
        };
        let slot = &mut others[rank];
        if slot.is_none() {
            *slot = Some(parts);
        }
    }
    others.into_iter().flatten().next()
}

/// Context and extra at one place, whether they are whole, and how many bytes were read.
fn parts_at(text: &str, at: usize) -> Option<(Parts, bool, usize)> {
    let context = value::parse(text, at)?;
    let object = match context.value {
        Value::Object(object) => object,
        list => Map::from_iter([("exception".to_owned(), list)]),
    };
    let mut parts = Parts { start: at, context: object, extra: None, thrown: None, end: context.end };
    let mut complete = context.complete;
    let behind = behind_separator(&text[parts.end..]);
    let open = text.len() - behind.len();
    if complete && behind.starts_with(['{', '[']) {
        let extra = value::parse(text, open)?;
        parts.end = extra.end;
        complete = extra.complete;
        if let Value::Object(object) = extra.value {
            parts.extra = Some(object);
        }
    }
    let tail = text[parts.end..].trim_start_matches([' ', '\t', '\r']);
    let ends = tail.is_empty() || tail.starts_with(['\n', '|']);
    ends.then_some((parts, complete, text.len() - at))
}

//  | {"request_id":"7f"}  ·  , extra: []
/// What stands behind a separator, where an object or a list does.
fn behind_separator(text: &str) -> &str {
    let mut rest = text.trim_start_matches(SEPARATORS);
    if let Some((label, after)) = rest.split_once([':', '='])
        && LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
    {
        rest = after.trim_start_matches(' ');
    }
    if rest.starts_with(['{', '[']) { rest } else { text.trim_start_matches(' ') }
}

/// Where a message ends, of what stands before its context: a separator is no part of it.
// no stock | {"exception":…  ·  no stock -- {"exception":…  ·  no stock, context: {"exception":…
fn message_end(text: &str, own: Option<&str>) -> usize {
    let text = text.trim_end();
    let head = text.trim_end_matches([':', '=', ' ']);
    let label = LABELS.iter().find(|label| {
        head.get(head.len().saturating_sub(label.len())..).is_some_and(|end| end.eq_ignore_ascii_case(label))
    });
    let bare = label.map_or(text, |label| &head[..head.len() - label.len()]).trim_end_matches(SEPARATORS);
    let separated = text.ends_with('|') || own.is_some_and(|own| mechanism::is_same(bare, own));
    if separated { bare.len() } else { text.len() }
}
