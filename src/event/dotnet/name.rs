//! A .NET method's printed name, turned back into declaring type and method.
//!
//! In: a frame as printed, the types known from the same text, the calls around it. Out: module and function.
//! Invariant: parameters, generic arguments and return types are gone. A nested class that nothing gives away keeps
//! its dot: a lone name does not tell it from a namespace.

use std::collections::HashSet;

use errtail_parsers::Frame;

/// Types of the framework that have nested classes in traces.
const OUTER_TYPES: [&str; 8] = [
    "System.Linq.Enumerable",
    "System.Threading.Tasks.Parallel",
    "System.Threading.Thread",
    "System.Net.Sockets.Socket",
    "System.Net.Http.HttpConnectionPool",
    "Microsoft.AspNetCore.Mvc.Infrastructure.ActionMethodExecutor",
    "Microsoft.AspNetCore.Builder.UseMiddlewareExtensions",
    "Microsoft.EntityFrameworkCore.Storage.RelationalCommand",
];

/// A call in the text.
pub(super) struct Call<'a> {
    /// The whole name, without parameters, generic arguments and a member behind them.
    name: String,
    parameters: &'a str,
    /// Behind the parameters: `+MoveNext()`.
    member: &'a str,
}

/// A method in reflection's names.
pub(super) struct Method {
    pub(super) module: String,
    pub(super) function: String,
    /// Whether it is a state machine.
    pub(super) is_async: bool,
}

impl<'a> Call<'a> {
    /// The call of a frame.
    pub(super) fn of(frame: &'a Frame) -> Call<'a> {
        let raw = frame.raw.as_deref().unwrap_or("");
        let open = opening(raw);
        let (parameters, member) = open.map_or(("", ""), |open| {
            let close = closing(&raw[open..]).map_or(raw.len(), |length| open + length);
            (raw[open + 1..close].strip_suffix(')').unwrap_or(&raw[open + 1..close]), &raw[close..])
        });
        let printed = raw[..open.unwrap_or(raw.len())].trim();
        // What demystified traces print before the name is the parser's to take off, as is Unity's colon in it.
        let odd = printed.contains(' ') && !printed.contains('@') || printed.contains(':') && !printed.contains('<');
        let name = if printed.is_empty() || odd {
            let function = frame.function.as_deref().unwrap_or("");
            frame.module.as_ref().map_or_else(|| function.to_owned(), |module| format!("{module}.{function}"))
        } else {
            printed.to_owned()
        };
        Call { name: without_arguments(&name).to_owned(), parameters, member }
    }

    /// The declaring type as printed, if the name has one.
    pub(super) fn declaring_type(&self) -> Option<String> {
        let (path, _) = self.split()?;
        (!path.contains(['<', '@'])).then(|| path.to_owned())
    }

    /// Declaring type and method; `outer` are the calls further out in the same trace.
    pub(super) fn method(&self, known: &HashSet<String>, outer: &[Call<'_>]) -> Method {
        let dynamic = self.parameters == "Closure"
            || self.parameters.starts_with("Closure,")
            || self.parameters.starts_with("Closure ");
        let Some((path, function)) = self.split().filter(|_| !dynamic) else {
            return Method { module: super::DYNAMIC.to_owned(), function: self.name.clone(), is_async: false };
        };
        let module = nested(path, known);
        let top_level =
            function == "<Main>$" && outer.iter().any(|call| call.name.ends_with(".<Main>") || call.name == "<Main>");
        if top_level {
            return Method {
                module: format!("{module}+<<Main>$>d__0"),
                function: "MoveNext".to_owned(),
                is_async: true,
            };
        }
        if is_async_local(&module, function) {
            return Method {
                module: format!("{module}+<{function}>d"),
                function: "MoveNext".to_owned(),
                is_async: true,
            };
        }
        let (module, function, moved) = plain_name(module, function);
        let is_async =
            moved || self.member.starts_with("+MoveNext") || function == "MoveNext" || function.ends_with("Async");
        Method { module, function, is_async }
    }

    /// Type and method, as printed.
    fn split(&self) -> Option<(&str, &str)> {
        for constructor in ["..ctor", "..cctor"] {
            if let Some(path) = self.name.strip_suffix(constructor) {
                return Some((path, &self.name[path.len() + 1..]));
            }
        }
        let dots = dots(&self.name);
        let at = explicit_interface(&self.name, &dots).or_else(|| dots.last().copied())?;
        (at > 0).then(|| (&self.name[..at], &self.name[at + 1..]))
    }
}

/// Where the parameters open: the first parenthesis outside of brackets.
fn opening(raw: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in raw.bytes().enumerate() {
        match byte {
            b'<' | b'[' => depth += 1,
            b'>' | b']' => depth -= 1,
            b'(' if depth <= 0 => return Some(at),
            _ => {}
        }
    }
    raw.find('(')
}

/// The length of the group that opens at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
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

// Shop.Ledger.SumAsync[TKey,TValue]
/// The name without a generic method's arguments.
fn without_arguments(name: &str) -> &str {
    name.strip_suffix(']').and_then(|_| name.rfind('[')).filter(|at| *at > 0).map_or(name, |at| &name[..at])
}

/// The dots that part namespaces, types and members: those outside of brackets.
fn dots(name: &str) -> Vec<usize> {
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'<' | b'[' => depth += 1,
            b'>' | b']' => depth -= 1,
            b'.' if depth <= 0 => found.push(at),
            _ => {}
        }
    }
    found
}

// Shop.Billing.Ledger.Shop.Billing.IClosable<System.Int32>.Close
/// The dot behind which an explicitly implemented interface's whole name begins.
fn explicit_interface(name: &str, dots: &[usize]) -> Option<usize> {
    let [.., before, last] = dots else { return None };
    let interface = name[before + 1..*last].split('<').next()?;
    let mut letters = interface.chars();
    if letters.next() != Some('I') || !letters.next().is_some_and(char::is_uppercase) {
        return None;
    }
    let root = &name[..*dots.first()?];
    dots.iter().copied().filter(|at| at < before).find(|at| {
        let segment = name[at + 1..].split('.').next().unwrap_or("");
        segment == root || segment == "System" || segment == "Microsoft"
    })
}

/// A type's path with `+` before each nested class.
fn nested(path: &str, known: &HashSet<String>) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    let mut from = 0;
    let dots = dots(path);
    for end in dots.iter().copied().chain([path.len()]) {
        // Mono names the arguments behind the arity: `Shop.Map`2[K,V]`.
        let segment = &path[from..end];
        let arguments = segment.find('[').filter(|at| segment[..*at].contains('`'));
        let segment = &segment[..arguments.unwrap_or(segment.len())];
        if from > 0 {
            let outer = &path[..from - 1];
            let arity = outer.rfind('.').map_or(outer, |at| &outer[at + 1..]).contains('`');
            inside = inside
                || segment.starts_with('<')
                || segment.contains('@')
                || arity
                || known.contains(outer)
                || OUTER_TYPES.contains(&outer);
            out.push(if inside { '+' } else { '.' });
        }
        out.push_str(segment);
        from = end + 1;
    }
    out
}

// Shop.Import.<Run>g__ReadAsync|1_0 · Microsoft.AspNetCore.….<Invoke>g__AwaitRequestTask|7_0
/// Whether a local function is a state machine: the text does not tell, but the habit of names does.
fn is_async_local(module: &str, function: &str) -> bool {
    let Some((_, local)) = function.split_once(">g__") else { return false };
    let Some((name, _)) = local.split_once('|') else { return false };
    let framework = module.starts_with("Microsoft.") && matches!(name, "Awaited" | "Logged" | "AwaitRequestTask");
    name.ends_with("Async") || framework
}

/// What the SDK makes of the compiler's names: state machines and lambdas.
fn plain_name(module: String, function: &str) -> (String, String, bool) {
    // Ns.T+<Run>d__5.MoveNext
    if function == "MoveNext"
        && let Some((outer, machine)) = module.rsplit_once("+<")
        && let Some((method, ordinal)) = machine.split_once(">d__")
        && is_word(method)
        && ordinal.bytes().all(|c| c.is_ascii_digit())
    {
        return (outer.to_owned(), method.to_owned(), true);
    }
    // <Run>b__3
    if let Some((method, ordinal)) = function.strip_prefix('<').and_then(|rest| rest.split_once(">b__"))
        && is_word(method)
        && !ordinal.is_empty()
        && is_word(ordinal)
    {
        return (module, format!("{method} {{ <lambda> }}"), false);
    }
    (module, function.to_owned(), false)
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
