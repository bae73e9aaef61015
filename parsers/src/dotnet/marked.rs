//! Whose code the frames of a trace are that was seen before.
//!
//! In: the exceptions of a record. Out: `in_app` on each frame. Invariant: the marks are those of `in_app`, which are a
//! function of the frames alone: where all traces of a record are ones that were recognised, their marks are, too.

use std::cell::RefCell;

use super::in_app;
use crate::frames::Frames;
use crate::memo::Memo;
use crate::record::Exception;

/// The frames of a chain, before and after. Those before are kept so that nothing else gets their addresses.
struct Marked {
    _before: Vec<Frames>,
    after: Vec<Frames>,
}

thread_local! {
    /// By the addresses of the frames.
    static MARKED: RefCell<Memo<Marked>> = RefCell::new(Memo::new());
}

/// Marks the application's frames.
pub(super) fn mark(exceptions: &mut [Exception]) {
    if !exceptions.iter().all(|exception| exception.frames.is_empty() || exception.frames.is_shared()) {
        return in_app::mark(exceptions);
    }
    let before: Vec<Frames> = exceptions.iter().map(|exception| exception.frames.clone()).collect();
    let address = |frames: &Frames| if frames.is_empty() { 0 } else { frames.address() };
    let key: Vec<u8> = before.iter().flat_map(|frames| address(frames).to_ne_bytes()).collect();
    MARKED.with_borrow_mut(|known| {
        if let Some(marked) = known.get(&key) {
            for (exception, frames) in exceptions.iter_mut().zip(&marked.after) {
                exception.frames.clone_from(frames);
            }
            return;
        }
        in_app::mark(exceptions);
        let after: Vec<Frames> = exceptions.iter().map(|exception| exception.frames.clone()).collect();
        let bytes = after.iter().map(|frames| frames.len()).sum::<usize>() * FRAME_BYTES;
        known.keep(&key, Marked { _before: before, after }, bytes);
    });
}

/// What a frame takes in memory, about.
const FRAME_BYTES: usize = 400;
