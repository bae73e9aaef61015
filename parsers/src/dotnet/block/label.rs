//! The labels of in-house blocks: `Exception Type:`, `Mensaje:`, `【异常信息】：`.
//!
//! In: one line. Out: what its label names, and the value behind it. Invariant: a label is known by its words, in the
//! languages that .NET is translated to, or by a value that is a time. Does not know the lines around.

use super::super::head;
use crate::time;

/// What a label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Kind,
    Message,
    /// `Exception:`, `Error:` before what is no type.
    Exception,
    Stack,
    /// `Inner exception:` alone.
    Inner,
    Time,
    Other,
}

/// A label and what stands behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'a> {
    pub field: Field,
    /// Whether it says that it is of a cause.
    pub inner: bool,
    /// As spelled.
    pub name: &'a str,
    pub value: &'a str,
}

/// Bytes of a label; longer text before a colon is prose.
const MAX_BYTES: usize = 64;

const KINDS: &[&str] = &[
    "type",
    "name",
    "class",
    "typename",
    "fullname",
    "typ",
    "ausnahmetyp",
    "fehlertyp",
    "tipo",
    "tipodeexcepción",
    "tipoeccezione",
    "tipodeexceção",
    "typed",
    "typede",
    "тип",
    "типисключения",
    "типошибки",
    "typwyjątku",
    "tür",
    "hatatürü",
    "异常类型",
    "错误类型",
    "類型",
    "例外類型",
    "例外の種類",
    "예외유형",
];

const MESSAGES: &[&str] = &[
    "message",
    "msg",
    "description",
    "mensaje",
    "mensajede",
    "descripción",
    "mensagem",
    "mensagemdeerro",
    "mensagemde",
    "descrição",
    "messaggio",
    "messaggiodi",
    "messaggiodierrore",
    "descrizione",
    "meldung",
    "nachricht",
    "fehlermeldung",
    "fehler",
    "beschreibung",
    "messagederreur",
    "erreur",
    "сообщение",
    "сообщениеобошибке",
    "ошибка",
    "описание",
    "исключение",
    "komunikat",
    "wiadomość",
    "błąd",
    "opis",
    "mesaj",
    "hata",
    "hatamesajı",
    "açıklama",
    "foutmelding",
    "melding",
    "bericht",
    "fout",
    "felmeddelande",
    "meddelande",
    "fel",
    "fejl",
    "besked",
    "zpráva",
    "chyba",
    "съобщение",
    "грешка",
    "异常信息",
    "异常消息",
    "错误信息",
    "错误消息",
    "出错信息",
    "异常描述",
    "错误描述",
    "异常内容",
    "错误内容",
    "消息",
    "訊息",
    "錯誤訊息",
    "例外訊息",
    "メッセージ",
    "エラーメッセージ",
    "例外メッセージ",
    "エラー内容",
    "메시지",
    "오류메시지",
    "예외메시지",
];

const STACKS: &[&str] = &[
    "stacktrace",
    "stack",
    "trace",
    "callstack",
    "stapelüberwachung",
    "stapelverfolgung",
    "aufrufliste",
    "traza",
    "trazadelapila",
    "pila",
    "pilha",
    "rastreamentodepilha",
    "tracedelapile",
    "pile",
    "piledappels",
    "стек",
    "стеквызовов",
    "трассировка",
    "трассировкастека",
    "śladstosu",
    "stoswywołań",
    "yığınizleme",
    "堆栈",
    "堆栈信息",
    "堆栈跟踪",
    "堆栈调用",
    "调用堆栈",
    "异常堆栈",
    "错误堆栈",
    "堆疊",
    "堆疊追蹤",
    "呼叫堆疊",
    "スタックトレース",
    "スタック",
    "스택",
    "스택추적",
    "호출스택",
];

const OTHERS: &[&str] = &[
    "source",
    "targetsite",
    "method",
    "helplink",
    "hresult",
    "data",
    "code",
    "assembly",
    "quelle",
    "origen",
    "fuente",
    "origem",
    "fonte",
    "источник",
    "метод",
    "kaynak",
    "异常对象",
    "异常方法",
    "触发方法",
    "异常源",
    "错误源",
    "出错类",
    "url",
    "page",
    "path",
    "user",
    "username",
    "ip",
    "machine",
    "machinename",
    "lineno",
    "linenumber",
    "number",
    "procedure",
    "server",
    "state",
    "paramname",
    "line",
];

/// What words before another say that a cause's is meant.
const INNER: &[&str] = &["inner", "innere", "nested", "内部", "內部", "内层"];

// Exception Type: Shop.CartException · StackTrace:    at … · InnerException: (none) · 【异常信息】：未将对象引用…
// Message=Too full
/// The label that a line begins with.
pub(super) fn label(text: &str) -> Option<Label<'_>> {
    let text = text.trim().trim_start_matches(['*', '-', '#', '>']).trim_start();
    let end = sign(text)?;
    let (name, rest) = text.split_at(end);
    let sign = rest.chars().next()?;
    let value = &rest[sign.len_utf8()..];
    let name = name.trim().trim_start_matches(['【', '[']).trim_end_matches(['】', ']']).trim_end();
    if name.is_empty() || name.len() > MAX_BYTES {
        return None;
    }
    let apart = value.is_empty() || sign == '：' || value.starts_with([' ', '\t']);
    let value = value.trim();
    let (field, inner) = named(name, value)
        .filter(|(field, _)| apart || believed_unspaced(*field, value) || sign == '=' && is_property(name))
        .or_else(|| (sign != '=' && is_time(value) && name.chars().all(is_letter)).then_some((Field::Time, false)))?;
    Some(Label { field, inner, name, value })
}

/// Where the first `:`, `：` or `=` stands.
fn sign(text: &str) -> Option<usize> {
    let mut signs = memchr::memchr3_iter(b':', b'=', "：".as_bytes()[0], text.as_bytes());
    signs.find(|at| text.is_char_boundary(*at) && text[*at..].starts_with([':', '：', '=']))
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == ' ' || c == '/'
}

/// `Message:Too full`, `Message=Too full`: `Url:`, `Data=` and the like are no labels without a blank.
fn believed_unspaced(field: Field, value: &str) -> bool {
    matches!(field, Field::Kind | Field::Message | Field::Stack) && !value.starts_with([':', '/', '\\', '='])
}

// HResult=-2146233088 · Source=Shop · Class=14
/// Whether Visual Studio prints a property of this name between an exception's message and its stack.
fn is_property(name: &str) -> bool {
    ["HResult", "Source", "ErrorCode", "LineNumber", "Number", "Procedure", "Server", "State", "ParamName"]
        .contains(&name)
}

fn is_time(value: &str) -> bool {
    value.len() >= 8 && time::at_start(value).is_some_and(|stamp| value[stamp.length..].trim().len() < 12)
}

/// What a label's words name, and whether of a cause.
fn named(name: &str, value: &str) -> Option<(Field, bool)> {
    let key: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (inner, key) = match INNER.iter().find_map(|word| key.strip_prefix(word)) {
        Some(rest) => (true, rest.to_owned()),
        None => (false, key),
    };
    if matches!(key.as_str(), "exception" | "error" | "异常" | "例外") || inner && key.is_empty() {
        let field = match head::at_start(value) {
            Some(head) if head.strong => Field::Kind,
            _ if inner && value.is_empty() => Field::Inner,
            _ => Field::Exception,
        };
        return Some((field, inner));
    }
    let bare = key.replace("exception", "").replace("error", "");
    let holds = |words: &[&str]| words.contains(&key.as_str()) || words.contains(&bare.as_str());
    let field = match () {
        () if bare.is_empty() => return None,
        () if holds(KINDS) => Field::Kind,
        () if holds(MESSAGES) => Field::Message,
        () if holds(STACKS) => Field::Stack,
        () if holds(OTHERS) => Field::Other,
        () => return None,
    };
    Some((field, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for (line, field, inner, value) in [
            ("Exception Type    : Shop.CartException", Field::Kind, false, "Shop.CartException"),
            ("Inner Exception Type: Shop.StockException", Field::Kind, true, "Shop.StockException"),
            ("Inner Exception: none left", Field::Exception, true, "none left"),
            ("InnerException:", Field::Inner, true, ""),
            ("Exception: too full", Field::Exception, false, "too full"),
            ("Mensaje: lleno", Field::Message, false, "lleno"),
            ("Fehlermeldung: voll", Field::Message, false, "voll"),
            ("【异常信息】：太满", Field::Message, false, "太满"),
            ("【堆栈调用】：   在 Shop.Cart.Add()", Field::Stack, false, "在 Shop.Cart.Add()"),
            ("Stack Trace: ", Field::Stack, false, ""),
            ("Дата/час: 2026-01-08 18:13:24", Field::Time, false, "2026-01-08 18:13:24"),
            ("Fecha: 17/11/2026 17:46:30", Field::Time, false, "17/11/2026 17:46:30"),
            ("Message=Too full", Field::Message, false, "Too full"),
        ] {
            let label = label(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((label.field, label.inner, label.value), (field, inner, value), "{line}");
        }
        for line in ["Url:http://x", "std::message::x", "it said: no", "Data Source=db;", "Order 7: 10:30"] {
            assert!(label(line).is_none(), "{line}");
        }
    }
}
