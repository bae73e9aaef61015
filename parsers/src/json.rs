//! Entries that are JSON objects, one a line or spread over lines.
//!
//! In: a region. Out: the record of the object at its hit, with the fields that JSON loggers share (time, level,
//! logger, message, user, request, trace ids); each language reads its own exceptions out of the object.
//! Invariant: only candidate lines are parsed. Does not know a language's keys for exceptions.

mod fields;
mod otlp;
pub(crate) mod value;
mod words;

use std::ops::Range;

use serde_json::{Map, Value};

use crate::assemble::{Found, Region};
use crate::{dotnet, header, node, php};

pub(crate) use fields::{fill, get};
pub(crate) use words::fill_from_words;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The records of the object at the region's hit, or of the array's that stands there.
pub(crate) fn parse(region: &Region<'_>) -> Vec<Found> {
    if let Some((objects, lines)) = batch(region) {
        return objects.into_iter().filter_map(|object| found(object, lines.clone())).collect();
    }
    let single = at_hit(region).or_else(|| spread(region));
    single.and_then(|(object, lines)| found(object, lines)).into_iter().collect()
}

// [{"message":"no stock","level_name":"ERROR",…},{"message":"next",…}]
/// The entries of an array, as formatters of whole batches write it.
fn batch(region: &Region<'_>) -> Option<(Vec<Object>, Range<usize>)> {
    let line = region.lines[region.hit].trim();
    if !(line.starts_with("[{\"") && line.ends_with("}]")) {
        return None;
    }
    Some((serde_json::from_str(line).ok()?, region.hit..region.hit + 1))
}

fn found(object: Object, lines: Range<usize>) -> Option<Found> {
    let object = otlp::record(&object).unwrap_or(object);
    let mut record =
        php::from_json(&object).or_else(|| dotnet::from_json(&object)).or_else(|| node::from_json(&object))?;
    fill(&mut record, &object);
    let message = record.message.clone().unwrap_or_default();
    fill_from_words(&mut record, &message);
    Some(Found { record, lines, has_header: true })
}

/// The object on the hit's own line, behind a header or alone.
fn at_hit(region: &Region<'_>) -> Option<(Object, Range<usize>)> {
    let line = &region.lines[region.hit];
    let open = line.find('{')?;
    // A context that goes on in the next lines, below.
    if !line.trim_end().ends_with('}') && php::is_context(&line[open..]) {
        return None;
    }
    if open > 0 && header(line).is_none_or(|header| header.length != open) {
        return None;
    }
    let (object, lines) = match serde_json::from_str(line[open..].trim_end()) {
        Ok(object) => (object, 1),
        // PHP's line formatters print an object with line breaks inside, and another one behind it.
        Err(_) if php::is_context(&line[open..]) => return None,
        Err(_) => broken(&line[open..], &region.lines[region.hit + 1..])
            .or_else(|| region.is_cut.then(|| (value::parse_cut(&line[open..]), 1)))?,
    };
    Some((object, region.hit..region.hit + lines))
}

/// An object that goes on in the next lines, because its writer or a limit on a line's length broke it, or whose end
/// is lost; and how many lines it takes.
fn broken(first: &str, others: &[std::borrow::Cow<'_, str>]) -> Option<(Object, usize)> {
    if !first.starts_with("{\"") {
        return None;
    }
    let mut text = first.to_owned();
    let mut ends = vec![text.len()];
    for line in others {
        text.push_str(line);
        ends.push(text.len());
    }
    let parsed = value::parse(&text, 0)?;
    let Value::Object(object) = parsed.value else { return None };
    Some((object, 1 + ends.partition_point(|end| *end < parsed.end)))
}

/// The object that begins with the region and goes over several lines.
fn spread(region: &Region<'_>) -> Option<(Object, Range<usize>)> {
    let first = region.lines.first()?;
    let open = first.find('{').filter(|open| first[..*open].trim().is_empty() && first.trim_end().len() <= open + 1)?;
    if !region.lines.get(1)?.trim_start().starts_with('"') {
        return None;
    }
    let text = region.lines.join("\n");
    let mut objects = serde_json::Deserializer::from_str(&text[open..]).into_iter::<Object>();
    let object = objects.next()?.ok()?;
    let length = text[..open + objects.byte_offset()].matches('\n').count() + 1;
    (length > region.hit).then_some((object, 0..length))
}
