//! One frame line of a .NET trace: every runtime, every translation, demystified or not.
//!
//! In: one line. Out: a `Frame` and what stands behind it on the line. Invariant: a frame has a name and a list of
//! arguments (`name(`…`)`), or a place; frames of V8, Java and PHP have neither of these forms and are not taken.
//! Does not decide whether the code is the application's.

mod place;

use super::head;
use crate::line::AT;
use crate::record::Frame;
use place::Place;

/// Whether one of the words begins with a byte.
const LEADS: [bool; 256] = {
    let mut leads = [false; 256];
    let mut at = 0;
    while at < AT.len() {
        leads[AT[at].as_bytes()[0] as usize] = true;
        at += 1;
    }
    leads
};

/// The words that a text may begin with, by its first byte.
fn words(text: &str) -> impl Iterator<Item = &'static str> {
    let first = text.as_bytes().first().copied().unwrap_or(0);
    AT.iter().copied().filter(move |at| at.as_bytes()[0] == first)
}

/// The frame on this line, and the text behind it.
pub(super) fn frame(line: &str) -> Option<(Frame, &str)> {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    for at in words(text) {
        if let Some(rest) = text.strip_prefix(at) {
            if !indented && at != "at " {
                continue;
            }
            if let Some(found) = call(rest.trim_start()) {
                return Some(found);
            }
        }
    }
    None
}

/// Whether a frame begins at this blank (or several) of a longer line.
pub(super) fn begins(text: &str) -> bool {
    let text = text.trim_start();
    if !text.as_bytes().first().is_some_and(|first| LEADS[usize::from(*first)]) {
        return false;
    }
    words(text).any(|at| {
        text.strip_prefix(at).is_some_and(|rest| {
            let rest = rest.trim_start().trim_start_matches("async ");
            let name = &rest[..rest.find(['(', ' ']).unwrap_or(rest.len())];
            let open = rest[name.len()..].trim_start_matches(' ').starts_with('(');
            open && (name.contains('.') && is_name(name) || name.starts_with("lambda_method"))
        })
    })
}

// Shop.Cart.Total (Shop.Item item) (at Assets/Cart.cs:45) · Shop.Cart:Total(Item) (at Assets/Cart.cs:45)
/// A frame as Unity prints it, without a word in front.
pub(super) fn unity(line: &str) -> Option<(Frame, &str)> {
    // Kerbal Space Program indents them.
    let text = line.strip_prefix('\t').unwrap_or(line).trim_end();
    if text.starts_with([' ', '\t']) || !text.ends_with(')') {
        return None;
    }
    line.rfind(" (at ").filter(|place| *place > 0)?;
    call(text)
}

// UnityEngine.GameObject:AddComponent(Type) · (wrapper dynamic-method) Shop.Cart.DMD<Shop.Cart::Add>(Shop.Cart)
/// A call without a place, as Unity prints it among others.
pub(super) fn unity_call(line: &str) -> Option<Frame> {
    let text = line.trim();
    let name = &text[..text.find('(')?];
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "._+`<>[],|".contains(c));
    let colon = name.trim_end().split_once(':').is_some_and(|(kind, method)| plain(kind) && plain(method));
    let known = colon && text.ends_with(')') || text.starts_with("(wrapper ");
    call(text).filter(|(_, tail)| known && tail.is_empty()).map(|(frame, _)| frame)
}

/// A method, its arguments, and its place.
fn call(text: &str) -> Option<(Frame, &str)> {
    let Some(method) = method(text) else {
        return without_arguments(text).or_else(|| stripped(text)).or_else(|| with_assembly(text));
    };
    let mut rest = &text[method.length..];
    let mut place = Place::default();
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = il_offset(trimmed).or_else(|| native_offset(trimmed)).or_else(|| repeats(trimmed)) {
            rest = after;
        } else if trimmed.len() < rest.len()
            && let Some((found, after)) = place::announced(trimmed)
        {
            place = found;
            rest = after;
            break;
        } else {
            break;
        }
    }
    let tail = rest.trim();
    // Text that goes on behind a call is prose.
    let another = || head::at_start(tail).is_some_and(|head| head.strong);
    if place.file.is_none() && !place.hidden && tail.starts_with(|c: char| c.is_alphanumeric()) && !another() {
        return None;
    }
    let (module, function) = split(method.name);
    let frame = Frame {
        function: Some(function.to_owned()),
        module: (!module.is_empty()).then(|| module.to_owned()),
        file: place.file.map(str::to_owned),
        line: place.line,
        column: None,
        in_app: false,
        raw: Some(text[..method.length].trim_end().to_owned()),
    };
    Some((frame, tail))
}

struct Method<'a> {
    name: &'a str,
    /// Name, arguments and a member behind them, in bytes.
    length: usize,
}

// Shop.Cart.<>c__DisplayClass3_0.<Total>b__0(Item item) · Shop.Dict`2[K,V].get_Item (K key) · Shop.Feed.Rows(Int32 n)+MoveNext()
fn method(text: &str) -> Option<Method<'_>> {
    let wrapper = text.strip_prefix("(wrapper ").and_then(|rest| rest.find(") ")).map_or(0, |end| end + 11);
    let open = wrapper + arguments(&text[wrapper..])?;
    let mut length = open + balanced(&text[open..])?;
    let name = undemystified(text[wrapper..open].trim_end())?;
    let printed_apart = text[..open].ends_with(' ');
    let apart = printed_apart && wrapper == 0;
    if !is_name(name) || !are_arguments(&text[open + 1..length - 1], apart, &text[length..]) {
        return None;
    }
    // Careless unescaping leaves names that go on: `<Main>$>b__0_0()gt;b__0_0()`.
    while text[length..].starts_with(|c: char| c.is_ascii_alphanumeric())
        && let Some(open) = text[length..].find(['(', ' '])
        && let Some(more) = balanced(&text[length + open..]).filter(|_| text[length + open..].starts_with('('))
    {
        length += open + more;
    }
    // An iterator's or a lambda's own member: `+MoveNext()`, `+(decimal v) => { }`.
    if text[length..].starts_with('+')
        && let Some(open) = text[length..].find('(')
        && let Some(more) = balanced(&text[length + open..])
    {
        length += open + more;
        if text[length..].starts_with(" => { }") {
            length += 7;
        }
    }
    Some(Method { name, length })
}

/// Where the list of arguments opens: the first parenthesis outside of generic brackets.
fn arguments(text: &str) -> Option<usize> {
    let mut depth = 0i32;
    let mut first = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' | b'[' => depth += 1,
            b'>' | b']' => depth -= 1,
            b'(' if depth <= 0 => return Some(at),
            b'(' => first = first.or(Some(at)),
            _ => {}
        }
    }
    // Compilers and careless loggers print brackets that do not close.
    first
}

/// The length of the group that opens at the beginning, its parentheses included.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth <= 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Without what demystified traces print before a name: `async Task<int> `, `static void `, `new `.
fn undemystified(name: &str) -> Option<&str> {
    let mut depth = 0i32;
    let mut last = 0;
    let mut words = 0;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'<' | b'[' | b'(' => depth += 1,
            b'>' | b']' | b')' => depth -= 1,
            b' ' if depth <= 0 => {
                words += 1;
                last = at + 1;
            }
            _ => {}
        }
    }
    // F#'s closures of pipelines have names with blanks: `Pipe #1 stage #1 at line 13@15.Invoke`.
    if words == 0 || name.contains('@') {
        return Some(name);
    }
    let before = name[..last].trim_end();
    let kind = before.trim_start_matches("async ").trim_start_matches("static ").trim_start_matches("ref ");
    let kind = kind.trim_start_matches("readonly ");
    let keyword = matches!(
        kind.trim_end_matches("[]").trim_end_matches('?'),
        "async"
            | "new"
            | "void"
            | "string"
            | "int"
            | "bool"
            | "object"
            | "long"
            | "double"
            | "decimal"
            | "byte"
            | "char"
            | "float"
            | "short"
            | "dynamic"
            | "uint"
            | "ulong"
            | "ushort"
            | "sbyte"
            | "nint"
            | "static"
            | "readonly"
    );
    let named = kind.starts_with(|c: char| c.is_uppercase() || c == '(') && words <= 3;
    (keyword || named).then(|| &name[last..])
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next().unwrap_or(' ');
    (first.is_alphabetic() || "_<.".contains(first) || is_obfuscated(name))
        && !name.contains(['"', '\'', '\\', '/', ';'])
        && (!name.contains('=') || name.contains('[') || name.starts_with("#="))
        && !name.contains("->")
        // `Ship.DMD<Ship::Awake>`, `DynamicMethodDefinition.Hook<Ship::Awake>?-139`
        && name.find("::").is_none_or(|colons| name[..colons].contains('<'))
        && (!name.contains(':') || !name.contains(' '))
}

// #=zQk1d==.#=zT8==(Object #=zPa==) · invisible marks and private characters
/// Whether an obfuscator made the name of what no program's text begins with.
fn is_obfuscated(name: &str) -> bool {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}');
    name.starts_with("#=") || name.starts_with(invisible)
}

/// Whether the text between the parentheses is a list of .NET parameters.
fn are_arguments(text: &str, printed_apart: bool, after: &str) -> bool {
    let foreign = text.contains([':', '/', ';', '"'])
        || matches!(text, "native" | "<anonymous>" | "Native Method" | "Unknown Source" | "SourceFile")
        || text.starts_with("index ")
        || [".java", ".kt", ".scala", ".groovy", ".clj", ".js", ".ts", ".php"].iter().any(|ext| text.ends_with(ext));
    if foreign {
        return false;
    }
    // Only Mono and Unity print a blank before the parenthesis, and more behind it.
    !printed_apart
        || after.starts_with(" [0x")
        || place::is_announced(after.trim_start())
        || after.trim_start().starts_with("<0x")
}

// Shop.Cart.Total in C:\src\Cart.cs:line 42
fn without_arguments(text: &str) -> Option<(Frame, &str)> {
    let (name, rest) = text.split_once(' ')?;
    let (place, tail) = place::announced(rest)?;
    if !name.contains('.') || !is_name(name) || name.contains('(') || place.line.is_none() || !rest.contains(":line ") {
        return None;
    }
    let (module, function) = split(name);
    let frame = Frame {
        function: Some(function.to_owned()),
        module: Some(module.to_owned()),
        file: place.file.map(str::to_owned),
        line: place.line,
        raw: Some(name.to_owned()),
        ..Frame::default()
    };
    Some((frame, tail.trim()))
}

// Harbor!<BaseAddress>+0x8b4e0
/// A call in a native program without names.
fn stripped(text: &str) -> Option<(Frame, &str)> {
    let (image, rest) = text.split_once("!<BaseAddress>+0x")?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    if end == 0 || image.contains(' ') {
        return None;
    }
    let name = &text[..text.len() - rest.len() + end];
    let frame = Frame {
        function: Some(name[image.len() + 1..].to_owned()),
        module: Some(image.to_owned()),
        raw: Some(name.to_owned()),
        ..Frame::default()
    };
    Some((frame, rest[end..].trim()))
}

// Shop.Cart+<Add>d__2.MoveNext (Shop, Version=1.0.0.0, Culture=neutral, PublicKeyToken=null: C:\src\Cart.cs: 44)
/// A call as Application Insights shows it: an assembly in place of arguments, and the place behind it.
fn with_assembly(text: &str) -> Option<(Frame, &str)> {
    let (name, rest) = text.split_once(" (")?;
    let (inner, tail) = rest.split_once(')')?;
    let key = inner.find(", PublicKeyToken=")? + ", PublicKeyToken=".len();
    let token = if inner[key..].starts_with("null") { 4 } else { 16 };
    let assembly = inner.get(..key + token).filter(|assembly| assembly.contains(", Version="))?;
    if !name.contains('.') || !is_name(name) || name.contains(' ') {
        return None;
    }
    // Older ones print the assembly again before and behind the file.
    let place = inner.replace(assembly, "");
    let place =
        place.rsplit_once(": ").and_then(|(file, line)| Some((file.trim_start_matches(": "), line.parse().ok()?)));
    let (module, function) = split(name);
    let frame = Frame {
        function: Some(function.to_owned()),
        module: Some(module.to_owned()),
        file: place.map(|(file, _)| file.to_owned()),
        line: place.map(|(_, line)| line),
        raw: Some(name.to_owned()),
        ..Frame::default()
    };
    Some((frame, tail.trim()))
}

/// `[0x00007]`
fn il_offset(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("[0x").or_else(|| text.strip_prefix("<0x"))?;
    Some(&rest[rest.find([']', '>'])? + 1..])
}

//    Shop.Cart.Total(Item item) in C:\src\Cart.cs:22 ·    System.Web.UI.Page.HandleError(Exception e) +9
/// A frame as ASP.NET's error page prints it, without a word in front.
pub(super) fn on_page(line: &str) -> Option<Frame> {
    let text = line.strip_prefix("   ").filter(|text| !text.starts_with(' '))?;
    let (frame, tail) = call(text.trim_end())?;
    let name = frame.raw.as_deref().unwrap_or("");
    (tail.is_empty() && (name.contains('.') || name.starts_with("lambda_method"))).then_some(frame)
}

/// `+ 0x4`, `+104`
fn native_offset(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('+').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Some(rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    let rest = text.strip_prefix("+ 0x")?;
    Some(&rest[rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len())..])
}

/// `x 12`: a demystified frame that stands for several.
fn repeats(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("x ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &rest[digits..])
}

// Shop.Dict`2[K,V].get_Item · Shop.Cart..ctor · Shop.Ledger.Shop.IClosable<System.Int32>.Close
/// A name's declaring type and method.
pub(super) fn split(name: &str) -> (&str, &str) {
    for constructor in ["..ctor", "..cctor"] {
        if let Some(at) = name.rfind(constructor) {
            return (&name[..at], &name[at + 1..]);
        }
    }
    // Unity: `Shop.Cart:Total`; but `Ship.DMD<Ship::Awake>` is one name.
    if let Some((module, function)) = name.rsplit_once(':').filter(|(module, _)| !module.contains('<')) {
        return (module, function);
    }
    let dots = dots(name);
    let Some(&last) = dots.last() else { return ("", name) };
    if let Some(at) = explicit_interface(name, &dots) {
        return (&name[..at], &name[at + 1..]);
    }
    if last == 0 { ("", name) } else { (&name[..last], &name[last + 1..]) }
}

/// The dots that part a name's segments: those outside of brackets.
fn dots(name: &str) -> Vec<usize> {
    let mut depth = 0i32;
    let mut dots = Vec::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'<' | b'[' => depth += 1,
            b'>' | b']' => depth -= 1,
            b'.' if depth <= 0 && at > 0 => dots.push(at),
            _ => {}
        }
    }
    dots
}

/// The dot before the interface's full name, where a method implements it explicitly.
fn explicit_interface(name: &str, dots: &[usize]) -> Option<usize> {
    let [.., before, last] = dots else { return None };
    let interface = &name.as_bytes()[before + 1..*last];
    if interface.first() != Some(&b'I') || !interface.get(1).is_some_and(u8::is_ascii_uppercase) {
        return None;
    }
    let root = &name[..dots[0]];
    dots.iter().skip(1).copied().find(|at| {
        let segment = name[at + 1..].split('.').next().unwrap_or("");
        at < before && (segment == root || segment == "System" || segment == "Microsoft")
    })
}

#[cfg(test)]
mod tests;
