//! Yii 2, and Craft on it: `2024-03-02 10:11:12 [192.0.2.7][42][session][error][yii\base\ErrorException:8] text`; and
//! Yii 1: `2014/03/02 10:11:12 [error] [exception.CHttpException.404] text`.
//!
//! In: an entry's first line. Out: its header, and what that tells of a record. Invariant: five brackets, the fourth
//! a level. Does not read the exception: it is printed as PHP prints it.

use super::{exception, found};
use crate::assemble::Found;
use crate::header::{self, Header};
use crate::php::frame;
use crate::php::mechanism::{self, By};
use crate::record::{Record, Request, User};
use crate::time;

const USER: &str = "user.id";
const CATEGORY: &str = "category";
/// Lines that a message may have.
const MESSAGE_LINES: usize = 20;

pub(super) fn header(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let mut rest = line[stamp.length..].trim_start();
    if let Some(craft) = craft(rest, line, &stamp) {
        return Some(craft);
    }
    if let Some(old) = version_1(rest, line, &stamp) {
        return Some(old);
    }
    let mut parts = [""; 5];
    for part in &mut parts {
        let close = rest.find(']').filter(|close| *close < 256)?;
        *part = rest[..close].strip_prefix('[')?;
        rest = &rest[close + 1..];
    }
    let [_ip, user, _session, level, category] = parts;
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    let mut fields = vec![(CATEGORY.to_owned(), category.to_owned())];
    if !matches!(user, "" | "-") {
        fields.push((USER.to_owned(), user.to_owned()));
    }
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.value,
        level: Some(header::level(level)?),
        format: Some("yii"),
        fields,
        ..Header::default()
    })
}

// 2014/03/02 10:11:12 [error] [exception.CHttpException.404] exception 'CHttpException' with message 'no such page' in …
fn version_1(rest: &str, line: &str, stamp: &time::Stamp) -> Option<Header> {
    let (level, rest) = rest.strip_prefix('[').filter(|_| line.as_bytes()[4] == b'/')?.split_once("] [")?;
    let (category, message) = rest.split_once("] ").filter(|(name, _)| !name.contains([' ', '[']))?;
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.value.clone(),
        level: Some(header::level(level)?),
        format: Some("yii"),
        fields: vec![(CATEGORY.to_owned(), category.to_owned())],
        ..Header::default()
    })
}

// 2024-03-02 10:11:12 [web.ERROR] [yii\db\Exception] no such table {"exception":"[object] (…
/// Craft's, which Monolog writes.
fn craft(rest: &str, line: &str, stamp: &time::Stamp) -> Option<Header> {
    let (word, rest) = rest.strip_prefix('[')?.split_once("] ")?;
    let (channel, level) = word.rsplit_once('.').filter(|(channel, _)| !channel.contains([' ', '[']))?;
    let level = header::level(level).filter(|_| level.bytes().all(|c| c.is_ascii_uppercase()))?;
    let (category, message) = rest.strip_prefix('[')?.split_once("] ").filter(|(name, _)| !name.contains(' '))?;
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.value.clone(),
        level: Some(level),
        logger: Some(channel.to_owned()),
        format: Some("craft"),
        fields: vec![(CATEGORY.to_owned(), category.to_owned())],
        ..Header::default()
    })
}

// 2014/03/02 10:11:12 [error] [php] Undefined index: total (/srv/cart.php:12)
// Stack trace:
// #0 /srv/framework/web/CController.php(126): CartController->actionIndex()
/// An error of PHP's at which version 1 ended; Sentry's SDK makes an `ErrorException` of such a one.
pub(super) fn php_error(lines: &[&str], header: &Header) -> Option<Found> {
    header.fields.iter().find(|(name, value)| name == CATEGORY && value == "php")?;
    let title = lines.iter().take(MESSAGE_LINES).position(|line| line.trim_end() == "Stack trace:")?;
    let text = lines[..title].join("\n");
    let (message, place) = text.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let place = frame::file_and_line(place)?;
    let read = frame::frames(lines[title + 1..].iter().copied());
    let end = title + 1 + read.lines;
    let mut found =
        found(vec![exception("ErrorException", message, Some(place), read.frames)], 0..end, By::Yii, Some(false))?;
    complete(&mut found, lines, header);
    Some(found)
}

/// What the header, and the lines below the trace, say of a record.
pub(super) fn complete(found: &mut Found, lines: &[&str], header: &Header) {
    told(&mut found.record, header);
    found.lines.end += served(&mut found.record, &lines[found.lines.end..]);
}

/// Yii's error handler gives the exception's own type as the category; an application that caught it, another.
fn told(record: &mut Record, header: &Header) {
    let field = |name: &str| header.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some(id) = field(USER) {
        record.user = Some(User { id: Some(id.to_owned()), username: None });
    }
    let category = field(CATEGORY).unwrap_or("");
    let class = match category.strip_prefix("exception.") {
        Some(class) => class.split('.').next().unwrap_or(class),
        None => category.split(':').next().unwrap_or(category),
    };
    let handler = class == "php"
        || record.exceptions.iter().any(|exception| exception.kind == class)
        // HTTP exceptions are told with their status.
        || class.ends_with("HttpException");
    mechanism::found(record, if handler { By::Yii } else { By::PhpText }, if handler { Some(false) } else { None });
    if !handler && !class.is_empty() {
        record.logger = Some(category.to_owned());
    }
}

// REQUEST_URI=/cart
// HTTP_REFERER=https://shop.example/
// ---
/// Takes the request that version 1 tells below a trace; how many lines it has.
fn served(record: &mut Record, below: &[&str]) -> usize {
    let Some(url) = below.first().and_then(|line| line.strip_prefix("REQUEST_URI=")) else { return 0 };
    record.request = Some(Request { url: Some(url.trim_end().to_owned()), ..Request::default() });
    let more = |line: &&&str| line.starts_with("HTTP_REFERER=") || line.trim_end() == "---";
    1 + below[1..].iter().take(2).take_while(more).count()
}
