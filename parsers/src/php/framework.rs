//! What frameworks' own loggers and consoles print: CodeIgniter, CakePHP, Kohana, Yii, Slim, Drupal, TYPO3, Flow, Joomla,
//! Moodle, WordPress, Tracy, Matomo, Hyperf, ThinkPHP, Collision, Symfony's console, Whoops.
//!
//! In: the lines of a region, the first without its entry's header. Out: one record. Invariant: a form is taken only
//! where its own words stand; each line is read a bounded number of times. Does not read Monolog's records, nor
//! what PHP itself prints.

mod cakephp;
mod cms;
mod codeigniter;
mod console;
mod flow;
mod kohana;
mod moodle;
mod slim;
mod untyped;
mod wordpress;
mod yii;

use std::ops::Range;

pub(crate) use codeigniter::is_cause;

use super::mechanism::{self, By};
use super::object::previous_of;
use crate::assemble::Found;
use crate::frames::Frames;
use crate::header::Header;
use crate::record::{Exception, Platform, Record};

/// The header forms of these loggers.
pub(super) fn header(line: &str) -> Option<Header> {
    codeigniter::header(line)
        .or_else(|| kohana::header(line))
        .or_else(|| cakephp::header(line))
        .or_else(|| yii::header(line))
        .or_else(|| cms::header(line))
        .or_else(|| untyped::header(line))
}

/// The record around line `hit`, if one of these wrote it.
pub(super) fn parse(lines: &[&str], hit: usize, header: Option<&Header>) -> Option<Found> {
    match header.and_then(|header| header.format) {
        Some("codeigniter") => return codeigniter::parse(lines),
        Some("cakephp") => return cakephp::parse(lines),
        Some("kohana") => return kohana::parse(lines),
        Some("yii") => {
            if let Some(found) = yii::php_error(lines, header?) {
                return Some(found);
            }
        }
        Some("typo3") => return cms::typo3(lines[0], header?.logger.as_deref()),
        Some("tracy") => return cms::tracy(lines[0]),
        _ => {}
    }
    slim::parse(lines, hit)
        .or_else(|| cms::drupal(lines, hit))
        .or_else(|| cms::joomla(lines))
        .or_else(|| moodle::parse(lines, hit))
        .or_else(|| wordpress::parse(lines, hit))
        .or_else(|| flow::parse(lines, hit))
        .or_else(|| console::parse(lines, hit))
        .or_else(|| untyped::parse(lines, hit))
}

/// What else a logger's entry may hold that is no text of PHP's own: labelled lines, a message without its type.
pub(super) fn in_entry(lines: &[&str], hit: usize) -> Option<Found> {
    slim::parse(lines, hit).or_else(|| untyped::parse(lines, hit))
}

/// Whether an entry's first line is the first call of the trace that belongs to the entry before it.
pub(crate) fn is_trace(line: &[u8]) -> bool {
    kohana::is_trace(line) || untyped::is_trace(line)
}

/// What Yii's header, and the lines below the trace, say of a record that PHP's grammar read.
pub(super) fn complete(found: &mut Found, lines: &[&str], header: Option<&Header>) {
    if let Some(header) = header.filter(|header| found.has_header && header.format == Some("yii")) {
        yii::complete(found, lines, header);
    }
}

/// A record of these exceptions, the outermost first, and the lines that it takes.
fn found(mut chain: Vec<Exception>, lines: Range<usize>, by: By, handled: Option<bool>) -> Option<Found> {
    if chain.is_empty() {
        return None;
    }
    for index in 1..chain.len() {
        chain[index].cause_of = previous_of(&chain[..index]);
    }
    let mut record = Record { platform: Platform::Php, exceptions: chain, ..Record::default() };
    record.format = by.name().split('.').next().unwrap_or("plain").to_owned();
    mechanism::found(&mut record, by, handled);
    let has_header = lines.start == 0;
    Some(Found { record, lines, has_header })
}

/// An exception of this type, message and place.
fn exception(kind: &str, message: &str, place: Option<(&str, u32)>, frames: Frames) -> Exception {
    Exception {
        kind: kind.to_owned(),
        message: message.trim_end().to_owned(),
        file: place.map(|(file, _)| file.to_owned()),
        line: place.map(|(_, line)| line),
        frames,
        ..Exception::default()
    }
}

/// Whether a text is a class's name, qualified or not.
pub(super) fn is_class(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '\\')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '\\' | '_' | '@'))
}

/// `… in /srv/a.php on line 3`: what stands before the place, and the place.
fn on_line(text: &str) -> Option<(&str, (&str, u32))> {
    let (before, number) = text.trim_end().trim_end_matches(['.', ']']).rsplit_once(" on line ").or_else(|| {
        // Fatal Error (1): Allowed memory size of … in [/srv/a.php, line 91]
        text.trim_end().strip_suffix(']')?.rsplit_once(", line ")
    })?;
    let number = number.parse().ok()?;
    let at = before.rfind(" in ").or_else(|| before.strip_prefix("in ").map(|_| 0))?;
    let file = before[at..].trim_start_matches(" in ").trim_start_matches("in ").trim_start_matches('[');
    Some((&before[..at], (file, number)))
}
