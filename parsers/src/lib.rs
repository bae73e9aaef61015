//! Finds stack traces in log bytes and parses them into structured exceptions.
//!
//! In: the bytes of one file, pushed in any pieces. Out: [`Record`]s, in the order in which they end.
//! Invariants: any cut of the same bytes gives the same records; nothing here panics, reads a clock, or does
//! I/O; memory is bounded by [`Options::max_record_bytes`]. Does not judge, scrub or send.
//!
//! ```
//! let mut parser = errtail_parsers::Parser::new(errtail_parsers::Options::default());
//! parser.push(b"PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3\nStack trace:\n#0 {main}\n  thrown in /srv/a.php on line 3\n");
//! parser.finish();
//! let records = parser.take();
//! assert_eq!(records[0].exceptions[0].message, "boom");
//! ```

mod assemble;
mod browser;
mod codepage;
mod crash;
mod dotnet;
mod format;
mod frames;
mod header;
mod json;
mod line;
mod memo;
mod node;
mod php;
mod record;
mod scan;
mod stream;
mod text;
mod time;
mod unwrap;

pub use format::{Format, FormatError, Formats, GROUPS};
pub use frames::Frames;
pub use header::{Header, header};
pub use record::{Before, CauseOf, Exception, Frame, Level, Mechanism, Platform, Record, Request, Source, Trace, User};

use stream::Stream;

/// What a parser may be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of one record; of a larger one the head and the tail are kept. Default 1 MiB.
    pub max_record_bytes: usize,
    /// Whether the lines before a record, 50 at most, are handed on with it. Default true.
    pub context: bool,
    /// How entries begin that no built-in grammar knows. Default none.
    pub formats: Formats,
    /// The day on which the file was last written to: it tells the year of syslog's times, which have none. Default none.
    pub latest: Option<jiff::civil::Date>,
}

impl Default for Options {
    fn default() -> Self {
        Options { max_record_bytes: 1 << 20, context: true, formats: Formats::default(), latest: None }
    }
}

/// A push parser for the bytes of one file.
#[derive(Debug)]
pub struct Parser {
    stream: Stream,
    found: Vec<Record>,
}

impl Parser {
    /// A parser at the beginning of a file.
    pub fn new(options: Options) -> Parser {
        Parser::resume(options, 0, 1)
    }

    /// A parser at `offset` bytes, where line `line` (from 1) begins.
    pub fn resume(options: Options, offset: u64, line: u64) -> Parser {
        Parser { stream: Stream::new(options, offset, line), found: Vec::new() }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.stream.push(bytes, &mut self.found);
    }

    /// Nothing came for a while: closes the records that could only have gone on. What is none yet stays open, and all
    /// does while the last line has no end.
    pub fn idle(&mut self) {
        self.stream.close(false, &mut self.found);
    }

    /// The file ends here: closes all that is open, an unended last line too.
    pub fn finish(&mut self) {
        self.stream.close(true, &mut self.found);
    }

    /// The records found since the last call.
    pub fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.found)
    }

    /// Whether a record has begun that is not complete.
    pub fn is_open(&self) -> bool {
        self.stream.is_open()
    }

    /// From where the file must be read again, after a restart, to find what was not yet complete: byte offset
    /// and line (from 1).
    pub fn checkpoint(&self) -> (u64, u64) {
        self.stream.checkpoint()
    }
}
