//! The agent: wires tail → pipeline → store on one thread, and store → deliver on another; stops cleanly.
//!
//! In: the tail room, the store, how events are built and sent. Out: when it ends. Invariants: what was read and
//! committed stays; at the end, delivery has a bounded time. Does not read, parse or speak HTTP itself.

mod delivery;
mod reader;

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout};

use crate::format::Tables;
use crate::policy::Policy;
use crate::release::Marker;
use crate::store::{ClientReport, Outcome, Outgoing, Store};
use crate::system;
use crate::tail::{Settings, Tail};
use delivery::Delivery;
use reader::{Control, Reader};

pub use reader::{EventOf, Hooks};

/// Delivery's time after a signal. Container runtimes wait 10 seconds before they kill.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Delivery's time after everything was read, where there is nothing more to do.
const ONCE_TIMEOUT: Duration = Duration::from_secs(60);

/// What an agent runs on.
pub struct Parts {
    /// The files.
    pub tail: Tail,
    /// The tail room's settings, of which the agent reads the timeouts.
    pub settings: Settings,
    /// How entries begin that no built-in grammar knows.
    pub formats: Tables,
    /// The policy.
    pub policy: Arc<Policy>,
    /// What is done with findings.
    pub hooks: Hooks,
    /// Lines of the logs that name a release.
    pub release_marker: Option<Marker>,
    /// Requests of one DSN at a time.
    pub in_flight: usize,
    /// Told while the inputs are read: they were looked for, and the reading has not ended.
    pub reads: Arc<AtomicBool>,
    /// Whether to end when everything that is there was read and delivered.
    pub once: bool,
}

/// Runs until SIGINT or SIGTERM; with `once`, until all is read and delivered. Gives back the store. Without `send`,
/// events stay in the store.
///
/// # Errors
/// The system refuses a thread or a signal handler, or the reading side failed.
pub fn run<F>(parts: Parts, store: Store, send: Option<F>) -> io::Result<Arc<Mutex<Store>>>
where
    F: AsyncFn(&Outgoing, &[ClientReport]) -> Outcome + Clone + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, drive(parts, store, send))
}

async fn drive<F>(mut parts: Parts, store: Store, send: Option<F>) -> io::Result<Arc<Mutex<Store>>>
where
    F: AsyncFn(&Outgoing, &[ClientReport]) -> Outcome + Clone + 'static,
{
    let store = Arc::new(Mutex::new(store));
    let control = Arc::new(Control::default());
    let rung = Arc::new(Notify::new());
    let waker = parts.tail.waker();
    let delivery = Delivery::new(Arc::clone(&store), Arc::clone(&rung), waker.clone(), parts.in_flight);
    let sends = send.is_some();
    let mut told = parts.hooks.committed;
    parts.hooks.committed = Box::new(move |batch, committed| {
        // What was counted and not queued is due when its window closes.
        if committed.queued > 0 || committed.findings > 0 || !batch.gaps.is_empty() {
            rung.notify_one();
        }
        told(batch, committed);
    });

    let mut signals = system::Signals::new()?;
    let (done, mut read) = oneshot::channel();
    let reader = Reader::new(parts, Arc::clone(&store), Arc::clone(&control));
    thread::Builder::new().name("reader".to_owned()).spawn(move || {
        reader.run();
        // The other side is gone only when the process ends.
        let _ = done.send(());
    })?;

    // One future from the first event to the last: an attempt that is under way is never broken off.
    let mut sending = pin!(deliver(&delivery, send));
    let mut ended = tokio::select! {
        ended = &mut read => Some(ended),
        () = signals.next() => None,
        () = &mut sending => None,
    };
    let limit = if ended.is_some() { ONCE_TIMEOUT } else { STOP_TIMEOUT };
    control.stop.store(true, Ordering::Relaxed);
    waker.wake();
    if ended.is_none() {
        let read = timeout(STOP_TIMEOUT, read);
        ended = tokio::select! {
            ended = read => ended.ok(),
            () = &mut sending => None,
        };
    }
    if sends {
        delivery.tick(true);
        delivery.end(Instant::now() + limit);
        tokio::select! {
            _ = timeout(limit, sending) => {}
            () = signals.next() => {}
        }
    }
    match ended {
        Some(Ok(())) => Ok(store),
        Some(Err(_)) => Err(io::Error::other("the reading side failed: see above")),
        None => Err(io::Error::other("the store did not answer in time; what was not stored is read again next time")),
    }
}

/// Sends what is due, until the delivery is told to end; without a way to send, does nothing, for ever.
async fn deliver<F>(delivery: &Delivery, send: Option<F>)
where
    F: AsyncFn(&Outgoing, &[ClientReport]) -> Outcome + Clone + 'static,
{
    match send {
        Some(send) => delivery.run(send).await,
        None => std::future::pending().await,
    }
}
