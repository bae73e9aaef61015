//! Single tokens of an inspected value: quoted texts, words, brackets.
//!
//! In: the rest of a line. Out: the token, and its length where it has one. Does not go over lines.

use serde_json::Value;

/// Where the bracket closes that `text` begins with.
// [Object [AxiosHeaders]]
pub(crate) fn matching_bracket(text: &str) -> Option<usize> {
    let mut open = 0usize;
    text.bytes().position(|c| {
        match c {
            b'[' => open += 1,
            b']' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

pub(super) fn scalar(word: &str) -> Value {
    match word {
        "null" | "undefined" | "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match serde_json::from_str(word.strip_suffix('n').unwrap_or(word)) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::String(word.to_owned()),
        },
    }
}

/// A quoted text with its escapes resolved, and its length in the line.
pub(crate) fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((out, at + 1));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some((at, escape)) = chars.next() else { break };
        match escape {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            'x' | 'u' => {
                let digits = if escape == 'x' { 2 } else { 4 };
                let code = text.get(at + 1..at + 1 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        out.push(c);
                        for _ in 0..digits {
                            chars.next();
                        }
                    }
                    None => out.push_str(&text[at - 1..=at]),
                }
            }
            other => out.push(other),
        }
    }
    Some((out, text.len()))
}
