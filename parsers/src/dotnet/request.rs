//! Which request and which user an exception belongs to.
//!
//! In: a record with its message, fields and the lines before it. Out: `request` and `user`. Invariant: a line of
//! another request is never believed: it must name the same request id, or the exception's own message names the request.
//! Does not look behind the record.

use crate::record::{Record, Request, User};

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// Fills in what the record, its scopes and fields, or a line of the same request say.
pub(super) fn complete(record: &mut Record, before: &dyn Fn() -> Vec<String>) {
    let mut request = record.request.take().unwrap_or_default();
    let field = |names: &[&str]| {
        names.iter().find_map(|name| {
            let found =
                record.fields.iter().find(|(key, _)| key.rsplit('.').next().unwrap_or(key).eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty() && value != "null")
        })
    };
    request.url = request.url.or_else(|| field(&["RequestPath", "RequestUri", "RequestUrl", "url", "uri", "path"]));
    request.method =
        request.method.or_else(|| field(&["RequestMethod", "HttpMethod", "Method"])).map(|m| m.to_ascii_uppercase());
    request.status = request.status.or_else(|| field(&["StatusCode"]).and_then(|text| text.parse().ok()));
    let server = !record.logger.as_deref().is_some_and(|logger| logger.starts_with("System.Net.Http"));
    if let Some(named) = record.message.as_deref().filter(|_| server).and_then(in_text) {
        let same = request.url.is_none() || request.url == named.url;
        if same {
            request.url = request.url.or(named.url);
            request.method = request.method.or(named.method);
            request.status = request.status.or(named.status);
        }
    }
    // Other methods than HTTP's are no request's.
    request.method = request.method.filter(|method| METHODS.contains(&method.as_str()));
    if let Some(started) = started(record, &request, before) {
        request.url = request.url.or(started.url);
        request.method = request.method.or(started.method);
    }
    if record.user.is_none() {
        let user = User {
            id: field(&["UserId", "EnduserId", "sub"]),
            username: field(&["UserName", "User", "IdentityName", "Username", "Login"]),
        };
        record.user = (user != User::default()).then_some(user);
    }
    record.request = (request != Request::default()).then_some(request);
}

// Unhandled exception while processing GET /orders/2 · HTTP GET /orders/2 responded 500 in 253.67 ms
// POST /orders rejected with 400 · Request /search was cancelled by the client
fn in_text(text: &str) -> Option<Request> {
    let split = |text| str::split(text, [' ', '\n', '"', '\'']).filter(|word| !word.is_empty());
    let words: Vec<&str> = split(text).take(80).collect();
    // Below the first line, nouns are labels of anything.
    let first_line = split(text.lines().next().unwrap_or("")).count();
    let at = words.windows(2).enumerate().position(|(at, pair)| {
        let word = pair[0].trim_matches(['[', ']', '(', ')', ':', ',']);
        pair[1].starts_with('/') && (METHODS.contains(&word) || at < first_line && is_noun(word))
    })?;
    let method = words[at].trim_matches(['[', ']', '(', ')', ':', ',']);
    let url = words[at + 1].trim_end_matches([',', '.', ';', ':', ')', ']']);
    let status = words[at + 2..].windows(2).take(6).find_map(|pair| {
        let status = pair[1].trim_matches(['(', ')', ',', '.', ';', ':']).parse().ok();
        status.filter(|status| (100..600).contains(status) && introduces_status(pair[0]))
    });
    let method = METHODS.contains(&method).then(|| method.to_owned());
    Some(Request { method, url: Some(url.to_owned()), status })
}

fn is_noun(word: &str) -> bool {
    ["request", "path", "url", "uri", "route", "endpoint"].iter().any(|noun| word.eq_ignore_ascii_case(noun))
}

fn introduces_status(word: &str) -> bool {
    let word = word.trim_matches([':', '=']).to_ascii_lowercase();
    matches!(
        word.as_str(),
        "responded" | "returned" | "with" | "status" | "code" | "statuscode" | "" | "->" | "→" | "-" | ">"
    )
}

// Request starting HTTP/1.1 GET http://localhost:5000/orders/2 - - -
/// The start of the same request among the lines before: the one that names the same id.
fn started(record: &Record, known: &Request, before: &dyn Fn() -> Vec<String>) -> Option<Request> {
    if known.url.is_some() && known.method.is_some() {
        return None;
    }
    let id = request_id(record)?;
    let before = before();
    for (at, line) in before.iter().enumerate().rev() {
        let Some((_, rest)) = line.split_once("Request starting HTTP/") else { continue };
        // The id stands in the entry itself, or in its scopes, printed above its message.
        let scopes = at.checked_sub(1).map(|above| before[above].as_str());
        if !line.contains(&id) && !scopes.is_some_and(|scopes| scopes.contains(&id)) {
            continue;
        }
        let mut words = rest.split(' ').skip(1);
        let (method, url) = (words.next()?, words.next()?);
        let path = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or(url);
        let bare = |url: &str| url.split('?').next().map(str::to_owned);
        if known.url.as_deref().is_some_and(|known| bare(known) != bare(path) && known != url) {
            return None;
        }
        return Some(Request { method: Some(method.to_owned()), url: Some(url.to_owned()), status: None });
    }
    None
}

/// The id that the server gave the request: of a scope, or of Kestrel's message.
fn request_id(record: &Record) -> Option<String> {
    let field = record.fields.iter().find(|(key, _)| key.rsplit('.').next() == Some("RequestId"));
    if let Some((_, id)) = field {
        return Some(id.clone());
    }
    let (_, rest) = record.message.as_deref()?.split_once("Request id \"")?;
    Some(rest.split('"').next()?.to_owned())
}
