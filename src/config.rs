//! The configuration: one TOML file, the environment, and the command line, in rising order.
//!
//! In: the text of `errtail.toml`. Out: a `Config` whose every key has a value, or one `ConfigError` that says what
//! is wrong, where (file, line, column), and what to do. Invariant: an unknown key is an error. Reads that one file
//! and the environment; does not open logs, stores or connections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::route::{Route, RouteError, Routes};
use crate::{deliver, event, format, issue, policy, scrub, store, tail};

/// Everything that can be configured. `examples/errtail.toml` documents each key.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where events go; without one, issues stay in the local store.
    pub dsn: Option<String>,
    /// A file that holds the DSN, for mounted secrets.
    pub dsn_file: Option<PathBuf>,
    /// Where the agent's own crashes go; nowhere without one.
    pub self_dsn: Option<String>,
    /// The environment of logs that do not say theirs.
    pub environment: Option<String>,
    /// The application's release.
    pub release: Option<String>,
    /// A file that names the release, where `release` does not: `REVISION`, git's `HEAD`, `package.json`, …
    pub release_file: Option<PathBuf>,
    /// A regular expression of lines of the log that name the release of what follows.
    pub release_marker: Option<String>,
    /// The application's root directory, as its logs spell it.
    pub project_root: Option<String>,
    /// Path prefixes in the logs, and the directories in which the agent can read those sources.
    pub source_roots: BTreeMap<String, PathBuf>,
    /// Where the store lies.
    pub state_dir: Option<PathBuf>,
    /// What is sent.
    pub policy: policy::Settings,
    /// The user's own rules; the first that matches wins.
    pub rule: Vec<policy::Rule>,
    /// Other DSNs, and the inputs that are sent there; the first that matches wins.
    pub route: Vec<Route>,
    /// How entries begin that no built-in grammar knows; the first that matches counts.
    pub format: Vec<format::Table>,
    /// These, made ready.
    #[serde(skip)]
    pub formats: format::Tables,
    /// How repeats of one failure are kept back.
    pub dedupe: issue::Settings,
    /// What is taken out before anything is stored or sent.
    pub scrub: scrub::Settings,
    /// What events say besides the log.
    pub event: event::Settings,
    /// How events are sent.
    pub delivery: deliver::Settings,
    /// What is read, and how.
    pub tail: tail::Settings,
    /// How much is kept.
    pub store: store::Settings,
}

/// Where tables begin whose errors are found later.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    rule: Vec<Spanned<IgnoredAny>>,
}

/// What is wrong with a configuration: one line for people.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    /// The file with line and column, the environment variable, or the option.
    pub place: String,
    /// What is wrong, the offending text, and what to do.
    pub problem: String,
}

impl Config {
    /// Reads `path`, or takes the defaults without one; then the environment stands in where it is set.
    ///
    /// # Errors
    /// The file cannot be read, or holds something that is no configuration.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let mut config = match path {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
                    place: path.display().to_string(),
                    problem: format!("the configuration cannot be read: {error}"),
                })?;
                Config::parse(&text, &path.display().to_string())?
            }
            None => Config::default(),
        };
        config.store.timezone = config.event.timezone.clone();
        config.take_environment(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        config.read_dsns(|name| std::env::var(name).ok())?;
        Ok(config)
    }

    /// Where events go.
    ///
    /// # Errors
    /// A DSN, a route, or a rule's DSN that is wrong.
    pub fn routes(&self) -> Result<Routes, RouteError> {
        let numbered = self.rule.iter().zip(1..);
        let rules = numbered.filter_map(|(rule, number)| Some((format!("rule {number}"), rule.dsn.as_deref()?)));
        let current = std::env::current_dir().unwrap_or_default();
        Routes::new(self.dsn.as_deref(), &self.route, rules, &current)
    }

    /// Parses the text of the file `name`.
    ///
    /// # Errors
    /// The first thing in it that is no configuration.
    pub fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| explain(&error, text, name))?;
        config.formats = format::Tables::new(&config.format, text)
            .map_err(|error| ConfigError { place: place(text, error.at, name), problem: error.problem })?;
        let places: Places = toml::from_str(text).map_err(|error| explain(&error, text, name))?;
        for (rule, table) in config.rule.iter_mut().zip(places.rule) {
            rule.place = Some(place(text, table.span().start, name));
        }
        Ok(config)
    }

    /// `SENTRY_DSN`, `SENTRY_ENVIRONMENT`, `SENTRY_RELEASE` beat the file, as they do in the SDKs.
    fn take_environment(&mut self, get: impl Fn(&str) -> Option<String>) {
        for (name, slot) in [
            ("SENTRY_DSN", &mut self.dsn),
            ("SENTRY_ENVIRONMENT", &mut self.environment),
            ("SENTRY_RELEASE", &mut self.release),
        ] {
            if let Some(value) = get(name) {
                *slot = Some(value);
            }
        }
    }

    /// DSNs that stand in files and in the environment.
    fn read_dsns(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        if self.dsn.is_none() {
            self.dsn = self.dsn_file.as_deref().map(|path| read_dsn("dsn_file", path)).transpose()?.flatten();
        }
        for (route, number) in self.route.iter_mut().zip(1..).filter(|(route, _)| route.dsn.is_none()) {
            let named = route.dsn_env.as_deref().and_then(&get).filter(|text| !text.is_empty());
            let place = format!("route {number}: dsn_file");
            let read = || route.dsn_file.as_deref().map(|path| read_dsn(&place, path)).transpose();
            route.dsn = if named.is_some() { named } else { read()?.flatten() };
        }
        Ok(())
    }
}

fn read_dsn(key: &str, path: &Path) -> Result<Option<String>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        place: path.display().to_string(),
        problem: format!("{key} cannot be read: {error}"),
    })?;
    Ok(Some(text.trim().to_owned()).filter(|dsn| !dsn.is_empty()))
}

/// Turns a TOML error into one line: place, what is wrong, the offending text, and a guess at what was meant.
fn explain(error: &toml::de::Error, text: &str, name: &str) -> ConfigError {
    let message = error.message().replace('\n', " ");
    let Some(span) = error.span() else {
        return ConfigError { place: name.to_owned(), problem: message };
    };
    let start = span.start.min(text.len());
    let offending = text[start..].lines().next().unwrap_or("").trim_end();
    let offending = text.get(span.clone()).filter(|s| !s.contains('\n') && !s.is_empty()).unwrap_or(offending);
    let hint = did_you_mean(&message).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    // The keys that would be right are many; the nearest one is what helps.
    let message =
        if hint.is_empty() { message.as_str() } else { message.split(", expected").next().unwrap_or(&message) };
    ConfigError { place: place(text, start, name), problem: format!("{message}: `{}`{hint}", shorten(offending)) }
}

/// File, line and column of a byte.
fn place(text: &str, at: usize, name: &str) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{name}:{line}:{column}")
}

/// An offending text may be a secret or a page: its beginning is enough to find it.
fn shorten(text: &str) -> String {
    if text.contains("://") && text.contains('@') {
        return "(an address with a key, not repeated here)".to_owned();
    }
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The known word nearest to the unknown one, out of "unknown field `x`, expected one of `a`, `b`".
fn did_you_mean(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    known
        .map(|word| (strsim::damerau_levenshtein(unknown, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(2))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../examples/errtail.toml");

    #[test]
    fn the_example_is_the_defaults() {
        assert_eq!(Config::parse(EXAMPLE, "errtail.toml"), Ok(Config::default()));
    }

    #[test]
    fn each_key_of_the_example_exists() {
        // A key without a default stands in a comment, `#key = value`: without its mark it must be right too.
        let all: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let config = Config::parse(&all, "errtail.toml").unwrap();
        assert_ne!(config, Config::default());
    }

    #[test]
    fn each_key_stands_in_the_example() {
        for table in ["", "[policy]", "[[rule]]", "[[route]]", "[[format]]", "[dedupe]", "[scrub]", "[tail]", "[store]"]
        {
            let error = toml::from_str::<Config>(&format!("{table}\nno-such-key = 1\n")).unwrap_err();
            let message = error.message();
            let keys: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
            assert!(keys.len() > 2, "{table}: {message}");
            // The keys of a rule are shown by an example of one.
            for key in keys.iter().filter(|_| !table.starts_with("[[")) {
                let documented = [format!("{key} ="), format!("[{key}]"), format!("[[{key}]]"), format!(".{key}]")];
                assert!(documented.iter().any(|form| EXAMPLE.contains(form.as_str())), "{table} {key}");
            }
        }
    }

    #[test]
    fn a_wrong_key_is_named_with_its_place() {
        let error = Config::parse("release = \"1\"\n  enviroment = \"production\"\n", "errtail.toml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "errtail.toml:2:3: unknown field `enviroment`: `enviroment`; did you mean `environment`?"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let error = Config::parse("release = 12\n", "errtail.toml").unwrap_err();
        assert_eq!(error.to_string(), "errtail.toml:1:11: invalid type: integer `12`, expected a string: `12`");
        let error = Config::parse("release = \"12\n", "errtail.toml").unwrap_err();
        assert!(error.to_string().starts_with("errtail.toml:1:"), "{error}");
    }

    #[test]
    fn the_environment_beats_the_file() {
        let mut config = Config::parse("release = \"1\"\nenvironment = \"staging\"\n", "errtail.toml").unwrap();
        config.take_environment(|name| (name == "SENTRY_RELEASE").then(|| "2".to_owned()));
        assert_eq!((config.release.as_deref(), config.environment.as_deref()), (Some("2"), Some("staging")));
    }
}
