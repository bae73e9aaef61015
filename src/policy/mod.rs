//! The verdict: handled or not, which category, sent or not, and why.
//!
//! In: records of one file, in order. Out: each record with its `Verdict`. Invariant: a verdict depends on the
//! records alone, never on how the file was cut into reads; each record comes out once. Does not touch the world.

use errtail_parsers::Record;
use serde::{Deserialize, Serialize};

/// What the policy says of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the application handled the exception; none where the log gives no evidence.
    pub handled: Option<bool>,
    /// What failed.
    pub category: Category,
    /// What is done with it.
    pub action: Action,
    /// Why, one line each.
    pub reasons: Vec<String>,
}

/// What failed, or why it is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A bug of the application.
    Defect,
    /// The application's own infrastructure failed.
    Infra,
    /// A third party's service failed.
    Integration,
    /// A client's mistake, answered with a 4xx.
    Http,
    /// Input was not valid.
    Validation,
    /// A rule of the business said no.
    Business,
    /// The request or the work was given up by whom it was for.
    Cancelled,
    /// None of these.
    None,
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes to Sentry, if the store's knowledge does not keep it back.
    Send,
    /// It is counted and goes nowhere.
    Drop,
    /// Another print of an occurrence that a record of the same run stands for.
    Duplicate,
}

/// The judge of one file's records.
#[derive(Debug, Default)]
pub struct Judge {}

impl Judge {
    /// Takes the next record; those that are decided go to `judged`, in the order of the file.
    pub fn push(&mut self, record: Record, judged: &mut Vec<(Record, Verdict)>) {
        let verdict = Verdict { handled: None, category: Category::None, action: Action::Drop, reasons: Vec::new() };
        judged.push((record, verdict));
    }

    /// No record follows: all that is held back is decided.
    pub fn finish(&mut self, _judged: &mut Vec<(Record, Verdict)>) {}
}
