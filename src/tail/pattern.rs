//! What the user wants read: files, directories, globs, and what is left out.
//!
//! In: the configured paths. Out: whether a path is wanted, and where to look for such paths. Invariant: a path is
//! judged by its text alone; whether it may be opened is asked elsewhere. Does not touch the file system.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// A configured path that cannot be a pattern.
#[derive(Debug, thiserror::Error)]
#[error("{pattern}: {problem}")]
pub struct PatternError {
    pattern: String,
    problem: String,
}

/// What is not read unless a path names it.
const NEVER: [&str; 10] = [".*", "*.gz", "*.zst", "*.bz2", "*.xz", "*.zip", "*.tar", "*.swp", "*.journal", "*.sqlite*"];

/// One configured path.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The directory below which everything wanted lies.
    pub base: PathBuf,
    /// How many directories below `base` may hold a wanted file.
    pub depth: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A file, or a directory whose files are all wanted.
    Path(PathBuf),
    Glob {
        whole: GlobMatcher,
        packed: bool,
    },
}

/// All that is wanted.
#[derive(Debug)]
pub(super) struct Patterns {
    pub all: Vec<Pattern>,
    exclude: GlobSet,
    exclude_names: GlobSet,
    never: GlobSet,
    /// Directories of the agent's own.
    own: Vec<PathBuf>,
}

impl Patterns {
    /// `paths` relative to `current`; nothing in the directories `own` is wanted.
    pub(super) fn new(
        paths: &[String],
        exclude: &[String],
        current: &Path,
        own: Vec<PathBuf>,
    ) -> Result<Patterns, PatternError> {
        let all = paths.iter().map(|path| Pattern::new(path, current)).collect::<Result<_, _>>()?;
        let (names, paths): (Vec<_>, Vec<_>) = exclude.iter().map(String::as_str).partition(|glob| !glob.contains('/'));
        let paths: Vec<String> = paths.into_iter().map(|glob| absolute(glob, current)).collect();
        Ok(Patterns {
            all,
            exclude: set(paths.iter().map(String::as_str))?,
            exclude_names: set(names.into_iter())?,
            never: set(NEVER.into_iter())?,
            own,
        })
    }

    /// Whether the file at `path` is to be read.
    pub(super) fn wants(&self, path: &Path) -> bool {
        if self.leaves_out(path) {
            return false;
        }
        let hidden = path.file_name().is_some_and(|name| self.never.is_match(name));
        self.all.iter().any(|pattern| pattern.wants(path, hidden))
    }

    /// Whether the user, or what the agent writes itself, keeps `path` out.
    pub(super) fn leaves_out(&self, path: &Path) -> bool {
        self.own.iter().any(|own| path.starts_with(own))
            || self.exclude.is_match(path)
            || path.file_name().is_some_and(|name| self.exclude_names.is_match(name))
    }
}

impl Pattern {
    fn new(text: &str, current: &Path) -> Result<Pattern, PatternError> {
        let path = PathBuf::from(absolute(text, current));
        let is_glob =
            |component: &Component<'_>| component.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
        let Some(first) = path.components().position(|component| is_glob(&component)) else {
            let base = path.parent().unwrap_or(&path).to_owned();
            return Ok(Pattern { base, depth: usize::MAX, kind: Kind::Path(path) });
        };
        let base: PathBuf = path.components().take(first).collect();
        let rest = path.components().skip(first);
        let depth =
            if rest.clone().any(|component| component.as_os_str() == "**") { usize::MAX } else { rest.count() - 1 };
        let whole = glob(&path.to_string_lossy())?;
        let packed = [".gz", ".zst"].iter().any(|end| text.ends_with(end));
        Ok(Pattern { base, depth, kind: Kind::Glob { whole, packed } })
    }

    /// The one path that this pattern names, if it is no glob.
    pub(super) fn literal(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Path(path) => Some(path),
            Kind::Glob { .. } => None,
        }
    }

    fn wants(&self, path: &Path, hidden: bool) -> bool {
        match &self.kind {
            Kind::Path(wanted) => path == wanted || (!hidden && path.starts_with(wanted)),
            Kind::Glob { whole, packed } => (!hidden || *packed) && whole.is_match(path),
        }
    }
}

fn absolute(text: &str, current: &Path) -> String {
    let mut clean = PathBuf::new();
    for component in current.join(text).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean.to_string_lossy().into_owned()
}

fn glob(text: &str) -> Result<GlobMatcher, PatternError> {
    let built = GlobBuilder::new(text).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| problem(text, &error))
}

fn set<'a>(globs: impl Iterator<Item = &'a str>) -> Result<GlobSet, PatternError> {
    let mut builder = GlobSetBuilder::new();
    for text in globs {
        builder.add(GlobBuilder::new(text).literal_separator(true).build().map_err(|error| problem(text, &error))?);
    }
    builder.build().map_err(|error| problem("exclude", &error))
}

fn problem(pattern: &str, error: &globset::Error) -> PatternError {
    PatternError { pattern: pattern.to_owned(), problem: format!("is no path and no glob: {}", error.kind()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(paths: &[&str], exclude: &[&str]) -> Patterns {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Patterns::new(&owned(paths), &owned(exclude), Path::new("/srv"), vec![PathBuf::from("/var/lib/own")]).unwrap()
    }

    #[test]
    fn paths_directories_and_globs() {
        let some =
            patterns(&["logs/app.log", "/var/log/app/", "/srv/**/*.log", "/x/*/b?.txt"], &["debug*", "/srv/old/**"]);
        for wanted in ["/srv/logs/app.log", "/var/log/app/a", "/var/log/app/b/c.txt", "/srv/a/b/c.log", "/x/1/b2.txt"] {
            assert!(some.wants(Path::new(wanted)), "{wanted}");
        }
        for other in [
            "/srv/app.txt",
            "/var/log/app/.hidden",
            "/var/log/app/a.gz",
            "/srv/debug.log",
            "/srv/old/a.log",
            "/x/1/2/b2.txt",
        ] {
            assert!(!some.wants(Path::new(other)), "{other}");
        }
        assert_eq!(some.all[3].depth, 1);
        assert_eq!(some.all[2].base, Path::new("/srv"));
    }

    #[test]
    fn compressed_files_are_read_when_they_are_named() {
        let some = patterns(&["/a/*.gz", "/b/x.log.1.gz", "/c/*"], &[]);
        assert!(some.wants(Path::new("/a/app.log.2.gz")));
        assert!(some.wants(Path::new("/b/x.log.1.gz")));
        assert!(!some.wants(Path::new("/c/app.log.2.gz")));
    }

    #[test]
    fn the_agents_own_files_are_not_wanted() {
        assert!(!patterns(&["/var/**/*"], &[]).wants(Path::new("/var/lib/own/errtail.log")));
    }
}
