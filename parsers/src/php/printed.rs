//! Records of what PHP itself printed, also where a server wrote several messages into one line.
//!
//! In: the lines of a region. Out: records. Invariant: a message is read alone, never into the next one. Does
//! not know how PHP prints an exception.

use super::mechanism::{self, By};
use super::native::{self, How, Printed};
use super::untitled;
use crate::assemble::Found;
use crate::header::{self, Header};
use crate::record::{Exception, Level, Platform, Record, Request};
use crate::text::Literal;

/// What FastCGI puts before each message that PHP logs.
const MESSAGE: &str = "PHP message: ";
/// Lines that an entry's own message may have above its exception.
const MESSAGE_LINES: usize = 20;
/// What stands in each of these.
static SOURCE: Literal = Literal::new("PHP ");

/// What stands around line `hit`: one record, or those of all messages that the region's lines hold.
pub(super) fn parse(lines: &[&str], hit: usize, header: Option<&Header>) -> Vec<Found> {
    // An entry of JSON says what it says; text quoted in it is none of PHP's.
    if lines[hit].starts_with("{\"") && lines[hit].trim_end().ends_with('}') {
        return Vec::new();
    }
    let split = lines.iter().any(|line| begins_inside(line).is_some());
    if split || shown_inside(lines[0]).is_some() {
        return messages(lines, header).into_iter().filter(|found| found.lines.end > hit).collect();
    }
    if let Some(record) = apache(lines[hit]) {
        return vec![Found { record, lines: hit..hit + 1, has_header: header.is_some() && hit == 0 }];
    }
    let printed = native::parse(lines, hit).or_else(|| untitled::parse(lines, hit));
    let near = || lines.len().min(hit + MESSAGE_LINES);
    let below = || (hit + 1..near()).find(|at| lines[*at].starts_with("#0 ")).and_then(|at| untitled::parse(lines, at));
    let Some(printed) = printed.or_else(|| listener(lines, hit)).or_else(below) else { return Vec::new() };
    let mut place = printed.first..printed.end;
    let message = header.and_then(|header| own_message(&lines[..place.start], header, &printed));
    if message.is_some() {
        place.start = 0;
    }
    let has_header = header.is_some() && place.start == 0;
    let mut record = record(printed, header.filter(|_| has_header));
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        mechanism::found(&mut record, By::PhpText, Some(true));
        record.message = Some(message);
    }
    record.request = record.request.take().or_else(|| nginx_request(lines[place.end - 1]));
    vec![Found { record, lines: place, has_header }]
}

// [critical] Uncaught PHP Exception App\Late: "no stock" at /srv/src/Shop.php line 12
// 10:11:12 CRITICAL  [request] Uncaught PHP Exception App\Late: "no stock" at Shop.php line 12 ["exception" => App\Late { …}]
// [critical] Uncaught Error: Class "App\Kernel" not found
/// What Symfony's listener says where no Monolog is.
fn listener(lines: &[&str], hit: usize) -> Option<Printed> {
    let line = lines[hit];
    let at = line.find("Uncaught ").filter(|at| line[..*at].ends_with("] "))?;
    let level = line[..at].split(['[', ']', ' ']).filter(|word| !word.is_empty()).find_map(header::level);
    let printed = native::told(lines, hit, &line[at..]).or_else(|| {
        let (kind, message) = line[at + 9..].split_once(": ").filter(|(kind, _)| untitled::is_sure(kind))?;
        level.filter(|level| *level == Level::Critical)?;
        let exception = Exception { kind: kind.to_owned(), message: message.to_owned(), ..Exception::default() };
        Some(Printed { chain: vec![exception], end: hit + 1, how: How::Uncaught, ..Printed::default() })
    })?;
    Some(Printed { first: hit, level, ..printed })
}

// [php:notice] [pid 12] [client 192.0.2.7:5] App\\Late: x in /srv/a.php:3\nStack trace:\n#0 {main}
/// What a script gave to `error_log()` in Apache's one line.
fn apache(line: &str) -> Option<Record> {
    let text = apache_text(line)?;
    let lines: Vec<&str> = text.lines().collect();
    let hit = lines.iter().position(|line| native::is_title(line) || line.starts_with("#0 "))?;
    native::parse(&lines, hit).or_else(|| untitled::parse(&lines, hit)).map(|printed| record(printed, None))
}

// [proxy_fcgi:error] [pid 12] [client 192.0.2.7:5] AH01071: Got error 'PHP message: [2024-03-02 10:11:12] production.ERROR: …\n[stacktrace]\n#0 …'
/// The lines of a trace of which Apache made one.
pub(super) fn apache_text(line: &str) -> Option<String> {
    if !line.contains("\\n#0 ") || !is_apache(line) {
        return None;
    }
    let from = ["[client ", "[remote ", "[pid "].iter().find_map(|words| line.find(words))?;
    let (_, message) = line[from..].split_once("] ")?;
    // … AH01071: Got error 'PHP message: text', referer: https://shop.example/
    let got =
        message.strip_prefix("AH01071: Got error '").map(|told| told.rsplit_once('\'').map_or(told, |(own, _)| own));
    let told = got.unwrap_or(message);
    Some(unescape(told.strip_prefix(MESSAGE).unwrap_or(told)))
}

// 2024-03-02 10:11:12 ERROR charge failed
// App\Declined: no funds in /srv/app/Pay.php:12
// Stack trace:
/// The message of an entry whose exception begins on a later line; none where that one is not the entry's.
fn own_message(above: &[&str], header: &Header, printed: &Printed) -> Option<String> {
    let text = above.join("\n").trim().to_owned();
    let failed = header.timestamp.is_some() && header.level.is_some_and(|level| level >= Level::Warning);
    let own = printed.how == How::Text && (failed || text.is_empty());
    (own && !above.is_empty() && above.len() <= MESSAGE_LINES).then_some(text)
}

/// The request that nginx names on the last line of a message, which it may have cut anywhere.
fn nginx_request(line: &str) -> Option<Request> {
    native::nginx_request(line.split_once("\" while reading ")?.1)
}

/// Where inside a line a message begins.
///
/// `  thrown in /srv/a.php on line 3PHP message: PHP Warning:  …`, `… [client 192.0.2.7:5] PHP Fatal error:  …`
fn begins_inside(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    SOURCE.find(bytes)?;
    let message = memchr::memmem::find(bytes, MESSAGE.as_bytes()).map(|at| at + MESSAGE.len());
    let severity = || {
        let own = |at: &usize| ["] ", ": ", "\""].iter().any(|before| line[..*at].ends_with(before));
        memchr::memmem::find_iter(bytes, b"PHP ")
            .take(8)
            .filter(own)
            .find(|at| native::severity(&line[*at..]).is_some_and(|severity| severity.fatal))
    };
    message.or_else(severity)
}

// php_swoole_server_rshutdown() (ERRNO 503): Fatal error: Uncaught Exception: boom in /srv/a.php:3
/// Where in the first line a message begins that a server took from PHP's page.
fn shown_inside(line: &str) -> Option<usize> {
    let at = memchr::memmem::find(line.as_bytes(), b": Fatal error: ")? + 2;
    native::severity(line).is_none().then_some(at)
}

/// Whether Apache's own words stand before a message: then the message is escaped.
fn is_apache(before: &str) -> bool {
    ["[client ", "[remote ", "[pid ", "AH01071: "].iter().any(|words| before.contains(words))
}

/// Apache's escapes taken back: `\n`, `\t`, `\"`, `\\` and `\xc3`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes.extend_from_slice(&rest[..at]);
        let escaped = rest.get(at + 1).copied();
        let code = rest.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        let (byte, length) = match (escaped, code) {
            (Some(b'x'), Some(byte)) => (byte, 4),
            (Some(b'n'), _) => (b'\n', 2),
            (Some(b't'), _) => (b'\t', 2),
            (Some(b'r'), _) => (b'\r', 2),
            (Some(byte @ (b'\\' | b'"')), _) => (byte, 2),
            _ => (b'\\', 1),
        };
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A message with its lines, of which Apache made one.
fn read(texts: &[&str], escaped: bool) -> Option<Printed> {
    if !escaped {
        return native::read(texts, 0, texts.first()?);
    }
    let text = unescape(texts.first()?);
    let lines: Vec<&str> = text.lines().collect();
    let printed = native::read(&lines, 0, lines.first()?)?;
    Some(Printed { end: 1, ..printed })
}

/// The records of all messages in these lines.
fn messages(lines: &[&str], header: Option<&Header>) -> Vec<Found> {
    // Each message's lines, the place of its first one, and whether it is escaped.
    let mut messages: Vec<(usize, Vec<&str>, bool)> = vec![(0, Vec::new(), false)];
    for (index, line) in lines.iter().enumerate() {
        let mut rest = *line;
        let mut escaped = false;
        let shown = if index == 0 { shown_inside(line) } else { None };
        while let Some(at) = begins_inside(rest).or(shown.filter(|_| rest.len() == line.len())) {
            let before = rest[..at].trim_end_matches(MESSAGE).trim_end_matches("; ");
            escaped |= is_apache(before);
            if let Some((_, texts, _)) = messages.last_mut() {
                texts.push(before);
            }
            messages.push((index, Vec::new(), escaped));
            rest = &rest[at..];
        }
        if let Some((_, texts, _)) = messages.last_mut() {
            texts.push(rest);
        }
    }
    let found = |(first, texts, escaped): (usize, Vec<&str>, bool)| {
        let printed = read(&texts, escaped)?;
        let lines = first..first + printed.end;
        let has_header = header.is_some() && first == 0;
        // Behind FastCGI's words or a server's, no header of the region's is a logger's.
        let mut record = record(printed, None);
        record.request = record.request.take().or_else(|| nginx_request(texts.get(lines.len() - 1)?));
        Some(Found { record, lines, has_header })
    };
    messages.into_iter().filter_map(found).collect()
}

fn record(printed: Printed, header: Option<&Header>) -> Record {
    let mut record = Record {
        platform: Platform::Php,
        format: if printed.display { "php-display" } else { "php-error" }.to_owned(),
        level: printed.level,
        exceptions: printed.chain,
        request: printed.request,
        unparsed: printed.unparsed,
        ..Record::default()
    };
    match printed.how {
        How::Uncaught => mechanism::found(&mut record, By::PhpUncaught, Some(false)),
        How::Fatal => mechanism::found(&mut record, By::PhpFatal, Some(false)),
        // What no logger put a header before, a script printed: PHP itself would say `Uncaught`.
        How::Text if header.is_none_or(|header| header.format == Some("php-error")) => {
            mechanism::found(&mut record, By::PhpErrorLog, Some(true));
        }
        How::Text => {
            mechanism::found(&mut record, By::PhpText, None);
            record.format = String::new();
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, usize, std::ops::Range<usize>)> {
        let lines: Vec<&str> = text.lines().collect();
        let found = parse(&lines, 0, None);
        found
            .into_iter()
            .map(|found| {
                (found.record.exceptions[0].kind.clone(), found.record.exceptions[0].frames.len(), found.lines)
            })
            .collect()
    }

    #[test]
    fn messages_without_a_line_break_between_them() {
        let text = "PHP message: PHP Fatal error:  Uncaught A: x in /srv/a.php:3\nStack trace:\n#0 /srv/b.php(1): f()\n#1 {main}\n  \
            thrown in /srv/a.php on line 3PHP message: PHP Fatal error:  Allowed memory size of 9 bytes exhausted in /srv/a.php on line 7PHP message: \
            PHP Warning:  x in /srv/a.php on line 1; PHP message: B: y in /srv/b.php:1\nStack trace:\n#0 {main}; PHP message: done";
        assert_eq!(
            told(text),
            [("A".to_owned(), 1, 0..5), ("Fatal error".to_owned(), 0, 4..5), ("B".to_owned(), 0, 4..7)]
        );
    }

    #[test]
    fn behind_a_servers_own_words() {
        let apache = "[php:error] [pid 12] [client 192.0.2.7:5] PHP Fatal error:  Uncaught A: x in /srv/a.php:3\\nStack trace:\\n#0 {main}\\n  thrown in /srv/a.php on line 3";
        assert_eq!(told(apache), [("A".to_owned(), 0, 0..1)]);
        let apache = "[php:notice] [pid 12] [client 192.0.2.7:5] App\\\\A: x in /srv/a.php:3\\nStack trace:\\n#0 /srv/b.php(1): f()\\n#1 {main}";
        assert_eq!(told(apache), [("App\\A".to_owned(), 1, 0..1)]);
        let apache = "[php:notice] [pid 12] [client 192.0.2.7:5] [shop] LogicException: x in /srv/a.php:3\\n#0 /srv/b.php(1): f()\\n#1 {main}";
        assert_eq!(told(apache), [("LogicException".to_owned(), 1, 0..1)]);
        let apache = "[client 192.0.2.7:5] AH01071: Got error 'PHP message: PHP Fatal error:  Uncaught App\\\\A: no \\\"\\xc3\\xa9\\\" in /srv/a.php:3\\nStack trace:\\n#0 {main}\\n  thrown in /srv/a.php on line 3'";
        assert_eq!(told(apache), [("App\\A".to_owned(), 0, 0..1)]);
        assert_eq!(parse(&[apache], 0, None)[0].record.exceptions[0].message, "no \"é\"");
        let swoole = "server (ERRNO 503): Fatal error: Uncaught A: x in /srv/a.php:3\nStack trace:\n#0 {main}\n  thrown in /srv/a.php on line 3";
        assert_eq!(told(swoole), [("A".to_owned(), 0, 0..4)]);
        let nginx = "7#7: *1 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught A: x in /srv/a.php:3\nStack trace:\n#0 {main}\n  \
            thrown in /srv/a.php on line 3\" while reading response header from upstream, request: \"POST /pay HTTP/1.1\"";
        assert_eq!(told(nginx), [("A".to_owned(), 0, 0..4)]);
    }
}
