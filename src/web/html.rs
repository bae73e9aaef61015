//! HTML, written by hand.
//!
//! In: texts and numbers. Out: a page. Invariant: what is not a literal of this program goes through `text`.

use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use crate::issue::State;

/// A page, or a part of one.
#[derive(Default)]
pub(super) struct Part(String);

impl Part {
    /// Markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Part {
        self.0.push_str(markup);
        self
    }

    /// Text of any origin, in an element or a quoted attribute.
    pub fn text(&mut self, text: &str) -> &mut Part {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // A control character has no place in HTML, and could hide what follows.
                c if c.is_control() && c != '\n' && c != '\t' => self.0.push('\u{fffd}'),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A number.
    pub fn number(&mut self, number: u64) -> &mut Part {
        self.0.push_str(&number.to_string());
        self
    }

    /// An issue's state.
    pub fn state(&mut self, state: State) -> &mut Part {
        let word = state.as_str();
        self.raw("<span class=\"state ").raw(word).raw("\">").raw(word).raw("</span>")
    }

    /// How long ago, with the time itself.
    pub fn ago(&mut self, time: Timestamp, now: Timestamp) -> &mut Part {
        let seconds = now.duration_since(time).as_secs().max(0);
        let (amount, unit) = match seconds {
            0..=59 => (seconds, "s"),
            60..=3_599 => (seconds / 60, "min"),
            3_600..=86_399 => (seconds / 3_600, "h"),
            _ => (seconds / 86_400, "d"),
        };
        let full = format!("{time:.0}");
        self.raw("<time datetime=\"").text(&full).raw("\" title=\"").text(&full).raw("\">");
        self.text(&format!("{amount} {unit} ago")).raw("</time>")
    }

    /// Occurrences by the hour, as a small chart.
    pub fn chart(&mut self, hours: &[u64]) -> &mut Part {
        const HEIGHT: u64 = 24;
        let highest = hours.iter().copied().max().unwrap_or(0).max(1);
        let total: u64 = hours.iter().sum();
        self.text("")
            .raw("<svg class=\"chart\" viewBox=\"0 0 96 24\" preserveAspectRatio=\"none\" role=\"img\"><title>");
        self.number(total).raw(" events in the last 24 hours, at most ").number(if total == 0 { 0 } else { highest });
        self.raw(" in one</title>");
        for (index, events) in hours.iter().enumerate() {
            let scaled = u128::from(*events) * u128::from(HEIGHT - 1) / u128::from(highest);
            let height = 1 + u64::try_from(scaled).unwrap_or(HEIGHT - 1);
            self.raw(if *events == 0 { "<rect class=\"none\" x=\"" } else { "<rect x=\"" }).number(4 * index as u64);
            self.raw("\" width=\"3\" y=\"").number(HEIGHT - height).raw("\" height=\"").number(height).raw("\"/>");
        }
        self.raw("</svg>")
    }
}

/// A whole page.
pub(super) fn page(title: &str, nav: &'static str, body: impl FnOnce(&mut Part) -> &mut Part) -> Page {
    let mut page = Part::default();
    page.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"/style.css\"><title>");
    page.text(title).raw(" · errtail</title></head><body><header><a class=\"home\" href=\"/\">errtail</a>").raw(nav);
    page.raw("</header><main>");
    body(&mut page);
    page.raw("</main></body></html>\n");
    Page(page.0)
}

/// A page, finished.
pub(super) struct Page(pub(super) String);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn text_is_text() {
        let mut part = Part::default();
        part.text("<script>alert('x')</script> & \"\u{1b}[31m\u{202e}\nb");
        assert_eq!(part.0, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;\u{fffd}[31m\u{fffd}\nb");
    }

    #[test]
    fn charts_take_any_number() {
        let mut part = Part::default();
        part.chart(&[0, 1, u64::MAX / 2]);
        assert!(part.0.contains("y=\"0\" height=\"24\""), "{}", part.0);
    }
}
