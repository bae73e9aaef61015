//! The words that stand before an exception in a log entry.
//!
//! In: a record's message. Out: what of it is the application's own, and what that says. Invariant: the exception's
//! own type and message are no words of the application. Knows words of the lists only.

use errtail_parsers::{Level, Record};
use serde::Deserialize;

use super::super::host::cut;

/// Bytes of a message in which words are sought.
const SOUGHT_BYTES: usize = 1024;

/// Characters of a message that a reason shows.
const SHOWN_CHARS: usize = 60;

/// Words, in lower case, that a message may contain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Words {
    /// Said of what nobody caught.
    last_resort: Vec<String>,
    /// Said of what is being dealt with.
    deals_with: Vec<String>,
    /// Said of anything: a message of nothing else tells nothing. The longest first: one may be a part of another.
    says_nothing: Vec<String>,
}

impl Words {
    /// Adds those of another list.
    pub(super) fn extend(&mut self, other: &Words) {
        self.last_resort.extend_from_slice(&other.last_resort);
        self.deals_with.extend_from_slice(&other.deals_with);
        self.says_nothing.extend_from_slice(&other.says_nothing);
        self.says_nothing.sort_by_key(|words| std::cmp::Reverse(words.len()));
    }

    /// The first word of `own` that is said of what nobody caught.
    pub(super) fn last_resort(&self, own: &str) -> Option<&str> {
        contained(&self.last_resort, own)
    }

    /// The first word of `own` that is said of what is being dealt with.
    pub(super) fn deals_with(&self, own: &str) -> Option<&str> {
        contained(&self.deals_with, own)
    }

    /// Whether `own` is empty, or words that are said of anything.
    pub(super) fn says_nothing(&self, own: &str) -> bool {
        let mut rest = format!("{} ", plain_words(own).to_lowercase());
        for words in &self.says_nothing {
            if rest.contains(words.as_str()) {
                rest = rest.replace(words.as_str(), " ");
            }
        }
        !rest.chars().any(char::is_alphabetic)
    }
}

/// The words that are words: no ids, paths, addresses, key=value pairs, numbered labels, and nothing in brackets.
fn plain_words(own: &str) -> String {
    let is_numbered = |label: &str, value: Option<&&str>| {
        label.ends_with(':') && value.is_some_and(|value| value.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_plain = |word: &&str| {
        let odd = |c: char| c.is_ascii_digit() || matches!(c, '/' | '=' | '@' | '_' | '\\' | '|' | '\x1b');
        let is_pair = word.split_once(':').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty());
        !word.contains(odd) && !word.starts_with(['[', '<', '{']) && !is_pair
    };
    // `[Thread 12] [User anna]`
    let outside = own.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
    let outside = outside.collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = outside.split_whitespace().collect();
    let plain = words.iter().enumerate().filter(|(at, word)| is_plain(word) && !is_numbered(word, words.get(at + 1)));
    plain.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

fn contained<'a>(words: &'a [String], own: &str) -> Option<&'a str> {
    let own = own.to_lowercase();
    words.iter().map(String::as_str).find(|word| own.contains(word))
}

/// The beginning of the record's message without the types and messages of its exceptions.
pub(super) fn own_words(record: &Record) -> String {
    let Some(message) = &record.message else { return String::new() };
    let mut own = cut(message, SOUGHT_BYTES).trim().to_owned();
    for exception in &record.exceptions {
        let text = exception.message.trim();
        if text.starts_with(own.as_str()) {
            return String::new();
        }
        let first_line = text.lines().next().unwrap_or_default();
        for said in [cut(text, SOUGHT_BYTES), first_line, exception.kind.as_str()] {
            if said.len() > 2 {
                own = own.replace(said, " ");
            }
        }
    }
    let end = own.find("\n").unwrap_or(own.len());
    let shown = own[..end].trim();
    let shown = if shown.is_empty() { own.trim() } else { shown };
    shown.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '"' | '\'' | '.' | '(' | ')')).to_owned()
}

/// A message's words without what changes from one occurrence to the next.
pub(super) fn shape(own: &str) -> String {
    own.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

/// As much of a message as a reason shows: whole words, since half a secret is not known as one.
pub(super) fn shown(own: &str) -> String {
    let head: String = own.chars().take(SHOWN_CHARS).collect();
    if head.len() == own.len() {
        return head;
    }
    format!("{}…", head.rsplit_once(char::is_whitespace).map_or("", |(words, _)| words))
}

/// A level as logs spell it.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
        Level::Critical => "critical",
        Level::Alert => "alert",
        Level::Emergency => "emergency",
        Level::Fatal => "fatal",
    }
}
