//! Symfony: the request that an error was thrown in, by the route that was matched before it, and the command.
//!
//! In: a record, the lines before it. Out: the record with its request and route; tags as sentry-symfony sets them.
//! Invariant: only what Symfony's own listener printed is completed. Does not guess a route from a URL.

use errtail_parsers::{Record, Request};
use serde_json::{Map, Value};

const ROUTE: &str = "route";

// [2026-11-23T08:50:46+00:00] request.INFO: Matched route "cart". {"route":"cart",…,"request_uri":"https://x/cart","method":"GET"} []
/// Gives a request's failure the route that was matched last: Symfony writes a request's entries together, once it fails.
pub(super) fn complete(record: &mut Record, before: &[String]) {
    // No route found for "GET /wp-login.php"
    let unmatched = record.exceptions.first().is_some_and(|outer| outer.message.starts_with("No route found"));
    if !is_of(record, "symfony.uncaught") || record.request.is_some() || unmatched {
        return;
    }
    let Some(context) = before.iter().rev().find_map(|line| matched(line)) else { return };
    let text = |key: &str| context.get(key).and_then(Value::as_str).map(str::to_owned);
    record.request = Some(Request { method: text("method"), url: text("request_uri"), status: None });
    let named = text(ROUTE).filter(|_| !record.fields.iter().any(|(name, _)| name == ROUTE));
    record.fields.extend(named.map(|name| (ROUTE.to_owned(), name)));
}

/// The tags of sentry-symfony's `RequestListener` and `ConsoleListener`.
// Error thrown while running command "stock:import --all". Message: "no stock" {"command":"stock:import --all",…}
pub(super) fn tag(record: &Record) -> Option<(String, String)> {
    let field = |name: &str| record.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if is_of(record, "symfony.console") {
        let name = field("command")?.split(' ').next()?.trim_matches(['\'', '"']);
        return Some(("console.command".to_owned(), name.to_owned()));
    }
    is_of(record, "symfony.uncaught").then(|| Some((ROUTE.to_owned(), field(ROUTE)?.to_owned())))?
}

fn is_of(record: &Record, mechanism: &str) -> bool {
    record.mechanism.as_ref().is_some_and(|found| found.kind == mechanism)
}

fn matched(line: &str) -> Option<Map<String, Value>> {
    let (_, rest) = line.split_once("Matched route ")?;
    let context = &rest[rest.find("{\"route\":")?..];
    serde_json::Deserializer::from_str(context).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use errtail_parsers::Mechanism;

    use super::*;

    #[test]
    fn the_route_that_was_matched_last() {
        let mut record = Record {
            mechanism: Some(Mechanism { kind: "symfony.uncaught".to_owned(), handled: Some(false) }),
            ..Record::default()
        };
        let before = [
            r#"[2026-11-23T08:50:45+00:00] request.INFO: Matched route "home". {"route":"home","request_uri":"https://x/","method":"GET"} []"#,
            r#"{"message":"Matched route \"cart\".","context":{"route":"cart","route_parameters":{"id":7},"request_uri":"https://x/cart/7","method":"POST"},"level":200}"#,
            "[2026-11-23T08:50:46+00:00] security.DEBUG: Stored the token. [] []",
        ];
        complete(&mut record, &before.map(str::to_owned));
        let request = record.request.as_ref().unwrap();
        assert_eq!((request.method.as_deref(), request.url.as_deref()), (Some("POST"), Some("https://x/cart/7")));
        assert_eq!(tag(&record), Some(("route".to_owned(), "cart".to_owned())));
        record.mechanism = Some(Mechanism { kind: "symfony.console".to_owned(), handled: Some(false) });
        record.fields.push(("command".to_owned(), "'stock:import' --all".to_owned()));
        assert_eq!(tag(&record), Some(("console.command".to_owned(), "stock:import".to_owned())));
    }
}
