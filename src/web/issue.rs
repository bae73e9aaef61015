//! An issue's page: chain, frames with source lines, breadcrumbs, request, user, places, occurrences over time.
//!
//! In: an issue's id. Out: a page. Invariant: what a log says is text.

use jiff::Timestamp;

use super::html::{self, Page, Part};
use crate::store::{IssuePage, Sample, SampleException, SampleFrame, Store, StoreError};

/// Frames of libraries beyond so many are folded away.
const OPEN_FRAMES: usize = 3;

pub(super) fn page(store: &Store, id: &str, now: Timestamp) -> Result<Option<Page>, StoreError> {
    Ok(store.issue(id, now)?.map(|issue| {
        html::page(&issue.row.kind, "", |body| {
            head(body, &issue, now);
            if let Some(sample) = &issue.sample {
                event(body, sample);
            }
            places(body, &issue, now)
        })
    }))
}

fn head(body: &mut Part, issue: &IssuePage, now: Timestamp) {
    let row = &issue.row;
    body.raw("<h1>").text(&row.kind).raw("</h1>");
    if issue.sample.as_ref().is_none_or(|sample| sample.exceptions.is_empty()) {
        body.raw("<pre class=\"message\">").text(&row.message).raw("</pre>");
    }
    body.raw("<p class=\"culprit\">").text(row.culprit.as_deref().unwrap_or("")).raw("</p>");
    body.raw("<dl class=\"measures\"><div><dt>Events</dt><dd>").number(row.events);
    body.raw("</dd></div><div><dt>Users</dt><dd>").number(row.users);
    body.raw("</dd></div><div><dt>First seen</dt><dd>").ago(row.first_seen, now);
    body.raw("</dd></div><div><dt>Last seen</dt><dd>").ago(row.last_seen, now);
    body.raw("</dd></div><div><dt>State</dt><dd>").state(row.state);
    body.raw("</dd></div><div><dt>Category</dt><dd>").text(&row.category);
    body.raw("</dd></div><div><dt>Sent</dt><dd>").number(row.sent).raw("</dd></div></dl>");
    body.raw("<h2>Last 24 hours</h2>").chart(&issue.hours);
    body.raw("<p class=\"hint\">Issue ").text(&row.id).raw(" · fingerprint <code>").text(&row.fingerprint);
    body.raw("</code> · <code>errtail issues resolve ").text(&row.id).raw("</code></p>");
}

fn event(body: &mut Part, sample: &Sample) {
    for (index, exception) in sample.exceptions.iter().enumerate() {
        body.raw("<section class=\"exception\"><h2>").raw(if index == 0 { "" } else { "Caused by " });
        body.text(&exception.kind).raw("</h2><pre class=\"message\">").text(&exception.value).raw("</pre>");
        frames(body, exception);
        body.raw("</section>");
    }
    if !sample.facts.is_empty() {
        body.raw("<h2>Facts</h2><dl class=\"facts\">");
        for (name, value) in &sample.facts {
            body.raw("<dt>").text(name).raw("</dt><dd>").text(value).raw("</dd>");
        }
        body.raw("</dl>");
    }
    if !sample.breadcrumbs.is_empty() {
        body.raw("<h2>Before it</h2><ol class=\"breadcrumbs\">");
        for breadcrumb in &sample.breadcrumbs {
            body.raw("<li><span class=\"when\">").text(&breadcrumb.time).raw("</span> <b>").text(&breadcrumb.level);
            body.raw("</b> ").text(&breadcrumb.message).raw("</li>");
        }
        body.raw("</ol>");
    }
}

/// The application's own frames first, open at the innermost; then all of them as they were called.
fn frames(body: &mut Part, exception: &SampleException) {
    let own: Vec<&SampleFrame> = exception.frames.iter().filter(|frame| frame.in_app).collect();
    if own.is_empty() && exception.frames.len() <= OPEN_FRAMES {
        exception.frames.iter().for_each(|frame| one_frame(body, frame, false));
        return;
    }
    for (index, frame) in own.iter().enumerate() {
        one_frame(body, frame, index == 0);
    }
    if own.len() < exception.frames.len() {
        body.raw("<details class=\"all\"><summary>All ").number(exception.frames.len() as u64).raw(" frames</summary>");
        exception.frames.iter().for_each(|frame| one_frame(body, frame, false));
        body.raw("</details>");
    }
}

fn one_frame(body: &mut Part, frame: &SampleFrame, open: bool) {
    let name = |body: &mut Part| {
        body.raw("<code class=\"name\">")
            .text(&frame.name)
            .raw("</code> <span class=\"place\">")
            .text(&frame.place)
            .raw("</span>");
    };
    let class = if frame.in_app { "frame own\"" } else { "frame\"" };
    if frame.source.is_empty() {
        body.raw("<div class=\"").raw(class).raw(">");
        name(body);
        body.raw("</div>");
        return;
    }
    body.raw("<details class=\"").raw(class).raw(if open { " open><summary>" } else { "><summary>" });
    name(body);
    body.raw("</summary><pre class=\"source\">");
    for (number, code, is_it) in &frame.source {
        body.raw(if *is_it { "<mark>" } else { "<span>" });
        body.text(&format!("{number:>5}  {code}\n"));
        body.raw(if *is_it { "</mark>" } else { "</span>" });
    }
    body.raw("</pre></details>");
}

fn places<'a>(body: &'a mut Part, issue: &IssuePage, now: Timestamp) -> &'a mut Part {
    if !issue.places.is_empty() {
        body.raw("<h2>In the logs</h2><table class=\"places\"><thead><tr><th>File and line</th><th>Host</th><th>Events</th><th>Last seen</th></tr></thead><tbody>");
        for place in &issue.places {
            body.raw("<tr><td>").text(&format!("{}:{}", place.path, place.line)).raw("</td><td data-label=\"Host\">");
            body.text(&place.host).raw("</td><td class=\"number\" data-label=\"Events\">").number(place.events);
            body.raw("</td><td data-label=\"Last seen\">").ago(place.last_seen, now).raw("</td></tr>");
        }
        body.raw("</tbody></table>");
    }
    if !issue.event_ids.is_empty() {
        body.raw("<h2>Events at Sentry</h2><ul class=\"events\">");
        for id in &issue.event_ids {
            body.raw("<li><code>").text(id).raw("</code></li>");
        }
        body.raw("</ul>");
    }
    body
}
