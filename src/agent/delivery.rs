//! From the store's outbox to Sentry.
//!
//! In: what is due. Out: each event's outcome, told to the store. Invariants: an event leaves the outbox by its outcome
//! alone; so many requests of one DSN run at a time, and no more, whatever the others do. Does not build events or speak HTTP.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::reader::{STORE_RETRY, lock};
use crate::store::{ClientReport, Outcome, Outgoing, Store};
use crate::tail::Waker;

/// What is due by time alone is looked for so soon after a batch, and no more often,
const TICK: Duration = Duration::from_secs(5);
/// and at least so often: another process may have made something due.
const LONGEST_TICK: Duration = Duration::from_secs(600);

/// What became of an event, and the reports that went with it.
type Settled = (Outgoing, Vec<ClientReport>, Outcome);

/// The sending side of the agent.
pub struct Delivery {
    /// The store.
    pub store: Arc<Mutex<Store>>,
    /// Rung when a batch was committed.
    pub rung: Arc<Notify>,
    /// Rung here when the outbox got room.
    pub room: Waker,
    /// Requests of one DSN at a time.
    in_flight: usize,
    /// Once it is to end: until when it waits for what is due.
    until: Cell<Option<Instant>>,
}

impl Delivery {
    /// The sending side of `store`'s agent, with at most `in_flight` requests of one DSN at a time.
    pub fn new(store: Arc<Mutex<Store>>, rung: Arc<Notify>, room: Waker, in_flight: usize) -> Delivery {
        Delivery { store, rung, room, in_flight: in_flight.max(1), until: Cell::new(None) }
    }

    /// `run` is over once nothing is under way, and nothing waits that is due before `until`.
    pub fn end(&self, until: Instant) {
        self.until.set(Some(until));
        self.rung.notify_one();
    }

    /// Sends what is due, until it is told to end.
    pub async fn run<F>(&self, send: F)
    where
        F: AsyncFn(&Outgoing, &[ClientReport]) -> Outcome + Clone + 'static,
    {
        let mut running = JoinSet::new();
        let mut tick = Instant::now() + TICK;
        let mut reported = HashSet::new();
        let mut unsettled: Vec<Settled> = Vec::new();
        loop {
            for outgoing in self.due() {
                let send = send.clone();
                // With its first event of each while, a DSN is told what was given up.
                let first = reported.insert(outgoing.dsn_key.clone());
                let reports = if first { self.reports(&outgoing.dsn_key) } else { Vec::new() };
                running.spawn_local(async move {
                    let outcome = send(&outgoing, &reports).await;
                    (outgoing, reports, outcome)
                });
            }
            let next = self.next_due();
            if let Some(until) = self.until.get()
                && running.is_empty()
                && (unsettled.is_empty() || Instant::now() >= until)
                && next.is_none_or(|next| next > until)
            {
                return;
            }
            let retry = (!unsettled.is_empty()).then(|| Instant::now() + STORE_RETRY);
            let wake = next.into_iter().chain(retry).fold(tick, Instant::min);
            tokio::select! {
                Some(done) = running.join_next() => {
                    unsettled.extend(done);
                }
                () = self.rung.notified() => tick = tick.min(Instant::now() + TICK),
                () = sleep_until(wake) => {}
            }
            unsettled.retain(|settled| !self.settle(settled));
            if Instant::now() >= tick {
                self.tick(false);
                reported.clear();
                tick = self.next_tick();
            }
        }
    }

    /// Queues what is due by time alone; with `stopping`, all that was counted.
    pub fn tick(&self, stopping: bool) {
        if let Err(error) = lock(&self.store).tick(Timestamp::now(), stopping) {
            tracing::error!("{error}");
        }
    }

    fn next_tick(&self) -> Instant {
        let next = lock(&self.store).next_tick().ok().flatten();
        Instant::now() + next.map_or(LONGEST_TICK, until).clamp(TICK, LONGEST_TICK)
    }

    fn due(&self) -> Vec<Outgoing> {
        lock(&self.store).due(Timestamp::now(), self.in_flight).unwrap_or_else(|error| {
            tracing::error!("{error}: events wait until the store can be read again");
            Vec::new()
        })
    }

    fn reports(&self, dsn_key: &str) -> Vec<ClientReport> {
        lock(&self.store).take_client_reports(dsn_key).unwrap_or_default()
    }

    fn next_due(&self) -> Option<Instant> {
        let next = lock(&self.store).next_due(self.in_flight).ok().flatten()?;
        Some(Instant::now() + until(next).max(Duration::from_millis(1)))
    }

    /// Tells the store; whether it took it. Until then, the event is not sent again.
    fn settle(&self, (outgoing, reports, outcome): &Settled) -> bool {
        let mut store = lock(&self.store);
        if let Err(error) = store.settle(outgoing.id, outcome, Timestamp::now()) {
            tracing::error!("{error}: what became of an event cannot be noted; see to the store's disk");
            return false;
        }
        if !reports.is_empty() && !matches!(outcome, Outcome::Sent) {
            // Only a count: should the store refuse, Sentry is told less.
            let _ = store.return_client_reports(&outgoing.dsn_key, reports);
        }
        drop(store);
        self.room.wake();
        true
    }
}

/// How long it is until `time`; nothing where that has passed.
fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}
