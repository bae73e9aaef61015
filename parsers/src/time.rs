//! Timestamps as loggers print them.
//!
//! In: text that may begin with a time. Out: the time in RFC 3339's form, and how much of the text it was.
//! Invariant: an offset is given only when the text (or its zone's name) gives one; nothing is guessed.
//! Does not know the current time: a time without a year or a date is recognised, but has no value.

use std::cell::RefCell;
use std::collections::VecDeque;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A time at the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// RFC 3339, without an offset where the text has none; none where year or date are missing.
    pub value: Option<String>,
    /// Bytes of the text that it takes.
    pub length: usize,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The halves of the day before a clock, and whether it is the second: Chinese, Japanese, Korean.
const HALVES_BEFORE: [(&str, bool); 6] =
    [("上午", false), ("下午", true), ("午前", false), ("午後", true), ("오전", false), ("오후", true)];

/// Behind a clock: Spanish, Greek, Vietnamese.
const HALVES_BEHIND: [(&str, bool); 10] = [
    ("a. m.", false),
    ("p. m.", true),
    ("a.m.", false),
    ("p.m.", true),
    ("a.\u{a0}m.", false),
    ("p.\u{a0}m.", true),
    ("πμ", false),
    ("μμ", true),
    ("SA", false),
    ("CH", true),
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
    let blanks = text.get(3..)?.len() - text.get(3..)?.trim_start().len();
    let digits = text[3 + blanks..].bytes().take_while(u8::is_ascii_digit).count();
    let (day, clock) = text.split_at(3 + blanks + digits);
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
    let millis = if number.abs() > 1e11 { number } else { number * 1000.0 };
    let stamp = jiff::Timestamp::from_millisecond(millis.round() as i64).ok()?;
    Some(format!("{stamp:.3}"))
}

/// Microseconds since the epoch, as RFC 3339 in UTC.
pub(crate) fn from_epoch_micros(number: i64) -> Option<String> {
    let stamp = jiff::Timestamp::from_microsecond(number).ok()?;
    Some(format!("{stamp:.6}"))
}

/// A cursor over the digits and separators of a time.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Between `min` and `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.rest().bytes().take(max).take_while(u8::is_ascii_digit).count();
        let value = self.rest()[..digits].parse().ok().filter(|_| digits >= min)?;
        self.at += digits;
        Some(value)
    }

    fn one_of(&mut self, set: &str) -> Option<char> {
        let c = self.rest().chars().next().filter(|c| set.contains(*c))?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// `hh:mm:ss` with an optional fraction, which is kept as printed.
    fn clock(&mut self) -> Option<Clock<'a>> {
        let hour = self.number(1, 2)?;
        self.one_of(":")?;
        let minute = self.number(2, 2)?;
        let mut second = 0;
        let mut fraction = "";
        let mark = self.at;
        if self.one_of(":").is_some() {
            second = self.number(2, 2)?;
            let mark = self.at;
            if self.one_of(".,").is_some() {
                let from = self.at;
                let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    self.at = mark;
                } else {
                    self.at += digits;
                    fraction = &self.text[from..self.at];
                }
            }
        } else {
            self.at = mark;
        }
        (hour < 24 && minute < 60 && second < 61).then_some(Clock { hour, minute, second, fraction })
    }

    /// A clock behind a date: with its half of the day in front, as in East Asia, or with dots, as in Italy and Finland.
    fn clock_of_date(&mut self) -> Option<Clock<'a>> {
        let mark = self.at;
        if let Some((word, afternoon)) = HALVES_BEFORE.iter().find(|(word, _)| self.rest().starts_with(word)) {
            self.at += word.len();
            let _ = self.one_of(" ");
            let mut clock = self.clock()?;
            clock.hour = clock.hour % 12 + if *afternoon { 12 } else { 0 };
            return Some(clock);
        }
        if let Some(clock) = self.clock() {
            return Some(clock);
        }
        self.at = mark;
        let hour = self.number(2, 2)?;
        self.one_of(".")?;
        let minute = self.number(2, 2)?;
        self.one_of(".")?;
        let second = self.number(2, 2)?;
        let ended = !self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.');
        (ended && hour < 24 && minute < 60 && second < 61).then_some(Clock { hour, minute, second, fraction: "" })
    }

    /// `AM` or `PM`, behind a blank or not.
    fn half_day(&mut self, clock: &mut Clock<'_>) {
        if self.rest().starts_with(' ')
            && let Some((word, afternoon)) = HALVES_BEHIND.iter().find(|(word, _)| self.rest()[1..].starts_with(word))
        {
            self.at += 1 + word.len();
            clock.hour = clock.hour % 12 + if *afternoon { 12 } else { 0 };
            return;
        }
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\u{202f}', '\u{a0}']);
        let Some((word, after)) = trimmed.split_at_checked(2) else { return };
        // A zone's name may begin so: `America/Bogota`.
        if after.starts_with(char::is_alphanumeric) {
            return;
        }
        let afternoon = word.eq_ignore_ascii_case("pm");
        if afternoon || word.eq_ignore_ascii_case("am") {
            self.at += rest.len() - trimmed.len() + 2;
            clock.hour = clock.hour % 12 + if afternoon { 12 } else { 0 };
        }
    }

    /// `Z`, `+07:00`, `+0700`, `+07`, ` UTC`, ` America/Bogota`; as an RFC 3339 offset.
    fn zone(&mut self, date: (u32, u32, u32), clock: &Clock<'_>) -> String {
        let mark = self.at;
        let _ = self.one_of(" ");
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix('Z').filter(|after| !after.starts_with(|c: char| c.is_alphanumeric())) {
            self.at = self.text.len() - after.len();
            return "Z".to_owned();
        }
        if let Some(sign) = self.one_of("+-") {
            if let Some(hours) = self.number(2, 2) {
                let colon = self.one_of(":").is_some();
                let minutes = self.number(2, 2);
                if minutes.is_some() || !colon {
                    let mut offset = String::from(sign);
                    push_digits(&mut offset, hours, 2);
                    offset.push(':');
                    push_digits(&mut offset, minutes.unwrap_or(0), 2);
                    return offset;
                }
            }
        } else if self.at > mark {
            let word = rest.split(|c: char| !(c.is_ascii_alphanumeric() || "/_+-".contains(c))).next().unwrap_or("");
            if matches!(word, "UTC" | "GMT" | "Z") {
                self.at += word.len();
                return "+00:00".to_owned();
            }
            if word.contains('/')
                && word.starts_with(|c: char| c.is_ascii_uppercase())
                && let Some(offset) = named_offset(word, date, clock)
            {
                self.at += word.len();
                return offset;
            }
        }
        self.at = mark;
        String::new()
    }

    fn finish(self, date: (u32, u32, u32), clock: &Clock<'_>, zone: &str) -> Option<Stamp> {
        let (year, month, day) = date;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1900..2600).contains(&year) {
            return None;
        }
        let Clock { hour, minute, second, fraction } = clock;
        let mut value = String::with_capacity(RFC3339_BYTES);
        push_digits(&mut value, year, 4);
        for (mark, number) in [('-', month), ('-', day), ('T', *hour), (':', *minute), (':', *second)] {
            value.push(mark);
            push_digits(&mut value, number, 2);
        }
        if !fraction.is_empty() {
            value.push('.');
        }
        value.push_str(fraction);
        value.push_str(zone);
        Some(Stamp { value: Some(value), length: self.at })
    }
}

/// `2026-11-23T21:53:02.142257404+07:00`
const RFC3339_BYTES: usize = 35;

/// A number with leading zeros; cheaper than `format!`, and times are read for very many lines.
fn push_digits(out: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(char::from(b'0' + (number / 10u32.pow(place) % 10) as u8));
    }
}

struct Clock<'a> {
    hour: u32,
    minute: u32,
    second: u32,
    fraction: &'a str,
}

fn named_offset(zone: &str, (year, month, day): (u32, u32, u32), clock: &Clock<'_>) -> Option<String> {
    let zone = TimeZone::get(zone).ok()?;
    let small = |n: u32| i8::try_from(n).ok();
    let local = DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(clock.hour)?,
        small(clock.minute)?,
        small(clock.second.min(59))?,
        0,
    )
    .ok()?;
    let seconds = zone.to_ambiguous_timestamp(local).compatible().ok().map(|stamp| zone.to_offset(stamp).seconds())?;
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

// 2026-11-23 08:50:05 · 2026-11-23T08:50:05.702006+00:00 · 2026/11/23 08:50:05 · 2026-11-23 21:51:35,387 · 2026:11:23 08:50:05
fn year_first(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let year = cursor.number(4, 4)?;
    let separator = cursor.one_of("-/.:")?;
    let month = cursor.number(1, 2)?;
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    let day = cursor.number(1, 2)?;
    let date = (year, month, day);
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

// 23-Nov-2026 08:13:16 UTC · 23/Nov/2026:07:40:00 +0700 · 23 Nov 2026, 07:40:00
fn day_month_name(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let day = cursor.number(1, 2)?;
    let separator = cursor.one_of("-/ ")?;
    let month = month_name(&mut cursor)?;
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    let year = cursor.number(4, 4)?;
    let _ = cursor.one_of(",");
    cursor.one_of(": T")?;
    let date = (year, month, day);
    let mut clock = cursor.clock()?;
    cursor.half_day(&mut clock);
    let zone = cursor.zone(date, &clock);
    cursor.finish(date, &clock, &zone)
}

// 4/21/2015 10:46:47 AM · 23.11.2026 21:53:35 · 11/23/2026, 10:00:00 AM · 23-11-2026 21:53:35
fn day_month_year(text: &str) -> Option<Stamp> {
    let mut cursor = Cursor::new(text);
    let first = cursor.number(1, 2)?;
    let separator = cursor.one_of("/.-")?;
    let second = cursor.number(1, 2)?;
    cursor.one_of(separator.encode_utf8(&mut [0; 4]))?;
    let year = cursor.number(4, 4)?;
    let _ = cursor.one_of(",");
    cursor.one_of(" T")?;
    let mut clock = cursor.clock_of_date()?;
    cursor.half_day(&mut clock);
    // Slashes are American unless the numbers say otherwise.
    let (month, day) = if separator == '/' && first <= 12 { (first, second) } else { (second, first) };
    let date = (year, month, day);
    let zone = cursor.zone(date, &clock);
    cursor.finish(date, &clock, &zone)
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
    cursor.clock()?;
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
    let word = cursor.rest().get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == word)? as u32 + 1;
    cursor.at += 3;
    Some(month)
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
        ] {
            let stamp = at_start(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((stamp.value.as_deref(), stamp.length), (value, length), "{text}");
        }
        for text in ["2026 things", "12 monkeys", "Mon ami", "10:5", "may be"] {
            assert_eq!(at_start(text), None, "{text}");
        }
    }
}
