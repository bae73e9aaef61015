//! What of deduplication can be configured: the value of the key `dedupe`.
//!
//! In: `dedupe = "off"`, or the table `[dedupe]`. Out: `Settings`. Invariant: an unknown key is an error, and
//! each key has a default. Does not read files.

use std::fmt;

use jiff::SignedDuration;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// How repeats of one failure are kept back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which occurrences are sent. Default: the first, then by the schedule.
    pub report: Report,
    /// A repeated failure is sent at most once in this time, but for powers of ten and new users. Default 5 minutes.
    pub interval: SignedDuration,
    /// New users of a known issue that are sent within one `interval`. Default 50.
    pub users_per_interval: u32,
}

/// Which occurrences of an issue are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// The first at once; repeats are counted, and go out by the schedule with what they stand for.
    #[default]
    Schedule,
    /// Each one: Sentry counts.
    Every,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { report: Report::Schedule, interval: SignedDuration::from_mins(5), users_per_interval: 50 }
    }
}

/// The table, as it is written.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    report: Report,
    #[serde(deserialize_with = "duration")]
    interval: SignedDuration,
    users_per_interval: u32,
}

impl Default for Table {
    fn default() -> Self {
        let Settings { report, interval, users_per_interval } = Settings::default();
        Table { report, interval, users_per_interval }
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable)
    }
}

struct WordOrTable;

impl<'de> Visitor<'de> for WordOrTable {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"on\", \"off\" or a table")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Settings, E> {
        match word {
            "on" => Ok(Settings::default()),
            "off" => Ok(Settings { report: Report::Every, ..Settings::default() }),
            _ => Err(E::unknown_variant(word, &["on", "off"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Settings, A::Error> {
        let Table { report, interval, users_per_interval } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Settings { report, interval, users_per_interval })
    }
}

/// A time span as people write it: `5m`, `1h 30m`, `PT5M`; at least one second.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<SignedDuration>() {
        Ok(span) if span >= SignedDuration::from_secs(1) => Ok(span),
        Ok(_) => Err(D::Error::custom(format_args!("`{text}` is shorter than one second"))),
        Err(_) => Err(D::Error::custom(format_args!("`{text}` is not a time span such as `5m` or `1h`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Config {
        #[serde(default)]
        dedupe: Settings,
    }

    fn parse(text: &str) -> Result<Settings, String> {
        toml::from_str::<Config>(text).map(|config| config.dedupe).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn words_and_tables_are_understood() {
        assert_eq!(parse(""), Ok(Settings::default()));
        assert_eq!(parse("dedupe = \"on\""), Ok(Settings::default()));
        assert_eq!(parse("dedupe = \"off\"").unwrap().report, Report::Every);
        let table = parse("[dedupe]\nreport = \"every\"\ninterval = \"1h\"\nusers_per_interval = 0").unwrap();
        assert_eq!(
            table,
            Settings { report: Report::Every, interval: SignedDuration::from_hours(1), users_per_interval: 0 }
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse("dedupe = \"of\"").unwrap_err(), "unknown variant `of`, expected `on` or `off`");
        assert!(parse("[dedupe]\nintervall = \"1m\"").unwrap_err().starts_with("unknown field `intervall`"));
        assert!(parse("[dedupe]\ninterval = \"soon\"").unwrap_err().contains("`soon` is not a time span"));
        assert!(parse("[dedupe]\ninterval = \"0s\"").unwrap_err().contains("shorter than one second"));
    }
}
