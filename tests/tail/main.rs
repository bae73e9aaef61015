//! The tail room on the real file system: each way in which files are written, rotated and lost.
//!
//! In: temporary directories. Out: a failure where a line is lost, comes twice, or comes out of order. Does not parse:
//! `Reader` stands in for the parser, whose records are lines here.

#[cfg(test)]
mod copies;
#[cfg(test)]
mod model;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod renames;
#[cfg(test)]
mod rotators;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod truncations;
