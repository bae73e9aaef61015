//! The power is cut: the store's files as a disk may hold them at any moment, continued on the same logs.
//!
//! In: `ERRTAIL_POWER_CUTS` (default 10), `ERRTAIL_CRASH_SEED` (default 1). Out: a failure where a copy does not open,
//! where an error is in neither what Sentry had at that moment nor what the copy sends, or where it has two event ids.
//! Invariant of the copies: what SQLite has synced stands there; of the rest of its log any part may be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::kills::{agent, number, prepare, terminate};
use crate::receiver::Receiver;
use crate::writer::{Random, Rotation, Writer};

/// Of SQLite's log, and of a frame in it.
const WAL_HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24 + 4096;
/// Where the log's index says how many frames are, or are being, taken over (`nBackfillAttempted`).
const TAKEN_OVER_AT: usize = 128;

/// Copies of one agent's store: each takes as much of the disk as the store.
const CUTS_PER_RUN: usize = 20;

type Markers = BTreeMap<String, BTreeSet<String>>;

/// What became of the end of SQLite's log.
#[derive(Debug, Clone, Copy)]
enum Tail {
    Whole,
    /// Cut off anywhere.
    Torn,
    /// Never written: other bytes stand there.
    Garbage,
}

#[test]
fn a_copy_of_the_store_at_any_moment_goes_on() {
    let (cuts, seed) = (number("ERRTAIL_POWER_CUTS", 10), number("ERRTAIL_CRASH_SEED", 1));
    for (run, before) in (0..cuts).step_by(CUTS_PER_RUN).enumerate() {
        cut((cuts - before).min(CUTS_PER_RUN as u64), seed * 1_000 + run as u64);
    }
}

fn cut(cuts: u64, seed: u64) {
    let directory = prepare();
    let receiver = Receiver::start(seed, true);
    let log = |name: &str| directory.path().join("logs").join(name);
    let writers = [
        Writer::start(log("app.log"), "a", Rotation::Rename, seed),
        Writer::start(log("web.log"), "b", Rotation::CopyTruncate, seed + 1),
        Writer::start(log("job.log"), "c", Rotation::Never, seed + 2),
    ];
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    receiver.wait_for(&["a", "b", "c"].map(|name| format!("m-{name}000000")), Duration::from_secs(120));
    writers.iter().for_each(|writer| writer.rotates.store(true, Ordering::Relaxed));
    let mut random = Random(seed);
    let mut copies: Vec<(String, Tail, Markers)> = Vec::new();
    while (copies.len() as u64) < cuts {
        std::thread::sleep(Duration::from_millis(random.below(120)));
        let tail = [Tail::Whole, Tail::Torn, Tail::Garbage][random.below(3) as usize];
        let name = format!("cut-{}", copies.len());
        if copy(&directory.path().join("state"), &directory.path().join(&name), tail, &mut random) {
            copies.push((name, tail, receiver.markers()));
        }
    }
    let written: Vec<String> = writers.into_iter().flat_map(Writer::stop).collect();
    receiver.faults.store(false, Ordering::Relaxed);
    receiver.wait_for(&written, Duration::from_secs(120));
    terminate(&mut running);
    for (name, tail, before) in &copies {
        let own = Receiver::start(seed, false);
        let mut again = agent(directory.path(), name, &own, &["--once"]);
        let success = again.wait().unwrap().success();
        let mut all = before.clone();
        for (marker, ids) in own.markers() {
            all.entry(marker).or_default().extend(ids);
        }
        let lost: Vec<&String> = written.iter().filter(|marker| !all.contains_key(*marker)).collect();
        let twice: Vec<_> = all.iter().filter(|(_, ids)| ids.len() > 1).collect();
        if !success || !lost.is_empty() || !twice.is_empty() {
            println!("logs and stores are kept: {}", directory.keep().display());
            panic!("{name} ({tail:?}): opened: {success}, lost: {lost:?}, under two ids: {twice:?}");
        }
        fs::remove_dir_all(directory.path().join(name)).unwrap();
    }
    let of = |tail: fn(&Tail) -> bool| copies.iter().filter(|copy| tail(&copy.1)).count();
    let (torn, garbage) = (of(|tail| matches!(tail, Tail::Torn)), of(|tail| matches!(tail, Tail::Garbage)));
    println!(
        "{cuts} copies, seed {seed}: {torn} torn, {garbage} with garbage; {} written, 0 lost, 0 under two ids",
        written.len()
    );
}

/// Copies the database, then its log, which may have grown meanwhile; whether that is what a disk may hold, for which
/// the database must not have changed under the copy.
fn copy(from: &Path, to: &Path, tail: Tail, random: &mut Random) -> bool {
    let read = |name: &str| fs::read(from.join(name)).unwrap_or_default();
    let (before, index) = (read("errtail.db"), read("errtail.db-shm"));
    let mut wal = read("errtail.db-wal");
    let again = read("errtail.db-wal");
    if before != read("errtail.db")
        || wal.len() < WAL_HEADER_BYTES
        || again[..WAL_HEADER_BYTES] != wal[..WAL_HEADER_BYTES]
    {
        return false;
    }
    // What is being taken over into the database was synced before, also where SQLite does not yet say that it was
    // taken over: the database may hold those pages already.
    let frames =
        index.get(TAKEN_OVER_AT..).and_then(|bytes| bytes.first_chunk()).map_or(0, |at| u32::from_ne_bytes(*at));
    let synced = (WAL_HEADER_BYTES + frames as usize * FRAME_BYTES).min(wal.len());
    let end = synced + random.below((wal.len() - synced) as u64 + 1) as usize;
    match tail {
        Tail::Whole => {}
        Tail::Torn => wal.truncate(end),
        Tail::Garbage => wal[end..].iter_mut().for_each(|byte| *byte = random.below(256) as u8),
    }
    fs::create_dir(to).unwrap();
    fs::write(to.join("errtail.db"), before).unwrap();
    fs::write(to.join("errtail.db-wal"), wal).unwrap();
    if random.below(2) == 0 {
        // It is made anew where it is missing, as after a start of the machine.
        fs::write(to.join("errtail.db-shm"), index).unwrap();
    }
    true
}
