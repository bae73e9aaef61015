//! A message's shape: its words without what varies from one occurrence to the next.
//!
//! In: a message. Out: its first two lines with one mark for each number, id, hash, date, address, path, URL,
//! e-mail address and quoted value, and for each list of these. Invariant: linear time. Does not hash.

/// What stands for anything that varies.
const MARK: char = '#';
/// What may stand between two marks that are one value, or one list: `10.5`, `2026-11-23 08:48`, `1, 2, 3`.
const BETWEEN: &str = " .,:-/+TZ|";
/// A quoted value ends within so many bytes.
const MAX_QUOTED_BYTES: usize = 1000;
/// Letters and digits mixed in one word are an id from this length on.
const MIN_ID_BYTES: usize = 16;
/// Hexadecimal digits are a hash from this length on.
const MIN_HASH_BYTES: usize = 7;

/// The message's shape.
pub(super) fn shape(message: &str) -> String {
    let mut shape = Shape { out: String::new(), gap: String::new(), marked: false };
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()).take(2) {
        shape.line(line);
        shape.text("\n");
    }
    shape.out
}

struct Shape {
    out: String,
    /// What came since the last mark, as long as it may stand between two.
    gap: String,
    marked: bool,
}

impl Shape {
    fn line(&mut self, line: &str) {
        let mut rest = line;
        // Where no closing quote follows, none is looked for again.
        let mut unclosed = [false; 3];
        while let Some(first) = rest.chars().next() {
            if let Some(kind) = "'\"`".find(first) {
                let end = if unclosed[kind] { None } else { closing(&rest[1..], first) };
                match end {
                    Some(end) => {
                        self.quoted(&rest[..end + 2]);
                        rest = &rest[end + 2..];
                    }
                    None => {
                        unclosed[kind] = true;
                        rest = &rest[1..];
                    }
                }
            } else if is_delimiter(first) {
                self.text(&rest[..first.len_utf8()]);
                rest = &rest[first.len_utf8()..];
            } else {
                let end = rest.find(is_delimiter).unwrap_or(rest.len());
                // An apostrophe inside a word quotes nothing.
                self.token(&rest[..end]);
                rest = &rest[end..];
                while let Some(after) = rest.strip_prefix('\'').filter(|after| after.starts_with(char::is_alphanumeric))
                {
                    let end = after.find(is_delimiter).unwrap_or(after.len());
                    self.text(&rest[..=end]);
                    rest = &after[end..];
                }
            }
        }
    }

    /// A quoted value, its quotes included: a sentence and the name of a type are no values.
    fn quoted(&mut self, quoted: &str) {
        let value = &quoted[1..quoted.len() - 1];
        if value.contains(char::is_whitespace) || is_qualified(value) {
            self.text(&quoted[..1]);
            self.line(value);
            self.text(&quoted[..1]);
        } else {
            self.mark();
        }
    }

    /// A run of characters without space, brackets or quotes.
    fn token(&mut self, token: &str) {
        let body = token.trim_end_matches(['.', ':', '!', '?']);
        if is_address(body) || is_path(body) || is_uuid(body) {
            self.mark();
        } else if let Some((key, value)) = body.split_once('=') {
            self.words(key);
            self.text("=");
            if !value.is_empty() {
                self.mark();
            }
        } else {
            self.words(body);
        }
        self.text(&token[body.len()..]);
    }

    fn words(&mut self, token: &str) {
        let mut rest = token;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            if end == 0 {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                self.text(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            if varies(&rest[..end]) {
                self.mark()
            } else {
                self.text(&rest[..end])
            }
            rest = &rest[end..];
        }
    }

    fn mark(&mut self) {
        if !self.marked {
            self.out.push(MARK);
        }
        self.marked = true;
        self.gap.clear();
    }

    fn text(&mut self, text: &str) {
        if self.marked {
            self.gap.push_str(text);
            if self.gap.len() <= 3 && self.gap.chars().all(|c| BETWEEN.contains(c)) {
                return;
            }
            self.marked = false;
            self.out.push_str(&std::mem::take(&mut self.gap));
        } else {
            self.out.push_str(text);
        }
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "()[]{}<>,;'\"`".contains(c)
}

/// Where a quoted value ends: at a quote that no letter follows.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut end = text.len().min(MAX_QUOTED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let ends = text[..end].match_indices(quote).map(|(at, _)| at);
    ends.into_iter().find(|at| !text[at + 1..].starts_with(char::is_alphanumeric))
}

/// `Shop.Baskets.IBasket`, `Shop\\Baskets\\Basket`: names with dots or backslashes, each part beginning with a letter.
fn is_qualified(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || "_`+".contains(c))
    };
    name.contains(['.', '\\']) && name.split(['.', '\\']).all(is_part)
}

/// URLs, e-mail and network addresses.
fn is_address(token: &str) -> bool {
    if token.contains("://") {
        return true;
    }
    if let Some((name, domain)) = token.split_once('@') {
        return !name.is_empty() && domain.contains('.') && !domain.contains(['/', '@']);
    }
    // IPv6; IPv4 is numbers.
    token.matches(':').count() >= 2 && token.bytes().all(|b| b.is_ascii_hexdigit() || b":.%".contains(&b))
}

/// Hexadecimal groups with hyphens.
fn is_uuid(token: &str) -> bool {
    token.len() > MIN_ID_BYTES
        && token.contains('-')
        && token.bytes().any(|byte| byte.is_ascii_digit())
        && token.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Absolute paths and those relative to a dot; a namespace is none.
fn is_path(token: &str) -> bool {
    let bytes = token.as_bytes();
    let rooted =
        token.strip_prefix(['/', '~']).or_else(|| token.strip_prefix("./")).or_else(|| token.strip_prefix("../"));
    let windows = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && b"/\\".contains(&bytes[2]);
    windows || token.starts_with("\\\\") || rooted.is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// Whether a word differs from one occurrence to the next: a number, with or without a unit, a hash, an id.
fn varies(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let leading = word.bytes().take_while(u8::is_ascii_digit).count();
    let unit = &word[leading..];
    let measured = leading > 0
        && ["", "ms", "us", "ns", "s", "m", "h", "d", "kb", "mb", "gb", "b", "k", "x", "th", "px"]
            .iter()
            .any(|known| unit.eq_ignore_ascii_case(known));
    let hex = word.strip_prefix("0x").unwrap_or(word);
    let hash = (hex.len() < word.len() || word.len() >= MIN_HASH_BYTES) && hex.bytes().all(|b| b.is_ascii_hexdigit());
    measured || hash || (word.len() >= MIN_ID_BYTES && word.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn what_varies_is_marked() {
        for (message, expected) in [
            ("Connection refused", "Connection refused\n"),
            ("User 42 not found", "User # not found\n"),
            ("timeout of 3000ms exceeded", "timeout of # exceeded\n"),
            ("took 1.5 s, limit 2,000", "took # s, limit #\n"),
            ("at 2026-11-23 08:48:35.366857+00:00 it broke", "at # it broke\n"),
            ("key 6f1c0d3a-9b1e-4c58-8d55-0f5b6f3e2a11 exists", "key # exists\n"),
            ("commit 9f0c3b2 of deadbeef", "commit # of deadbeef\n"),
            ("getaddrinfo ENOTFOUND db.internal", "getaddrinfo ENOTFOUND db.internal\n"),
            ("connect ECONNREFUSED 10.0.0.7:5432", "connect ECONNREFUSED #\n"),
            ("connect ECONNREFUSED ::1:5432", "connect ECONNREFUSED #\n"),
            ("mail to ann@example.com bounced", "mail to # bounced\n"),
            ("GET https://example.com/a?b=c failed", "GET # failed\n"),
            ("cannot open /srv/data/17.csv: denied", "cannot open #: denied\n"),
            ("cannot open C:\\data\\x.csv", "cannot open #\n"),
            ("Class App\\Models\\User1 is missing", "Class App\\Models\\User1 is missing\n"),
            ("Class \"Basket\" can't load 'x'", "Class # can't load #\n"),
            ("no service for 'Shop.IBasket' of '12.5'", "no service for 'Shop.IBasket' of #\n"),
            ("error 5: 'table 7 is locked'", "error #: 'table # is locked'\n"),
            ("SQLSTATE[HY000] [2002] No such file", "SQLSTATE[HY000] [#] No such file\n"),
            ("insert into t values (1, 'a', 'it''s'), (2, 'b', 'c')", "insert into t values (#), (#)\n"),
            ("user=ann status=500", "user=# status=#\n"),
            ("first\n\n  second 1\nthird", "first\nsecond #\n"),
            ("", ""),
        ] {
            assert_eq!(shape(message), expected, "{message}");
        }
    }

    #[test]
    fn hostile_messages_take_linear_time() {
        for piece in ["'", "\"a", "1,", "a'", "=", "::", "/x", "é'"] {
            let begun = std::time::Instant::now();
            shape(&piece.repeat(400_000));
            assert!(begun.elapsed().as_millis() < 2000, "{piece}: {:?}", begun.elapsed());
        }
    }
}
