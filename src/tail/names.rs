//! What the names of files tell of their rotation.
//!
//! In: names. Out: whether one is made of another, and of which it may be made. Invariant: pure; a name alone never
//! decides that bytes are skipped. Does not look at files.

use std::path::{Path, PathBuf};

/// Digits of a date in a name, at least: `261125`,
const DATE_DIGITS: usize = 6;
/// and where nothing parts it from the name.
const BARE_DATE_DIGITS: usize = 8;
/// Digits of a number between dots, at most: `app.12.log`.
const NUMBER_DIGITS: usize = 3;
/// What may part a name from its mark.
const SEPARATORS: [char; 3] = ['.', '-', '_'];

/// The name of a path; empty where it has none, or one that is not Unicode.
pub(super) fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("")
}

/// Whether `name` is what a rotation makes of `base`. A name that ends in `.tmp` is still being written.
pub(super) fn is_rotated(name: &str, base: &str) -> bool {
    if name.ends_with(".tmp") {
        return false;
    }
    name.strip_prefix(base).map_or_else(|| is_inside(name, base), is_behind)
}

/// The paths of which a rotation may have made `path`, longest first.
pub(super) fn made_of(path: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    let name = name_of(path);
    let extension = unpacked(name).rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut last = ' ';
    let cuts = name.char_indices().filter(move |(at, c)| {
        let cut = SEPARATORS.contains(c) || *c == '~' || (c.is_ascii_digit() && !last.is_ascii_digit());
        last = *c;
        cut && *at > 0
    });
    let cuts: Vec<usize> = cuts.map(|(at, _)| at).collect();
    let bases =
        cuts.into_iter().rev().flat_map(move |at| [name[..at].to_owned(), format!("{}.{extension}", &name[..at])]);
    bases.filter(move |base| is_rotated(name, base)).map(|base| path.with_file_name(base))
}

/// Whether the mark of a rotation stands inside the name of `path`: programs also write to such names from the first
/// byte on.
pub(super) fn is_marked_inside(path: &Path, base: &Path) -> bool {
    !name_of(path).starts_with(name_of(base))
}

/// Whether `path`, beside `base`, may hold what `base` held: their names are alike up to the first dot of that of `base`.
pub(super) fn may_hold_rest(path: &Path, base: &Path) -> bool {
    path.parent() == base.parent() && stem(base).is_some_and(|stem| name_of(path).starts_with(stem))
}

/// The beginning of a path's name, up to the first dot.
pub(super) fn stem(path: &Path) -> Option<&str> {
    name_of(path).split('.').next().filter(|stem| !stem.is_empty())
}

/// All beginnings of a name, the whole of it too.
pub(super) fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.char_indices().map(|(at, _)| &name[..at]).chain([name])
}

/// What the names of a file's rotations have in common: all before the first dot. It is part of events' ids.
pub(super) fn family(path: &Path) -> PathBuf {
    path.with_file_name(stem(path).unwrap_or(""))
}

/// A family, without the date in its name: what may be copies of one file is of one kin.
pub(super) fn kin(path: &Path) -> PathBuf {
    let stem = stem(path).unwrap_or("");
    let dateless = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | 'T' | 'Z'));
    path.with_file_name(if dateless.is_empty() { stem } else { dateless })
}

/// `.1`, `-20261125.gz`, `.2026-11-25_00`, `20261125`, `.old`, `~`
fn is_behind(rest: &str) -> bool {
    if rest == "~" {
        return true;
    }
    let Some(mark) = rest.strip_prefix(SEPARATORS) else { return is_bare_date(unpacked(rest)) };
    let first = mark.split(SEPARATORS).next().unwrap_or(mark);
    first.starts_with(|c: char| c.is_ascii_digit())
        || matches!(first, "old" | "bak" | "prev" | "previous" | "orig" | "copy" | "rotated" | "save" | "gz" | "zst")
}

/// `app__2026-11-25_00-00-00.log`, `app-2026-11-25T00-00-00.000.log.gz`, `app20261125.log`, `app.1.log` of `app.log`.
/// Not `app1.log` and `app-1.log`: they are as often logs of their own.
fn is_inside(name: &str, base: &str) -> bool {
    let Some((stem, extension)) = base.rsplit_once('.') else { return false };
    let mark = unpacked(name).strip_suffix(extension).and_then(|name| name.strip_suffix('.')?.strip_prefix(stem));
    let Some(mark) = mark else { return false };
    let date = mark.trim_start_matches(SEPARATORS);
    if date.len() == mark.len() {
        return is_bare_date(mark);
    }
    let digits = digits(date);
    let is_number = mark.starts_with('.') && digits == date.len() && digits <= NUMBER_DIGITS;
    date.starts_with(|c: char| c.is_ascii_digit()) && is_time(date) && (digits >= DATE_DIGITS || is_number)
}

/// `20261125`, `2026-11-25.1`
fn is_bare_date(mark: &str) -> bool {
    mark.starts_with("20") && is_time(mark) && digits(mark) >= BARE_DATE_DIGITS
}

fn is_time(mark: &str) -> bool {
    mark.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | 'T' | 'Z' | ':' | '+'))
}

fn digits(mark: &str) -> usize {
    mark.bytes().filter(u8::is_ascii_digit).count()
}

fn unpacked(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rotation makes `name` of `base`; both ways of asking agree.
    #[track_caller]
    fn is_made(name: &str, base: &str) -> bool {
        let is_made = made_of(Path::new(name)).any(|made_of| made_of == Path::new(base));
        assert_eq!(is_made, is_rotated(name, base), "{name} of {base}");
        is_made
    }

    #[test]
    fn marks_behind_the_name() {
        for name in [
            "app.log.1",
            "app.log.2.gz",
            "app.log-20261124",
            "app.log-20261124.zst",
            "app.log_2026-11-24",
            "app.log.2026-11-24.1",
            "app.log20261124",
            "app.log.20261125-000001",
            "app.log.20261125-000001.gz",
            "app.log.old",
            "app.log~",
        ] {
            assert!(is_made(name, "app.log"), "{name}");
        }
        for name in [
            "app.log",
            "app.login",
            "app.log2",
            "app.log.lock",
            "app.log.json",
            "app.log.20261125-000001.tmp",
            "other.log.1",
        ] {
            assert!(!is_made(name, "app.log"), "{name}");
        }
    }

    #[test]
    fn marks_before_the_extension() {
        for name in [
            "app-20261124.log",
            "app__2026-11-25_00-00-00.log",
            "app-2026-11-25T00-00-00.000.log.gz",
            "app_2026-11-25.log",
            "app.2026-11-25.12.log",
            "app20261125.log",
            "app.12.log",
            "app.1.log.gz",
        ] {
            assert!(is_made(name, "app.log"), "{name}");
            assert!(is_marked_inside(Path::new(name), Path::new("app.log")), "{name}");
        }
        for name in [
            "app1.log",
            "app-2.log",
            "app_001.log",
            "app-worker.log",
            "app-2026.log",
            "apple-20261125.log",
            "app-20261125.txt",
            "app-20261125-worker.log",
            "app.12345.log",
        ] {
            assert!(!is_made(name, "app.log"), "{name}");
        }
        assert!(!is_made("log-20261125_001.txt", "log-20261125.txt"));
    }

    #[test]
    fn names_that_are_not_ascii() {
        assert!(is_made("журнал-20261125.log", "журнал.log"));
        assert!(is_made("日志.log.1", "日志.log"));
        assert_eq!(made_of(Path::new("")).count(), 0);
        assert_eq!(beginnings("é1").collect::<Vec<_>>(), ["", "é", "é1"]);
    }

    #[test]
    fn rests_lie_beside_and_begin_alike() {
        for (path, rest) in [("/a/app.log.2.gz", true), ("/a/app1.log", true), ("/b/app.log.1", false), ("/a/x", false)]
        {
            assert_eq!(may_hold_rest(Path::new(path), Path::new("/a/app.log")), rest, "{path}");
        }
    }

    #[test]
    fn copies_are_of_one_kin() {
        for name in ["out.log", "out.log.1", "out__2026-11-25_00-00-00.log", "out-20261125T000000Z.log.gz"] {
            assert_eq!(kin(Path::new(name)), Path::new("out"), "{name}");
        }
        assert_eq!(kin(Path::new("0.log.20261125-000000")), Path::new("0"));
        assert_eq!(family(Path::new("/a/out-1.log.2")), Path::new("/a/out-1"));
    }
}
