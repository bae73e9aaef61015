//! A program that logs errors, in pieces, and rotates its log.
//!
//! In: a path, how to rotate. Out: the markers that it wrote, each in one error.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    Rename,
    CopyTruncate,
    Never,
}

pub struct Writer {
    /// Whether it rotates yet. What is rotated before the first agent's first look is not asked for.
    pub rotates: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Writer {
    pub fn start(path: PathBuf, name: &'static str, rotation: Rotation, seed: u64) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let rotates = Arc::new(AtomicBool::new(false));
        let rotating = Arc::clone(&rotates);
        let thread = std::thread::spawn(move || {
            let mut random = Random(seed);
            let mut written = Vec::new();
            let mut rotations = 0;
            while !stopped.load(Ordering::Relaxed) {
                let marker = format!("m-{name}{:06}", written.len());
                let text = if name == "b" { dotnet(&marker) } else { laravel(&marker) };
                // A write may end anywhere.
                let cut = random.below(text.len() as u64) as usize;
                append(&path, &text[..cut]);
                std::thread::sleep(Duration::from_micros(random.below(3000)));
                append(&path, &text[cut..]);
                written.push(marker);
                if random.below(40) == 0 && rotating.load(Ordering::Relaxed) {
                    rotations += 1;
                    rotate(&path, rotation, rotations);
                }
                std::thread::sleep(Duration::from_millis(2 + random.below(20)));
            }
            written
        });
        Writer { rotates, stop, thread }
    }

    /// What was written.
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Rotated files are kept: what is deleted while the agent is dead could not be asked for.
fn rotate(path: &Path, rotation: Rotation, count: u32) {
    let rotated = PathBuf::from(format!("{}.{count}", path.display()));
    match rotation {
        Rotation::Never => {}
        Rotation::Rename => fs::rename(path, rotated).unwrap(),
        Rotation::CopyTruncate => {
            fs::copy(path, rotated).unwrap();
            OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
        }
    }
}

pub fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

pub fn laravel(marker: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
    format!(
        "[{now}] production.INFO: Order placed {{\"id\":1}}\n\
         [{now}] production.ERROR: {marker} is not an order {{\"exception\":\"[object] (TypeError(code: 0): {marker} is \
         not an order at /srv/shop/app/Orders.php:12)\n[stacktrace]\n\
         #0 /srv/shop/app/Http/OrderController.php(33): App\\\\Orders->place(NULL)\n\
         #1 /srv/shop/public/index.php(9): App\\\\Http\\\\OrderController->store()\n#2 {{main}}\n\"}} \n"
    )
}

pub fn dotnet(marker: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.3f +00:00");
    format!(
        "{now} [INF] Order placed\n\
         {now} [ERR] Connection id \"0HN\", Request id \"0HN:1\": An unhandled exception was thrown by the application.\n\
         System.NullReferenceException: {marker} is not set\n   at Shop.Orders.Place(Order order) in /src/Orders.cs:line 12\n   \
         at Shop.OrderController.Store() in /src/OrderController.cs:line 33\n{now} [INF] Request finished\n"
    )
}

/// A small generator, the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
