//! Who logged a PHP exception, as far as the text tells: the evidence that the policy judges.
//!
//! In: a record with its message, and the keys of its context. Out: its mechanism. Invariant: a name stands in
//! `By`. Does not judge whether to send.

use crate::record::{Exception, Frame, Level, Record};

/// Who logged an exception of PHP: each name that `Mechanism::kind` has in its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `php.uncaught`: PHP's last resort, `Uncaught …`. Unhandled.
    PhpUncaught,
    /// `php.fatal`: an error at which PHP ended that is no exception (memory, time, parse), or Laravel's and Symfony's
    /// `FatalError` made of one. Unhandled.
    PhpFatal,
    /// `php.error_log`: the exception's own text, printed or given to `error_log()`. Handled.
    PhpErrorLog,
    /// `php.text`: the exception's own text in an entry of a logger that is not known. Unknown.
    PhpText,
    /// `laravel.handler`: the message is the exception's own. Unhandled where the context is the handler's: the
    /// exception comes last, or only the user and the request stand beside it; else unknown.
    LaravelHandler,
    /// `laravel.queue`: the same inside a queue worker's job.
    LaravelQueue,
    /// `laravel.schedule`: the same inside a scheduled task.
    LaravelSchedule,
    /// `laravel.console`: the same inside an artisan command.
    LaravelConsole,
    /// `laravel.log`: the application logged it with words of its own. Handled.
    LaravelLog,
    /// `symfony.uncaught`: Symfony's error listener, `Uncaught PHP Exception …`. Unhandled.
    SymfonyUncaught,
    /// `symfony.console`: Symfony's console listener. Unhandled.
    SymfonyConsole,
    /// `symfony.messenger`: Symfony's message bus. Unhandled.
    SymfonyMessenger,
    /// `monolog.error_handler`: Monolog's own handler, `Uncaught Exception …`, `Fatal Error (E_ERROR): …`. Unhandled.
    MonologErrorHandler,
    /// `monolog.log`: the application logged it with words of its own. Handled.
    MonologLog,
    /// `monolog.exception`: the message is the exception's own. Unknown.
    MonologException,
    /// `codeigniter.handler`: CodeIgniter's handler. Unhandled.
    CodeIgniter,
    /// `cakephp.handler`: CakePHP's. Unhandled.
    CakePhp,
    /// `slim.handler`: Slim's. Unhandled.
    Slim,
    /// `yii.handler`: Yii's. Unhandled.
    Yii,
    /// `drupal.watchdog`: Drupal's log. Unhandled in its channel `php`, handled in any other.
    Drupal,
    /// `typo3.handler`: TYPO3's log. Unhandled where an exception handler wrote it, else unknown.
    Typo3,
    /// `joomla.handler`: Joomla's handler. Unhandled.
    Joomla,
    /// `tracy.log`: Tracy's log, for what nobody caught and for what an application gives it alike. Unknown.
    Tracy,
    /// `collision.console`: artisan's renderer of what nobody caught. Unhandled.
    Collision,
    /// `bref.invoke`: Bref, what the function threw. Unhandled.
    Bref,
    /// `kohana.handler`: Kohana's. Unhandled.
    Kohana,
    /// `moodle.handler`: Moodle's default exception handler. Unhandled.
    Moodle,
    /// `flow.handler`: Flow's and Neos's. Unhandled.
    Flow,
    /// `wordpress.database`: a query that failed under WordPress, which goes on. Unknown.
    WordPress,
    /// `nextcloud.log`: Nextcloud's log. Unhandled where its entry script or a background job logged it, handled with an
    /// app's own words, else unknown.
    Nextcloud,
}

impl By {
    /// The name in `Mechanism::kind`.
    pub(super) fn name(self) -> &'static str {
        match self {
            By::PhpUncaught => "php.uncaught",
            By::PhpFatal => "php.fatal",
            By::PhpErrorLog => "php.error_log",
            By::PhpText => "php.text",
            By::LaravelHandler => "laravel.handler",
            By::LaravelQueue => "laravel.queue",
            By::LaravelSchedule => "laravel.schedule",
            By::LaravelConsole => "laravel.console",
            By::LaravelLog => "laravel.log",
            By::SymfonyUncaught => "symfony.uncaught",
            By::SymfonyConsole => "symfony.console",
            By::SymfonyMessenger => "symfony.messenger",
            By::MonologErrorHandler => "monolog.error_handler",
            By::MonologLog => "monolog.log",
            By::MonologException => "monolog.exception",
            By::CodeIgniter => "codeigniter.handler",
            By::CakePhp => "cakephp.handler",
            By::Slim => "slim.handler",
            By::Yii => "yii.handler",
            By::Drupal => "drupal.watchdog",
            By::Typo3 => "typo3.handler",
            By::Joomla => "joomla.handler",
            By::Tracy => "tracy.log",
            By::Collision => "collision.console",
            By::Bref => "bref.invoke",
            By::Kohana => "kohana.handler",
            By::Moodle => "moodle.handler",
            By::Flow => "flow.handler",
            By::WordPress => "wordpress.database",
            By::Nextcloud => "nextcloud.log",
        }
    }
}

/// Sets a record's mechanism.
pub(super) fn found(record: &mut Record, by: By, handled: Option<bool>) {
    record.found_by(by.name(), handled);
}

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

/// Symfony's listeners' words, the mechanism each tells, and whether nobody else would use them.
const SYMFONY: [(&str, By, bool); 9] = [
    ("Uncaught PHP Exception ", By::SymfonyUncaught, true),
    ("Error thrown while running command ", By::SymfonyConsole, true),
    ("Error thrown while handling message ", By::SymfonyMessenger, true),
    ("Error while handling message ", By::SymfonyMessenger, false),
    ("Exception thrown when handling an exception ", By::SymfonyUncaught, true),
    ("Uncaught Exception: ", By::SymfonyUncaught, false),
    ("Uncaught Error: ", By::SymfonyUncaught, false),
    ("Fatal Error: ", By::SymfonyUncaught, false),
    ("Fatal Compile Error: ", By::SymfonyUncaught, false),
];

/// What stands behind the message of what Symfony's listener logged in its first years.
pub(super) const OLD_SYMFONY: &str = " (uncaught exception) at ";

/// Finds the mechanism of a record that Monolog wrote. `laravel` says whether its header is Laravel's, `keys` are its
/// context's.
pub(super) fn of_monolog(record: &mut Record, laravel: bool, keys: &[&str]) {
    let laravel = laravel || keys.contains(&"userId") || is_laravel(&record.exceptions);
    let message = record.message.as_deref().unwrap_or("");
    let Some(outer) = record.exceptions.first() else { return };
    if laravel && is_fatal(&outer.kind) && same_message(message, outer) {
        return found(record, By::PhpFatal, Some(false));
    }
    // A custom format may put words of its own before the message.
    let head = super::head(message, 96);
    let said = |words: &str, sure: bool| message.starts_with(words) || sure && head.contains(words);
    if let Some((_, kind, _)) = SYMFONY.iter().find(|(words, _, sure)| said(words, *sure))
        && (record.level >= Some(Level::Error) || record.level.is_none())
    {
        return found(record, *kind, Some(false));
    }
    if message.contains(OLD_SYMFONY) {
        return found(record, By::SymfonyUncaught, Some(false));
    }
    if is_error_handler(message) {
        return found(record, By::MonologErrorHandler, Some(false));
    }
    if !same_message(message, outer) {
        if ["Uncaught ", "Unhandled "].iter().any(|words| message.starts_with(words)) {
            return found(record, By::MonologErrorHandler, Some(false));
        }
        return found(record, if laravel { By::LaravelLog } else { By::MonologLog }, Some(true));
    }
    if !laravel {
        return found(record, By::MonologException, None);
    }
    let kind = place_of(outer);
    // The handler puts the exception behind the exception's own context and the user.
    let handler = keys.last() == Some(&"exception")
        || keys.contains(&"exception") && keys.iter().all(|key| HANDLER_KEYS.contains(key));
    found(record, kind, handler.then_some(false));
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
    ["Uncaught Exception ", "Fatal Error (E_", "Fatal error: "].iter().any(|words| message.starts_with(words))
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

/// Whether Laravel's own code stands in a trace.
fn is_laravel(exceptions: &[Exception]) -> bool {
    let framework = |file: &Option<String>| file.as_ref().is_some_and(|file| file.contains("/laravel/framework/"));
    exceptions
        .iter()
        .any(|exception| framework(&exception.file) || exception.frames.iter().any(|frame| framework(&frame.file)))
}

/// Whether a trace is of a Laravel whose handler logs an exception's message and hands the exception on as context: its
/// text in the message is then what the application logged. Told by calls without their arguments, which PHP leaves out
/// since 7.4; the handler that logs the text is older.
pub(super) fn is_modern_laravel(exceptions: &[Exception]) -> bool {
    let mut calls = exceptions.iter().flat_map(|exception| exception.frames.iter());
    let bare = calls.all(|frame| frame.raw.is_none() || frame.function.as_deref() == Some("{main}"));
    bare && exceptions.iter().any(|exception| exception.frames.len() > 2) && is_laravel(exceptions)
}

/// Inside what an exception was thrown, told by the framework's frames.
fn place_of(outer: &Exception) -> By {
    *outer.frames.fact(place_in)
}

fn place_in(frames: &[Frame]) -> By {
    let inside =
        |module: &str| frames.iter().any(|frame| frame.module.as_deref().is_some_and(|m| m.starts_with(module)));
    if inside("Illuminate\\Queue\\Worker") || inside("Illuminate\\Queue\\CallQueuedHandler") {
        By::LaravelQueue
    } else if inside("Illuminate\\Console\\Scheduling\\") {
        By::LaravelSchedule
    } else if inside("Illuminate\\Foundation\\Console\\Kernel") {
        By::LaravelConsole
    } else {
        By::LaravelHandler
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
        (kind, handled)
    }

    #[test]
    fn what_the_words_tell() {
        let laravel = |message, keys: &[&str]| told(message, "RuntimeException", "a\nb", true, keys);
        assert_eq!(laravel("a b", &["userId", "exception"]), ("laravel.handler".to_owned(), Some(false)));
        assert_eq!(laravel("a\nb", &["exception", "order"]), ("laravel.handler".to_owned(), None));
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
