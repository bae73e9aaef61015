//! The chain of exceptions: its order, ids and mechanisms, as the platform's SDK sends them.
//!
//! In: a record's exceptions, outermost first. Out: the event's, outermost last. Invariant: where ids are set, each
//! exception has one, 0 is the outermost, and each parent is in the list. Does not make frames.

use errtail_parsers::{self as parsers, Platform, Record};
use serde_json::{Map, Value};

use super::protocol::{Exception, Mechanism, Stacktrace};
use super::{Context, dotnet, frames, limits, node, php, symfony};

/// Exceptions that `@sentry/node` sends of one chain: the outermost and five linked ones.
const MAX_NODE_CHAIN: usize = 6;
/// Exceptions of one event on the other platforms.
const MAX_CHAIN: usize = 50;

/// The event's exceptions.
pub(super) fn exceptions(record: &Record, handled: Option<bool>, context: &Context<'_>) -> Vec<Exception> {
    let script = matches!(record.platform, Platform::Node | Platform::Javascript);
    let most = if script { MAX_NODE_CHAIN } else { MAX_CHAIN };
    let mut order = depth_first(&record.exceptions, most, script);
    let wrappers = order.iter().take_while(|index| symfony::is_wrapper(&record.exceptions[**index])).count();
    order.drain(..wrappers.min(order.len().saturating_sub(1)));
    let ids = order.len() > 1 && !matches!(record.platform, Platform::Php | Platform::Ruby);
    let traces = frames::of_chain(record, context);
    let mut made: Vec<Exception> = Vec::with_capacity(order.len());
    for (id, &index) in order.iter().enumerate() {
        let exception = &record.exceptions[index];
        let outer = outermost_mechanism(record, handled);
        let mut mechanism = outer.clone();
        if let Some((parent, source)) = parent(&record.exceptions, index)
            && record.platform != Platform::Php
        {
            mechanism = Mechanism { kind: "chained", handled: true, source: Some(source), ..Mechanism::default() };
            mechanism.parent_id = order.iter().position(|other| *other == parent);
        }
        if outer.kind == dotnet::EXCEPTION_PAGE {
            (mechanism.kind, mechanism.handled) = (outer.kind, outer.handled);
        }
        mechanism.exception_id = ids.then_some(id);
        mechanism.is_exception_group = ids && is_group(record, index);
        mechanism.data = data(record.platform, exception);
        let (module, kind) = kind(record.platform, exception);
        let frames = traces.get(index).cloned().unwrap_or_default();
        made.push(Exception {
            // A trace whose beginning is lost has no type; Sentry wants one.
            kind: limits::cut(if kind.is_empty() { "Exception" } else { kind }, limits::TYPE_CHARS),
            module: module.map(str::to_owned),
            value: value(record, index).map(|value| limits::cut_middle(&value, limits::MESSAGE_CHARS)),
            stacktrace: (!frames.is_empty()).then_some(Stacktrace { frames }),
            mechanism,
        });
    }
    made.reverse();
    made
}

/// Indices of the chain, each exception before its causes, causes in their order; those beyond `most` are left out, and
/// those that the SDK of a `script` does not follow: it knows `cause` and `errors`, but not what libraries add.
fn depth_first(exceptions: &[parsers::Exception], most: usize, script: bool) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); exceptions.len()];
    for index in 1..exceptions.len() {
        if let Some((parent, source)) = parent(exceptions, index)
            && (!script || source == "cause" || source.ends_with(']'))
        {
            children[parent].push(index);
        }
    }
    let mut order = Vec::new();
    let mut waiting = vec![0];
    while let Some(index) = waiting.pop() {
        if index < exceptions.len() && order.len() < most {
            order.push(index);
            waiting.extend(children[index].iter().rev());
        }
    }
    order
}

/// Whose cause an exception is, and the member's name. What the parser does not say is a plain chain.
fn parent(exceptions: &[parsers::Exception], index: usize) -> Option<(usize, String)> {
    match &exceptions[index].cause_of {
        Some(cause) if cause.parent < index => Some((cause.parent, cause.source.clone())),
        _ => index.checked_sub(1).map(|parent| (parent, "cause".to_owned())),
    }
}

fn is_group(record: &Record, index: usize) -> bool {
    let member = |exception: &parsers::Exception| {
        exception.cause_of.as_ref().is_some_and(|cause| cause.parent == index && cause.source.ends_with(']'))
    };
    record.exceptions.iter().any(member)
        || record.platform == Platform::Csharp && record.exceptions[index].kind == "System.AggregateException"
}

fn outermost_mechanism(record: &Record, handled: Option<bool>) -> Mechanism {
    let (kind, default) = match record.platform {
        // sentry-laravel: unhandled, unless the application itself called report().
        Platform::Php => ("generic", false),
        Platform::Csharp => dotnet::mechanism(record),
        Platform::Node | Platform::Javascript => node::mechanism(record),
        _ => ("generic", true),
    };
    let handled = handled.or_else(|| record.mechanism.as_ref().and_then(|by| by.handled)).unwrap_or(default);
    Mechanism { kind, handled, ..Mechanism::default() }
}

/// Module and type, where the SDK parts them.
fn kind(platform: Platform, exception: &parsers::Exception) -> (Option<&str>, &str) {
    let kind = exception.kind.as_str();
    match (platform, kind.rsplit_once('.')) {
        (Platform::Java, Some((package, class))) => (Some(package), class),
        (Platform::Php, _) => (None, php::fatal(exception).map_or(kind, |(kind, _)| kind)),
        (Platform::Node, _) => (None, node::name(exception)),
        _ => (None, kind),
    }
}

fn value(record: &Record, index: usize) -> Option<String> {
    let exception = &record.exceptions[index];
    let message = match record.platform {
        Platform::Csharp => dotnet::own_message(&record.exceptions, index),
        Platform::Node => node::without_paths(&exception.message),
        Platform::Php => php::fatal(exception).map_or_else(|| exception.message.clone(), |(_, value)| value),
        _ => exception.message.clone(),
    };
    (!message.is_empty() || record.platform == Platform::Node).then_some(message)
}

fn data(platform: Platform, exception: &parsers::Exception) -> Map<String, Value> {
    let mut data = Map::new();
    if platform == Platform::Csharp
        && let Some(code) = dotnet::hresult(exception)
    {
        data.insert("HResult".to_owned(), code.into());
    }
    for (name, value) in &exception.properties {
        data.insert(name.clone(), limits::cut_middle(value, limits::FIELD_CHARS).into());
    }
    data
}
