//! The real binary, in a folder of its own.
//!
//! In: a configuration, logs. Out: what the program said. Invariant: nothing of this process's environment names a DSN.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with a configuration: short timeouts, each occurrence is sent.
    pub fn new(config: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path().join("logs")).unwrap();
        fs::write(folder.path().join("errtail.toml"), config).unwrap();
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A command, to be run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
        command.args(arguments).args(["--state-dir", "state"]).current_dir(self.path()).stdin(Stdio::null());
        for name in [
            "SENTRY_DSN",
            "SENTRY_ENVIRONMENT",
            "SENTRY_RELEASE",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Reads all logs to their ends and delivers, with a DSN for what no route takes.
    pub fn once(&self, dsn: &str) -> Output {
        self.command(&["run", "--once", "--config", "errtail.toml", "logs"]).env("SENTRY_DSN", dsn).output().unwrap()
    }

    pub fn start(&self, dsn: &str) -> Child {
        let mut command = self.command(&["run", "--config", "errtail.toml", "logs"]);
        command.env("SENTRY_DSN", dsn).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub fn status(&self) -> serde_json::Value {
        let output = self.command(&["status", "--output", "json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Ends an agent as a service manager does.
pub fn terminate(agent: &mut Child) {
    let id = rustix::process::Pid::from_raw(i32::try_from(agent.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(agent.wait().unwrap().success());
}

/// Laravel's record of an error of this type, with a marker in its message.
pub fn error(kind: &str, marker: &str) -> String {
    let time = now();
    format!(
        "[{time}] production.ERROR: broken {marker} {{\"exception\":\"[object] (App\\\\Errors\\\\{kind}(code: 0): broken \
         {marker} at /srv/shop/app/{kind}.php:3)\n[stacktrace]\n#0 /srv/shop/app/Http.php(12): App\\\\{kind}->run()\n#1 {{main}}\n\"}} \n"
    )
}

/// Errors of as many types as there are markers.
pub fn errors(markers: &[&str]) -> String {
    markers.iter().map(|marker| error(&format!("E{}", marker.replace('-', "")), marker)).collect()
}

pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string()
}
