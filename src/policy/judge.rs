//! The judge of one file: holds a record back until what follows can no longer tell more of it.
//!
//! In: the records of one file, in order. Out: the same records in the same order, each with its verdict.
//! Invariant: at most `Settings::held_records` are held; what is held depends on the records alone, so no cut of the
//! file into reads changes a verdict. Does not keep what was decided.

use std::collections::VecDeque;
use std::sync::Arc;

use errtail_parsers::Record;

use super::decide::{Context, Draft, Role, sentry_sdk};
use super::prints::{OccurrenceId, Occurrences};
use super::{Policy, Verdict};

/// Remembered occurrences for each record that may be held: decided ones must still take their later prints.
const REMEMBERED_PER_HELD: usize = 4;

/// The judge of one file's records.
#[derive(Debug)]
pub struct Judge {
    policy: Arc<Policy>,
    held: VecDeque<Held>,
    occurrences: Occurrences,
    number: u64,
    sentry_sdk: Option<String>,
}

/// A record that waits for its verdict.
#[derive(Debug)]
struct Held {
    number: u64,
    record: Record,
    draft: Draft,
    occurrence: OccurrenceId,
}

impl Judge {
    /// A judge at the beginning of a file.
    pub fn new(policy: Arc<Policy>) -> Judge {
        let limit = policy.settings.held_records.max(1) * REMEMBERED_PER_HELD;
        let occurrences = Occurrences::new(policy.settings.duplicate_seconds, limit);
        Judge { policy, held: VecDeque::new(), occurrences, number: 0, sentry_sdk: None }
    }

    /// Takes the next record; those that are decided go to `judged`, in the order of the file.
    pub fn push(&mut self, record: Record, judged: &mut Vec<(Record, Verdict)>) {
        while self.held.front().is_some_and(|held| self.occurrences.is_past(&held.record, &record)) {
            self.release(judged);
        }
        let draft = self.policy.draft(&record);
        if self.sentry_sdk.is_none() {
            self.sentry_sdk = sentry_sdk(&record);
        }
        self.number += 1;
        let number = self.number;
        let occurrence = self.occurrences.join(number, &record, &draft.evidence);
        self.held.push_back(Held { number, record, draft, occurrence });
        while self.held.len() > self.policy.settings.held_records || self.front_is_settled() {
            self.release(judged);
        }
    }

    /// Nothing came for a while: what is held back is decided by what is known.
    pub fn idle(&mut self, judged: &mut Vec<(Record, Verdict)>) {
        while !self.held.is_empty() {
            self.release(judged);
        }
    }

    /// No record follows: all that is held back is decided.
    pub fn finish(&mut self, judged: &mut Vec<(Record, Verdict)>) {
        self.idle(judged);
    }

    fn front_is_settled(&mut self) -> bool {
        let Some(held) = self.held.front() else { return false };
        self.occurrences.get_mut(held.occurrence).is_none_or(|occurrence| occurrence.settled)
    }

    /// Decides the record that was held longest.
    fn release(&mut self, judged: &mut Vec<(Record, Verdict)>) {
        let Some(held) = self.held.pop_front() else { return };
        let (role, decided_by) = match self.occurrences.get_mut(held.occurrence) {
            Some(occurrence) => {
                occurrence.settled = true;
                let (leader, place) = &occurrence.leader;
                let role = if *leader == held.number { Role::Leader } else { Role::Print(place.clone()) };
                (role, occurrence.best.clone())
            }
            None => (Role::Leader, held.draft.evidence.clone()),
        };
        let context = Context { role, decided_by: &decided_by, sentry_sdk: self.sentry_sdk.as_deref() };
        let verdict = self.policy.conclude(&held.record, &held.draft, &context);
        judged.push((held.record, verdict));
    }
}
