//! Content management systems and Tracy: one line that names type, message and place in words of its own.
//!
//! In: an entry's lines. Out: the exception, who was served and what. Invariant: a warning or a notice is none. Does
//! not read what these systems hand on to Monolog or to PHP.

use super::{exception, found, is_class};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::header::{self, Header};
use crate::json::value;
use crate::php::context;
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::{Exception, Request, User};
use crate::time;

/// What Joomla's handler says.
const JOOMLA: &str = "Uncaught Throwable of type ";

/// PHP's errors at which no script ends, in these systems' words.
const LESSER: [&str; 9] = [
    "Warning",
    "Notice",
    "Deprecated function",
    "Deprecated",
    "User warning",
    "User notice",
    "User deprecated function",
    "Strict warning",
    "Core warning",
];

/// TYPO3's header, Tracy's and Joomla's.
pub(super) fn header(line: &str) -> Option<Header> {
    tracy_header(line).or_else(|| typo3_header(line)).or_else(|| joomla_header(line))
}

// 2024-03-02T10:11:12+00:00	CRITICAL 192.0.2.7	error	Uncaught Throwable of type …
fn joomla_header(line: &str) -> Option<Header> {
    let message = line.split_once(JOOMLA).map(|(head, _)| &line[head.len()..])?;
    let stamp = time::at_start(line)?;
    let (level, _) = line[stamp.length..].strip_prefix('\t')?.split_once(' ')?;
    let length = line.len() - message.len();
    Some(Header { length, timestamp: stamp.value, level: Some(header::level(level)?), ..Header::default() })
}

// Sat, 02 Mar 2024 10:11:12 +0100 [CRITICAL] request="7a3f5c1d9e" component="TYPO3.CMS.Core.Error.ProductionExceptionHandler": text
fn typo3_header(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let rest = line[stamp.length..].strip_prefix(" [")?;
    let (level, rest) = rest.split_once("] request=\"")?;
    let (request, rest) = rest.split_once("\" component=\"")?;
    let (component, message) = rest.split_once("\": ")?;
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.value,
        level: Some(header::level(level)?),
        logger: Some(component.to_owned()),
        format: Some("typo3"),
        fields: vec![("request_id".to_owned(), request.to_owned())],
        ..Header::default()
    })
}

// Core: Exception handler (WEB): Uncaught TYPO3 Exception: #1288584754: no such class | UnexpectedValueException thrown in file /srv/a.php in line 3. Requested URL: https://x/
// Oops, an error occurred! Code: 2024030210 - InvalidArgumentException: no page, in file /srv/a.php:77 - {"exception":"…"}
pub(super) fn typo3(text: &str, component: Option<&str>) -> Option<Found> {
    let data = text.find(" - {\"").and_then(|at| Some((at, value::parse(text, at + 3)?)));
    let context = data.as_ref().and_then(|(_, data)| data.value.as_object());
    let message = data.as_ref().map_or(text, |(at, _)| &text[..*at]);
    let handler = component.is_some_and(|component| component.ends_with("ExceptionHandler"));
    let thrown = context.and_then(context::thrown).map(|thrown| thrown.chain);
    let chain = thrown.or_else(|| Some(vec![typo3_text(message)?]))?;
    let mut found = found(chain, 0..1, By::Typo3, handler.then_some(false))?;
    let url = message.split_once("Requested URL: ").map(|(_, url)| url.trim().to_owned());
    found.record.request = url.map(|url| Request { url: Some(url), ..Request::default() });
    if !handler {
        found.record.message = Some(message.to_owned());
    }
    Some(found)
}

fn typo3_text(message: &str) -> Option<Exception> {
    if let Some((_, told)) = message.split_once("Uncaught TYPO3 Exception: ") {
        let (text, place) = told.rsplit_once(" thrown in file ")?;
        let (text, kind) = text.rsplit_once(" | ")?;
        let (file, line) = place.split_once(" in line ")?;
        let line = line.split('.').next()?.parse().ok()?;
        let coded = text.strip_prefix('#').and_then(|rest| rest.split_once(": "));
        let mut exception =
            exception(kind, coded.map_or(text, |(_, text)| text), Some((file, line)), Frames::default());
        exception.code = coded.map(|(code, _)| code.to_owned());
        return Some(exception);
    }
    let (_, told) = message.rsplit_once(" - ")?;
    let (text, place) = told.rsplit_once(", in file ")?;
    let (kind, text) = text.split_once(": ").filter(|(kind, _)| is_class(kind))?;
    Some(exception(kind, text, Some(frame::file_and_line(place.trim_end())?), Frames::default()))
}

// [2024-03-02 10-11-12] ErrorException: no rows in /srv/app/Home.php:12  @  https://x/home  @@  exception--2024.html
fn tracy_header(line: &str) -> Option<Header> {
    let (stamp, message) = line.strip_prefix('[')?.split_once("] ")?;
    let (date, clock) =
        stamp.split_once(' ').filter(|(_, clock)| clock.len() == 8 && clock.matches('-').count() == 2)?;
    let stamp = time::at_start(&format!("{date} {}", clock.replace('-', ":")))?;
    let length = line.len() - message.len();
    Some(Header { length, timestamp: stamp.value, format: Some("tracy"), ..Header::default() })
}

pub(super) fn tracy(text: &str) -> Option<Found> {
    let (told, source) = text.split_once("  @  ")?;
    let mut chain = Vec::new();
    for part in told.split(" caused by ") {
        let at = part.rfind(" in ")?;
        let place = frame::file_and_line(part[at + 4..].split(' ').next()?)?;
        let (kind, message) = part[..at].split_once(": ")?;
        let (message, code) = match message.rsplit_once(" #") {
            Some((message, code)) if code.bytes().all(|c| c.is_ascii_alphanumeric()) => (message, Some(code)),
            _ => (message, None),
        };
        let fatal = ["Fatal Error", "Compile Error", "Parse Error", "Core Error"].contains(&kind);
        if !fatal && !is_class(kind) {
            return None;
        }
        let mut exception =
            exception(if fatal { "Fatal error" } else { kind }, message, Some(place), Frames::default());
        exception.code = code.map(str::to_owned);
        chain.push(exception);
    }
    let mut found = found(chain, 0..1, By::Tracy, None)?;
    let url = source.split("  @@  ").next().unwrap_or(source).trim();
    found.record.request = url.contains("://").then(|| Request { url: Some(url.to_owned()), ..Request::default() });
    Some(found)
}

// https://x|1709370672|php|192.0.2.7|https://x/node/7||42||Error: no owner in App\Cart->view() (line 31 of /srv/Cart.php) #0 [internal function]: App\Cart->view()
/// Drupal's entry, whole as its syslog module writes it, or its message alone.
pub(super) fn drupal(lines: &[&str], hit: usize) -> Option<Found> {
    let lowest = hit.saturating_sub(8);
    let first = (lowest..=hit).rev().find(|at| lines[*at].contains(" (line "))?;
    let parts: Vec<&str> = lines[first].splitn(9, '|').collect();
    let entry = <[&str; 9]>::try_from(parts).ok().filter(|parts| parts[1].bytes().all(|c| c.is_ascii_digit()));
    let text = entry.map_or(lines[first], |parts| parts[8]);
    let at = text.find(" (line ")?;
    let (line, rest) = text[at + 7..].split_once(" of ")?;
    let (file, behind) = rest.split_once(')')?;
    let place = (file, line.parse().ok()?);
    let told = text[..at].rfind(" in ").map_or(&text[..at], |function| &text[..function]);
    //  [error]  Drupal\Component\Plugin\Exception\PluginNotFoundException: no such type in …
    let shown = told.trim_start().strip_prefix('[').and_then(|inner| inner.split_once("] "));
    let shown = shown.and_then(|(word, told)| Some((header::level(word)?, told)));
    let (kind, message) = shown.map_or(told, |(_, told)| told).split_once(": ")?;
    let kind = kind.trim_start();
    let known = is_class(kind) || matches!(kind, "Recoverable fatal error" | "Parse error" | "User error");
    if !known || LESSER.contains(&kind) {
        return None;
    }
    let trace = behind.trim_start_matches('.').trim_start();
    let read = frame::frames(std::iter::once(trace).chain(lines[first + 1..].iter().copied()));
    if read.lines == 0 && entry.is_none() {
        return None;
    }
    let end = first + read.lines.max(1);
    // Drupal's handler of what nobody caught writes to the channel `php`; an application names its own.
    let handled = entry.map(|parts| parts[2] != "php");
    let mut found = found(vec![exception(kind, message, Some(place), read.frames)], first..end, By::Drupal, handled)?;
    found.record.level = shown.map(|(level, _)| level);
    found.record.unparsed = read.unparsed;
    if let Some([_, seconds, channel, _, url, _, user, ..]) = entry {
        found.record.timestamp = seconds.parse().ok().and_then(time::from_epoch);
        found.record.logger = Some(channel.to_owned());
        found.record.request = Some(Request { url: Some(url.to_owned()), ..Request::default() });
        let id = Some(user.to_owned()).filter(|user| !matches!(user.as_str(), "" | "0"));
        found.record.user = id.map(|id| User { id: Some(id), username: None });
    }
    (found.lines.end > hit).then_some(found)
}

// Uncaught Throwable of type InvalidArgumentException thrown with message "no view". Stack trace: #0 [ROOT]/index.php(32): f()
pub(super) fn joomla(lines: &[&str]) -> Option<Found> {
    let (_, told) = lines[0].split_once(JOOMLA)?;
    let (kind, rest) = told.split_once(" thrown with message \"")?;
    let (message, trace) = rest.split_once("\". Stack trace: ")?;
    let read = frame::frames(std::iter::once(trace).chain(lines[1..].iter().copied()));
    let chain = vec![exception(kind, message, None, read.frames)];
    found(chain, 0..read.lines.max(1), By::Joomla, Some(false)).map(|mut found| {
        found.record.unparsed = read.unparsed;
        found
    })
}
