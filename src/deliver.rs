//! Brings events to Sentry: one envelope a request, and what became of it.
//!
//! In: a row of the outbox. Out: an `Outcome` for the store. Invariants: an event keeps its id over all attempts; a
//! rate limit, an outage or a refused key holds its DSN and no other; a DSN is never printed or logged whole. Does
//! not queue: what is not `Sent` stays in the outbox.

mod answer;
mod envelope;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response, redirect};
use sentry::types::Dsn;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::event;
use crate::store::{ClientReport, Outcome, Outgoing};

use answer::Answer;

/// The client's name in requests.
const AGENT: &str = concat!("errtail/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read: Sentry says in a few words what is wrong.
const ANSWER_BYTES: usize = 2048;
/// Longest pause after failures in a row.
const MAX_BACKOFF: Duration = Duration::from_secs(15 * 60);
/// Longest pause of one event, while others of its DSN are answered.
const MAX_EVENT_BACKOFF: Duration = Duration::from_secs(60);
/// How long a DSN rests after Sentry refused its key.
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// How events are sent: the table `[delivery]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds to connect. Default 5.
    pub connect_timeout_seconds: u64,
    /// Seconds of a request with its answer. Default 30.
    pub timeout_seconds: u64,
    /// Requests under way to one DSN. Default 4.
    pub max_in_flight: usize,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { connect_timeout_seconds: 5, timeout_seconds: 30, max_in_flight: 4, ca_file: None }
    }
}

impl Settings {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.max(1))
    }
}

/// What keeps a sender from being made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of certificate authorities.
    #[error("delivery.ca_file holds no PEM certificates: {0}")]
    Certificates(reqwest::Error),
    /// The HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(reqwest::Error),
}

/// Sends events to the DSNs that it was made with. Shared by all tasks that send.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    destinations: HashMap<String, Destination>,
}

struct Destination {
    url: reqwest::Url,
    auth: HeaderValue,
    in_flight: Semaphore,
    timeout: Duration,
    state: Mutex<State>,
}

/// What is known of a destination.
#[derive(Debug, Clone, Default)]
struct State {
    held_until: Option<Timestamp>,
    why: String,
    failures: u32,
    /// While one event tries whether an outage is over, the others wait; not for ever, should that try be given up.
    probing_until: Option<Timestamp>,
}

/// The name under which a DSN's events are stored: address, project, and a mark of the key that does not tell it.
pub fn dsn_key(dsn: &Dsn) -> String {
    let mark = Sha256::digest(dsn.public_key().as_bytes());
    let port = Some(dsn.port()).filter(|port| *port != dsn.scheme().default_port());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = dsn.path().trim_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let (host, project) = (dsn.host(), dsn.project_id());
    format!("{host}{port}{path}/{project}#{:02x}{:02x}{:02x}", mark[0], mark[1], mark[2])
}

/// Chooses the cryptography that TLS uses, once for the process.
pub fn install_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part of the program may have installed one: then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl Sender {
    /// A sender to `dsns`; `authorities` is the content of `ca_file`. Proxies come from `HTTPS_PROXY`, `NO_PROXY`, ….
    ///
    /// # Errors
    /// The authorities are no PEM certificates, or TLS cannot be set up.
    pub fn new(dsns: &[Dsn], settings: &Settings, authorities: Option<&[u8]>) -> Result<Sender, Error> {
        install_tls();
        let mut client = Client::builder()
            .user_agent(AGENT)
            .connect_timeout(Duration::from_secs(settings.connect_timeout_seconds.max(1)))
            .timeout(settings.timeout())
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(settings.max_in_flight.max(1));
        if let Some(pem) = authorities {
            let found = Certificate::from_pem_bundle(pem).map_err(Error::Certificates)?;
            client = client.tls_certs_merge(found);
        }
        let destinations =
            dsns.iter().filter_map(|dsn| Some((dsn_key(dsn), Destination::of(dsn, settings)?))).collect();
        Ok(Sender { client: client.build().map_err(Error::Client)?, destinations })
    }

    /// Sends one event, with what Sentry was not yet told of events that were given up. Takes as long as the timeouts
    /// allow, and longer while `max_in_flight` others are under way.
    pub async fn send(&self, event: &Outgoing, reports: &[ClientReport], now: Timestamp) -> Outcome {
        let Some(to) = self.destinations.get(&event.dsn_key) else {
            return hold(now, REFUSED_FOR, format!("{}: no such DSN is configured", event.dsn_key));
        };
        let Ok(_permit) = to.in_flight.acquire().await else {
            return hold(now, REFUSED_FOR, "the sender was closed".to_owned());
        };
        if let Some(outcome) = to.must_wait(now) {
            return outcome;
        }
        let answer = match self.post(to, event, &event.body, reports, now).await {
            Answer::TooLarge(why) => match event::shrunk(&event.body) {
                Some(smaller) => match self.post(to, event, &smaller, reports, now).await {
                    Answer::TooLarge(why) => Answer::Rejected(why),
                    answer => answer,
                },
                None => Answer::Rejected(why),
            },
            answer => answer,
        };
        to.settle(&answer, event, now)
    }

    async fn post(
        &self,
        to: &Destination,
        event: &Outgoing,
        body: &[u8],
        reports: &[ClientReport],
        now: Timestamp,
    ) -> Answer {
        let envelope = match envelope::gzipped(&event.event_id, body, reports, now) {
            Ok(envelope) => envelope,
            Err(error) => return Answer::Rejected(format!("the envelope cannot be packed: {error}")),
        };
        let request = self
            .client
            .post(to.url.clone())
            .header(HeaderName::from_static("x-sentry-auth"), to.auth.clone())
            .header(CONTENT_TYPE, "application/x-sentry-envelope")
            .header(CONTENT_ENCODING, "gzip")
            .body(envelope);
        match request.send().await {
            Ok(response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let text = beginning(response).await;
                answer::judge(status, |name| header(&headers, name), &text, now)
            }
            Err(error) => Answer::Unavailable(network_reason(error)),
        }
    }
}

impl Destination {
    fn of(dsn: &Dsn, settings: &Settings) -> Option<Destination> {
        let mut auth = HeaderValue::from_str(&dsn.to_auth(Some(AGENT)).to_string()).ok()?;
        auth.set_sensitive(true);
        Some(Destination {
            url: dsn.envelope_api_url().as_str().parse().ok()?,
            auth,
            in_flight: Semaphore::new(settings.max_in_flight.max(1)),
            timeout: settings.timeout(),
            state: Mutex::default(),
        })
    }

    /// Whether nothing may be sent now: a limit, a pause, or another event that tries whether an outage is over.
    fn must_wait(&self, now: Timestamp) -> Option<Outcome> {
        let mut state = self.state();
        if let Some(until) = state.held_until.filter(|until| *until > now) {
            return Some(Outcome::Hold { until, why: state.why.clone() });
        }
        if state.failures > 0 {
            if state.probing_until.is_some_and(|until| until > now) {
                return Some(hold(now, Duration::from_secs(1), state.why.clone()));
            }
            state.probing_until = Some(after(now, self.timeout));
        }
        None
    }

    /// What an answer means for the event, remembering what it means for the others.
    fn settle(&self, answer: &Answer, event: &Outgoing, now: Timestamp) -> Outcome {
        let mut state = self.state();
        state.probing_until = None;
        state.failures = if matches!(answer, Answer::Unavailable(_)) { state.failures.saturating_add(1) } else { 0 };
        match answer {
            Answer::Taken { limit } => {
                if let Some(limit) = limit {
                    state.hold(limit.until, &limit.why);
                }
                Outcome::Sent
            }
            Answer::Limited(limit) => {
                state.hold(limit.until, &limit.why);
                Outcome::Hold { until: limit.until, why: limit.why.clone() }
            }
            Answer::Unavailable(why) => {
                let held = after(now, backoff(state.failures, &event.event_id));
                state.hold(held, why);
                // An event that alone is never answered does not hold the others; what an outage held comes soon after.
                let own = backoff(event.attempts + 1, &event.event_id).min(MAX_EVENT_BACKOFF);
                let at = held.max(after(now, own));
                tracing::warn!(dsn = event.dsn_key, until = %held, "Sentry cannot be reached, events wait: {why}");
                Outcome::Retry { at, why: why.clone() }
            }
            Answer::TooLarge(why) | Answer::Rejected(why) => {
                tracing::error!(dsn = event.dsn_key, event_id = event.event_id, "Sentry refused an event: {why}");
                Outcome::Failed { why: why.clone() }
            }
            Answer::Stopped(why) => {
                let until = after(now, REFUSED_FOR);
                state.hold(until, why);
                tracing::error!(dsn = event.dsn_key, until = %until, "Sentry refuses this DSN, nothing is sent to it: {why}; check the key and the project");
                Outcome::Hold { until, why: why.clone() }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Of two limits the longer one holds.
    fn hold(&mut self, until: Timestamp, why: &str) {
        if self.held_until.is_none_or(|held| held < until) {
            self.held_until = Some(until);
            why.clone_into(&mut self.why);
        }
    }
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination")
            .field("url", &self.url.as_str())
            .field("state", &*self.state())
            .finish_non_exhaustive()
    }
}

/// Five seconds, doubling with each failure up to a quarter of an hour; the event's id spreads it over the upper half,
/// so that agents that lost Sentry together do not come back together.
fn backoff(failures: u32, event_id: &str) -> Duration {
    let whole = Duration::from_secs(5).saturating_mul(1 << failures.saturating_sub(1).min(12)).min(MAX_BACKOFF);
    let spread = u32::from_str_radix(event_id.get(..4).unwrap_or("0"), 16).unwrap_or(0);
    whole / 2 + whole.mul_f64(f64::from(spread) / f64::from(0xffff)) / 2
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

fn hold(now: Timestamp, pause: Duration, why: String) -> Outcome {
    Outcome::Hold { until: after(now, pause), why }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The beginning of an answer's text.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_BYTES {
            break;
        }
    }
    bytes.truncate(ANSWER_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The innermost cause says what happened; the outer ones say that a request failed.
fn network_reason(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if timed_out { format!("no answer in time ({cause})") } else { cause.to_string() }
}

#[cfg(test)]
mod tests;
