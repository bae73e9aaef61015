//! Whether a file, compressed or not, holds what a checkpoint was made of.
//!
//! In: open files, checkpoints. Out: yes or no, and readers that begin behind what was read. Invariant: the beginning
//! and the bytes just before the checkpoint are both compared. Does not look for files.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::tailed::{EDGE_BYTES, before, fill};
use super::{Checkpoint, FileId, hash};
use crate::system;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

/// How the file of this name is compressed.
pub(super) fn packing(path: &Path) -> Option<Packing> {
    match path.extension()?.to_str()? {
        "gz" => Some(Packing::Gzip),
        "zst" => Some(Packing::Zstd),
        _ => None,
    }
}

/// The first bytes of the content, at most `FileId::HEAD_BYTES`.
pub(super) fn head(file: &File, packing: Option<Packing>) -> Vec<u8> {
    let mut head = vec![0; FileId::HEAD_BYTES];
    let read = match packing {
        None => system::read_at(file, &mut head, 0),
        Some(packing) => decoder(file, packing).and_then(|mut reader| fill(&mut reader, &mut head)),
    };
    head.truncate(read.unwrap_or(0));
    head
}

/// Whether the file, whose content begins with `head`, still holds what `known` was made of.
pub(super) fn holds(file: &File, packing: Option<Packing>, head: &[u8], known: &Checkpoint) -> bool {
    let edge = || match packing {
        None => before(file, known.offset),
        Some(packing) => packed_before(file, packing, known.offset),
    };
    known.file.begins(head) && edge().is_ok_and(|edge| holds_edge(&edge, known))
}

/// The (at most `EDGE_BYTES`) bytes before `offset` of the content.
fn packed_before(file: &File, packing: Packing, offset: u64) -> io::Result<Vec<u8>> {
    let mut reader = decoder(file, packing)?;
    let length = offset.min(EDGE_BYTES as u64);
    skip(&mut reader, offset - length)?;
    let mut edge = vec![0; length as usize];
    let read = fill(&mut reader, &mut edge)?;
    edge.truncate(read);
    Ok(edge)
}

/// A reader of the content from `offset` on.
pub(super) fn unpack(file: File, packing: Packing, offset: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = decoder(file, packing)?;
    skip(&mut reader, offset)?;
    Ok(reader)
}

fn holds_edge(edge: &[u8], known: &Checkpoint) -> bool {
    edge.len() as u64 == known.offset.min(EDGE_BYTES as u64)
        && (known.edge_bytes as usize != edge.len() || hash(edge) == known.edge)
}

fn decoder<'a>(mut file: impl Read + Seek + Send + 'a, packing: Packing) -> io::Result<Box<dyn Read + Send + 'a>> {
    file.rewind()?;
    Ok(match packing {
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::new(file))),
        Packing::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file));
            Box::new(decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?)
        }
    })
}

fn skip(reader: &mut dyn Read, count: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(count), &mut io::sink())?;
    if skipped < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
