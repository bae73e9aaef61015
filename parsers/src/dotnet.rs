//! .NET: traces of every runtime and logger, from the Framework and Mono to .NET 10.
//!
//! In: the lines of a region, or a JSON entry. Out: the record of the exception in it. Invariant: a claim needs a frame,
//! a cause, or a runtime's own words of its death. Does not judge: what the text says of who printed the exception is
//! the record's `mechanism`, by these names:
//!
//! | mechanism | handled | the text |
//! |---|---|---|
//! | `dotnet.crash` | false | the runtime printed `Unhandled exception. …` |
//! | `dotnet.fatal` | false | stack overflow, out of memory, access violation, fail-fast |
//! | `mono.unhandled`, `mono.crash` | false | Mono's two prints of a crash: `Unhandled Exception:`, `FATAL UNHANDLED EXCEPTION` |
//! | `dotnet.unhandled_handler` | false | an `AppDomain.UnhandledException` handler |
//! | `dotnet.unobserved_task` | false | `TaskScheduler.UnobservedTaskException` |
//! | `dotnet.hosted_service` | false | the generic host: a background service failed |
//! | `dotnet.host_stop` | false | the generic host: it stops because a background service failed |
//! | `dotnet.host_start` | false | the generic host or the program: it did not start |
//! | `aspnetcore.kestrel` | false | the web server's last resort |
//! | `aspnetcore.iis` | false | the in-process server's last resort |
//! | `aspnetcore.exception_handler` | false | `ExceptionHandlerMiddleware` |
//! | `aspnetcore.developer_page` | false | `DeveloperExceptionPageMiddleware` |
//! | `aspnetcore.blazor_circuit` | false | an unhandled exception in a circuit |
//! | `aspnetcore.signalr` | none | a hub's method failed |
//! | `aspnetcore.auth` | none | authentication handlers' own report |
//! | `aspnetcore.antiforgery` | none | antiforgery's own report |
//! | `aspnetcore.data_protection` | none | data protection's own report |
//! | `aspnetcore.health_checks` | none | the health check service |
//! | `winforms.thread_exception` | false | the window of Windows Forms for what nobody caught |
//! | `aspnet.application_error` | false | classic ASP.NET's `Application_Error`, `HttpUnhandledException` |
//! | `grpc.server` | false | the gRPC server: an error when executing a service method |
//! | `webjobs` | false | the WebJobs or Functions host: a function failed |
//! | `lambda` | false | AWS Lambda's runtime |
//! | `hangfire` | false | a job failed |
//! | `quartz` | false | a job failed |
//! | `masstransit` | none | the bus: receive faults, retries |
//! | `efcore` | none | EF Core's own report, before the caller sees the exception |
//! | `httpclient` | none | `HttpClient`'s own report |
//! | `polly` | none | a resilience pipeline's own report |
//! | `request_logging` | none | Serilog's or another request logger lets it pass |
//! | `global_handler` | none | the application's own catch-all says that nobody caught it |

mod block;
mod death;
mod entry;
mod frame;
mod head;
mod in_app;
mod json;
mod layout;
mod line;
mod marked;
mod mechanism;
mod otel;
mod page;
mod request;
mod trace;
mod windows;
mod xml;

use crate::assemble::Found;
use crate::header::{self, Header};
use crate::json::Object;
use crate::record::{Exception, Frame, Level, Platform, Record};
use crate::text;

pub(crate) use entry::{begins, header};
pub(crate) use xml::begins as begins_xml;

/// How far behind a literal the first line of its trace may stand, in lines.
const ANCHOR_LINES: usize = 300;

/// The exception in these lines, if it is one of this language; `lines[0]` is cut to the entry's message.
pub(crate) fn parse(lines: &[&str], hit: usize, header: Option<&Header>) -> Option<Found> {
    if let Some(found) = death::parse(lines, hit) {
        return Some(found);
    }
    let whole = xml::parse(lines).or_else(|| otel::parse(lines)).or_else(|| windows::parse(lines, hit));
    if let Some(found) = whole.or_else(|| page::parse(lines, hit)) {
        return Some(found);
    }
    let silent = if header.is_none() { death::without_calls(lines, hit) } else { None };
    let Some(anchor) = anchor(lines, hit) else { return silent };
    if silent.is_some() && start(lines, anchor).is_none_or(|other| other.first > hit) {
        return silent;
    }
    let event = windows::runtime_event(lines, anchor);
    if event.is_none()
        && let Some(found) = block::parse(lines, anchor, header.is_some())
    {
        return Some(found);
    }
    let is_event = event.is_some();
    let Some(start) = event.or_else(|| start(lines, anchor)) else { return headless(lines, anchor, header) };
    let mut trace = trace::read(lines, start.line, start.offset, start.indent);
    if trace.exceptions.iter().all(|exception| exception.frames.is_empty()) && trace.exceptions.len() < 2 {
        return None;
    }
    if header.is_some() {
        trace.end = second_print(lines, &trace, start.indent);
    }
    let fields = entry::trace_source(lines, &mut trace.end, header);
    let crash = start.banner;
    let logged_by = header.and_then(|header| header.format);
    let has_header = header.is_some() && (!crash || start.line == 0 || logged_by == Some("windows-event"));
    let mut record = record(trace.exceptions);
    record.unparsed = trace.unparsed;
    if crash {
        let (name, by) = runtime(lines, &start);
        record.format = name.to_owned();
        record.found_by(by, Some(false));
    }
    if !crash || start.line == 0 {
        let prefix = &lines[start.line][..start.offset];
        if has_header || start.line == 0 {
            entry::message(&mut record, &lines[..start.line], prefix);
        } else {
            entry::message(&mut record, &[], prefix);
        }
    }
    entry::tail(&mut record, &trace.tail);
    if logged_by == Some("csv") {
        entry::unquote(&mut record);
    }
    record.fields.extend(fields);
    if is_event && !has_header {
        record.timestamp = windows::copied_time(&lines[..start.line]);
    }
    let mut from = if has_header { 0 } else { start.first };
    if from.checked_sub(1).is_some_and(|above| is_dialog(lines[above])) {
        record.found_by("winforms.thread_exception", Some(false));
    }
    if !has_header && !crash && from > 0 {
        record.timestamp = block::time_of_rule(lines[from - 1]);
        from -= usize::from(record.timestamp.is_some());
    }
    Some(Found { record, lines: from..trace.end.max(start.line + 1), has_header })
}

/// Which runtime announces a crash: the format's and the mechanism's names. Mono prints one crash twice.
fn runtime(lines: &[&str], start: &Start) -> (&'static str, &'static str) {
    let alone = start.first < start.line && lines[start.first].trim_end().ends_with(':');
    match lines[start.line].contains("FATAL UNHANDLED EXCEPTION") {
        true => ("mono-crash", "mono.crash"),
        false if alone => ("mono-crash", "mono.unhandled"),
        false => ("dotnet-crash", "dotnet.crash"),
    }
}

// ************** Exception Text **************
/// Whether the window of Windows Forms for what nobody caught heads its exception here, in any translation.
fn is_dialog(line: &str) -> bool {
    let stars = "**************";
    let inner = line.trim().strip_prefix(stars).and_then(|rest| rest.strip_suffix(stars));
    inner.is_some_and(|inner| inner.starts_with(' ') && inner.ends_with(' ') && !inner.contains(['*', ':']))
}

/// Whether a runtime announces on this line the end of its process, and prints the exception line by line.
pub(crate) fn announces(line: &[u8]) -> bool {
    line.starts_with(b"Unhandled exception. ") || line.starts_with(b"Unhandled Exception: ")
}

/// Whether an entry's first line may stand between the lines of a crash: information, and no exception in it.
pub(crate) fn is_aside(line: &[u8]) -> bool {
    let text = text::decode(&line[..line.len().min(1000)]);
    let level = header::header(&text).and_then(|header| header.level);
    level.is_some_and(|level| level < Level::Warning) && !text.contains("xception")
}

/// The exception in a JSON entry, if it is one of this language.
pub(crate) fn from_json(object: &Object) -> Option<Record> {
    json::parse(object)
}

/// What the record's own lines and those before it say of the failure, once all of it is known.
pub(crate) fn complete(record: &mut Record, before: &dyn Fn() -> Vec<String>) {
    entry::complete(record);
    request::complete(record, before);
    mechanism::complete(record, before);
}

fn record(mut exceptions: Vec<Exception>) -> Record {
    marked::mark(&mut exceptions);
    Record { platform: Platform::Csharp, exceptions, ..Record::default() }
}

/// The first `bytes` of a text, or a few less where a character stands across.
fn near(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The first line of a trace at or just behind the hit, and as far before it as its frames go.
fn anchor(lines: &[&str], hit: usize) -> Option<usize> {
    let found = lines.iter().skip(hit).take(ANCHOR_LINES).position(|line| line::is_trace(line))?;
    let mut anchor = hit + found;
    while anchor > 0 && line::is_trace(lines[anchor - 1]) {
        anchor -= 1;
    }
    Some(anchor)
}

/// How far below its entry's first line a trace without a type may begin, in lines.
const HEADLESS_LINES: usize = 24;

/// How far below a message with its type behind it the calls may begin, in lines.
const BLANK_LINES: usize = 4;

/// How far above a call of the program the calls of Unity's logger may begin, in lines.
const DUMP_LINES: usize = 8;

/// Where the outermost exception's head stands.
struct Start {
    line: usize,
    /// Byte of that line.
    offset: usize,
    /// Blanks that the logger prints before each line.
    indent: usize,
    /// Whether a runtime announces a crash.
    banner: bool,
    /// The first line that is the record's, where the header is not.
    first: usize,
}

/// Looks for the head above (or on) the trace's first line.
fn start(lines: &[&str], anchor: usize) -> Option<Start> {
    let mut weak = None;
    let mut inside = None;
    let mut joined = None;
    let mut cause = None;
    let mut strong: Option<Start> = None;
    for at in (0..=anchor).rev() {
        let line = lines[at];
        if at < anchor && line::is_trace(line) {
            break;
        }
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if at == anchor && !has_own_head(line) {
            continue;
        }
        let first = at;
        if let Some(after) = head::after_banner(text) {
            // Right below the announcement any name is a type's; some print their own words before it.
            let below = weak.filter(|weak: &Start| weak.line == at + 1);
            let named = strong.or(below).filter(|_| head::at_start(after).is_none());
            if named.is_none() {
                return Some(Start { line: at, offset: line.len() - text.len(), indent, banner: true, first });
            }
            // Mono prints its announcement on a line of its own.
            return named.map(|start| Start { banner: true, first: at, ..start });
        }
        if text.contains(trace::FAULT_DETAIL) && head::at_start(text).is_some_and(|head| head.strong) {
            strong = Some(Start { line: at, offset: indent, indent, banner: false, first });
            continue;
        }
        if let Some(found) = &strong {
            if at + 1 == found.line && line::inner_marker(text).is_some() {
                strong = None;
                continue;
            }
            // A message's own line may look like a head: the real one stands less deep, and no blank line between.
            if text.is_empty() && at + 1 < found.line {
                break;
            }
            if indent >= found.indent || text.is_empty() {
                continue;
            }
        }
        match head::at_start(text) {
            Some(head) if head.strong => {
                strong = Some(Start { line: at, offset: indent, indent, banner: false, first });
                continue;
            }
            Some(_) if weak.is_none() => weak = Some(Start { line: at, offset: indent, indent, banner: false, first }),
            _ => {}
        }
        if strong.is_none() && inside.is_none() {
            // What stands behind a separator is a cause of what the lines above name, or of one without a type.
            let own = if at == anchor { line::pieces(line)[0] } else { line };
            let offset = head::within(own).map(|(offset, _)| offset).or_else(|| head::labelled(own));
            if at == anchor && offset.is_none() {
                cause = behind_separator(lines, at, indent);
            }
            inside = offset.map(|offset| Start { line: at, offset, indent: 0, banner: false, first });
            joined = joined.or_else(|| {
                joined_head(line).filter(|_| at + 2 >= anchor).map(|offset| Start {
                    line: at,
                    offset,
                    indent: 0,
                    banner: false,
                    first,
                })
            });
        }
    }
    strong.or(inside).or(joined).or(cause).or(weak)
}

/// The head that a line has behind a separator alone; at its beginning, where that is the cause of one without a type.
fn behind_separator(lines: &[&str], at: usize, indent: usize) -> Option<Start> {
    let (offset, _) = head::within(lines[at])?;
    let offset = if is_cause(&lines[at..], offset) { indent } else { offset };
    Some(Start { line: at, offset, indent: 0, banner: false, first: at })
}

// The cart of order 7 is full ---> Shop.StockException: none left
/// Whether the exception at `offset` of the first line is the cause of one that prints no type: more causes end than begin.
fn is_cause(lines: &[&str], offset: usize) -> bool {
    let begins = lines[0][offset..].matches(" ---> ").count();
    let trace = lines[1..].iter().take_while(|line| line::is_trace(line));
    let mut open = begins + 1;
    trace
        .filter(|line| matches!(line::piece(line), line::Piece::EndOfInner))
        .for_each(|_| open = open.saturating_sub(1));
    open == 0
}

/// Where a head without a colon begins: only some of a layout's separators may stand before it.
fn joined_head(line: &str) -> Option<usize> {
    let starts = [0].into_iter().chain(line.match_indices(['|', '\t', ' ']).map(|(at, _)| at + 1).take(64));
    starts
        .map(|at| at + (line[at..].len() - line[at..].trim_start().len()))
        .find(|at| head::joined(&line[*at..]).is_some())
}

/// Whether the text before a line's first frame or cause may hold a head.
fn has_own_head(line: &str) -> bool {
    let pieces = line::pieces(line);
    pieces.len() > 1 && matches!(line::piece(pieces[0]), line::Piece::Text(_))
}

/// Frames without a type: the entry's message is all that is known.
fn headless(lines: &[&str], anchor: usize, header: Option<&Header>) -> Option<Found> {
    // Who logs a stack without an exception wants to know where he is, unless he says that it is an error.
    if header.and_then(|header| header.level).is_some_and(|level| level < Level::Error) {
        return None;
    }
    let own = header.is_some() && lines[..anchor].iter().all(|line| !line::is_trace(line)) && anchor <= HEADLESS_LINES;
    let trace = trace::read_frames(lines, anchor);
    let frames = || trace.exceptions.iter().flat_map(|exception| &exception.frames);
    if frames().next().is_some_and(is_dump) {
        return None;
    }
    // One call without a place may be prose, but not in an entry that tells of an error.
    let error = own && header.is_some_and(|header| header.level.is_some());
    if frames().all(|frame| frame.file.is_none()) && frames().count() < if error { 1 } else { 2 } {
        return None;
    }
    // Unity prints who called its logger.
    if lines[anchor.saturating_sub(DUMP_LINES)..anchor].iter().any(|line| line.starts_with("UnityEngine.Debug")) {
        return None;
    }
    let mut record = record(trace.exceptions);
    record.unparsed = trace.unparsed;
    // What a program printed right above the frames is all that names the error.
    let above = lines[..anchor].iter().rposition(|line| !line.trim().is_empty()).filter(|above| {
        let near = anchor - above == 1 && names_error(lines[*above]);
        !own && (near || anchor - above < BLANK_LINES && head::behind_message(lines[*above]).is_some())
    });
    // Or what stands before the first of them.
    let prefix = Some(line::pieces(lines[anchor])[0]).filter(|text| matches!(line::piece(text), line::Piece::Text(_)));
    let prefix =
        prefix.filter(|text| text.trim().contains(' ') && !text.trim_end().ends_with([':', '>'])).unwrap_or("");
    let said = if own { Some(0) } else { above.or((!prefix.is_empty()).then_some(anchor)) };
    if let Some(from) = said {
        entry::message(&mut record, &lines[from..anchor], prefix);
        if let (Some(exception), Some(message)) = (record.exceptions.first_mut(), &record.message) {
            exception.message.clone_from(message);
            if let Some((message, kind)) = head::behind_message(&exception.message.clone()) {
                message.clone_into(&mut exception.message);
                kind.clone_into(&mut exception.kind);
            }
        }
    }
    entry::tail(&mut record, &trace.tail);
    Some(Found { record, lines: said.unwrap_or(anchor)..trace.end, has_header: own })
}

fn names_error(line: &str) -> bool {
    ["rror", "xception", "ailed", "ailure"].iter().any(|word| line.contains(word))
}

/// Whether a stack's first call is the one that asked for it.
fn is_dump(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or("");
    match frame.module.as_deref() {
        Some("System.Environment") => function.contains("StackTrace"),
        Some("System.Diagnostics.StackTrace" | "System.Diagnostics.StackFrame") => true,
        _ => false,
    }
}

/// Where the record ends when a logger printed the same exception twice: EF Core, Mono, NLog.
fn second_print(lines: &[&str], trace: &trace::Trace, indent: usize) -> usize {
    let Some(first) = trace.exceptions.first() else { return trace.end };
    let same = |text: &str| head::at_start(text).is_some_and(|head| head.kind == first.kind);
    // Glued to the last frame: `…MoveNext()|Shop.CartException: too full`.
    let glued = trace.tail.trim_start_matches(trace::GLUE);
    if same(glued)
        && let Some(last) = trace.end.checked_sub(1)
        && let Some(offset) = lines[last].rfind(glued)
    {
        return trace::read(lines, last, offset, indent).end;
    }
    let blanks = lines[trace.end..].iter().take_while(|line| line.trim().is_empty()).count();
    let Some(line) = lines.get(trace.end + blanks) else { return trace.end };
    if line.len() - line.trim_start().len() == indent && same(line.trim_start()) {
        let second = trace::read(lines, trace.end + blanks, indent, indent);
        let again = second.exceptions.first().map(|again| again.message.as_str());
        if again.is_some_and(|again| again.is_empty() || again == first.message) {
            return second.end;
        }
    }
    trace.end
}
