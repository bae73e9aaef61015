//! The facts that an entry's words hold: request, user, request id.
//!
//! In: the message of an entry. Out: the record's facts that it does not have yet. Invariant: linear in the text;
//! only words that loggers put there are believed. Does not look at structured fields.

use crate::{Level, Platform, Record, Request, User};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Fills in request, user and request id from an entry's message.
// GET /orders/7?x=1 user=u_7731 - · Unhandled exception on GET /orders/7 · POST /login -> 422
pub(crate) fn fill_from_words(record: &mut Record, words: &str) {
    let mut tokens = words.split_ascii_whitespace().take(64).peekable();
    let mut found = Request::default();
    while let Some(token) = tokens.next() {
        let bare = token.trim_matches(['[', ']', '(', ')', '"', ',', '.', ';']);
        if METHODS.contains(&bare) && found.url.is_none() {
            let Some(url) = tokens.peek().map(|url| url.trim_matches(['"', '\'', ',', ')', ']'])) else { break };
            if url.starts_with('/') || url.contains("://") {
                found.method = Some(bare.to_owned());
                found.url = Some(url.trim_end_matches([':', ';']).to_owned());
            }
            continue;
        }
        if found.url.is_some() && found.status.is_none() && bare.len() == 3 {
            found.status = bare.parse().ok().filter(|status| (100..600).contains(status));
        }
        if let Some((key, value)) = bare.split_once('=').filter(|(_, value)| !value.is_empty()) {
            pair(record, key, value.trim_matches(['"', '\'']));
        }
    }
    let is_told = record.request.is_none() && found.url.is_some();
    if is_told {
        record.request = Some(found);
    }
    // A field of an entry names a request that may go well yet, unless nobody caught the error.
    let is_over = || record.mechanism.as_ref().is_some_and(|mechanism| mechanism.handled == Some(false));
    // What .NET's servers answered, their own records say.
    if record.platform != Platform::Csharp && (is_told || record.platform != Platform::Node || is_over()) {
        infer_status(record, words);
    }
}

fn pair(record: &mut Record, key: &str, value: &str) {
    match key {
        "user" | "userId" | "user_id" | "uid" | "userid" if record.user.is_none() && value != "-" => {
            record.user = Some(User { id: Some(value.to_owned()), username: None });
        }
        "requestId" | "request_id" | "reqId" | "req_id" | "rid" => {
            record.fields.push(("request_id".to_owned(), value.to_owned()))
        }
        _ => {}
    }
}

/// An entry about a request that failed, and says no status: the error's own, else 500, which servers answer to
/// an error that nobody handled.
fn infer_status(record: &mut Record, words: &str) {
    let is_open = |request: &Request| request.status.is_none() && request.url.is_some();
    let failed = record.level.is_none_or(|level| level >= Level::Error);
    if !failed || !record.request.as_ref().is_some_and(is_open) {
        return;
    }
    let went_on = ["fallback", "falling back", "retry", "cached", "skipp", "ignor", "default", "recover"];
    let words = words.to_ascii_lowercase();
    if went_on.iter().any(|word| words.contains(word)) {
        return;
    }
    let own = record.exceptions.first().and_then(|first| {
        let property = first.properties.iter().find(|(key, _)| key == "status" || key == "statusCode")?;
        property.1.parse::<u16>().ok().filter(|status| (400..500).contains(status))
    });
    if let Some(request) = &mut record.request {
        request.status = own.or(Some(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_in_words() {
        for (words, level, method, url, status, user) in [
            ("GET /a?b=1 user=u7 -", Some(Level::Error), "GET", "/a?b=1", Some(500), Some("u7")),
            ("POST /login -> 422", Some(Level::Warning), "POST", "/login", Some(422), None),
            ("using cached quote for GET /q", Some(Level::Error), "GET", "/q", None, None),
            ("Unhandled exception on DELETE /x:", None, "DELETE", "/x", Some(500), None),
        ] {
            let mut record = Record { level, ..Record::default() };
            fill_from_words(&mut record, words);
            let request = record.request.unwrap_or_else(|| panic!("{words}"));
            assert_eq!((request.method.as_deref(), request.url.as_deref()), (Some(method), Some(url)), "{words}");
            assert_eq!(request.status, status, "{words}");
            assert_eq!(record.user.and_then(|user| user.id).as_deref(), user, "{words}");
        }
        let mut record = Record::default();
        fill_from_words(&mut record, "GET ready, set, go");
        assert_eq!(record.request, None);
    }
}
