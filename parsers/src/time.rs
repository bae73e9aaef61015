//! Timestamps as loggers print them.
//!
//! In: text that may begin with a time. Out: the time in RFC 3339's form, and how much of the text it was.
//! Invariant: an offset is given only when the text (or its zone's name) gives one; nothing is guessed.
//! Does not know the current time: a time without a year or a date is recognised, but has no value.

mod cursor;

use std::cell::RefCell;
use std::collections::VecDeque;

use jiff::civil::Date;

use cursor::{Clock, Cursor};

/// A time at the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// RFC 3339, without an offset where the text has none; none where year or date are missing.
    pub value: Option<String>,
    /// Bytes of the text that it takes.
    pub length: usize,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// What the C library calls them elsewhere, where its names do not begin as the English ones: German, French, Spanish,
/// Portuguese, Italian, Dutch, Indonesian, Polish and Turkish.
const FOREIGN_MONTHS: [&str; 12] = [
    "ene gen sty oca",
    "fév fev lut şub",
    "mär mrt",
    "avr abr kwi nis",
    "mai mag mei maj",
    "jui giu cze haz",
    "lug lip tem",
    "aoû ago agu sie ağu",
    "set wrz eyl",
    "okt ott out paź eki",
    "lis kas",
    "déc dez dic des gru ara",
];

thread_local! {
    /// Beginnings of texts that were asked about just now, each with its time: the same line is asked about by the
    /// grammars of many headers, one after the other.
    static RECENT: RefCell<VecDeque<(Box<str>, Stamp)>> = const { RefCell::new(VecDeque::new()) };
}

/// Beginnings that are remembered.
const MAX_RECENT: usize = 3;
/// So much of a text is compared; a time that comes near to it is not remembered.
const RECENT_BYTES: usize = 128;

/// The time at the very beginning of `text`.
pub(crate) fn at_start(text: &str) -> Option<Stamp> {
    let first = text.as_bytes().first()?;
    if !first.is_ascii_digit() {
        return read(text);
    }
    let begins = |known: &&(Box<str>, Stamp)| {
        text.starts_with(&*known.0) && (known.0.len() == text.len() || known.0.len() >= RECENT_BYTES)
    };
    let recent = RECENT.with_borrow(|recent| recent.iter().find(begins).map(|(_, stamp)| stamp.clone()));
    if recent.is_some() {
        return recent;
    }
    let stamp = read(text)?;
    let mut end = RECENT_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    if 2 * stamp.length < RECENT_BYTES {
        RECENT.with_borrow_mut(|recent| {
            recent.truncate(MAX_RECENT - 1);
            recent.push_front((text[..end].into(), stamp.clone()));
        });
    }
    Some(stamp)
}

fn read(text: &str) -> Option<Stamp> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    if first.is_ascii_digit() {
        return year_first(text)
            .or_else(|| chinese(text))
            .or_else(|| day_month_name(text))
            .or_else(|| day_month_year(text))
            .or_else(|| compact(text))
            .or_else(|| short_year(text))
            .or_else(|| short_date(text))
            .or_else(|| epoch_millis(text))
            .or_else(|| clock_only(text));
    }
    if first.is_ascii_alphabetic() { month_name_first(text).or_else(|| weekday_first(text)) } else { None }
}

/// The value of a time without a year, as syslog writes it: the last one so dated that is not after `latest`. A day may
/// lie between the two zones.
pub(crate) fn in_year(text: &str, latest: Date) -> Option<String> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let (day, clock) = text.split_at(from + digits);
    let latest = latest.tomorrow().ok()?;
    // The 29th of February is to be found.
    (0..=8).find_map(|back| {
        let year = latest.year() - back;
        let value = month_name_first(&format!("{day} {year}{clock}"))?.value?;
        let date: Date = value.get(..10)?.parse().ok()?;
        (date <= latest).then_some(value)
    })
}

/// Seconds or milliseconds since the epoch, as RFC 3339 in UTC.
pub(crate) fn from_epoch(number: f64) -> Option<String> {
    let stamp = jiff::Timestamp::from_millisecond(epoch_in_millis(number).round() as i64).ok()?;
    Some(format!("{stamp:.3}"))
}

/// Seconds or milliseconds since the epoch, in milliseconds.
pub(crate) fn epoch_in_millis(number: f64) -> f64 {
    if number.abs() > 1e11 { number } else { number * 1000.0 }
}

/// Microseconds since the epoch, as RFC 3339 in UTC.
pub(crate) fn from_epoch_micros(number: i64) -> Option<String> {
    let stamp = jiff::Timestamp::from_microsecond(number).ok()?;
    Some(format!("{stamp:.6}"))
}

/// The seconds of a TAI64 label, in hexadecimal digits, as RFC 3339 in UTC; daemontools and s6 count ten more than UTC.
pub(crate) fn from_tai(label: &str) -> Option<String> {
    const EPOCH: i64 = (1 << 62) + 10;
    let seconds = i64::from_str_radix(label, 16).ok()?.checked_sub(EPOCH)?;
    Some(jiff::Timestamp::from_second(seconds).ok()?.to_string())
}

// 2026. 11. 23. 오후 8:50:05 · 2026/11/23 下午8:50:05
// 2026-11-23 08:50:05 · 2026-11-23T08:50:05.702006+00:00 · 2026/11/23 08:50:05 · 2026-11-23 21:51:35,387 · 2026:11:23 08:50:05
fn year_first(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let year = cursor.number(4, 4)?;
    let separator = cursor.one_of("-/.:")?;
    cursor.dot_blank(separator);
    let month = cursor.number(1, 2)?;
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    cursor.dot_blank(separator);
    let day = cursor.number(1, 2)?;
    let date = (year, month, day);
    if separator == '.' {
        let _ = cursor.one_of(".");
    }
    if cursor.one_of("T_ ").is_none() && cursor.rest().starts_with(", ") {
        cursor.at += 2;
    }
    let _ = cursor.one_of(" ");
    let mut clock = cursor.clock_of_date()?;
    cursor.half_day(&mut clock);
    let zone = cursor.zone(date, &clock);
    cursor.finish(date, &clock, &zone)
}

// 2017年08月23日 12时44分13秒 · 2017年08月23日 12:44:13
fn chinese(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let year = cursor.number(4, 4)?;
    cursor.one_of("年")?;
    let month = cursor.number(1, 2)?;
    cursor.one_of("月")?;
    let day = cursor.number(1, 2)?;
    cursor.one_of("日")?;
    let _ = cursor.one_of(" ");
    let date = (year, month, day);
    let mark = cursor.at;
    if let Some(clock) = cursor.clock() {
        return cursor.finish(date, &clock, "");
    }
    cursor.at = mark;
    let hour = cursor.number(1, 2)?;
    cursor.one_of("时時")?;
    let minute = cursor.number(1, 2)?;
    cursor.one_of("分")?;
    let second = cursor.number(1, 2)?;
    cursor.one_of("秒")?;
    cursor.finish(date, &Clock { hour, minute, second, fraction: "" }, "")
}

// 6 Nov 08:13:16 · 23-Nov-2026 08:13:16 UTC · 23/Nov/2026:07:40:00 +0700 · 23 Nov 2026, 07:40:00
fn day_month_name(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let day = cursor.number(1, 2)?;
    let separator = cursor.one_of("-/ ")?;
    let month = month_name(&mut cursor)?;
    let _ = cursor.one_of(",");
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    let Some(year) = cursor.number(4, 4) else {
        cursor.clock().filter(|_| separator == ' ')?;
        return Some(Stamp { value: None, length: cursor.at });
    };
    let _ = cursor.one_of(",");
    if cursor.rest().starts_with(" - ") {
        cursor.at += 2;
    }
    cursor.one_of(": T")?;
    let date = (year, month, day);
    let mut clock = cursor.clock()?;
    cursor.half_day(&mut clock);
    let zone = cursor.zone(date, &clock);
    cursor.finish(date, &clock, &zone)
}

// 4/21/2015 10:46:47 AM · 23.11.2026 21:53:35 · 11/23/2026, 10:00:00 AM · 23-11-2026 21:53:35 · 23/11/2026, 10:00:00
// 23. 11. 2026 21:53:35 · 23.11.2026. 21:53:35 · 23.11.2026, 21.53.35
fn day_month_year(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let first = cursor.number(1, 2)?;
    let separator = cursor.one_of("/.-")?;
    cursor.dot_blank(separator);
    let second = cursor.number(1, 2)?;
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    cursor.dot_blank(separator);
    let year = cursor.number(4, 4)?;
    let is_listed = cursor.one_of(if separator == '.' { ",." } else { "," }) == Some(',');
    cursor.one_of(" T")?;
    let mut clock = cursor.clock_of_date()?;
    let behind = cursor.rest().trim_start_matches([' ', '\u{202f}']);
    cursor.half_day(&mut clock);
    // Slashes are American unless the numbers say otherwise, or JavaScript's locales: of those that put a comma behind the
    // date, the American ones write AM or PM.
    let is_american = separator == '/' && (!is_listed || behind.starts_with(['A', 'P']) || second > 12);
    let (month, day) = if is_american && first <= 12 { (first, second) } else { (second, first) };
    let date = (year, month, day);
    let zone = cursor.zone(date, &clock);
    cursor.finish(date, &clock, &zone)
}

// 20261123 08:50:05.123 · 20261123T085005 is no logger's
fn compact(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let date = (cursor.number(4, 4)?, cursor.number(2, 2)?, cursor.number(2, 2)?);
    cursor.one_of(" ")?;
    let clock = cursor.clock()?;
    (2000..2100).contains(&date.0).then(|| cursor.finish(date, &clock, "")).flatten()
}

// 260105/101112.140 · as hapi's loggers print it
fn short_year(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let date = (2000 + cursor.number(2, 2)?, cursor.number(2, 2)?, cursor.number(2, 2)?);
    cursor.one_of("/")?;
    let (hour, minute, second) = (cursor.number(2, 2)?, cursor.number(2, 2)?, cursor.number(2, 2)?);
    cursor.one_of(".")?;
    let from = cursor.at;
    cursor.number(3, 3)?;
    let clock = Clock { hour, minute, second, fraction: &text[from..cursor.at] };
    (hour < 24 && minute < 60 && second < 61).then(|| cursor.finish(date, &clock, "")).flatten()
}

// 26-9-5 20:11:02.3| · as the *arr family prints it: only what follows tells it from other orders
fn short_date(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let year = 2000 + cursor.number(2, 2)?;
    cursor.one_of("-")?;
    let month = cursor.number(1, 2)?;
    cursor.one_of("-")?;
    let day = cursor.number(1, 2)?;
    cursor.one_of(" ")?;
    let clock = cursor.clock()?;
    if cursor.rest().starts_with('|') { cursor.finish((year, month, day), &clock, "") } else { None }
}

// 1767607889131 · milliseconds of this century's first half
fn epoch_millis(text: &str) -> Option<Stamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let ends = text.as_bytes().get(digits).is_none_or(|next| b" ,]|\t".contains(next));
    let millis: i64 = text[..digits].parse().ok().filter(|_| digits == 13 && ends && text.starts_with('1'))?;
    Some(Stamp { value: from_epoch(millis as f64), length: digits })
}

// 08:50:05.123
fn clock_only(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let clock = cursor.clock()?;
    cursor.half_day(&mut Clock { ..clock });
    let _ = cursor.one_of("Z");
    let ended = !cursor.rest().starts_with(|c: char| c.is_alphanumeric() || c == ':');
    ended.then_some(Stamp { value: None, length: cursor.at })
}

// Nov 23 08:50:05 · Nov 23, 2026 08:50:05
fn month_name_first(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let month = month_name(&mut cursor)?;
    cursor.one_of(" ")?;
    let _ = cursor.one_of(" ");
    let day = cursor.number(1, 2)?;
    let _ = cursor.one_of(",");
    cursor.one_of(" ")?;
    let mark = cursor.at;
    if let Some(year) = cursor.number(4, 4)
        && cursor.one_of(" ").is_some()
    {
        let date = (year, month, day);
        let mut clock = cursor.clock()?;
        cursor.half_day(&mut clock);
        let zone = cursor.zone(date, &clock);
        return cursor.finish(date, &clock, &zone);
    }
    cursor.at = mark;
    let mut clock = cursor.clock()?;
    cursor.half_day(&mut clock);
    Some(Stamp { value: None, length: cursor.at })
}

// Mon Nov 23 2026 07:40:00 GMT+0700 · Mon, 23 Nov 2026 07:40:00 GMT · Mon Nov 23 07:40:00.123456 2026
fn weekday_first(text: &str) -> Option<Stamp> {
    let day = text.get(..3)?;
    if !["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&day) {
        return None;
    }
    let mut cursor = Cursor::new(text);
    cursor.at = 3;
    let _ = cursor.one_of(",");
    cursor.one_of(" ")?;
    let (month, day);
    if let Some(number) = cursor.number(1, 2) {
        day = number;
        cursor.one_of(" ")?;
        month = month_name(&mut cursor)?;
    } else {
        month = month_name(&mut cursor)?;
        cursor.one_of(" ")?;
        day = cursor.number(1, 2)?;
    }
    cursor.one_of(" ")?;
    let Some(year) = cursor.number(4, 4) else {
        let clock = cursor.clock()?;
        cursor.one_of(" ")?;
        let date = (cursor.number(4, 4)?, month, day);
        return cursor.finish(date, &clock, "");
    };
    cursor.one_of(" ")?;
    let date = (year, month, day);
    let clock = cursor.clock()?;
    if cursor.rest().starts_with(" GMT+") || cursor.rest().starts_with(" GMT-") {
        cursor.at += 4;
    }
    let zone = cursor.zone(date, &clock);
    let mut found = cursor.finish(date, &clock, &zone)?;
    // JavaScript's own form ends with the zone's name: ` (Coordinated Universal Time)`.
    let named = text[found.length..].strip_prefix(" (").and_then(|rest| rest.split_once(')'));
    if let Some((name, _)) = named.filter(|(name, _)| !zone.is_empty() && name.len() < 60) {
        found.length += name.len() + 3;
    }
    Some(found)
}

fn month_name(cursor: &mut Cursor<'_>) -> Option<u32> {
    let rest = cursor.rest();
    let begins = |name: &str| rest.as_bytes().get(..3).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let english = MONTHS.iter().position(|name| begins(name));
    let ends = !rest.get(3..).unwrap_or("").starts_with(|c: char| c.is_alphabetic() || c == '.');
    if let Some(month) = english.filter(|_| ends) {
        cursor.at += 3;
        return Some(month as u32 + 1);
    }
    // juil. 28 · févr. 28 · janv. 28 · Okt 28
    let word: &str = rest.split(|c: char| !c.is_alphabetic()).next().filter(|word| (3..9).contains(&word.len()))?;
    let behind = rest[word.len()..].strip_prefix('.').unwrap_or(&rest[word.len()..]);
    let day = behind.strip_prefix(' ')?.trim_start_matches(' ');
    if !day.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let word = word.to_lowercase();
    let foreign = || FOREIGN_MONTHS.iter().position(|names| names.split(' ').any(|name| word.starts_with(name)));
    let found = english.or_else(foreign)?;
    cursor.at += rest.len() - behind.len();
    // juin and juillet
    Some(found as u32 + 1 + u32::from(word.starts_with("juil")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_the_last_that_may_be() {
        let latest = jiff::civil::date(2027, 1, 2);
        for (text, expected) in [
            ("Jan  3 10:15:00", Some("2027-01-03T10:15:00")),
            ("Jan  4 10:15:00.5", Some("2026-01-04T10:15:00.5")),
            ("Dec 31 23:59:59", Some("2026-12-31T23:59:59")),
            ("Feb 29 00:00:00", Some("2024-02-29T00:00:00")),
            ("Dez 31 23:59:59", Some("2026-12-31T23:59:59")),
            ("juil. 31 23:59:59", Some("2026-07-31T23:59:59")),
            ("Nov", None),
            ("10:15:00", None),
        ] {
            assert_eq!(in_year(text, latest).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn forms_of_loggers() {
        for (text, value, length) in [
            ("2026-11-23 08:50:05] x", Some("2026-11-23T08:50:05"), 19),
            ("2026-11-23T08:50:05.702006+00:00 x", Some("2026-11-23T08:50:05.702006+00:00"), 32),
            ("2026-11-23 21:51:35,387 [1]", Some("2026-11-23T21:51:35.387"), 23),
            ("2026-11-23 22:03:16.390 +00:00 [INF]", Some("2026-11-23T22:03:16.390+00:00"), 30),
            ("2026-11-23T21:53:41.0581059Z x", Some("2026-11-23T21:53:41.0581059Z"), 28),
            ("23-Nov-2026 08:13:16 UTC] PHP", Some("2026-11-23T08:13:16+00:00"), 24),
            ("23-Nov-2026 08:13:16 America/Bogota] PHP", Some("2026-11-23T08:13:16-05:00"), 35),
            ("Mon Nov 23 2026 07:40:00 GMT+0700 (Western Indonesia Time) x", Some("2026-11-23T07:40:00+07:00"), 58),
            ("23/11/2569 07:40:00 x", Some("2026-11-23T07:40:00"), 19),
            ("20261123 07:40:00.125 x", Some("2026-11-23T07:40:00.125"), 21),
            ("261123/074000.125, x", Some("2026-11-23T07:40:00.125"), 17),
            ("1795394400000 x", Some("2026-11-23T00:40:00.000Z"), 13),
            ("23/Nov/2026:07:40:00 +0700]", Some("2026-11-23T07:40:00+07:00"), 26),
            ("4/21/2015 10:46:47 PM >>", Some("2015-04-21T22:46:47"), 21),
            ("23.11.2026 21:53:35 | x", Some("2026-11-23T21:53:35"), 19),
            ("2017年08月23日 12时44分13秒", Some("2017-08-23T12:44:13"), 33),
            ("Mon Nov 23 2026 07:40:00 GMT+0700 (x)", Some("2026-11-23T07:40:00+07:00"), 37),
            ("Mon Nov 23 07:40:00.123456 2026] [php", Some("2026-11-23T07:40:00.123456"), 31),
            ("Nov 23 08:50:00 host", None, 15),
            ("21:53:17 info", None, 8),
            ("6 Nov 21:53:17 - [error]", None, 14),
            ("Nov 23 08:04:37 AM  x", None, 18),
            ("Okt 28 10:51:17 host", None, 15),
            ("févr. 28 10:51:17 host", None, 18),
            ("juil. 28 10:51:17 host", None, 17),
            ("sept. 28 10:51:17 host", None, 17),
            ("mars 28 10:51:17 host", None, 16),
            ("23/11/2026, 08:50:05 x", Some("2026-11-23T08:50:05"), 20),
            ("05/08/2026, 13:06:51 x", Some("2026-08-05T13:06:51"), 20),
            ("05/08/2026, 1:06:51 PM x", Some("2026-05-08T13:06:51"), 22),
            ("05/08/2026, 1:06:51 pm x", Some("2026-08-05T13:06:51"), 22),
            ("05/08/2026 13:06:51 x", Some("2026-05-08T13:06:51"), 19),
            ("8. 5. 2026 13:06:51 x", Some("2026-05-08T13:06:51"), 19),
            ("8.05.2026. 13:06:51 x", Some("2026-05-08T13:06:51"), 19),
            ("8.5.2026, 13.06.51 x", Some("2026-05-08T13:06:51"), 18),
            ("2026. 5. 8. 오후 1:06:51 x", Some("2026-05-08T13:06:51"), 26),
            ("2026/5/8 下午1:06:51 x", Some("2026-05-08T13:06:51"), 22),
            ("2026-05-08, 1:06:51 p.m. x", Some("2026-05-08T13:06:51"), 24),
            ("2026-05-08 22:30:16:3016 x", Some("2026-05-08T22:30:16"), 24),
            ("2026-05-08 22:30:16:042 x", Some("2026-05-08T22:30:16.042"), 23),
            ("03 Nov, 2026 - 22:28:12:2812 x", Some("2026-11-03T22:28:12"), 28),
        ] {
            let stamp = at_start(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((stamp.value.as_deref(), stamp.length), (value, length), "{text}");
        }
        for text in ["2026 things", "12 monkeys", "Mon ami", "10:5", "may be"] {
            assert_eq!(at_start(text), None, "{text}");
        }
    }
}
