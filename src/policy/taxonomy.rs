//! What failed: the built-in lists, and the walk along the chain of causes that they are held against.
//!
//! In: a chain of exceptions. Out: the category, the entry that says so, and which exception it said it of.
//! Invariant: the innermost exception that an entry firmly knows decides; what is only a hint decides when nothing
//! else says anything; a `final` entry is not overruled by its causes. The lists are TOML files beside this one;
//! `entry` tells their fields.

mod entry;

use std::cell::{LazyCell, OnceCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use errtail_parsers::{Exception, Platform, Record};

pub use entry::Entry;
use entry::{Says, Seen, Whose};

use super::host::{Endpoint, Hosts, Owner, cut};
use super::lists::List;
use super::{Category, PolicyError};

/// Types whose entries are remembered.
const MAX_TYPES: usize = 2048;
/// Bytes of a message that the lists' patterns are sought in.
const SOUGHT_BYTES: usize = 4096;

/// The entries of all lists, and an automaton that finds in one pass which of their message patterns may match.
#[derive(Debug)]
pub(super) struct Taxonomy {
    entries: Vec<(Vec<Platform>, Entry)>,
    literals: AhoCorasick,
    literal_count: usize,
    /// By an exception's type: which entries may know it, on which platform.
    by_type: Mutex<HashMap<String, Candidates>>,
}

/// Indices of the entries that may know a type, by platform.
type Candidates = Vec<(Platform, Arc<[usize]>)>;

/// What the lists say of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What failed.
    pub(super) category: Category,
    /// The entry that says so; none when nothing did.
    pub(super) entry: Option<String>,
    /// One line: of which exception, why.
    pub(super) reason: String,
}

impl Taxonomy {
    /// The entries of `lists`, with the user's categories for entries of these names.
    pub(super) fn new(lists: &[List], overrides: &BTreeMap<String, Category>) -> Result<Taxonomy, PolicyError> {
        let of_list = |list: &List| {
            let platforms = list.platform.clone();
            list.entries.clone().into_iter().map(move |entry| (platforms.clone(), entry))
        };
        let mut entries: Vec<_> = lists.iter().flat_map(of_list).collect();
        for (name, category) in overrides {
            let mut named = entries.iter_mut().filter(|(_, entry)| entry.name == *name).peekable();
            if named.peek().is_none() {
                let cause = format!("no entry is called {name:?}; `errtail rules` lists them");
                return Err(PolicyError::Setting { place: "policy.override".to_owned(), cause });
            }
            named.for_each(|(_, entry)| entry.overrule(*category));
        }
        let mut texts = Vec::new();
        for (_, entry) in &mut entries {
            entry.number_literals(&mut texts);
        }
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&texts)
            .map_err(|error| PolicyError::List { file: "message patterns", cause: error.to_string() })?;
        Ok(Taxonomy { entries, literals, literal_count: texts.len(), by_type: Mutex::default() })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// What failed, by the chain of `record`.
    pub(super) fn classify(&self, record: &Record, hosts: &Hosts) -> Finding {
        let known: Vec<Option<&Entry>> =
            record.exceptions.iter().map(|exception| self.entry_of(record.platform, exception)).collect();
        match decisive(&known, &depths(record)) {
            Some((index, entry)) => found(record, index, entry, hosts),
            None => Finding { category: Category::Defect, entry: None, reason: unknown(record) },
        }
    }

    /// The first entry whose conditions hold for one exception.
    fn entry_of(&self, platform: Platform, exception: &Exception) -> Option<&Entry> {
        let message = cut(&exception.message, SOUGHT_BYTES);
        let present = || {
            let mut present = vec![false; self.literal_count];
            for found in self.literals.find_overlapping_iter(message) {
                present[found.pattern().as_usize()] = true;
            }
            present
        };
        let seen = Seen { exception, message, present: LazyCell::new(&present), calls: OnceCell::new() };
        let candidates = self.candidates(platform, &exception.kind);
        candidates.iter().map(|index| &self.entries[*index].1).find(|entry| entry.holds_beside_type(&seen))
    }

    /// The entries that may know an exception of this type, in their order: they are asked for each type once.
    fn candidates(&self, platform: Platform, kind: &str) -> Arc<[usize]> {
        let mut known = self.by_type.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(kind).and_then(|found| found.iter().find(|(of, _)| *of == platform)) {
            return Arc::clone(&found.1);
        }
        let takes = |(platforms, entry): &(Vec<Platform>, Entry)| {
            (platforms.is_empty() || platforms.contains(&platform)) && entry.takes_type(kind)
        };
        let all = self.entries.iter().enumerate().filter(|(_, entry)| takes(entry));
        let found: Arc<[usize]> = all.map(|(index, _)| index).collect();
        if known.len() >= MAX_TYPES {
            known.clear();
        }
        known.entry(kind.to_owned()).or_default().push((platform, Arc::clone(&found)));
        found
    }
}

/// Which of a chain decides, outermost first: see `Says`.
fn decisive<'a>(known: &[Option<&'a Entry>], depths: &[usize]) -> Option<(usize, &'a Entry)> {
    let saying = |says: Says| {
        let all = known.iter().enumerate().filter_map(|(index, entry)| entry.map(|entry| (index, entry)));
        all.filter(move |(_, entry)| entry.says == says)
    };
    saying(Says::Final)
        .next()
        .or_else(|| saying(Says::Firm).rev().max_by_key(|(index, _)| depths.get(*index)))
        .or_else(|| saying(Says::Weak).next())
        .or_else(|| saying(Says::Hint).next())
}

/// How many causes lie between each exception of the chain and the outermost; members of one aggregate are level.
fn depths(record: &Record) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(record.exceptions.len());
    for (index, exception) in record.exceptions.iter().enumerate() {
        let parent = exception.cause_of.as_ref().map_or(index.checked_sub(1), |cause| Some(cause.parent));
        let depth = parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
        depths.push(depth);
    }
    depths
}

fn found(record: &Record, index: usize, entry: &Entry, hosts: &Hosts) -> Finding {
    let endpoint = entry.whose.and_then(|_| endpoint(record, index, hosts));
    let category = match (entry.whose, &endpoint) {
        (Some(whose), Some(endpoint)) => by_host(whose, endpoint, entry.category),
        _ => entry.category,
    };
    let kind = record.exceptions.get(index).map_or("", |exception| exception.kind.as_str());
    let place = match index {
        0 => String::new(),
        _ => format!(", cause {index} of {}", record.exceptions.len() - 1),
    };
    let host = endpoint.map(|endpoint| match endpoint.owner {
        Owner::Own => format!("; {} is a host of one's own", endpoint.host),
        Owner::Loopback => format!("; {} is this machine", endpoint.host),
        Owner::ThirdParty => format!("; {} is a third party's host", endpoint.host),
    });
    let reason = format!(
        "{}: {kind}{place} is {} (list entry {}){}",
        category.name(),
        entry.what,
        entry.name,
        host.unwrap_or_default()
    );
    Finding { category, entry: Some(entry.name.clone()), reason }
}

/// The host that the deciding exception names, or else its causes, or else what is around it.
fn endpoint(record: &Record, index: usize, hosts: &Hosts) -> Option<Endpoint> {
    let causes = record.exceptions.iter().skip(index);
    let around = record.exceptions.iter().take(index).rev();
    causes.chain(around).find_map(|exception| {
        hosts.find(&exception.message).or_else(|| {
            let property =
                |key: &str| exception.properties.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            let host = property("hostname").or_else(|| property("address"))?;
            hosts.find(&format!("({host}:{})", property("port").map_or("0", String::as_str)))
        })
    })
}

fn by_host(whose: Whose, endpoint: &Endpoint, stated: Category) -> Category {
    match (whose, endpoint.owner) {
        (Whose::Client, Owner::Own) => Category::Infra,
        (Whose::Client, Owner::Loopback) if endpoint.is_infra_port() => Category::Infra,
        (Whose::Client, _) => stated,
        (Whose::Transport, _) if endpoint.is_infra_port() => Category::Infra,
        (Whose::Transport, Owner::ThirdParty) => Category::Integration,
        (Whose::Transport, Owner::Loopback) if endpoint.port.is_some() => Category::Integration,
        (Whose::Transport, _) => stated,
    }
}

fn unknown(record: &Record) -> String {
    let innermost = record.exceptions.last().map_or("", |exception| exception.kind.as_str());
    format!("defect: no list knows {innermost}, and what nothing else explains is a bug until shown otherwise")
}
