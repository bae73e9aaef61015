//! One stream of bytes: plain lines, or lines that some wrapper holds, each program of which is a stream again.
//!
//! In: bytes in any pieces. Out: records with their places in this stream, in its order. Invariants: a decision
//! depends on the bytes, never on how they were cut; what is kept is bounded. Does not know any language's grammar.

mod plain;
mod region;
mod run;
mod window;
mod wrapped;

use jiff::civil::Date;

use crate::unwrap::Wrapper;
use crate::{Options, Record};
use plain::Plain;
use wrapped::Wrapped;

/// A stream: plain until a line shows that it is wrapped.
#[derive(Debug)]
pub(crate) struct Stream {
    options: Options,
    depth: u8,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Plain(Plain),
    Wrapped(Wrapped),
}

impl Stream {
    pub(crate) fn new(options: Options, offset: u64, line: u64) -> Stream {
        Stream { options, depth: 0, form: Form::Plain(Plain::new(offset, line, 0)) }
    }

    /// The stream of a program inside `depth` wrappers.
    fn inner(options: &Options, depth: u8) -> Stream {
        Stream { options: options.clone(), depth, form: Form::Plain(Plain::new(0, 1, depth)) }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], found: &mut Vec<Record>) {
        let switched = match &mut self.form {
            Form::Plain(plain) => plain.push(bytes, &self.options, found),
            Form::Wrapped(wrapped) => {
                wrapped.push(bytes, &self.options, found);
                None
            }
        };
        if let Some(wrapper) = switched {
            self.wrap(wrapper, found);
        }
    }

    /// Closes what is open; at the end of the input also a line that has no end.
    pub(crate) fn close(&mut self, ended: bool, found: &mut Vec<Record>) {
        let switched = match &mut self.form {
            Form::Plain(plain) => plain.close(ended, &self.options, found),
            Form::Wrapped(wrapped) => {
                wrapped.close(ended, &self.options, found);
                None
            }
        };
        if let Some(wrapper) = switched {
            self.wrap(wrapper, found);
            self.close(ended, found);
        }
    }

    /// Forgets the whole lines so far: no later record begins in them.
    fn settle(&mut self) {
        match &mut self.form {
            Form::Plain(plain) => plain.settle(),
            Form::Wrapped(wrapped) => wrapped.settle(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        match &self.form {
            Form::Plain(plain) => plain.is_open(),
            Form::Wrapped(wrapped) => wrapped.is_open(),
        }
    }

    /// The day on which the file was last written to.
    fn latest(&self) -> Option<Date> {
        self.options.latest
    }

    pub(crate) fn checkpoint(&self) -> (u64, u64) {
        match &self.form {
            Form::Plain(plain) => plain.checkpoint(&self.options.formats),
            Form::Wrapped(wrapped) => wrapped.checkpoint(),
        }
    }

    /// The lines kept so far turn out to be wrapped: they are read again as such.
    fn wrap(&mut self, wrapper: Wrapper, found: &mut Vec<Record>) {
        let Form::Plain(plain) = &mut self.form else { return };
        let (offset, line, kept) = plain.take_kept();
        let mut wrapped = Wrapped::new(wrapper, self.depth + 1, offset, line);
        wrapped.push(&kept, &self.options, found);
        self.form = Form::Wrapped(wrapped);
    }
}
