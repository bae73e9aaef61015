//! Where a frame's code stands: the file and the line behind its arguments, in every translation.
//!
//! In: the text behind a call. Out: its `Place`, and what follows that. Invariant: a place has a number, or it is a path.
//! Does not read the call.

/// The word between a method and its file; .NET and Azure Functions' host print the words in any mixture.
const IN: &[&str] = &[
    "in ",
    "dans ",
    "en ",
    "na ",
    "em ",
    "i ",
    "tiedostossa ",
    "w ",
    "v ",
    "в ",
    "στο ",
    "σε ",
    "içinde: ",
    "hely: ",
    "位置 ",
    "於 ",
    "在 ",
    "場所 ",
    "파일 ",
    "في ",
    "ב- ",
    "ב-",
    "at ",
    "(at ",
];

/// The place that a word announces at the beginning of `text`, and what follows it.
pub(super) fn announced(text: &str) -> Option<(Place<'_>, &str)> {
    IN.iter().find_map(|word| place(text.strip_prefix(word)?)).or_else(|| turkish(text)).or_else(|| lost(text))
}

/// A place behind a word whose encoding was lost: it holds replacement characters.
fn lost(text: &str) -> Option<(Place<'_>, &str)> {
    let (word, rest) = text.split_once(' ')?;
    if word.contains(char::REPLACEMENT_CHARACTER) { place(rest) } else { None }
}

/// Whether a word that announces a place stands here.
pub(super) fn is_announced(text: &str) -> bool {
    IN.iter().any(|word| text.starts_with(word))
}

#[derive(Default)]
pub(super) struct Place<'a> {
    pub file: Option<&'a str>,
    pub line: Option<u32>,
    /// Without symbols: there is a place, but it is not told.
    pub hidden: bool,
}

/// Words before a line's number, where anything may follow it.
const LINE: &[&str] = &[":line ", ":Zeile ", ":ligne ", ":línea ", ":строка "];

// C:\my src\Cart.cs:line 42 · /src/Cart.cs:9 · /src/Cart.cs : 48 · <filename unknown>:0 · C:\src\Cart.cs, sor: 42
fn place(text: &str) -> Option<(Place<'_>, &str)> {
    if let Some(tail) = token(text) {
        return Some((Place { hidden: true, ..Place::default() }, tail));
    }
    for word in LINE {
        // A directory may be called so, too: the last one with a number is meant, before anything else is glued on.
        let end = text.find(['|', '"']).unwrap_or(text.len());
        if let Some(at) = text[..end].rfind(word).or_else(|| text.find(word)) {
            let (line, tail) = number(&text[at + word.len()..])?;
            let tail = tail.strip_prefix('.').unwrap_or(tail);
            let line = line.filter(|line| *line > 0);
            return Some((Place { file: Some(&text[..at]), line, hidden: false }, tail));
        }
    }
    let (text, tail) = match text.find(['|', '"']) {
        Some(end) => (&text[..end], &text[end..]),
        None => match text.find(" <---").or_else(|| text.find("<---")) {
            Some(end) => (&text[..end], &text[end..]),
            None => (text, ""),
        },
    };
    let text = text.trim_end().trim_end_matches('中').trim_end().trim_end_matches([')', '.']);
    let digits = text.len() - text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let colon = text[..digits].rfind(':')?;
    let line = text[digits..].parse().ok().filter(|line| *line > 0);
    let word = text[colon + 1..digits].trim();
    let mut file = text[..colon].trim_end();
    // Hungarian has its word before the colon.
    file = file.strip_suffix(", sor").unwrap_or(file);
    if word.contains(['/', '\\', '.']) || word.len() > 30 || word.starts_with(|c: char| c.is_ascii_digit()) {
        // The only colon is a drive's.
        let whole = Place { file: Some(text), line: None, hidden: false };
        return (text.contains(['/', '\\']) && colon == 1).then_some((whole, tail));
    }
    let hidden = file.starts_with('<') && file.ends_with('>');
    if file.is_empty() || (line.is_none() && !hidden && !file.contains(['/', '\\', '.'])) {
        return None;
    }
    if line.is_none() && word.is_empty() && !hidden && digits < text.len() {
        return Some((Place { file: Some(file), line: None, hidden }, tail));
    }
    Some((Place { file: (!hidden).then_some(file), line: line.filter(|_| !hidden), hidden }, tail))
}

// Shop.dll:token 0x600001f+0x70
/// What follows the place of a method whose symbols are missing: the assembly's file, and a number of its metadata.
fn token(text: &str) -> Option<&str> {
    let (file, rest) = text.split_once(":token 0x")?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '+' | 'x'))).unwrap_or(rest.len());
    (file.ends_with(".dll") || file.ends_with(".exe")).then(|| &rest[end..])
}

// C:\my src\Cart.cs içinde: satır 42
fn turkish(text: &str) -> Option<(Place<'_>, &str)> {
    let (file, rest) = text.split_once(" içinde: satır ")?;
    let (line, tail) = number(rest)?;
    Some((Place { file: Some(file), line, hidden: false }, tail))
}

fn number(text: &str) -> Option<(Option<u32>, &str)> {
    let text = text.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| (text[..digits].parse().ok(), &text[digits..]))
}
