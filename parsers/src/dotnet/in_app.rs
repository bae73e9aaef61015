//! Whose code a frame is.
//!
//! In: the frames of a record. Out: `in_app` on each. Invariant: a known library is never the application; what is not
//! known is the application, unless the trace itself shows otherwise. Does not read the file system.

mod libraries;

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::record::{Exception, Frame};
use libraries::LIBRARIES;

/// Whether a declaring type belongs to a known library. A type without a name is a dynamic method.
pub(super) fn is_library(module: Option<&str>) -> bool {
    let Some(module) = module else { return true };
    let module = module.trim_start_matches("global::");
    let mut names = module.split(['.', '+', '`', '[', ':']).scan(0, |end, name| {
        *end += name.len();
        let root = &module[..*end];
        *end += 1;
        Some(root)
    });
    names.by_ref().take(2).any(|root| LIBRARIES.binary_search_by(|known| without_case(known, root)).is_ok())
}

fn without_case(one: &str, other: &str) -> Ordering {
    one.bytes().map(|c| c.to_ascii_lowercase()).cmp(other.bytes().map(|c| c.to_ascii_lowercase()))
}

/// Marks the application's frames.
pub(super) fn mark(exceptions: &mut [Exception]) {
    let frames = || exceptions.iter().flat_map(|exception| &exception.frames);
    let built_here = |frame: &Frame| frame.file.as_deref().is_some_and(|file| !file.starts_with("/_/"));
    // Roots whose code was built with its sources: those of this application.
    let own: HashSet<String> = frames()
        .filter(|frame| built_here(frame) && !is_library(frame.module.as_deref()))
        .filter_map(|frame| root(frame).map(str::to_owned))
        .collect();
    for frame in exceptions.iter_mut().flat_map(|exception| &mut exception.frames) {
        let known = if frame.module.is_none() { frame.file.is_none() } else { is_library(frame.module.as_deref()) };
        let known = known || is_dynamic(frame);
        let foreign = !own.is_empty() && root(frame).is_some_and(|root| !own.contains(root)) && !is_entry(frame);
        frame.in_app = !known && (!foreign || built_here(frame));
    }
}

/// The first name of a namespace; none for types without one.
fn root(frame: &Frame) -> Option<&str> {
    let module = frame.module.as_deref()?;
    module.split_once('.').map(|(root, _)| root).filter(|root| !root.starts_with('<'))
}

fn is_entry(frame: &Frame) -> bool {
    frame.module.as_deref().is_some_and(|module| module == "Program" || module.starts_with("Program.<"))
}

/// Code that was generated while the program ran.
fn is_dynamic(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or("");
    let module = frame.module.as_deref().unwrap_or("");
    module == "CallSite"
        || module.eq_ignore_ascii_case("DynamicClass")
        || module.starts_with("InvokeStub_")
        || function.starts_with("lambda_method")
        || frame.raw.as_deref().is_some_and(|raw| raw.contains("(Closure") || raw.starts_with("(wrapper"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(LIBRARIES.windows(2).all(|pair| without_case(pair[0], pair[1]) == Ordering::Less));
    }

    #[test]
    fn whole_names_only() {
        for library in
            ["System", "system.Linq.Enumerable", "Volo.Abp.Http", "Nest`1", "global::NLog.Logger", "Google.Apis"]
        {
            assert!(is_library(Some(library)), "{library}");
        }
        for own in ["Nestle.Shop", "MSales.Order", "Systematic", "Volo.Shop", "Org.Shop", "Program", "Ünit.Shop", ""] {
            assert!(!is_library(Some(own)), "{own}");
        }
        assert!(is_library(None));
    }
}
