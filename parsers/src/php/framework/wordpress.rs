//! WordPress: a query that the database refused, which no code throws: `WordPress database error … for query …`.
//!
//! In: the lines of a region, and the one with the words. Out: an error of that name with the calls that WordPress
//! names. Invariant: the words begin the entry's message. Does not read what PHP prints of WordPress.

use super::{exception, found};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::{Frame, Level};

const WORDS: &str = "WordPress database error";
/// Lines that a query may have.
const QUERY_LINES: usize = 60;

// WordPress database error Table 'blog.wp_stats' doesn't exist for query SELECT id FROM wp_stats made by require('wp-blog-header.php'), WP->main
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let text = lines[hit].strip_prefix(WORDS)?.trim_start_matches([':', ' ']);
    let mut whole = text.to_owned();
    let mut end = hit + 1;
    if whole.contains(" for query ") {
        // The callers stand on the query's last line; without them the query is one line.
        let near = &lines[hit..lines.len().min(hit + QUERY_LINES)];
        let last = near.iter().position(|line| line.contains(" made by ")).unwrap_or(0);
        for line in &near[1..=last] {
            whole.push('\n');
            whole.push_str(line);
        }
        end += last;
    }
    let (text, callers) = whole.rsplit_once(" made by ").unwrap_or((&whole, ""));
    let (message, query) = text.split_once(" for query ").unwrap_or((text, ""));
    let mut frames: Vec<Frame> = callers.split(", ").filter(|call| !call.is_empty()).map(caller).collect();
    frames.reverse();
    let mut exception = exception(WORDS, message.trim_matches(['[', ']']), None, Frames::from(frames));
    if !query.is_empty() {
        exception.properties.push(("query".to_owned(), query.to_owned()));
    }
    let mut found = found(vec![exception], hit..end, By::WordPress, None)?;
    found.record.level = Some(Level::Error);
    Some(found)
}

/// `WP->main`, `do_action('wp')`: a caller, whose place is not told.
fn caller(text: &str) -> Frame {
    frame::call(text.trim(), None, None)
}
