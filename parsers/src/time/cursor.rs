//! The parts of a time, read one behind the other: numbers, separators, clocks with their halves of a day, zones.
//!
//! In: a text, and how far it was read. Out: parts, and at the end a `Stamp`. Invariant: what is no time is not taken. Does
//! not know in which order a date's parts stand.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Stamp;

/// The halves of the day before a clock, and whether it is the second: Chinese, Japanese, Korean, and English in Hong Kong.
const HALVES_BEFORE: [(&str, bool); 8] = [
    ("上午", false),
    ("下午", true),
    ("午前", false),
    ("午後", true),
    ("오전", false),
    ("오후", true),
    ("AM ", false),
    ("PM ", true),
];

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

/// A cursor over the digits and separators of a time.
pub(super) struct Cursor<'a> {
    text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Between `min` and `max` digits.
    pub(super) fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.rest().bytes().take(max).take_while(u8::is_ascii_digit).count();
        let value = self.rest()[..digits].parse().ok().filter(|_| digits >= min)?;
        self.at += digits;
        Some(value)
    }

    pub(super) fn one_of(&mut self, set: &str) -> Option<char> {
        let c = self.rest().chars().next().filter(|c| set.contains(*c))?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// `hh:mm:ss` with an optional fraction, which is kept as printed.
    pub(super) fn clock(&mut self) -> Option<Clock<'a>> {
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
            } else {
                fraction = self.colon_fraction(minute, second);
            }
        } else {
            self.at = mark;
        }
        (hour < 24 && minute < 60 && second < 61).then_some(Clock { hour, minute, second, fraction })
    }

    /// What stands behind a third colon: milliseconds, or minute and second again, as the pattern `ss:ms` prints them.
    // 08:50:05:123 · 08:50:05:505
    pub(super) fn colon_fraction(&mut self, minute: u32, second: u32) -> &'a str {
        let rest = self.rest();
        let Some(behind) = rest.strip_prefix(':') else { return "" };
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let told = &behind[..digits];
        if !(1..=4).contains(&digits) || behind[digits..].starts_with([':', '.']) {
            return "";
        }
        let split = told.len().saturating_sub(if second < 10 { 1 } else { 2 });
        let is_again = told[..split].parse() == Ok(minute) && told[split..].parse() == Ok(second);
        if !is_again && digits != 3 {
            return "";
        }
        self.at += 1 + digits;
        if is_again { "" } else { told }
    }

    /// The blank that some locales put behind a date's dots.
    pub(super) fn dot_blank(&mut self, separator: char) {
        if separator == '.' {
            let _ = self.one_of(" ");
        }
    }

    /// A clock behind a date: with its half of the day in front, as in East Asia, or with dots, as in Italy and Finland.
    // 오후 8:50:05 · 下午8:50:05 · PM 8:50:05 · 8.50.05
    pub(super) fn clock_of_date(&mut self) -> Option<Clock<'a>> {
        let mark = self.at;
        let rest = self.rest();
        let text = rest.trim_start_matches([' ', '\u{2009}', '\u{202f}']);
        if let Some((word, afternoon)) = HALVES_BEFORE.iter().find(|(word, _)| text.starts_with(word)) {
            self.at += rest.len() - text[word.len()..].trim_start().len();
            let mut clock = self.clock()?;
            clock.put_into_half(*afternoon);
            return Some(clock);
        }
        if let Some(clock) = self.clock() {
            return Some(clock);
        }
        self.at = mark;
        let hour = self.number(1, 2)?;
        self.one_of(".")?;
        let minute = self.number(2, 2)?;
        self.one_of(".")?;
        let second = self.number(2, 2)?;
        let ended = !self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.');
        (ended && hour < 24 && minute < 60 && second < 61).then_some(Clock { hour, minute, second, fraction: "" })
    }

    /// `AM` or `PM`, behind a blank or not.
    pub(super) fn half_day(&mut self, clock: &mut Clock<'_>) {
        if self.rest().starts_with(' ')
            && let Some((word, afternoon)) = HALVES_BEHIND.iter().find(|(word, _)| self.rest()[1..].starts_with(word))
        {
            self.at += 1 + word.len();
            clock.put_into_half(*afternoon);
            return;
        }
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\u{202f}', '\u{a0}']);
        // Canada's `p.m.`
        let dotted = trimmed.get(..4).filter(|word| word.ends_with(".m."));
        let length = dotted.map_or(2, str::len);
        let Some((word, after)) = trimmed.split_at_checked(length) else { return };
        // A zone's name may begin so: `America/Bogota`.
        if after.starts_with(char::is_alphanumeric) {
            return;
        }
        let afternoon = word.eq_ignore_ascii_case("pm") || word == "p.m.";
        if afternoon || word.eq_ignore_ascii_case("am") || word == "a.m." {
            self.at += rest.len() - trimmed.len() + length;
            clock.put_into_half(afternoon);
        }
    }

    /// `Z`, `+07:00`, `+0700`, `+07`, ` UTC`, ` America/Bogota`; as an RFC 3339 offset.
    pub(super) fn zone(&mut self, date: (u32, u32, u32), clock: &Clock<'_>) -> String {
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

    pub(super) fn finish(self, date: (u32, u32, u32), clock: &Clock<'_>, zone: &str) -> Option<Stamp> {
        let (year, month, day) = date;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1900..2600).contains(&year) {
            return None;
        }
        let Clock { hour, minute, second, fraction } = clock;
        let mut value = String::with_capacity(RFC3339_BYTES);
        // Thai dates count from the Buddha's death.
        push_digits(&mut value, if year >= 2500 { year - 543 } else { year }, 4);
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

pub(super) struct Clock<'a> {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) fraction: &'a str,
}

impl Clock<'_> {
    /// The hours of a half of the day are told from 12 over 1 to 11.
    fn put_into_half(&mut self, afternoon: bool) {
        self.hour = self.hour % 12 + if afternoon { 12 } else { 0 };
    }
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
