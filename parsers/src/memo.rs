//! Answers that were found before: a trace that is printed again is recognised by its bytes, and not read again.
//!
//! In: a text, and the answer once it was found. Out: the answer. Invariants: an answer is a function of its text
//! alone, so that records are the same whether it was remembered or not; texts are compared whole; what is kept is
//! bounded, and is forgotten at once when there is too much of it. Each thread remembers for itself.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Bytes of all texts that one memo keeps.
const MAX_BYTES: usize = 6 << 20;
/// Texts that one memo keeps.
const MAX_TEXTS: usize = 32 * 1024;
/// A longer text is not worth its place.
const MAX_TEXT_BYTES: usize = 128 * 1024;
/// Answers that begin with the same line and are remembered.
const MAX_ALIKE: usize = 16;

/// Answers by text.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    answers: HashMap<Box<[u8]>, T, Fold>,
    bytes: usize,
}

impl<T> Memo<T> {
    pub(crate) fn new() -> Memo<T> {
        Memo { answers: HashMap::with_hasher(Fold(RandomState::new().hash_one(0) | 1)), bytes: 0 }
    }

    /// The answer for `text`, if it is remembered.
    pub(crate) fn get(&self, text: &[u8]) -> Option<&T> {
        self.answers.get(text)
    }

    /// The answer for `text`, which `find` finds where it is not remembered.
    pub(crate) fn get_or_keep(&mut self, text: &[u8], find: impl FnOnce() -> T) -> T
    where
        T: Copy,
    {
        if let Some(answer) = self.get(text) {
            return *answer;
        }
        let answer = find();
        self.keep(text, answer, 0);
        answer
    }

    fn clear(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }

    /// Remembers the answer for `text`; `bytes` is what it takes beside the text.
    pub(crate) fn keep(&mut self, text: &[u8], answer: T, bytes: usize) {
        if text.len() + bytes > MAX_TEXT_BYTES {
            return;
        }
        if self.bytes + text.len() + bytes > MAX_BYTES || self.answers.len() >= MAX_TEXTS {
            self.clear();
        }
        self.bytes += text.len() + bytes;
        self.answers.insert(text.into(), answer);
    }
}

impl<T> Memo<Vec<T>> {
    /// Remembers one more of the answers that begin with the line `first`, longest first: a short one would hide the
    /// longer ones that begin with it. `bytes` is what it takes.
    pub(crate) fn keep_alike(&mut self, first: &[u8], answer: T, bytes: usize, length: impl Fn(&T) -> usize) {
        let Some(alike) = self.answers.get_mut(first).filter(|alike| alike.len() < MAX_ALIKE) else {
            return self.keep(first, vec![answer], bytes);
        };
        alike.push(answer);
        alike.sort_by_key(|answer| Reverse(length(answer)));
        self.bytes += bytes;
        if self.bytes > MAX_BYTES {
            self.clear();
        }
    }
}

/// Sixteen bytes at a time by folded multiplication, from a secret start: quick for lines, and nobody who writes into
/// a log can aim at it.
#[derive(Debug, Clone, Copy)]
struct Fold(u64);

#[derive(Debug, Clone, Copy)]
struct Folding {
    secret: u64,
    state: u64,
}

impl BuildHasher for Fold {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { secret: self.0, state: self.0.rotate_left(32) }
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        // A product waits for the one before it: in a long text four go side by side.
        let (blocks, bytes) = bytes.as_chunks::<64>();
        if !blocks.is_empty() {
            let mut lanes = [1, 2, 3, 4].map(|lane| Folding { state: self.state.wrapping_add(lane), ..*self });
            for block in blocks {
                let (pairs, _) = block.as_chunks::<16>();
                for (lane, pair) in lanes.iter_mut().zip(pairs) {
                    lane.fold_pair(*pair);
                }
            }
            lanes.iter().for_each(|lane| self.fold(lane.state, lane.state.rotate_left(32)));
        }
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            self.fold_pair(*pair);
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            let value = u128::from_le_bytes(last);
            self.fold(value as u64 ^ rest.len() as u64, (value >> 64) as u64);
        }
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

impl Folding {
    fn fold_pair(&mut self, pair: [u8; 16]) {
        let value = u128::from_le_bytes(pair);
        self.fold(value as u64, (value >> 64) as u64);
    }

    fn fold(&mut self, low: u64, high: u64) {
        let product = u128::from(low ^ self.secret) * u128::from(high ^ self.state);
        self.state = (product as u64 ^ (product >> 64) as u64).rotate_left(17).wrapping_add(self.secret);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_told_apart() {
        let mut memo = Memo::new();
        for number in 0..3 * MAX_TEXTS {
            memo.keep(format!("    at f (/srv/a.js:{number}:1)").as_bytes(), number, 0);
            assert!(memo.answers.len() <= MAX_TEXTS && memo.bytes <= MAX_BYTES);
        }
        let last = 3 * MAX_TEXTS - 1;
        assert_eq!(memo.get(format!("    at f (/srv/a.js:{last}:1)").as_bytes()), Some(&last));
        assert_eq!(memo.get(b"    at f (/srv/a.js:1:2)"), None);
        memo.keep(&[b'x'; MAX_TEXT_BYTES + 1], 0, 0);
        assert_eq!(memo.get(&[b'x'; MAX_TEXT_BYTES + 1]), None);
    }

    #[test]
    fn one_byte_is_another_hash() {
        let fold = Memo::<()>::new().answers.hasher().to_owned();
        let line = b"   at Shop.Cart.Total(Int32 id) in /src/Cart.cs:line 12".repeat(3);
        for at in 0..line.len() {
            let mut other = line.clone();
            other[at] ^= 1;
            assert_ne!(fold.hash_one(&line), fold.hash_one(&other));
        }
    }
}
