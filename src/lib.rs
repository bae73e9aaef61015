//! The rooms of errtail, from a log file to Sentry; `ARCHITECTURE.md` walks through them.
//!
//! In: the command line, files, a configuration. Out: issues in the local store, events at Sentry. Invariant: a
//! room imports only rooms named before it in the line. This crate is the program's; the parsers are the library.

pub mod agent;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod event;
pub mod format;
pub mod issue;
pub mod metrics;
pub mod pipeline;
pub mod policy;
pub mod release;
pub mod route;
pub mod scrub;
pub mod source;
pub mod state_dir;
pub mod store;
pub mod system;
pub mod tail;
pub mod web;
