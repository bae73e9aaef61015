//! Symfony: the request that an error was thrown in, by the route that was matched before it, and the command.
//!
//! In: a record, the lines before it. Out: the record with its request and route; tags as sentry-symfony sets them.
//! Invariant: only what Symfony's own listener printed is completed. Does not guess a route from a URL.

use errtail_parsers::{Exception, Record, Request};
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

/// The tags of sentry-symfony's `RequestListener`, `ConsoleListener` and `MessengerListener`, as far as a log tells them.
// Error thrown while running command "stock:import --all". Message: "no stock" {"command":"stock:import --all",…}
pub(super) fn tags(record: &Record) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut tag = |name: &str, value: Option<&str>| {
        tags.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    if is_of(record, "symfony.console") {
        tag("console.command", command(record));
        // Symfony's console exits with the exception's code, where it has one.
        let code = record.exceptions.first().and_then(|outer| outer.code.as_deref());
        let code = code.filter(|code| *code != "0" && code.parse::<i64>().is_ok());
        tag("console.command.exit_code", Some(code.unwrap_or("1")));
    } else if is_of(record, "symfony.messenger") {
        tag("messenger.message_class", field(record, "class"));
    } else if is_of(record, "symfony.uncaught") {
        tag(ROUTE, field(record, ROUTE));
    }
    tags
}

/// The name that sentry-symfony gives the work of a request or a command: `POST cart`, `stock:import`.
pub(super) fn transaction(record: &Record) -> Option<String> {
    if is_of(record, "symfony.console") {
        return command(record).map(str::to_owned);
    }
    let route = field(record, ROUTE).filter(|_| is_of(record, "symfony.uncaught"))?;
    let method = record.request.as_ref()?.method.as_ref()?;
    Some(format!("{method} {route}"))
}

/// Whether the SDK sends what this one wraps in its place: the handlers' own exceptions.
pub(super) fn is_wrapper(exception: &Exception) -> bool {
    matches!(
        exception.kind.strip_prefix("Symfony\\Component\\Messenger\\Exception\\"),
        Some("HandlerFailedException" | "DelayedMessageHandlingException")
    )
}

fn command(record: &Record) -> Option<&str> {
    Some(field(record, "command")?.split(' ').next()?.trim_matches(['\'', '"']))
}

fn field<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
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
        let told = |record: &Record| {
            let tags = tags(record).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            (tags.join(" "), transaction(record))
        };
        assert_eq!(told(&record), ("route=cart".to_owned(), Some("POST cart".to_owned())));
        record.mechanism = Some(Mechanism { kind: "symfony.console".to_owned(), handled: Some(false) });
        record.fields.push(("command".to_owned(), "'stock:import' --all".to_owned()));
        let console = "console.command=stock:import console.command.exit_code=1";
        assert_eq!(told(&record), (console.to_owned(), Some("stock:import".to_owned())));
        record.mechanism = Some(Mechanism { kind: "symfony.messenger".to_owned(), handled: Some(false) });
        record.fields.push(("class".to_owned(), "Stock\\Refill".to_owned()));
        assert_eq!(told(&record).0, "messenger.message_class=Stock\\Refill");
    }
}
