//! Exceptions that an in-house logger writes as a block of labelled fields.
//!
//! In: lines, and the first frame among them. Out: the record, one exception for each labelled type. Invariant: a block
//! has a label for its type or message, and one for its stack. Does not know which labels a logger chose: it compares
//! them without case, blanks and the words "exception" and "error".

mod label;

use super::{entry, head, line, record};
use crate::assemble::Found;
use crate::header;
use crate::record::{CauseOf, Exception, Level};
use crate::time;
use label::{Field, Label, label};

/// How far above the first frame a block may begin, in lines.
const LINES_ABOVE: usize = 40;

/// The block that the frame at `anchor` belongs to.
pub(super) fn parse(lines: &[&str], anchor: usize, has_header: bool) -> Option<Found> {
    let mut start = first_label(lines, anchor)?;
    let mut block = Block::default();
    let above = start.checked_sub(1);
    let untyped = label(lines[start]).is_some_and(|first| first.field != Field::Kind);
    if let Some((above, kind)) = above.filter(|_| untyped).and_then(|above| Some((above, bare_type(lines[above])?))) {
        block.kind(kind, false);
        start = above;
    }
    let mut end = start;
    let mut at = start + block.exceptions.len();
    while let Some(line) = lines.get(at) {
        if !block.take(line) {
            let next = lines[at..].iter().position(|line| !line.trim().is_empty()).map(|blanks| at + blanks);
            let goes_on = next.filter(|next| *next > at && block.goes_on(lines[*next]));
            match goes_on {
                Some(next) => at = next,
                None => break,
            }
            continue;
        }
        at += 1;
        if !line.trim().is_empty() {
            end = at;
        }
    }
    let fields = std::mem::take(&mut block.fields);
    let time = block.time.take();
    let exceptions = block.finish();
    if exceptions.iter().all(|exception| exception.frames.is_empty()) {
        return None;
    }
    let mut record = record(exceptions);
    record.level = severity(&lines[end..]);
    record.fields = fields;
    record.timestamp = time.filter(|_| !has_header);
    if has_header {
        entry::message(&mut record, &lines[..start], "");
    }
    let above = start.checked_sub(1).filter(|above| is_rule(lines[*above]));
    if !has_header && let Some(above) = above {
        record.timestamp = record.timestamp.or_else(|| time_of_rule(lines[above]));
    }
    let first = above.unwrap_or(start);
    if lines.get(end).is_some_and(|line| is_rule(line) && time_of_rule(line).is_none()) {
        end += 1;
    }
    Some(Found { record, lines: if has_header { 0 } else { first }..end, has_header })
}

/// How far below a block its entry's level may stand, in lines.
const LINES_BELOW: usize = 24;

// Additional Info: / MachineName : SRV1 / … / Severity: Error
/// The level that Enterprise Library prints below its block.
fn severity(below: &[&str]) -> Option<Level> {
    below.iter().take(2).find(|line| line.starts_with("Additional Info:"))?;
    let word = below.iter().take(LINES_BELOW).find_map(|line| line.strip_prefix("Severity: "))?;
    header::level(word.trim())
}

#[derive(Default)]
struct Block {
    exceptions: Vec<Exception>,
    /// Of each exception, whether its labels say that it is a cause.
    inner: Vec<bool>,
    field: Option<Field>,
    /// The next type or message begins a cause.
    next_is_inner: bool,
    /// Labels of no meaning here, with their values.
    fields: Vec<(String, String)>,
    time: Option<String>,
}

impl Block {
    /// Takes one line; false when it is no part of the block.
    fn take(&mut self, text: &str) -> bool {
        if let line::Piece::Frame(frame, _) = line::piece(text) {
            self.field = Some(Field::Stack);
            self.last().frames.push(frame);
            return true;
        }
        if let Some(label) = label(text) {
            if self.is_over(&label) {
                return false;
            }
            self.begin(&label);
            return true;
        }
        if is_nested(text) {
            self.field = Some(Field::Inner);
            self.next_is_inner = true;
            return true;
        }
        match (self.field, line::piece(text)) {
            (_, line::Piece::Rethrow | line::Piece::EndOfInner) => true,
            (Some(Field::Message), _) if !is_rule(text) && self.last().frames.is_empty() => {
                let message = &mut self.last().message;
                message.push('\n');
                message.push_str(text);
                true
            }
            // Between its time and what it tells.
            (Some(Field::Time), line::Piece::Text(text)) => text.split_once(": ").is_some_and(|(name, value)| {
                self.fields.push((name.trim().to_owned(), value.trim().to_owned()));
                true
            }),
            (Some(Field::Inner), line::Piece::Text(text)) => match head::at_start(text.trim()) {
                Some(head) => {
                    self.cause(head);
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// Whether a line behind blank ones is still of the block.
    fn goes_on(&self, text: &str) -> bool {
        let causes_only = self.inner.iter().all(|inner| *inner);
        let more = |label: Label<'_>| {
            let expected = label.inner || self.next_is_inner || label.field == Field::Other;
            let begun = self.exceptions.last().is_some_and(|last| last.frames.is_empty());
            begun || expected || causes_only && !self.is_over(&label)
        };
        // Mono leaves a line empty where a stack was thrown on.
        let stack = self.field == Some(Field::Stack) && matches!(line::piece(text), line::Piece::Frame(..));
        stack || is_nested(text) || label(text).is_some_and(more)
    }

    /// Whether a label can only be the next block's.
    fn is_over(&self, label: &Label<'_>) -> bool {
        let Some(last) = self.exceptions.last().filter(|last| !last.frames.is_empty()) else { return false };
        match label.field {
            Field::Time => true,
            Field::Message | Field::Exception => {
                let expected = self.next_is_inner || label.inner || self.inner.last() == Some(&true);
                !expected && !last.message.is_empty()
            }
            _ => false,
        }
    }

    fn begin(&mut self, label: &Label<'_>) {
        let value = label.value;
        let is_none = || matches!(value.trim_matches(['(', ')', '-']).to_ascii_lowercase().as_str(), "none" | "null");
        let field = match label.field {
            Field::Exception if label.inner && is_none() => return self.field = Some(Field::Other),
            Field::Exception => Field::Message,
            field => field,
        };
        self.field = Some(field);
        match field {
            Field::Kind => self.kind(value, label.inner),
            Field::Message => self.message(value, label.inner),
            Field::Stack => {
                if let Some(piece) = line::pieces(&format!("   {value}")).first()
                    && let line::Piece::Frame(frame, _) = line::piece(piece)
                {
                    self.last().frames.push(frame);
                }
            }
            Field::Inner => self.next_is_inner = true,
            Field::Time => self.time = time::at_start(value).and_then(|stamp| stamp.value),
            Field::Exception | Field::Other if value.is_empty() => {}
            Field::Exception | Field::Other => self.fields.push((label.name.to_owned(), value.to_owned())),
        }
    }

    fn kind(&mut self, value: &str, inner: bool) {
        // The block of Enterprise Library names the type's assembly, too.
        let kind = value.split_once(", ").filter(|(_, rest)| rest.contains("Version=")).map_or(value, |(kind, _)| kind);
        let mut exception = Exception { kind: kind.to_owned(), ..Exception::default() };
        if let Some(head) = head::at_start(kind) {
            head.kind.clone_into(&mut exception.kind);
            head.message.clone_into(&mut exception.message);
            exception.code = head.code.map(str::to_owned);
            // The message may go on.
            if !head.message.is_empty() {
                self.field = Some(Field::Message);
            }
        }
        self.push(exception, inner);
    }

    fn message(&mut self, value: &str, inner: bool) {
        // A message may stand below the frames of the type that it belongs to.
        let named = |last: &Exception| last.frames.is_empty() || !last.kind.is_empty();
        let again = self.exceptions.last().is_none_or(|last| !last.message.is_empty() || !named(last));
        let other = inner && self.inner.last() == Some(&false);
        if again || self.next_is_inner || other {
            self.push(Exception::default(), inner);
        }
        value.clone_into(&mut self.last().message);
    }

    fn cause(&mut self, head: head::Head<'_>) {
        let exception = Exception {
            kind: head.kind.to_owned(),
            message: head.message.to_owned(),
            code: head.code.map(str::to_owned),
            ..Exception::default()
        };
        self.push(exception, true);
    }

    fn push(&mut self, mut exception: Exception, inner: bool) {
        let inner = inner || std::mem::take(&mut self.next_is_inner);
        // A message that was labelled before its type.
        if let Some(last) = self.exceptions.last_mut()
            && last.kind.is_empty()
            && last.frames.is_empty()
            && !exception.kind.is_empty()
            && self.inner.last() == Some(&inner)
        {
            last.kind = exception.kind;
            if last.message.is_empty() {
                last.message = std::mem::take(&mut exception.message);
            }
            return;
        }
        self.exceptions.push(exception);
        self.inner.push(inner);
    }

    fn last(&mut self) -> &mut Exception {
        if self.exceptions.is_empty() {
            self.exceptions.push(Exception::default());
            self.inner.push(false);
        }
        let last = self.exceptions.len() - 1;
        &mut self.exceptions[last]
    }

    /// The chain, outermost first: some loggers write the cause above what it caused.
    fn finish(self) -> Vec<Exception> {
        let causes = self.inner.iter().take_while(|inner| **inner).count();
        let mut exceptions = self.exceptions;
        if causes < exceptions.len() {
            exceptions.rotate_left(causes);
        }
        for (at, exception) in exceptions.iter_mut().enumerate() {
            exception.message = exception.message.trim().to_owned();
            // `Message: Shop.CartException: too full`, with no label for the type.
            if exception.kind.is_empty()
                && let Some(head) = head::at_start(&exception.message.clone()).filter(|head| head.strong)
            {
                head.kind.clone_into(&mut exception.kind);
                head.message.clone_into(&mut exception.message);
            }
            exception.cause_of =
                at.checked_sub(1).map(|parent| CauseOf { parent, source: "InnerException".to_owned() });
        }
        exceptions
    }
}

/// The topmost label of the block around `anchor`; none when there are too few labels to make one.
fn first_label(lines: &[&str], anchor: usize) -> Option<usize> {
    let (mut top, mut said, mut stack, mut named) = (None, false, false, false);
    // A type's and a message's label may stand right above the frames, and the source's below them.
    let field = |line: &&str| label(line).map(|label| label.field);
    let own = field(&lines[anchor]);
    if own != Some(Field::Stack) {
        let mut above = lines[..anchor].iter().rev().map(field);
        match above.next() {
            Some(Some(Field::Message)) if above.next() == Some(Some(Field::Kind)) => return Some(anchor - 2),
            Some(Some(Field::Other)) if above.by_ref().take(2).eq([Some(Field::Message), Some(Field::Kind)]) => {
                return Some(anchor - 3);
            }
            // The stack's label stands right above the frames, or there is no block.
            Some(None) => return None,
            _ => {}
        }
    }
    let mut foreign = 0;
    for at in (anchor.saturating_sub(LINES_ABOVE)..=anchor).rev() {
        let found = if at == anchor { own } else { field(&lines[at]) };
        named |= found == Some(Field::Kind);
        match found {
            Some(Field::Kind | Field::Message | Field::Exception) => {
                said = true;
                top = Some(at);
            }
            Some(Field::Stack) if !stack && anchor - at <= 1 => {
                stack = true;
                top = Some(at);
            }
            // Some part the labels by blank lines, up to that of the type.
            None if stack && !named && lines[at].trim().is_empty() && at > 0 && field(&lines[at - 1]).is_some() => {}
            // The stack's label stands right above the frames, or there is no block.
            None if at < anchor && !stack => return None,
            Some(Field::Time) if stack && said => {
                top = Some(at);
                break;
            }
            Some(_) if stack => top = Some(at),
            // Text between labels is a message's; above the first label it is not of the block, unless it is labelled.
            None if stack && at < anchor && is_rule(lines[at]) => break,
            None if stack && said => {
                foreign += 1;
                if foreign > FOREIGN_LABELS || !lines[at].contains(": ") || line::is_trace(lines[at]) {
                    break;
                }
            }
            _ => {}
        }
    }
    top.filter(|_| said && stack)
}

/// So many labels of other meaning may stand between a block's time and its type or message.
const FOREIGN_LABELS: usize = 6;

// Shop.CartException · Shop.CartException was unhandled by user code
/// A type alone on the line above the labels.
fn bare_type(text: &str) -> Option<&str> {
    let text = text.trim();
    let kind = text.find(" was unhandled").map_or(text, |end| &text[..end]);
    head::at_start(kind).filter(|head| head.strong && head.message.is_empty() && head.kind == kind)?;
    Some(kind)
}

// Nested Exception
/// A heading above the cause's own labels.
fn is_nested(text: &str) -> bool {
    matches!(text.trim(), "Nested Exception" | "Inner Exception")
}

/// `===== Exception =====`, `----------`
pub(super) fn is_rule(text: &str) -> bool {
    let text = text.trim();
    text.len() >= 3 && (text.starts_with("===") || text.starts_with("---") || text.starts_with("***"))
}

/// `********** 12/23/2026 4:48:28 PM **********`, `---Starting--- 8.05.2026 11:11:39`
/// The time that a rule above an exception tells.
pub(super) fn time_of_rule(text: &str) -> Option<String> {
    let digits = text.find(|c: char| c.is_ascii_digit()).filter(|_| is_rule(text))?;
    let stamp = time::at_start(&text[digits..])?;
    let is_over = text[digits + stamp.length..].chars().all(|c| matches!(c, '-' | '*' | '=' | ' '));
    stamp.value.filter(|_| is_over)
}
