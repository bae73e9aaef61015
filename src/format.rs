//! `[[format]]`: how the entries of logs begin that no built-in grammar knows.
//!
//! In: those tables. Out: for a file, the formats that hold for it. Invariant: what is wrong with a table is said with its
//! place in the configuration, and the wrong part marked. Does not read logs.

use std::ops::Range;

use errtail_parsers::{Format, FormatError, Formats};
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use toml::Spanned;

/// A table `[[format]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What records call it. Default: `format N`.
    #[serde(default)]
    pub name: Option<String>,
    /// A glob of the files that it holds for; one without a slash is held against the file's name. Default: all.
    #[serde(default)]
    pub path: Option<Spanned<String>>,
    /// A regular expression for the beginning of an entry's first line. Its named groups are the entry's fields.
    pub regex: Spanned<String>,
    /// How the group `time` is written, in the letters of `strptime`, where it is not recognised by itself.
    #[serde(default)]
    pub time_format: Option<Spanned<String>>,
}

/// What is wrong with a table.
#[derive(Debug, PartialEq, Eq)]
pub struct TableError {
    /// Where in the configuration's text, in bytes.
    pub at: usize,
    /// What is wrong, with the wrong part marked.
    pub problem: String,
}

/// The tables, made ready.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables(Vec<Ready>);

#[derive(Debug, Clone)]
struct Ready {
    name: String,
    files: Option<GlobMatcher>,
    format: Format,
}

impl PartialEq for Ready {
    fn eq(&self, other: &Ready) -> bool {
        let glob = |ready: &Ready| ready.files.as_ref().map(|files| files.glob().glob().to_owned());
        (&self.format, glob(self)) == (&other.format, glob(other))
    }
}

impl Tables {
    /// Makes the tables of the configuration `text` ready.
    ///
    /// # Errors
    /// The first thing that is wrong with one.
    pub fn new(tables: &[Table], text: &str) -> Result<Tables, TableError> {
        tables.iter().zip(1..).map(|(table, number)| ready(table, number, text)).collect::<Result<_, _>>().map(Tables)
    }

    /// The formats that hold for the file at `path`, in the configuration's order.
    pub fn of(&self, path: &str) -> Formats {
        Formats::new(self.0.iter().filter(|ready| ready.is_of(path)).map(|ready| ready.format.clone()))
    }

    /// Each format's name, whether it holds for the file at `path`, and whether an entry of it begins with a line.
    pub fn each(&self) -> impl Iterator<Item = (&str, impl Fn(&str) -> bool, impl Fn(&[u8]) -> bool)> {
        self.0
            .iter()
            .map(|ready| (ready.name.as_str(), |path: &str| ready.is_of(path), |line: &[u8]| ready.format.begins(line)))
    }
}

impl Ready {
    fn is_of(&self, path: &str) -> bool {
        let Some(files) = &self.files else { return true };
        let whole = files.glob().glob().contains('/');
        files.is_match(if whole { path } else { path.rsplit('/').next().unwrap_or(path) })
    }
}

fn ready(table: &Table, number: usize, text: &str) -> Result<Ready, TableError> {
    let name = table.name.clone().unwrap_or_else(|| format!("format {number}"));
    let files = table.path.as_ref().map(|path| glob(path, &name)).transpose()?;
    let time_format = table.time_format.as_ref();
    let form = time_format.map(|form| form.get_ref().as_str());
    let format = Format::new(&name, table.regex.get_ref(), form).map_err(|error| {
        let value = time_format.filter(|_| error.of_time).unwrap_or(&table.regex);
        let key = if error.of_time { "time_format" } else { "regex" };
        TableError {
            at: place(text, value.span(), error.place.start),
            problem: format!("{name}: {key}: {error}: `{}`", marked(value.get_ref(), &error)),
        }
    })?;
    Ok(Ready { name, files, format })
}

fn glob(path: &Spanned<String>, name: &str) -> Result<GlobMatcher, TableError> {
    let built = GlobBuilder::new(path.get_ref()).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| TableError {
        at: path.span().start,
        problem: format!("{name}: path: {}: `{}`", error.kind(), path.get_ref()),
    })
}

/// The value with its wrong part between marks, unless that is all of it.
fn marked(value: &str, error: &FormatError) -> String {
    let Range { start, end } = error.place.clone();
    match (value.get(..start), value.get(start..end), value.get(end..)) {
        (Some(before), Some(wrong), Some(after)) if wrong.len() < value.len() => format!("{before}▶{wrong}◀{after}"),
        _ => value.to_owned(),
    }
}

/// Where in the configuration's text the byte `at` of a string's value is written.
fn place(text: &str, span: Range<usize>, at: usize) -> usize {
    let raw = text.get(span.clone()).unwrap_or("");
    let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") { 3 } else { 1 };
    let mut inner = raw.get(quotes..).unwrap_or("");
    let mut written = quotes;
    if quotes == 3 {
        // A line break right behind the quotes is not of the value.
        let rest = inner.trim_start_matches('\r').strip_prefix('\n').unwrap_or(inner);
        written += inner.len() - rest.len();
        inner = rest;
    }
    if raw.starts_with('\'') {
        return span.start + written + at;
    }
    let mut value = 0;
    let mut rest = inner;
    while value < at
        && let Some(c) = rest.chars().next()
    {
        let length = match (c, rest.as_bytes().get(1)) {
            ('\\', Some(b'u')) => 6,
            ('\\', Some(b'U')) => 10,
            ('\\', Some(b'x')) => 4,
            ('\\', Some(_)) => 2,
            _ => c.len_utf8(),
        };
        let next = rest.get(length..).unwrap_or("");
        written += rest.len() - next.len();
        let code = rest.get(2..length).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        value += if c == '\\' { code.map_or(1, char::len_utf8) } else { length };
        rest = next;
    }
    span.start + written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Config {
        format: Vec<Table>,
    }

    /// What is written from the wrong place on, and what is said of it.
    fn wrong(text: &str) -> (&str, String) {
        let config: Config = toml::from_str(text).unwrap();
        let error = Tables::new(&config.format, text).unwrap_err();
        (&text[error.at..], error.problem)
    }

    #[test]
    fn the_wrong_part_is_found_in_any_kind_of_string() {
        for (text, at) in [
            ("[[format]]\nregex = '^(?<time>\\S+) (?<tme>x)'", "tme>x)'"),
            ("[[format]]\nregex = \"^(?<time>\\\\S+)\\t(?<tme>x)\"", "tme>x)\""),
            ("[[format]]\nregex = '''\n^(?<time>\\S+) (?<tme>x)'''", "tme>x)'''"),
            ("[[format]]\nregex = \"^\\u00e9?(?<tme>x)\"", "tme>x)\""),
        ] {
            assert_eq!(wrong(text).0, at);
        }
        let (at, problem) = wrong("[[format]]\nname = \"shop\"\nregex = '^(?<time>\\S+ ((x)'");
        assert_eq!((at, problem.as_str()), ("((x)'", "shop: regex: unclosed group: `^(?<time>\\S+ ▶(◀(x)`"));
        let (at, problem) = wrong("[[format]]\nregex = '(?<time>x)'\ntime_format = '%Y %!'");
        assert!(at.starts_with("%Y") && problem.starts_with("format 1: time_format: "), "{at} {problem}");
    }

    #[test]
    fn a_format_holds_for_its_files() {
        let text = "[[format]]\nregex = '(?<time>x)'\npath = '*.log'\n[[format]]\nregex = '(?<time>y)'\npath = '/srv/*/a.txt'\n";
        let config: Config = toml::from_str(text).unwrap();
        let tables = Tables::new(&config.format, text).unwrap();
        let of = |path| tables.each().map(|(_, is_of, _)| is_of(path)).collect::<Vec<_>>();
        assert_eq!(of("/srv/shop/a.log"), [true, false]);
        assert_eq!(of("/srv/shop/a.txt"), [false, true]);
        assert_eq!(of("/srv/a/b/a.txt"), [false, false]);
    }
}
