//! `errtail test DIR`: logs against what was once found in them, for whoever tests a parser.
//!
//! In: a folder of `<case>.log` files (compressed ones too), each with `<case>.expected.jsonl` beside it: one record a
//! line, as `parsers/samples` has them. Out: a readable difference for each that differs. Invariant: exit status 1 on any
//! difference; nothing is written without `--update`. Does not judge: a record is held against a record.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::ConfigOption;
use super::parse::{self, Reading};

/// Differences of one case that are shown.
const SHOWN: usize = 20;

/// Arguments of `errtail test`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folder with `<case>.log` and `<case>.expected.jsonl`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write down what is found as what is expected
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail test`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let reading = match arguments.config.reading_and_builder() {
        Ok((reading, _)) => reading,
        Err(error) => return super::usage_error(error.as_ref()),
    };
    let mut cases = Vec::new();
    if let Err(error) = find(&arguments.folder, &mut cases) {
        eprintln!("errtail: {}: {}", arguments.folder.display(), super::reason(&error));
        return ExitCode::FAILURE;
    }
    if cases.is_empty() {
        eprintln!("errtail: {}: no <case>.log in it", arguments.folder.display());
        return ExitCode::FAILURE;
    }
    let (mut passed, mut failed) = (0, 0);
    for case in &cases {
        match check(case, &reading, arguments.update) {
            Ok(differences) if differences.is_empty() => passed += 1,
            Ok(differences) => {
                failed += 1;
                println!("{}", case.display());
                differences.iter().take(SHOWN).for_each(|difference| println!("  {difference}"));
                if differences.len() > SHOWN {
                    println!("  … {} differences more", differences.len() - SHOWN);
                }
            }
            Err(error) => {
                failed += 1;
                println!("{}: {}", case.display(), super::reason(&error));
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn find(folder: &Path, cases: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find(&path, cases)?;
        } else if golden(&path).is_some() {
            cases.push(path);
        }
    }
    Ok(())
}

/// `<case>.expected.jsonl` for `<case>.log`, `<case>.log.gz` and `<case>.log.zst`.
fn golden(log: &Path) -> Option<PathBuf> {
    let name = log.file_name()?.to_str()?;
    let case = [".log", ".log.gz", ".log.zst"].iter().find_map(|end| name.strip_suffix(end))?;
    Some(log.with_file_name(format!("{case}.expected.jsonl")))
}

/// The differences of one case.
fn check(log: &Path, reading: &Reading, update: bool) -> io::Result<Vec<String>> {
    let golden = golden(log).unwrap_or_default();
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    parse::read(log, reading, |finding| {
        let mut record = finding.record;
        record.source.path = name.to_string();
        found.push(serde_json::to_value(&record)?);
        Ok(())
    })?;
    if update {
        let text: String = found.iter().map(|record| format!("{record}\n")).collect();
        fs::write(golden, text)?;
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&golden)
        .map_err(|_| io::Error::other(format!("{} is missing; `--update` writes it", golden.display())))?;
    let mut expected = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record = serde_json::from_str::<Value>(line)
            .map_err(|error| io::Error::other(format!("{}:{}: {error}", golden.display(), index + 1)))?;
        expected.push(record);
    }
    Ok(compare_records(&expected, &found))
}

fn compare_records(expected: &[Value], found: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    let place = |record: &Value| {
        let kind = record["exceptions"][0]["type"].as_str().unwrap_or("?");
        format!("line {}: {kind}", record["source"]["first_line"])
    };
    for index in 0..expected.len().max(found.len()) {
        match (expected.get(index), found.get(index)) {
            (Some(expected), Some(found)) => {
                let before = differences.len();
                compare(expected, found, "", &mut differences);
                if differences.len() > before {
                    differences.insert(before, place(expected));
                }
            }
            (Some(expected), None) => differences.push(format!("{}: not found", place(expected))),
            (None, Some(found)) => differences.push(format!("{}: found, but not expected", place(found))),
            (None, None) => {}
        }
    }
    differences
}

/// Says where two values differ, member by member.
fn compare(expected: &Value, found: &Value, path: &str, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let extra = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(extra) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let at = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                compare(&at(left), &at(right), &path, differences);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for index in 0..left.len().max(right.len()) {
                let at = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                compare(&at(left), &at(right), &format!("{path}[{index}]"), differences);
            }
        }
        _ if expected != found => differences.push(format!("  {path}: expected {expected}, found {found}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_is_named_by_its_path() {
        let left = json!({"source": {"first_line": 3}, "exceptions": [{"type": "A", "frames": [{"line": 1}]}]});
        let right = json!({"source": {"first_line": 3}, "exceptions": [{"type": "A", "frames": [{"line": 2}]}]});
        let expected = ["line 3: A", "  exceptions[0].frames[0].line: expected 1, found 2"];
        assert_eq!(compare_records(std::slice::from_ref(&left), std::slice::from_ref(&right)), expected);
        assert_eq!(compare_records(std::slice::from_ref(&left), &[]), ["line 3: A: not found"]);
        assert!(compare_records(std::slice::from_ref(&left), std::slice::from_ref(&left)).is_empty());
    }
}
