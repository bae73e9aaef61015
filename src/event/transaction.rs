//! The name of the work that failed, where the log tells it.
//!
//! In: a record. Out: a route, controller, job or command. Invariant: a name is of few values: never a path with ids
//! in it. Does not guess between two requests that run at once.

use errtail_parsers::{Platform, Record};

use super::symfony;

/// The transaction's name.
pub(super) fn of(record: &Record, before: &[String]) -> Option<String> {
    if let Some(name) = symfony::transaction(record) {
        return Some(name);
    }
    let told = record
        .fields
        .iter()
        .find(|(name, _)| matches!(name.as_str(), "transaction" | "route" | "action" | "ActionName"));
    if let Some((_, name)) = told {
        return Some(name.clone());
    }
    match record.platform {
        Platform::Csharp => endpoint(before),
        Platform::Php => laravel(record),
        _ => None,
    }
}

// Executing endpoint 'HTTP: GET /orders/{id:int}'
/// The endpoint that was begun and not ended, if it is the only one.
fn endpoint(before: &[String]) -> Option<String> {
    let mut running: Vec<&str> = Vec::new();
    for line in before {
        if let Some(name) = quoted(line, "Executing endpoint '") {
            running.push(name);
        } else if let Some(name) = quoted(line, "Executed endpoint '")
            && let Some(at) = running.iter().rposition(|other| *other == name)
        {
            running.remove(at);
        }
    }
    let [name] = running.as_slice() else { return None };
    let name = name.strip_prefix("HTTP: ").unwrap_or(name);
    // Shop.Controllers.OrdersController.Get (Shop)
    Some(name.split(" (").next().unwrap_or(name).to_owned())
}

fn quoted<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    rest.rsplit_once('\'').map(|(name, _)| name)
}

/// The controller's, job's or command's method: the outermost frame in one of Laravel's directories for these.
fn laravel(record: &Record) -> Option<String> {
    const ENTRIES: [&str; 5] =
        ["\\Http\\Controllers\\", "\\Jobs\\", "\\Console\\Commands\\", "\\Listeners\\", "\\Livewire\\"];
    record.exceptions.iter().flat_map(|exception| exception.frames.iter().rev()).find_map(|frame| {
        let (module, function) = (frame.module.as_deref()?, frame.function.as_deref()?);
        let own = !module.starts_with("Illuminate\\") && ENTRIES.iter().any(|entry| module.contains(entry));
        // Laravel calls a job by its class alone.
        let is_job = function == "handle" && ["\\Jobs\\", "\\Listeners\\"].iter().any(|entry| module.contains(entry));
        let name = if is_job { module.to_owned() } else { format!("{module}@{function}") };
        (own && !function.contains("{closure")).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_endpoint_that_runs_names_the_transaction() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let one = lines(&[
            "Executing endpoint 'HTTP: GET /a'",
            "Executed endpoint 'HTTP: GET /a'",
            "Executing endpoint 'Shop.Api.Orders.Get (Shop)'",
        ]);
        assert_eq!(endpoint(&one).as_deref(), Some("Shop.Api.Orders.Get"));
        let two = lines(&["Executing endpoint 'HTTP: GET /a'", "Executing endpoint 'HTTP: GET /b'"]);
        assert_eq!(endpoint(&two), None);
    }
}
