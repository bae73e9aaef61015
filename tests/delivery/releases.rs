//! The release and the breadcrumbs of an event, through the real binary.

use serde_json::json;

use crate::agent::{Folder, error, now};
use crate::server::Server;

/// Of each event that came, by the marker in its message: the event.
fn events(server: &Server) -> std::collections::BTreeMap<String, serde_json::Value> {
    let events = server.received().into_iter().flat_map(|request| request.items("event"));
    let marker = |event: &serde_json::Value| {
        let text = event["exception"]["values"][0]["value"].as_str().unwrap().to_owned();
        text[text.find("m-").unwrap()..].chars().take(5).collect::<String>()
    };
    events.map(|event| (marker(&event), event)).collect()
}

#[test]
fn a_marker_line_names_the_release_of_what_follows_and_a_file_the_rest() {
    let folder = Folder::new("release_file = \"package.json\"\nrelease_marker = 'booting shop (?<release>\\S+)'\n");
    folder.write("package.json", r#"{"name": "shop", "version": "0.9.0"}"#);
    let boot = |release: &str| format!("[{}] production.INFO: booting shop {release}\n", now());
    let log = error("A", "m-r00") + &boot("1.0.0") + &error("B", "m-r01") + &boot("1.1.0") + &error("C", "m-r02");
    folder.write("logs/app.log", &log);
    let server = Server::start(&[]);
    folder.once(&server.dsn("thekey", 1));
    let releases: Vec<_> = events(&server).into_values().map(|event| event["release"].clone()).collect();
    assert_eq!(releases, [json!("shop@0.9.0"), json!("1.0.0"), json!("1.1.0")]);
    // Named outright, the file is not asked.
    folder.write("logs/more.log", &error("D", "m-r03"));
    let mut command = folder.command(&["run", "--once", "--config", "errtail.toml", "logs"]);
    command.env("SENTRY_DSN", server.dsn("thekey", 1)).env("SENTRY_RELEASE", "shop@2").output().unwrap();
    assert_eq!(events(&server)["m-r03"]["release"], json!("shop@2"));
}

#[test]
fn a_release_that_a_line_named_is_known_after_a_restart() {
    let folder = Folder::new("release_marker = 'booting shop (?<release>\\S+)'\n");
    let log = format!("[{}] production.INFO: booting shop 1.0.0\n{}", now(), error("A", "m-s00"));
    folder.write("logs/app.log", &log);
    let server = Server::start(&[]);
    folder.once(&server.dsn("thekey", 1));
    let more = log + &error("B", "m-s01");
    folder.write("logs/app.log", &more);
    folder.once(&server.dsn("thekey", 1));
    // A run that finds nothing new does not forget it.
    folder.once(&server.dsn("thekey", 1));
    folder.write("logs/app.log", &(more + &error("C", "m-s02")));
    folder.once(&server.dsn("thekey", 1));
    let events = events(&server);
    let releases: Vec<_> = events.values().map(|event| event["release"].clone()).collect();
    assert_eq!(releases, [json!("1.0.0"), json!("1.0.0"), json!("1.0.0")]);
}

#[test]
fn breadcrumbs_are_of_the_same_request() {
    let line = |request: &str, level: u32, message: &str, error: bool| {
        let time = jiff::Timestamp::now().as_millisecond();
        let mut entry = json!({"level": level, "time": time, "pid": 7, "hostname": "web-1", "req": {"id": request, "method": "GET", "url": "/"}, "msg": message});
        if error {
            let stack = format!("TypeError: {message}\n    at pay (/srv/app/pay.js:3:9)");
            entry["err"] = json!({"type": "TypeError", "message": message, "stack": stack});
        }
        format!("{entry}\n")
    };
    let folder = Folder::new("[policy]\nsend_handled = true\n");
    let mut log = String::new();
    for number in 0..70 {
        log += &line("r-8", 30, &format!("other {number}"), false);
    }
    log += &line("r-7", 30, "cart opened password=Hunter22x", false);
    log += &line("r-70", 30, "not this one", false);
    log += &format!(
        "{}\n",
        json!({"level": 30, "time": jiff::Timestamp::now().as_millisecond(), "pid": 7, "msg": "of nobody"})
    );
    log += &line("r-7", 50, "broken m-c00", true);
    folder.write("logs/app.log", &log);
    let server = Server::start(&[]);
    folder.once(&server.dsn("thekey", 1));
    let event = events(&server).remove("m-c00").unwrap();
    let crumbs = event["breadcrumbs"]["values"].as_array().unwrap();
    let messages: Vec<_> = crumbs.iter().map(|crumb| crumb["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["cart opened password=[Filtered]", "of nobody"]);
}
