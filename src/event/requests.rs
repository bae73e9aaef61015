//! Which lines before a record are of another request, thread or process, where the log says so.
//!
//! In: a record, an entry's text. Out: whether that entry is another's. Invariant: an entry that does not say whose it is
//! stays. Does not know a logger's layout: an id is found by the name that the record has for it.

use errtail_parsers::Record;

/// An id of the record: how the log names it, and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id {
    name: String,
    value: String,
}

/// Names of ids that part requests, threads and processes; letters and digits alone, in small letters.
const NAMES: [&str; 16] = [
    "requestid",
    "reqid",
    "xrequestid",
    "correlationid",
    "xcorrelationid",
    "traceid",
    "connectionid",
    "operationid",
    "invocationid",
    "jobid",
    "threadid",
    "threadname",
    "thread",
    "processid",
    "pid",
    "workerid",
];

/// The ids that a record names.
pub(super) fn ids(record: &Record) -> Vec<Id> {
    let mut ids: Vec<Id> = record.fields.iter().filter_map(|(name, value)| id(name, value)).collect();
    let trace = record.trace.as_ref().and_then(|trace| trace.trace_id.as_deref());
    for value in trace.into_iter().filter(|value| !value.is_empty()) {
        let names = ["trace_id", "traceId", "TraceId", "trace.id", "@tr"];
        ids.extend(names.map(|name| Id { name: name.to_owned(), value: value.to_owned() }));
    }
    ids
}

/// Whether an entry says that it is of another request, thread or process.
pub(super) fn is_others(entry: &str, ids: &[Id]) -> bool {
    ids.iter().any(|id| named(entry, id) == Some(false))
}

fn id(name: &str, value: &str) -> Option<Id> {
    let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
    let flat: String = last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let parent = parent.rsplit('.').next().unwrap_or("");
    // {"req":{"id":"r-7",…}}
    let of_request = flat == "id" && matches!(parent, "req" | "request");
    let name = if of_request { format!("\"{parent}\":{{\"id\"") } else { last.to_owned() };
    let known = of_request || NAMES.contains(&flat.as_str());
    (known && !value.is_empty()).then(|| Id { name, value: value.to_owned() })
}

/// Whether an entry names this id with this value; none where it does not name it.
// "requestId":"r-7" · request_id=r-7 · RequestId:0HN1:0007
fn named(entry: &str, id: &Id) -> Option<bool> {
    let mut said = None;
    for at in memchr::memmem::find_iter(entry.as_bytes(), id.name.as_bytes()) {
        let before = entry[..at].chars().next_back();
        let rest = &entry[at + id.name.len()..];
        let value = rest.trim_start_matches(['"', '\'', '\\', ' ', ':', '=']);
        let between = &rest[..rest.len() - value.len()];
        let is_name = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
        if !is_name || !between.contains([':', '=']) || value.is_empty() {
            continue;
        }
        let behind = value.strip_prefix(id.value.as_str()).map(|rest| rest.chars().next());
        let same = behind.is_some_and(|next| next.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '_'));
        if same {
            return Some(true);
        }
        said = Some(false);
    }
    said
}

#[cfg(test)]
mod tests {
    use errtail_parsers::Trace;

    use super::*;

    fn record(fields: &[(&str, &str)]) -> Record {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Record { fields, ..Record::default() }
    }

    #[test]
    fn entries_of_other_requests_are_told_by_the_records_own_names() {
        for (name, value, own, other) in [
            ("context.request_id", "r-7", "{\"request_id\":\"r-7\"}", "{\"request_id\":\"r-70\"}"),
            ("RequestId", "0HN1:0007", "=> RequestId:0HN1:0007 x", "=> RequestId:0HN1:0008 x"),
            ("req.id", "12", "{\"req\":{\"id\":12,\"url\":\"/\"}}", "{\"req\":{\"id\":13,\"url\":\"/\"}}"),
            ("thread", "worker-1", "thread=worker-1 begin", "thread=worker-12 begin"),
            ("pid", "12", "{\"pid\":12,\"msg\":\"a\"}", "{\"pid\":13,\"msg\":\"a\"}"),
        ] {
            let ids = ids(&record(&[(name, value)]));
            assert!(!is_others(own, &ids) && is_others(other, &ids), "{name}");
            assert!(!is_others("nothing about it", &ids));
        }
        assert_eq!(ids(&record(&[("order_id", "7"), ("user.id", "3")])), []);
    }

    #[test]
    fn traces_part_requests() {
        let trace = Trace { trace_id: Some("4bf92f35".to_owned()), ..Trace::default() };
        let ids = ids(&Record { trace: Some(trace), ..Record::default() });
        assert!(!is_others("{\"TraceId\":\"4bf92f35\"}", &ids) && is_others("{\"TraceId\":\"00f067aa\"}", &ids));
    }
}
