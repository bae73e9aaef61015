//! The parts that loggers of any language put before a message, in any order and in any brackets.
//!
//! In: one line. Out: a `Header`, or none. Invariant: a time or a level comes first, and each part is read once. Does not
//! know the forms that are one logger's own.

use super::{Header, level};
use crate::record::Level;
use crate::time;

/// Times, levels, threads and loggers in the order and the brackets in which any logger may print them.
pub(super) fn header(line: &str) -> Option<Header> {
    let mut header = Header::default();
    let mut rest = line;
    let mut found = false;
    // Eight parts are more than any layout has before the message.
    for _ in 0..8 {
        let before = rest;
        rest = rest.trim_start_matches([' ', '\t', '|']);
        let separated = ["- ", "> ", ": "].iter().find_map(|separator| rest.strip_prefix(separator));
        rest = separated.filter(|_| found && header.level.is_none()).unwrap_or(rest);
        rest = without_sign(rest).filter(|_| found && header.level.is_none()).unwrap_or(rest);
        if let Some(after) = time_part(rest, &mut header).or_else(|| level_part(rest, &mut header)) {
            found = true;
            rest = after;
        } else if found
            && header.level.is_none()
            && let Some(after) = process_part(rest)
        {
            rest = after;
        } else if found && let Some(after) = bracket_part(rest, &mut header) {
            rest = after;
        } else if found
            && header.level.is_none()
            && let Some(after) = logger_before_level(rest, &mut header).or_else(|| request_before_level(rest))
        {
            rest = after;
        } else {
            rest = before;
            break;
        }
    }
    if !found {
        return None;
    }
    let text = rest.trim_start();
    // Without a level, only a dash makes a dotted name the logger's.
    let named = || text.split_once(" - ").is_some_and(|(name, _)| is_category(name)) && header.timestamp.is_some();
    if (header.level.is_some() || named())
        && let Some(after) = logger_part(text, &mut header)
    {
        rest = after;
    }
    let rest = rest.trim_start_matches([' ', '|', ':', '>']);
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    header.length = line.len() - rest.len();
    header.format = format(&line[..header.length], header.level.is_some());
    Some(header)
}

/// What stands behind the sign that some put before a level.
// ❌ ERROR: boom · ⚠️ WARN boom
fn without_sign(text: &str) -> Option<&str> {
    let is_sign = |c: char| !c.is_ascii() && !c.is_alphanumeric();
    let rest = text.trim_start_matches(is_sign);
    let word = &rest.trim_start()[..rest.trim_start().find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0)];
    (rest.len() < text.len() && level(word).is_some()).then(|| rest.trim_start())
}

/// The loggers that are known by their usual layout: Serilog's three letters, log4net's comma and dash.
fn format(head: &str, leveled: bool) -> Option<&'static str> {
    const SERILOG: [&str; 6] = ["VRB]", "DBG]", "INF]", "WRN]", "ERR]", "FTL]"];
    if SERILOG.iter().any(|level| head.contains(level)) {
        return Some("serilog");
    }
    let millis = |(_, rest): (&str, &str)| rest.bytes().take_while(u8::is_ascii_digit).count() == 3;
    let comma = head.split_once(',').is_some_and(millis);
    (leveled && comma && head.ends_with(" - ")).then_some("log4net")
}

fn time_part<'a>(text: &'a str, header: &mut Header) -> Option<&'a str> {
    if header.timestamp.is_some() {
        return None;
    }
    let (open, inner) = match text.strip_prefix('[') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let stamp = time::at_start(inner)?;
    let mut after = &inner[stamp.length..];
    if open {
        // Serilog's console: `[21:53:08 INF] `.
        if let Some(rest) = after.strip_prefix(' ')
            && let Some((word, rest)) = rest.split_once(']')
            && let Some(level) = level(word.trim())
        {
            header.level = Some(level);
            after = rest;
        } else if let Some((level, logger, rest)) = level_and_logger(after) {
            header.level = Some(level);
            header.logger = Some(logger.to_owned());
            after = rest;
        } else {
            after = after.strip_prefix(']')?;
        }
    }
    header.timestamp = stamp.value;
    Some(after.strip_prefix(": ").unwrap_or(after))
}

// [21:53:08 ERR Harbor.Docking.Crane] message
/// What stands behind the time in Serilog's console with the logger, and behind its bracket.
fn level_and_logger(text: &str) -> Option<(Level, &str, &str)> {
    let (inside, rest) = text.strip_prefix(' ')?.split_once(']')?;
    let (word, logger) = inside.split_once(' ')?;
    let logger = logger.trim();
    let plain = logger.len() <= 80 && logger.chars().all(|c| c.is_alphanumeric() || "._+`- ".contains(c));
    (plain && !logger.is_empty()).then_some((level(word)?, logger, rest))
}

fn level_part<'a>(text: &'a str, header: &mut Header) -> Option<&'a str> {
    // Runtimes die with these words: they are no level and no message.
    if header.level.is_some() || text.starts_with("Fatal error. ") || text.starts_with("FATAL EXCEPTION: ") {
        return None;
    }
    let pairs = [('[', ']'), ('(', ')'), ('<', '>'), ('{', '}'), ('*', '*')];
    // Behind a time any bracket will do.
    let pairs = pairs.into_iter().take(if header.timestamp.is_some() { 5 } else { 1 });
    let open = pairs.into_iter().find_map(|(open, close)| Some((text.strip_prefix(open)?, close)));
    // `[ error ]`
    let inner = open.map_or(text, |(inner, _)| inner.strip_prefix(' ').unwrap_or(inner));
    let end = inner.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(inner.len());
    // `HTTP GET /orders responded 500` is a message.
    let letter = || level_of_letter(&inner[..end]).filter(|_| header.timestamp.is_some() && open.is_some());
    let found = level(&inner[..end]).filter(|_| &inner[..end] != "HTTP").or_else(letter)?;
    let after = &inner[end..];
    let after = if let Some((_, close)) = open {
        after.trim_start_matches(' ').strip_prefix(close)?
    } else if (after.is_empty() || after.starts_with([' ', '|', ':'])) && !after.starts_with("://") {
        // A word of prose is no level: it is spelt in one case throughout.
        let word = &inner[..end];
        if word.chars().any(char::is_uppercase)
            && word.chars().any(char::is_lowercase)
            && (!after.starts_with(['|', ' ']) || begins_sentence(after) || is_coded(after))
        {
            return None;
        }
        after
    } else {
        return None;
    };
    header.level = Some(found);
    Some(after.strip_prefix(':').unwrap_or(after))
}

/// `[E]`: NLog's `${level:format=FirstCharacter}`, and others.
fn level_of_letter(letter: &str) -> Option<Level> {
    Some(match letter {
        "T" | "V" => Level::Trace,
        "D" => Level::Debug,
        "I" => Level::Info,
        "W" => Level::Warning,
        "E" => Level::Error,
        "F" => Level::Fatal,
        _ => return None,
    })
}

/// Whether what follows the word "Error" makes it the first of a sentence.
// Error while saving the order · Error in job 7
fn begins_sentence(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["while", "when", "in", "on", "at", "during", "occurred", "processing", "executing", "trying", "from", "with"];
    let word = text.trim_start_matches(' ').split(' ').next().unwrap_or("");
    WORDS.contains(&word)
}

/// `Harbor.Docking.Crane Error message`: NLog's layouts put the parts in any order.
fn logger_before_level<'a>(text: &'a str, header: &mut Header) -> Option<&'a str> {
    let (name, rest) = text.split_once(' ').filter(|(name, _)| is_dotted(name))?;
    let word = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
    level(word).filter(|_| rest[word.len()..].starts_with(' '))?;
    header.logger = Some(name.to_owned());
    Some(rest)
}

/// Whether a code follows, as Node puts it behind a type: `Error [ERR_SOCKET_CLOSED]: x`.
fn is_coded(text: &str) -> bool {
    let code = text.strip_prefix(" [").and_then(|rest| rest.split_once("]: ")).map_or("", |(code, _)| code);
    code.contains('_') && code.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

/// `0HLV4:00000001 [ERR]`: the request's id before the level, as Serilog.Extensions.Logging.File prints it.
fn request_before_level(text: &str) -> Option<&str> {
    let (id, rest) = text.split_once(' ')?;
    let plain = id.contains(':') && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b':' | b'-'));
    let word = rest.trim_start().strip_prefix('[')?.split_once(']')?.0;
    (plain && word.len() == 3 && level(word).is_some()).then_some(rest)
}

/// `4711 ERROR`: a process before a level; `4711 12 ERROR`: and a thread.
fn process_part(text: &str) -> Option<&str> {
    let digits = text.bytes().take(8).take_while(u8::is_ascii_digit).count();
    let rest = text[digits..].strip_prefix(' ').filter(|_| (1..8).contains(&digits))?;
    let thread = rest.trim_start_matches(' ').trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = if thread.starts_with(' ') && !rest.starts_with(thread) { &thread[1..] } else { rest };
    let word = rest.trim_start_matches(['[', ' ']);
    let word = &word[..word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len())];
    level(word).map(|_| rest)
}

/// `[7]`, `[main]`, `(12)`: a thread or a process; `[Harbor.Docking.Crane]`, `<Harbor.Docking.Crane>`: a logger.
fn bracket_part<'a>(text: &'a str, header: &mut Header) -> Option<&'a str> {
    let (inner, close) = match text.chars().next()? {
        '[' => (&text[1..], ']'),
        '(' => (&text[1..], ')'),
        '<' => (&text[1..], '>'),
        _ => return None,
    };
    let end = inner.find(close)?;
    let word = &inner[..end];
    let after = &inner[end + 1..];
    if close == '>' && !is_category(word) {
        return None;
    }
    let plain = (word.len() <= 40 || word.len() <= 200 && is_category(word)) && !word.contains(['"', '\'', '{']);
    // A thread's name may hold blanks, and log4net's empty context is `[(null)]`; a sentence in brackets is a message.
    let named = || {
        if word.rsplit_once('/').is_some_and(|(_, name)| level(name).is_some()) {
            return true;
        }
        let next = after.trim_start();
        let word = &next[..next.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(next.len())];
        let logger = || next.split_once(" - ").is_some_and(|(name, _)| is_category(name));
        level(word).is_some() && next[word.len()..].starts_with(' ') || header.level.is_some() && logger()
    };
    if !plain || word != "(null)" && word.contains([' ', '(']) && !named() {
        return None;
    }
    // `[Main Thread/ERROR]`
    if let Some((_, name)) = word.rsplit_once('/').filter(|_| header.level.is_none() && close == ']')
        && let Some(level) = level(name)
    {
        header.level = Some(level);
        return Some(after);
    }
    if header.logger.is_none() && (is_category(word) || close == ']' && header.level.is_some() && is_label(word)) {
        header.logger = Some(word.to_owned());
    }
    Some(after)
}

// Harbor.Docking.Crane - message · default - message · Harbor.Docking.Crane [(null)] - message
// Harbor.Docking.Crane: message · Harbor.Docking.Crane message · node-7/CART: message
/// A logger's name before the message.
fn logger_part<'a>(text: &'a str, header: &mut Header) -> Option<&'a str> {
    let end = text.find(' ').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-+`:/@".contains(c));
    let mut behind = rest;
    // log4net's contexts: `[(null)] <(null)>`
    for (open, close) in [(" [", ']'), (" <", '>')] {
        let context = behind.strip_prefix(open).and_then(|inner| inner.split_once(close));
        behind = context.filter(|(context, _)| context.len() < 40).map_or(behind, |(_, rest)| rest);
    }
    let after = behind.strip_prefix(" - ").or_else(|| rest.strip_prefix(" - "));
    let (name, after) = match after {
        Some(after) => (name, after),
        None => {
            let bare = name.strip_suffix(':').unwrap_or(name);
            // Prose seldom begins with a name of three parts.
            let sure = bare.len() < name.len() || rest.is_empty() || bare.matches('.').count() > 1;
            // Moleculer: the node and the service.
            let node = bare.len() < name.len() && bare.matches('/').count() == 1 && !bare.starts_with('/');
            if header.logger.is_some() || !sure || !(is_category(bare) || node) {
                return None;
            }
            (bare, rest.trim_start())
        }
    };
    plain.then(|| {
        header.logger = Some(name.to_owned());
        after
    })
}

/// `[orders]` behind a level: a label, unless it is a thread's name.
fn is_label(word: &str) -> bool {
    word.len() > 1
        && word.bytes().all(|c| c.is_ascii_alphabetic() || b"._-:/".contains(&c))
        && !["main", "thread", "worker", "pool"].iter().any(|name| word.to_ascii_lowercase().starts_with(name))
}

/// A dotted name of classes, which is no exception's: `Harbor.Docking.Crane`.
fn is_category(name: &str) -> bool {
    is_dotted(name) && !["Exception", "Error", "Fault"].iter().any(|end| name.ends_with(end))
}

fn is_dotted(name: &str) -> bool {
    let segment = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_alphanumeric() || "_`+".contains(c))
    };
    name.contains('.') && name.split('.').all(segment)
}
