//! The store's limits: the table `[store]` of the configuration.
//!
//! In: that table. Out: `Settings`. Invariant: each key has a default, an unknown one is an error.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::Own;
use crate::issue::Report;

/// Events an hour that a schedule's repeats and new failures may come to.
const EVENTS_PER_HOUR: u64 = 10_000;

/// How much is kept. Each limit is at least 1 in effect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Events that wait to be sent; reading stops at so many. Default 10,000.
    pub max_outbox_events: u64,
    /// Bytes of events that wait to be sent; reading stops at so many. Default 256 MiB.
    pub max_outbox_bytes: u64,
    /// Days that an event waits; Sentry takes none older than 30. Default 30.
    pub max_outbox_days: u16,
    /// Events that Sentry refused, kept for diagnosis; the oldest go first. Default 1,000.
    pub max_failed_events: u64,
    /// Events queued for one DSN within an hour; the rest is counted. 0 for no limit. Default 10,000; none where
    /// each occurrence is to be sent.
    pub events_per_hour: Option<u64>,
    /// Issues kept; those not seen for longest go first. Default 50,000.
    pub max_issues: u64,
    /// Days for which occurrences by the hour are kept. Default 30.
    pub history_days: u16,
    /// The zone of logs that do not name theirs; the same as the events'. A key of its own.
    #[serde(skip)]
    pub timezone: TimeZone,
    /// Where the agent's own events go; nowhere without one. A key of its own: `self_dsn`.
    #[serde(skip)]
    pub own: Option<Own>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_outbox_events: 10_000,
            max_outbox_bytes: 256 << 20,
            max_outbox_days: 30,
            max_failed_events: 1_000,
            events_per_hour: None,
            max_issues: 50_000,
            history_days: 30,
            timezone: TimeZone::UTC,
            own: None,
        }
    }
}

impl Settings {
    /// Events that may be queued for one DSN within an hour; 0 for no limit.
    pub(super) fn budget(&self, report: Report) -> u64 {
        self.events_per_hour.unwrap_or(match report {
            Report::Schedule => EVENTS_PER_HOUR,
            Report::Every => 0,
        })
    }
}
