//! One entry of a list: its conditions and what it says.
//!
//! In: an exception. Out: whether the entry knows it. Invariant: every kind of condition that the entry names must
//! hold, each by one of its patterns; an entry without conditions is a mistake and is refused.

use std::cell::{LazyCell, OnceCell};
use std::sync::Arc;

use errtail_parsers::{Exception, Frame};
use serde::{Deserialize, Deserializer};

use super::super::Category;
use super::super::glob::Glob;

/// Frames from the throw site inwards to outwards in which the library is sought that threw.
const SOUGHT_FRAMES: usize = 30;

/// How much an entry knows. Along a chain, the strongest decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Says {
    /// Whatever caused it: the framework answers this one on purpose. The outermost decides.
    Final,
    /// Its type or message is enough. The innermost decides.
    #[default]
    Firm,
    /// The network, the disk or the clock: true unless something around it knows better. The outermost decides.
    Weak,
    /// A name that suggests it. The outermost decides.
    Hint,
}

/// Whether the host that the exception names changes the category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Whose {
    /// An HTTP client's error: integration, unless the host is named as one's own.
    Client,
    /// A bare network error: infra, unless the port or the host is that of someone's API.
    Transport,
}

/// An entry of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// By which the configuration can override it.
    pub name: String,
    /// What failed.
    pub category: Category,
    /// In words, to follow "is".
    pub what: String,
    /// Types, as the log spells them.
    #[serde(default, rename = "type", deserialize_with = "as_written")]
    pub(super) types: Vec<Glob>,
    /// Messages, in any case.
    #[serde(default, rename = "message", deserialize_with = "any_case")]
    messages: Vec<Glob>,
    /// Codes: printed with the type, or as a property `code`, `errno`, `sqlState`, `name`, `type`.
    #[serde(default, rename = "code", deserialize_with = "as_written")]
    codes: Vec<Glob>,
    /// HTTP statuses that the exception carries.
    #[serde(default, rename = "status", deserialize_with = "as_written")]
    statuses: Vec<Glob>,
    /// Modules, functions or files of the frames between the throw site and the application's own code.
    #[serde(default, rename = "frame", deserialize_with = "any_case")]
    frames: Vec<Glob>,
    #[serde(default)]
    pub(super) says: Says,
    #[serde(default)]
    pub(super) whose: Option<Whose>,
    /// Where this entry's message patterns' literals stand among all lists'.
    #[serde(skip)]
    first_literal: usize,
}

/// An exception, with what was found out about it once for all entries.
pub(super) struct Seen<'a> {
    pub(super) exception: &'a Exception,
    /// The beginning of its message.
    pub(super) message: &'a str,
    /// Which literals stand in it.
    pub(super) present: LazyCell<Vec<bool>, &'a dyn Fn() -> Vec<bool>>,
    /// What its frames are called, where an entry asks.
    pub(super) calls: OnceCell<Arc<Calls>>,
}

impl Entry {
    /// Its conditions, by kind, each with its patterns.
    pub fn conditions(&self) -> Vec<(&'static str, Vec<String>)> {
        let kinds = [
            ("type", &self.types),
            ("message", &self.messages),
            ("code", &self.codes),
            ("status", &self.statuses),
            ("frame", &self.frames),
        ];
        let texts = |globs: &[Glob]| globs.iter().map(Glob::text).collect();
        kinds.into_iter().filter(|(_, globs)| !globs.is_empty()).map(|(kind, globs)| (kind, texts(globs))).collect()
    }

    /// The user says another category: then the host has no say either.
    pub(super) fn overrule(&mut self, category: Category) {
        self.category = category;
        self.whose = None;
    }

    /// Puts the literals of the message patterns behind those of the entries before.
    pub(super) fn number_literals(&mut self, texts: &mut Vec<String>) {
        self.first_literal = texts.len();
        texts.extend(self.messages.iter().map(|glob| glob.longest_piece().to_owned()));
    }

    /// Whether the entry names a condition at all.
    pub(in super::super) fn is_conditional(&self) -> bool {
        let lists = [&self.types, &self.messages, &self.codes, &self.statuses, &self.frames];
        lists.iter().any(|list| !list.is_empty()) && self.messages.iter().all(|glob| !glob.longest_piece().is_empty())
    }

    /// Whether an exception of this type may be the entry's.
    pub(super) fn takes_type(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|glob| glob.matches(kind))
    }

    /// Whether every kind of condition holds but that of the type.
    pub(super) fn holds_beside_type(&self, seen: &Seen<'_>) -> bool {
        let any = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.matches(text));
        let exception = seen.exception;
        (self.messages.is_empty() || self.message_holds(seen))
            && (self.codes.is_empty() || codes(exception).any(|code| any(&self.codes, code)))
            && (self.statuses.is_empty() || statuses(exception).any(|status| any(&self.statuses, status)))
            && (self.frames.is_empty() || seen.calls().0.iter().any(|text| any(&self.frames, text)))
    }

    fn message_holds(&self, seen: &Seen<'_>) -> bool {
        let numbered = self.messages.iter().zip(self.first_literal..);
        numbered
            .filter(|(_, literal)| seen.present.get(*literal) == Some(&true))
            .any(|(glob, _)| glob.matches(seen.message))
    }
}

/// What the frames of the library that threw are called, and the files that they stand in: from the throw site to the
/// first frame of the application's own code.
pub(super) struct Calls(Vec<String>);

impl Seen<'_> {
    fn calls(&self) -> &Calls {
        self.calls.get_or_init(|| self.exception.frames.fact(calls))
    }
}

fn calls(frames: &[Frame]) -> Calls {
    let library = frames.iter().take(SOUGHT_FRAMES).take_while(|frame| !frame.in_app);
    let names = library.flat_map(|frame| {
        let function = match (&frame.module, &frame.function) {
            (Some(module), Some(function)) => Some(format!("{module}.{function}")),
            (module, function) => function.as_ref().or(module.as_ref()).cloned(),
        };
        [function, frame.file.as_ref().map(|file| file.replace('\\', "/"))]
    });
    Calls(names.flatten().collect())
}

/// The code printed with the type, and the properties that hold codes.
fn codes(exception: &Exception) -> impl Iterator<Item = &str> {
    const KEYS: [&str; 10] = [
        "code",
        "errno",
        "sqlState",
        "SqlState",
        "type",
        "name",
        "errorCode",
        "ErrorCode",
        "StatusCode",
        "extensions.code",
    ];
    let properties = exception.properties.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    exception.code.as_deref().into_iter().chain(properties.map(|(_, value)| value.as_str()))
}

fn statuses(exception: &Exception) -> impl Iterator<Item = &str> {
    const KEYS: [&str; 4] = ["status", "statusCode", "StatusCode", "output.statusCode"];
    let properties = exception.properties.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    properties.map(|(_, value)| value.as_str())
}

fn as_written<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Glob>, D::Error> {
    Ok(Vec::<String>::deserialize(source)?.iter().map(|pattern| Glob::new(pattern)).collect())
}

fn any_case<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Glob>, D::Error> {
    Ok(Vec::<String>::deserialize(source)?.iter().map(|pattern| Glob::any_case(pattern)).collect())
}
