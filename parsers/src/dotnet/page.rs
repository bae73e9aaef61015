//! ASP.NET's error page, as text: where a handler writes or mails what the browser would have shown.
//!
//! In: lines. Out: the chain that its stack trace prints, the cause first. Invariant: a type in brackets stands above
//! frames without a word in front. Does not read the source lines that the page shows.

use super::{frame, head, record};
use crate::assemble::Found;
use crate::record::{CauseOf, Exception, Frame};

/// Lines of a message in brackets.
const MESSAGE_LINES: usize = 40;

/// The page around the hit.
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let from = lines.iter().position(|line| line.starts_with("Server Error in '")).unwrap_or(hit.min(lines.len()));
    let mut at = from + lines[from..].iter().position(|line| line.starts_with('['))?;
    let mut found: Vec<Exception> = Vec::new();
    let mut end = at;
    while let Some((exception, behind)) = bracketed(lines, at) {
        found.push(exception);
        end = behind;
        at = behind + lines[behind..].iter().take_while(|line| line.trim().is_empty()).count();
    }
    if found.is_empty() {
        return None;
    }
    // The page names the innermost exception in full, above.
    let details = lines[..end].iter().find_map(|line| line.strip_prefix("Exception Details: "));
    if let Some(head) = details.and_then(head::at_start).filter(|head| head.kind.ends_with(&found[0].kind)) {
        head.kind.clone_into(&mut found[0].kind);
    }
    found.reverse();
    for (index, exception) in found.iter_mut().enumerate().skip(1) {
        exception.cause_of = Some(CauseOf { parent: index - 1, source: "InnerException".to_owned() });
    }
    let mut record = record(found);
    record.format = "aspnet-page".to_owned();
    record.found_by("aspnet.application_error", Some(false));
    Some(Found { record, lines: from..end, has_header: from == 0 })
}

// [HttpException (0x80004005): The file was not found] /    System.Web.UI.Page.HandleError(Exception e) +9
/// The exception in brackets at line `at`, and the first line behind its frames.
fn bracketed(lines: &[&str], at: usize) -> Option<(Exception, usize)> {
    let mut text = lines.get(at)?.strip_prefix('[')?.to_owned();
    head::at_start(text.trim_end_matches(']')).filter(|head| head.strong)?;
    let mut next = at + 1;
    while !text.trim_end().ends_with(']') && next - at < MESSAGE_LINES {
        text.push('\n');
        text.push_str(lines.get(next)?);
        next += 1;
    }
    let head = head::at_start(text.trim_end().strip_suffix(']')?)?;
    let frames: Vec<Frame> = lines[next..].iter().map_while(|line| frame::on_page(line)).collect();
    if frames.is_empty() {
        return None;
    }
    let end = next + frames.len();
    let code = head.code.map(str::to_owned);
    Some((
        Exception {
            kind: head.kind.to_owned(),
            message: head.message.to_owned(),
            code,
            frames: frames.into(),
            ..Exception::default()
        },
        end,
    ))
}
