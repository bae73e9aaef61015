//! Text in the code pages of Windows: what .NET Framework writes where nobody asked for UTF-8.
//!
//! In: lines of which some are not UTF-8. Out: the encoding that their frames give away. Invariant: only the word that
//! a translated frame begins with decides, never a guess by letters. Does not decode.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, IBM866, KOI8_R, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254, WINDOWS_1255, WINDOWS_1256,
};

/// Lines that are looked at.
const MAX_LINES: usize = 400;

/// The encoding of a trace, by its lines.
pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<&'static Encoding> {
    let words = words();
    lines.take(MAX_LINES).filter(|line| line.starts_with(b"   ")).find_map(|line| {
        let text = line.trim_ascii_start();
        let found = words.iter().find(|(word, _)| text.starts_with(word))?;
        memchr::memchr(b'(', text).map(|_| found.1)
    })
}

//    в Shop.Cart.Total() в C:\src\Cart.cs:строка 42 · each word as the bytes of its code page
/// The words before a frame, each with the code page of the machines whose language it is.
fn words() -> [(&'static [u8], &'static Encoding); 23] {
    [
        (b"\xE2 ", WINDOWS_1251),
        (b"\xD7 ", KOI8_R),
        (b"\xA2 ", IBM866),
        (b"\xD4\xDA ", GBK),
        (b"\xA9\xF3 ", BIG5),
        (b"\x8F\xEA\x8F\x8A ", SHIFT_JIS),
        (b"\xC0\xA7\xC4\xA1: ", EUC_KR),
        (b"\xE0 ", WINDOWS_1252),
        (b"\xF3\xE5 ", WINDOWS_1253),
        (b"\xF3\xF4\xEF ", WINDOWS_1253),
        (b"a k\xF6vetkez\xF5 helyen: ", WINDOWS_1250),
        (b"\xE1-", WINDOWS_1255),
        (b"\xDA\xE4\xCF ", WINDOWS_1256),
        (b"konum: ", WINDOWS_1254),
        (b"w ", WINDOWS_1250),
        (b"v ", WINDOWS_1250),
        (b"bei ", WINDOWS_1252),
        (b"en ", WINDOWS_1252),
        (b"em ", WINDOWS_1252),
        (b"in ", WINDOWS_1252),
        (b"ved ", WINDOWS_1252),
        (b"vid ", WINDOWS_1252),
        (b"kohteessa ", WINDOWS_1252),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_give_it_away() {
        let encodings = [WINDOWS_1251, KOI8_R, IBM866, GBK, BIG5, SHIFT_JIS, EUC_KR, WINDOWS_1252, WINDOWS_1254];
        let frames = [
            "в A.B() в f:строка 1",
            "в A.B() в f:строка 1",
            "в A.B() в f:строка 1",
            "在 A.B() 位置 f:行号 1",
            "於 A.B() 於 f: 行 1",
        ];
        let others = [
            "場所 A.B() 場所 f:行 1",
            "위치: A.B() 파일 f:줄 1",
            "à A.B() dans f:ligne 1",
            "konum: A.B() f içinde: satır 1",
        ];
        for (encoding, frame) in encodings.into_iter().zip(frames.into_iter().chain(others)) {
            let (bytes, ..) = encoding.encode(frame);
            let line = [b"   ", &*bytes].concat();
            let found = of([b"no frame: \xFF".as_slice(), &line].into_iter());
            assert_eq!(found, Some(encoding), "{frame}");
        }
        assert_eq!(of([b"   at A.B(\xFF)".as_slice(), b"prose \xE2 (x)"].into_iter()), None);
    }
}
