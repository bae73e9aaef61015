//! The lines that one exception may take: from an entry's first line to the line that shows its end.
//!
//! In: whole lines, as they come. Out: where the region ends. Invariants: each line is looked at once, and whole, unless it
//! is one of a run of calls that was looked at before; a region above the record limit loses whole lines of its middle. Does
//! not parse: a region may hold nothing.

use super::run::{self, Run, State};
use super::window::{Window, line_end};
use crate::line::{self, Kind};
use crate::text::{self, trim_break};
use crate::{Formats, Options, assemble, dotnet, node, php};

/// After so many lines that are no part of a trace, a record is over.
const QUIET_LINES: u32 = 200;
/// A region is first parsed when it has so many lines behind its hit, then whenever these have doubled.
const FIRST_LINES: usize = 96;
/// Lines of a log that may stand between two lines of a crash.
const MAX_ASIDES: u32 = 4;
/// An entry that does not go on within so many bytes of others was cut off.
const FOREIGN_BYTES: usize = 16 * 1024;

/// A region that has begun. Indices are into the window's bytes.
#[derive(Debug)]
pub(super) struct Open {
    pub start: usize,
    /// The line at which the scanner stopped.
    pub hit: usize,
    /// The line that comes next.
    pub cursor: usize,
    /// The end of the last line that was looked at, which may be the one behind the region.
    pub looked: usize,
    /// The end of its head, which is kept when it grows above the limit.
    head: usize,
    /// Lines behind the hit, and at how many it is parsed.
    lines: usize,
    try_at: usize,
    /// Lines since the last one of a trace.
    quiet: u32,
    /// Follows entries that several writers wrote line by line, where there may be such.
    weave: Option<php::Weave>,
    /// Where another entry began inside an open one: the region ends there, unless that one goes on behind it.
    breaks: Option<usize>,
    /// A runtime prints a crash here, line by line, beside the log.
    crash: bool,
    /// Lines of the log since the crash's last one.
    asides: u32,
    /// Follows a trace of JavaScript.
    calls: node::Extent,
}

/// How far a region goes.
pub(super) enum Extent {
    /// More lines may belong to it.
    Unknown,
    /// It is to be parsed, but may go on.
    Long(usize),
    /// It ends there.
    Ends(usize),
}

impl Open {
    /// A region from `start`, whose line `hit` ends at `end`; `follows` entries that several writers wrote line by line.
    pub(super) fn new(window: &Window, start: usize, hit: usize, end: usize, follows: bool) -> Open {
        let mut open = Open::whole(hit, end);
        open.start = start;
        open.try_at = FIRST_LINES;
        let text = text::clean(trim_break(&window.bytes[hit..end]));
        open.crash = dotnet::announces(&text);
        open.calls = node::Extent::new(&window.bytes[start..hit], &text);
        if follows && php::concerns(&text) {
            open.weave = Some(weave(window, start, end));
        }
        open
    }

    /// A region that is one line.
    pub(super) fn whole(start: usize, end: usize) -> Open {
        Open {
            start,
            hit: start,
            cursor: end,
            looked: end,
            head: end,
            lines: 0,
            try_at: 0,
            quiet: 0,
            weave: None,
            breaks: None,
            crash: false,
            asides: 0,
            calls: node::Extent::default(),
        }
    }

    /// Moves the cursor over the lines before `limit`, until a line shows the region's end.
    pub(super) fn extend(&mut self, window: &mut Window, limit: &mut usize, options: &Options) -> Extent {
        if self.try_at == 0 {
            return Extent::Ends(self.cursor);
        }
        // The calls right before the cursor.
        let mut run: Option<Run> = None;
        let extent = loop {
            if self.cursor >= *limit {
                break Extent::Unknown;
            }
            if self.lines >= self.try_at {
                break Extent::Long(self.cursor);
            }
            let before = self.state(options);
            if run.is_none() && before.is_some_and(|state| self.pass(&window.bytes[..*limit], state, options)) {
                continue;
            }
            let (start, lines) = (self.cursor, self.lines);
            let end = line_end(&window.bytes[..*limit], start);
            let cut = window.shorten(start, end, options.max_record_bytes);
            *limit -= cut;
            let end = end - cut;
            self.looked = end;
            let line = &window.bytes[start..end];
            let is_call = line::is_call(line);
            let text = text::clean(trim_break(line));
            if let Some(extent) = self.step(&window.bytes[self.start..self.hit], &text, end, &options.formats) {
                break extent;
            }
            // What parts a trace's calls may stand within a run, and begins none.
            let is_own = (is_call || run.is_some() && line::is_separator(&text)) && self.is_own(&text);
            *limit -= self.bound(window, options.max_record_bytes);
            let after = self.state(options).filter(|_| is_own && end - self.start <= options.max_record_bytes / 2);
            run = match before.zip(after) {
                Some((before, after)) => {
                    let begun = run.unwrap_or(Run { start, end, before, after, lines: 0 });
                    Some(Run { end, after, lines: begun.lines + self.lines - lines, ..begun })
                }
                None => run.and_then(|run| {
                    run::keep(run, &window.bytes);
                    None
                }),
            };
        };
        if let Some(run) = run {
            run::keep(run, &window.bytes);
        }
        extent
    }

    /// What the next lines of calls depend on and change; none where they depend on more.
    fn state(&self, options: &Options) -> Option<State> {
        let alone = self.breaks.is_none() && self.asides == 0 && options.formats.is_empty();
        let entry = match &self.weave {
            Some(weave) => Some(weave.place()?),
            None => None,
        };
        alone.then_some(State { entry, calls: self.calls, crash: self.crash })
    }

    /// Passes the run of calls at the cursor, if one is known that ends before any limit.
    fn pass(&mut self, bytes: &[u8], state: State, options: &Options) -> bool {
        let Some(run) = run::known(bytes, self.cursor, state) else { return false };
        if run.end - self.start > options.max_record_bytes / 2 || self.lines + run.lines > self.try_at {
            return false;
        }
        self.cursor = run.end;
        self.looked = run.end;
        self.head = run.end;
        self.lines += run.lines;
        self.quiet = 0;
        self.calls = run.after.calls;
        if let Some((weave, place)) = self.weave.as_mut().zip(run.after.entry) {
            weave.go_to(place);
        }
        true
    }

    /// Whether what the call `text`, just taken, told depends on its region's state alone, not on the lines above.
    fn is_own(&self, text: &[u8]) -> bool {
        let followed = self.weave.as_ref().and_then(php::Weave::place).is_some_and(php::Place::is_open);
        self.quiet == 0 && (followed || self.calls.is_idle() || text.trim_ascii_start().starts_with(b"at "))
    }

    /// It was parsed, and may go on.
    pub(super) fn wait(&mut self) {
        self.try_at *= 2;
    }

    /// The window dropped bytes from its front.
    pub(super) fn move_down(&mut self, count: usize) {
        self.start -= count;
        self.hit -= count;
        self.cursor -= count;
        self.looked -= count;
        self.head -= count;
        self.breaks = self.breaks.map(|at| at - count);
    }

    /// Takes the line at the cursor, which ends at `end`; the region's end, if this line shows it. `above` are the
    /// region's lines before the hit.
    fn step(&mut self, above: &[u8], text: &[u8], end: usize, formats: &Formats) -> Option<Extent> {
        let woven = match self.weave.as_mut().map_or(php::Step::Idle, |weave| weave.step(text)) {
            php::Step::Idle => None,
            php::Step::End => return Some(Extent::Ends(self.breaks.unwrap_or(end))),
            step => Some(step),
        };
        if let Some(step) = woven {
            match step {
                php::Step::Foreign => self.breaks = self.breaks.or(Some(self.cursor)),
                php::Step::Back => self.breaks = None,
                _ => {}
            }
            self.quiet = 0;
            self.cursor = end;
            return self.breaks.filter(|at| end - at > FOREIGN_BYTES).map(Extent::Ends);
        }
        match self.calls.answer(text).filter(|_| !self.crash && self.breaks.is_none()) {
            Some(node::Step::On) => {
                self.cursor = end;
                return None;
            }
            Some(_) => return Some(Extent::Ends(self.cursor)),
            None => {}
        }
        match line::kind_among(text, formats) {
            Kind::Begin if self.crash && self.asides < MAX_ASIDES && dotnet::is_aside(text) => {
                self.breaks = self.breaks.or(Some(self.cursor));
                self.asides += 1;
            }
            Kind::Begin => return Some(Extent::Ends(self.breaks.unwrap_or(self.cursor))),
            Kind::Trace => {
                self.quiet = 0;
                self.asides = 0;
                self.breaks = None;
            }
            Kind::Blank | Kind::Text if self.asides > 0 => return self.breaks.map(Extent::Ends),
            Kind::Blank | Kind::Text => self.quiet += 1,
        }
        let step = self.calls.step(above, text);
        if step == node::Step::Before {
            return Some(Extent::Ends(self.cursor));
        }
        if self.calls.is_open() {
            self.quiet = 0;
        }
        // An entry that is followed is closed by its own last line, not by one that looks so.
        let closes = assemble::closes(text) && !(self.weave.is_some() && text.starts_with(b"\""));
        self.cursor = end;
        self.lines += 1;
        (self.quiet > QUIET_LINES || closes || step == node::Step::After).then_some(Extent::Ends(end))
    }

    /// Cuts the middle out once there is too much of it; how many bytes. Whole lines, of a quarter of the limit at
    /// least: so the work is paid by the bytes that came.
    fn bound(&mut self, window: &mut Window, limit: usize) -> usize {
        let length = self.cursor - self.start;
        if length <= limit / 2 {
            self.head = self.cursor;
        }
        if length <= limit {
            return 0;
        }
        let tail = window.line_start(self.cursor - limit / 4);
        let head = self.head.min(tail);
        let cut = window.cut_out(head, tail);
        self.cursor -= cut;
        self.looked -= cut;
        self.breaks = self.breaks.map(|at| if at >= tail { at - cut } else { at.min(head) });
        cut
    }
}

/// What the lines of `start..end` open.
fn weave(window: &Window, start: usize, end: usize) -> php::Weave {
    let mut weave = php::Weave::default();
    let mut at = start;
    while at < end {
        let stop = line_end(&window.bytes[..end], at);
        weave.step(&text::clean(trim_break(&window.bytes[at..stop])));
        at = stop;
    }
    weave
}
