//! From bytes to findings: parser, policy, fingerprint, in that order, for one file.
//!
//! In: chunks of bytes. Out: `Finding`s. Invariant: pure and synchronous; every record that the parser finds
//! comes out once, with one verdict. Does not read, store or send.

use std::sync::Arc;

use errtail_parsers::{Options, Parser, Record};
use serde::Serialize;

use crate::issue::{self, Fingerprint};
use crate::policy::{Judge, Policy, Verdict};
use crate::tail::{Checkpoint, FileId};

/// A record, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What the log holds.
    #[serde(flatten)]
    pub record: Record,
    /// What follows from it.
    pub verdict: Verdict,
    /// Which failure it is one of.
    pub fingerprint: Fingerprint,
    /// Which DSN it goes to; none keeps it in the local store.
    #[serde(skip)]
    pub dsn_key: Option<Arc<str>>,
}

/// What a piece of input came to: the store takes all of it, or nothing.
#[derive(Debug, Default)]
pub struct Batch {
    /// What was found, in file order.
    pub findings: Vec<Finding>,
    /// How far the files are read with that.
    pub checkpoints: Vec<Checkpoint>,
    /// Identities whose checkpoints are to go: the file has another one now, or is gone.
    pub forgotten: Vec<FileId>,
}

/// The rooms between a file's bytes and its findings.
pub struct Pipeline {
    path: String,
    parser: Parser,
    judge: Judge,
    found: Vec<Finding>,
}

impl Pipeline {
    /// A pipeline for the file at `path`, from its beginning.
    pub fn new(path: String, policy: &Arc<Policy>) -> Pipeline {
        Pipeline {
            path,
            parser: Parser::new(Options::default()),
            judge: Judge::new(Arc::clone(policy)),
            found: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        self.pass_on(false);
    }

    /// The file ends here.
    pub fn finish(&mut self) {
        self.parser.finish();
        self.pass_on(true);
    }

    /// The findings since the last call, in file order.
    pub fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    fn pass_on(&mut self, ended: bool) {
        let mut judged = Vec::new();
        for mut record in self.parser.take() {
            record.source.path.clone_from(&self.path);
            self.judge.push(record, &mut judged);
        }
        if ended {
            self.judge.finish(&mut judged);
        }
        self.found.extend(judged.into_iter().map(|(record, verdict)| {
            let fingerprint = issue::by_rule(issue::fingerprint(&record), &verdict.effects.fingerprint);
            Finding { record, verdict, fingerprint, dsn_key: None }
        }));
    }
}
