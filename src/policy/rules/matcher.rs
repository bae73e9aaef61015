//! What a rule matches.
//!
//! In: the table `match` of a rule. Out: whether a record matches. Invariant: every key that is named must hold, by
//! one of its patterns; a pattern is a glob (`*`, `?`, `[ab]`, `{a,b}`), or between slashes a regular expression
//! that is found anywhere. Sentry's own names are accepted beside ours.

use errtail_parsers::{Exception, Frame, Level, Platform, Record};
use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use serde::{Deserialize, Deserializer};

use super::super::{Category, PolicyError};
use super::Subject;

/// The table `match` of a rule. Each key takes one pattern or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Type of any exception of the chain.
    #[serde(rename = "type", alias = "error.type", deserialize_with = "one_or_many")]
    kind: Vec<String>,
    /// Message of any exception of the chain, or of the log entry.
    #[serde(alias = "error.value", alias = "value", deserialize_with = "one_or_many")]
    message: Vec<String>,
    /// Level of the log entry.
    #[serde(deserialize_with = "one_or_many")]
    level: Vec<Level>,
    /// Logger.
    #[serde(deserialize_with = "one_or_many")]
    logger: Vec<String>,
    /// Environment, as the log or the configuration names it.
    #[serde(deserialize_with = "one_or_many")]
    environment: Vec<String>,
    /// The log file.
    #[serde(deserialize_with = "one_or_many")]
    path: Vec<String>,
    /// Module of any frame.
    #[serde(alias = "stack.module", alias = "stack.package", deserialize_with = "one_or_many")]
    module: Vec<String>,
    /// Function of any frame.
    #[serde(alias = "stack.function", deserialize_with = "one_or_many")]
    function: Vec<String>,
    /// File of any frame.
    #[serde(alias = "stack.abs_path", alias = "stack.filename", deserialize_with = "one_or_many")]
    file: Vec<String>,
    /// Platform, in Sentry's names.
    #[serde(deserialize_with = "one_or_many")]
    platform: Vec<Platform>,
    /// Whether it was handled.
    #[serde(alias = "error.handled")]
    handled: Option<bool>,
    /// Category.
    #[serde(deserialize_with = "one_or_many")]
    category: Vec<Category>,
    /// URL of the request.
    #[serde(deserialize_with = "one_or_many")]
    url: Vec<String>,
    /// Status of the answer: `503` or `"5??"`.
    #[serde(deserialize_with = "statuses")]
    status: Vec<String>,
}

impl Match {
    /// Whether it holds wherever `other` does, as far as their texts tell: it names no key that the other does not, and no
    /// fewer patterns.
    pub(super) fn covers(&self, other: &Match) -> bool {
        fn all<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|one| wide.contains(one))
        }
        let texts = |table: &Match| {
            [
                table.kind.clone(),
                table.message.clone(),
                table.logger.clone(),
                table.environment.clone(),
                table.path.clone(),
                table.module.clone(),
                table.function.clone(),
                table.file.clone(),
                table.url.clone(),
                table.status.clone(),
            ]
        };
        texts(self).iter().zip(&texts(other)).all(|(wide, narrow)| all(wide, narrow))
            && all(&self.level, &other.level)
            && all(&self.platform, &other.platform)
            && all(&self.category, &other.category)
            && (self.handled.is_none() || self.handled == other.handled)
    }
}

/// The table, made ready.
#[derive(Debug)]
pub(super) struct Matcher {
    kind: Patterns,
    message: Patterns,
    level: Vec<Level>,
    logger: Patterns,
    environment: Patterns,
    path: Patterns,
    module: Patterns,
    function: Patterns,
    file: Patterns,
    platform: Vec<Platform>,
    handled: Option<bool>,
    category: Vec<Category>,
    url: Patterns,
    status: Patterns,
}

impl Matcher {
    /// Makes the patterns of `table` ready; `place` names the rule in errors.
    pub(super) fn new(place: &str, table: &Match) -> Result<Matcher, PolicyError> {
        let patterns = |key: &str, texts: &[String]| Patterns::new(&format!("{place}, match.{key}"), texts);
        let status = patterns("status", &table.status)?;
        if let Some(never) = status.0.iter().zip(&table.status).find_map(|(pattern, text)| {
            (!(100..600).any(|status: u16| pattern.holds(&status.to_string()))).then_some(text)
        }) {
            let cause = "no status is like that; write 503, \"5xx\" or \"5??\"".to_owned();
            return Err(PolicyError::Pattern {
                place: format!("{place}, match.status"),
                pattern: never.clone(),
                cause,
            });
        }
        Ok(Matcher {
            kind: patterns("type", &table.kind)?,
            message: patterns("message", &table.message)?,
            level: table.level.clone(),
            logger: patterns("logger", &table.logger)?,
            environment: patterns("environment", &table.environment)?,
            path: patterns("path", &table.path)?,
            module: patterns("module", &table.module)?,
            function: patterns("function", &table.function)?,
            file: patterns("file", &table.file)?,
            platform: table.platform.clone(),
            handled: table.handled,
            category: table.category.clone(),
            url: patterns("url", &table.url)?,
            status,
        })
    }

    /// Whether every named key holds.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let record = subject.record;
        let status = record.request.as_ref().and_then(|request| request.status).map(|status| status.to_string());
        let url = record.request.as_ref().and_then(|request| request.url.as_deref());
        let allowed = |empty: bool, found: bool| empty || found;
        allowed(self.level.is_empty(), record.level.is_some_and(|level| self.level.contains(&level)))
            && allowed(self.platform.is_empty(), self.platform.contains(&record.platform))
            && allowed(self.category.is_empty(), self.category.contains(&subject.category))
            && allowed(self.handled.is_none(), self.handled == subject.handled)
            && self.kind.any(record.exceptions.iter().map(|exception| exception.kind.as_str()))
            && self.message.any(messages(record))
            && self.logger.any(record.logger.as_deref())
            && self.environment.any(subject.environment)
            && (self.path.0.is_empty() || self.path.any(paths(&record.source.path).iter().map(String::as_str)))
            && self.module.any(frames(record).filter_map(|frame| frame.module.as_deref()))
            && self.function.any(frames(record).filter_map(|frame| frame.function.as_deref()))
            && self.file.any(frames(record).filter_map(|frame| frame.file.as_deref()))
            && self.url.any(url)
            && self.status.any(status.as_deref())
    }
}

/// A log file's path; one that the command line named below the current directory also as what begins with a slash, so that
/// `*/app.log` means the same everywhere.
fn paths(path: &str) -> Vec<String> {
    let relative = (!path.starts_with('/')).then(|| format!("/{path}"));
    [path.to_owned()].into_iter().chain(relative).collect()
}

fn messages(record: &Record) -> impl Iterator<Item = &str> {
    let own = record.message.as_deref().into_iter();
    own.chain(record.exceptions.iter().map(|exception: &Exception| exception.message.as_str()))
}

fn frames(record: &Record) -> impl Iterator<Item = &Frame> {
    record.exceptions.iter().flat_map(|exception| &exception.frames)
}

/// The patterns of one key.
#[derive(Debug)]
struct Patterns(Vec<Pattern>);

#[derive(Debug)]
enum Pattern {
    Glob(GlobMatcher),
    Regex(Regex),
}

/// What is wrong with a regular expression, without the picture of it.
pub fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl Pattern {
    fn holds(&self, text: &str) -> bool {
        match self {
            Pattern::Glob(glob) => glob.is_match(text),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Patterns {
    fn new(place: &str, texts: &[String]) -> Result<Patterns, PolicyError> {
        let bad = |text: &str, cause: String| PolicyError::Pattern {
            place: place.to_owned(),
            pattern: text.to_owned(),
            cause,
        };
        let ready = |text: &String| match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(regex) if !regex.is_empty() => {
                Regex::new(regex).map(Pattern::Regex).map_err(|error| bad(text, in_one_line(&error)))
            }
            _ if text.is_empty() => Err(bad(text, "is empty, and would match nothing".to_owned())),
            // Types have backslashes and messages have slashes: neither means anything special here.
            _ => GlobBuilder::new(text)
                .backslash_escape(false)
                .literal_separator(false)
                .build()
                .map(|glob| Pattern::Glob(glob.compile_matcher()))
                .map_err(|error| bad(text, error.kind().to_string())),
        };
        Ok(Patterns(texts.iter().map(ready).collect::<Result<_, _>>()?))
    }

    fn any<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        self.0.is_empty() || texts.into_iter().any(|text| self.0.iter().any(|pattern| pattern.holds(text)))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<Vec<T>, D::Error> {
    Ok(match OneOrMany::deserialize(source)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Pattern(String),
}

fn statuses<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let text = |status| match status {
        Status::Number(number) => number.to_string(),
        Status::Pattern(pattern) => pattern.replace(['x', 'X'], "?"),
    };
    Ok(one_or_many::<D, Status>(source)?.into_iter().map(text).collect())
}
