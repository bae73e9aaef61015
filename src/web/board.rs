//! The board: the issues, sorted and filtered.
//!
//! In: what a request asks for. Out: a page of at most 100 issues. Invariant: an unknown value of the request is as
//! good as none.

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Deserialize;

use super::html::{self, Page, Part};
use crate::issue::State;
use crate::store::{Filter, IssueRow, Sort, Store, StoreError};

/// Issues on one page.
const PAGE: usize = 100;
const SORTS: [(&str, &str); 5] = [
    ("last-seen", "Last seen"),
    ("first-seen", "First seen"),
    ("events", "Events"),
    ("users", "Users"),
    ("frequency", "Last 24 hours"),
];
const STATES: [&str; 4] = ["unresolved", "regressed", "ignored", "resolved"];
const CATEGORIES: [&str; 3] = ["defect", "infra", "integration"];

/// The query of the request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    sort: String,
    state: String,
    category: String,
    text: String,
    file: String,
    page: String,
}

pub(super) fn page(store: &Store, asked: &Asked, now: Timestamp) -> Result<Page, StoreError> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let number: usize = asked.page.parse().unwrap_or(1).clamp(1, 1_000_000);
    let filter = Filter {
        states: State::from_str(&asked.state, true).into_iter().collect(),
        category: given(&asked.category),
        file: given(&asked.file),
        text: given(&asked.text),
        sort: Sort::from_str(&asked.sort, true).unwrap_or_default(),
        // One more tells whether another page follows.
        limit: PAGE + 1,
        offset: (number - 1) * PAGE,
    };
    let rows = store.issues(&filter, now)?;
    let mut hours = Vec::with_capacity(PAGE);
    for row in rows.iter().take(PAGE) {
        hours.push(store.hours(&row.id, now)?);
    }
    Ok(html::page("Issues", "", |body| {
        form(body, asked);
        if rows.is_empty() {
            return body.raw("<p class=\"empty\">No issues.</p>");
        }
        table(body, asked, &rows, &hours, now);
        pages(body, asked, number, rows.len() > PAGE)
    }))
}

fn form<'a>(body: &'a mut Part, asked: &Asked) -> &'a mut Part {
    body.raw("<form method=\"get\" action=\"/\"><label>Text <input name=\"text\" value=\"").text(&asked.text);
    body.raw("\"></label><label>File <input name=\"file\" value=\"").text(&asked.file).raw("\"></label>");
    body.raw("<label>State ");
    select(body, "state", &asked.state, STATES.map(|state| (state, state)).into_iter());
    body.raw("</label><label>Category ");
    select(body, "category", &asked.category, CATEGORIES.map(|category| (category, category)).into_iter());
    body.raw("</label><label>Order ");
    select(body, "sort", &asked.sort, SORTS.into_iter());
    body.raw("</label><button>Show</button></form>")
}

fn select(
    body: &mut Part,
    name: &'static str,
    chosen: &str,
    values: impl Iterator<Item = (&'static str, &'static str)>,
) {
    body.raw("<select name=\"").raw(name).raw("\">");
    if name != "sort" {
        body.raw("<option value=\"\">all</option>");
    }
    for (value, label) in values {
        body.raw("<option value=\"").raw(value).raw(if value == chosen { "\" selected>" } else { "\">" });
        body.raw(label).raw("</option>");
    }
    body.raw("</select>");
}

fn table(body: &mut Part, asked: &Asked, rows: &[IssueRow], hours: &[[u64; 24]], now: Timestamp) {
    body.raw("<table class=\"board\"><thead><tr><th>Issue</th>");
    for (sort, label) in [SORTS[2], SORTS[3], SORTS[4], SORTS[1], SORTS[0]] {
        let current = sort == asked.sort || (sort == "last-seen" && asked.sort.is_empty());
        body.raw(if current { "<th aria-sort=\"descending\">" } else { "<th>" });
        link(body, asked, sort, 1).raw(label).raw("</a></th>");
    }
    body.raw("<th>State</th></tr></thead><tbody>");
    for (row, hours) in rows.iter().zip(hours) {
        body.raw("<tr><td class=\"issue\"><a href=\"/issues/").text(&row.id).raw("\">").text(&row.kind).raw("</a> ");
        body.raw("<span class=\"category\">")
            .text(&row.category)
            .raw("</span><p class=\"message\">")
            .text(&row.message);
        body.raw("</p><p class=\"culprit\">").text(row.culprit.as_deref().unwrap_or("")).raw("</p></td>");
        body.raw("<td class=\"number\" data-label=\"Events\">").number(row.events);
        body.raw("</td><td class=\"number\" data-label=\"Users\">").number(row.users);
        body.raw("</td><td data-label=\"Last 24 hours\">").chart(hours);
        body.raw("</td><td data-label=\"First seen\">").ago(row.first_seen, now);
        body.raw("</td><td data-label=\"Last seen\">").ago(row.last_seen, now);
        body.raw("</td><td data-label=\"State\">").state(row.state).raw("</td></tr>");
    }
    body.raw("</tbody></table>");
}

/// The beginning of a link to the same question in another order, or on another page.
fn link<'a>(body: &'a mut Part, asked: &Asked, sort: &str, page: usize) -> &'a mut Part {
    body.raw("<a href=\"/?sort=").text(&encode(sort)).raw("&amp;page=").number(page as u64);
    let others = [("state", &asked.state), ("category", &asked.category), ("text", &asked.text), ("file", &asked.file)];
    for (name, value) in others.into_iter().filter(|(_, value)| !value.is_empty()) {
        body.raw("&amp;").raw(name).raw("=").text(&encode(value));
    }
    body.raw("\">")
}

fn pages<'a>(body: &'a mut Part, asked: &Asked, number: usize, more: bool) -> &'a mut Part {
    body.raw("<nav class=\"pages\">");
    if number > 1 {
        link(body, asked, &asked.sort, number - 1).raw("Previous</a> ");
    }
    if number > 1 || more {
        body.raw("page ").number(number as u64).raw(" ");
    }
    if more {
        link(body, asked, &asked.sort, number + 1).raw("Next</a>");
    }
    body.raw("</nav>")
}

/// A value in a URL's query.
fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
