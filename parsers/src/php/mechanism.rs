//! Who logged a PHP exception, as far as the text tells: the evidence that the policy judges.
//!
//! In: a record with its message, and the keys of its context. Out: its mechanism. Invariant: a name stands in
//! `MECHANISMS`. Does not judge whether to send.

use crate::record::{Exception, Level, Record};

/// The names of mechanisms in PHP's records, and what each says of being handled.
///
/// | name | who printed it | handled |
/// |---|---|---|
/// | `php.uncaught` | PHP's last resort: `Uncaught …` | no |
/// | `php.fatal` | a fatal error that is no exception: memory, time, parse; Laravel's and Symfony's `FatalError` of one | no |
/// | `php.error_log` | the exception's own text, given to `error_log()` or printed | yes |
/// | `laravel.handler` | the exception handler, or an application that logged the exception's own message beside other keys | no, or unknown |
/// | `laravel.queue` | the same inside a queue worker's job | no, or unknown |
/// | `laravel.schedule` | the same inside a scheduled task | no, or unknown |
/// | `laravel.console` | the same inside an artisan command | no, or unknown |
/// | `laravel.log` | the application, with words of its own | yes |
/// | `symfony.uncaught` | Symfony's error listener: `Uncaught PHP Exception …` | no |
/// | `symfony.console` | Symfony's console listener | no |
/// | `symfony.messenger` | Symfony's message bus | no |
/// | `monolog.error_handler` | Monolog's own error handler: `Uncaught Exception …`, `Fatal Error (E_ERROR): …` | no |
/// | `monolog.log` | the application, with words of its own | yes |
/// | `monolog.exception` | an application that logged the exception's own message | unknown |
pub(crate) const MECHANISMS: [&str; 14] = [
    "php.uncaught",
    "php.fatal",
    "php.error_log",
    "laravel.handler",
    "laravel.queue",
    "laravel.schedule",
    "laravel.console",
    "laravel.log",
    "symfony.uncaught",
    "symfony.console",
    "symfony.messenger",
    "monolog.error_handler",
    "monolog.log",
    "monolog.exception",
];

/// Keys that Laravel's exception handler, its context and request processors put beside the exception.
const HANDLER_KEYS: [&str; 16] = [
    "exception",
    "userId",
    "email",
    "url",
    "method",
    "ip",
    "user_agent",
    "userAgent",
    "route",
    "request_id",
    "trace_id",
    "http_method",
    "referrer",
    "server",
    "input",
    "uid",
];

/// Symfony's listeners' words, and the mechanism each tells.
const SYMFONY: [(&str, &str); 9] = [
    ("Uncaught PHP Exception ", "symfony.uncaught"),
    ("Error thrown while running command ", "symfony.console"),
    ("Error thrown while handling message ", "symfony.messenger"),
    ("Error while handling message ", "symfony.messenger"),
    ("Exception thrown when handling an exception ", "symfony.uncaught"),
    ("Uncaught Exception: ", "symfony.uncaught"),
    ("Uncaught Error: ", "symfony.uncaught"),
    ("Fatal Error: ", "symfony.uncaught"),
    ("Fatal Compile Error: ", "symfony.uncaught"),
];

/// Finds the mechanism of a record that Monolog wrote. `laravel` says whose header it is, `keys` its context's.
pub(super) fn of_monolog(record: &mut Record, laravel: bool, keys: &[&str]) {
    let message = record.message.as_deref().unwrap_or("");
    let Some(outer) = record.exceptions.first() else { return };
    if let Some((_, kind)) = SYMFONY.iter().find(|(words, _)| message.starts_with(words))
        && (record.level >= Some(Level::Error) || record.level.is_none())
    {
        return record.found_by(kind, Some(false));
    }
    if is_error_handler(message) {
        return record.found_by("monolog.error_handler", Some(false));
    }
    if !same_message(message, outer) {
        return record.found_by(if laravel { "laravel.log" } else { "monolog.log" }, Some(true));
    }
    if !laravel {
        return record.found_by("monolog.exception", None);
    }
    if is_fatal(&outer.kind) {
        return record.found_by("php.fatal", Some(false));
    }
    let kind = place_of(outer);
    let handler = keys.contains(&"exception") && keys.iter().all(|key| HANDLER_KEYS.contains(key));
    record.found_by(kind, handler.then_some(false));
}

/// Whether an entry tells of a deprecation: an `ErrorException` that nobody threw, made to be logged.
pub(super) fn is_deprecation(record: &Record) -> bool {
    let message = record.message.as_deref().unwrap_or("");
    let Some(outer) = record.exceptions.first() else { return false };
    outer.kind == "ErrorException"
        && record.level < Some(Level::Error)
        && record.level.is_some()
        && (message.starts_with("ErrorException: ")
            || [message, outer.message.as_str()]
                .iter()
                .any(|text| text.contains("Deprecated: ") || text.contains("deprecated")))
}

// Uncaught Exception RuntimeException: "no stock" at /srv/a.php line 3
// Fatal Error (E_ERROR): Allowed memory size of 134217728 bytes exhausted
fn is_error_handler(message: &str) -> bool {
    message.starts_with("Uncaught Exception ") || message.starts_with("Fatal Error (E_")
}

/// Whether the entry's message is the exception's own; a formatter may have made its line breaks blanks.
fn same_message(message: &str, outer: &Exception) -> bool {
    is_same(message, &outer.message) || message.starts_with(&format!("{}: ", outer.kind)) || message.is_empty()
}

/// Whether two texts differ in blanks alone.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// Laravel's and Symfony's exceptions around an error at which PHP ended.
pub(super) fn is_fatal(kind: &str) -> bool {
    matches!(
        kind.rsplit('\\').next().unwrap_or(kind),
        "FatalError" | "FatalErrorException" | "OutOfMemoryError" | "OutOfMemoryException" | "UndefinedFunctionError"
    ) && kind.starts_with("Symfony\\")
}

/// Inside what an exception was thrown, told by the framework's frames.
fn place_of(outer: &Exception) -> &'static str {
    let inside =
        |module: &str| outer.frames.iter().any(|frame| frame.module.as_deref().is_some_and(|m| m.starts_with(module)));
    if inside("Illuminate\\Queue\\Worker") || inside("Illuminate\\Queue\\CallQueuedHandler") {
        "laravel.queue"
    } else if inside("Illuminate\\Console\\Scheduling\\") {
        "laravel.schedule"
    } else if inside("Illuminate\\Foundation\\Console\\Kernel") {
        "laravel.console"
    } else {
        "laravel.handler"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Mechanism;

    fn told(message: &str, kind: &str, own: &str, laravel: bool, keys: &[&str]) -> (String, Option<bool>) {
        let exception = Exception { kind: kind.to_owned(), message: own.to_owned(), ..Exception::default() };
        let mut record = Record {
            message: Some(message.to_owned()),
            level: Some(Level::Error),
            exceptions: vec![exception],
            ..Record::default()
        };
        of_monolog(&mut record, laravel, keys);
        let Mechanism { kind, handled } = record.mechanism.unwrap();
        assert!(MECHANISMS.contains(&kind.as_str()));
        (kind, handled)
    }

    #[test]
    fn what_the_words_tell() {
        let laravel = |message, keys: &[&str]| told(message, "RuntimeException", "a\nb", true, keys);
        assert_eq!(laravel("a b", &["userId", "exception"]), ("laravel.handler".to_owned(), Some(false)));
        assert_eq!(laravel("a\nb", &["order", "exception"]), ("laravel.handler".to_owned(), None));
        assert_eq!(laravel("charge failed", &["exception"]), ("laravel.log".to_owned(), Some(true)));
        let fatal = told("x", "Symfony\\Component\\ErrorHandler\\Error\\FatalError", "x", true, &["exception"]);
        assert_eq!(fatal, ("php.fatal".to_owned(), Some(false)));
        let symfony = |message| told(message, "RuntimeException", "a", false, &["exception"]);
        assert_eq!(symfony("Uncaught PHP Exception RuntimeException: \"a\" at x.php line 3").0, "symfony.uncaught");
        assert_eq!(symfony("Error thrown while running command \"x\". Message: \"a\"").0, "symfony.console");
        assert_eq!(
            symfony("Uncaught Exception RuntimeException: \"a\" at /srv/a.php line 3").0,
            "monolog.error_handler"
        );
        assert_eq!(symfony("a"), ("monolog.exception".to_owned(), None));
        assert_eq!(symfony("row skipped"), ("monolog.log".to_owned(), Some(true)));
    }
}
