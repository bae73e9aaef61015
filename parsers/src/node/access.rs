//! What followed an error, as lines of their own tell it: a server's answer, the end of the process.
//!
//! In: one line, without colours. Out: the answer's status and time; whether the process ended. Invariant: linear in the line; only a method, a path
//! and a status in this order are an answer. Does not say whose answer it is.

use crate::header::is_access_log;
use crate::text::Literal;
use crate::time;

/// Methods that access logs name.
const METHODS: [&str; 7] = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS "];

/// Words before the code that a process ended with.
static CODES: [Literal; 3] = [
    Literal::new("exited with code "),
    Literal::new("failed with exit code "),
    Literal::new("Process exited with status "),
];

/// The status that an access log's line tells.
// 10.0.0.7 - - [04/Mar/2026:05:06:07 +0000] "GET /carts/7 HTTP/1.1" 500 31 "-" "-" · POST /carts 201 12.4 ms - 31
pub(crate) fn status(line: &str) -> Option<u16> {
    // koa-logger's answers stand a little deeper.
    if line.starts_with([' ', '\t']) && !line.starts_with("  --> ") && !line.starts_with("  xxx ") {
        return None;
    }
    let path = METHODS.iter().find_map(|method| {
        let at = line.find(method).filter(|at| !line[..*at].ends_with(|c: char| c.is_alphanumeric()))?;
        line[at + method.len()..].strip_prefix('/')
    })?;
    let (_, rest) = path.split_once(' ')?;
    let rest = match rest.strip_prefix("HTTP/") {
        Some(version) => version.split_once(' ')?.1,
        None => rest.trim_start_matches("-> ").trim_start_matches("- "),
    };
    // [2026-03-04 05:06:07.690] http: GET /carts (34 ms) 500
    let rest = rest.strip_prefix('(').and_then(|time| time.split_once("ms) ")).map_or(rest, |(_, rest)| rest);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let ends = rest[digits..].is_empty() || rest[digits..].starts_with([' ', ',']);
    rest[..digits].parse().ok().filter(|status| ends && (100..600).contains(status))
}

/// Whether a process manager or a package manager says that the process ended with a failure.
// [nodemon] app crashed - waiting for file changes before starting... · node worker.js exited with code 1
//  ELIFECYCLE  Command failed with exit code 1. · npm error code ELIFECYCLE
pub(crate) fn ended(line: &str) -> bool {
    let code = CODES.iter().find_map(|words| {
        let rest = &line[words.end_in(line.as_bytes())?..];
        rest.trim_start_matches('[').chars().next()
    });
    code.is_some_and(|digit| ('1'..='9').contains(&digit))
        || line.starts_with("[nodemon] app crashed")
        || line.starts_with("npm ") && line.ends_with(" code ELIFECYCLE")
}

/// The line's time, local to the log.
pub(crate) fn time(line: &str) -> Option<String> {
    let stamp = match line.split_once(" [") {
        Some((_, text)) if is_access_log(line) => time::at_start(text),
        _ => time::at_start(line),
    };
    stamp?.value
}

/// Whether a machine asked how the service is: its answer tells nothing of another request.
pub(crate) fn is_probe(line: &str) -> bool {
    ["/health", "/ready", "/live", "/ping", "/metrics", "/status"].iter().any(|path| line.contains(path))
}

#[cfg(test)]
mod tests {
    use super::{ended, status};

    #[test]
    fn ends() {
        for line in [
            "[nodemon] app crashed - waiting for file changes before starting...",
            "node worker.js exited with code 1",
            "error Command failed with exit code 137.",
            "npm ERR! code ELIFECYCLE",
        ] {
            assert!(ended(line), "{line}");
        }
        for line in ["node worker.js exited with code 0", "npm start", "exited"] {
            assert!(!ended(line), "{line}");
        }
    }

    #[test]
    fn answers() {
        for (line, found) in [
            (r#"10.0.0.7 - - [04/Mar/2026:05:06:07 +0000] "GET /carts/7?a=b HTTP/1.1" 500 31 "-" "-""#, Some(500)),
            ("POST /carts 201 12.4 ms - 31", Some(201)),
            ("[5:06:07 AM] info: GET /carts/7 404 2ms", Some(404)),
            ("GET /carts/7 -> 429 Too Many Requests", Some(429)),
            ("[2026-03-04 05:06:07.690] http: GET /carts (34 ms) 500", Some(500)),
            ("  xxx GET /carts 500 3ms -", Some(500)),
            ("    at GET /carts 500", None),
            ("BUDGET /carts 500", None),
            ("could not GET /carts", None),
            ("GET /carts 5000", None),
            ("GET http://partner.example/quotes 500", None),
        ] {
            assert_eq!(status(line), found, "{line}");
        }
    }
}
