//! Where the store lies.
//!
//! In: what is configured, and the environment. Out: one directory. Invariant: the same rule for the agent and for
//! those who look at its store. Does not make the directory.

use std::path::{Path, PathBuf};

use crate::system;

/// The state directory: what is configured, else systemd's `$STATE_DIRECTORY`, else `/var/lib/errtail` for root,
/// else `$XDG_STATE_HOME/errtail`, else `~/.local/state/errtail`.
pub fn resolve(configured: Option<&Path>) -> PathBuf {
    choose(configured, system::is_root(), |name| std::env::var_os(name).map(PathBuf::from))
}

fn choose(configured: Option<&Path>, root: bool, get: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let get = |name| get(name).filter(|path| path.is_absolute());
    if let Some(path) = configured {
        return path.to_owned();
    }
    // systemd names several, with colons between, where a unit asks for several.
    if let Some(path) = get("STATE_DIRECTORY").and_then(|path| Some(path.to_str()?.split(':').next()?.into())) {
        return path;
    }
    if root {
        return PathBuf::from("/var/lib/errtail");
    }
    let home = || get("HOME").or_else(|| get("USERPROFILE")).unwrap_or_default().join(".local/state");
    get("XDG_STATE_HOME").unwrap_or_else(home).join("errtail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_given_wins() {
        type Environment = &'static [(&'static str, &'static str)];
        let rows: [(Environment, bool, &str); 6] = [
            (&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/home/ann")], true, "/var/lib/a"),
            (&[("HOME", "/root")], true, "/var/lib/errtail"),
            (&[("XDG_STATE_HOME", "/state"), ("HOME", "/home/ann")], false, "/state/errtail"),
            (&[("XDG_STATE_HOME", ""), ("HOME", "/home/ann")], false, "/home/ann/.local/state/errtail"),
            (&[("HOME", "/home/ann")], false, "/home/ann/.local/state/errtail"),
            (&[], false, ".local/state/errtail"),
        ];
        for (environment, root, expected) in rows {
            let get = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            assert_eq!(choose(None, root, get), Path::new(expected), "{environment:?}");
            assert_eq!(choose(Some(Path::new("here")), root, get), Path::new("here"));
        }
    }
}
