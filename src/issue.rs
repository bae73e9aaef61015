//! Which failure an exception is one of, and what an issue's history says is to be done.
//!
//! In: a record, `now`. Out: a `Fingerprint`; first, counted, or due again. Invariant: pure. Does not store.

mod fingerprint;
mod message;
mod names;
mod place;
mod settings;
mod window;

pub use fingerprint::{Fingerprint, by_rule, fingerprint};
pub use place::culprit;
pub use settings::{Report, Settings};
pub use window::{Counted, Decision, History, MAX_AGE, Occurrence, Pending, Repeats, State, Why, decide};
