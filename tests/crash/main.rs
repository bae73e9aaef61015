//! The real binary: killed at random moments, cut off from power, starved of descriptors, fed through pipes.
//!
//! In: `ERRTAIL_CRASH_KILLS` (default 8), `ERRTAIL_POWER_CUTS` (default 10), `ERRTAIL_CRASH_SEED` (default 1). Out: a
//! failure where a written error did not arrive, or arrived under two event ids, or where a storm of one error costs more
//! than a few events. Nothing of the agent is replaced: real files, real store, real HTTP.

#[cfg(test)]
mod ages;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod pipes;
#[cfg(test)]
mod power;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod records;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod writer;
