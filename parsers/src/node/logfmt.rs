//! Stacks as escaped texts in a line: logfmt's values, and texts in quotes.
//!
//! In: a line. Out: its fields as an object. Invariant: linear in the line; only lines with an escaped line break
//! before a call are read. Does not look for the error in the fields.

use serde_json::Value;

use super::inspect::quoted;
use crate::json::Object;

/// The fields of a line that holds an escaped trace; a text in quotes without a key is numbered.
// ts=2026-03-04T05:06:07Z level=error msg="order failed" stack="Error: boom\n    at pay (/srv/app/pay.js:3:7)"
pub(crate) fn fields(line: &str) -> Option<Object> {
    if !line.contains("\\n    at ") {
        return None;
    }
    let mut fields = Object::new();
    let mut rest = line;
    while !rest.is_empty() {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let name =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.-@".contains(c)).len();
        let (key, value) = match rest[name..].strip_prefix('=') {
            Some(value) if name > 0 => (rest[..name].to_owned(), value),
            _ if rest.starts_with(['"', '\'', '`']) => (fields.len().to_string(), rest),
            _ => {
                rest = &rest[rest.find(' ').unwrap_or(rest.len())..];
                continue;
            }
        };
        let (text, length) = quoted(value).unwrap_or_else(|| {
            let end = value.find(' ').unwrap_or(value.len());
            (value[..end].to_owned(), end)
        });
        fields.insert(key, Value::String(text));
        rest = value.get(length..).unwrap_or("");
    }
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_line() {
        let found = fields(
            r#"ts=2026-03-04T05:06:07Z level=error msg="it \"broke\"" n=1 stack="Error: x\n    at f (/a.js:1:2)" z=9"#,
        )
        .unwrap();
        assert_eq!(found["level"], "error");
        assert_eq!(found["msg"], "it \"broke\"");
        assert_eq!(found["stack"], "Error: x\n    at f (/a.js:1:2)");
        assert_eq!(found["z"], "9");
        assert_eq!(fields("level=error msg=\"no trace at all\""), None);
        let found = fields(r"job failed: 'Error: x\n    at f (/a.js:1:2)'").unwrap();
        assert!(found.values().any(|value| value == "Error: x\n    at f (/a.js:1:2)"));
    }
}
