//! First lines of entries as only Node's loggers print them.
//!
//! In: one line. Out: its header, or none. Invariant: each form is told by its fixed words and marks; what loggers
//! of all languages print is left to the common header. Does not look at other lines.

use crate::header::{Header, level};
use crate::{Level, time};

/// The levels of winston's loggers, and the one that many add.
const WINSTON_LEVELS: [&str; 8] = ["error", "warn", "info", "http", "verbose", "debug", "silly", "fatal"];

/// The header of a Node logger's own form.
pub(crate) fn header(line: &str) -> Option<Header> {
    match line.as_bytes().first()? {
        b'[' if begins_nest(line.as_bytes()) => nest(line),
        b'[' => log4js(line).or_else(|| signale(line)).or_else(|| pino_pretty(line)).or_else(|| labelled(line)),
        b'0'..=b'9' => node_red(line)
            .or_else(|| tabbed(line))
            .or_else(|| debug(line))
            .or_else(|| winston(line))
            .or_else(|| good(line))
            .or_else(|| tracer(line))
            .or_else(|| bunyan_short(line)),
        b'e' | b'-' if next_error(line).is_some() => next_error(line),
        b' ' => consola(line),
        0xe2 => signale(line),
        b'a'..=b'z' => winston(line),
        _ => None,
    }
}

/// Whether a line begins as Nest's logger does: the application's name, and the process.
// [Nest] 32463  - · [Billing] 48  - · [Nest] 48   - · [Shop] 48    11/23/2026
pub(crate) fn begins_nest(line: &[u8]) -> bool {
    let Some(close) = line.iter().take(40).position(|c| *c == b']') else { return false };
    let Some(rest) = line[close..].strip_prefix(b"] ") else { return false };
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let behind = rest[digits..].trim_ascii_start();
    let blanks = rest.len() - digits - behind.len();
    // nest-winston prints the time right behind the process.
    digits > 0
        && (blanks > 0 && behind.starts_with(b"- ") || blanks > 2 && behind.first().is_some_and(u8::is_ascii_digit))
}

/// Whether a line that begins with a blank is the first of an entry.
pub(crate) fn begins_indented(line: &[u8]) -> bool {
    [" ERROR  ", " FATAL  ", " WARN  "].iter().any(|badge| line.starts_with(badge.as_bytes()))
}

// [Nest] 32463  - 11/23/2026, 8:29:08 AM   ERROR [ExceptionsHandler] boom
fn nest(line: &str) -> Option<Header> {
    let (_, rest) = line.split_once("] ")?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest).trim_start();
    let mut header = Header { format: Some("nest"), ..Header::default() };
    let mut rest = match time::at_start(rest) {
        Some(stamp) => {
            header.timestamp = stamp.value;
            rest[stamp.length..].trim_start()
        }
        // A time of a locale that is not known, as far as its last digit.
        None => rest[..rest.find('[')?].rfind(|c: char| c.is_ascii_digit()).map(|end| rest[end + 1..].trim_start())?,
    };
    // Nest 7 and older tell the level by the colour alone.
    if let Some((word, after)) = rest.split_once(' ')
        && let Some(found) = level(word)
    {
        header.level = Some(found);
        rest = after;
    }
    if let Some((context, after)) = rest.trim_start().strip_prefix('[').and_then(|text| text.split_once("] ")) {
        header.logger = Some(context.to_owned());
        rest = after;
    }
    header.length = line.len() - rest.trim_start().len();
    Some(header)
}

// [2026-11-23T08:35:36.426] [ERROR] orders - quote failed
fn log4js(line: &str) -> Option<Header> {
    let inner = line.strip_prefix('[')?;
    let stamp = time::at_start(inner)?;
    let (word, rest) = inner[stamp.length..].strip_prefix("] [")?.split_once("] ")?;
    let found = level(word)?;
    let (logger, rest) = rest.split_once(" - ").filter(|(name, _)| !name.contains([' ', '[']))?;
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(found),
        logger: Some(logger.to_owned()),
        format: Some("log4js"),
        ..Header::default()
    })
}

// [8:35:33 AM] [orders] › ✖  error     Error: boom · ✖  error     Error: boom
fn signale(line: &str) -> Option<Header> {
    let badge = line.chars().next().filter(|c| "✖⚠ℹ☒✔★●…◼☐☆".contains(*c));
    let (scopes, rest) = match badge.map(|badge| &line[badge.len_utf8()..]) {
        Some(rest) if rest.starts_with("  ") => ("", line),
        _ => line.split_once("› ")?,
    };
    let mut words = rest.split_ascii_whitespace();
    let found = words.by_ref().take(3).find_map(level)?;
    let word = words.next()?;
    let message = word.as_ptr() as usize - line.as_ptr() as usize;
    let mut header = Header { length: message, level: Some(found), format: Some("signale"), ..Header::default() };
    // The date and the time of a day stand in brackets of their own.
    let scopes = scopes.trim().replacen("] [", " ", usize::from(scopes.starts_with('[') && scopes.contains('/')));
    for scope in scopes.split(['[', ']']).map(str::trim).filter(|scope| !scope.is_empty()) {
        match time::at_start(scope) {
            Some(stamp) => header.timestamp = stamp.value,
            None => header.logger = Some(scope.to_owned()),
        }
    }
    Some(header)
}

// [08:35:31.486] ERROR (orders/15015 on web-1): boom · [2026-11-23 08:18:41.136 +0000] ERROR: boom
// [2026-11-23T08:18:41.136Z] ERROR: orders/15015 on web-1: boom
fn pino_pretty(line: &str) -> Option<Header> {
    let inner = line.strip_prefix('[')?;
    let stamp = time::at_start(inner)?;
    let rest = inner[stamp.length..].strip_prefix("] ")?.trim_start();
    let (word, rest) = rest.split_at(rest.find([' ', ':'])?);
    // `[05:06:07] Error: boom` is an error behind a time.
    if word.contains(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let mut header =
        Header { timestamp: stamp.value, level: Some(level(word)?), format: Some("pino"), ..Header::default() };
    let rest = match rest.strip_prefix(" (") {
        Some(who) => {
            let (who, rest) = who.split_once("):")?;
            header.logger = who.split_once('/').map(|(name, _)| name.to_owned());
            rest
        }
        None => rest.strip_prefix(':')?,
    };
    let mut message = rest.strip_prefix(' ').unwrap_or(rest);
    if let Some((name, behind)) = bunyan_writer(message) {
        header.logger = Some(name.to_owned());
        header.format = Some("bunyan");
        message = behind;
    }
    header.length = line.len() - message.len();
    Some(header)
}

// 08:39:58.146Z ERROR shop: cart failed · 08:39:58.146Z  WARN shop/api: cart failed
fn bunyan_short(line: &str) -> Option<Header> {
    let (clock, rest) = line.split_at_checked("08:39:58.146Z".len())?;
    let stamp = time::at_start(clock)
        .filter(|stamp| clock.ends_with('Z') && clock.get(2..3) == Some(":") && stamp.length > 11)?;
    let (word, rest) = rest.trim_start().split_once(' ')?;
    let found = level(word).filter(|_| word.bytes().all(|c| c.is_ascii_uppercase()))?;
    let (name, message) = rest.split_once(": ").filter(|(name, _)| !name.contains(' '))?;
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.value,
        level: Some(found),
        logger: Some(name.to_owned()),
        format: Some("bunyan"),
        ..Header::default()
    })
}

/// The logger's name, and what stands behind it.
// shop/41 on web-1: cart failed · shop/api/41 on web-1 (/srv/cart.js:9 in pay): pay failed
fn bunyan_writer(text: &str) -> Option<(&str, &str)> {
    let (writer, rest) = text.split_once(" on ")?;
    let (name, process) = writer.rsplit_once('/')?;
    let (host, message) = rest.split_once(": ")?;
    let known = !name.is_empty() && !writer.contains(' ') && process.bytes().all(|c| c.is_ascii_digit());
    let plain = !host.contains(' ') || host.contains(" (") && host.ends_with(')');
    (known && plain).then_some((name, message))
}

/// Lambda's columns, told by the request's id, and tslog's, told by the place in a script.
pub(crate) fn columns(line: &str) -> Option<Header> {
    let mut words = line.split('\t').skip(1);
    let (second, third) = (words.next()?, words.next()?);
    let is_id = second == "undefined" || second.len() == 36 && second.matches('-').count() == 4;
    let is_place = third.rsplit_once(':').is_some_and(|(file, number)| {
        file.contains('.') && !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit())
    });
    (is_id || is_place && level(second).is_some()).then(|| tabbed(line)).flatten()
}

// 2026-11-23T08:29:01.904Z⇥8f5e1c52-…⇥ERROR⇥Invoke Error · 2026-11-23 08:18:52.807⇥ERROR⇥src/index.ts:44⇥orders⇥boom
fn tabbed(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let rest = line[stamp.length..].strip_prefix('\t')?;
    let mut header = Header { timestamp: stamp.value, ..Header::default() };
    let (first, mut rest) = rest.split_once('\t')?;
    match level(first) {
        Some(found) => {
            header.level = Some(found);
            header.format = Some("tslog");
            if let Some((place, after)) = rest.split_once('\t')
                && place.rsplit_once(':').is_some_and(|(_, number)| number.bytes().all(|c| c.is_ascii_digit()))
            {
                rest = after;
            }
            if let Some((name, after)) = rest.split_once('\t').filter(|(name, _)| name.len() < 80) {
                header.logger = Some(name.to_owned());
                rest = after;
            }
        }
        None => {
            let (word, after) = rest.split_once('\t')?;
            header.level = Some(level(word)?);
            header.format = Some("lambda");
            header.fields.push(("request_id".to_owned(), first.to_owned()));
            rest = after;
        }
    }
    header.length = line.len() - rest.len();
    Some(header)
}

// 2026-11-23T08:18:49.963Z shop:error boundary reached
fn debug(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let (name, rest) = line[stamp.length..].strip_prefix(' ')?.split_once(' ')?;
    let is_namespace = name.contains(':')
        && !name.ends_with(':')
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b":-_".contains(&c))
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    is_namespace.then(|| Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        logger: Some(name.to_owned()),
        format: Some("debug"),
        ..Header::default()
    })
}

// 2026-11-23 08:29:05 error: boom · error: boom · error: 2026-11-23 08:29:05: boom
fn winston(line: &str) -> Option<Header> {
    let stamp = time::at_start(line);
    let start = stamp.as_ref().map_or(0, |stamp| stamp.length);
    let rest = if start > 0 { line[start..].strip_prefix(' ')? } else { line };
    let (word, message) = rest.split_once(':')?;
    if !WINSTON_LEVELS.contains(&word) || !message.starts_with(' ') {
        return None;
    }
    let mut message = message.trim_start();
    let mut stamp = stamp;
    if stamp.is_none()
        && let Some(behind) = time::at_start(message)
        && let Some(rest) = message[behind.length..].strip_prefix(": ").or(message[behind.length..].strip_prefix(' '))
    {
        message = rest;
        stamp = Some(behind);
    }
    Some(Header {
        length: line.len() - message.len(),
        timestamp: stamp.and_then(|stamp| stamp.value),
        level: level(word),
        format: Some(if message.starts_with("Uncaught ") { "deno" } else { "winston" }),
        ..Header::default()
    })
}

// - error ReferenceError: window is not defined · error - Error: boom
fn next_error(line: &str) -> Option<Header> {
    let message = line.strip_prefix("- error ").or_else(|| line.strip_prefix("error - "))?;
    let length = line.len() - message.len();
    Some(Header { length, level: Some(Level::Error), format: Some("next"), ..Header::default() })
}

/// Whether a line begins with a label in brackets, and a logger's level behind it.
// [billing] error: boom · [db]  ERROR  boom
pub(crate) fn begins_labelled(line: &[u8]) -> bool {
    label_of(line).is_some_and(|rest| {
        let word = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
        begins_indented(rest)
            || rest[word..].starts_with(b": ")
                && std::str::from_utf8(&rest[..word]).is_ok_and(|word| WINSTON_LEVELS.contains(&word))
    })
}

/// What stands behind a line's label.
fn label_of(line: &[u8]) -> Option<&[u8]> {
    let label = line.strip_prefix(b"[")?;
    let close = label.iter().take(40).position(|c| *c == b']')?;
    let is_label = label[..close].iter().all(|c| c.is_ascii_alphanumeric() || b"-_:./".contains(c));
    label[close + 1..].strip_prefix(b" ").filter(|_| is_label && close > 0)
}

// [billing] error: boom · [db]  ERROR  boom
fn labelled(line: &str) -> Option<Header> {
    if !begins_labelled(line.as_bytes()) {
        return None;
    }
    let (label, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let found = winston(rest).or_else(|| consola(rest))?;
    Some(Header { length: line.len() - rest.len() + found.length, logger: Some(label.to_owned()), ..found })
}

// 6 Nov 12:22:17 - [error] TypeError: x · 6 Nov 12:22:17 - [error] [function:total] TypeError: x
fn node_red(line: &str) -> Option<Header> {
    let stamp = time::at_start(line).filter(|stamp| stamp.value.is_none())?;
    let (word, mut rest) = line[stamp.length..].strip_prefix(" - [")?.split_once("] ")?;
    let mut header = Header { level: Some(level(word)?), format: Some("node-red"), ..Header::default() };
    if let Some((name, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        header.logger = Some(name.to_owned());
        rest = behind;
    }
    header.length = line.len() - rest.len();
    Some(header)
}

// 2026-11-25T08:13:14+0000 <error> pay.js:40 (Object.charge) boom
fn tracer(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let (word, rest) = line[stamp.length..].strip_prefix(" <")?.split_once("> ")?;
    let found = level(word)?;
    let (place, rest) = rest.split_once(' ')?;
    let (file, number) = place.rsplit_once(':')?;
    if file.is_empty() || number.is_empty() || !number.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_prefix('(').and_then(|caller| caller.split_once(") ")).map_or(rest, |(_, rest)| rest);
    let length = line.len() - rest.len();
    Some(Header { length, timestamp: stamp.value, level: Some(found), format: Some("tracer"), ..Header::default() })
}

// 260105/101112.140, (1767607872140:host:48:k1:10012) [error] message: boom, stack: Error: boom
fn good(line: &str) -> Option<Header> {
    let stamp = time::at_start(line).filter(|_| line.as_bytes().get(6) == Some(&b'/'))?;
    let rest = line[stamp.length..].strip_prefix(", ")?;
    let rest = match rest.strip_prefix('(') {
        Some(id) => id.split_once(") ")?.1,
        None => rest,
    };
    let (tags, rest) = rest.strip_prefix('[')?.split_once("] ")?;
    let found = tags.split(',').find_map(level);
    let length = line.len() - rest.len();
    Some(Header { length, timestamp: stamp.value, level: found, format: Some("good"), ..Header::default() })
}

//  ERROR  boom
fn consola(line: &str) -> Option<Header> {
    let (word, message) = line.trim_start().split_once("  ")?;
    if !begins_indented(line.as_bytes()) {
        return None;
    }
    let message = message.trim_start();
    Some(Header {
        length: line.len() - message.len(),
        level: level(word),
        format: Some("consola"),
        ..Header::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_loggers() {
        for (line, format, level, logger, message) in [
            ("[Nest] 7  - 11/23/2026, 8:29:08 AM   ERROR [Jobs] x", "nest", Some(Level::Error), Some("Jobs"), "x"),
            ("[2026-11-23T08:35:36.426] [WARN] jobs - x", "log4js", Some(Level::Warning), Some("jobs"), "x"),
            ("[8:35:33 AM] [jobs] › ✖  error     x y", "signale", Some(Level::Error), Some("jobs"), "x y"),
            ("[08:35:31.486] ERROR (jobs/7 on h): x", "pino", Some(Level::Error), Some("jobs"), "x"),
            ("[2026-11-23T08:18:41.136Z] ERROR: a/b/7 on h: x", "bunyan", Some(Level::Error), Some("a/b"), "x"),
            ("[2026-11-23T08:18:41.136Z]  WARN: a/7 on h: x", "bunyan", Some(Level::Warning), Some("a"), "x"),
            ("08:39:58.146Z  WARN a: x", "bunyan", Some(Level::Warning), Some("a"), "x"),
            ("[08:35:31.486] FATAL (7): x", "pino", Some(Level::Fatal), None, "x"),
            ("2026-11-23 08:18:52.807\tERROR\tsrc/a.ts:44\tjobs\tx", "tslog", Some(Level::Error), Some("jobs"), "x"),
            ("2026-11-23T08:18:52.807Z\t8f5e\tERROR\tx", "lambda", Some(Level::Error), None, "x"),
            ("2026-11-23T08:18:52.807Z app:jobs x", "debug", None, Some("app:jobs"), "x"),
            ("2026-11-23 08:29:05 error: x", "winston", Some(Level::Error), None, "x"),
            ("error:   x", "winston", Some(Level::Error), None, "x"),
            ("error: 2026-11-23 08:29:05: x", "winston", Some(Level::Error), None, "x"),
            ("[Billing] 7  - 11/23/2026, 8:29:08 AM   ERROR [Jobs] x", "nest", Some(Level::Error), Some("Jobs"), "x"),
            ("[Nest] 7  - 2026. 11. 23. 오전 8:29:08   ERROR [Jobs] x", "nest", Some(Level::Error), Some("Jobs"), "x"),
            ("[Nest] 7   - 2026-11-23 08:29:08   [Jobs] x", "nest", None, Some("Jobs"), "x"),
            ("[Shop] 7     11/23/2026, 8:29:08 AM   ERROR [Jobs] x", "nest", Some(Level::Error), Some("Jobs"), "x"),
            ("- error x", "next", Some(Level::Error), None, "x"),
            ("261123/082905.140, (1:h:7:k:1) [error] x", "good", Some(Level::Error), None, "x"),
            (" ERROR  x", "consola", Some(Level::Error), None, "x"),
            ("[db]  ERROR  x", "consola", Some(Level::Error), Some("db"), "x"),
            ("[jobs] error:   x", "winston", Some(Level::Error), Some("jobs"), "x"),
            ("6 Nov 12:22:17 - [error] [function:x y] z", "node-red", Some(Level::Error), Some("function:x y"), "z"),
            ("[11/1/2026] [8:46:40 PM] [App  ] › ✖  error   x", "signale", Some(Level::Error), Some("App"), "x"),
            ("2026-11-25T08:13:14+0000 <warn> a.js:4 (T.f) x", "tracer", Some(Level::Warning), None, "x"),
        ] {
            let found = header(line).unwrap_or_else(|| panic!("{line}"));
            let got = (found.format, found.level, found.logger.as_deref(), &line[found.length..]);
            assert_eq!(got, (Some(format), level, logger, message), "{line}");
        }
        assert_eq!(header("[2026-11-23 08:50:05] production.ERROR: x"), None);
        assert_eq!(header("2026-11-23 08:50:05 [ERR] x"), None);
        assert_eq!(header("[08:50:05] Error: x"), None);
    }
}
