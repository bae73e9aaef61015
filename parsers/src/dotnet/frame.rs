//! One frame line of a .NET trace: every runtime, every translation, demystified or not.
//!
//! In: one line. Out: a `Frame` and what stands behind it on the line. Invariant: a frame has a name and a list of
//! arguments (`name(`…`)`), or a place; frames of V8, Java and PHP have neither of these forms and are not taken.
//! Does not decide whether the code is the application's.

use super::head;
use crate::record::Frame;

/// The word before a frame in each translation of the runtime's texts.
const AT: &[&str] = &[
    "at ",
    "bei ",
    "à ",
    "en ",
    "in ",
    "em ",
    "bij ",
    "ved ",
    "vid ",
    "kohteessa ",
    "w ",
    "v ",
    "в ",
    "σε ",
    "στο ",
    "konum: ",
    "a következő helyen: ",
    "在 ",
    "於 ",
    "場所 ",
    "위치: ",
    "عند ",
    "ב- ",
    "ב-",
];

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

/// The frame on this line, and the text behind it.
pub(super) fn frame(line: &str) -> Option<(Frame, &str)> {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    for at in AT {
        if let Some(rest) = text.strip_prefix(at) {
            if !indented && *at != "at " {
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
    AT.iter().any(|at| {
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
    let place = line.rfind(" (at ")?;
    if line.starts_with([' ', '\t']) || !line.trim_end().ends_with(')') || place == 0 {
        return None;
    }
    call(line.trim_end())
}

/// A method, its arguments, and its place.
fn call(text: &str) -> Option<(Frame, &str)> {
    let Some(method) = method(text) else { return without_arguments(text).or_else(|| stripped(text)) };
    let mut rest = &text[method.length..];
    let mut place = Place::default();
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = il_offset(trimmed).or_else(|| native_offset(trimmed)).or_else(|| repeats(trimmed)) {
            rest = after;
        } else if trimmed.len() < rest.len()
            && let Some((found, after)) =
                IN.iter().find_map(|word| self::place(trimmed.strip_prefix(word)?)).or_else(|| turkish(trimmed))
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
    if !is_name(name) || !are_arguments(&text[open + 1..length - 1], printed_apart, &text[length..]) {
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
    );
    let named = kind.starts_with(|c: char| c.is_uppercase() || c == '(') && words <= 3;
    (keyword || named).then(|| &name[last..])
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next().unwrap_or(' ');
    (first.is_alphabetic() || "_<.".contains(first))
        && !name.contains(['"', '\'', '\\', '/', ';'])
        && (!name.contains('=') || name.contains('['))
        && !name.contains("->")
        && !name.contains("::")
        && (!name.contains(':') || !name.contains(' '))
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
        || IN.iter().any(|word| after.trim_start().starts_with(word))
        || after.trim_start().starts_with("<0x")
}

// Shop.Cart.Total in C:\src\Cart.cs:line 42
fn without_arguments(text: &str) -> Option<(Frame, &str)> {
    let (name, rest) = text.split_once(' ')?;
    let (place, tail) = IN.iter().find_map(|word| place(rest.strip_prefix(word)?))?;
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

/// `[0x00007]`
fn il_offset(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("[0x").or_else(|| text.strip_prefix("<0x"))?;
    Some(&rest[rest.find([']', '>'])? + 1..])
}

/// `+ 0x4`
fn native_offset(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("+ 0x")?;
    Some(&rest[rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len())..])
}

/// `x 12`: a demystified frame that stands for several.
fn repeats(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("x ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &rest[digits..])
}

#[derive(Default)]
struct Place<'a> {
    file: Option<&'a str>,
    line: Option<u32>,
    /// Mono without symbols: there is a place, but it is not told.
    hidden: bool,
}

/// Words before a line's number, where anything may follow it.
const LINE: &[&str] = &[":line ", ":Zeile ", ":ligne ", ":línea ", ":строка "];

// C:\my src\Cart.cs:line 42 · /src/Cart.cs:9 · /src/Cart.cs : 48 · <filename unknown>:0 · C:\src\Cart.cs, sor: 42
fn place(text: &str) -> Option<(Place<'_>, &str)> {
    for word in LINE {
        if let Some(at) = text.find(word) {
            let (line, tail) = number(&text[at + word.len()..])?;
            let tail = tail.strip_prefix('.').unwrap_or(tail);
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
    let Some(colon) = text[..digits].rfind(':') else { return None };
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

// Shop.Dict`2[K,V].get_Item · Shop.Cart..ctor · Shop.Ledger.Shop.IClosable<System.Int32>.Close
/// A name's declaring type and method.
pub(super) fn split(name: &str) -> (&str, &str) {
    for constructor in ["..ctor", "..cctor"] {
        if let Some(at) = name.rfind(constructor) {
            return (&name[..at], &name[at + 1..]);
        }
    }
    // Unity: `Shop.Cart:Total`.
    if let Some((module, function)) = name.rsplit_once(':') {
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
    let interface = name[before + 1..*last].as_bytes();
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
mod tests {
    use super::*;

    fn parts(line: &str) -> (String, String, Option<String>, Option<u32>, String) {
        let (frame, tail) = frame(line).unwrap_or_else(|| panic!("no frame: {line}"));
        (frame.module.unwrap_or_default(), frame.function.unwrap_or_default(), frame.file, frame.line, tail.to_owned())
    }

    #[test]
    fn methods() {
        for (line, module, function) in [
            ("   at Shop.Cart.Total(Item item)", "Shop.Cart", "Total"),
            ("   at Shop.Cart..ctor()", "Shop.Cart", ".ctor"),
            ("   at Shop.Cart..cctor()", "Shop.Cart", ".cctor"),
            ("   at Shop.Cart.<>c__DisplayClass0_0.<<Main>$>b__2()", "Shop.Cart.<>c__DisplayClass0_0", "<<Main>$>b__2"),
            ("   at Shop.Feed.Rows(Int32 n)+MoveNext()", "Shop.Feed", "Rows"),
            ("   at Shop.Math.op_Division(Money a, Money b)", "Shop.Math", "op_Division"),
            ("   at lambda_method12(Closure, Object, HttpContext)", "", "lambda_method12"),
            ("   at Shop.Dict`2.Get[T](K key)", "Shop.Dict`2", "Get[T]"),
            ("  at Shop.Dict`2[K,V].get_Item (K key) [0x00021] in <12b4>:0 ", "Shop.Dict`2[K,V]", "get_Item"),
            (
                "  at (wrapper delegate-invoke) System.Func`2[A,B].invoke_TResult_T(A)",
                "System.Func`2[A,B]",
                "invoke_TResult_T",
            ),
            ("   at Shop.Main.main$cont@64(String[] args, Unit unitVar)", "Shop.Main", "main$cont@64"),
            (
                "   at Shop.Pipe #1 stage #1 at line 13@15-1.Invoke(Int32 i)",
                "Shop.Pipe #1 stage #1 at line 13@15-1",
                "Invoke",
            ),
            ("   at async Task<(int A, int B)> Shop.Cart.Sum(int n)", "Shop.Cart", "Sum"),
            ("   at void Shop.Job.Run()+(decimal v) => { }", "Shop.Job", "Run"),
            (
                "   at Shop.Ledger.Shop.IClosable<System.Int32>.Close()",
                "Shop.Ledger",
                "Shop.IClosable<System.Int32>.Close",
            ),
            ("   at Shop.Edge.<Push>d__0.MoveNext() + 0x158", "Shop.Edge.<Push>d__0", "MoveNext"),
        ] {
            let (got_module, got_function, ..) = parts(line);
            assert_eq!((got_module.as_str(), got_function.as_str()), (module, function), "{line}");
        }
    }

    #[test]
    fn places_of_every_translation() {
        for (line, file, number) in [
            ("   at A.B(C c) in C:\\my src (x86)\\f.cs:line 12", Some("C:\\my src (x86)\\f.cs"), Some(12)),
            ("   bei A.B() in C:\\f.cs:Zeile 12.", Some("C:\\f.cs"), Some(12)),
            ("   à A.B() dans C:\\f.cs:ligne 43", Some("C:\\f.cs"), Some(43)),
            ("   en A.B() en C:\\f.cs:línea 43", Some("C:\\f.cs"), Some(43)),
            ("   in A.B() in C:\\f.cs:riga 43", Some("C:\\f.cs"), Some(43)),
            ("   em A.B() na C:\\f.cs:linha 43", Some("C:\\f.cs"), Some(43)),
            ("   bij A.B() in C:\\f.cs:regel 43", Some("C:\\f.cs"), Some(43)),
            ("   ved A.B() i C:\\f.cs:linje 43", Some("C:\\f.cs"), Some(43)),
            ("   vid A.B() i C:\\f.cs:rad 43", Some("C:\\f.cs"), Some(43)),
            ("   kohteessa A.B() tiedostossa C:\\f.cs:rivillä 43", Some("C:\\f.cs"), Some(43)),
            ("   w A.B() w C:\\f.cs:wiersz 43", Some("C:\\f.cs"), Some(43)),
            ("   v A.B() v C:\\f.cs:řádek 43", Some("C:\\f.cs"), Some(43)),
            ("   в A.B() в C:\\f.cs:строка 43", Some("C:\\f.cs"), Some(43)),
            ("   σε A.B() στο C:\\f.cs:γραμμή 43", Some("C:\\f.cs"), Some(43)),
            ("   konum: A.B() içinde: C:\\f.cs:satır 43", Some("C:\\f.cs"), Some(43)),
            ("   konum: A.B() C:\\f.cs içinde: satır 43", Some("C:\\f.cs"), Some(43)),
            ("   a következő helyen: A.B() hely: C:\\f.cs, sor: 43", Some("C:\\f.cs"), Some(43)),
            ("   在 A.B() 位置 C:\\f.cs:行号 43", Some("C:\\f.cs"), Some(43)),
            ("   於 A.B() 於 C:\\f.cs: 行 43", Some("C:\\f.cs"), Some(43)),
            ("   在 A.B() 在 C:\\f.cs:行 43 中", Some("C:\\f.cs"), Some(43)),
            ("   場所 A.B() 場所 C:\\f.cs:行 43", Some("C:\\f.cs"), Some(43)),
            ("   위치: A.B() 파일 C:\\f.cs:줄 43", Some("C:\\f.cs"), Some(43)),
            ("   عند A.B() في C:\\f.cs:السطر 43", Some("C:\\f.cs"), Some(43)),
            ("   ב-  A.B() ב- C:\\f.cs:שורה 43", Some("C:\\f.cs"), Some(43)),
            ("   at async A.B(Int32 id) at /src/f.cs : 48", Some("/src/f.cs"), Some(48)),
            ("   at A.B.C in /src/f.cs:line 42", Some("/src/f.cs"), Some(42)),
            ("  at A.B () [0x00001] in /src/f.cs:22 ", Some("/src/f.cs"), Some(22)),
            ("  at A.B () [0x00001] in <filename unknown>:0 ", None, None),
            ("   at A.B(int port) x 2 in D:/src/f.cs:line 7", Some("D:/src/f.cs"), Some(7)),
            ("   at A.B() in C:\\f.cs:", Some("C:\\f.cs"), None),
        ] {
            let (.., got_file, got_line, _) = parts(line);
            assert_eq!((got_file.as_deref(), got_line), (file, number), "{line}");
        }
    }

    #[test]
    fn what_follows_a_frame() {
        assert_eq!(parts("   at A.B(C c)<---").4, "<---");
        assert_eq!(parts("   at A.B() in /f.cs:line 3<---").4, "<---");
        assert_eq!(parts("   at A.B()|url: http://x/|action: ").4, "|url: http://x/|action:");
        assert_eq!(parts("  at A.B () [0x0] in /f.cs:57 <---").4, "<---");
    }

    #[test]
    fn other_languages_and_prose() {
        for line in [
            "    at Object.<anonymous> (/srv/app.js:3:7)",
            "    at /srv/app.js:3:7",
            "    at async Promise.all (index 0)",
            "    at Array.forEach (<anonymous>)",
            "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
            "\tat com.acme.Shop.total(Shop.java:12)",
            "\tat com.acme.Shop.total(Native Method)",
            "   at least one item (or more) was expected",
            "   in the end (of the day) it failed",
            "#0 /srv/a.php(3): App\\Shop->total()",
        ] {
            assert!(frame(line).is_none(), "{line}");
        }
    }
}
