//! Source maps: from a generated JavaScript file back to what was written.
//!
//! In: the bytes of a `.map`, a place in the generated file. Out: the original's path, place and text. Invariant: a
//! path is one that the generated file's own directory gives; it is only shown, never opened. Does not read files.

use sourcemap::{DecodedMap, SourceMap};

use crate::scrub::Scrubber;

/// The map of a generated file.
#[derive(Debug)]
pub struct Generated(SourceMap);

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original<'a> {
    /// The path as the log would spell it, or the bundler's own (`webpack://…`).
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The file, if the map holds it.
    pub text: Option<&'a str>,
}

impl Generated {
    /// Reads a map; the sources in it lose the secrets that are written into them.
    pub(super) fn read(bytes: &[u8], scrubber: &Scrubber) -> Option<Generated> {
        Generated::of(sourcemap::decode_slice(bytes).ok()?, scrubber)
    }

    /// Reads a map out of a `data:` URL.
    pub(super) fn inline(url: &str, scrubber: &Scrubber) -> Option<Generated> {
        Generated::of(sourcemap::decode_data_url(url).ok()?, scrubber)
    }

    fn of(map: DecodedMap, scrubber: &Scrubber) -> Option<Generated> {
        let mut map = match map {
            DecodedMap::Regular(map) => map,
            DecodedMap::Index(index) => index.flatten().ok()?,
            DecodedMap::Hermes(_) => return None,
        };
        for source in 0..map.get_source_count() {
            let clean = map.get_source_contents(source).map(|text| scrubber.source(text).into_owned());
            if clean.is_some() {
                map.set_source_contents(source, clean.as_deref());
            }
        }
        Some(Generated(map))
    }

    /// Where line `line`, column `column` (from 1) of the generated file `path` was written.
    pub fn original(&self, path: &str, line: u32, column: u32) -> Option<Original<'_>> {
        let token = self.0.lookup_token(line.checked_sub(1)?, column.saturating_sub(1))?;
        // The nearest mapping before the place may be on another line: then the place has none.
        if token.get_dst_line() != line - 1 || !token.has_source() {
            return None;
        }
        Some(Original {
            path: beside(path, token.get_source()?),
            line: token.get_src_line() + 1,
            column: token.get_src_col() + 1,
            text: self.0.get_source_contents(token.get_src_id()),
        })
    }
}

// //# sourceMappingURL=app.js.map
/// The map that a script names at its end: a path or a `data:` URL.
pub(super) fn named(text: &str) -> Option<&str> {
    let at = memchr::memmem::rfind(text.as_bytes(), b"# sourceMappingURL=")?;
    let begins = text[..at].ends_with("//") || text[..at].ends_with("/*");
    let url = text[at + "# sourceMappingURL=".len()..].split(['\n', '\r', ' ']).next()?;
    Some(url.trim_end_matches("*/")).filter(|url| begins && !url.is_empty() && !url.contains("://"))
}

// /srv/shop/dist/app.js, ../src/app.ts
/// A source's path, seen from the generated file.
fn beside(generated: &str, source: &str) -> String {
    if source.contains("://") || source.starts_with('/') || source.as_bytes().get(1) == Some(&b':') {
        return source.to_owned();
    }
    let mut parts: Vec<&str> = generated.split(['/', '\\']).collect();
    parts.pop();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            // Not above the root, however many there are.
            ".." if parts.len() > 1 => drop(parts.pop()),
            ".." => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub;

    #[test]
    fn a_place_is_led_back_to_what_was_written() {
        // Line 1 column 1 of the output is line 3 column 5 of `../src/app.ts`.
        let map = r#"{"version":3,"sources":["../src/app.ts"],"sourcesContent":["const apiKey = 'f3a9c2d7e1';\n\n    fail();\n"],"names":[],"mappings":"AAEI"}"#;
        let scrubber = Scrubber::new(&scrub::Settings::default(), false).unwrap();
        let map = Generated::read(map.as_bytes(), &scrubber).unwrap();
        let original = map.original("/srv/shop/dist/app.js", 1, 8).unwrap();
        assert_eq!((original.path.as_str(), original.line, original.column), ("/srv/shop/src/app.ts", 3, 5));
        assert_eq!(original.text, Some("const apiKey = '[Filtered]';\n\n    fail();\n"));
        assert_eq!(map.original("/srv/shop/dist/app.js", 2, 1), None);
        assert!(Generated::read(b"{}", &scrubber).is_none_or(|map| map.original("/a.js", 1, 1).is_none()));
    }

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(beside("/a/b.js", "../../../c.ts"), "/c.ts");
        assert_eq!(beside("/a/b.js", "webpack://shop/./src/c.ts"), "webpack://shop/./src/c.ts");
    }
}
