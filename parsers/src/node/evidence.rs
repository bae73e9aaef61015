//! Who printed an exception, as far as the text tells: the evidence that a policy judges.
//!
//! In: a record with its exceptions, and what stands around them. Out: a mechanism. Invariant: `handled` is said
//! only where a runtime's or framework's own words show it. Does not judge.
//!
//! | mechanism | handled | what shows it |
//! |---|---|---|
//! | `node.uncaught_exception` | false | Node's crash output; `uncaughtException` before the error |
//! | `node.unhandled_rejection` | false | the same of a promise; `unhandledRejection`; `UnhandledPromiseRejectionWarning` |
//! | `node.unhandled_error_event` | false | `Unhandled error event`, as clients without a listener print it |
//! | `winston.exceptions`, `winston.rejections` | false | `exception: true`, `rejection: true` in the entry |
//! | `express.default_handler` | false | a bare stack with calls of Express's router |
//! | `hono.default_handler` | false | the same with calls of Hono, whatever properties the error has |
//! | `koa.default_handler` | false | a bare stack, indented by two, behind a blank line |
//! | `fastify.default_handler` | false | `reqId`, `req`, `res` and `err` in one entry, the message is the error's (true below 500) |
//! | `nest.exceptions_handler` | false | the context `ExceptionsHandler`, or `ExceptionHandler` at the start |
//! | `next.handler` | false | `⨯` or `- error` before the error, or the property `digest` |
//! | `hapi.default_handler` | false | `Debug: handler, error` above the error; good's layout |
//! | `sveltekit.handle_error` | false | `[500] GET /path` above the error (true below 500) |
//! | `pino_http` | false | `err`, `res` and `responseTime` in one entry (true below 500) |
//! | `lambda.invoke` | false | `Invoke Error`, or `errorType` in the entry |
//! | `cloudflare.uncaught` | false | `outcome: exception` of a Worker |
//! | `lambda.uncaught` | false | `Uncaught Exception` of the Lambda runtime |
//! | `h3.unhandled` | false | the property `unhandled`, as h3 puts it into what its handler did not expect |
//! | `firebase.logger` | true | the innermost call is the logger's own: a text that was logged |
//! | `trpc.on_error` | false | a `TRPCError` of the code `INTERNAL_SERVER_ERROR`, as tRPC wraps what a procedure threw |
//! | `graphql.resolver` | false | the error's place in a query (`path` and `locations`), as the executor of a query adds it |
//! | `node.answered` | by it | the access log's lines beside an error without words: false with a 5xx, true with another of the same second |
//! | `npm` | true | `npm ERR!` or `5 verbose stack` before each line: npm's own failure |
//! | `node.exited` | false | the line behind says that the process ended with a failure |
//! | `node.bare_stack` | none | nothing but the stack: Express without calls of its own, or `console.error(error.stack)` |
//! | `node.bare_error` | none | the same with the error's properties, as `console.error(error)` prints them |

use serde_json::Value;

use super::access;
use crate::json::Object;
use crate::{Exception, Mechanism};

/// Bytes of a time as far as its second.
const SECOND_BYTES: usize = "2026-03-04T05:06:07".len();

fn mechanism(kind: &str, handled: Option<bool>) -> Option<Mechanism> {
    Some(Mechanism { kind: kind.to_owned(), handled })
}

/// From the words before an error.
pub(crate) fn in_words(before: &str) -> Option<Mechanism> {
    let words = before.to_ascii_lowercase();
    let has = |word: &str| words.contains(word);
    if has("invoke error") || words.starts_with("unable to import module '") {
        mechanism("lambda.invoke", Some(false))
    } else if has("unhandledpromiserejectionwarning")
        || has("unhandledrejection")
        || has("unhandled rejection")
        || has("unhandled promise rejection")
        || has("uncaught (in promise)")
        || has("possibly unhandled")
    {
        mechanism("node.unhandled_rejection", Some(false))
    } else if has("uncaughtexception")
        || has("uncaught exception")
        || has("exception origin:")
        || words.starts_with("uncaught")
    {
        mechanism("node.uncaught_exception", Some(false))
    } else if has("unhandled error event") || has("unhandled 'error' event") {
        mechanism("node.unhandled_error_event", Some(false))
    } else if words == "request errored" {
        mechanism("pino_http", Some(false))
    } else {
        None
    }
}

/// From the mark before an error's text.
//  ⨯ TypeError: x
pub(crate) fn in_mark(line: &str) -> Option<Mechanism> {
    line.trim_start().starts_with('⨯').then(|| Mechanism { kind: "next.handler".to_owned(), handled: Some(false) })
}

/// From the layout that only a framework's own handler uses.
// - error ReferenceError: x · 260105/101112.140, (1:h:7:k:1) [error] message: x, stack: Error: x
pub(crate) fn in_format(format: &str, words: Option<&str>) -> Option<Mechanism> {
    let is_request_error = || words.is_some_and(|words| words.starts_with("message: "));
    match format {
        "next" => mechanism("next.handler", Some(false)),
        // What a node of a flow reports has the node's name; the whole error alone is the runtime's last word.
        "node-red" if words.is_none() => mechanism("node.uncaught_exception", Some(false)),
        "good" if is_request_error() => mechanism("hapi.default_handler", Some(false)),
        _ => None,
    }
}

/// From the logger's name.
pub(crate) fn in_logger(logger: &str) -> Option<Mechanism> {
    matches!(logger, "ExceptionsHandler" | "ExceptionHandler")
        .then(|| Mechanism { kind: "nest.exceptions_handler".to_owned(), handled: Some(false) })
}

/// From what a framework puts into an error that came up to it.
// unhandled: true · code: 'INTERNAL_SERVER_ERROR', name: 'TRPCError' · path: [ 'cart' ], locations: [ { line: 1, column: 2 } ]
pub(crate) fn in_error(first: &Exception) -> Option<Mechanism> {
    let property = |name: &str| first.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let is_trpc = first.kind == "TRPCError" || property("name") == Some("TRPCError");
    // A text that was logged: the logger makes an error of it, so that it has a place.
    let logged = first.frames.first().and_then(|frame| frame.file.as_deref());
    if logged.is_some_and(|file| file.contains("/node_modules/firebase-functions/lib/logger/")) {
        mechanism("firebase.logger", Some(true))
    } else if property("unhandled") == Some("true") {
        mechanism("h3.unhandled", Some(false))
    } else if is_trpc && first.code.as_deref() == Some("INTERNAL_SERVER_ERROR") {
        mechanism("trpc.on_error", Some(false))
    } else if property(QUERY_PATH).is_some() {
        mechanism("graphql.resolver", Some(false))
    } else {
        None
    }
}

/// The property that holds an error's place in a query.
pub(crate) const QUERY_PATH: &str = "graphql.path";

/// From a stack that stands alone: no words, no header.
/// `is_set_off` where the text stands as Koa prints it.
pub(crate) fn in_bare_stack(chain: &[Exception], is_set_off: bool) -> Option<Mechanism> {
    let first = chain.first()?;
    if first.properties.iter().any(|(key, _)| key == "digest") {
        return mechanism("next.handler", Some(false));
    }
    if is_set_off {
        return mechanism("koa.default_handler", Some(false));
    }
    let files = || first.frames.iter().filter_map(|frame| frame.file.as_deref());
    let through = |part: &str| files().any(|file| file.contains(part));
    // Express 5, whose router is a package of its own, prints the properties, too.
    if first.properties.is_empty() && through("/node_modules/express/") || through("/node_modules/router/") {
        return mechanism("express.default_handler", Some(false));
    }
    if through("/node_modules/hono/") {
        return mechanism("hono.default_handler", Some(false));
    }
    let kind = if first.properties.is_empty() { "node.bare_stack" } else { "node.bare_error" };
    mechanism(kind, None)
}

/// From the line behind an error that says that its process ended.
pub(crate) fn in_end(behind: &[&str]) -> Option<Mechanism> {
    let next = behind.iter().find(|line| !line.trim().is_empty())?;
    access::ended(next).then(|| mechanism("node.exited", Some(false))).flatten()
}

/// From the access log's lines around an error that stands without words: those right behind it, and the one right
/// `above` it, as Express prints what nobody caught when it has answered. Requests overlap: a failed one counts
/// wherever it stands, one that went well only if it ended in the second of the error's own `time`.
pub(crate) fn in_answers(above: Option<&str>, behind: &[&str], time: Option<&str>) -> Option<Mechanism> {
    let mut answers = behind.iter().map_while(|line| Some((*line, access::status(line)?)));
    let failed = above.and_then(access::status).is_some_and(|status| status >= 500)
        || answers.clone().any(|(_, status)| status >= 500);
    if failed {
        return mechanism("node.answered", Some(false));
    }
    let second = time?.get(..SECOND_BYTES)?;
    let (line, _) = answers.find(|(line, _)| !access::is_probe(line))?;
    let is_near = access::time(line).is_some_and(|time| time.get(..SECOND_BYTES) == Some(second));
    is_near.then(|| mechanism("node.answered", Some(true))).flatten()
}

/// From the fields of an entry that is an object.
pub(crate) fn in_entry(entry: &Object, first: &Exception) -> Option<Mechanism> {
    let flag = |key: &str| entry.get(key) == Some(&Value::Bool(true));
    let message = ["msg", "message"].iter().find_map(|key| entry.get(*key)?.as_str()).unwrap_or("");
    if flag("exception") || message.starts_with("uncaughtException: ") {
        return mechanism("winston.exceptions", Some(false));
    }
    if flag("rejection") || message.starts_with("unhandledRejection: ") {
        return mechanism("winston.rejections", Some(false));
    }
    for key in ["context", "logger", "name"] {
        if let Some(found) = entry.get(key).and_then(Value::as_str).and_then(in_logger) {
            return Some(found);
        }
    }
    if entry.get("outcome").and_then(Value::as_str) == Some("exception") && entry.contains_key("scriptName") {
        return mechanism("cloudflare.uncaught", Some(false));
    }
    let lambda =
        entry.contains_key("errorType") || entry.get("message").is_some_and(|inner| inner.get("errorType").is_some());
    if lambda {
        return mechanism("lambda.invoke", Some(false));
    }
    let status = entry.get("res").and_then(|res| res.get("statusCode")).and_then(Value::as_u64);
    let failed = status.map(|status| status < 500);
    if entry.contains_key("err") && entry.contains_key("res") {
        if entry.contains_key("responseTime") {
            return mechanism("pino_http", failed);
        }
        if entry.contains_key("reqId") && first.message.starts_with(message)
            || message.starts_with(&first.message) && entry.contains_key("reqId")
        {
            return mechanism("fastify.default_handler", failed);
        }
    }
    in_words(message)
}
