//! The engine's own messages: their types, and where they begin in a text that says neither.
//!
//! In: an error's message, or a line that holds one. Out: the type, or the place. Invariant: linear in the text; only
//! words that V8 and Node print themselves are known. Does not read heads.

/// What the engine's messages begin with, and the type that it throws them with.
const BEGINNINGS: [(&str, &str); 24] = [
    ("Cannot read propert", "TypeError"),
    ("Cannot set propert", "TypeError"),
    ("Cannot destructure property ", "TypeError"),
    ("Cannot convert undefined or null to object", "TypeError"),
    ("Assignment to constant variable.", "TypeError"),
    ("Class constructor ", "TypeError"),
    ("Converting circular structure to JSON", "TypeError"),
    ("Reduce of empty array with no initial value", "TypeError"),
    ("Invalid URL", "TypeError"),
    ("fetch failed", "TypeError"),
    ("Cannot access '", "ReferenceError"),
    ("Maximum call stack size exceeded", "RangeError"),
    ("Invalid array length", "RangeError"),
    ("Invalid time value", "RangeError"),
    ("Invalid string length", "RangeError"),
    ("URI malformed", "URIError"),
    ("Unexpected token ", "SyntaxError"),
    ("Unexpected end of JSON input", "SyntaxError"),
    ("Expected property name or ", "SyntaxError"),
    ("Request failed with status code ", "AxiosError"),
    ("Cannot find module '", "Error"),
    ("connect E", "Error"),
    ("getaddrinfo E", "Error"),
    ("socket hang up", "Error"),
];
/// What they end with, behind one expression.
const ENDINGS: [(&str, &str); 4] = [
    (" is not a function", "TypeError"),
    (" is not iterable", "TypeError"),
    (" is not a constructor", "TypeError"),
    (" is not defined", "ReferenceError"),
];

/// The type of an error of which only the message is told.
// Cannot read properties of undefined (reading 'total') · cart.total is not a function
pub(super) fn kind_of(message: &str) -> &'static str {
    let line = message.lines().next().unwrap_or("");
    let begins = BEGINNINGS.iter().find(|(words, _)| line.starts_with(words));
    let ends = || ENDINGS.iter().find(|(words, _)| line.strip_suffix(words).is_some_and(is_expression));
    begins.or_else(ends).map_or("Error", |(_, kind)| kind)
}

/// Where the engine's message begins in a line that says other words before it.
// sync failed Cannot read properties of undefined (reading 'total')
pub(super) fn begins_at(line: &str) -> Option<usize> {
    let starts_word = |at: &usize| line[..*at].ends_with(' ');
    BEGINNINGS.iter().filter_map(|(words, _)| line.find(words).filter(starts_word)).min()
}

fn is_expression(text: &str) -> bool {
    !text.is_empty() && (!text.contains(' ') || text.starts_with('(')) && !text.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_messages() {
        for (message, kind) in [
            ("Cannot read properties of undefined (reading 'total')", "TypeError"),
            ("cart.total is not a function", "TypeError"),
            ("total is not defined", "ReferenceError"),
            ("the total is not defined", "Error"),
            ("Unexpected token < in JSON at position 0", "SyntaxError"),
            ("no stock", "Error"),
        ] {
            assert_eq!(kind_of(message), kind, "{message}");
        }
        assert_eq!(begins_at("sync failed Cannot read properties of null"), Some(12));
        assert_eq!(begins_at("Cannot read properties of null"), None);
    }
}
