//! The Sentry event that the official SDK would have sent from inside of the application.
//!
//! In: a record, its verdict, what is configured, source lines. Out: an `Event`, scrubbed and within Sentry's limits.
//! Invariants: the same record in the same place gives the same event id; no text reaches the event unscrubbed;
//! pure. Does not decide what is sent, and does not send.

mod chain;
mod contexts;
mod crumbs;
mod dotnet;
mod frames;
mod limits;
mod node;
mod own;
mod php;
mod protocol;
mod requests;
mod root;
mod surroundings;
mod symfony;
mod time;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

use errtail_parsers::{Level, Platform, Record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::issue::{self, Repeats, Why};
use crate::policy::Verdict;
use crate::scrub::Scrubber;
use crate::source::SourceFile;

pub use limits::{EVENT_BYTES, shrunk};
pub use own::{Gaps, of_gaps};
pub use protocol::{Breadcrumb, Event, Exception, Frame, LogEntry, Mechanism, Request, Stacktrace, User, Values};
pub use root::guess as guess_root;

/// What may be configured of events: the table `[event]`, and three keys that stand outside of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The environment of logs that do not name theirs. Default `production`, as the SDKs'. A key of its own.
    #[serde(skip)]
    pub environment: Option<String>,
    /// The application's release. A key of its own.
    #[serde(skip)]
    pub release: Option<String>,
    /// The application's root as its logs spell it; for Node the directory of the entry script. Guessed without it.
    /// A key of its own.
    #[serde(skip)]
    pub project_root: Option<String>,
    /// The host, where the log does not name one.
    pub server_name: Option<String>,
    /// Whether personal data is sent: user names, e-mail and IP addresses, SQL literals. Default no.
    pub send_pii: bool,
    /// Tags of every event.
    pub tags: BTreeMap<String, String>,
    /// IANA's name of the zone of logs that do not name theirs. Default `UTC`.
    #[serde(deserialize_with = "zone")]
    pub timezone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            environment: None,
            release: None,
            server_name: None,
            project_root: None,
            send_pii: false,
            tags: BTreeMap::new(),
            timezone: TimeZone::UTC,
        }
    }
}

fn zone<'de, D: serde::Deserializer<'de>>(from: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(from)?;
    TimeZone::get(&name)
        .map_err(|_| serde::de::Error::custom(format!("`{name}` is no time zone; write one as `Asia/Jakarta`")))
}

/// Gives the source file that the log calls by this path.
pub type Sources = dyn Fn(&str) -> Option<Arc<SourceFile>> + Send + Sync;

/// Gives the release that was deployed at a time, where no other source names it.
pub type ReleaseAt = dyn Fn(Timestamp) -> Option<String> + Send + Sync;

/// Makes events.
pub struct Builder {
    settings: Settings,
    scrubber: Arc<Scrubber>,
    sources: Box<Sources>,
    release_at: Box<ReleaseAt>,
}

/// What the parts of an event are made with.
struct Context<'a> {
    settings: &'a Settings,
    sources: &'a Sources,
    time: Timestamp,
}

impl Builder {
    /// A builder of events as configured, with these source files.
    pub fn new(settings: Settings, scrubber: Arc<Scrubber>, sources: Box<Sources>) -> Builder {
        Builder { settings, scrubber, sources, release_at: Box::new(|_| None) }
    }

    /// The same builder, with a release for what names none.
    #[must_use]
    pub fn with_release(self, release_at: Box<ReleaseAt>) -> Builder {
        Builder { release_at, ..self }
    }

    /// What is taken out of a record before anything of it is stored or sent: the rules, each with how often.
    pub fn scrubbed(&self, record: &Record) -> BTreeMap<&'static str, usize> {
        let mut rules = BTreeMap::new();
        self.scrubber.each_hit(record, &mut |rule| *rules.entry(rule).or_default() += 1);
        rules
    }

    /// The event of a record; `repeats` is what it stands for besides itself, `now` the time of a record whose log
    /// names none.
    pub fn event(&self, record: &Record, verdict: &Verdict, repeats: Option<&Repeats>, now: Timestamp) -> Event {
        self.written(record, verdict, repeats, now).0
    }

    /// The same, and its JSON.
    pub fn written(
        &self,
        record: &Record,
        verdict: &Verdict,
        repeats: Option<&Repeats>,
        now: Timestamp,
    ) -> (Event, Vec<u8>) {
        let event_id = event_id(record);
        let mut clean = record.clone();
        let before = self.scrubber.record(&mut clean);
        symfony::complete(&mut clean, &before);
        let record = &clean;
        let zone = &self.settings.timezone;
        let when = record.timestamp.as_deref().and_then(|text| time::parse(text, zone));
        let when = when.or_else(|| crumbs::last_time(&before, zone)).unwrap_or(now);
        let context = Context { settings: &self.settings, sources: &*self.sources, time: when };
        let values = chain::exceptions(record, verdict.handled, &context);
        let mut extra = self.extra(record, verdict);
        extra.extend(repeats.into_iter().flat_map(of_repeats));
        let mut event = Event {
            timestamp: time::seconds(when),
            platform: platform(record.platform),
            level: verdict.effects.level.map_or_else(|| level(record, &values), level_of),
            logger: record
                .logger
                .as_deref()
                .map(|name| limits::line(name, limits::NAME_CHARS))
                .filter(|name| !name.is_empty()),
            transaction: transaction::of(record, &before).map(|name| limits::line(&name, limits::TAG_CHARS)),
            server_name: self.server_name(record),
            release: self.release(record, when),
            environment: limits::environment(
                record.environment.as_deref().or(self.settings.environment.as_deref()).unwrap_or(""),
            ),
            logentry: logentry(record),
            breadcrumbs: Values { values: crumbs::of(&before, &requests::ids(record), when, zone) },
            request: request(record),
            user: user(record),
            contexts: contexts::of(record, &before, &event_id),
            tags: self.tags(record, verdict, repeats),
            extra,
            fingerprint: fingerprint(record, verdict, &values),
            exception: Values { values },
            event_id,
            ..Event::default()
        };
        let json = limits::shrink(&mut event);
        (event, json)
    }

    /// The release that a line of the log named, else the configured one, else the one that a file names.
    fn release(&self, record: &Record, when: Timestamp) -> Option<String> {
        let marked = origin(record, "release").and_then(limits::release);
        let configured = || self.settings.release.as_deref().and_then(limits::release);
        marked.or_else(configured).or_else(|| limits::release(&(self.release_at)(when)?))
    }

    fn server_name(&self, record: &Record) -> Option<String> {
        let named = ["pod", "host", "hostname"].iter().find_map(|key| origin(record, key));
        let name = named.or(self.settings.server_name.as_deref())?;
        Some(limits::line(name, limits::TAG_CHARS)).filter(|name| !name.is_empty())
    }

    fn tags(&self, record: &Record, verdict: &Verdict, repeats: Option<&Repeats>) -> BTreeMap<String, String> {
        // Sentry removes tags of these names, or has fields for them.
        const TAKEN: [&str; 7] = ["release", "dist", "user", "filename", "function", "environment", "server_name"];
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        let category = serde_json::to_value(verdict.category).ok();
        let category = category.as_ref().and_then(Value::as_str).filter(|category| *category != "none");
        let file = record.source.path.rsplit('/').next().unwrap_or("");
        let known = [("category", category.unwrap_or("")), ("file", file), ("format", record.format.as_str())];
        let known = known.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let origin = record.origin.iter().filter(|(name, _)| !matches!(name.as_str(), "time" | "file_id")).cloned();
        let own = self.settings.tags.clone().into_iter().chain(verdict.effects.tags.clone());
        let known = known.chain(symfony::tags(record));
        for (name, value) in known.chain(origin).chain(repeats.into_iter().flat_map(tags_of_repeats)).chain(own) {
            let name: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || "._:-".contains(c) { c } else { '-' })
                .take(32)
                .collect();
            let value = limits::line(&value, limits::TAG_CHARS);
            if !name.is_empty() && !value.is_empty() && !TAKEN.contains(&name.as_str()) {
                tags.insert(name, value);
            }
        }
        tags
    }

    /// The place in the log, and what the entry says besides.
    fn extra(&self, record: &Record, verdict: &Verdict) -> Map<String, Value> {
        let mut extra = Map::new();
        let source = &record.source;
        extra.insert("log.path".to_owned(), source.path.clone().into());
        extra.insert("log.line".to_owned(), source.first_line.into());
        extra.insert("log.last_line".to_owned(), source.last_line.into());
        extra.insert("log.offset".to_owned(), source.offset.into());
        if record.bytes_cut > 0 {
            extra.insert("log.bytes_cut".to_owned(), record.bytes_cut.into());
        }
        let reasons =
            verdict.reasons.iter().take(8).map(|reason| limits::cut(&self.scrubber.text(reason), limits::CRUMB_CHARS));
        extra.insert("log.reasons".to_owned(), reasons.collect::<Vec<_>>().into());
        if !record.unparsed.is_empty() {
            let lines = record.unparsed.iter().take(20).map(|line| limits::cut(line, limits::CRUMB_CHARS));
            extra.insert("log.unparsed".to_owned(), lines.collect::<Vec<_>>().into());
        }
        for (name, value) in record.fields.iter().take(limits::MAX_FIELDS) {
            extra.insert(limits::line(name, limits::TAG_CHARS), limits::cut_middle(value, limits::FIELD_CHARS).into());
        }
        extra
    }
}

/// By which people find returns, and the events that stand for many.
fn tags_of_repeats(repeats: &Repeats) -> Vec<(String, String)> {
    let regression = (repeats.why == Why::Regression).then(|| ("regression".to_owned(), "true".to_owned()));
    let many = (repeats.occurrences > 1).then(|| ("occurrences".to_owned(), repeats.occurrences.to_string()));
    regression.into_iter().chain(many).collect()
}

/// What an event stands for after deduplication.
fn of_repeats(repeats: &Repeats) -> Vec<(String, Value)> {
    let name = |name: &str| format!("repeats.{name}");
    let mut fields = vec![
        (name("why"), format!("{:?}", repeats.why).to_lowercase().into()),
        (name("occurrences"), repeats.occurrences.into()),
        (name("total"), repeats.total.into()),
        (name("first_seen"), repeats.first_seen.to_string().into()),
        (name("last_seen"), repeats.last_seen.to_string().into()),
    ];
    let lists = [("hosts", &repeats.hosts), ("files", &repeats.files)];
    fields.extend(
        lists.into_iter().filter(|(_, list)| list.len() > 1).map(|(key, list)| (name(key), list.clone().into())),
    );
    fields
}

/// The same event, standing for `repeats`; none where it does so already, or tells of no repeats.
pub fn restated(json: &[u8], repeats: &Repeats) -> Option<Vec<u8>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        #[serde(rename = "repeats.occurrences")]
        occurrences: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Brief {
        extra: Said,
    }
    let said = serde_json::from_slice::<Brief>(json).ok()?.extra.occurrences?;
    if said == repeats.occurrences {
        return None;
    }
    let mut event: Value = serde_json::from_slice(json).ok()?;
    event.get_mut("extra")?.as_object_mut()?.extend(of_repeats(repeats));
    let tags = tags_of_repeats(repeats).into_iter().map(|(name, value)| (name, value.into()));
    event.get_mut("tags")?.as_object_mut()?.extend(tags);
    serde_json::to_vec(&event).ok()
}

/// From the file, the place in it and what stands there: a record that is read again is the same event.
fn event_id(record: &Record) -> String {
    let mut hash = Sha256::new();
    let file = origin(record, "file_id").unwrap_or(&record.source.path);
    hash.update(file.as_bytes());
    hash.update(record.source.offset.to_le_bytes());
    hash.update(record.source.length.to_le_bytes());
    hash.update(record.timestamp.as_deref().unwrap_or("").as_bytes());
    for exception in &record.exceptions {
        for text in [&exception.kind, &exception.message] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    // A UUID of version 4's form, as Sentry recommends.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn origin<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    record.origin.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Php => "php",
        Platform::Csharp => "csharp",
        Platform::Node => "node",
        Platform::Javascript => "javascript",
        Platform::Java => "java",
        Platform::Python => "python",
        Platform::Go => "go",
        Platform::Ruby => "ruby",
        // Sentry knows Dart's frames, not a platform of that name.
        Platform::Dart | Platform::Other => "other",
    }
}

/// Sentry's level: the log's own, unless the SDK's hook sets one; an exception is at least a warning.
fn level(record: &Record, values: &[Exception]) -> &'static str {
    let hook = values.last().map_or("", |outermost| outermost.mechanism.kind);
    let by = record.mechanism.as_ref().map_or("", |by| by.kind.as_str());
    match (hook, by) {
        (node::UNCAUGHT, _) => "fatal",
        // PHP prints each uncaught exception as a fatal error; sentry-php keeps that for errors that are none.
        (dotnet::CRASH, _) | (_, "php.uncaught") => "error",
        _ => record.level.filter(|level| *level >= Level::Warning).map_or("error", level_of),
    }
}

/// What is to stand in for Sentry's own grouping: what a rule says, or what keeps numbered methods from parting issues.
fn fingerprint(record: &Record, verdict: &Verdict, values: &[Exception]) -> Option<Vec<String>> {
    if !verdict.effects.fingerprint.is_empty() {
        return Some(verdict.effects.fingerprint.clone());
    }
    numbered_frames(values).then(|| vec![issue::fingerprint(record).0])
}

/// Whether a frame is a method that .NET made at run time: its number changes with each start of the process, and with
/// it Sentry's own grouping would. errtail's fingerprint leaves such numbers out.
fn numbered_frames(values: &[Exception]) -> bool {
    let frames = values.iter().filter_map(|exception| exception.stacktrace.as_ref()).flat_map(|trace| &trace.frames);
    frames.into_iter().any(|frame| frame.module.as_deref() == Some(dotnet::DYNAMIC))
}

fn level_of(level: Level) -> &'static str {
    match level {
        Level::Trace | Level::Debug => "debug",
        Level::Info | Level::Notice => "info",
        Level::Warning => "warning",
        Level::Error => "error",
        Level::Critical | Level::Alert | Level::Emergency | Level::Fatal => "fatal",
    }
}

/// The entry's message, unless it only repeats the exception's.
fn logentry(record: &Record) -> Option<LogEntry> {
    let message = record.message.as_deref().map(str::trim).filter(|message| !message.is_empty())?;
    let repeats = record.exceptions.iter().any(|one| !one.message.is_empty() && one.message.trim() == message);
    (!repeats).then(|| LogEntry { formatted: limits::cut_middle(message, limits::MESSAGE_CHARS) })
}

fn request(record: &Record) -> Option<Request> {
    let request = record.request.as_ref()?;
    let url = request.url.as_deref().unwrap_or("");
    let (url, query) = url.split_once('?').map_or((url, None), |(url, query)| (url, Some(query)));
    let agent =
        record.fields.iter().find(|(name, _)| name.to_ascii_lowercase().replace(['-', '_'], "").ends_with("useragent"));
    let made = Request {
        url: Some(limits::cut(url, limits::FIELD_CHARS)).filter(|url| !url.is_empty()),
        method: request.method.as_deref().map(str::to_ascii_uppercase),
        query_string: query.map(|query| limits::cut(query, limits::FIELD_CHARS)),
        headers: agent
            .map(|(_, value)| ("User-Agent".to_owned(), limits::cut(value, limits::FIELD_CHARS)))
            .into_iter()
            .collect(),
    };
    (made.url.is_some() || made.method.is_some()).then_some(made)
}

fn user(record: &Record) -> Option<User> {
    let user = record.user.as_ref()?;
    (user.id.is_some() || user.username.is_some())
        .then(|| User { id: user.id.clone(), username: user.username.clone() })
}

#[cfg(test)]
mod tests;
