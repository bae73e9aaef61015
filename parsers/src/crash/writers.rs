//! Each writer's own form of a line about a death.
//!
//! In: one line with whatever header it has. Out: the death that it tells of. Invariant: the form is held against the
//! whole rest of the line. Does not look at other lines.

use super::Death;

/// Signals that end a process which nobody asked to end.
const SIGNALS: [(u8, &str); 8] = [
    (11, "SIGSEGV"),
    (9, "SIGKILL"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (4, "SIGILL"),
    (8, "SIGFPE"),
    (5, "SIGTRAP"),
    (31, "SIGSYS"),
];
const SIGNAL: &str = "process.signal";
const MEMORY: &str = "process.out_of_memory";

/// Whether what stands before a writer's words can be a log's own: nothing, a level, a time, a tag.
pub(super) fn is_head(head: &str) -> bool {
    let head = head.trim_end();
    head.is_empty()
        || head.ends_with([']', ':', '|', '}', '>', '#'])
        || head.rsplit(' ').next().is_some_and(|word| crate::header::level(word).is_some())
}

// Out of memory: Killed process 4711 (node) total-vm:2097152kB, anon-rss:1048576kB, …
// Memory cgroup out of memory: Killed process 4711 (dotnet) …
pub(super) fn kernel(line: &str) -> Option<Death<'_>> {
    let (at, kind) = ["Memory cgroup out of memory", "Out of memory"]
        .iter()
        .find_map(|kind| Some((line.find(kind)?, *kind)))
        .filter(|(at, _)| is_head(&line[..*at]))?;
    let message = line[at + kind.len()..].strip_prefix(": ")?;
    let rest = message.strip_prefix("Killed process ").or_else(|| message.strip_prefix("Kill process "))?;
    let (pid, rest) = number(rest)?;
    let (name, _) = rest.strip_prefix(" (")?.split_once(')')?;
    Some(Death { kind, message, format: "kernel", mechanism: MEMORY, pid: Some(pid), name: Some(name) })
}

// ./start.sh: line 3:    23 Killed                  node app.js   ·   Segmentation fault (core dumped)   ·   Killed
/// A shell's words. `Aborted` is none of them: who aborts has said before why, on a line that is taken for itself.
pub(super) fn shell(line: &str) -> Option<Death<'_>> {
    let words = [
        ("Segmentation fault", "SIGSEGV"),
        ("Killed", "SIGKILL"),
        ("Bus error", "SIGBUS"),
        ("Illegal instruction", "SIGILL"),
        ("Floating point exception", "SIGFPE"),
        ("Trace/breakpoint trap", "SIGTRAP"),
    ];
    let (at, word, kind) = words.into_iter().find_map(|(word, kind)| Some((line.find(word)?, word, kind)))?;
    let (head, rest) = (line[..at].trim(), &line[at + word.len()..]);
    let command = rest.trim_start().trim_start_matches("(core dumped)").trim_start();
    // macOS numbers it: `Bus error: 10`.
    let numbered = rest.strip_prefix(": ").is_some_and(|number| number.bytes().all(|c| c.is_ascii_digit()));
    let alone = head.is_empty() && (command.is_empty() || numbered);
    let pid = head.rsplit_once(' ').and_then(|(script, pid)| {
        let (_, place) = script.trim_end().strip_suffix(':')?.rsplit_once(": line ")?;
        [place, pid].iter().all(|text| text.bytes().all(|c| c.is_ascii_digit())).then_some(pid)
    });
    let in_script = pid.is_some() && (rest.is_empty() || rest.starts_with(' '));
    let program = command.split(' ').next().map(|path| path.rsplit('/').next().unwrap_or(path));
    (alone || in_script).then(|| Death {
        kind,
        message: &line[at..],
        format: "shell",
        mechanism: SIGNAL,
        pid,
        name: program.filter(|program| !program.is_empty()),
    })
}

/// Servers that tell of their workers.
pub(super) fn server(line: &str) -> Option<Death<'_>> {
    php_fpm(line).or_else(|| nginx(line)).or_else(|| apache(line)).or_else(|| gunicorn(line)).or_else(|| uwsgi(line))
}

// [23-Nov-2026 08:13:16] WARNING: [pool www] child 12 exited on signal 11 (SIGSEGV - core dumped) after 3.2 seconds from start
fn php_fpm(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "[pool ")?;
    let (_pool, rest) = rest.split_once("] child ")?;
    let (pid, rest) = number(rest)?;
    let (signal, rest) = number(rest.strip_prefix(" exited on signal ")?)?;
    let (_, rest) = rest.strip_prefix(" (SIG")?.split_once(") after ")?;
    let kind = by_number(signal).filter(|_| rest.ends_with(" from start"))?;
    let end = line.rfind(" after ")?;
    let message = line[at..end].split_once("] ").map(|(_, said)| said)?;
    Some(Death { kind, message, format: "php-fpm", mechanism: SIGNAL, pid: Some(pid), name: Some("php-fpm") })
}

// 2026/11/23 08:13:16 [alert] 7#7: worker process 12 exited on signal 11 (core dumped)
fn nginx(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "worker process ")?;
    let (pid, rest) = number(rest)?;
    let (signal, rest) = number(rest.strip_prefix(" exited on signal ")?)?;
    let kind = by_number(signal).filter(|_| matches!(rest, "" | " (core dumped)"))?;
    Some(Death { kind, message: &line[at..], format: "nginx", mechanism: SIGNAL, pid: Some(pid), name: Some("nginx") })
}

// [Mon Nov 23 08:13:16.0 2026] [core:notice] [pid 1] AH00051: child pid 12 exit signal Segmentation fault (11), possible coredump in /tmp
fn apache(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "child pid ")?;
    let (pid, rest) = number(rest)?;
    let (_word, rest) = rest.strip_prefix(" exit signal ")?.split_once(" (")?;
    let (signal, rest) = number(rest)?;
    let kind = by_number(signal).filter(|_| rest == ")" || rest.starts_with("), possible coredump in "))?;
    Some(Death {
        kind,
        message: &line[at..],
        format: "apache",
        mechanism: SIGNAL,
        pid: Some(pid),
        name: Some("apache"),
    })
}

// [2026-11-23 08:13:16 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:12)
// … [ERROR] Worker (pid:12) was sent SIGKILL! Perhaps out of memory?   ·   Worker with pid 12 was terminated due to signal 9
fn gunicorn(line: &str) -> Option<Death<'_>> {
    let death = |at: usize, kind, mechanism, pid| {
        Some(Death {
            kind,
            message: &line[at..],
            format: "gunicorn",
            mechanism,
            pid: Some(pid),
            name: Some("gunicorn"),
        })
    };
    if let Some((at, rest)) = after(line, "WORKER TIMEOUT (pid:") {
        let (pid, rest) = number(rest)?;
        return death(at, "WORKER TIMEOUT", "process.timeout", pid).filter(|_| rest == ")");
    }
    if let Some((at, rest)) = after(line, "Worker with pid ") {
        let (pid, rest) = number(rest)?;
        let (signal, rest) = number(rest.strip_prefix(" was terminated due to signal ")?)?;
        return death(at, by_number(signal).filter(|_| rest.is_empty())?, SIGNAL, pid);
    }
    let (at, rest) = after(line, "Worker (pid:")?;
    let (pid, rest) = number(rest)?;
    let (signal, rest) = rest.strip_prefix(") was sent ")?.split_once('!')?;
    let mechanism = if rest == " Perhaps out of memory?" { MEMORY } else { SIGNAL };
    death(at, by_name(signal).filter(|_| rest.is_empty() || mechanism == MEMORY)?, mechanism, pid)
}

// DAMN ! worker 1 (pid: 12) died, killed by signal 9 :( trying respawn ...
fn uwsgi(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "DAMN ! worker ")?;
    let (_, rest) = rest.split_once("(pid: ")?;
    let (pid, rest) = number(rest)?;
    let (signal, _) = number(rest.strip_prefix(") died, killed by signal ")?)?;
    let kind = by_number(signal)?;
    Some(Death { kind, message: &line[at..], format: "uwsgi", mechanism: SIGNAL, pid: Some(pid), name: Some("uwsgi") })
}

/// What starts processes and tells how they ended.
pub(super) fn manager(line: &str) -> Option<Death<'_>> {
    pm2(line).or_else(|| supervisord(line)).or_else(|| systemd(line)).or_else(|| kubernetes(line))
}

// App [api:0] exited with code [134] via signal [SIGABRT]
fn pm2(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "App [")?;
    let (name, rest) = rest.split_once("] exited with code [")?;
    let (_code, rest) = rest.split_once("] via signal [")?;
    let (kind, message) = (by_name(rest.strip_suffix(']')?)?, &line[at..]);
    Some(Death { kind, message, format: "pm2", mechanism: SIGNAL, pid: None, name: Some(name) })
}

// 2026-11-23 08:13:16,123 WARN exited: queue (terminated by SIGKILL; not expected)
fn supervisord(line: &str) -> Option<Death<'_>> {
    let (at, rest) = after(line, "exited: ")?;
    let (name, rest) = rest.split_once(" (terminated by ")?;
    let signal = rest.strip_suffix("; not expected)")?;
    let kind = by_name(signal.strip_suffix(" (core dumped)").unwrap_or(signal))?;
    let message = &line[at..];
    Some(Death { kind, message, format: "supervisord", mechanism: SIGNAL, pid: None, name: Some(name) })
}

// shop.service: Main process exited, code=killed, status=9/KILL   ·   … code=exited, status=137/n/a
fn systemd(line: &str) -> Option<Death<'_>> {
    let (before, rest) = line.split_once(": Main process exited, code=")?;
    let unit = before.rsplit(' ').next().filter(|unit| unit.contains('.'))?;
    let at = before.len() - unit.len();
    let (code, status) = rest.split_once(", status=")?;
    let (number, _) = number(status)?;
    let kind = match code {
        "killed" | "dumped" => by_number(number),
        "exited" => by_number(&number.parse::<u8>().ok()?.checked_sub(128)?.to_string()),
        _ => None,
    }?;
    let message = &line[at..];
    Some(Death { kind, message, format: "systemd", mechanism: SIGNAL, pid: None, name: Some(unit) })
}

// … "Container died" containerName="api" reason="OOMKilled" exitCode=137   ·   "reason":"OOMKilled"   ·   Reason: OOMKilled
fn kubernetes(line: &str) -> Option<Death<'_>> {
    let at = line.find("OOMKilled")?;
    let before = line[..at].trim_end_matches(['"', '\\', ' ']);
    let said = before.trim_end_matches([':', '=']).trim_end_matches(['"', '\\', ' ']);
    let is_reason = said.len() < before.len() && (said.ends_with("reason") || said.ends_with("Reason"));
    let named = ["containerName=\"", "\"containerName\":\"", "\"container\":\""];
    let name = named.iter().find_map(|key| line.split_once(key)?.1.split('"').next());
    let message = name.unwrap_or(&line[at..at + "OOMKilled".len()]);
    let death = Death { kind: "OOMKilled", message, format: "kubernetes", mechanism: MEMORY, pid: None, name };
    is_reason.then_some(death)
}

// free(): invalid pointer   ·   double free or corruption (!prev)   ·   *** stack smashing detected ***: terminated
pub(super) fn libc(line: &str) -> Option<Death<'_>> {
    const SAYS: [&str; 6] =
        ["free(): ", "malloc(): ", "realloc(): ", "calloc(): ", "munmap_chunk(): ", "malloc_consolidate(): "];
    const OF: [&str; 8] =
        ["invalid ", "double free ", "corrupted ", "unaligned ", "unsorted ", "smallbin ", "largebin ", "memory "];
    let said = SAYS.iter().find_map(|says| {
        let at = line.find(says)?;
        OF.iter().any(|of| line[at + says.len()..].starts_with(of)).then_some(at)
    });
    let at = said
        .or_else(|| line.find("double free or corruption ("))
        .or_else(|| line.find("corrupted size vs. prev_size"))
        .or_else(|| line.find("corrupted double-linked list"))
        .or_else(|| line.find("*** stack smashing detected ***"))
        .or_else(|| line.find("*** buffer overflow detected ***"))?;
    // *** Error in `./worker': double free or corruption (fasttop): 0x0000000001c2a010 ***
    let head = &line[..at];
    let old = head.contains("*** Error in `");
    (old || is_head(head) && line.len() - at < 120).then(|| Death {
        kind: "SIGABRT",
        message: line[at..].split(": 0x").next().unwrap_or(&line[at..]),
        format: "glibc",
        mechanism: SIGNAL,
        ..Death::default()
    })
}

// node[12]: ../src/node_zlib.cc:123:void node::Write(): Assertion `(x) == (y)' failed.
// worker: page.c:12: render: Assertion `page' failed.   ·     #  Assertion failed: (x) == (y)
/// A check within the program itself that did not hold; its place goes with it.
pub(super) fn assertion(line: &str) -> Option<Death<'_>> {
    let death = |message, name| Death {
        kind: "Assertion failed",
        message,
        format: "assert",
        mechanism: SIGNAL,
        name,
        ..Death::default()
    };
    if let Some(rest) = line.trim_start().strip_prefix("#  Assertion failed: ") {
        return Some(death(rest, Some("node")));
    }
    let at = line.find(": Assertion `").filter(|_| line.ends_with("' failed."))?;
    let before = &line[..at];
    // The place: a file's name, a colon and a line.
    let is_place = |colon: &usize| before[colon + 1..].bytes().next().is_some_and(|c| c.is_ascii_digit());
    let colon = before
        .match_indices(':')
        .map(|(at, _)| at)
        .find(|colon| is_place(colon) && before[..*colon].rsplit(' ').next().is_some_and(|file| file.contains('.')))?;
    let start = before[..colon].rfind(' ').map_or(0, |blank| blank + 1);
    let program = before[..start].strip_suffix(": ")?.rsplit(' ').next()?;
    let name = program.split('[').next().unwrap_or(program);
    Some(death(&line[start..], Some(name.rsplit('/').next().unwrap_or(name))))
}

// zend_mm_heap corrupted   ·   Failed to create CoreCLR, HRESULT: 0x80004005   ·   Fatal Python error: Segmentation fault
/// What a language's runtime says before it gives up, where it is one line.
pub(super) fn runtime(line: &str) -> Option<Death<'_>> {
    let death = |kind, message, format, mechanism, name| {
        Some(Death { kind, message, format, mechanism, name: Some(name), pid: None })
    };
    if let Some((at, rest)) = after(line, "zend_mm_heap corrupted") {
        return death("SIGABRT", &line[at..], "php", SIGNAL, "php").filter(|_| rest.trim_end_matches('"').is_empty());
    }
    if let Some((at, _)) = after(line, "Failed to create CoreCLR, HRESULT: 0x") {
        return death("CoreCLR", &line[at..], "dotnet-host", "process.start", "dotnet");
    }
    let (_, said) = after(line, "Fatal Python error: ")?;
    death("Fatal Python error", said, "python", SIGNAL, "python").filter(|_| !said.is_empty())
}

/// Where a writer's words begin in a line, and what follows them.
fn after<'a>(line: &'a str, words: &str) -> Option<(usize, &'a str)> {
    let at = line.find(words)?;
    is_head(&line[..at]).then(|| (at, &line[at + words.len()..]))
}

/// The digits at the beginning of a text, and what follows them.
fn number(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=10).contains(&digits).then(|| text.split_at(digits))
}

fn by_number(number: &str) -> Option<&'static str> {
    SIGNALS.iter().find(|(known, _)| number.parse() == Ok(*known)).map(|(_, name)| *name)
}

fn by_name(name: &str) -> Option<&'static str> {
    SIGNALS.iter().find(|(_, known)| *known == name).map(|(_, name)| *name)
}
