//! Times of a log as Sentry wants them.
//!
//! In: a time as the parser spells it, and the zone of logs that name none. Out: an instant. Does not know the clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The instant of a time in RFC 3339's form, with or without an offset.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// Seconds since 1970, to the microsecond.
pub(super) fn seconds(instant: Timestamp) -> f64 {
    instant.as_microsecond() as f64 / 1e6
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970: which, the size tells.
pub(super) fn from_epoch(number: f64) -> Option<Timestamp> {
    let seconds = [1.0, 1e3, 1e6, 1e9].iter().map(|unit| number / unit).find(|seconds| *seconds < 1e11)?;
    Timestamp::from_microsecond((seconds * 1e6) as i64).ok().filter(|_| seconds > 1e8)
}
