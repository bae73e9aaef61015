//! Handled or not: who printed the exception, and in which words.
//!
//! In: a record. Out: what it tells of handledness, how surely, and which layer of the program printed it.
//! Invariant: a last resort (the runtime's or a framework's handler of what nobody caught) is certain; the
//! application's own words and a level below error tell that it was caught; everything else tells nothing.

mod words;

use errtail_parsers::{Level, Platform, Record};
use serde::Deserialize;

pub(super) use words::Words;
use words::own_words;

use super::glob::Glob;
use super::lists::List;
use super::settings::Settings;

/// How surely a print tells handled from unhandled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A library or a middleware reports what passes through it: the caller decides.
    Passing,
    /// The text does not tell.
    Unknown,
    /// The application says so, in words or by its level.
    Told,
    /// A last resort printed it.
    Certain,
}

/// What a print tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) handled: Option<bool>,
    pub(super) strength: Strength,
    /// Whether the failure ends here: what was dealt with is not thrown on, so no later print is one of it.
    pub(super) is_last_word: bool,
    /// The layer of the program that printed it: one layer prints an occurrence once.
    pub(super) layer: String,
    /// One line: why.
    pub(super) reason: String,
}

/// A logger, a message or a mechanism of which it is known who writes it: logger and message must both hold where
/// both are named; a mechanism is enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reporter {
    name: String,
    says: Report,
    /// In words, to follow "printed by".
    what: String,
    #[serde(default)]
    logger: Vec<String>,
    #[serde(default)]
    message: Vec<String>,
    #[serde(default)]
    mechanism: Vec<String>,
}

/// What it means that a reporter prints an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    /// Nobody in the application caught it.
    Unhandled,
    /// It was dealt with.
    Handled,
    /// It passed through here: who called decides.
    Passing,
    /// The same, of a library that tries again by itself: it is dealt with unless a caller prints it too.
    Retrying,
    /// It stands there without a word, as a last resort prints it: unhandled unless another print tells more.
    Presumed,
}

/// The reporters and words of all lists.
#[derive(Debug)]
pub(super) struct Reporters {
    known: Vec<Known>,
    words: Words,
}

#[derive(Debug)]
struct Known {
    platforms: Vec<Platform>,
    reporter: Reporter,
    loggers: Vec<Glob>,
    messages: Vec<Glob>,
    mechanisms: Vec<Glob>,
}

impl Reporters {
    /// The reporters of `lists`.
    pub(super) fn new(lists: &[List]) -> Reporters {
        let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::any_case(pattern)).collect();
        let known = lists.iter().flat_map(|list| {
            list.reporters.iter().map(|reporter| Known {
                platforms: list.platform.clone(),
                loggers: globs(&reporter.logger),
                messages: globs(&reporter.message),
                mechanisms: globs(&reporter.mechanism),
                reporter: reporter.clone(),
            })
        });
        let mut words = Words::default();
        lists.iter().for_each(|list| words.extend(&list.words));
        Reporters { known: known.collect(), words }
    }

    /// What `record` tells.
    pub(super) fn evidence(&self, record: &Record, settings: &Settings) -> Evidence {
        self.by_reporter(record).or_else(|| by_mechanism(record)).unwrap_or_else(|| self.by_words(record, settings))
    }

    fn by_reporter(&self, record: &Record) -> Option<Evidence> {
        let message = record.message.as_deref().map_or("", |text| text.lines().next().unwrap_or_default());
        let logger = record.logger.as_deref().unwrap_or_default();
        let mechanism = record.mechanism.as_ref().map_or("", |mechanism| mechanism.kind.as_str());
        let holds = |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
        let known = self.known.iter().find(|known| {
            let named = !(known.loggers.is_empty() && known.messages.is_empty());
            (known.platforms.is_empty() || known.platforms.contains(&record.platform))
                && (named && holds(&known.loggers, logger) && holds(&known.messages, message)
                    || known.mechanisms.iter().any(|glob| glob.matches(mechanism)))
        })?;
        let Reporter { name, says, what, .. } = &known.reporter;
        let (handled, strength, meaning) = match says {
            Report::Unhandled => (Some(false), Strength::Certain, "unhandled"),
            Report::Handled => (Some(true), Strength::Told, "handled"),
            Report::Passing => (None, Strength::Passing, "not known to be handled"),
            Report::Presumed => (Some(false), Strength::Unknown, "unhandled unless another print tells more"),
            Report::Retrying => (Some(true), Strength::Passing, "handled unless a caller prints it too"),
        };
        let reason = format!("{meaning}: printed by {what} (reporter {name})");
        Some(Evidence { handled, strength, is_last_word: *says == Report::Handled, layer: layer(name, record), reason })
    }

    /// The application's own words before the exception, and the level.
    fn by_words(&self, record: &Record, settings: &Settings) -> Evidence {
        let own = own_words(record);
        let layer = match &record.logger {
            Some(logger) => layer(logger, record),
            None => layer(&words::shape(&own), record),
        };
        let told = |handled, is_last_word, reason: String| Evidence {
            handled: Some(handled),
            strength: Strength::Told,
            is_last_word,
            layer: layer.clone(),
            reason,
        };
        let certain = |reason| Evidence { strength: Strength::Certain, ..told(false, false, reason) };
        let shown = words::shown(&own);
        if let Some(word) = self.words.last_resort(&own) {
            return certain(format!("unhandled: \"{shown}\" says {word:?}"));
        }
        if let Some(level) = record.level.filter(|level| *level < settings.min_level) {
            return told(true, true, format!("handled: logged as {}, so somebody looked at it", words::level(level)));
        }
        if let Some(status) = answered(record) {
            return told(true, true, format!("handled: answered with {status}, a client's mistake"));
        }
        if let Some(status) = failed(record).filter(|_| self.words.says_nothing(&own)) {
            return certain(format!("unhandled: answered with {status}, as servers answer what nobody caught"));
        }
        if ends_the_process(record) {
            return certain("unhandled: logged at the level that ends the process".to_owned());
        }
        match (self.words.deals_with(&own), self.words.says_nothing(&own)) {
            (Some(word), _) => told(true, true, format!("handled: \"{shown}\" says {word:?}")),
            // What a catch-all says before it is its own affair.
            (None, false) if record.platform == Platform::Csharp && catches_all(record) => {
                certain("unhandled: printed by a handler for everything, by its name".to_owned())
            }
            // A server that passes a browser's error on has not dealt with it.
            (None, false) if record.platform != Platform::Javascript => {
                told(true, false, format!("handled: logged with words of its own, \"{shown}\""))
            }
            (None, _) if catches_all(record) => {
                certain("unhandled: printed by a handler for everything, by its name".to_owned())
            }
            (None, _) => Evidence {
                handled: None,
                strength: Strength::Unknown,
                is_last_word: false,
                layer,
                reason: "not known to be handled: the text does not tell".to_owned(),
            },
        }
    }
}

/// What the parser found out.
fn by_mechanism(record: &Record) -> Option<Evidence> {
    let mechanism = record.mechanism.as_ref()?;
    let handled = mechanism.handled?;
    let (strength, meaning) = if handled { (Strength::Told, "handled") } else { (Strength::Certain, "unhandled") };
    let reason = format!("{meaning}: printed by {}", mechanism.kind);
    let layer = layer(&mechanism.kind, record);
    Some(Evidence { handled: Some(handled), strength, is_last_word: false, layer, reason })
}

/// The same writer may print one occurrence to two places, in two formats.
fn layer(name: &str, record: &Record) -> String {
    format!("{name} ({})", record.format)
}

/// The 5xx with which the request was answered.
fn failed(record: &Record) -> Option<u16> {
    record.request.as_ref()?.status.filter(|status| *status >= 500)
}

/// The 4xx with which the request was answered.
fn answered(record: &Record) -> Option<u16> {
    record.request.as_ref()?.status.filter(|status| (400..500).contains(status))
}

/// A level above error is the end of the process in .NET and Node; PHP's critical, alert and emergency are not.
fn ends_the_process(record: &Record) -> bool {
    match record.platform {
        Platform::Php => record.level == Some(Level::Fatal),
        _ => record.level.is_some_and(|level| level > Level::Error),
    }
}

/// Whether the logger, or the outermost method of the trace, is named after a handler for everything.
fn catches_all(record: &Record) -> bool {
    const NAMES: [&str; 12] = [
        "middleware",
        "exceptionhandl",
        "errorhandl",
        "exceptionlogger",
        "exceptionpolicy",
        "errorpipeline",
        "exceptionfilter",
        "errorfilter",
        "exceptionlistener",
        "globalexception",
        "problemdetails",
        "unhandled",
    ];
    let outermost = record.exceptions.first().and_then(|exception| exception.frames.last());
    let catcher = outermost.filter(|frame| frame.in_app).and_then(|frame| frame.module.as_deref());
    let logger = record.logger.as_deref();
    [logger, catcher].into_iter().flatten().any(|name| {
        let name = name.to_ascii_lowercase().replace(['_', '.', '-'], "");
        NAMES.iter().any(|known| name.contains(known))
    })
}
