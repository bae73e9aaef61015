//! Exceptions that an in-house logger writes as a block of labelled fields.
//!
//! In: lines, and the first frame among them. Out: the record, one exception for each labelled type. Invariant: a block
//! has a label for its type or message, and one for its stack. Does not know which labels a logger chose: it compares
//! them without case, blanks and the words "exception" and "error".

use super::{entry, head, line, record};
use crate::assemble::Found;
use crate::header;
use crate::record::{CauseOf, Exception, Level};

/// How far above the first frame a block may begin, in lines.
const LINES_ABOVE: usize = 40;

/// The block that the frame at `anchor` belongs to.
pub(super) fn parse(lines: &[&str], anchor: usize, has_header: bool) -> Option<Found> {
    let start = first_label(lines, anchor)?;
    let mut block = Block { exceptions: Vec::new(), field: None, inner: false };
    let mut end = start;
    let mut at = start;
    while let Some(line) = lines.get(at) {
        if !block.take(line) {
            let next = lines[at..].iter().position(|line| !line.trim().is_empty()).map(|blanks| at + blanks);
            let goes_on = next.filter(|next| *next > at && (label(lines[*next]).is_some() || is_nested(lines[*next])));
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
    let exceptions = block.finish();
    if exceptions.iter().all(|exception| exception.frames.is_empty()) {
        return None;
    }
    let mut record = record(exceptions);
    record.level = severity(&lines[end..]);
    if has_header {
        entry::message(&mut record, &lines[..start], "");
    }
    let rule = |line: &&str| is_rule(line);
    let first = if start > 0 && is_rule(lines[start - 1]) { start - 1 } else { start };
    if lines.get(end).is_some_and(rule) {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Kind,
    Message,
    Stack,
    Inner,
    Other,
}

struct Block {
    exceptions: Vec<Exception>,
    field: Option<Field>,
    /// The next type or message begins a cause.
    inner: bool,
}

impl Block {
    /// Takes one line; false when it is no part of the block.
    fn take(&mut self, text: &str) -> bool {
        if let line::Piece::Frame(frame, _) = line::piece(text) {
            self.field = Some(Field::Stack);
            self.last().frames.push(frame);
            return true;
        }
        if let Some((field, value)) = label(text) {
            self.begin(field, value);
            return true;
        }
        if is_nested(text) {
            self.begin(Field::Inner, "");
            return true;
        }
        match (self.field, line::piece(text)) {
            (_, line::Piece::Rethrow | line::Piece::EndOfInner) => true,
            (Some(Field::Message), _) if !is_rule(text) => {
                let message = &mut self.last().message;
                message.push('\n');
                message.push_str(text);
                true
            }
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

    fn begin(&mut self, field: Field, value: &str) {
        self.field = Some(field);
        match field {
            Field::Kind => {
                // The block of Enterprise Library names the type's assembly, too.
                let value = value
                    .split_once(", ")
                    .filter(|(_, rest)| rest.contains("Version="))
                    .map_or(value, |(kind, _)| kind);
                let mut exception = Exception { kind: value.to_owned(), ..Exception::default() };
                if let Some(head) = head::at_start(value) {
                    head.kind.clone_into(&mut exception.kind);
                    head.message.clone_into(&mut exception.message);
                    exception.code = head.code.map(str::to_owned);
                }
                self.push(exception);
            }
            Field::Message => {
                // A message may stand below the frames of the type that it belongs to.
                let named = |last: &Exception| last.frames.is_empty() || !last.kind.is_empty();
                let again = self.exceptions.last().is_none_or(|last| !last.message.is_empty() || !named(last));
                if again || self.inner {
                    self.push(Exception::default());
                }
                value.clone_into(&mut self.last().message);
            }
            Field::Stack => {
                if let Some(piece) = line::pieces(&format!("   {value}")).first()
                    && let line::Piece::Frame(frame, _) = line::piece(piece)
                {
                    self.last().frames.push(frame);
                }
            }
            Field::Inner => {
                self.inner = true;
                if let Some(head) = head::at_start(value).filter(|head| head.strong) {
                    self.cause(head);
                    self.field = Some(Field::Message);
                } else if matches!(value.trim_matches(['(', ')', '-']).to_ascii_lowercase().as_str(), "none" | "null") {
                    self.inner = false;
                }
            }
            Field::Other => {}
        }
    }

    fn cause(&mut self, head: head::Head<'_>) {
        self.push(Exception {
            kind: head.kind.to_owned(),
            message: head.message.to_owned(),
            code: head.code.map(str::to_owned),
            ..Exception::default()
        });
    }

    fn push(&mut self, mut exception: Exception) {
        self.inner = false;
        // A message that was labelled before its type.
        if let Some(last) = self.exceptions.last_mut()
            && last.kind.is_empty()
            && last.frames.is_empty()
            && !exception.kind.is_empty()
        {
            last.kind = exception.kind;
            return;
        }
        if let Some(parent) = self.exceptions.len().checked_sub(1) {
            exception.cause_of = Some(CauseOf { parent, source: "InnerException".to_owned() });
        }
        self.exceptions.push(exception);
    }

    fn last(&mut self) -> &mut Exception {
        if self.exceptions.is_empty() {
            self.exceptions.push(Exception::default());
        }
        let last = self.exceptions.len() - 1;
        &mut self.exceptions[last]
    }

    fn finish(mut self) -> Vec<Exception> {
        for exception in &mut self.exceptions {
            exception.message = exception.message.trim().to_owned();
            // `Message: Shop.CartException: too full`, with no label for the type.
            if exception.kind.is_empty()
                && let Some(head) = head::at_start(&exception.message.clone()).filter(|head| head.strong)
            {
                head.kind.clone_into(&mut exception.kind);
                head.message.clone_into(&mut exception.message);
            }
        }
        self.exceptions
    }
}

/// The topmost label of the block around `anchor`; none when there are too few labels to make one.
fn first_label(lines: &[&str], anchor: usize) -> Option<usize> {
    let (mut top, mut said, mut stack) = (None, false, false);
    // A type's and a message's label may stand right above the frames, and the source's below them.
    let labels = lines[..anchor].iter().rev().take(3).map(|line| label(line).map(|(field, _)| field));
    match labels.collect::<Vec<_>>().as_slice() {
        [Some(Field::Message), Some(Field::Kind), ..] => return Some(anchor - 2),
        [Some(Field::Other), Some(Field::Message), Some(Field::Kind)] => return Some(anchor - 3),
        _ => {}
    }
    for at in (anchor.saturating_sub(LINES_ABOVE)..=anchor).rev() {
        match label(lines[at]) {
            Some((Field::Kind | Field::Message, _)) => {
                said = true;
                top = Some(at);
            }
            Some((Field::Stack, _)) if !stack && anchor - at <= 1 => {
                stack = true;
                top = Some(at);
            }
            // The stack's label stands right above the frames, or there is no block.
            None if at < anchor && !stack => return None,
            Some(_) if stack => top = Some(at),
            // Text between labels is a message's; above the first label it is not of the block.
            None if stack && at < anchor && (said || is_rule(lines[at])) => break,
            _ => {}
        }
    }
    top.filter(|_| said && stack)
}

// Nested Exception
/// A heading above the cause's own labels.
fn is_nested(text: &str) -> bool {
    matches!(text.trim(), "Nested Exception" | "Inner Exception")
}

// Exception Type: Shop.CartException · StackTrace:    at … · InnerException: (none)
fn label(text: &str) -> Option<(Field, &str)> {
    let (name, value) = text.trim().split_once(':')?;
    if name.len() > 32 || name.is_empty() || !value.is_empty() && !value.starts_with([' ', '\t']) {
        return None;
    }
    let mut key: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
    let inner = key.starts_with("inner");
    if key == "exception" || key == "error" {
        return head::at_start(value.trim()).filter(|head| head.strong).map(|_| (Field::Kind, value.trim()));
    }
    for word in ["inner", "exception", "error"] {
        key = key.replace(word, "");
    }
    let field = match key.as_str() {
        "type" | "name" | "class" => Field::Kind,
        "message" | "msg" | "description" => Field::Message,
        "stacktrace" | "stack" | "trace" | "callstack" => Field::Stack,
        "" if inner => Field::Inner,
        "source" | "targetsite" | "method" | "helplink" | "hresult" | "data" | "code" | "assembly" => Field::Other,
        _ => return None,
    };
    Some((field, value.trim()))
}

/// `===== Exception =====`, `----------`
fn is_rule(text: &str) -> bool {
    let text = text.trim();
    text.len() >= 3 && (text.starts_with("===") || text.starts_with("---") || text.starts_with("***"))
}
