//! `errtail parse`: the exceptions in files, as JSON lines, as Sentry events, or for people.
//!
//! In: files, compressed or not, or standard input. Out: one line or block a record, in file order. Invariant: a
//! file that cannot be read costs exit status 1 and nothing of the others. Does not touch the store or the network.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use errtail_parsers::Options;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::stats::Stats;
use super::{ConfigOption, Output, events, pretty};
use crate::format::Tables;
use crate::pipeline::{Finding, Pipeline};
use crate::policy::Policy;
use crate::release::{Marker, Releases};
use crate::tail::Position;

/// Bytes read at a time: within the cache, far above the cost of a call.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes written at a time.
const OUTPUT_BYTES: usize = 64 * 1024;
/// Bytes of a file from which on its progress is worth a bar.
const LONG_FILE_BYTES: u64 = 64 << 20;

/// Arguments of `errtail parse`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Log files, `.gz` and `.zst` too; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print; default: `pretty` on a terminal, else `jsonl`
    #[arg(long, value_enum)]
    output: Option<Output>,
    /// With `--output sentry`: only the events of records that the policy sends
    #[arg(long)]
    sent: bool,
    /// Print numbers instead of records: files, exceptions, frames, and the lines of traces that were not understood;
    /// with `--output jsonl` as JSON
    #[arg(long, conflicts_with = "sent")]
    stats: bool,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail parse`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (mut reading, builder) = match arguments.config.reading_and_builder() {
        Ok(made) => made,
        Err(error) => return super::usage_error(error.as_ref()),
    };
    let stdout = io::stdout();
    let output = arguments.output.unwrap_or(if stdout.is_terminal() { Output::Pretty } else { Output::Jsonl });
    // Only events show them.
    reading.context = output == Output::Sentry;
    let mut out: BufWriter<Box<dyn Write>> = BufWriter::with_capacity(
        OUTPUT_BYTES,
        match output {
            Output::Pretty => Box::new(anstream::AutoStream::auto(stdout.lock())),
            // No colours to take out, and much to write.
            Output::Jsonl | Output::Sentry => Box::new(stdout.lock()),
        },
    );
    let mut status = ExitCode::SUCCESS;
    let mut stats = Stats::default();
    if arguments.stats && arguments.output == Some(Output::Sentry) {
        return super::usage_error(&io::Error::other("--stats has no events to print; leave `--output sentry` out"));
    }
    for file in &arguments.files {
        let read = read(file, &reading, |finding| match output {
            _ if arguments.stats => {
                stats.count(&finding);
                Ok(())
            }
            Output::Sentry => events::print(&mut out, &builder, &finding, arguments.sent),
            _ => print(&mut out, output, &finding),
        });
        stats.file(read.as_ref().ok().copied());
        if let Err(error) = read {
            // Whoever read our output has seen enough.
            if error.kind() == io::ErrorKind::BrokenPipe {
                return ExitCode::SUCCESS;
            }
            let _ = out.flush();
            eprintln!("errtail: {}: {}", file.display(), super::reason(&error));
            status = ExitCode::FAILURE;
        }
    }
    let told = match arguments.output {
        _ if !arguments.stats => Ok(()),
        Some(Output::Jsonl) => stats.print_json(&mut out),
        _ => stats.print(&mut out),
    };
    match told.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("errtail: the output cannot be written: {error}");
            ExitCode::FAILURE
        }
        _ => status,
    }
}

fn print(out: &mut impl Write, output: Output, finding: &Finding) -> io::Result<()> {
    match output {
        Output::Pretty => pretty::print(out, finding),
        Output::Jsonl | Output::Sentry => {
            serde_json::to_writer(&mut *out, finding)?;
            out.write_all(b"\n")
        }
    }
}

/// How logs are read and judged.
pub(super) struct Reading {
    pub policy: Arc<Policy>,
    pub formats: Tables,
    pub release_marker: Option<Marker>,
    /// Whether the lines before a record are wanted.
    pub context: bool,
}

/// Reads a log to its end and hands out what is found in it; how many bytes it has.
///
/// # Errors
/// The file cannot be opened or read, or `each` fails.
pub(super) fn read(path: &Path, reading: &Reading, mut each: impl FnMut(Finding) -> io::Result<()>) -> io::Result<u64> {
    let (mut input, bar) = open(path)?;
    // A format may be one of files in some directory.
    let formats = reading.formats.of(&std::path::absolute(path).unwrap_or_default().to_string_lossy());
    let options = Options { formats, latest: last_written(path), context: reading.context, ..Options::default() };
    let name = path.display().to_string();
    let mut pipeline = Pipeline::resume(name, &reading.policy, options, Position::beginning());
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    let mut releases = Releases::default();
    loop {
        let count = match input.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // What was found before stands.
                pipeline.finish();
                pipeline.take().into_iter().try_for_each(&mut each)?;
                return Err(error);
            }
        };
        if count == 0 {
            pipeline.finish();
        } else {
            if let Some(marker) = &reading.release_marker {
                releases.push(marker, bytes, &chunk[..count]);
            }
            pipeline.push(&chunk[..count]);
        }
        bytes += count as u64;
        bar.inc(count as u64);
        pipeline.take().into_iter().try_for_each(|mut finding| {
            let release = releases.of(finding.record.source.offset);
            finding.record.origin.extend(release.map(|release| ("release".to_owned(), release.to_owned())));
            each(finding)
        })?;
        if count == 0 {
            bar.finish_and_clear();
            return Ok(bytes);
        }
    }
}

/// The day on which a file was last written to.
fn last_written(path: &Path) -> Option<Date> {
    let time = Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok()?;
    Some(TimeZone::UTC.to_datetime(time).date())
}

/// Opens a log, or standard input, with a bar that shows itself only for long files and only on a terminal.
fn open(path: &Path) -> io::Result<(Box<dyn Read>, ProgressBar)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), ProgressBar::hidden()));
    }
    let file = File::open(path)?;
    let facts = file.metadata()?;
    if facts.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory; name the log files in it"));
    }
    let bar = if facts.len() >= LONG_FILE_BYTES && io::stderr().is_terminal() {
        let bar = ProgressBar::with_draw_target(Some(facts.len()), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(path.display().to_string())
    } else {
        ProgressBar::hidden()
    };
    Ok((decompress(file)?, bar))
}

/// The bytes of a log as the program wrote them: `.gz` and `.zst` are told by their first bytes.
fn decompress(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut magic = [0; 4];
    let mut count = 0;
    while count < magic.len() {
        match file.read(&mut magic[count..])? {
            0 => break,
            more => count += more,
        }
    }
    let head = io::Cursor::new(magic).take(count as u64);
    let whole = head.chain(file);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(whole);
            Box::new(decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?)
        }
        _ => Box::new(whole),
    })
}
