//! One failure in every form in which loggers print it: what is read must be the same each time.
//!
//! In: .NET's traces in all the runtime's languages, behind every logger's header and in its JSON, and all of these in
//! the wrappers of container runtimes and shippers. A logger, a language or a wrapper is one more line of a table.

#![cfg(test)]

use errtail_parsers::{Level, Options, Parser, Platform, Record};

/// A runtime's language: the word before a frame, what stands between method and file, between file and line and behind
/// it, and the line between a cause's frames and the outer ones'.
type Language = (&'static str, &'static str, &'static str, &'static str, &'static str);

const LANGUAGES: &[Language] = &[
    ("at ", " in ", ":line ", "", "--- End of inner exception stack trace ---"),
    ("bei ", " in ", ":Zeile ", ".", "--- Ende der internen Ausnahmestapelüberwachung ---"),
    ("à ", " dans ", ":ligne ", "", "--- Fin de la trace de la pile d'exception interne ---"),
    ("en ", " en ", ":línea ", "", "--- Fin del seguimiento de la pila de la excepción interna ---"),
    ("in ", " in ", ":riga ", "", "--- Fine della traccia dello stack dell'eccezione interna ---"),
    ("em ", " na ", ":linha ", "", "--- Fim do rastreamento de pilha de exceções internas ---"),
    ("bij ", " in ", ":regel ", "", "--- Einde van intern uitzonderingsstackpad ---"),
    ("ved ", " i ", ":linje ", "", "--- Afslutning på intern undtagelsesstakspor ---"),
    ("vid ", " i ", ":rad ", "", "--- Slut på stackspårningen för interna undantag ---"),
    ("kohteessa ", " tiedostossa ", ":rivillä ", "", "--- Sisäisen poikkeuspinon jäljityksen loppu ---"),
    ("w ", " w ", ":wiersz ", "", "--- Koniec śladu stosu wyjątków wewnętrznych ---"),
    ("v ", " v ", ":řádek ", "", "--- Konec trasování zásobníku vnitřních výjimek ---"),
    ("в ", " в ", ":строка ", "", "--- Конец трассировки внутреннего стека исключений ---"),
    ("σε ", " στο ", ":γραμμή ", "", "--- Τέλος της εσωτερικής ανίχνευσης στοίβας εξαιρέσεων ---"),
    ("konum: ", " ", " içinde: satır ", "", "--- İç özel durum yığın izlemesinin sonu ---"),
    ("a következő helyen: ", " hely: ", ", sor: ", "", "--- Belső kivétel veremkivonatának vége ---"),
    ("在 ", " 位置 ", ":行号 ", "", "--- 内部异常堆栈跟踪的结尾 ---"),
    ("於 ", " 於 ", ": 行 ", "", "--- 內部例外狀況堆疊追蹤的結尾 ---"),
    ("場所 ", " 場所 ", ":行 ", "", "--- 内部例外スタック トレースの終わり ---"),
    ("위치: ", " 파일 ", ":줄 ", "", "--- 내부 예외 스택 추적의 끝 ---"),
    ("عند ", " في ", ":السطر ", "", "--- نهاية تتبع مكدس الاستثناء الداخلي ---"),
    ("ב- ", " ב- ", ":שורה ", "", "--- סוף מעקב מחסנית של חריגה פנימית ---"),
];

/// Files as the compiler of each platform writes them.
const FILES: [&str; 2] = ["/src/Shop/Orders.cs", r"C:\Projects\My Shop\Orders.cs"];

const MESSAGES: [&str; 3] = ["no stock for \"A-1\"", "two\nlines: 5 > 3", "one: of (many) parts in /srv/x"];

const KIND: &str = "Shop.Stock.NoStockException";
const CAUSE: &str = "System.ArgumentException";

/// The failure's text, as `ToString()` gives it.
fn text(language: &Language, message: &str, file: &str) -> String {
    let (at, into, line, end, separator) = language;
    let frame = |method: &str, number: u32| {
        // Turkish puts the file before the word.
        format!("   {at}{method}{into}{file}{line}{number}{end}\n")
    };
    format!(
        "{KIND}: {message}\n ---> {CAUSE}: bad sku\n{}   {at}System.Linq.Enumerable.First[TSource](IEnumerable`1 source)\n   {separator}\n{}{}",
        frame("Shop.Stock.Sku.Parse(String text, Int32& at)", 12),
        frame("Shop.Orders.Take(Int32 id)", 42),
        frame("Shop.Program.Main(String[] args)", 7),
    )
}

/// What an entry must tell beside the exception.
#[derive(Clone, Copy)]
struct Told {
    level: bool,
    timestamp: bool,
    logger: bool,
    message: bool,
}

const ALL: Told = Told { level: true, timestamp: true, logger: true, message: true };
const UNNAMED: Told = Told { logger: false, ..ALL };
const TIMELESS: Told = Told { timestamp: false, ..ALL };
const NOTHING: Told = Told { level: false, timestamp: false, logger: false, message: false };

/// A logger: its name, what it tells, and how it prints a failure.
type Logger = (&'static str, Told, fn(&str) -> String);

fn json(text: &str) -> String {
    serde_json::to_string(text.trim_end()).unwrap()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}\n")).collect()
}

const LOGGERS: &[Logger] = &[
    ("serilog file", UNNAMED, |x| format!("2026-11-23 08:00:01.123 +07:00 [ERR] order 7 failed\n{x}")),
    ("serilog console", Told { timestamp: false, ..UNNAMED }, |x| format!("[08:00:01 ERR] order 7 failed\n{x}")),
    ("nlog line", ALL, |x| format!("2026-11-23 08:00:01.1234|ERROR|Shop.Orders|order 7 failed\n{x}")),
    ("nlog", ALL, |x| format!("2026-11-23 08:00:01.1234|ERROR|Shop.Orders|order 7 failed|{x}")),
    ("nlog blank", ALL, |x| format!("2026-11-23 08:00:01.1234|ERROR|Shop.Orders|order 7 failed {x}")),
    ("log4net", ALL, |x| format!("2026-11-23 08:00:01,123 [7] ERROR Shop.Orders - order 7 failed\n{x}")),
    ("log4net ndc", ALL, |x| format!("2026-11-23 08:00:01,123 [7] ERROR Shop.Orders [(null)] - order 7 failed\n{x}")),
    ("log4net thread", ALL, |x| {
        format!("2026-11-23 08:00:01,123 [.NET TP Worker] ERROR Shop.Orders - order 7 failed\n{x}")
    }),
    ("serilog word", UNNAMED, |x| format!("2026-11-23 08:00:01.123 +07:00 [Error] order 7 failed\n{x}")),
    ("serilog source", ALL, |x| format!("2026-11-23 08:00:01.123 +07:00 [ERR] [Shop.Orders] order 7 failed\n{x}")),
    ("serilog source console", TIMELESS, |x| format!("[08:00:01 ERR] [Shop.Orders] order 7 failed\n{x}")),
    ("serilog parentheses", ALL, |x| format!("2026-11-23 08:00:01.123 +07:00 [ERR] (Shop.Orders) order 7 failed\n{x}")),
    ("serilog angles", ALL, |x| format!("2026-11-23 08:00:01.123 +07:00 [ERR] <Shop.Orders> order 7 failed\n{x}")),
    ("three letters", UNNAMED, |x| format!("2026-11-23 08:00:01.123 ERR order 7 failed\n{x}")),
    ("level and source", ALL, |x| format!("2026-11-23 08:00:01.123 ERROR [Shop.Orders] order 7 failed\n{x}")),
    ("thread and level", ALL, |x| format!("2026-11-23 08:00:01.1234 [7] ERROR Shop.Orders order 7 failed\n{x}")),
    ("all in brackets", ALL, |x| format!("[2026-11-23T08:00:01.123Z] [Error] [Shop.Orders] order 7 failed\n{x}")),
    ("nlog level first", ALL, |x| format!("ERROR|2026-11-23 08:00:01.1234|Shop.Orders|order 7 failed\n{x}")),
    ("colon", ALL, |x| format!("2026-11-23T08:00:01.123+07:00 [Error] Shop.Orders: order 7 failed\n{x}")),
    ("dash", UNNAMED, |x| format!("2026-11-23 08:00:01.123 - ERROR - order 7 failed\n{x}")),
    ("tabs", UNNAMED, |x| format!("2026-11-23 08:00:01.123\tERROR\torder 7 failed\n{x}")),
    ("semicolons", ALL, |x| format!("2026-11-23 08:00:01.123;ERROR;Shop.Orders;order 7 failed\n{x}")),
    ("thread bars", ALL, |x| format!("2026-11-23 08:00:01.1234|7|ERROR|Shop.Orders|order 7 failed\n{x}")),
    ("event id bars", ALL, |x| format!("2026-11-23 08:00:01.1234|7|ERROR|Shop.Orders|order 7 failed {x}")),
    ("nlog web", ALL, |x| {
        format!(
            "2026-11-23 08:00:01.1234|7|ERROR|Shop.Orders|order 7 failed {}|url: http://localhost/orders|action: Take\n",
            x.trim_end()
        )
    }),
    ("bars", UNNAMED, |x| format!("2026-11-23 08:00:01.123 | ERROR | order 7 failed\n{x}")),
    ("iso", UNNAMED, |x| format!("2026-11-23T08:00:01.1234567Z ERROR order 7 failed\n{x}")),
    ("brackets", UNNAMED, |x| format!("[2026-11-23 08:00:01.123] [ERROR] order 7 failed\n{x}")),
    ("german", UNNAMED, |x| format!("23.11.2026 08:00:01 ERROR order 7 failed\n{x}")),
    ("american", UNNAMED, |x| format!("11/23/2026 8:00:01 AM ERROR order 7 failed\n{x}")),
    ("level first", UNNAMED, |x| format!("ERROR 2026-11-23 08:00:01.123 order 7 failed\n{x}")),
    ("console", TIMELESS, |x| format!("fail: Shop.Orders[7]\n      order 7 failed\n{}", indented(x))),
    ("console time", ALL, |x| {
        format!("2026-11-23 08:00:01 fail: Shop.Orders[7]\n      order 7 failed\n{}", indented(x))
    }),
    ("systemd", TIMELESS, |x| {
        format!("<3>Shop.Orders[7] order 7 failed {}\n", x.lines().collect::<Vec<_>>().join(" "))
    }),
    ("json console", ALL, |x| {
        format!(
            "{{\"Timestamp\":\"2026-11-23 08:00:01\",\"EventId\":7,\"LogLevel\":\"Error\",\"Category\":\"Shop.Orders\",\"Message\":\"order 7 failed\",\"Exception\":{},\"State\":{{}}}}\n",
            json(x)
        )
    }),
    ("clef", ALL, |x| {
        format!(
            "{{\"@t\":\"2026-11-23T08:00:01.123Z\",\"@m\":\"order 7 failed\",\"@l\":\"Error\",\"@x\":{},\"SourceContext\":\"Shop.Orders\"}}\n",
            json(x)
        )
    }),
    ("serilog json", ALL, |x| {
        format!(
            "{{\"Timestamp\":\"2026-11-23T08:00:01.123+07:00\",\"Level\":\"Error\",\"MessageTemplate\":\"order {{Id}} failed\",\"RenderedMessage\":\"order 7 failed\",\"Exception\":{},\"Properties\":{{\"Id\":7,\"SourceContext\":\"Shop.Orders\"}}}}\n",
            json(x)
        )
    }),
    ("nlog json", ALL, |x| {
        format!(
            "{{ \"time\": \"2026-11-23 08:00:01.1234\", \"level\": \"ERROR\", \"logger\": \"Shop.Orders\", \"message\": \"order 7 failed\", \"exception\": {} }}\n",
            json(x)
        )
    }),
    ("ecs", ALL, |x| {
        format!(
            "{{\"@timestamp\":\"2026-11-23T08:00:01.123+07:00\",\"log.level\":\"Error\",\"message\":\"order 7 failed\",\"log\":{{\"logger\":\"Shop.Orders\"}},\"error\":{{\"message\":\"see there\",\"type\":\"{KIND}\",\"stack_trace\":{}}}}}\n",
            json(x)
        )
    }),
    ("crash", NOTHING, |x| format!("Unhandled exception. {x}")),
    ("crash of the framework", NOTHING, |x| format!("\nUnhandled Exception: {x}")),
    ("alone", NOTHING, str::to_owned),
];

/// Wrappers: a name, and what stands around a line.
type Wrap = (&'static str, fn(&str) -> String);

const WRAPPERS: &[Wrap] = &[
    ("windows", |line| format!("{line}\r")),
    ("docker", |line| {
        format!(
            "{{\"log\":{},\"stream\":\"stderr\",\"time\":\"2026-11-23T01:00:01Z\"}}",
            serde_json::to_string(&format!("{line}\n")).unwrap()
        )
    }),
    ("cri", |line| format!("2026-11-23T01:00:01.123456789Z stderr F {line}")),
    ("compose", |line| format!("shop-1  | {line}")),
    ("kubectl", |line| format!("[pod/shop-6f9c7b-x2/app] {line}")),
    ("stern", |line| format!("shop-6f9c7b-x2 app {line}")),
    ("journal", |line| format!("Nov 23 08:00:01 web1 shop[812]: {line}")),
    ("journal iso", |line| format!("2026-11-23T08:00:01+0700 web1 shop[812]: {line}")),
    ("syslog", |line| format!("<11>1 2026-11-23T01:00:01Z web1 shop 812 - - {line}")),
    ("time", |line| format!("2026-11-23T01:00:01.123456789Z {line}")),
    ("shipper", |line| {
        format!(
            "{{\"date\":1795395601.5,\"stream\":\"stderr\",\"log\":{},\"kubernetes\":{{\"pod_name\":\"shop-1\"}}}}",
            serde_json::to_string(line).unwrap()
        )
    }),
    ("cloud", |line| {
        format!(
            "{{\"textPayload\":{},\"timestamp\":\"2026-11-23T01:00:01Z\",\"logName\":\"projects/x/logs/stderr\"}}",
            serde_json::to_string(line).unwrap()
        )
    }),
];

fn records(bytes: &[u8]) -> Vec<Record> {
    let mut parser = Parser::new(Options::default());
    parser.push(bytes);
    parser.finish();
    parser.take()
}

/// What is not as it must be.
fn wrong(record: &Record, told: Told, message: &str, file: &str) -> Option<String> {
    let chain: Vec<_> =
        record.exceptions.iter().map(|e| (e.kind.as_str(), e.message.as_str(), e.frames.len())).collect();
    let expected = [(KIND, message, 2), (CAUSE, "bad sku", 2)];
    if chain != expected || record.platform != Platform::Csharp {
        return Some(format!("{chain:?}"));
    }
    let frame = &record.exceptions[0].frames[0];
    let called = (frame.module.as_deref(), frame.function.as_deref(), frame.file.as_deref(), frame.line);
    if called != (Some("Shop.Orders"), Some("Take"), Some(file), Some(42)) {
        return Some(format!("{frame:?}"));
    }
    let facts = [
        ("level", told.level && record.level != Some(Level::Error)),
        (
            "timestamp",
            told.timestamp && !record.timestamp.as_deref().is_some_and(|time| time.starts_with("2026-11-23T08:00:01")),
        ),
        ("logger", told.logger && record.logger.as_deref() != Some("Shop.Orders")),
        ("message", told.message && record.message.as_deref() != Some("order 7 failed")),
    ];
    let (name, _) = facts.into_iter().find(|(_, is_wrong)| *is_wrong)?;
    Some(format!("{name}: {:?} {:?} {:?} {:?}", record.level, record.timestamp, record.logger, record.message))
}

fn check(name: &str, bytes: &[u8], told: Told, message: &str, file: &str, failures: &mut Vec<String>) {
    let found = records(bytes);
    let what = match found.as_slice() {
        [record] => wrong(record, told, message, file),
        _ => Some(format!("{} records", found.len())),
    };
    failures.extend(what.map(|what| format!("{name}: {what}\n{}", String::from_utf8_lossy(bytes))));
}

/// A log of one failure, between two other entries.
fn log(logger: &Logger, failure: &str) -> String {
    let (name, _, print) = logger;
    let around = if name.contains("json") || name.contains("clef") {
        "{\"level\":\"info\"}"
    } else {
        "2026-11-23 07:00:00 INFO ready"
    };
    format!("{around}\n{}{around}\n", print(failure))
}

fn fail(failures: &[String]) {
    let shown = failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} forms fail:\n{shown}", failures.len());
}

#[test]
fn languages_and_loggers() {
    let mut failures = Vec::new();
    for language in LANGUAGES {
        for logger in LOGGERS {
            for message in MESSAGES {
                for file in FILES {
                    // One line, by the runtime that speaks English alone.
                    if logger.0 == "systemd" && (message.contains('\n') || language.0 != "at ") {
                        continue;
                    }
                    let log = log(logger, &text(language, message, file));
                    let name = format!("{} {}", language.0, logger.0);
                    check(&name, log.as_bytes(), logger.1, message, file, &mut failures);
                }
            }
        }
    }
    fail(&failures);
}

#[test]
fn wrappers() {
    let mut failures = Vec::new();
    for language in [&LANGUAGES[0], &LANGUAGES[1], &LANGUAGES[16]] {
        for logger in LOGGERS.iter().filter(|logger| logger.0 != "systemd" || language.0 == "at ") {
            let log = log(logger, &text(language, MESSAGES[0], FILES[0]));
            for (wrapper, wrap) in WRAPPERS {
                let wrapped: String = log.lines().map(|line| wrap(line) + "\n").collect();
                let name = format!("{} {} in {wrapper}", language.0, logger.0);
                check(&name, wrapped.as_bytes(), logger.1, MESSAGES[0], FILES[0], &mut failures);
            }
        }
    }
    fail(&failures);
}
