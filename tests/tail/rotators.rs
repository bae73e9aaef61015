//! What well-known programs do with log files: logrotate, kubelet, docker, PM2, Serilog, log4net, NLog, lumberjack.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::reader::Reader;

/// A reader that looks by itself every 10 ms, and lets go of what was rotated after 30.
fn quick(paths: &[&str]) -> Reader {
    Reader::with(paths, |settings| {
        settings.rotated_timeout_ms = 30;
        settings.rescan_interval_ms = 10;
    })
}

fn remove(reader: &Reader, name: &str) {
    fs::remove_file(reader.path(name)).unwrap();
}

#[test]
fn logrotate_with_dates_delayed_compression_and_an_age() {
    for (paths, stops) in [("app.log", false), ("app.log", true), ("*.log", true), ("*.log*", false), ("*.log*", true)]
    {
        let mut reader = quick(&[paths]);
        let mut expected = Vec::new();
        for day in 1..=5 {
            for line in 0..3 {
                let text = format!("day {day} line {line}, which no other file holds");
                reader.write("app.log", format!("{text}\n"));
                expected.push(text);
                reader.read();
            }
            let last = format!("day {day}, the last line");
            if stops {
                reader.kill();
            }
            reader.write("app.log", format!("{last}\n"));
            expected.push(last);
            reader.rename("app.log", &format!("app.log-2026110{day}"));
            reader.write("app.log", "");
            if day > 1 {
                reader.gzip(&format!("app.log-2026110{}", day - 1));
            }
            if day > 3 {
                remove(&reader, &format!("app.log-2026110{}.gz", day - 3));
            }
            if stops {
                reader.start();
            }
            reader.read_for(Duration::from_millis(120));
        }
        reader.restart();
        reader.read_for(Duration::from_millis(120));
        reader.assert_lines(&expected);
        assert!(reader.committed.gaps.is_empty(), "{paths} {stops}: {:?}", reader.committed.gaps);
    }
}

#[test]
fn kubelet_rotates_behind_two_links() {
    let mut reader = quick(&["containers/*.log"]);
    for directory in ["containers", "pods/shop_api_1/api", "docker/4f"] {
        fs::create_dir_all(reader.path(directory)).unwrap();
    }
    reader.settings.roots = vec![reader.path("pods"), reader.path("docker")];
    reader.start();
    reader.write("docker/4f/4f-json.log", "one\n");
    symlink(reader.path("docker/4f/4f-json.log"), reader.path("pods/shop_api_1/api/0.log")).unwrap();
    symlink(reader.path("pods/shop_api_1/api/0.log"), reader.path("containers/api.log")).unwrap();
    reader.read();
    for (index, text) in ["two", "three", "four"].iter().enumerate() {
        reader.write("docker/4f/4f-json.log", format!("{text}, before the rotation\n"));
        for number in (1..=index).rev() {
            reader.rename(&format!("docker/4f/4f-json.log.{number}"), &format!("docker/4f/4f-json.log.{}", number + 1));
        }
        reader.rename("docker/4f/4f-json.log", "docker/4f/4f-json.log.1");
        reader.write("docker/4f/4f-json.log", format!("{text}, behind it\n"));
        reader.read();
    }
    // The container starts again: another link, another file.
    reader.write("docker/4f/5a-json.log", "five\n");
    symlink(reader.path("docker/4f/5a-json.log"), reader.path("pods/shop_api_1/api/1.log")).unwrap();
    remove(&reader, "containers/api.log");
    symlink(reader.path("pods/shop_api_1/api/1.log"), reader.path("containers/api.log")).unwrap();
    reader.read();
    fs::remove_dir_all(reader.path("pods/shop_api_1")).unwrap();
    reader.read_for(Duration::from_millis(120));
    let lines = ["two", "three", "four"]
        .iter()
        .flat_map(|text| [format!("{text}, before the rotation"), format!("{text}, behind it")]);
    let expected: Vec<String> = ["one".to_owned(), "five".to_owned()].into_iter().chain(lines).collect();
    reader.assert_lines(&expected);
}

#[test]
fn containerd_rotates_by_date_and_compresses() {
    for stops in [false, true] {
        let mut reader = quick(&["pods/*/*/*.log"]);
        fs::create_dir_all(reader.path("pods/shop_api_1/api")).unwrap();
        let name = |end: &str| format!("pods/shop_api_1/api/0.log{end}");
        let mut expected = Vec::new();
        for round in 1..=4 {
            reader.write(&name(""), format!("{round}, the first line\n"));
            reader.read();
            if stops {
                reader.kill();
            }
            reader.write(&name(""), format!("{round}, the last line\n"));
            expected.extend([format!("{round}, the first line"), format!("{round}, the last line")]);
            reader.rename(&name(""), &name(&format!(".20261125-00000{round}")));
            if round > 1 {
                // As the kubelet: into a temporary file, which is renamed then.
                let before = format!(".20261125-00000{}", round - 1);
                reader.gzip(&name(&before));
                reader.rename(&name(&format!("{before}.gz")), &name(&format!("{before}.tmp")));
                reader.read_for(Duration::from_millis(20));
                reader.rename(&name(&format!("{before}.tmp")), &name(&format!("{before}.gz")));
            }
            reader.write(&name(""), "");
            if stops {
                reader.start();
            }
            reader.read_for(Duration::from_millis(100));
        }
        reader.assert_lines(&expected);
    }
}

#[test]
fn pm2_copies_under_a_date_and_truncates() {
    for (paths, stops) in [("app-out.log", false), ("*.log", false), ("*.log", true), ("app-out.log", true)] {
        let mut reader = quick(&[paths]);
        let mut expected = Vec::new();
        for day in 1..=4 {
            let first = format!("{day}: a line that is long enough to tell one file from another");
            let last = format!("{day}: the last line before the copy");
            reader.write("app-out.log", format!("{first}\n"));
            reader.read();
            if stops {
                reader.kill();
            }
            reader.write("app-out.log", format!("{last}\n"));
            reader.copy_truncate("app-out.log", &format!("app-out__2026-11-0{day}_00-00-00.log"));
            if stops {
                reader.start();
            }
            reader.read_for(Duration::from_millis(100));
            expected.extend([first, last]);
        }
        reader.restart();
        reader.read_for(Duration::from_millis(100));
        let lines = &reader.committed.lines;
        let came = |text: &String| lines.iter().filter(|line| *line == text).count();
        assert!(expected.iter().all(|text| came(text) == 1), "{paths} {stops}: {lines:?}");
    }
}

#[test]
fn lumberjack_renames_under_a_date_and_compresses() {
    for stops in [false, true] {
        let mut reader = quick(&["app.log"]);
        for round in 0..3 {
            reader.write("app.log", format!("{round}, first\n"));
            reader.read();
            if stops {
                reader.kill();
            }
            reader.write("app.log", format!("{round}, last\n"));
            let rotated = format!("app-2026-11-25T00-00-0{round}.000.log");
            reader.rename("app.log", &rotated);
            reader.write("app.log", "");
            if stops {
                reader.gzip(&rotated);
                reader.start();
            }
            reader.read_for(Duration::from_millis(100));
        }
        reader.assert_lines(&["0, first", "0, last", "1, first", "1, last", "2, first", "2, last"]);
    }
}

#[test]
fn serilog_and_laravel_begin_a_file_a_day_and_delete_the_oldest() {
    for names in ["log-2026110D.txt", "log-2026110D_001.txt", "laravel-2026-11-0D.log"] {
        let mut reader = quick(&["log-*.txt", "laravel-*.log"]);
        let mut expected = Vec::new();
        for day in 1..=6 {
            let name = |day: u32| names.replace('D', &day.to_string());
            for part in ["first", "last"] {
                reader.write(&name(day), format!("{day}, {part}\n"));
                expected.push(format!("{day}, {part}"));
                // What was written to lately is not deleted because of its age.
                let written = SystemTime::now() - Duration::from_secs(86_400 * u64::from(10 - day));
                let file = fs::File::options().write(true).open(reader.path(&name(day))).unwrap();
                file.set_modified(written).unwrap();
                reader.read();
            }
            if day > 3 {
                remove(&reader, &name(day - 3));
            }
            if day % 2 == 0 {
                reader.restart();
            }
            reader.read_for(Duration::from_millis(60));
        }
        reader.assert_lines(&expected);
        assert!(reader.committed.gaps.is_empty(), "{:?}", reader.committed.gaps);
    }
}

#[test]
fn log4net_shifts_a_chain_and_deletes_its_end() {
    for paths in ["app.log", "app.log*"] {
        let mut reader = quick(&[paths]);
        let mut expected = Vec::new();
        for round in 0..8 {
            reader.write("app.log", format!("round {round}, which no other file holds\n"));
            expected.push(format!("round {round}, which no other file holds"));
            if round % 3 == 0 {
                reader.read();
            }
            if reader.path("app.log.3").exists() {
                remove(&reader, "app.log.3");
            }
            for number in (1..3).rev().filter(|number| reader.path(&format!("app.log.{number}")).exists()) {
                reader.rename(&format!("app.log.{number}"), &format!("app.log.{}", number + 1));
            }
            reader.rename("app.log", "app.log.1");
        }
        reader.write("app.log", "the end\n");
        reader.read_for(Duration::from_millis(100));
        // Of what was deleted before anyone looked nothing can be asked.
        let lines = &reader.committed.lines;
        assert!(expected[5..].iter().chain(&expected[..1]).all(|text| lines.contains(text)), "{paths}: {lines:?}");
        let mut once = lines.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), lines.len(), "{paths}: {lines:?}");
    }
}

#[test]
fn nlog_moves_into_an_archive() {
    for (paths, stops) in [("*.log", false), ("**/*.log", false), ("**/*.log", true)] {
        let mut reader = quick(&[paths]);
        fs::create_dir(reader.path("archive")).unwrap();
        for round in 0..3 {
            reader.write("app.log", format!("{round}, first\n"));
            reader.read();
            if stops {
                reader.kill();
            }
            reader.write("app.log", format!("{round}, last\n"));
            reader.rename("app.log", &format!("archive/app.{round}.log"));
            reader.write("app.log", "");
            if stops {
                reader.start();
            }
            reader.read_for(Duration::from_millis(100));
        }
        reader.assert_lines(&["0, first", "0, last", "1, first", "1, last", "2, first", "2, last"]);
    }
}

#[test]
fn pm2_copies_twice_while_stopped() {
    let mut reader = quick(&["app-out.log"]);
    reader.write("app-out.log", "a line that is long enough to tell one file from another\n");
    reader.read();
    reader.kill();
    for day in 1..=3 {
        reader.write("app-out.log", format!("the last line of day {day}, which no other file holds\n"));
        std::thread::sleep(Duration::from_millis(10));
        reader.copy_truncate("app-out.log", &format!("app-out__2026-11-0{day}_00-00-00.log"));
    }
    reader.start();
    reader.read_for(Duration::from_millis(200));
    let lines = &reader.committed.lines;
    for day in 1..=3 {
        let came = lines.iter().filter(|line| line.starts_with(&format!("the last line of day {day}"))).count();
        assert_eq!(came, 1, "{lines:?}");
    }
}

#[test]
fn a_daily_file_beside_a_single_one_is_no_rotation() {
    let mut reader = quick(&["laravel.log"]);
    reader.write("laravel.log", "one\n");
    reader.read();
    // Later than what is taken for a late write to a file that was renamed.
    std::thread::sleep(Duration::from_millis(1_200));
    for stops in [false, true] {
        if stops {
            reader.kill();
        }
        reader.write(if stops { "laravel-2026-11-26.log" } else { "laravel-2026-11-25.log" }, "of another logger\n");
        if stops {
            reader.start();
        }
        reader.read_for(Duration::from_millis(100));
    }
    reader.write("laravel.log", "two\n");
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

/// Runs logrotate once on `app.log`.
fn logrotate(program: &str, reader: &Reader, options: &str) {
    let config = reader.path("logrotate.conf");
    let text = format!("{} {{\nrotate 9\n{options}\n}}\n", reader.path("app.log").display());
    fs::write(&config, text).unwrap();
    let state = reader.path("logrotate.state");
    let output = Command::new(program).arg("-f").arg("-s").arg(state).arg(config).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn logrotate_itself() {
    let Some(program) = ["/usr/sbin/logrotate", "/usr/bin/logrotate"].into_iter().find(|path| Path::new(path).exists())
    else {
        println!("logrotate is not installed: not tried");
        return;
    };
    for (options, stops) in [
        ("create", false),
        ("create", true),
        ("create\ncompress", false),
        ("create\ncompress", true),
        ("create\ncompress\ndelaycompress", true),
        ("copytruncate", false),
        ("copytruncate", true),
        ("copytruncate\ncompress", true),
        ("create\ndateext\ndateformat -%Y%m%d-%s\nextension .log", true),
        ("copytruncate\ndateext\ndateformat -%Y%m%d-%s\nextension .log", false),
        ("copytruncate\ndateext\ndateformat -%Y%m%d-%s\nextension .log", true),
    ] {
        let mut reader = quick(&["app.log"]);
        let mut expected = Vec::new();
        for round in 0..3 {
            let lines =
                ["first", "last"].map(|part| format!("round {round}, the {part} line, which no other file holds"));
            reader.write("app.log", format!("{}\n", lines[0]));
            reader.read();
            if stops {
                reader.kill();
            }
            reader.write("app.log", format!("{}\n", lines[1]));
            logrotate(program, &reader, options);
            if options.contains("dateext") {
                // Its names differ by the second.
                std::thread::sleep(Duration::from_millis(1_010));
            }
            if !options.contains("copytruncate") {
                reader.write("app.log", "");
            }
            if stops {
                reader.start();
            }
            reader.read_for(Duration::from_millis(150));
            expected.extend(lines);
        }
        let mut lines = reader.committed.lines.clone();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{options}, {stops}");
        assert!(reader.committed.gaps.is_empty(), "{options}, {stops}: {:?}", reader.committed.gaps);
    }
}
