//! Which DSN an event goes to: the one that a rule names, that of the first route whose input this is, or the default.
//!
//! In: the configured DSNs, a finding's record. Out: the name under which the store keeps the events of a DSN.
//! Invariant: a DSN is checked before anything is read, and no message shows one. Does not send.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errtail_parsers::Record;
use globset::{GlobBuilder, GlobMatcher};
use sentry::types::Dsn;
use serde::Deserialize;

use crate::deliver::dsn_key;

/// A table `[[route]]`: a DSN, and the inputs that are sent to it. Each list that is given must hold one that matches;
/// a route without a list is only there for rules to name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// What rules call it: `dsn = "billing"`.
    pub name: Option<String>,
    /// Globs of log files; one without a slash is held against the file's name.
    pub paths: Vec<String>,
    /// Globs of Kubernetes' namespaces.
    pub namespaces: Vec<String>,
    /// Globs of containers' names.
    pub containers: Vec<String>,
    /// Where the events go.
    pub dsn: Option<String>,
    /// A file that holds the DSN, for mounted secrets.
    pub dsn_file: Option<PathBuf>,
    /// An environment variable that holds the DSN.
    pub dsn_env: Option<String>,
}

/// What is wrong with a DSN or a route.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct RouteError {
    /// `dsn`, the route or the rule.
    place: String,
    /// What is wrong, and what to do.
    problem: String,
}

/// The DSNs, and what goes where.
#[derive(Debug)]
pub struct Routes {
    dsns: Vec<Dsn>,
    default: Option<Arc<str>>,
    ready: Vec<Ready>,
    /// DSNs by the text by which rules name them.
    named: HashMap<String, Arc<str>>,
}

/// A route, made ready.
#[derive(Debug)]
struct Ready {
    name: String,
    key: Arc<str>,
    paths: Vec<GlobMatcher>,
    file_names: Vec<GlobMatcher>,
    namespaces: Vec<GlobMatcher>,
    containers: Vec<GlobMatcher>,
}

impl Routes {
    /// Checks all DSNs: the default, those of `routes`, and those that rules name (`rules`: the rule, and a route's
    /// name or a DSN). Paths are relative to `current`.
    ///
    /// # Errors
    /// The first that is no DSN, no glob, or no route's name.
    pub fn new<'a>(
        default: Option<&str>,
        routes: &[Route],
        rules: impl Iterator<Item = (String, &'a str)>,
        current: &Path,
    ) -> Result<Routes, RouteError> {
        let mut made = Routes { dsns: Vec::new(), default: None, ready: Vec::new(), named: HashMap::new() };
        made.default = default.map(|text| made.add("dsn", text)).transpose()?;
        for (index, route) in routes.iter().enumerate() {
            let number = index + 1;
            let place =
                route.name.as_ref().map_or(format!("route {number}"), |name| format!("route {number} ({name})"));
            let Some(text) = route.dsn.as_deref() else {
                return Err(error(&place, "has no DSN: give it `dsn`, `dsn_file` or `dsn_env`"));
            };
            let key = made.add(&place, text)?;
            let lists = [&route.paths, &route.namespaces, &route.containers];
            match &route.name {
                Some(name) => drop(made.named.insert(name.clone(), Arc::clone(&key))),
                None if lists.iter().all(|list| list.is_empty()) => {
                    return Err(error(&place, "takes nothing: give it `paths`, `namespaces`, `containers` or a name"));
                }
                None => {}
            }
            made.ready.push(Ready::new(place, key, route, current)?);
        }
        for (place, text) in rules {
            if !made.named.contains_key(text) {
                if !text.contains("://") {
                    return Err(error(&place, &format!("dsn: no route is called `{text}`")));
                }
                let key = made.add(&place, text)?;
                made.named.insert(text.to_owned(), key);
            }
        }
        Ok(made)
    }

    /// Each DSN once.
    pub fn dsns(&self) -> &[Dsn] {
        &self.dsns
    }

    /// The DSNs' names in the store, each with whose it is.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let default = self.default.as_deref().map(|key| ("everything else", key));
        let named = self.named.iter().filter(|(name, _)| name.contains("://")).map(|(_, key)| ("a rule", &**key));
        self.ready.iter().map(|ready| (ready.name.as_str(), &*ready.key)).chain(named).chain(default)
    }

    /// Where the events of a record go; `rule` is what a rule says of it.
    pub fn of(&self, record: &Record, rule: Option<&str>) -> Option<&Arc<str>> {
        let named = rule.and_then(|text| self.named.get(text));
        let routed = || self.ready.iter().find(|route| route.takes(record)).map(|route| &route.key);
        named.or_else(routed).or(self.default.as_ref())
    }

    fn add(&mut self, place: &str, text: &str) -> Result<Arc<str>, RouteError> {
        let dsn: Dsn = text.trim().parse().map_err(|cause| {
            error(place, &format!("the DSN is not one ({cause}): copy it from the project's settings"))
        })?;
        let key = Arc::from(dsn_key(&dsn));
        if !self.dsns.contains(&dsn) {
            self.dsns.push(dsn);
        }
        Ok(key)
    }
}

impl Ready {
    fn new(place: String, key: Arc<str>, route: &Route, current: &Path) -> Result<Ready, RouteError> {
        let (names, paths): (Vec<_>, Vec<_>) = route.paths.iter().cloned().partition(|glob| !glob.contains('/'));
        let paths: Vec<String> = paths.iter().map(|glob| current.join(glob).to_string_lossy().into_owned()).collect();
        Ok(Ready {
            paths: globs(&place, &paths)?,
            file_names: globs(&place, &names)?,
            namespaces: globs(&place, &route.namespaces)?,
            containers: globs(&place, &route.containers)?,
            name: place,
            key,
        })
    }

    fn takes(&self, record: &Record) -> bool {
        let told =
            |key: &str| record.origin.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str());
        let path = Path::new(&record.source.path);
        let any = |globs: &[GlobMatcher], text: &str| globs.iter().any(|glob| glob.is_match(text));
        let by_path = self.paths.iter().any(|glob| glob.is_match(path))
            || path.file_name().is_some_and(|name| self.file_names.iter().any(|glob| glob.is_match(name)));
        let is_open = |globs: &[GlobMatcher]| globs.is_empty();
        let no_paths = is_open(&self.paths) && is_open(&self.file_names);
        if no_paths && is_open(&self.namespaces) && is_open(&self.containers) {
            return false;
        }
        (no_paths || by_path)
            && (is_open(&self.namespaces) || any(&self.namespaces, told("namespace")))
            && (is_open(&self.containers) || any(&self.containers, told("container")))
    }
}

fn globs(place: &str, texts: &[String]) -> Result<Vec<GlobMatcher>, RouteError> {
    let glob = |text: &String| {
        let made = GlobBuilder::new(text).literal_separator(true).build();
        made.map(|glob| glob.compile_matcher()).map_err(|cause| error(place, &cause.to_string()))
    };
    texts.iter().map(glob).collect()
}

fn error(place: &str, problem: &str) -> RouteError {
    RouteError { place: place.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use errtail_parsers::Source;

    use super::*;

    const DEFAULT: &str = "https://aaa@sentry.example.com/1";
    const BILLING: &str = "https://bbb@sentry.example.com/2";
    const OTHER: &str = "https://ccc@sentry.example.com/3";

    fn key(dsn: &str) -> String {
        dsn_key(&dsn.parse().unwrap())
    }

    fn record(path: &str, origin: &[(&str, &str)]) -> Record {
        Record {
            source: Source { path: path.to_owned(), ..Source::default() },
            origin: origin.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Record::default()
        }
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn rules_come_before_routes_and_routes_before_the_default() {
        let billing = Route {
            name: Some("billing".to_owned()),
            paths: list(&["logs/billing/**", "invoice-*.log"]),
            dsn: Some(BILLING.to_owned()),
            ..Route::default()
        };
        let pods = Route {
            namespaces: list(&["shop-*"]),
            containers: list(&["api", "worker"]),
            dsn: Some(OTHER.to_owned()),
            ..Route::default()
        };
        let rules = [("rule 1".to_owned(), "billing"), ("rule 2".to_owned(), OTHER)];
        let routes = Routes::new(Some(DEFAULT), &[billing, pods], rules.into_iter(), Path::new("/srv")).unwrap();
        assert_eq!(routes.dsns().len(), 3);
        let of = |record: &Record, rule| routes.of(record, rule).map(|key| key.to_string());
        let plain = record("/srv/logs/app.log", &[]);
        assert_eq!(of(&plain, None), Some(key(DEFAULT)));
        assert_eq!(of(&plain, Some("billing")), Some(key(BILLING)));
        assert_eq!(of(&plain, Some(OTHER)), Some(key(OTHER)));
        for path in ["/srv/logs/billing/a/b.log", "/elsewhere/invoice-7.log"] {
            assert_eq!(of(&record(path, &[]), None), Some(key(BILLING)), "{path}");
        }
        let pod = |namespace, container| {
            of(&record("/var/log/pods/x/0.log", &[("namespace", namespace), ("container", container)]), None)
        };
        assert_eq!(pod("shop-eu", "api"), Some(key(OTHER)));
        assert_eq!(pod("shop-eu", "nginx"), Some(key(DEFAULT)));
        assert_eq!(pod("blog", "api"), Some(key(DEFAULT)));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let routes = |route: Route, rule: Option<&'static str>| {
            let rules = rule.map(|text| ("rule 1".to_owned(), text));
            Routes::new(None, &[route], rules.into_iter(), Path::new("/")).unwrap_err().to_string()
        };
        let unused = Route { dsn: Some(BILLING.to_owned()), ..Route::default() };
        assert!(routes(unused, None).starts_with("route 1: takes nothing"));
        let paths = list(&["*.log"]);
        let good = Route { dsn: Some(BILLING.to_owned()), paths, ..Route::default() };
        assert!(routes(Route::default(), None).starts_with("route 1: has no DSN"));
        assert!(routes(good.clone(), Some("bililng")).contains("no route is called `bililng`"));
        let bad = Route { dsn: Some("https://verysecret@".to_owned()), ..good.clone() };
        let said = routes(bad, None);
        assert!(said.starts_with("route 1: the DSN is not one") && !said.contains("verysecret"), "{said}");
        let said = routes(Route { paths: list(&["a[/"]), ..good }, None);
        assert!(said.starts_with("route 1: "), "{said}");
    }
}
