//! Values as consoles print them.

use super::*;

fn read(text: &str) -> Value {
    let lines: Vec<&str> = text.lines().collect();
    Reader::new(&lines, (0, 0)).value(0, 0)
}

#[test]
fn an_object_with_an_error_in_it() {
    let value = read(
        "{\n  level: 'error',\n  n: -1,\n  u: undefined,\n  tags: [ 'a', \"b\" ],\n  err: TypeError: bad\n      at pay (/app/a.js:1:2)\n      at run (/app/b.js:3:4) {\n    code: 'E',\n    client: Client {\n      m: Map(1) { 'k' => [Array] }\n    },\n    [cause]: Error: low\n        at q (/app/c.js:5:6)\n  },\n  last: true\n}",
    );
    assert_eq!(value["level"], "error");
    assert_eq!(value["n"], -1);
    assert_eq!(value["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(value["err"]["stack"], "TypeError: bad\n    at pay (/app/a.js:1:2)\n    at run (/app/b.js:3:4)");
    assert_eq!(value["err"]["code"], "E");
    assert_eq!(value["err"]["cause"]["stack"], "Error: low\n    at q (/app/c.js:5:6)");
    assert_eq!(value["last"], true);
}

#[test]
fn strings_in_pieces() {
    let value = read(
        "{\n  stack: 'Error: it\\'s\\n' +\n    '    at f (/a.js:1:2)\\n' +\n    \"    at g (/a.js:3:4)\",\n  next:\n    'long'\n}",
    );
    assert_eq!(value["stack"], "Error: it's\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)");
    assert_eq!(value["next"], "long");
}

#[test]
fn members_of_an_aggregate() {
    let value = read(
        "[AggregateError: all failed] {\n  [errors]: [\n    Error: one\n        at f (/a.js:1:2),\n    TypeError: two: three\n        at g (/a.js:3:4)\n  ]\n}",
    );
    assert_eq!(value["stack"], "AggregateError: all failed");
    assert_eq!(value["errors"][0]["stack"], "Error: one\n    at f (/a.js:1:2)");
    assert_eq!(value["errors"][1]["stack"], "TypeError: two: three\n    at g (/a.js:3:4)");
}

#[test]
fn a_text_below_its_key() {
    let lines = [
        "    err: {",
        "      \"type\": \"E\",",
        "      \"stack\":",
        "          E: x",
        "              at f (/a.js:1:2)",
        "      \"errno\": -111",
        "    }",
        "    n: 1",
    ];
    let object = Reader::new(&lines, (0, 0)).properties(4);
    assert_eq!(object["err"]["stack"], "E: x\n    at f (/a.js:1:2)");
    assert_eq!(object["err"]["errno"], -111);
    assert_eq!(object["n"], 1);
}

#[test]
fn depth_is_bounded() {
    let deep = "{ a: ".repeat(100_000);
    assert!(read(&deep).is_object());
    assert!(read(&"[".repeat(100_000)).is_array());
}
