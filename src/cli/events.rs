//! `errtail parse --output sentry`: findings as the events that `run` would submit.
//!
//! In: the configuration, findings. Out: one JSON event a line. Does not send.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use errtail_parsers::Record;
use jiff::Timestamp;

use crate::config::Config;
use crate::event::Builder;
use crate::pipeline::Finding;
use crate::policy::{Action, in_one_line};
use crate::release::{Marker, ReleaseFile};
use crate::scrub::Scrubber;
use crate::source::Sources;
use crate::tail::{self, FileId};

/// The maker of events that a configuration asks for.
pub(crate) fn builder(config: &Config) -> Result<Builder, Box<dyn Error>> {
    let mut settings = config.event.clone();
    settings.environment.clone_from(&config.environment);
    settings.release.clone_from(&config.release);
    settings.project_root.clone_from(&config.project_root);
    settings.server_name = settings.server_name.or_else(hostname);
    let scrubber = Arc::new(Scrubber::new(&config.scrub, settings.send_pii)?);
    let sources = Sources::new(&config.source_roots);
    let of_sources = Arc::clone(&scrubber);
    let builder = Builder::new(settings, scrubber, Box::new(move |path| sources.read(path, &of_sources)));
    Ok(match config.release_file.clone().map(ReleaseFile::new) {
        Some(file) => builder.with_release(Box::new(move |time| file.at(time))),
        None => builder,
    })
}

/// The lines that name a release, as the configuration describes them.
pub(super) fn release_marker(config: &Config) -> Result<Option<Marker>, Box<dyn Error>> {
    let Some(pattern) = config.release_marker.as_deref() else { return Ok(None) };
    let made = Marker::new(pattern).map_err(|error| {
        let why = in_one_line(&error);
        format!("release_marker: `{pattern}` is not a regular expression: {why}")
    })?;
    Ok(Some(made))
}

/// Prints a finding's event; with `sent`, only if the policy sends it. Duplicates have none.
pub(super) fn print(out: &mut impl Write, builder: &Builder, finding: &Finding, sent: bool) -> io::Result<()> {
    let printed = match finding.verdict.action {
        Action::Send => true,
        Action::Drop => !sent,
        Action::Duplicate => false,
    };
    if printed {
        let mut record = finding.record.clone();
        record.origin.extend(content_id(&record).map(|id| ("file_id".to_owned(), format!("{id:016x}"))));
        let event = builder.event(&record, &finding.verdict, None, Timestamp::now());
        serde_json::to_writer(&mut *out, &event)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// What `run` would call the content that holds a record, so that its event has the same id.
fn content_id(record: &Record) -> Option<u64> {
    let path = std::path::absolute(&record.source.path).ok()?;
    let mut head = Vec::new();
    File::open(&path).ok()?.take(FileId::HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    Some(tail::content_id(&path, &head, record.source.offset))
}

pub(super) fn hostname() -> Option<String> {
    let name = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
