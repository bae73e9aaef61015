//! Which failure an exception is one of: Sentry's default grouping, from the record.
//!
//! In: a record. Out: a `Fingerprint`. Each exception of the chain counts with its type and its application's
//! frames (module or file name, and function); where none of the chain has such a frame, with all its frames; where
//! it has none, with its message's shape. Invariants: pure; hosts, releases, line numbers and ordinals that a
//! compiler gave do not count. Does not read sources: Sentry's source lines part no failures that functions do not.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use errtail_parsers::{CauseOf, Exception, Platform, Record};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::place::places;
use super::{message, names};

/// The first byte of each fingerprint: another rule is another number, so that no failure changes its group unsaid.
const VERSION: u8 = 1;
/// Bytes of a fingerprint, with its version.
const BYTES: usize = 16;

/// The grouping key: hex, stable across hosts, releases, line numbers and chunking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The fingerprint of a record.
pub fn fingerprint(record: &Record) -> Fingerprint {
    let exceptions = &record.exceptions;
    let only_app = exceptions.iter().any(|exception| places(exception, record.platform).any(|place| place.in_app));
    let rows: Vec<[u8; 32]> = exceptions.iter().map(|exception| row(exception, record.platform, only_app)).collect();
    let mut hash = Sha256::new();
    for row in grouped(exceptions, rows) {
        hash.update(row);
    }
    spell(hash)
}

/// The fingerprint where a rule of the configuration names its parts: those alone, or with `{{ default }}` the
/// default one apart by the others. No parts: the default one.
pub fn by_rule(default: Fingerprint, parts: &[String]) -> Fingerprint {
    if parts.is_empty() {
        return default;
    }
    let mut hash = Sha256::new();
    for part in parts {
        let is_default = part.trim_start_matches("{{").trim_end_matches("}}").trim() == "default";
        hash.update(if is_default { &default.0 } else { part });
        hash.update(b"\0");
    }
    spell(hash)
}

fn spell(hash: Sha256) -> Fingerprint {
    let digest = hash.finalize();
    let bytes = std::iter::once(VERSION).chain(digest.iter().copied()).take(BYTES);
    let mut hex = String::with_capacity(2 * BYTES);
    for byte in bytes {
        hex.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    }
    Fingerprint(hex)
}

/// Rows of exceptions that have these frames, and what else they depend on.
#[derive(Default)]
struct Rows(Mutex<Vec<(Beside, [u8; 32])>>);

/// What a row depends on beside the frames.
#[derive(PartialEq)]
struct Beside {
    kind: String,
    file: Option<String>,
    platform: Platform,
    only_app: bool,
}

/// Rows that are kept of one trace.
const MAX_ROWS: usize = 4;

/// What one exception contributes.
fn row(exception: &Exception, platform: Platform, only_app: bool) -> [u8; 32] {
    if !exception.frames.is_shared() {
        return new_row(exception, platform, only_app).0;
    }
    let kept = exception.frames.fact(|_| Rows::default());
    let mut rows = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = rows.iter().find(|(beside, _)| {
        beside.kind == exception.kind
            && beside.file == exception.file
            && beside.platform == platform
            && beside.only_app == only_app
    });
    if let Some((_, row)) = known {
        return *row;
    }
    let (row, of_frames) = new_row(exception, platform, only_app);
    if of_frames && rows.len() < MAX_ROWS {
        let (kind, file) = (exception.kind.clone(), exception.file.clone());
        rows.push((Beside { kind, file, platform, only_app }, row));
    }
    row
}

/// The same, and whether it is of type and frames alone.
fn new_row(exception: &Exception, platform: Platform, only_app: bool) -> ([u8; 32], bool) {
    let mut hash = Sha256::new();
    hash.update(names::kind(&exception.kind).as_bytes());
    let mut before = None;
    let mut any = false;
    for place in places(exception, platform).filter(|place| place.in_app || !only_app) {
        // A call that repeats itself counts once, however deep.
        if before.replace(place) == Some(place) {
            continue;
        }
        let file = place.file.map(names::file).unwrap_or_default();
        let module = place.module.map(|module| names::module(module, platform)).unwrap_or_default();
        let function = place.function.map(|function| names::function(function, platform)).unwrap_or_default();
        if names::is_plumbing(&function, platform) || (module.is_empty() && file.is_empty() && function.is_empty()) {
            continue;
        }
        any = true;
        // Sentry's PHP events have the class in the function, and so both count; else a module outdoes the file.
        let file = if module.is_empty() || platform == Platform::Php { file } else { Cow::default() };
        for part in [&file, "\0", &module, "\0", &function, "\n"] {
            hash.update(part.as_bytes());
        }
    }
    if !any {
        hash.update(message::shape(&exception.message).as_bytes());
    }
    (hash.finalize().into(), any)
}

/// The rows that count. Of a group of exceptions: one of each kind of its members, and the group itself; where all
/// members are alike, one member and its causes.
fn grouped(exceptions: &[Exception], rows: Vec<[u8; 32]>) -> Vec<[u8; 32]> {
    let groups: Vec<bool> = (0..exceptions.len()).map(|index| is_group(exceptions, index)).collect();
    if !groups.contains(&true) {
        return rows;
    }
    let causes = |parent: usize| {
        let is_cause = move |cause: &Exception| cause.cause_of.as_ref().is_some_and(|of| of.parent == parent);
        (parent + 1..exceptions.len()).filter(move |index| is_cause(&exceptions[*index]))
    };
    let mut members = Vec::new();
    let mut open = vec![0];
    while let Some(index) = open.pop() {
        if groups[index] { open.extend(causes(index)) } else { members.push(index) }
    }
    let mut kinds: Vec<[u8; 32]> = members.iter().map(|index| rows[*index]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() > 1 {
        kinds.push(rows[0]);
        return kinds;
    }
    let first = members.iter().min().copied();
    std::iter::successors(first, |index| causes(*index).next()).map(|index| rows[index]).collect()
}

fn is_group(exceptions: &[Exception], index: usize) -> bool {
    let member = |of: &CauseOf| of.parent == index && of.source.ends_with(']');
    exceptions[index].kind == "System.AggregateException"
        || exceptions.iter().any(|other| other.cause_of.as_ref().is_some_and(member))
}

#[cfg(test)]
mod tests {
    use errtail_parsers::Frame;

    use super::*;

    fn frame(module: &str, function: &str, file: &str, line: u32, in_app: bool) -> Frame {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Frame {
            module: some(module),
            function: some(function),
            file: some(file),
            line: Some(line),
            in_app,
            ..Frame::default()
        }
    }

    fn exception(kind: &str, message: &str, frames: Vec<Frame>) -> Exception {
        Exception { kind: kind.to_owned(), message: message.to_owned(), frames: frames.into(), ..Exception::default() }
    }

    fn of(platform: Platform, exceptions: Vec<Exception>) -> Fingerprint {
        fingerprint(&Record { platform, exceptions, ..Record::default() })
    }

    fn php(message: &str, directory: &str, line: u32, library: &str) -> Fingerprint {
        let frames = vec![
            frame("Shop\\Basket", "add", &format!("{directory}/vendor/web/Router.php"), line, false),
            frame("Web\\Router", library, &format!("{directory}/public/index.php"), line + 1, true),
        ];
        let file = Some(format!("{directory}/app/Basket.php"));
        of(Platform::Php, vec![Exception { file, line: Some(line), ..exception("Shop\\Empty", message, frames) }])
    }

    #[test]
    fn hosts_releases_lines_and_messages_do_not_count() {
        let one = php("basket 1 is empty", "/srv/shop", 10, "run");
        assert_eq!(one, php("basket 2 is empty", "/releases/20260101", 99, "run"));
        // What PHP prints beside the router's file is what the router called: a library's affair.
        assert_eq!(one, php("basket 1 is empty", "/srv/shop", 10, "dispatch"));
        assert!(one.0.starts_with("01") && one.0.len() == 32, "{one:?}");
    }

    #[test]
    fn only_frames_of_the_application_count_where_there_are_any() {
        let with = |library: &str, own: &str, in_app| {
            let frames = vec![frame("Lib.Http", library, "", 1, false), frame("Shop.Basket", own, "", 2, in_app)];
            of(Platform::Csharp, vec![exception("System.Exception", "x", frames)])
        };
        assert_eq!(with("Send", "Add", true), with("SendAsync", "Add", true));
        assert_ne!(with("Send", "Add", true), with("Send", "Remove", true));
        assert_ne!(with("Send", "Add", false), with("SendAsync", "Add", false));
    }

    #[test]
    fn a_message_counts_by_its_shape_and_only_without_frames() {
        let bare = |message| of(Platform::Node, vec![exception("Error", message, vec![])]);
        assert_eq!(bare("order 17 is gone"), bare("order 18 is gone"));
        assert_ne!(bare("order 17 is gone"), bare("basket 17 is gone"));
    }

    #[test]
    fn a_rule_may_group_otherwise() {
        let [one, two] = ["a", "b"].map(|kind| of(Platform::Node, vec![exception(kind, "", vec![])]));
        let by = |default: &Fingerprint, parts: &[&str]| {
            by_rule(default.clone(), &parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(by(&one, &[]), one);
        assert_eq!(by(&one, &["payment"]), by(&two, &["payment"]));
        assert_ne!(by(&one, &["{{ default }}", "eu"]), by(&two, &["{{ default }}", "eu"]));
        assert_ne!(by(&one, &["{{ default }}", "eu"]), by(&one, &["{{ default }}", "us"]));
    }

    #[test]
    fn causes_and_their_order_count() {
        let add = || vec![frame("", "add", "/srv/basket.js", 1, true)];
        let chain = |kinds: [&str; 2]| of(Platform::Node, kinds.map(|kind| exception(kind, "", add())).into());
        assert_ne!(chain(["Error", "TypeError"]), chain(["TypeError", "Error"]));
        assert_ne!(chain(["Error", "TypeError"]), of(Platform::Node, vec![exception("Error", "", add())]));
    }

    #[test]
    fn recursion_counts_once() {
        let deep = |depth| {
            let frames = std::iter::repeat_n(frame("", "walk", "/srv/tree.js", 7, true), depth).collect();
            of(Platform::Node, vec![exception("RangeError", "", frames)])
        };
        assert_eq!(deep(3), deep(40));
    }

    #[test]
    fn a_group_counts_each_kind_of_member_once() {
        let group = |members: &[&str]| {
            let mut exceptions = vec![exception("System.AggregateException", "", vec![])];
            exceptions.extend(members.iter().enumerate().map(|(index, kind)| Exception {
                cause_of: Some(CauseOf { parent: 0, source: format!("InnerExceptions[{index}]") }),
                ..exception(kind, "", vec![frame("Shop.Basket", "Add", "", 1, true)])
            }));
            of(Platform::Csharp, exceptions)
        };
        assert_eq!(group(&["A", "B"]), group(&["B", "A", "B"]));
        assert_ne!(group(&["A", "B"]), group(&["A", "C"]));
        let single = of(Platform::Csharp, vec![exception("A", "", vec![frame("Shop.Basket", "Add", "", 1, true)])]);
        assert_eq!(group(&["A", "A"]), single);
    }
}
