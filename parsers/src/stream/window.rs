//! The bytes of a stream that are kept, and where they lie in it.
//!
//! In: bytes, in their order. Out: offsets and line numbers in the stream. Invariant: both stay right when bytes are
//! dropped from the front or cut out of the middle. Does not know what the bytes mean.

/// Kept bytes. Indices are into `bytes`.
#[derive(Debug)]
pub(super) struct Window {
    pub bytes: Vec<u8>,
    /// Stream offset of the first byte.
    base: u64,
    /// What was cut out, in its order.
    gaps: Vec<Gap>,
    /// A place whose line number (from 1) is known: others are counted from there.
    mark: (usize, u64),
}

/// Bytes that were cut out just before `at`.
#[derive(Debug, Clone, Copy)]
struct Gap {
    at: usize,
    bytes: u64,
    lines: u64,
}

/// A passed chunk leaves so many of its last bytes.
const KEPT_BYTES: usize = super::plain::KEPT_BYTES;

impl Window {
    pub(super) fn new(base: u64, line: u64) -> Window {
        Window { bytes: Vec::new(), base, gaps: Vec::new(), mark: (0, line) }
    }

    /// The line break before `index`, and behind it.
    pub(super) fn line_start(&self, index: usize) -> usize {
        memchr::memrchr(b'\n', &self.bytes[..index]).map_or(0, |end| end + 1)
    }

    /// The stream's offset of a byte.
    pub(super) fn offset_at(&self, index: usize) -> u64 {
        self.base + index as u64 + self.gaps.iter().filter(|gap| gap.at <= index).map(|gap| gap.bytes).sum::<u64>()
    }

    /// The number of the line that a byte stands in.
    pub(super) fn line_at(&self, index: usize) -> u64 {
        let (known, line) = self.mark;
        let lines = |from: usize, to: usize| {
            let cut = self.gaps.iter().filter(|gap| gap.at > from && gap.at <= to).map(|gap| gap.lines);
            count_lines(&self.bytes[from..to]) + cut.sum::<u64>()
        };
        if index >= known { line + lines(known, index) } else { line - lines(index, known) }
    }

    /// Remembers a line number, so that those behind it are counted from there.
    pub(super) fn mark(&mut self, index: usize, line: u64) {
        self.mark = (index, line);
    }

    /// How many bytes were cut out between two bytes.
    pub(super) fn cut_between(&self, first: usize, last: usize) -> u64 {
        self.gaps.iter().filter(|gap| gap.at > first && gap.at < last).map(|gap| gap.bytes).sum()
    }

    /// Where the bytes are without a gap from.
    pub(super) fn last_gap(&self) -> usize {
        self.gaps.last().map_or(0, |gap| gap.at)
    }

    /// Appends bytes that need not be looked at again, of which only the last ones are kept; how many indices the
    /// bytes so far were moved down by.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let seen = self.bytes.len();
        if bytes.len() < KEPT_BYTES {
            self.bytes.extend_from_slice(bytes);
            let front = self.bytes.len().saturating_sub(KEPT_BYTES);
            if front < KEPT_BYTES {
                return 0;
            }
            self.drop_front(front);
            return front;
        }
        let cut = bytes.len() - KEPT_BYTES;
        let line = self.line_at(seen) + count_lines(bytes);
        self.base = self.offset_at(seen) + cut as u64;
        self.gaps.clear();
        self.mark = (KEPT_BYTES, line);
        self.bytes.clear();
        self.bytes.extend_from_slice(&bytes[cut..]);
        seen + cut
    }

    /// Drops the first bytes.
    pub(super) fn drop_front(&mut self, count: usize) {
        // Lines that were counted stay counted.
        self.mark = if self.mark.0 >= count { (self.mark.0 - count, self.mark.1) } else { (0, self.line_at(count)) };
        self.base = self.offset_at(count);
        self.bytes.drain(..count);
        self.gaps.retain(|gap| gap.at > count);
        for gap in &mut self.gaps {
            gap.at -= count;
        }
    }

    /// Cuts the middle out of the line `start..end` if it is longer than `limit`; how many bytes.
    pub(super) fn shorten(&mut self, start: usize, end: usize, limit: usize) -> usize {
        if end - start <= limit {
            return 0;
        }
        self.cut_out(start + limit / 2, end - (limit - limit / 2))
    }

    /// Cuts bytes out; how many.
    pub(super) fn cut_out(&mut self, from: usize, to: usize) -> usize {
        let count = to - from;
        if count == 0 {
            return 0;
        }
        let line = self.line_at(to);
        let inside = |gap: &&Gap| gap.at >= from && gap.at <= to;
        let bytes = count as u64 + self.gaps.iter().filter(inside).map(|gap| gap.bytes).sum::<u64>();
        let lines =
            count_lines(&self.bytes[from..to]) + self.gaps.iter().filter(inside).map(|gap| gap.lines).sum::<u64>();
        self.gaps.retain(|gap| gap.at < from || gap.at > to);
        for gap in self.gaps.iter_mut().filter(|gap| gap.at > to) {
            gap.at -= count;
        }
        let place = self.gaps.partition_point(|gap| gap.at < from);
        self.gaps.insert(place, Gap { at: from, bytes, lines });
        self.bytes.drain(from..to);
        self.mark = (from, line);
        count
    }
}

/// The end of the line that begins at `start`, its line break included.
pub(super) fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end + 1)
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_cuts() {
        let mut window = Window::new(100, 7);
        window.pass(b"one\ntwo\nthree\nfour\n");
        window.cut_out(4, 14);
        assert_eq!((window.offset_at(4), window.line_at(4)), (114, 10));
        assert_eq!((window.offset_at(3), window.line_at(3), window.line_at(5)), (103, 7, 10));
        assert_eq!((window.cut_between(0, 9), window.cut_between(4, 9)), (10, 0));
        window.cut_out(2, 6);
        assert_eq!((window.offset_at(2), window.line_at(2), window.cut_between(0, 5)), (116, 10, 14));
        window.drop_front(3);
        assert_eq!((window.offset_at(0), window.line_at(0), window.line_at(2)), (117, 10, 11));
        let dropped = window.pass(&[b'\n'; 2 * KEPT_BYTES]);
        assert_eq!(window.offset_at(0), 117 + dropped as u64);
        assert_eq!(window.line_at(window.bytes.len()), 11 + 2 * KEPT_BYTES as u64);
    }
}
