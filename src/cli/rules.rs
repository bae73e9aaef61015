//! `errtail rules`: the lists by which records are judged, and how to name their entries.
//!
//! In: the configuration. Out: a table of the entries, or all of one entry. Invariant: what is shown is what is
//! used, the configuration's categories included. Does not judge.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use super::ConfigOption;
use super::status::plain_table;
use crate::policy::{Category, Policy};

/// Arguments of `errtail rules`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only entries whose name contains this; with all their patterns when it is the whole name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only entries of this category
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail rules`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = arguments.config.load().map_err(Box::<dyn Error>::from);
    let policy = match config.and_then(|config| super::policy(&config)) {
        Ok(policy) => policy,
        Err(error) => return super::usage_error(error.as_ref()),
    };
    let shown = show(&mut io::stdout().lock(), &policy, arguments).map(|found| match found {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("errtail: no entry of the lists is like that; `errtail rules` shows them all");
            ExitCode::FAILURE
        }
    });
    super::finish(shown.map_err(Box::from))
}

/// Whether anything was found.
fn show(out: &mut impl Write, policy: &Policy, arguments: &Arguments) -> io::Result<bool> {
    let name = arguments.name.as_deref().unwrap_or_default();
    let category = arguments.category.as_deref();
    let entries = policy.entries().filter(|entry| entry.name.contains(name));
    let mut entries: Vec<_> =
        entries.filter(|entry| category.is_none_or(|wanted| entry.category.name() == wanted)).collect();
    if let Some(whole) = entries.iter().find(|entry| entry.name == name) {
        entries = vec![whole];
    }
    let mut table = plain_table(&["entry", "category", "sent", "is"]);
    for entry in &entries {
        let sent = if policy.sends(entry.category) { "yes" } else { "never" };
        table.add_row([entry.name.as_str(), entry.category.name(), sent, entry.what.as_str()]);
    }
    writeln!(out, "{table}")?;
    if let [entry] = entries[..] {
        for (kind, patterns) in entry.conditions() {
            writeln!(out, "\n{kind}:")?;
            patterns.iter().try_for_each(|pattern| writeln!(out, "  {pattern}"))?;
        }
    }
    if arguments.name.is_none() && category.is_none() {
        let other = Category::Infra.name();
        writeln!(out, "\n`errtail rules NAME` shows an entry's patterns. In the configuration, the table")?;
        writeln!(out, "[policy.override] gives an entry another category: \"php.throttling\" = \"{other}\".")?;
    }
    Ok(!entries.is_empty())
}
