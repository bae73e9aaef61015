//! The agent's own crashes, told to a Sentry project of its own.
//!
//! In: `self_dsn`. Out: a guard, while which lives each panic of this program becomes an event there. Invariant: nothing
//! of the watched applications goes this way, and nothing about this host but the panic. Sends no other event.

use std::error::Error;
use std::sync::Arc;

use sentry::integrations::backtrace::ProcessStacktraceIntegration;
use sentry::integrations::panic::PanicIntegration;
use sentry::{ClientInitGuard, ClientOptions};

use super::run;
use crate::deliver;

/// Reports panics to `self_dsn`, if there is one, until the guard is dropped.
///
/// # Errors
/// It is no DSN.
pub(super) fn report(self_dsn: Option<&str>) -> Result<Option<ClientInitGuard>, Box<dyn Error>> {
    let Some(text) = self_dsn else { return Ok(None) };
    deliver::install_tls();
    let mut options = ClientOptions::new().default_integrations(false).send_default_pii(false);
    options.dsn = Some(run::dsn(text).map_err(|error| format!("self_dsn: {error}"))?);
    options.release = Some(concat!("errtail@", env!("CARGO_PKG_VERSION")).into());
    options.integrations = vec![Arc::new(ProcessStacktraceIntegration::new()), Arc::new(PanicIntegration::new())];
    Ok(Some(sentry::init(options)))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_panic_becomes_an_event() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            for line in reader.by_ref().lines() {
                let line = line.unwrap().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            String::from_utf8(body).unwrap()
        });
        let guard = report(Some(&format!("http://key@127.0.0.1:{port}/2"))).unwrap();
        assert!(thread::spawn(|| panic!("the ribbon is stuck")).join().is_err());
        drop(guard);
        let body = server.join().unwrap();
        assert!(body.contains("the ribbon is stuck") && body.contains("errtail@"), "{body}");
        assert!(report(None).unwrap().is_none());
        assert!(report(Some("sentry.example.com")).is_err_and(|error| error.to_string().starts_with("self_dsn: ")));
    }
}
