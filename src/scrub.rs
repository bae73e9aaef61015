//! Takes secrets and personal data out of text, in place, keeping the rest of it.
//!
//! In: a text, or a record. Out: the same with `[Filtered]` where a password, token, key, cookie, card number or,
//! unless `send_pii`, an e-mail address, a public IP address or an SQL literal stood. Invariant: linear time; a
//! text without a trigger is looked at once and not copied. Does not know events, and does not read the world.

mod keys;
mod personal;
mod shapes;
mod sql;

use std::borrow::Cow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use errtail_parsers::{Frame, Record};
use regex::Regex;
use serde::Deserialize;

use self::sql::Literals;
use crate::policy::in_one_line;

/// What stands where something was taken out, as Sentry's server and SDKs write it.
pub const FILTERED: &str = "[Filtered]";

/// What a user may say of scrubbing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether anything is taken out at all. Default true.
    pub enabled: bool,
    /// Own rules, after the built-in ones.
    pub rules: Vec<Rule>,
    /// Names of fields, and values, that are left as they are; compared whole, in any case.
    pub allow: Vec<String>,
}

/// An own rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A regular expression; what it matches is replaced.
    pub pattern: String,
    /// By what; `$1` is the first group. Default `[Filtered]`.
    #[serde(default = "filtered")]
    pub replacement: String,
}

fn filtered() -> String {
    FILTERED.to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Settings { enabled: true, rules: Vec::new(), allow: Vec::new() }
    }
}

/// A rule that is no regular expression.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An own rule's pattern.
    #[error("scrub.rules: `{pattern}` is not a regular expression: {reason}")]
    Pattern {
        /// As it is configured.
        pattern: String,
        /// What the regex engine says.
        reason: String,
    },
}

/// A place in a text that is taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Why: the built-in rule's name.
    pub rule: &'static str,
}

/// Whether a text is prose and data, or source code, in which only literals are secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Log,
    Code,
}

/// What a trigger may be the sign of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Key,
    Scheme,
    Url,
    Oracle,
    Command,
    Pem,
    PemEnd,
    Shape,
    PhpFrame,
    Email,
    SqlVerb,
    SqlValues,
    SqlCondition,
}

/// The compiled rules. Cheap to share, costly to make.
#[derive(Debug)]
pub struct Scrubber {
    /// No other has it.
    number: u64,
    enabled: bool,
    send_pii: bool,
    rules: Vec<(Regex, String)>,
    allow: Vec<String>,
}

/// Scrubbers so far.
static SCRUBBERS: AtomicU64 = AtomicU64::new(0);

/// What a scrubber found out of frames: that there is nothing to take out.
struct Clean {
    of: u64,
    is: bool,
}

/// Words without which no built-in rule applies, in any case.
const TRIGGERS: [(&str, Sign); 50] = [
    ("pass", Sign::Key),
    ("pwd", Sign::Key),
    ("secret", Sign::Key),
    ("token", Sign::Key),
    ("key", Sign::Key),
    ("auth", Sign::Key),
    ("credential", Sign::Key),
    ("cookie", Sign::Key),
    ("sess", Sign::Key),
    ("sid=", Sign::Key),
    ("sig", Sign::Key),
    ("code=", Sign::Key),
    ("cvv", Sign::Key),
    ("cvc", Sign::Key),
    ("otp", Sign::Key),
    ("pin", Sign::Key),
    ("hmac", Sign::Key),
    ("csrf", Sign::Key),
    ("xsrf", Sign::Key),
    ("verification", Sign::Key),
    ("recovery", Sign::Key),
    ("security", Sign::Key),
    ("accesscode", Sign::Key),
    ("access_code", Sign::Key),
    ("ssn", Sign::Key),
    ("iban", Sign::Key),
    ("saml", Sign::Key),
    ("mysql ", Sign::Command),
    ("mysqldump ", Sign::Command),
    ("sshpass", Sign::Command),
    ("curl ", Sign::Command),
    ("bearer ", Sign::Scheme),
    ("basic ", Sign::Scheme),
    ("auth plain ", Sign::Scheme),
    ("auth login ", Sign::Scheme),
    ("://", Sign::Url),
    ("jdbc:oracle:", Sign::Oracle),
    ("-----begin ", Sign::Pem),
    ("-----end ", Sign::PemEnd),
    ("): ", Sign::PhpFrame),
    ("]: ", Sign::PhpFrame),
    ("@", Sign::Email),
    ("insert into ", Sign::SqlVerb),
    ("select ", Sign::SqlVerb),
    ("update ", Sign::SqlVerb),
    ("delete from ", Sign::SqlVerb),
    ("values (", Sign::SqlValues),
    ("values(", Sign::SqlValues),
    (" where ", Sign::SqlCondition),
    (" set ", Sign::SqlCondition),
];

/// Where triggers and key shapes stand. A table, as an event is many times as long as it; made when the first text is
/// looked at, as not all commands look at one. None could only be where a word is too long.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = TRIGGERS.iter().map(|(word, _)| *word).chain(shapes::PREFIXES.iter().map(|shape| shape.prefix));
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words).ok()
});

impl Scrubber {
    /// Compiles the rules. `send_pii` leaves e-mail and IP addresses, user names and SQL literals in.
    ///
    /// # Errors
    /// When an own rule is no regular expression.
    pub fn new(settings: &Settings, send_pii: bool) -> Result<Scrubber, Error> {
        let compile = |rule: &Rule| match Regex::new(&rule.pattern) {
            Ok(regex) => Ok((regex, rule.replacement.clone())),
            Err(error) => Err(Error::Pattern { pattern: rule.pattern.clone(), reason: in_one_line(&error) }),
        };
        let rules = settings.rules.iter().map(compile).collect::<Result<_, _>>()?;
        let allow = settings.allow.iter().map(|word| word.to_lowercase()).collect();
        let number = SCRUBBERS.fetch_add(1, Ordering::Relaxed);
        Ok(Scrubber { number, enabled: settings.enabled, send_pii, rules, allow })
    }

    /// A log's text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.enabled {
            return Cow::Borrowed(text);
        }
        let mut text = replace(text, &self.hits(text));
        for (regex, replacement) in &self.rules {
            if let Cow::Owned(changed) = regex.replace_all(&text, replacement.as_str()) {
                text = Cow::Owned(changed);
            }
        }
        text
    }

    /// Source code without the secrets that are written into it. Everything else stays: Sentry groups by source lines.
    pub fn source<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.enabled { replace(text, &self.find(text, Mode::Code)) } else { Cow::Borrowed(text) }
    }

    /// What the built-in rules take out of a text, in order, without overlaps.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        if self.enabled { self.find(text, Mode::Log) } else { Vec::new() }
    }

    /// The value of a field that may be secret by its name alone.
    pub fn field<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        if self.enabled && !value.is_empty() && keys::is_secret(name) && !self.allowed(name) && !self.allowed(value) {
            Cow::Borrowed(FILTERED)
        } else {
            self.text(value)
        }
    }

    /// Each text of a record, in place; the lines before it are taken out of it, and given back.
    pub fn record(&self, record: &mut Record) -> Vec<String> {
        let mut before = std::mem::take(&mut record.before).lines();
        if self.enabled {
            self.lines(&mut before);
            self.texts(record);
        }
        before
    }

    fn texts(&self, record: &mut Record) {
        let one = |text: &mut String| {
            if let Cow::Owned(changed) = self.text(text) {
                *text = changed;
            }
        };
        record.message.as_mut().map(one);
        record.logger.as_mut().map(one);
        self.lines(&mut record.unparsed);
        for exception in &mut record.exceptions {
            one(&mut exception.message);
            self.fields(&mut exception.properties);
            exception.file.as_mut().map(one);
            // Frames that are touched are no longer shared with the other records of their trace.
            let clean = exception.frames.fact(|frames| Clean { of: self.number, is: self.is_clean(frames) });
            if clean.is && clean.of == self.number || clean.of != self.number && self.is_clean(&exception.frames) {
                continue;
            }
            for frame in &mut exception.frames {
                [&mut frame.function, &mut frame.file, &mut frame.raw].into_iter().flatten().for_each(one);
            }
        }
        self.fields(&mut record.fields);
        self.fields(&mut record.origin);
        if let Some(request) = &mut record.request {
            request.url.as_mut().map(one);
        }
        if let Some(user) = &mut record.user {
            if !self.send_pii {
                user.username = None;
            }
            user.id.as_mut().map(one);
            user.username.as_mut().map(one);
            // An id that is gone would make one user of all.
            user.id = user.id.take().filter(|id| id != FILTERED);
        }
    }

    fn is_clean(&self, frames: &[Frame]) -> bool {
        let stays = |text: &String| matches!(self.text(text), Cow::Borrowed(_));
        let texts = frames.iter().flat_map(|frame| [&frame.function, &frame.file, &frame.raw]);
        texts.flatten().all(stays)
    }

    /// Tells the rule of each place that `record` takes out of a record.
    pub fn each_hit(&self, record: &Record, told: &mut dyn FnMut(&'static str)) {
        let exceptions = record.exceptions.iter();
        let texts = exceptions.flat_map(|one| {
            let frames = one.frames.iter().flat_map(|frame| [frame.function.as_ref(), frame.raw.as_ref()]);
            [Some(&one.message)].into_iter().chain(frames).flatten()
        });
        let url = record.request.as_ref().and_then(|request| request.url.as_ref());
        let lists = [record.before.lines().join("\n"), record.unparsed.join("\n")];
        for text in texts.chain(&record.message).chain(url).chain(&lists) {
            self.hits(text).iter().for_each(|hit| told(hit.rule));
            let own = self.rules.iter().map(|(regex, _)| regex.find_iter(text).count()).sum::<usize>();
            (0..own).for_each(|_| told("a rule of your own"));
        }
        let properties = record.exceptions.iter().flat_map(|one| &one.properties);
        for (name, value) in properties.chain(&record.fields).chain(&record.origin) {
            match self.field(name, value) {
                Cow::Borrowed(FILTERED) if value != FILTERED => told("secret field"),
                _ => self.hits(value).iter().for_each(|hit| told(hit.rule)),
            }
        }
    }

    /// Lines that stood one below the other: a secret may go on over several.
    fn lines(&self, lines: &mut Vec<String>) {
        if let Cow::Owned(clean) = self.text(&lines.join("\n")) {
            *lines = clean.split('\n').map(str::to_owned).collect();
        }
    }

    fn fields(&self, fields: &mut [(String, String)]) {
        for (name, value) in fields {
            if let Some(changed) = match self.field(name, value) {
                Cow::Owned(changed) => Some(changed),
                Cow::Borrowed(same) => (same == FILTERED).then(filtered),
            } {
                *value = changed;
            }
        }
    }

    fn allowed(&self, word: &str) -> bool {
        !self.allow.is_empty() && self.allow.contains(&word.to_lowercase())
    }

    fn find(&self, text: &str, mode: Mode) -> Vec<Hit> {
        let Some(triggers) = &*SEARCH else {
            return vec![Hit { start: 0, end: text.len(), rule: "all" }];
        };
        let mut hits = Vec::new();
        let mut search = Search { text, mode, done: 0, sql: None, sql_done: 0, frame_done: 0 };
        let personal = !self.send_pii && mode == Mode::Log;
        for found in triggers.find_overlapping_iter(text) {
            let (start, end) = (found.start(), found.end());
            if start < search.done {
                continue;
            }
            let index = found.pattern().as_usize();
            let sign = TRIGGERS.get(index).map_or(Sign::Shape, |(_, sign)| *sign);
            match sign {
                Sign::Key => search.add(&mut hits, keys::value(text, start, end, mode, |word| self.allowed(word))),
                Sign::Scheme => search.add(&mut hits, keys::scheme(text, start, end)),
                Sign::Url => search.add(&mut hits, shapes::userinfo(text, start, end)),
                Sign::Command => search.add(&mut hits, shapes::option(text, end)),
                Sign::Oracle => search.add(&mut hits, shapes::oracle(text, end)),
                Sign::Pem => search.add(&mut hits, shapes::private_key(text, start)),
                Sign::PemEnd => search.add(&mut hits, shapes::private_key_end(text, search.done, start)),
                Sign::Shape => {
                    let shape = shapes::PREFIXES.get(index - TRIGGERS.len());
                    search.add(&mut hits, shape.and_then(|shape| shapes::prefixed(text, start, end, shape)));
                }
                Sign::PhpFrame if mode == Mode::Log => search.php_frame(&mut hits, start, end),
                Sign::Email if personal => search.add(&mut hits, personal::email(text, start)),
                Sign::SqlVerb if text[..start].ends_with("SQL: ") => search.sql = Some(Literals::Bare),
                Sign::SqlVerb => search.sql = search.sql.or(Some(Literals::Quoted)),
                Sign::SqlValues | Sign::SqlCondition if personal => search.sql(&mut hits, end, sign),
                _ => {}
            }
        }
        if mode == Mode::Log {
            personal::numbers(text, personal, &mut hits);
        }
        hits.retain(|hit| !self.allowed(&text[hit.start..hit.end]));
        hits.sort_by_key(|hit| hit.start);
        // Two rules may see one secret: the union is taken out.
        hits.dedup_by(|later, earlier| {
            let overlaps = later.start < earlier.end;
            if overlaps {
                earlier.end = earlier.end.max(later.end);
            }
            overlaps
        });
        hits
    }
}

/// How far a text has been looked through: what keeps the search linear.
struct Search<'a> {
    text: &'a str,
    mode: Mode,
    done: usize,
    sql: Option<Literals>,
    sql_done: usize,
    frame_done: usize,
}

impl Search<'_> {
    fn add(&mut self, hits: &mut Vec<Hit>, hit: Option<Hit>) {
        if let Some(hit) = hit.filter(|hit| hit.start < hit.end && &self.text[hit.start..hit.end] != FILTERED) {
            self.done = self.done.max(hit.end);
            hits.push(hit);
        }
    }

    fn php_frame(&mut self, hits: &mut Vec<Hit>, start: usize, end: usize) {
        if start >= self.frame_done && self.mode == Mode::Log {
            let (hit, looked_at) = shapes::php_arguments(self.text, start, end);
            self.frame_done = looked_at;
            self.add(hits, hit);
        }
    }

    fn sql(&mut self, hits: &mut Vec<Hit>, end: usize, sign: Sign) {
        let Some(literals) = self.sql else { return };
        if sign == Sign::SqlValues {
            self.add(hits, sql::values(self.text, end, literals));
        } else if end >= self.sql_done {
            let line_end = memchr::memchr(b'\n', &self.text.as_bytes()[end..]).map_or(self.text.len(), |n| end + n);
            sql::literals(self.text, end, line_end, literals, hits);
            self.sql_done = line_end;
        }
    }
}

fn replace<'a>(text: &'a str, hits: &[Hit]) -> Cow<'a, str> {
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for hit in hits {
        out.push_str(&text[at..hit.start]);
        out.push_str(FILTERED);
        at = hit.end;
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
