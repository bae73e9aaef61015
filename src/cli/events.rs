//! `errtail parse --output sentry`: findings as the events that `run` would submit.
//!
//! In: the configuration, findings. Out: one JSON event a line. Does not send.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::event::{Builder, Settings};
use crate::pipeline::Finding;
use crate::policy::Action;
use crate::scrub::{self, Scrubber};
use crate::source::Sources;

/// The maker of events that a configuration asks for.
pub(crate) fn builder(config: &Config) -> Result<Builder, Box<dyn Error>> {
    let defaults = Settings::default();
    let settings = Settings {
        environment: config.environment.clone().unwrap_or(defaults.environment),
        release: config.release.clone(),
        project_root: config.project_root.clone(),
        server_name: hostname(),
        ..Settings::default()
    };
    let scrubber = Arc::new(Scrubber::new(&scrub::Settings::default(), settings.send_pii)?);
    let sources = Sources::new(&config.source_roots);
    let of_sources = Arc::clone(&scrubber);
    Ok(Builder::new(settings, scrubber, Box::new(move |path| sources.read(path, &of_sources))))
}

/// Prints a finding's event, if the policy sends it.
pub(super) fn print(out: &mut impl Write, builder: &Builder, finding: &Finding, all: bool) -> io::Result<()> {
    if all || finding.verdict.action == Action::Send {
        let event = builder.event(&finding.record, &finding.verdict, None, Timestamp::now());
        serde_json::to_writer(&mut *out, &event)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn hostname() -> Option<String> {
    let name = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
