//! Names as they count for a fingerprint: without what a compiler, a bundler or a runtime numbers.
//!
//! In: names of types, modules, functions and files, as a log spells them. Out: the same, normalised for their
//! platform. Invariant: what people wrote stays. Does not hash.

use std::borrow::Cow;

use errtail_parsers::Platform;

/// Files that are named for their role: their directory says which.
const ROLES: [&str; 8] = ["index", "main", "route", "page", "layout", "handler", "server", "__init__"];

/// An exception's type. Of an anonymous class, its place is left out.
pub(super) fn kind(kind: &str) -> &str {
    // Exception@anonymous\0/srv/app/Basket.php:12$0
    kind.split_once("@anonymous").map_or(kind, |(base, _)| &kind[..base.len() + "@anonymous".len()])
}

/// A class, a type or a package.
pub(super) fn module(module: &str, platform: Platform) -> Cow<'_, str> {
    match platform {
        Platform::Php if module.contains("@anonymous") => Cow::default(),
        // Shop.Basket+<>c__DisplayClass4_0, Shop.Stack`1[System.Int32]
        Platform::Csharp => ordinals(before(module, '['), '>'),
        // com.shop.Basket$$EnhancerBySpringCGLIB$$1a2b, com.shop.Basket$$Lambda$14/0x01, com.shop.Basket$1
        Platform::Java => ordinals(module.split_once("$$").map_or(module, |(class, _)| class), '$'),
        _ => Cow::Borrowed(module),
    }
}

/// A function or method.
pub(super) fn function(function: &str, platform: Platform) -> Cow<'_, str> {
    match platform {
        // {closure:Shop\Basket::add():12}
        Platform::Php => match function.split_once("{closure:") {
            Some((name, _)) => Cow::Owned(format!("{name}{{closure}}")),
            None => Cow::Borrowed(function),
        },
        // async Basket.add [as onTimer], Object.<anonymous>
        Platform::Node | Platform::Javascript => {
            let name = before(function, '[').trim_end();
            match name.rsplit(['.', ' ']).next().unwrap_or(name) {
                "<anonymous>" | "?" => Cow::default(),
                name => Cow::Borrowed(name),
            }
        }
        // <Add>b__0_1, <Add>g__Local|3_0, clo@12-1, Map[T]
        Platform::Csharp => {
            let name = before(function, '[');
            if name.contains('>') { ordinals(name, '>') } else { ordinals(name, '@') }
        }
        // lambda$add$0
        Platform::Java if function.starts_with("lambda$") => Cow::default(),
        Platform::Java => ordinals(function, '$'),
        // (*Basket).Add.func1.2
        Platform::Go => ordinals(function, '.'),
        // block (2 levels) in add
        Platform::Ruby => Cow::Borrowed(function.rsplit_once(" in ").map_or(function, |(_, name)| name)),
        _ => Cow::Borrowed(function),
    }
}

/// A path or URL: its last part, in lower case, without a bundler's hashes; with its directory where the name is
/// one that many files have.
pub(super) fn file(path: &str) -> Cow<'_, str> {
    if path.starts_with(['<', '[']) {
        return Cow::default();
    }
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or(path);
    let stem = before(name, '.');
    let mut file = String::with_capacity(name.len());
    for piece in name.split_inclusive(['.', '-']) {
        let word = piece.trim_end_matches(['.', '-']);
        file.push_str(if is_hash(word) { &piece[word.len()..] } else { piece });
    }
    if ROLES.contains(&stem)
        && let Some(directory) = parts.next().filter(|directory| directory.starts_with(char::is_alphabetic))
    {
        file.insert(0, '/');
        file.insert_str(0, directory);
    }
    file.make_ascii_lowercase();
    Cow::Owned(file)
}

/// Whether a frame is the runtime's way of calling back, which differs from one version and moment to the next.
pub(super) fn is_plumbing(function: &str, platform: Platform) -> bool {
    matches!(platform, Platform::Node | Platform::Javascript)
        && ["processTicksAndRejections", "runMicrotasks", "nextTick"].contains(&function)
}

fn before(text: &str, end: char) -> &str {
    text.split(end).next().unwrap_or(text)
}

/// The name without the digits behind the last `mark`.
fn ordinals(name: &str, mark: char) -> Cow<'_, str> {
    match name.rfind(mark) {
        Some(at) if name[at..].contains(|c: char| c.is_ascii_digit()) => {
            let (kept, numbered) = name.split_at(at);
            Cow::Owned(kept.chars().chain(numbered.chars().filter(|c| !c.is_ascii_digit())).collect())
        }
        _ => Cow::Borrowed(name),
    }
}

/// A bundler's hash: hexadecimal, or letters of both cases with digits.
fn is_hash(word: &str) -> bool {
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let all_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.len() >= 8
        && has(u8::is_ascii_digit)
        && (all_hex || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions() {
        for (platform, name, expected) in [
            (Platform::Php, "{closure:Shop\\Basket::add():12}", "{closure}"),
            (Platform::Php, "Shop\\{closure}", "Shop\\{closure}"),
            (Platform::Node, "async Basket.add", "add"),
            (Platform::Node, "new Basket", "Basket"),
            (Platform::Node, "Timeout.onTimer [as _onTimeout]", "onTimer"),
            (Platform::Node, "Object.<anonymous>", ""),
            (Platform::Csharp, "<Add>b__12_3", "<Add>b__"),
            (Platform::Csharp, "<Add2>g__Local|3_0", "<Add2>g__Local|_"),
            (Platform::Csharp, "Map[T]", "Map"),
            (Platform::Csharp, "Add2", "Add2"),
            (Platform::Java, "lambda$add$0", ""),
            (Platform::Java, "access$100", "access$"),
            (Platform::Go, "(*Basket).Add.func1", "(*Basket).Add.func"),
            (Platform::Ruby, "block (2 levels) in add", "add"),
        ] {
            let got = function(name, platform);
            // An underscore between two ordinals says nothing, and stays.
            assert_eq!(got.trim_end_matches('_'), expected.trim_end_matches('_'), "{name}");
        }
    }

    #[test]
    fn modules_and_types() {
        assert_eq!(module("Shop.Basket+<>c__DisplayClass4_0", Platform::Csharp), "Shop.Basket+<>c__DisplayClass_");
        assert_eq!(module("Shop.Stack`1[System.Int32]", Platform::Csharp), "Shop.Stack`1");
        assert_eq!(module("com.shop.Basket$$Lambda$14/0x01", Platform::Java), "com.shop.Basket");
        assert_eq!(module("class@anonymous", Platform::Php), "");
        assert_eq!(kind("Shop\\Fault@anonymous\0/srv/app/Basket.php:12$0"), "Shop\\Fault@anonymous");
    }

    #[test]
    fn files() {
        for (path, expected) in [
            ("/srv/app/Basket.php", "basket.php"),
            ("C:\\shop\\Basket.cs", "basket.cs"),
            ("https://shop.example.com/assets/app.9f0c3b2a.js?v=3", "app..js"),
            ("/assets/index-BX2k9aQz.js", "index-.js"),
            ("/srv/app/orders/index.js", "orders/index.js"),
            ("/srv/releases/20260101/index.js", "index.js"),
            ("jquery-3.6.0.min.js", "jquery-3.6.0.min.js"),
            ("<anonymous>", ""),
            ("[internal function]", ""),
        ] {
            assert_eq!(file(path), expected, "{path}");
        }
    }
}
