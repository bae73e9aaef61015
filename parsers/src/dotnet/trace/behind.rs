//! What is printed behind an exception's frames: its stack once more, properties, loader exceptions, Unity's calls.
//!
//! In: a line behind frames. Out: whether it belongs to the trace; what it says is noted. Invariant: no frame is counted twice. Does
//! not read frames with a place.

use super::words::is_file_name;
use super::{DEPTH, Exception, Piece, Reader, head, line};
use crate::dotnet::frame;

impl<'a> Reader<'a> {
    //    at Shop.Cart.Add() in /src/Cart.cs:line 3   at Shop.Cart.Sum() in /src/Cart.cs:line 9
    /// Takes off what a layout prints behind the exception: its stack once more, from its first call on.
    pub(super) fn cut_second_stack(&mut self) {
        let [second, first] = self.queue.as_slice() else { return };
        let (Piece::Frame(again, _), Piece::Frame(last, _)) = (line::piece(second), line::piece(first)) else { return };
        let Some(outer) = self.trace.exceptions.first() else { return };
        let begins = outer.frames.first().unwrap_or(&last);
        let is_outer = self.stack.len() == 1 && !self.printed_again;
        if is_outer && begins.raw == again.raw && begins.line == again.line {
            self.queue.remove(0);
            let first = self.queue.pop().unwrap_or("");
            self.take(first);
            self.trace.end = self.index + 1;
            self.printed_again = true;
        }
    }

    // ClientConnectionId:0f3… ·   Exception data: ·     Severity: ERROR ·  [See nested exception: …]
    pub(super) fn tail_line(&mut self, text: &'a str) -> bool {
        if let Some((_, glued)) = text.split_once('|')
            && head::at_start(glued).is_some_and(|head| head.strong)
        {
            glued.clone_into(&mut self.trace.tail);
            self.trace.end = self.index + 1;
            return false;
        }
        let trimmed = text.trim();
        if trimmed == "Exception data:" || trimmed == "Data:" {
            let depth = text.len() - text.trim_start().len();
            while let Some(line) = self.lines.get(self.index + 1) {
                let deeper = line.len() - line.trim_start().len() > depth;
                if !deeper || !matches!(line::piece(line), Piece::Text(_)) {
                    break;
                }
                self.index += 1;
                if let Some((key, value)) = line.trim().split_once(": ") {
                    self.property(key, value);
                }
            }
        } else if let Some((key, value)) = trimmed.split_once(':').filter(|(key, _)| key.len() < 40) {
            self.property(key, value.trim());
        }
        true
    }

    // System.IO.FileNotFoundException: Could not load file or assembly 'Shop.Tax' or one of its dependencies.
    /// What `ReflectionTypeLoadException` prints below its frames: why each type could not be loaded.
    pub(super) fn loader_exception(&mut self, text: &str) -> bool {
        let loads = |exception: &Exception| exception.kind.ends_with("ReflectionTypeLoadException");
        let depth = self.trace.exceptions.iter().rev().take(DEPTH).any(loads);
        let known = ["System.IO.File", "System.TypeLoad", "System.BadImage", "System.MissingM"];
        if !depth || !(known.iter().any(|start| text.starts_with(start)) || is_file_name(text)) {
            return false;
        }
        self.property("LoaderException", text);
        true
    }

    /// A call without a place among Unity's; the calls of its logger are no more the exception's.
    pub(super) fn unity_call(&mut self, text: &str) -> bool {
        let Some(exception) = self.stack.last().and_then(|open| self.trace.exceptions.get_mut(open.index)) else {
            return false;
        };
        let of_unity = exception
            .frames
            .last()
            .and_then(|frame| frame.raw.as_deref())
            .is_some_and(|raw| raw.contains(" (") || raw.starts_with("(wrapper ") || raw.contains(':'));
        let Some(frame) = frame::unity_call(text).filter(|_| of_unity) else { return false };
        let module = frame.module.as_deref().unwrap_or("");
        if matches!(module, "UnityEngine.DebugLogHandler" | "UnityEngine.Logger" | "UnityEngine.Debug") {
            self.printed_again = true;
        }
        if !self.printed_again {
            exception.frames.push(frame);
        }
        true
    }
}
