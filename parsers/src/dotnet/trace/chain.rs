//! Which exception of a chain is being printed: causes, members of aggregates, and where each ends.
//!
//! In: heads and ends, as the reader meets them. Out: the chain, with its frames where they belong. Invariant: the
//! outermost exception stays open. Does not read lines.

use super::{DEPTH, Open, Reader};
use crate::dotnet::{head, in_app};
use crate::record::{CauseOf, Exception};
use crate::text::Literal;

/// What WCF prints behind a fault's message, up to `).` at the end of a line.
pub(in crate::dotnet) const FAULT_DETAIL: &str = " (Fault Detail is equal to ";
static FAULT: Literal = Literal::new(FAULT_DETAIL);

/// Lines of a message in which the end of a member is sought that was never thrown.
const MEMBER_LINES: usize = 20;

impl<'a> Reader<'a> {
    // ---> (Inner Exception #1) Shop.CartException: too full
    pub(super) fn cause(&mut self, number: Option<u32>, text: &'a str) -> bool {
        if number.is_some() {
            self.back_to_aggregate();
        }
        let Some(parent) = self.stack.last_mut() else { return false };
        parent.in_message = false;
        let parent = parent.index;
        // A member that was never thrown ends behind its message.
        let own = text.trim_end().trim_end_matches("<---");
        let ends = if number.is_some() { text[own.len()..].matches("<---").count() } else { 0 };
        self.open(if ends > 0 { own } else { text }, Some(parent), number);
        self.end_of_members(ends);
        true
    }

    /// The last lines of a message of a member that was never thrown; false where they are none.
    pub(super) fn end_of_message(&mut self, text: &'a str) -> bool {
        let numbered = self.stack.last().is_some_and(|open| open.numbered);
        let rest = || self.lines[self.index..].iter().take(MEMBER_LINES).take_while(|line| !line.trim().is_empty());
        if !numbered || !rest().any(|line| line.trim_end().ends_with("<---")) {
            return false;
        }
        let own = text.trim_end().trim_end_matches("<---");
        self.append("\n");
        self.append(self.dedented(own));
        self.end_of_members(text[own.len()..].matches("<---").count());
        true
    }

    pub(super) fn open(&mut self, text: &str, parent: Option<usize>, number: Option<u32>) {
        let index = self.trace.exceptions.len();
        let text = if parent.is_none() { head::after_banner(text).unwrap_or(text) } else { text };
        let text = text.trim_start_matches(' ');
        // A logger may name the type before the text that begins with it.
        let again = |head: &head::Head<'_>| head::at_start(text.get(text.len() - head.message.len()..)?);
        let known = head::at_start(text).map(|head| match again(&head) {
            Some(same) if same.kind == head.kind => same,
            _ => head::once(head),
        });
        let known = known.or_else(|| head::joined(text).filter(|_| parent.is_none()));
        let mut exception = match known {
            Some(head) => Exception {
                kind: head.kind.to_owned(),
                message: head.message.to_owned(),
                code: head.code.map(str::to_owned),
                ..Exception::default()
            },
            None => Exception { message: text.to_owned(), ..Exception::default() },
        };
        if let Some(at) = FAULT.find(exception.message.as_bytes()) {
            let detail = exception.message.split_off(at);
            self.detailed = !detail.trim_end().ends_with(").");
            exception.properties.push(("Detail".to_owned(), detail[FAULT_DETAIL.len()..].to_owned()));
        }
        let mut unmarked = false;
        if let Some(parent) = parent {
            let outer = &self.trace.exceptions[parent];
            unmarked = number.is_none() && outer.code.is_some();
            let aggregate = outer.kind.ends_with("AggregateException");
            let source = match number {
                Some(number) => format!("InnerExceptions[{number}]"),
                None if aggregate => "InnerExceptions[0]".to_owned(),
                None => "InnerException".to_owned(),
            };
            // Member 0 was printed as the aggregate's cause already.
            let first = self.trace.exceptions.get(parent + 1);
            if number == Some(0) && first.is_some_and(|first| first.kind == exception.kind) {
                self.repeated.push(index);
            }
            exception.cause_of = Some(CauseOf { parent, source });
        }
        self.trace.exceptions.push(exception);
        self.stack.push(Open { index, numbered: number.is_some(), unmarked, in_message: true });
    }

    pub(super) fn end_of_inner(&mut self) {
        while self.stack.len() > 2 && self.stack.last().is_some_and(|open| open.unmarked) {
            self.close();
        }
        if self.stack.len() > 1 {
            self.stack.pop();
        }
        if let Some(open) = self.stack.last_mut() {
            open.in_message = false;
        }
    }

    pub(super) fn end_of_members(&mut self, count: usize) {
        for _ in 0..count {
            while let Some(open) = self.stack.last() {
                if self.stack.len() == 1 {
                    return;
                }
                let numbered = open.numbered;
                self.close();
                if numbered {
                    break;
                }
            }
        }
    }

    pub(super) fn back_to_aggregate(&mut self) {
        let aggregate = |open: &Open| self.trace.exceptions[open.index].kind.ends_with("AggregateException");
        let nearest = self.stack.iter().rev().take(DEPTH).position(aggregate);
        let Some(depth) = nearest.map(|above| self.stack.len() - 1 - above) else { return };
        while self.stack.len() > depth + 1 {
            self.close();
        }
    }

    /// Takes the innermost open exception off; where no line told its end, its frames are parted from its parent's.
    pub(super) fn close(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        let Some(parent) = self.trace.exceptions[open.index].cause_of.as_ref().map(|of| of.parent) else { return };
        if !open.unmarked {
            return;
        }
        let frames = std::mem::take(&mut self.trace.exceptions[open.index].frames);
        // The method that wrapped the cause stands last in the cause's frames and first in the outer one's.
        let sought = if self.stack.len() < DEPTH { frames.len() } else { 0 };
        let libraries =
            frames.iter().take(sought).take_while(|frame| in_app::is_library(frame.module.as_deref())).count();
        let cut = frames[..libraries].windows(2).position(|pair| same_call(&pair[0], &pair[1])).map_or(0, |at| at + 1);
        // ASP.NET's pages throw their wrapper from a method of its own.
        let pages = self.trace.exceptions[parent].kind == "System.Web.HttpUnhandledException";
        let thrown = frames.iter().filter(|_| pages).position(is_page_error);
        let cut = thrown.unwrap_or(cut);
        let mut outer = frames;
        if cut > 0 {
            let rest = outer.split_off(cut);
            self.trace.exceptions[open.index].frames = std::mem::replace(&mut outer, rest.into());
        }
        let parent = &mut self.trace.exceptions[parent];
        let own = std::mem::replace(&mut parent.frames, outer);
        if !own.is_empty() {
            parent.frames.extend(own);
        }
    }
}

fn is_page_error(frame: &crate::record::Frame) -> bool {
    frame.module.as_deref() == Some("System.Web.UI.Page") && frame.function.as_deref() == Some("HandleError")
}

fn same_call(one: &crate::record::Frame, other: &crate::record::Frame) -> bool {
    one.module == other.module && one.function == other.function
}

/// Takes exceptions out of a chain, with all that they caused.
pub(super) fn remove(exceptions: &mut Vec<Exception>, repeated: &[usize]) {
    let mut place = vec![None; exceptions.len()];
    let mut kept = Vec::new();
    for (index, mut exception) in exceptions.drain(..).enumerate() {
        if repeated.binary_search(&index).is_ok() {
            continue;
        }
        if let Some(of) = &mut exception.cause_of {
            let Some(parent) = place[of.parent] else { continue };
            of.parent = parent;
        }
        place[index] = Some(kept.len());
        kept.push(exception);
    }
    *exceptions = kept;
}
