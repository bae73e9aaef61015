//! What Sentry's answer means.
//!
//! In: status, headers, the answer's text, the time. Out: an `Answer`. Invariant: pure; a rate limit counts on any
//! status. Source: develop.sentry.dev, "Rate Limiting"; relay-server, `endpoints/common.rs`.

use std::time::Duration;

use jiff::Timestamp;

/// How long a 429 without a header holds.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
/// Longest limit that is believed.
const MAX_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The category of events with exceptions.
const CATEGORY: &str = "error";

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Sentry has it; a limit may hold what follows.
    Taken {
        /// From `X-Sentry-Rate-Limits`.
        limit: Option<Limit>,
    },
    /// Not now.
    Limited(Limit),
    /// Nobody knows: the same event again, later.
    Unavailable(String),
    /// A smaller event might do.
    TooLarge(String),
    /// This event never.
    Rejected(String),
    /// No event of this DSN.
    Stopped(String),
}

/// Until when events wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) until: Timestamp,
    pub(super) why: String,
}

/// Reads an answer.
pub(super) fn judge<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>, text: &str, now: Timestamp) -> Answer {
    let said = said(status, header("x-sentry-error"), text);
    let limit = header("x-sentry-rate-limits").map_or_else(
        // A plain Retry-After counts where Sentry's own header is missing.
        || header("retry-after").filter(|_| matches!(status, 429 | 503)).and_then(|value| retry_after(value, now)),
        rate_limit,
    );
    let limit = limit.or_else(|| (status == 429 && header("x-sentry-rate-limits").is_none()).then_some(DEFAULT_LIMIT));
    let limit = limit.map(|pause| Limit {
        until: now.checked_add(pause.min(MAX_LIMIT)).unwrap_or(Timestamp::MAX),
        why: if status == 429 { said.clone() } else { format!("Sentry's rate limit, {} s", pause.as_secs()) },
    });
    match (status, limit) {
        (200..=299, limit) => Answer::Taken { limit },
        (429, Some(limit)) => Answer::Limited(limit),
        // Limited, but not for errors: the header names other categories. Not at once again, all the same.
        (429, None) => Answer::Unavailable(said),
        (413, _) => Answer::TooLarge(said),
        (503, Some(limit)) => Answer::Limited(limit),
        (401 | 403 | 404 | 405 | 407, _) => Answer::Stopped(said),
        (408 | 425 | 500..=599 | 300..=399, _) => Answer::Unavailable(said),
        _ => Answer::Rejected(said),
    }
}

// 60:error;transaction:organization:quota:, 2700:default;error;security:key
/// The longest limit that holds errors.
fn rate_limit(header: &str) -> Option<Duration> {
    let of_errors = |entry: &str| {
        let mut parts = entry.trim().split(':');
        let seconds = parts.next()?.trim().parse::<f64>().ok().filter(|seconds| *seconds > 0.0)?;
        let categories = parts.next().unwrap_or("").trim();
        let holds = categories.is_empty() || categories.split(';').any(|category| category.trim() == CATEGORY);
        holds.then(|| Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(MAX_LIMIT))
    };
    header.split(',').filter_map(of_errors).max()
}

// 120 · Wed, 21 Oct 2026 07:28:00 GMT
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.ceil()).ok();
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// One line: the status, and what Sentry says about it.
fn said(status: u16, error: Option<&str>, text: &str) -> String {
    let detail = serde_json::from_str::<serde_json::Value>(text).ok();
    let detail = detail.as_ref().and_then(|json| {
        let causes = json
            .get("causes")
            .and_then(|causes| causes.as_array())
            .map(|causes| causes.iter().filter_map(|cause| cause.as_str()).collect::<Vec<_>>().join("; "));
        let detail = json.get("detail").and_then(|detail| detail.as_str()).unwrap_or("");
        Some([detail, causes.as_deref().unwrap_or("")].join(" ").trim().to_owned()).filter(|text| !text.is_empty())
    });
    let text = detail.or_else(|| error.map(str::to_owned)).unwrap_or_else(|| text.to_owned());
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if line.is_empty() { format!("status {status}") } else { format!("status {status}: {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &'static str)], text: &str) -> Answer {
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        judge(status, header, text, Timestamp::UNIX_EPOCH)
    }

    fn seconds(answer: &Answer) -> Option<i64> {
        match answer {
            Answer::Taken { limit: Some(limit) } | Answer::Limited(limit) => Some(limit.until.as_second()),
            _ => None,
        }
    }

    #[test]
    fn statuses_mean_what_sentry_means() {
        assert_eq!(answer(200, &[], "{}"), Answer::Taken { limit: None });
        assert_eq!(
            answer(400, &[], "{\"detail\":\"invalid event envelope\",\"causes\":[\"missing newline\"]}"),
            Answer::Rejected("status 400: invalid event envelope missing newline".to_owned())
        );
        assert!(matches!(answer(401, &[], ""), Answer::Stopped(_)));
        assert!(matches!(answer(403, &[], ""), Answer::Stopped(_)));
        assert!(matches!(answer(413, &[], ""), Answer::TooLarge(_)));
        for status in [500, 502, 503, 504, 408, 302] {
            assert!(matches!(answer(status, &[], "<html>"), Answer::Unavailable(_)), "{status}");
        }
    }

    #[test]
    fn limits_count_on_any_status_and_the_longest_wins() {
        let limits = "10:error:key, 60:default;error:organization:quota, 900:transaction:key";
        assert_eq!(seconds(&answer(200, &[("x-sentry-rate-limits", limits)], "")), Some(60));
        assert_eq!(seconds(&answer(429, &[("x-sentry-rate-limits", "2::organization")], "")), Some(2));
        assert_eq!(
            seconds(&answer(429, &[("x-sentry-rate-limits", "5:error:key"), ("retry-after", "99")], "")),
            Some(5)
        );
        assert_eq!(seconds(&answer(429, &[], "")), Some(60));
        assert_eq!(seconds(&answer(429, &[("retry-after", "7")], "")), Some(7));
        assert_eq!(seconds(&answer(503, &[("retry-after", "Thu, 01 Jan 1970 00:02:00 GMT")], "")), Some(120));
        assert_eq!(seconds(&answer(200, &[("x-sentry-rate-limits", "30:nonsense:key")], "")), None);
        assert_eq!(seconds(&answer(429, &[("x-sentry-rate-limits", "999999999:error:key")], "")), Some(86_400));
    }
}
