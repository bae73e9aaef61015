//! UTF-16, as PowerShell and IIS write it.
//!
//! In: raw bytes. Out: UTF-8 text, a line at a time. Invariant: what is no UTF-16 becomes the replacement character.

use super::{Unwrapped, Wrapper};

/// The encoding of a file that begins with `head`: by its mark, or since every other byte of it is NUL.
pub(crate) fn encoding(head: &[u8]) -> Option<Wrapper> {
    if head.starts_with(b"\xFF\xFE") {
        return Some(Wrapper::Utf16Le);
    }
    if head.starts_with(b"\xFE\xFF") {
        return Some(Wrapper::Utf16Be);
    }
    let (pairs, _) = head.as_chunks::<2>();
    match pairs {
        [] => None,
        _ if pairs.iter().all(|[low, high]| *low != 0 && *high == 0) => Some(Wrapper::Utf16Le),
        _ if pairs.iter().all(|[high, low]| *low != 0 && *high == 0) => Some(Wrapper::Utf16Be),
        _ => None,
    }
}

/// The end of the line whose first bytes are `carry` and whose next ones are `bytes`, as an index into `bytes`.
pub(crate) fn line_end(wrapper: Wrapper, carry: &[u8], bytes: &[u8]) -> Option<usize> {
    let odd = |index: usize| !(carry.len() + index).is_multiple_of(2);
    match wrapper {
        Wrapper::Utf16Le => {
            if carry.last() == Some(&b'\n') && odd(0) && bytes.first() == Some(&0) {
                return Some(1);
            }
            memchr::memchr_iter(b'\n', bytes).find(|at| !odd(*at) && bytes.get(at + 1) == Some(&0)).map(|at| at + 2)
        }
        Wrapper::Utf16Be => memchr::memchr_iter(b'\n', bytes)
            .find(|at| odd(*at) && at.checked_sub(1).map_or(carry.last(), |before| bytes.get(before)) == Some(&0))
            .map(|at| at + 1),
        _ => memchr::memchr(b'\n', bytes).map(|at| at + 1),
    }
}

pub(super) fn decode<'a>(line: &[u8], unit: fn([u8; 2]) -> u16, scratch: &'a mut Vec<u8>) -> Unwrapped<'a> {
    let (pairs, _) = line.as_chunks::<2>();
    scratch.clear();
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        if character != '\n' && character != '\u{feff}' {
            scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Unwrapped { text: scratch, ..Unwrapped::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wherever_they_are_cut() {
        for (wrapper, unit) in
            [(Wrapper::Utf16Le, u16::to_le_bytes as fn(u16) -> [u8; 2]), (Wrapper::Utf16Be, u16::to_be_bytes)]
        {
            // U+0A00 and U+000A side by side: a byte of ten is not yet a line break.
            let bytes: Vec<u8> = "a\u{a00}\u{a0a}b\n".encode_utf16().flat_map(unit).collect();
            assert_eq!(line_end(wrapper, b"", &bytes), Some(bytes.len()));
            for cut in 1..bytes.len() {
                assert_eq!(line_end(wrapper, b"", &bytes[..cut]), None, "{cut}");
                assert_eq!(line_end(wrapper, &bytes[..cut], &bytes[cut..]), Some(bytes.len() - cut), "{cut}");
            }
            let text: Vec<u8> = "at x".encode_utf16().flat_map(unit).collect();
            assert_eq!(encoding(&text), Some(wrapper));
        }
        assert_eq!(encoding(b"\0\0\0\0text"), None);
        assert_eq!(encoding(b"ordinary"), None);
    }
}
