//! What Sentry calls contexts: the runtime, with its version where the log tells it, and the trace.
//!
//! In: a record, the lines before it. Out: maps. Invariant: a version is one that the runtime, its server or its manager
//! names itself; none is guessed. Does not look at frames.

use std::collections::BTreeMap;

use errtail_parsers::{Platform, Record};
use serde_json::{Map, Value};

use super::limits;

/// `runtime`, and `trace` where the log has one. `before` are the lines before the entry.
pub(super) fn of(record: &Record, before: &[String], event_id: &str) -> BTreeMap<&'static str, Map<String, Value>> {
    let mut contexts = BTreeMap::new();
    let mut runtime = Map::new();
    runtime.insert("name".to_owned(), runtime_name(record.platform).into());
    if let Some(version) = version(record, before) {
        // As the platform's SDK spells it.
        let mark = if record.platform == Platform::Node && !version.starts_with('v') { "v" } else { "" };
        runtime.insert("version".to_owned(), format!("{mark}{}", limits::line(&version, limits::NAME_CHARS)).into());
    }
    contexts.insert("runtime", runtime);
    let hex = |text: &&str, length: usize| {
        text.len() == length && text.bytes().all(|c| c.is_ascii_hexdigit()) && text.bytes().any(|c| c != b'0')
    };
    let trace = record.trace.as_ref();
    if let Some(trace_id) = trace.and_then(|trace| trace.trace_id.as_deref()).filter(|id| hex(id, 32)) {
        // Sentry drops a trace without a span: the event's own id stands in.
        let span_id =
            trace.and_then(|trace| trace.span_id.as_deref()).filter(|id| hex(id, 16)).unwrap_or(&event_id[..16]);
        let mut trace = Map::new();
        trace.insert("trace_id".to_owned(), trace_id.to_ascii_lowercase().into());
        trace.insert("span_id".to_owned(), span_id.to_ascii_lowercase().into());
        contexts.insert("trace", trace);
    }
    contexts
}

fn runtime_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Php => "php",
        Platform::Csharp => ".NET",
        Platform::Node => "node",
        Platform::Javascript => "browser",
        Platform::Java => "java",
        Platform::Dart => "dart",
        Platform::Python => "CPython",
        Platform::Go => "go",
        Platform::Ruby => "ruby",
        Platform::Other => "unknown",
    }
}

fn version(record: &Record, before: &[String]) -> Option<String> {
    const NAMES: [&str; 5] = ["runtime.version", "node.version", "node_version", "php.version", "php_version"];
    let told =
        record.fields.iter().find(|(name, _)| NAMES.contains(&name.as_str())).map(|(_, version)| version.clone());
    told.or_else(|| before.iter().rev().find_map(|line| in_line(record.platform, line))).or_else(|| {
        let programs = record.origin.iter().chain(&record.fields).map(|(_, value)| value.as_str());
        programs.filter(|_| record.platform == Platform::Php).find_map(of_program)
    })
}

// PHP 8.2.4 Development Server (http://127.0.0.1:8000) started · X-Powered-By: PHP/8.2.4 · Node.js version      : 20.20.2
/// The version that a line names in a server's or a manager's own words.
fn in_line(platform: Platform, line: &str) -> Option<String> {
    match platform {
        Platform::Php => {
            // Both hold it; `str::find` makes a searcher for each line.
            memchr::memmem::find(line.as_bytes(), b"PHP")?;
            let server = line.split_once(" Development Server (").and_then(|(head, _)| head.rsplit_once("PHP "));
            let header = || line.split_once("X-Powered-By: PHP/");
            number(server.or_else(header)?.1)
        }
        Platform::Node => number(line.split_once("Node.js version")?.1.trim_start().strip_prefix(':')?.trim_start()),
        _ => None,
    }
}

// php-fpm8.3 · php8.3-fpm · php-fpm8.3[812]
/// The version in the name under which distributions run PHP.
fn of_program(name: &str) -> Option<String> {
    let rest =
        name.strip_prefix("php-fpm").or_else(|| name.strip_prefix("php").filter(|rest| rest.contains("-fpm")))?;
    number(rest).filter(|version| version.contains('.'))
}

/// The number with points at the beginning of a text.
fn number(text: &str) -> Option<String> {
    let length = text.bytes().take_while(|c| c.is_ascii_digit() || *c == b'.').count();
    let version = text[..length].trim_end_matches('.');
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_servers_name() {
        for (platform, line, version) in [
            (
                Platform::Php,
                "[Mon Nov 23 08:13:16 2026] PHP 8.2.4 Development Server (http://[::1]:8000) started",
                "8.2.4",
            ),
            (Platform::Php, "< X-Powered-By: PHP/8.3.11", "8.3.11"),
            (Platform::Node, "2026-11-23T08:38:50: PM2 log: Node.js version      : 20.20.2", "20.20.2"),
        ] {
            assert_eq!(in_line(platform, line).as_deref(), Some(version), "{line}");
        }
        assert_eq!(in_line(Platform::Php, "needs PHP 8.2 or newer"), None);
        assert_eq!(of_program("php-fpm8.3").as_deref(), Some("8.3"));
        assert_eq!(of_program("php8.1-fpm[12]").as_deref(), Some("8.1"));
        assert_eq!(of_program("php-fpm"), None);
        let record = Record {
            platform: Platform::Php,
            origin: vec![("process.name".to_owned(), "php-fpm8.3".to_owned())],
            ..Record::default()
        };
        assert_eq!(of(&record, &[], "")["runtime"]["version"], "8.3");
    }
}
