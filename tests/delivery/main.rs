//! The real binary against receivers that fail in every way, several of them, behind TLS and proxies.
//!
//! In: logs with marked errors. Out: a failure where an error is lost, has two event ids, goes to another receiver
//! than its own, or takes a secret with it. Nothing of the agent is replaced: real files, real store, real sockets.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tls;
