//! Holds the house in order: what `ARCHITECTURE.md` says of rooms is read off the sources.
//!
//! In: the sources. Out: a failure for an import upwards, for files, network, clock or database used outside the
//! room that may, and for a file without its `//!` header. Does not judge what the code does.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in the order of the line: a room imports only rooms above it in this table.
const ROOMS: [(&str, &str); 20] = [
    ("metrics", ""),
    ("format", ""),
    ("system", "fs"),
    ("state_dir", ""),
    ("tail", "fs clock"),
    ("policy", ""),
    ("scrub", ""),
    ("issue", ""),
    ("source", "fs"),
    ("release", "fs"),
    ("event", ""),
    ("pipeline", ""),
    ("store", "fs db"),
    ("deliver", "net clock"),
    ("route", ""),
    ("config", "fs"),
    ("agent", "fs clock db net"),
    ("web", "net clock"),
    ("cli", "fs clock net db"),
    ("main", ""),
];

/// What only some rooms may touch: its name in `ROOMS`, and how it looks in a source.
const TOUCHES: [(&str, &[&str]); 4] = [
    ("fs", &["std::fs", "fs::", "File::open", "OpenOptions", "notify::", "process::Command"]),
    ("net", &["std::net::Tcp", "tokio::net", "reqwest", "axum"]),
    ("clock", &["SystemTime::", "Instant::now", "Timestamp::now", "Zoned::now", "thread::sleep"]),
    ("db", &["rusqlite"]),
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The code of a file: what stands before its unit tests, without comments; of a file of unit tests, nothing.
fn code(path: &Path, text: &str) -> String {
    if path.ends_with("tests.rs") {
        return String::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn rank(room: &str) -> usize {
    ROOMS.iter().position(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is not in the table of rooms"))
}

#[test]
fn each_file_says_what_it_is() {
    for folder in ["src", "parsers/src", "tests"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{} has no `//!` header", path.display());
        }
    }
}

#[test]
fn imports_go_down_the_line() {
    let mut seen = 0;
    for (path, text) in sources("src") {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let code = code(&path, &text);
        for part in code.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let names: Vec<String> = match part.strip_prefix('{') {
                Some(list) => list
                    .split('}')
                    .next()
                    .unwrap()
                    .split(',')
                    .map(|word| word.trim().split("::").next().unwrap().to_owned())
                    .filter(|word| !word.is_empty())
                    .collect(),
                None => vec![name],
            };
            for name in names.into_iter().filter(|name| *name != room) {
                seen += 1;
                assert!(rank(&name) < rank(&room), "{} imports {name}, which stands after it", path.display());
            }
        }
    }
    assert!(seen > 5, "the imports were not read");
}

#[test]
fn the_world_is_touched_only_where_it_may_be() {
    for (path, text) in sources("src") {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let allowed = ROOMS[rank(&room)].1;
        let code = code(&path, &text);
        for (touch, words) in TOUCHES {
            let found = words.iter().find(|word| code.contains(**word));
            assert!(
                found.is_none() || allowed.split(' ').any(|word| word == touch),
                "{} uses {} ({touch}), which its room must not",
                path.display(),
                found.unwrap(),
            );
        }
    }
}

#[test]
fn the_parsers_touch_nothing() {
    for (path, text) in sources("parsers/src") {
        let code = code(&path, &text);
        for (_, words) in TOUCHES {
            let found = words.iter().find(|word| code.contains(**word));
            assert!(found.is_none(), "{} uses {}", path.display(), found.unwrap());
        }
    }
}
