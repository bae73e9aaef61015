//! Chains, aggregates and the work that they may cost.

use super::*;

fn read_all(text: &str) -> Trace {
    let lines: Vec<&str> = text.lines().collect();
    read(&lines, 0, 0, 0)
}

fn shape(trace: &Trace) -> Vec<(&str, &str, usize)> {
    trace.exceptions.iter().map(|e| (e.kind.as_str(), e.message.as_str(), e.frames.len())).collect()
}

#[test]
fn framework_prints_causes_on_the_line_of_their_parent() {
    let trace = read_all(
        "Port.AException: a\nsecond line ---> Port.BException: b ---> Port.CException: c\n   at Port.C.Go()\n   --- End of \
         inner exception stack trace ---\n   at Port.B.Go()\n   --- End of inner exception stack trace ---\n   at Port.A.Go()\nnext",
    );
    assert_eq!(
        shape(&trace),
        [("Port.AException", "a\nsecond line", 1), ("Port.BException", "b", 1), ("Port.CException", "c", 1)]
    );
    assert_eq!(trace.end, 7);
}

#[test]
fn a_family_without_end_lines_is_cut_where_the_wrapper_stands_twice() {
    let trace = read_all(
        "Npgsql.NpgsqlException (0x80004005): Failed to connect\n ---> System.Net.Sockets.SocketException (111): refused\n   at \
         System.Net.Sockets.Socket.Connect()\n   at Npgsql.Connector.Open(Int32 a)\n   at Npgsql.Connector.Open(Int32 a)\n   at \
         Port.Berths.Load()",
    );
    assert_eq!(shape(&trace)[1], ("System.Net.Sockets.SocketException", "refused", 2));
    assert_eq!(shape(&trace)[0], ("Npgsql.NpgsqlException", "Failed to connect", 2));
    // Nothing tells where the cause ends: the frames are the outer exception's.
    let trace = read_all(
        "System.Web.HttpUnhandledException (0x80004005): x ---> System.Exception: y\n   at Port.Page.Load()\n   at System.Web.Run()",
    );
    assert_eq!((shape(&trace)[0].2, shape(&trace)[1].2), (2, 0));
}

#[test]
fn members_of_aggregates_belong_to_the_nearest_one() {
    let trace = read_all(
        "System.AggregateException: o (m) (n)\n ---> System.AggregateException: m\n ---> Port.E: 1\n   at Port.F()\n   --- End of \
         inner exception stack trace ---\n ---> (Inner Exception #1) Port.E: 2\n   at Port.F()<---\n\n   --- End of inner \
         exception stack trace ---\n   at Port.G()\n ---> (Inner Exception #1) Port.E: n<---\n",
    );
    let parents: Vec<_> = trace.exceptions.iter().map(|e| e.cause_of.as_ref().map(|of| of.parent)).collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(0)]);
}

#[test]
fn members_that_were_never_thrown_end_behind_their_message() {
    let trace = read_all(
        "System.AggregateException: o (m) (n)\n ---> Port.E: m\n   --- End of inner exception stack trace ---\n   at Port.G()\n \
         ---> (Inner Exception #1) Port.E: n<---\n\n ---> (Inner Exception #2) Port.E: p\nq<---\n",
    );
    let messages: Vec<_> = trace.exceptions.iter().map(|exception| exception.message.as_str()).collect();
    assert_eq!(messages, ["o (m) (n)", "m", "n", "p\nq"]);
}

#[test]
fn depth_and_width_cost_no_more_than_their_bytes() {
    for line in [" ---> A.B: c", " ---> (Inner Exception #1) A.B: c", "---> (", "   at A.B()<---", "--- a ---"] {
        let text = format!("System.AggregateException (0x1): x\n{}   at A.B()", format!("{line}\n").repeat(60_000));
        let trace = read_all(&text);
        assert!(!trace.exceptions.is_empty());
    }
    let family = format!("A.BException (0x1): x{}", " ---> A.BException (0x1): y\n   at A.B()\n".repeat(60_000));
    assert!(read_all(&family).exceptions.iter().map(|e| e.frames.capacity()).sum::<usize>() < 500_000);
    let joined = format!("A.BException: x{}", " ---> A.BException: y    at A.B()".repeat(60_000));
    assert!(read_all(&joined).exceptions.len() > 50_000);
}
