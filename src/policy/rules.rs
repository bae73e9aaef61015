//! The user's rules: which records they match, and what they change.
//!
//! In: the configuration's `[[rule]]` tables. Out: the first that matches a record. Invariant: a pattern that cannot
//! be understood, and a rule that can never match or changes nothing, are errors that quote it. Does not judge.

mod matcher;

use std::collections::BTreeMap;

use errtail_parsers::{Level, Record};
use serde::{Deserialize, Serialize, Serializer};

use matcher::Matcher;
pub use matcher::{Match, in_one_line};

use super::{Category, PolicyError};

/// A table `[[rule]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What reasons call it. Default: its number.
    #[serde(default)]
    pub name: Option<String>,
    /// All of these must hold.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Whether what matches is sent, whatever else speaks for or against it.
    #[serde(default)]
    pub action: Option<RuleAction>,
    /// The category that holds instead.
    #[serde(default)]
    pub category: Option<Category>,
    /// The level that the event gets.
    #[serde(default)]
    pub level: Option<Level>,
    /// Tags that the event gets.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the event is grouped by; `{{ default }}` stands for what it would be without the rule.
    #[serde(default)]
    pub fingerprint: Vec<String>,
    /// The DSN that the event is sent to, or the name of a route.
    #[serde(default)]
    pub dsn: Option<String>,
    /// Where it stands: file, line and column, if it was read from a file.
    #[serde(skip)]
    pub place: Option<String>,
}

impl Rule {
    /// What errors call it.
    fn named(&self, name: &str) -> String {
        self.place.as_ref().map_or_else(|| name.to_owned(), |place| format!("{place}: {name}"))
    }
}

/// What a rule does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// It is sent.
    Send,
    /// It is dropped.
    Drop,
}

/// What a rule changes in the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// The level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Tags to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The fingerprint; empty: the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprint: Vec<String>,
    /// Where to send it: a DSN, or the name of a route. A DSN is not printed.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "without_key")]
    pub dsn: Option<String>,
}

impl Effects {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Effects::default()
    }
}

// https://0123456789abcdef@sentry.example.com/1
fn without_key<S: Serializer>(dsn: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let text = dsn.as_deref().unwrap_or_default();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            to.collect_str(&format_args!("{scheme}://…@{}", rest.rsplit_once('@').map_or("", |(_, rest)| rest)))
        }
        None => to.serialize_str(text),
    }
}

/// What a rule is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) record: &'a Record,
    pub(super) environment: Option<&'a str>,
    pub(super) handled: Option<bool>,
    pub(super) category: Category,
}

/// A rule, made ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) action: Option<RuleAction>,
    pub(super) category: Option<Category>,
    pub(super) effects: Effects,
    matcher: Matcher,
}

/// The user's rules, in their order.
#[derive(Debug)]
pub(super) struct Rules {
    ready: Vec<Ready>,
}

impl Rules {
    /// Makes `rules` ready.
    pub(super) fn new(rules: &[Rule]) -> Result<Rules, PolicyError> {
        let ready: Vec<Ready> =
            rules.iter().enumerate().map(|(index, rule)| ready(index + 1, rule)).collect::<Result<_, _>>()?;
        for (later, rule) in rules.iter().enumerate() {
            if let Some(earlier) = rules[..later].iter().position(|before| before.matches.covers(&rule.matches)) {
                let all = if rules[earlier].matches == Match::default() { "everything" } else { "all that it matches" };
                return Err(PolicyError::Setting {
                    place: rule.named(&ready[later].name),
                    cause: format!("can never match: {} before it matches {all}", ready[earlier].name),
                });
            }
        }
        Ok(Rules { ready })
    }

    /// The first rule that matches.
    pub(super) fn first_match(&self, subject: &Subject<'_>) -> Option<&Ready> {
        self.ready.iter().find(|rule| rule.matcher.holds(subject))
    }
}

fn ready(number: usize, rule: &Rule) -> Result<Ready, PolicyError> {
    let name = rule.name.as_ref().map_or_else(|| format!("rule {number}"), |name| format!("rule {number} ({name})"));
    let effects = Effects {
        level: rule.level,
        tags: rule.tags.clone(),
        fingerprint: rule.fingerprint.clone(),
        dsn: rule.dsn.clone(),
    };
    if rule.action.is_none() && rule.category.is_none() && effects.is_empty() {
        let cause = "does nothing: give it an action, a category, a level, tags, a fingerprint or a dsn".to_owned();
        return Err(PolicyError::Setting { place: rule.named(&name), cause });
    }
    let matcher = Matcher::new(&rule.named(&name), &rule.matches)?;
    Ok(Ready { name, action: rule.action, category: rule.category, effects, matcher })
}
