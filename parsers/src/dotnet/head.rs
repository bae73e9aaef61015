//! The line that names an exception: its type, code and the beginning of its message.
//!
//! In: one line, or the text behind a separator. Out: a `Head`. Invariant: a type is a dotted or nested name, or ends
//! as exceptions' names do; whether it really is one, the lines behind it decide. Does not read messages of many lines.

/// An exception's type, and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// As spelled.
    pub kind: &'a str,
    /// `0x80131904`, `111`: printed by the `ExternalException` family.
    pub code: Option<&'a str>,
    /// What stands behind the colon on this line.
    pub message: &'a str,
    /// Whether the name alone says that it is an exception.
    pub strong: bool,
}

/// What the runtimes print before an exception that nobody caught, in every translation of the Framework.
const BANNERS: &[&str] = &[
    "Unhandled exception. ",
    "Unhandled Exception: ",
    "Unhandled exception: ",
    "[ERROR] FATAL UNHANDLED EXCEPTION: ",
    "FATAL UNHANDLED EXCEPTION: ",
    "UNHANDLED EXCEPTION: ",
    "android.runtime.JavaProxyThrowable: ",
    "Unbehandelte Ausnahme: ",
    "Unbehandelte Ausnahme. ",
    "Exception non gérée : ",
    "Exception non gérée: ",
    "Excepción no controlada: ",
    "Eccezione non gestita: ",
    "Exceção Sem Tratamento: ",
    "Exceção sem tratamento: ",
    "Необработанное исключение: ",
    "Nieobsłużony wyjątek: ",
    "Neošetřená výjimka: ",
    "Ohanterat undantag: ",
    "未经处理的异常: ",
    "未经处理的异常:  ",
    "未處理的例外狀況: ",
    "ハンドルされていない例外: ",
    "처리되지 않은 예외: ",
];

/// The text behind a runtime's announcement of a crash.
pub(super) fn after_banner(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}');
    let first = line.as_bytes().first()?;
    let behind = |banner: &&str| line.strip_prefix(banner).or((line == banner.trim_end()).then_some(""));
    let mut alike = BANNERS.iter().filter(|banner| banner.as_bytes()[0] == *first);
    let banner = alike.find(|banner| behind(banner).is_some())?;
    // Threads that die together print it one behind the other.
    Some(behind(banner)?.trim_start_matches(banner).trim_start())
}

/// The head at the very beginning of `text`.
pub(super) fn at_start(text: &str) -> Option<Head<'_>> {
    let length = type_length(text)?;
    let kind = &text[..length];
    let strong = is_strong(kind);
    if !strong && !kind.contains(['.', '+']) {
        return None;
    }
    let mut rest = &text[length..];
    let mut code = None;
    if let Some(inner) = rest.strip_prefix(" (")
        && let Some((word, after)) = inner.split_once(')')
        && is_code(word)
    {
        code = Some(word);
        rest = after;
    }
    let message = if let Some(after) = rest.strip_prefix(": ").or_else(|| rest.strip_prefix(" : ")) {
        after
    } else if rest.trim_end() == ":" || rest.trim_end().is_empty() {
        ""
    } else if let Some(after) = rest.strip_prefix(':') {
        // `Type:message` is a loggers' own form; only a name that says so is believed.
        if !strong || after.starts_with(':') {
            return None;
        }
        after
    } else {
        return None;
    };
    if is_label(kind, message) {
        return None;
    }
    Some(Head { kind, code, message, strong })
}

// Exception: System.NullReferenceException: Object reference not set · InnerException: it failed
/// Whether a word that could be a type's name only announces one.
fn is_label(kind: &str, message: &str) -> bool {
    let named = |text: &str| {
        let name = &text[..text.find([':', ' ']).unwrap_or(text.len())];
        is_strong(name) && name.contains('.') && type_length(name) == Some(name.len())
    };
    kind == "InnerException"
        || matches!(kind, "Exception" | "Error" | "LogRecord.Exception") && named(message.trim_start())
}

// Shop.CartException: too full. Shop.CartException Shop.CartException: too full.
/// The head with its message once, where a layout printed type and message before the whole text.
pub(super) fn once(head: Head<'_>) -> Head<'_> {
    let again = head.message.match_indices(head.kind).map(|(at, kind)| at + kind.len()).last();
    let rest = again.and_then(|end| head.message[end..].strip_prefix(": ")).unwrap_or("");
    if rest.is_empty() || !head.message.starts_with(rest.trim_end()) { head } else { Head { message: rest, ..head } }
}

/// The first head inside of `text` whose name says that it is an exception, and where it begins.
pub(super) fn within(text: &str) -> Option<(usize, Head<'_>)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let edge = at == 0 || is_edge(text, at);
        if edge
            && (bytes[at].is_ascii_alphabetic() || bytes[at] >= 0x80 || bytes[at] == b'_')
            && text.is_char_boundary(at)
        {
            let length = type_length(&text[at..]).unwrap_or(0);
            if length > 0 {
                let kind = &text[at..at + length];
                let rest = &text[at + length..];
                if is_strong(kind)
                    && kind.contains('.')
                    && (rest.starts_with(':') || rest.starts_with(" (") || rest.starts_with(" : "))
                    && let Some(head) = at_start(&text[at..])
                {
                    return Some((at, head));
                }
                at += length;
                continue;
            }
        }
        at += 1;
    }
    None
}

// The cart is full: CartException
/// Message and type where a runtime prints the type last, as AWS Lambda's did.
pub(super) fn behind_message(text: &str) -> Option<(&str, &str)> {
    let (message, kind) = text.trim_end().rsplit_once(": ")?;
    (kind.ends_with("Exception") && type_length(kind) == Some(kind.len())).then_some((message, kind))
}

/// Whether what stands before `at` parts words.
fn is_edge(text: &str, at: usize) -> bool {
    match text.as_bytes()[at - 1] {
        b' ' | b'|' | b'\t' | b'(' | b'"' | b'=' | b'>' | b'[' | b';' | b',' | b':' => true,
        // `错误：Shop.CartException: …`
        0x80.. => text.get(..at).is_some_and(|before| before.ends_with(['：', '，', '】', '。', '、'])),
        _ => false,
    }
}

// Exception Info: System.NullReferenceException
/// Where a type stands that is all that follows a label.
pub(super) fn labelled(line: &str) -> Option<usize> {
    let (label, kind) = line.split_once(": ")?;
    let whole = is_strong(kind.trim())
        && kind.contains('.')
        && at_start(kind.trim()).is_some_and(|head| head.message.is_empty());
    (whole && label.len() < 40).then(|| line.len() - kind.trim_start().len())
}

// Harbor.CraneException Crane 7 is gone Void Reserve(Int32)
/// A head whose type, message and method a layout joined with blanks (NLog's `format=Type,Message,Method`).
pub(super) fn joined(text: &str) -> Option<Head<'_>> {
    let (kind, rest) = text.split_once(' ')?;
    if !is_strong(kind) || !kind.contains('.') || type_length(kind) != Some(kind.len()) {
        return None;
    }
    let rest = rest.trim();
    let message = match rest.strip_suffix(')').and_then(|rest| rest.rfind('(')) {
        // `Void Reserve(Int32)`: two words, and the parameters' types.
        Some(open) => {
            let mut words = rest[..open].rsplitn(3, ' ');
            let named = |word: Option<&str>| word.is_some_and(|word| !word.is_empty() && is_method_word(word));
            let (method, returns) = (words.next(), words.next());
            if named(method) && named(returns) { words.next().unwrap_or("") } else { rest }
        }
        None => rest,
    };
    Some(Head { kind, code: None, message, strong: true })
}

fn is_method_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase() || c == '_' || c == '<')
        && word.chars().all(|c| c.is_alphanumeric() || "._`<>[],+".contains(c))
}

/// The length of a type's name: `Shop.Cart+Full`, `` Shop.Error`1[System.Int32] ``, `FSharp.Core.Operators+Failure@7`.
fn type_length(text: &str) -> Option<usize> {
    let mut end = 0;
    let mut brackets = 0i32;
    for (at, c) in text.char_indices().take(600) {
        let part = c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '`' | '@' | '-' | '$');
        let opens = matches!(c, '[' | '<') && at > 0;
        if at == 0 && !(c.is_alphabetic() || c == '_') {
            return None;
        }
        if opens {
            brackets += 1;
        } else if matches!(c, ']' | '>') && brackets > 0 {
            brackets -= 1;
        } else if !(part || brackets > 0 && matches!(c, ',' | ' ' | '=' | '*' | '&')) {
            break;
        }
        end = at + c.len_utf8();
    }
    let name = text[..end].trim_end_matches(['.', '-']);
    let plain = brackets == 0 && !name.is_empty() && !name.contains("..") && !name.contains("--");
    plain.then_some(name.len())
}

/// Whether a type's name ends as exceptions' names do.
pub(super) fn is_strong(kind: &str) -> bool {
    let bare = &kind[..kind.find(['`', '[', '<']).unwrap_or(kind.len())];
    let last = bare.rsplit(['.', '+']).next().unwrap_or(bare);
    last.ends_with("Exception") || (last.ends_with("Error") || last.ends_with("Fault")) && last.len() < bare.len()
}

/// `0x80131904`, `111`, `-2147467259`; `00000005, 0xFFFDFFFF`.
fn is_code(word: &str) -> bool {
    if let Some((first, second)) = word.split_once(", ") {
        return is_code(first) && is_code(second);
    }
    let digits = word.strip_prefix("0x").map(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.unwrap_or_else(|| word.strip_prefix('-').unwrap_or(word).bytes().all(|b| b.is_ascii_digit()))
        && !word.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        for (text, kind, code, message) in [
            ("Shop.CartException: too full", "Shop.CartException", None, "too full"),
            ("Shop.Cart+Full: Full (3)", "Shop.Cart+Full", None, "Full (3)"),
            (
                "System.Data.SqlClient.SqlException (0x80131904): no",
                "System.Data.SqlClient.SqlException",
                Some("0x80131904"),
                "no",
            ),
            ("System.Net.Sockets.SocketException (111): no", "System.Net.Sockets.SocketException", Some("111"), "no"),
            ("System.Exception", "System.Exception", None, ""),
            ("System.Exception : old", "System.Exception", None, "old"),
            ("Shop.Fault`1[System.Int32]: x", "Shop.Fault`1[System.Int32]", None, "x"),
        ] {
            let head = at_start(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((head.kind, head.code, head.message), (kind, code, message), "{text}");
        }
        for text in ["Order 7: gone", "note: this", "", ".. and so on: x", "http://shop: x"] {
            assert!(at_start(text).is_none_or(|head| !head.strong), "{text}");
        }
    }

    #[test]
    fn inside_of_a_line() {
        let (at, head) = within("Row 7 failed: Shop.RowException: cell 3").unwrap();
        assert_eq!((at, head.message), (14, "cell 3"));
        let (_, head) = within("|FATAL|Shop|start Shop.StartException: x ---> y").unwrap();
        assert_eq!(head.kind, "Shop.StartException");
        assert!(within("no exception: here").is_none());
        let head = joined("Shop.RowException cell 3 (b) Void Read(Int32, System.String)").unwrap();
        assert_eq!((head.kind, head.message), ("Shop.RowException", "cell 3 (b)"));
        assert_eq!(joined("Shop.RowException cell (3)").unwrap().message, "cell (3)");
        assert_eq!(labelled("Exception Info: Shop.RowException"), Some(16));
    }
}
