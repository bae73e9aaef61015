//! .NET's printed names against reflection's.

use errtail_parsers::{self as parsers, CauseOf};

use super::*;

fn call(raw: &str) -> parsers::Frame {
    parsers::Frame { raw: Some(raw.to_owned()), ..parsers::Frame::default() }
}

fn names(raws: &[&str]) -> Vec<String> {
    let exception = Exception { frames: raws.iter().map(|raw| call(raw)).collect(), ..Exception::default() };
    let record = Record { exceptions: vec![exception], ..Record::default() };
    let mut frames = traces(&record).remove(0);
    frames.reverse();
    frames
        .iter()
        .map(|frame| format!("{}|{}", frame.module.as_deref().unwrap(), frame.function.as_deref().unwrap()))
        .collect()
}

#[test]
fn printed_names_become_reflections_names() {
    for (raw, name) in [
        ("Shop.Cart.Total(Item item)", "Shop.Cart|Total"),
        ("Shop.Cart..ctor(String owner)", "Shop.Cart|.ctor"),
        ("Shop.Cart..cctor()", "Shop.Cart|.cctor"),
        ("Shop.Ledger.Sum[T](IEnumerable`1 rows, Func`2 f)", "Shop.Ledger|Sum"),
        ("Shop.Map`2[K,V].get_Item (K key)", "Shop.Map`2|get_Item"),
        ("Shop.Repo`2.Cursor`1.Next()", "Shop.Repo`2+Cursor`1|Next"),
        ("Shop.Job.<>c__DisplayClass1_1.<Run>b__3(Decimal v)", "Shop.Job+<>c__DisplayClass1_1|Run { <lambda> }"),
        ("Program.<>c.<<Main>$>b__0_3(String s)", "Program+<>c|<<Main>$>b__0_3"),
        ("Program.<>c.<<<Main>$>b__0_4>d.MoveNext()", "Program+<>c+<<<Main>$>b__0_4>d|MoveNext"),
        ("Shop.Job.<RunAsync>d__5.MoveNext()", "Shop.Job|RunAsync"),
        ("Shop.Feed.Rows(Int32 n)+MoveNext()", "Shop.Feed|Rows"),
        ("lambda_method6(Closure, Object, HttpContext)", "(unknown)|lambda_method6"),
        ("CallSite.Target(Closure, CallSite, Object)", "(unknown)|CallSite.Target"),
        ("Shop.Job.<Run>g__Divide|1_0(Int32 a)", "Shop.Job|<Run>g__Divide|1_0"),
        ("Shop.Job.<Run>g__ReadAsync|1_0(Int32 a)", "Shop.Job+<<Run>g__ReadAsync|1_0>d|MoveNext"),
        ("Shop.Ledger.Shop.IClosable<System.Int32>.Close(Int32 a)", "Shop.Ledger|Shop.IClosable<System.Int32>.Close"),
        ("Shop.Discount.check@19.Invoke(Int32 i)", "Shop.Discount+check@19|Invoke"),
        ("Shop.Pipe #1 stage #1 at line 13@15-1.Invoke(Int32 i)", "Shop+Pipe #1 stage #1 at line 13@15-1|Invoke"),
        (
            "System.Linq.Enumerable.ArraySelectIterator`2.MoveNext()",
            "System.Linq.Enumerable+ArraySelectIterator`2|MoveNext",
        ),
        (
            "Shop.Map.System.Collections.IEnumerable.GetEnumerator()",
            "Shop.Map|System.Collections.IEnumerable.GetEnumerator",
        ),
    ] {
        assert_eq!(names(&[raw]), [name], "{raw}");
    }
}

#[test]
fn other_lines_tell_what_is_nested() {
    assert_eq!(names(&["Shop.Cart.Line.Price()", "Shop.Cart.Total()"]), ["Shop.Cart+Line|Price", "Shop.Cart|Total"]);
    assert_eq!(
        names(&["Program.<Main>$(String[] args)", "Program.<Main>(String[] args)"]),
        ["Program+<<Main>$>d__0|MoveNext", "Program|<Main>"]
    );
    assert_eq!(names(&["Program.<Main>$(String[] args)"]), ["Program|<Main>$"]);
}

#[test]
fn equal_lines_of_async_methods_are_parted_and_recursion_is_not() {
    assert_eq!(names(&["A.B.RunAsync()", "A.B.RunAsync()"]).len(), 3);
    assert_eq!(names(&["A.B.Run()", "A.B.Run()"]).len(), 2);
}

#[test]
fn an_aggregates_own_message_is_without_its_members() {
    let member = |message: &str, source: &str| Exception {
        message: message.to_owned(),
        cause_of: Some(CauseOf { parent: 0, source: source.to_owned() }),
        ..Exception::default()
    };
    let group = |message: &str| Exception {
        kind: "System.AggregateException".to_owned(),
        message: message.to_owned(),
        ..Exception::default()
    };
    let members =
        |head: Exception| vec![head, member("no (a)\nb", "InnerExceptions[0]"), member("late", "InnerExceptions[1]")];
    assert_eq!(own_message(&members(group("Both failed (no (a)\nb) (late)")), 0), "Both failed");
    assert_eq!(
        own_message(&members(group("One or more errors occurred. (no (a)\nb) (la")), 0),
        "One or more errors occurred."
    );
}
