//! Moodle: the words of its last handler, and calls that begin with `* line 20 of /mod/quiz/view.php: `.
//!
//! In: the lines of a region, and the one with the error's code. Out: the exception. Invariant: the first of the calls
//! names the type. Does not read what Moodle's code logs itself.

use super::{exception, found};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::Frame;

const WORDS: &str = "Default exception handler: ";
/// Lines that a message and what is added to it may have.
const MESSAGE_LINES: usize = 60;

// Default exception handler: Error reading from database Debug: Table 'mdl_quiz' doesn't exist
// SELECT * FROM mdl_quiz WHERE id = ?
// Error code: dmlreadexception
// * line 494 of /lib/dml/moodle_database.php: dml_read_exception thrown
// * line 20 of /mod/quiz/view.php: call to moodle_database->get_record()
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let code = lines[hit].strip_prefix("Error code: ")?;
    let thrown = lines.get(hit + 1)?.trim_end();
    let (file, line, told) = call(thrown)?;
    let kind = told.strip_suffix(" thrown")?;
    let lowest = hit.saturating_sub(MESSAGE_LINES);
    let first = (lowest..=hit).rev().find(|at| lines[*at].contains(WORDS))?;
    let text = lines[first..hit].join("\n");
    let (_, text) = text.split_once(WORDS)?;
    let (message, debug) = text.split_once(" Debug: ").unwrap_or((text, ""));
    let calls = lines[hit + 2..].iter().map_while(|line| frame(line.trim_end()));
    let frames: Frames = calls.collect::<Vec<Frame>>().into();
    let end = hit + 2 + frames.len();
    let mut exception = exception(kind, message, Some((file, line)), frames);
    exception.code = Some(code.trim_end().to_owned());
    if !debug.trim().is_empty() {
        exception.properties.push(("debug".to_owned(), debug.trim().to_owned()));
    }
    found(vec![exception], first..end, By::Moodle, Some(false))
}

/// `* line 20 of /mod/quiz/view.php: call to quiz_view()` in its parts.
fn call(line: &str) -> Option<(&str, u32, &str)> {
    let (number, rest) = line.strip_prefix("* line ")?.split_once(" of ")?;
    let (file, told) = rest.split_once(": ")?;
    Some((file, number.parse().ok()?, told))
}

fn frame(line: &str) -> Option<Frame> {
    let (file, number, told) = call(line)?;
    Some(frame::call(told.strip_prefix("call to ")?, Some(file), Some(number)))
}
