//! Several DSNs: each gets its own, and one that is held holds no other.

use crate::agent::{Folder, error, errors, terminate};
use crate::server::{Server, Step};

const UID: &str = "0f3a9c1e-1b2d-4c5e-8f90-a1b2c3d4e5f6";

/// Errors at four kinds of places, and where they are to go.
fn folder(billing: &Server, pods: &Server) -> Folder {
    let config = format!(
        r#"
[[rule]]
match = {{ type = "App\\Errors\\Payment" }}
dsn = "billing"

[[route]]
name = "billing"
paths = ["logs/billing/*.log"]
dsn_file = "billing-dsn"

[[route]]
namespaces = ["shop-*"]
containers = ["api"]
dsn = "{}"

[delivery]
timeout_seconds = 2
"#,
        pods.dsn("podskey", 3)
    );
    let folder = Folder::new(&config);
    folder.write("billing-dsn", &format!("{}\n", billing.dsn("billingkey", 2)));
    folder.write("logs/app.log", &(errors(&["m-d00"]) + &error("Payment", "m-b00")));
    folder.write("logs/billing/a.log", &errors(&["m-b01"]));
    for (name, marker) in [("shop-eu_api-7d4b9", "m-p00"), ("blog_api-7d4b9", "m-d01")] {
        folder.write(&format!("logs/pods/{name}_{UID}/api/0.log"), &errors(&[marker]));
    }
    // The same failure in two inputs is an issue of each of both DSNs.
    folder.write("logs/same.log", &error("Same", "m-d02"));
    folder.write("logs/billing/same.log", &error("Same", "m-b02"));
    folder
}

fn markers(server: &Server) -> Vec<String> {
    server.markers().into_keys().collect()
}

#[test]
fn each_event_goes_to_its_dsn() {
    let (default, billing, pods) = (Server::start(&[]), Server::start(&[]), Server::start(&[]));
    let folder = folder(&billing, &pods);
    let output = folder.once(&default.dsn("defaultkey", 1));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(markers(&default), ["m-d00", "m-d01", "m-d02"]);
    assert_eq!(markers(&billing), ["m-b00", "m-b01", "m-b02"]);
    assert_eq!(markers(&pods), ["m-p00"]);
    for (server, key, project) in [(&default, "defaultkey", 1), (&billing, "billingkey", 2), (&pods, "podskey", 3)] {
        for request in server.received() {
            assert_eq!(request.key(), key);
            assert!(request.head.starts_with(&format!("POST /api/{project}/envelope/ ")), "{}", request.head);
        }
    }
    let event = pods.received()[0].items("event").remove(0);
    let tags = ["namespace", "pod", "container"].map(|name| event["tags"][name].as_str().unwrap().to_owned());
    assert_eq!(tags, ["shop-eu", "api-7d4b9", "api"]);
    assert_eq!(event["server_name"], "api-7d4b9");
    let status = folder.status();
    let sent: Vec<_> = status["destinations"].as_array().unwrap().iter().map(|to| to["sent"].as_u64()).collect();
    assert_eq!(sent.into_iter().sum::<Option<u64>>(), Some(7), "{status}");
}

#[test]
fn a_dsn_that_is_limited_or_refused_holds_no_other() {
    let limit = "X-Sentry-Rate-Limits: 3600:error:key\r\n";
    let default = Server::start(&[Step::Status(429, limit, ""); 20]);
    let billing = Server::start(&[Step::Status(403, "", "{\"detail\":\"unknown key\"}"); 20]);
    let pods = Server::start(&[]);
    let folder = folder(&billing, &pods);
    folder.once(&default.dsn("defaultkey", 1));
    assert_eq!(markers(&pods), ["m-p00"]);
    // What was under way when the first answer came is all that was tried.
    assert!(default.received().len() <= 3 && billing.received().len() <= 3);
    let status = folder.status();
    assert_eq!(status["outbox"]["events"], 6, "{status}");
    let held = |project: &str| {
        let all = status["destinations"].as_array().unwrap().clone();
        let to = all.into_iter().find(|to| to["dsn"].as_str().unwrap().contains(project)).unwrap();
        to["held_why"].as_str().unwrap_or_default().to_owned()
    };
    assert!(held("/1#").contains("429") && held("/2#").contains("unknown key") && held("/3#").is_empty(), "{status}");
}

#[test]
fn a_dsn_that_hangs_delays_no_other() {
    let hang = Step::Hang(std::time::Duration::from_secs(60));
    let (default, billing, pods) = (Server::start(&[hang; 40]), Server::start(&[]), Server::start(&[]));
    let folder = folder(&billing, &pods);
    let many: Vec<String> = (10..40).map(|number| format!("m-x{number}")).collect();
    folder.write("logs/many.log", &errors(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut agent = folder.start(&default.dsn("defaultkey", 1));
    let begun = std::time::Instant::now();
    while markers(&billing).len() < 3 || markers(&pods).is_empty() {
        assert!(begun.elapsed().as_secs() < 20, "{:?} {:?}", markers(&billing), markers(&pods));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(begun.elapsed().as_secs() < 10);
    terminate(&mut agent);
}

#[test]
fn check_names_each_dsn_and_shows_no_key() {
    let (default, billing, pods) = (Server::start(&[]), Server::start(&[]), Server::start(&[]));
    let folder = folder(&billing, &pods);
    let check = |arguments: &[&str]| {
        let arguments = [&["check", "--config", "errtail.toml", "logs"], arguments].concat();
        let output = folder.command(&arguments).env("SENTRY_DSN", default.dsn("defaultkey", 1)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check(&[]);
    for part in ["route 1 (billing) go to: 127.0.0.1:", "route 2 go to: ", "everything else go to: ", "/2#", "/3#"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = said + &check(&["--send-test-event"]);
    assert_eq!(said.matches(" took it as ").count(), 3, "{said}");
    for key in ["defaultkey", "billingkey", "podskey"] {
        assert!(!said.contains(key), "{said}");
    }
}

#[test]
fn each_dsn_has_its_own_budget() {
    let (default, billing, pods) = (Server::start(&[]), Server::start(&[]), Server::start(&[]));
    let folder = folder(&billing, &pods);
    let config = std::fs::read_to_string(folder.path().join("errtail.toml")).unwrap();
    folder.write("errtail.toml", &format!("{config}\n[store]\nevents_per_hour = 2\n"));
    folder.once(&default.dsn("defaultkey", 1));
    assert_eq!([&default, &billing, &pods].map(|server| markers(server).len()), [2, 2, 1]);
    let status = folder.status();
    let budget =
        status["outcomes"].as_array().unwrap().iter().find(|count| count["reason"] == "budget").unwrap().clone();
    assert_eq!(budget["records"], 2, "{status}");
}
