//! What the configuration may say of the policy: the table `[policy]`.
//!
//! In: TOML. Out: `Settings`. Invariant: every setting has a default, and an unknown key is an error. Does not judge.

use std::collections::BTreeMap;

use errtail_parsers::Level;
use serde::Deserialize;

use super::Category;

/// The table `[policy]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The environments that are reported. Default: development, staging, production.
    pub environments: Vec<String>,
    /// Other names of environments, with the one that each stands for.
    pub environment_aliases: BTreeMap<String, String>,
    /// The categories that are sent. Default: defect, infra, integration.
    pub categories: Vec<Category>,
    /// Whether exceptions that the application handled are sent too. Default: no.
    pub send_handled: bool,
    /// The lowest level that is sent, where the log names one. Default: error.
    pub min_level: Level,
    /// Names of hosts that are one's own, besides private addresses and names without a public domain; `*` is any text.
    pub own_hosts: Vec<String>,
    /// Names of hosts that are a third party's, though they look like one's own.
    pub third_party_hosts: Vec<String>,
    /// What to do with an application whose log shows that it reports to Sentry itself. Default: skip.
    pub sentry_sdk: SdkReports,
    /// Entries of the built-in lists, by name, with the category that holds instead.
    #[serde(rename = "override")]
    pub overrides: BTreeMap<String, Category>,
    /// Seconds of the log's time within which two prints of the same exception may be one occurrence. Default 10.
    pub duplicate_seconds: u32,
    /// Records that may be held back until a later one tells more. Default 32.
    pub held_records: usize,
}

/// What to do with an application that reports to Sentry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdkReports {
    /// Its exceptions are dropped: they are in Sentry already.
    Skip,
    /// Its exceptions are judged like any other.
    Send,
}

impl Default for Settings {
    fn default() -> Self {
        let aliases = [
            ("prod", "production"),
            ("live", "production"),
            ("prd", "production"),
            ("stage", "staging"),
            ("stg", "staging"),
            ("uat", "staging"),
            ("preprod", "staging"),
            ("pre-production", "staging"),
            ("dev", "development"),
            ("develop", "development"),
        ];
        Settings {
            environments: ["development", "staging", "production"].map(str::to_owned).to_vec(),
            environment_aliases: aliases.map(|(alias, name)| (alias.to_owned(), name.to_owned())).into(),
            categories: vec![Category::Defect, Category::Infra, Category::Integration],
            send_handled: false,
            min_level: Level::Error,
            own_hosts: Vec::new(),
            third_party_hosts: Vec::new(),
            sentry_sdk: SdkReports::Skip,
            overrides: BTreeMap::new(),
            duplicate_seconds: 10,
            held_records: 32,
        }
    }
}

impl Settings {
    /// The environment that `name` means, if it is one that is reported.
    pub(super) fn reported_environment<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let name = name.trim();
        let known = |name: &str| self.environments.iter().find(|known| known.eq_ignore_ascii_case(name));
        let alias = || self.environment_aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        known(name).or_else(|| known(alias()?.1)).map(String::as_str)
    }
}
