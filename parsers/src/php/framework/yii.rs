//! Yii 2, and Craft on it: `2024-03-02 10:11:12 [192.0.2.7][42][session][error][yii\base\ErrorException:8] text`.
//!
//! In: an entry's first line. Out: its header, and what that tells of a record. Invariant: five brackets, the fourth
//! a level. Does not read the exception: it is printed as PHP prints it.

use crate::header::{self, Header};
use crate::php::mechanism::{self, By};
use crate::record::{Record, User};
use crate::time;

const USER: &str = "user.id";
const CATEGORY: &str = "category";

pub(super) fn header(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let mut rest = line[stamp.length..].trim_start();
    if let Some(craft) = craft(rest, line, &stamp) {
        return Some(craft);
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

/// Yii's error handler gives the exception's own type as the category; an application that caught it, another.
pub(super) fn complete(record: &mut Record, header: &Header) {
    let field = |name: &str| header.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some(id) = field(USER) {
        record.user = Some(User { id: Some(id.to_owned()), username: None });
    }
    let category = field(CATEGORY).unwrap_or("");
    let class = category.split(':').next().unwrap_or(category);
    let handler = record.exceptions.iter().any(|exception| exception.kind == class)
        // HTTP exceptions are told with their status.
        || class.ends_with("HttpException");
    mechanism::found(record, if handler { By::Yii } else { By::PhpText }, if handler { Some(false) } else { None });
    if !handler && !class.is_empty() {
        record.logger = Some(category.to_owned());
    }
}
