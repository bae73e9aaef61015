//! Frames of every runtime, translation and logger, and lines that are none.

use super::*;

fn parts(line: &str) -> (String, String, Option<String>, Option<u32>, String) {
    let (frame, tail) = frame(line).unwrap_or_else(|| panic!("no frame: {line}"));
    (frame.module.unwrap_or_default(), frame.function.unwrap_or_default(), frame.file, frame.line, tail.to_owned())
}

#[test]
fn methods() {
    for (line, module, function) in [
        ("   at Shop.Cart.Total(Item item)", "Shop.Cart", "Total"),
        ("   at Shop.Cart..ctor()", "Shop.Cart", ".ctor"),
        ("   at Shop.Cart..cctor()", "Shop.Cart", ".cctor"),
        ("   at Shop.Cart.<>c__DisplayClass0_0.<<Main>$>b__2()", "Shop.Cart.<>c__DisplayClass0_0", "<<Main>$>b__2"),
        ("   at Shop.Feed.Rows(Int32 n)+MoveNext()", "Shop.Feed", "Rows"),
        ("   at Shop.Math.op_Division(Money a, Money b)", "Shop.Math", "op_Division"),
        ("   at lambda_method12(Closure, Object, HttpContext)", "", "lambda_method12"),
        ("   at Shop.Dict`2.Get[T](K key)", "Shop.Dict`2", "Get[T]"),
        ("  at Shop.Dict`2[K,V].get_Item (K key) [0x00021] in <12b4>:0 ", "Shop.Dict`2[K,V]", "get_Item"),
        (
            "  at (wrapper delegate-invoke) System.Func`2[A,B].invoke_TResult_T(A)",
            "System.Func`2[A,B]",
            "invoke_TResult_T",
        ),
        ("   at Shop.Main.main$cont@64(String[] args, Unit unitVar)", "Shop.Main", "main$cont@64"),
        (
            "   at Shop.Pipe #1 stage #1 at line 13@15-1.Invoke(Int32 i)",
            "Shop.Pipe #1 stage #1 at line 13@15-1",
            "Invoke",
        ),
        ("   at async Task<(int A, int B)> Shop.Cart.Sum(int n)", "Shop.Cart", "Sum"),
        ("   at void Shop.Job.Run()+(decimal v) => { }", "Shop.Job", "Run"),
        ("   at Shop.Ledger.Shop.IClosable<System.Int32>.Close()", "Shop.Ledger", "Shop.IClosable<System.Int32>.Close"),
        ("   at Shop.Edge.<Push>d__0.MoveNext() + 0x158", "Shop.Edge.<Push>d__0", "MoveNext"),
    ] {
        let (got_module, got_function, ..) = parts(line);
        assert_eq!((got_module.as_str(), got_function.as_str()), (module, function), "{line}");
    }
}

#[test]
fn places_of_every_translation() {
    for (line, file, number) in [
        ("   at A.B(C c) in C:\\my src (x86)\\f.cs:line 12", Some("C:\\my src (x86)\\f.cs"), Some(12)),
        ("   bei A.B() in C:\\f.cs:Zeile 12.", Some("C:\\f.cs"), Some(12)),
        ("   à A.B() dans C:\\f.cs:ligne 43", Some("C:\\f.cs"), Some(43)),
        ("   en A.B() en C:\\f.cs:línea 43", Some("C:\\f.cs"), Some(43)),
        ("   in A.B() in C:\\f.cs:riga 43", Some("C:\\f.cs"), Some(43)),
        ("   em A.B() na C:\\f.cs:linha 43", Some("C:\\f.cs"), Some(43)),
        ("   bij A.B() in C:\\f.cs:regel 43", Some("C:\\f.cs"), Some(43)),
        ("   ved A.B() i C:\\f.cs:linje 43", Some("C:\\f.cs"), Some(43)),
        ("   vid A.B() i C:\\f.cs:rad 43", Some("C:\\f.cs"), Some(43)),
        ("   kohteessa A.B() tiedostossa C:\\f.cs:rivillä 43", Some("C:\\f.cs"), Some(43)),
        ("   w A.B() w C:\\f.cs:wiersz 43", Some("C:\\f.cs"), Some(43)),
        ("   v A.B() v C:\\f.cs:řádek 43", Some("C:\\f.cs"), Some(43)),
        ("   в A.B() в C:\\f.cs:строка 43", Some("C:\\f.cs"), Some(43)),
        ("   σε A.B() στο C:\\f.cs:γραμμή 43", Some("C:\\f.cs"), Some(43)),
        ("   konum: A.B() içinde: C:\\f.cs:satır 43", Some("C:\\f.cs"), Some(43)),
        ("   konum: A.B() C:\\f.cs içinde: satır 43", Some("C:\\f.cs"), Some(43)),
        ("   a következő helyen: A.B() hely: C:\\f.cs, sor: 43", Some("C:\\f.cs"), Some(43)),
        ("   在 A.B() 位置 C:\\f.cs:行号 43", Some("C:\\f.cs"), Some(43)),
        ("   於 A.B() 於 C:\\f.cs: 行 43", Some("C:\\f.cs"), Some(43)),
        ("   在 A.B() 在 C:\\f.cs:行 43 中", Some("C:\\f.cs"), Some(43)),
        ("   場所 A.B() 場所 C:\\f.cs:行 43", Some("C:\\f.cs"), Some(43)),
        ("   위치: A.B() 파일 C:\\f.cs:줄 43", Some("C:\\f.cs"), Some(43)),
        ("   عند A.B() في C:\\f.cs:السطر 43", Some("C:\\f.cs"), Some(43)),
        ("   ב-  A.B() ב- C:\\f.cs:שורה 43", Some("C:\\f.cs"), Some(43)),
        ("   at async A.B(Int32 id) at /src/f.cs : 48", Some("/src/f.cs"), Some(48)),
        ("   at A.B.C in /src/f.cs:line 42", Some("/src/f.cs"), Some(42)),
        ("  at A.B () [0x00001] in /src/f.cs:22 ", Some("/src/f.cs"), Some(22)),
        ("  at A.B () [0x00001] in <filename unknown>:0 ", None, None),
        ("   at A.B(int port) x 2 in D:/src/f.cs:line 7", Some("D:/src/f.cs"), Some(7)),
        ("   at A.B() in C:\\f.cs:", Some("C:\\f.cs"), None),
    ] {
        let (.., got_file, got_line, _) = parts(line);
        assert_eq!((got_file.as_deref(), got_line), (file, number), "{line}");
    }
}

#[test]
fn what_follows_a_frame() {
    assert_eq!(parts("   at A.B(C c)<---").4, "<---");
    assert_eq!(parts("   at A.B() in /f.cs:line 3<---").4, "<---");
    assert_eq!(parts("   at A.B()|url: http://x/|action: ").4, "|url: http://x/|action:");
    assert_eq!(parts("  at A.B () [0x0] in /f.cs:57 <---").4, "<---");
}

#[test]
fn other_languages_and_prose() {
    for line in [
        "    at Object.<anonymous> (/srv/app.js:3:7)",
        "    at /srv/app.js:3:7",
        "    at async Promise.all (index 0)",
        "    at Array.forEach (<anonymous>)",
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
        "\tat com.acme.Shop.total(Shop.java:12)",
        "\tat com.acme.Shop.total(Native Method)",
        "   at least one item (or more) was expected",
        "   in the end (of the day) it failed",
        "#0 /srv/a.php(3): App\\Shop->total()",
    ] {
        assert!(frame(line).is_none(), "{line}");
    }
}
