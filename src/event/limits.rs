//! Sentry's limits, kept here in a way that keeps what matters, instead of by the server's trimming.
//!
//! In: texts, frames, a finished event. Out: the same within the limits. Invariant: a cut shows as `…`; frames of
//! the application go last. Sources: Relay's event schema (`relay-event-schema`) and its trimming.

use serde_json::Value;

use super::protocol::{Event, Frame};

/// Bytes of one event item; Relay answers 413 above it. A little is left for the envelope.
pub const EVENT_BYTES: usize = (1 << 20) - 4096;
/// Characters of a message or an exception's value.
pub(super) const MESSAGE_CHARS: usize = 8000;
/// Characters of an exception's type.
pub(super) const TYPE_CHARS: usize = 256;
/// Characters of a tag's value, a transaction, a server's name, a release.
pub(super) const TAG_CHARS: usize = 200;
/// Characters of a logger's name and of an environment.
pub(super) const NAME_CHARS: usize = 64;
/// Characters of one value in `extra` and in a mechanism's `data`.
pub(super) const FIELD_CHARS: usize = 2000;
/// Values in `extra`.
pub(super) const MAX_FIELDS: usize = 50;
/// Characters of a breadcrumb's message.
pub(super) const CRUMB_CHARS: usize = 1000;
/// Frames of one trace, as the SDKs send them.
pub(super) const MAX_FRAMES: usize = 50;
/// Characters of a function's name.
pub(super) const FUNCTION_CHARS: usize = 500;

/// The first `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(most - 1).map_or(text.len(), |(at, _)| at);
            format!("{}…", &text[..end])
        }
    }
}

/// At most `most` characters: the head and, a third of it, the tail, where the cause often stands.
pub(super) fn cut_middle(text: &str, most: usize) -> String {
    let count = if text.len() <= most { 0 } else { text.chars().count() };
    if count <= most {
        return text.to_owned();
    }
    let tail = most / 3;
    let head = most - tail - 1;
    let end = text.char_indices().nth(head).map_or(text.len(), |(at, _)| at);
    let start = text.char_indices().nth(count - tail).map_or(text.len(), |(at, _)| at);
    format!("{}…{}", &text[..end], &text[start..])
}

/// One line of at most `most` characters.
pub(super) fn line(text: &str, most: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// A release that Sentry takes, or none.
pub(super) fn release(text: &str) -> Option<String> {
    let text = text.trim();
    let refused = text.is_empty()
        || text.chars().count() > TAG_CHARS
        || text.contains(['/', '\\', '\n', '\r', '\t'])
        || matches!(text, "." | ".." | "latest");
    (!refused).then(|| text.to_owned())
}

/// An environment that Sentry takes; `production`, the SDKs' default, for what it would refuse.
pub(super) fn environment(text: &str) -> String {
    let text: String =
        text.trim().chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '-' } else { c }).collect();
    if text.is_empty() || text.eq_ignore_ascii_case("none") { "production".to_owned() } else { cut(&text, NAME_CHARS) }
}

/// At most 50 frames: repeats of recursion go first, then library frames from the middle, then frames from the
/// middle. Sentry groups by the application's frames and takes repeats for one, so the group stays.
pub(super) fn frames(mut frames: Vec<Frame>) -> Vec<Frame> {
    if frames.len() <= MAX_FRAMES {
        return frames;
    }
    frames.dedup_by(|later, earlier| {
        (&later.function, &later.module, &later.filename, later.lineno, later.colno)
            == (&earlier.function, &earlier.module, &earlier.filename, earlier.lineno, earlier.colno)
    });
    let mut surplus = frames.len().saturating_sub(MAX_FRAMES);
    // The throwing end tells more than the entry: the middle lies nearer to the entry.
    let middle = frames.len() / 3;
    let mut by_distance: Vec<usize> = (1..frames.len().saturating_sub(1)).collect();
    by_distance.sort_by_key(|index| (frames[*index].in_app, index.abs_diff(middle)));
    by_distance.truncate(surplus);
    by_distance.sort_unstable();
    let mut index = 0;
    frames.retain(|_| {
        let drop = surplus > 0 && by_distance.binary_search(&index).is_ok();
        index += 1;
        surplus -= usize::from(drop);
        !drop
    });
    frames
}

/// The last so many frames: what `@sentry/node` keeps.
pub(super) fn innermost(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.drain(..frames.len().saturating_sub(MAX_FRAMES));
    frames
}

/// Brings an event below the size limit, dropping what is least missed first; its JSON.
pub(super) fn shrink(event: &mut Event) -> Vec<u8> {
    let steps: [fn(&mut Event); 4] = [
        |event| event.breadcrumbs.values.drain(..event.breadcrumbs.values.len() * 3 / 4).for_each(drop),
        |event| event.extra.retain(|name, _| name.starts_with("log.")),
        without_surroundings,
        |event| {
            event.breadcrumbs.values.clear();
            for exception in &mut event.exception.values {
                exception.mechanism.data.clear();
            }
        },
    ];
    // A map with keys that are strings can always be written.
    let written = |event: &Event| serde_json::to_vec(event).unwrap_or_default();
    let mut json = written(event);
    for step in steps {
        if json.len() <= EVENT_BYTES {
            return json;
        }
        step(event);
        json = written(event);
    }
    // Many exceptions with all their frames: the outermost ones say what failed.
    while event.exception.values.len() > 1 && json.len() > EVENT_BYTES {
        event.exception.values.remove(0);
        json = written(event);
    }
    json
}

fn without_surroundings(event: &mut Event) {
    for frame in
        event.exception.values.iter_mut().filter_map(|one| one.stacktrace.as_mut()).flat_map(|one| &mut one.frames)
    {
        frame.pre_context = None;
        frame.post_context = None;
    }
}

/// A smaller form of an event that a server found too large: without breadcrumbs, extra, source lines and request.
/// None when there is nothing more to leave out.
pub fn shrunk(json: &[u8]) -> Option<Vec<u8>> {
    let mut event: Value = serde_json::from_slice(json).ok()?;
    let object = event.as_object_mut()?;
    for name in ["breadcrumbs", "extra", "request", "modules"] {
        object.remove(name);
    }
    let values = object.get_mut("exception").and_then(|exception| exception.get_mut("values"));
    for exception in values.and_then(Value::as_array_mut).into_iter().flatten() {
        let frames = exception.get_mut("stacktrace").and_then(|trace| trace.get_mut("frames"));
        for frame in frames.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            frame.remove("pre_context");
            frame.remove("post_context");
        }
    }
    let smaller = serde_json::to_vec(&event).ok()?;
    (smaller.len() < json.len()).then_some(smaller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, line: u32, in_app: bool) -> Frame {
        Frame { function: Some(function.to_owned()), lineno: Some(line), in_app, ..Frame::default() }
    }

    #[test]
    fn long_traces_keep_the_applications_frames() {
        let mut long = vec![frame("main", 1, true)];
        long.extend((0..70).map(|line| frame("library", line, false)));
        long.extend((0..20).map(|line| frame("own", line, true)));
        let kept = frames(long);
        assert_eq!(kept.len(), MAX_FRAMES);
        assert_eq!(kept.iter().filter(|frame| frame.in_app).count(), 21);
        assert_eq!(kept[0].function.as_deref(), Some("main"));
    }

    #[test]
    fn recursion_counts_once() {
        let mut deep = vec![frame("main", 1, true)];
        deep.extend((0..900).map(|_| frame("again", 5, true)));
        deep.push(frame("fail", 9, true));
        assert_eq!(frames(deep).len(), 3);
        let ping_pong = (0..300).map(|line| frame("own", line, true)).collect();
        let kept = frames(ping_pong);
        assert_eq!((kept.len(), kept[0].lineno, kept[49].lineno), (MAX_FRAMES, Some(0), Some(299)));
    }

    #[test]
    fn cuts_show_and_count_characters() {
        assert_eq!(cut("żółw", 4), "żółw");
        assert_eq!(cut("żółwie", 4), "żół…");
        let cut = cut_middle(&format!("{}END", "ż".repeat(9000)), MESSAGE_CHARS);
        assert_eq!(cut.chars().count(), MESSAGE_CHARS);
        assert!(cut.ends_with("END") && cut.contains('…'));
    }

    #[test]
    fn names_that_sentry_refuses() {
        assert_eq!(release("shop@1.2.3+7"), Some("shop@1.2.3+7".to_owned()));
        assert_eq!([release("latest"), release("a/b"), release(" \n")], [None, None, None]);
        assert_eq!(environment("none"), "production");
        assert_eq!(environment("eu/live"), "eu-live");
    }
}
