//! Numbers for Prometheus.
//!
//! In: counts, by name and labels. Out: Prometheus' text format. Invariant: a label's value may hold anything, a
//! line of the text stays a line. Counts nothing by itself, and does not listen.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counters of this process; each starts at 0 with it.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<(&'static str, &'static str, String), u64>>);

impl Counters {
    /// Adds to the counter `name`, for one value of one label. Values are few: statuses and reasons, not ids.
    pub fn add(&self, name: &'static str, label: &'static str, value: &str, count: u64) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((name, label, value.to_owned())).or_default() += count;
    }

    /// Writes all of them.
    pub fn write(&self, text: &mut Text) {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = "";
        for ((name, label, value), count) in counters.iter() {
            if *name != before {
                text.family(name, "counter", "Since the agent started.");
                before = name;
            }
            text.sample(name, &[(label, value)], *count);
        }
    }
}

/// Prometheus' text format.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a family: all its samples follow.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// A family of one value.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_labels() {
        let counters = Counters::default();
        counters.add("errtail_requests_total", "status", "200", 2);
        counters.add("errtail_requests_total", "status", "429", 1);
        counters.add("errtail_requests_total", "status", "200", 1);
        let mut text = Text::default();
        counters.write(&mut text);
        text.sample("x", &[("path", "a\"b\\c\nd"), ("y", "z")], 7);
        let expected = "# HELP errtail_requests_total Since the agent started.\n# TYPE errtail_requests_total counter\n\
            errtail_requests_total{status=\"200\"} 3\nerrtail_requests_total{status=\"429\"} 1\n\
            x{path=\"a\\\"b\\\\c\\nd\",y=\"z\"} 7\n";
        assert_eq!(text.finish(), expected);
    }
}
