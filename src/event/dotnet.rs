//! .NET: the text of a trace turned back into the reflection names that Sentry's SDK sends in its mode Original.
//!
//! In: a record of the platform `csharp`. Out: frames, messages, mechanisms. Invariant: a frame's module is its
//! declaring type (`Ns.Outer+Inner`), its function the method's name alone. What the text hides (awaiters, ordinals of
//! state machines) is not invented. Source: sentry-dotnet, `DebugStackTrace` and `MainExceptionProcessor`.

mod name;

use std::collections::HashSet;

use errtail_parsers::{Exception, Record};

use super::protocol::Frame;

/// The module that the SDK names for methods made at run time.
pub(super) const DYNAMIC: &str = "(unknown)";

/// The SDK's hook for what ends the process.
pub(super) const CRASH: &str = "AppDomain.UnhandledException";

/// The SDK's name for what ASP.NET Core's page for developers shows; it stands on each exception of the chain.
pub(super) const EXCEPTION_PAGE: &str = "ExceptionHandlerMiddleware";

/// The traces of a record's exceptions, in the record's order, outermost call first.
pub(super) fn traces(record: &Record) -> Vec<Vec<Frame>> {
    let known = known_types(record);
    record
        .exceptions
        .iter()
        .map(|exception| {
            let calls: Vec<name::Call<'_>> = exception.frames.iter().map(name::Call::of).collect();
            let mut frames: Vec<Frame> = Vec::with_capacity(calls.len());
            for (index, (call, printed)) in calls.iter().zip(&exception.frames).enumerate() {
                let method = call.method(&known, &calls[index + 1..]);
                let frame = Frame {
                    // The SDK takes what has no namespace for the application's.
                    in_app: printed.in_app || method.module == DYNAMIC,
                    module: Some(method.module),
                    function: Some(method.function),
                    filename: printed.file.clone(),
                    lineno: printed.line,
                    ..Frame::default()
                };
                // Two equal lines of an async method have the frames of a rethrow between them, which the text hides:
                // without one, Sentry takes them for recursion.
                if method.is_async && frames.last() == Some(&frame) {
                    frames.push(rethrow());
                }
                frames.push(frame);
            }
            frames.reverse();
            frames
        })
        .collect()
}

/// The frame for which `--- End of stack trace from previous location ---` stands.
fn rethrow() -> Frame {
    Frame {
        module: Some("System.Runtime.ExceptionServices.ExceptionDispatchInfo".to_owned()),
        function: Some("Throw".to_owned()),
        ..Frame::default()
    }
}

/// Types that the text itself gives away, as it spells them with dots: what stands behind one is nested in it.
fn known_types(record: &Record) -> HashSet<String> {
    let mut known: HashSet<String> = HashSet::new();
    for exception in &record.exceptions {
        for (at, _) in exception.kind.match_indices('+') {
            known.insert(exception.kind[..at].replace('+', "."));
        }
        known.extend(exception.frames.iter().filter_map(|frame| name::Call::of(frame).declaring_type()));
    }
    known
}

/// Which of the SDK's integrations would have reported a record, and whether it counts as handled.
pub(super) fn mechanism(record: &Record) -> (&'static str, bool) {
    match record.mechanism.as_ref().map_or("", |by| by.kind.as_str()) {
        "aspnetcore.developer_page" => (EXCEPTION_PAGE, false),
        "aspnetcore.exception_handler" => ("IExceptionHandlerFeature", false),
        "aspnetcore.kestrel" | "aspnetcore.iis" => ("SentryMiddleware.UnhandledException", false),
        "dotnet.unobserved_task" => ("UnobservedTaskException", false),
        "dotnet.crash" | "mono.unhandled" | "mono.crash" | "dotnet.fatal" | "dotnet.unhandled_handler" => {
            (CRASH, false)
        }
        _ if record.logger.is_some() => ("SentryLogger", true),
        _ => ("generic", true),
    }
}

// One or more errors occurred. (first) (second)
/// The message without what `AggregateException.Message` appends of its members.
pub(super) fn own_message(exceptions: &[Exception], index: usize) -> String {
    let exception = &exceptions[index];
    let mut own = exception.message.as_str();
    if !exception.kind.ends_with("AggregateException") {
        return own.to_owned();
    }
    let is_member = |other: &&Exception| other.cause_of.as_ref().is_some_and(|cause| cause.parent == index);
    for member in exceptions.iter().filter(is_member).rev() {
        let suffix = format!("({})", member.message);
        match own.trim_end().strip_suffix(suffix.as_str()) {
            Some(rest) => own = rest.trim_end(),
            None => break,
        }
    }
    // A member that is cut off or flattened cannot be matched: the runtime's own sentence is known.
    const DEFAULT: &str = "One or more errors occurred.";
    if own.strip_prefix(DEFAULT).is_some_and(|rest| rest.starts_with(" (")) {
        DEFAULT.to_owned()
    } else {
        own.to_owned()
    }
}

/// The exception's HRESULT, where the text prints it or the runtime fixes it.
pub(super) fn hresult(exception: &Exception) -> Option<String> {
    const OF_TYPE: [(&str, &str); 30] = [
        ("System.Exception", "80131500"),
        ("System.AggregateException", "80131500"),
        ("System.Text.Json.JsonException", "80131500"),
        ("Microsoft.EntityFrameworkCore.DbUpdateException", "80131500"),
        ("Microsoft.CSharp.RuntimeBinder.RuntimeBinderException", "80131500"),
        ("System.ApplicationException", "80131600"),
        ("System.ArgumentException", "80070057"),
        ("System.ArgumentNullException", "80004003"),
        ("System.ArgumentOutOfRangeException", "80131502"),
        ("System.NullReferenceException", "80004003"),
        ("System.InvalidOperationException", "80131509"),
        ("System.Runtime.CompilerServices.SwitchExpressionException", "80131509"),
        ("System.FormatException", "80131537"),
        ("System.IO.IOException", "80131620"),
        ("System.IO.InvalidDataException", "80131501"),
        ("System.IndexOutOfRangeException", "80131508"),
        ("System.Collections.Generic.KeyNotFoundException", "80131577"),
        ("System.DivideByZeroException", "80020012"),
        ("System.OverflowException", "80131516"),
        ("System.NotImplementedException", "80004001"),
        ("System.NotSupportedException", "80131515"),
        ("System.Reflection.TargetInvocationException", "80131604"),
        ("System.TypeInitializationException", "80131534"),
        ("System.TimeoutException", "80131505"),
        ("System.InvalidCastException", "80004002"),
        ("System.OutOfMemoryException", "8007000E"),
        ("Microsoft.Data.Sqlite.SqliteException", "80004005"),
        ("System.Net.Sockets.SocketException", "80004005"),
        ("Microsoft.Data.SqlClient.SqlException", "80131904"),
        ("System.Data.SqlClient.SqlException", "80131904"),
    ];
    let printed = exception.code.as_deref().and_then(|code| code.strip_prefix("0x")).filter(|hex| hex.len() == 8);
    let fixed = || OF_TYPE.iter().find(|(kind, _)| *kind == exception.kind).map(|(_, code)| *code);
    printed.or_else(fixed).map(|code| format!("0x{}", code.to_uppercase()))
}

#[cfg(test)]
mod tests;
