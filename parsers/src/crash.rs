//! Deaths of a process that leave no trace: what the kernel, the shell, a process manager or the C library says of them.
//!
//! In: one line, and for C++ the lines behind it. Out: a record with the signal or the reason as its type. Invariants:
//! a line is taken only where its whole form is the writer's own, so that prose about signals is none; what was asked
//! to end (SIGTERM, SIGINT, SIGHUP) is no crash. Does not know languages, nor what a runtime prints of its own death.

use std::ops::Range;

use crate::assemble::Found;
use crate::record::{Exception, Level, Platform, Record};

mod writers;

/// What one line says of a death.
#[derive(Debug, Default, PartialEq, Eq)]
struct Death<'a> {
    /// The signal's name, or the reason.
    kind: &'a str,
    /// From the writer's own words on.
    message: &'a str,
    /// Who writes so.
    format: &'static str,
    /// How it came about: what the policy judges.
    mechanism: &'static str,
    /// The process that died, where the line names it.
    pid: Option<&'a str>,
    /// What it is called.
    name: Option<&'a str>,
}

/// Whether a line tells of a death: cheap, and exact for all that is one line.
pub(crate) fn concerns(line: &[u8]) -> bool {
    std::str::from_utf8(line)
        .is_ok_and(|line| is_of_v8(line) || death(line.trim_end()).is_some() || terminate(line).is_some())
}

/// The death that the line `hit` tells of; `lines` are whole, with their headers.
pub(crate) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let line = lines[hit].trim_end();
    if let Some(kind) = terminate(line) {
        return Some(thrown(lines, hit, kind));
    }
    if is_of_v8(line) {
        return of_v8(lines, hit);
    }
    let death = death(line)?;
    let exception =
        Exception { kind: death.kind.to_owned(), message: death.message.trim().to_owned(), ..Exception::default() };
    let mut record = Record { platform: platform(&death), format: death.format.to_owned(), ..record(exception) };
    for (name, value) in [("process.pid", death.pid), ("process.name", death.name)] {
        record.fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    record.found_by(death.mechanism, Some(false));
    Some(found(record, hit..hit + 1))
}

fn death(line: &str) -> Option<Death<'_>> {
    writers::kernel(line)
        .or_else(|| writers::shell(line))
        .or_else(|| writers::server(line))
        .or_else(|| writers::manager(line))
        .or_else(|| writers::libc(line))
        .or_else(|| writers::assertion(line))
        .or_else(|| writers::runtime(line))
}

// terminate called after throwing an instance of 'std::runtime_error' ·   what():  queue is gone
// libc++abi: terminating due to uncaught exception of type std::runtime_error: queue is gone
/// The type that C++ names, empty where it names none.
fn terminate(line: &str) -> Option<&str> {
    let line = line.trim_end();
    if let Some(at) = line.find("terminate called ").filter(|at| writers::is_head(&line[..*at])) {
        let rest = &line[at + "terminate called ".len()..];
        let named = rest.strip_prefix("after throwing an instance of '").and_then(|rest| rest.strip_suffix('\''));
        return named.or_else(|| matches!(rest, "without an active exception" | "recursively").then_some(""));
    }
    let said = line.split_once("libc++abi: terminating ").filter(|(head, _)| writers::is_head(head))?.1;
    let (_, named) = said.split_once(" exception of type ")?;
    Some(named.split(": ").next().unwrap_or(named))
}

fn thrown(lines: &[&str], hit: usize, kind: &str) -> Found {
    let what = lines.get(hit + 1).and_then(|line| line.trim_start().strip_prefix("what():  "));
    let same_line = lines[hit].trim_end().split_once(kind).and_then(|(_, rest)| rest.strip_prefix(": "));
    let said = what.or(same_line.filter(|_| !kind.is_empty())).unwrap_or_default();
    let mut message = said.trim_end().to_owned();
    let mut end = hit + 1 + usize::from(what.is_some());
    // What a message goes on with, up to the shell's own words.
    while let Some(line) = lines.get(end).filter(|line| what.is_some() && line.starts_with("  ") && end < hit + 20) {
        message.extend(["\n", line.trim_end()]);
        end += 1;
    }
    let own = if kind.is_empty() { "std::terminate" } else { kind };
    if message.is_empty() && kind.is_empty() {
        message = lines[hit].trim().to_owned();
    }
    let mut record = record(Exception { kind: own.to_owned(), message, ..Exception::default() });
    record.format = "libstdc++".to_owned();
    record.found_by("process.terminate", Some(false));
    found(record, hit..end)
}

// # Fatal error in ../deps/v8/src/api/api.cc, line 123
fn is_of_v8(line: &str) -> bool {
    let place = line.split_once("# Fatal error in ").filter(|(head, _)| writers::is_head(head)).map(|(_, place)| place);
    place.and_then(|place| place.trim_end().rsplit_once(", line ")).is_some_and(|(_, line)| line.parse::<u32>().is_ok())
}

// # / # Fatal error in ../deps/v8/src/api/api.cc, line 123 / # Check failed: count > 0. / # / #FailureMessage Object: 0x7ffd
/// V8's block: what did not hold stands on the line behind the place.
fn of_v8(lines: &[&str], hit: usize) -> Option<Found> {
    let place = lines[hit].trim_end().split_once("# Fatal error in ")?.1;
    let said = lines.get(hit + 1).and_then(|line| line.trim().strip_prefix("# ")).unwrap_or_default();
    let place = if place.starts_with(", ") { "" } else { place };
    let parting = if said.is_empty() || place.is_empty() { "" } else { "\n" };
    let message = [said, parting, place].concat();
    let mut record = record(Exception { kind: "Fatal error".to_owned(), message, ..Exception::default() });
    (record.format, record.platform) = ("v8".to_owned(), Platform::Node);
    record.found_by("process.signal", Some(false));
    let is_block = |line: &&&str| line.starts_with('#');
    let begins = hit > 0 && lines[hit - 1].trim() == "#";
    let length = lines[hit..].iter().take(8).take_while(is_block).count().max(1);
    Some(found(record, hit - usize::from(begins)..hit + length))
}

/// Whose process it was, as far as its name tells.
fn platform(death: &Death<'_>) -> Platform {
    let name = death.name.unwrap_or_default();
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    match death.format {
        "php-fpm" => Platform::Php,
        "gunicorn" | "uwsgi" => Platform::Python,
        "pm2" => Platform::Node,
        _ if begins(&["node", "npm"]) => Platform::Node,
        _ if begins(&["php"]) => Platform::Php,
        _ if begins(&["dotnet"]) => Platform::Csharp,
        _ if begins(&["python", "gunicorn", "uwsgi", "celery"]) => Platform::Python,
        _ if begins(&["java"]) => Platform::Java,
        _ if begins(&["ruby", "puma", "sidekiq"]) => Platform::Ruby,
        _ => Platform::Other,
    }
}

/// A death ends a process, whatever level its writer gives it.
fn record(exception: Exception) -> Record {
    Record { level: Some(Level::Fatal), exceptions: vec![exception], ..Record::default() }
}

fn found(record: Record, lines: Range<usize>) -> Found {
    let has_header = lines.start == 0;
    Found { record, lines, has_header }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<(&str, &str)> {
        death(line).map(|death| (death.kind, death.message))
    }

    #[test]
    fn prose_about_deaths_is_none() {
        for line in [
            "Killed the stale job",
            "The worker was Killed",
            "INFO sent signal 9 to worker process 12",
            "docs: Segmentation fault (core dumped) means that a program is broken",
            "process 12 received signal 15",
            "[INFO] Worker (pid:12) was sent SIGTERM!",
            "exited: shop (terminated by SIGTERM; not expected)",
            "exited: shop (exit status 0; expected)",
            "App [api:0] exited with code [0] via signal [SIGINT]",
            "shop.service: Main process exited, code=exited, status=1/FAILURE",
            "shop.service: Main process exited, code=killed, status=15/TERM",
            "[pool www] child 12 exited on signal 15 (SIGTERM) after 3.2 seconds from start",
            "worker process 12 exited on signal 15",
            "server reached pm.max_children setting (5), consider raising it",
            "we are out of memory for now, Killed process list follows",
            "WORKER TIMEOUT is 30 s",
            "connection terminated by peer",
            "we call free(): it frees",
            "will be terminated by SIGKILL; not expected",
            "if the reason is OOMKilled, raise the limit",
            "Bus error handling is on",
            "an Illegal instruction was met",
            "Assertion `x' failed.",
            "AssertionError: Assertion failed: x",
            "docs on zend_mm_heap corrupted",
            "we failed to create CoreCLR",
        ] {
            assert_eq!(of(line), None, "{line}");
            assert_eq!(terminate(line), None, "{line}");
        }
    }

    #[test]
    fn a_process_is_known_by_its_name() {
        let oom = death("Out of memory: Killed process 7 (node) total-vm:100kB").unwrap();
        assert_eq!((platform(&oom), oom.pid), (Platform::Node, Some("7")));
        let other = death("Out of memory: Killed process 7 (postgres) total-vm:100kB").unwrap();
        assert_eq!(platform(&other), Platform::Other);
    }

    #[test]
    fn cpp_names_its_exception() {
        assert_eq!(
            terminate("terminate called after throwing an instance of 'std::bad_alloc'"),
            Some("std::bad_alloc")
        );
        let libc = "libc++abi: terminating due to uncaught exception of type std::logic_error: no";
        assert_eq!(terminate(libc), Some("std::logic_error"));
        let found = parse(&[libc], 0).unwrap();
        assert_eq!(found.record.exceptions[0].message, "no");
    }
}
