//! The verdict: handled or not, which category, sent or not, and why.
//!
//! In: records of one file, in order. Out: each record with its `Verdict`. Invariant: a verdict depends on the
//! records alone, never on how the file was cut into reads; each record comes out once, in the order of the file.
//! Does not touch the world. The lists themselves are data: `common.toml`, `php.toml`, `dotnet.toml`, `node.toml`.

mod decide;
mod evidence;
mod glob;
mod host;
mod judge;
mod lists;
mod prints;
mod rules;
mod settings;
mod taxonomy;

use serde::{Deserialize, Serialize};

pub use judge::Judge;
pub use rules::{Effects, Rule, in_one_line};
pub use settings::{SdkReports, Settings};
pub use taxonomy::Entry;

use evidence::Reporters;
use host::Hosts;
use rules::Rules;
use taxonomy::Taxonomy;

/// What the policy says of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the application handled the exception; none where the log gives no evidence.
    pub handled: Option<bool>,
    /// What failed.
    pub category: Category,
    /// What is done with it.
    pub action: Action,
    /// Why, one line each.
    pub reasons: Vec<String>,
    /// What the user's rule changes in the event.
    #[serde(default, skip_serializing_if = "Effects::is_empty")]
    pub effects: Effects,
    /// What speaks against sending it, in one word, as outcomes are counted by it; none where it is not dropped.
    #[serde(skip)]
    pub dropped: Option<&'static str>,
}

/// What failed, or why it is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A bug of the application.
    Defect,
    /// The application's own infrastructure failed.
    Infra,
    /// A third party's service failed.
    Integration,
    /// A client's mistake, answered with a 4xx.
    Http,
    /// Input was not valid.
    Validation,
    /// A rule of the business said no.
    Business,
    /// The request or the work was given up by whom it was for.
    Cancelled,
    /// None of these.
    None,
}

impl Category {
    /// As the configuration and the output spell it.
    pub fn name(self) -> &'static str {
        match self {
            Category::Defect => "defect",
            Category::Infra => "infra",
            Category::Integration => "integration",
            Category::Http => "http",
            Category::Validation => "validation",
            Category::Business => "business",
            Category::Cancelled => "cancelled",
            Category::None => "none",
        }
    }
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes to Sentry, if the store's knowledge does not keep it back.
    Send,
    /// It is counted and goes nowhere.
    Drop,
    /// Another print of an occurrence that a record of the same run stands for.
    Duplicate,
}

/// Why a policy cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// One of the embedded lists is broken.
    #[error("built-in list {file}: {cause}")]
    List {
        /// The list's file.
        file: &'static str,
        /// What is wrong, and where.
        cause: String,
    },
    /// A pattern that the user wrote cannot be understood.
    #[error("{place}: pattern {pattern:?}: {cause}")]
    Pattern {
        /// The rule or setting.
        place: String,
        /// The pattern's text.
        pattern: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A setting names something that does not exist, or a rule can never do anything.
    #[error("{place}: {cause}")]
    Setting {
        /// The rule or setting.
        place: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// The policy, made ready: shared by the judges of all files.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    environment: Option<String>,
    taxonomy: Taxonomy,
    reporters: Reporters,
    hosts: Hosts,
    rules: Rules,
}

impl Policy {
    /// Makes the policy that `settings` and the user's `rules` describe; `environment` is that of records which
    /// name none themselves.
    pub fn new(settings: Settings, rules: &[Rule], environment: Option<String>) -> Result<Policy, PolicyError> {
        let lists = lists::built_in()?;
        let taxonomy = Taxonomy::new(&lists, &settings.overrides)?;
        let reporters = Reporters::new(&lists);
        let hosts = Hosts::new(&settings.own_hosts, &settings.third_party_hosts)?;
        let rules = Rules::new(rules)?;
        Ok(Policy { settings, environment, taxonomy, reporters, hosts, rules })
    }

    /// Whether what is of this category is sent.
    pub fn sends(&self, category: Category) -> bool {
        self.settings.categories.contains(&category)
    }

    /// The lists of what is what, in the order in which they are tried.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.taxonomy.entries()
    }
}

#[cfg(test)]
mod tests;
