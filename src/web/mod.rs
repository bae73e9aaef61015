//! The page: the board and an issue's page, read-only, and what probes and Prometheus ask.
//!
//! In: requests; the store, beside the agent that writes it. Out: HTML, text. Invariants: everything that comes
//! from a log is escaped; nothing but the style sheet is loaded, no script runs; beyond loopback, who asks shows
//! the token. Changes nothing.

mod board;
mod html;
mod issue;
mod numbers;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::metrics::Counters;
use crate::store::{Store, StoreError};

/// The page's only asset.
const STYLE: &str = include_str!("style.css");
/// Sent with each answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Anybody on the network could read the issues.
    #[error("--listen {0}: reaches beyond this machine; give --listen-token-file too, or listen on 127.0.0.1")]
    NoToken(SocketAddr),
    /// The system says no.
    #[error("--listen {0}: {1}")]
    Bind(SocketAddr, #[source] io::Error),
}

/// What the page is made of.
pub struct Web {
    store: Mutex<Store>,
    counters: Arc<Counters>,
    ready: Arc<AtomicBool>,
    token: Option<String>,
}

impl Web {
    /// `store` is a connection of the page's own; `ready` says whether the agent reads; who asks shows
    /// `token`, where there is one.
    pub fn new(store: Store, counters: Arc<Counters>, ready: Arc<AtomicBool>, token: Option<String>) -> Web {
        Web { store: Mutex::new(store), counters, ready, token }
    }
}

/// Takes the address.
///
/// # Errors
/// It reaches beyond this machine and there is no token, or the system refuses it.
pub async fn bind(address: SocketAddr, web: &Web) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() && web.token.is_none() {
        return Err(ListenError::NoToken(address));
    }
    TcpListener::bind(address).await.map_err(|error| ListenError::Bind(address, error))
}

/// Serves the page until `stop` is done.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    web: Arc<Web>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/", get(show_board))
        .route("/issues/{id}", get(show_issue))
        .route("/metrics", get(show_numbers))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), admit))
        // Probes ask without a token, and learn nothing.
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .layer(middleware::map_response(guard))
        .with_state(web);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

/// Sends the headers that keep a browser from doing more than showing.
async fn guard(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets in who may read: with a token who shows it, without one who asks this machine by one of its own names (a
/// page elsewhere that had its name point here would not).
async fn admit(State(web): State<Arc<Web>>, request: Request<Body>, next: Next) -> Response {
    let allowed = match &web.token {
        Some(token) => shown_token(request.headers()).is_some_and(|shown| same(shown.as_bytes(), token.as_bytes())),
        None => request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback),
    };
    if allowed {
        return next.run(request).await;
    }
    if web.token.is_some() {
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"errtail\", charset=\"UTF-8\"")];
        return (StatusCode::UNAUTHORIZED, ask, "the token is the password; any name will do\n").into_response();
    }
    (StatusCode::FORBIDDEN, "ask for this page as localhost or 127.0.0.1\n").into_response()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The token as a bearer's, or as the password of HTTP's basic authentication.
fn shown_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    if let Some(token) = value.strip_prefix("Bearer ") {
        return Some(token.trim().to_owned());
    }
    let decoded = String::from_utf8(base64(value.strip_prefix("Basic ")?.trim())?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(digit), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// Compares without telling by its time how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

async fn healthy(State(web): State<Arc<Web>>) -> Response {
    match ask(web, |store| store.fill()).await {
        Ok(_) => "ok\n".into_response(),
        Err(response) => response,
    }
}

/// Ready is an agent whose store answers and who reads. One that Sentry does not answer stays so: events wait, and the
/// application beside it is not to be taken out of service for that.
async fn ready(State(web): State<Arc<Web>>) -> Response {
    let reads = web.ready.load(Ordering::Relaxed);
    match ask(web, |store| store.fill()).await {
        Ok(_) if reads => "ready\n".into_response(),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the inputs are not read\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store does not answer\n").into_response(),
    }
}

async fn show_board(State(web): State<Arc<Web>>, query: Query<board::Asked>) -> Response {
    let now = Timestamp::now();
    match ask(web, move |store| board::page(store, &query, now)).await {
        Ok(page) => page.into_response(),
        Err(response) => response,
    }
}

async fn show_issue(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let now = Timestamp::now();
    match ask(web, move |store| issue::page(store, &id, now)).await {
        Ok(Some(page)) => page.into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, html::page("Not found", "", |body| body.raw("<p>No such issue.</p>")))
            .into_response(),
        Err(response) => response,
    }
}

async fn show_numbers(State(web): State<Arc<Web>>) -> Response {
    let now = Timestamp::now();
    let (counters, is_ready) = (Arc::clone(&web.counters), web.ready.load(Ordering::Relaxed));
    match ask(web, move |store| store.status(now)).await {
        Ok(status) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, numbers::text(&status, &counters, is_ready, now)).into_response()
        }
        Err(response) => response,
    }
}

/// Asks the store, off the threads that serve.
async fn ask<T: Send + 'static>(
    web: Arc<Web>,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    let asked = tokio::task::spawn_blocking(move || {
        let store = web.store.lock().unwrap_or_else(PoisonError::into_inner);
        question(&store)
    });
    let failed = |error: String| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response();
    match asked.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
