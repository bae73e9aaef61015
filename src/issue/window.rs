//! The schedule: which occurrence of an issue is sent, and which is counted for the next one sent.
//!
//! In: an issue's `History`, an occurrence, `now`. Out: a `Decision`, and the history moved on. Invariants: pure;
//! each occurrence is either sent or counted once, and what is counted travels with the next one sent.
//! Does not store, and does not know what an event looks like.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::settings::{Report, Settings};

/// Sentry moves an older event to the present; such an occurrence is kept here and not sent.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Hosts, and files, that an event names of those it stands for.
const MAX_PLACES: usize = 10;

/// What people, or the agent, say of an issue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has said anything.
    #[default]
    Unresolved,
    /// Mended, until it comes back.
    Resolved,
    /// Counted, not sent.
    Ignored,
    /// It was resolved, and came back.
    Regressed,
}

impl State {
    /// From its spelling; an unknown one is of a later version, and unresolved to this one.
    pub fn parse(word: &str) -> State {
        match word {
            "resolved" => State::Resolved,
            "ignored" => State::Ignored,
            "regressed" => State::Regressed,
            _ => State::Unresolved,
        }
    }

    /// As it is spelt everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unresolved => "unresolved",
            State::Resolved => "resolved",
            State::Ignored => "ignored",
            State::Regressed => "regressed",
        }
    }
}

/// What is known of an issue, as far as the schedule needs it. Times are the agent's, but for `Pending`'s.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Its state.
    pub state: State,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Ignored until then.
    pub ignored_until: Option<Timestamp>,
    /// Ignored for so many more occurrences.
    pub ignored_events: Option<u64>,
    /// All occurrences.
    pub events: u64,
    /// Occurrences since it was last quiet for an interval.
    pub burst: u64,
    /// When the last occurrence was seen.
    pub seen_at: Option<Timestamp>,
    /// When the last one was sent.
    pub sent_at: Option<Timestamp>,
    /// When the count of `users_sent` began.
    pub users_at: Option<Timestamp>,
    /// New users sent since then.
    pub users_sent: u32,
    /// What the next one sent stands for.
    pub pending: Pending,
}

/// Occurrences that were counted since the last one sent. Times are the log's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many.
    pub occurrences: u64,
    /// Of the earliest of them.
    pub first_seen: Option<Timestamp>,
    /// Of the latest of them.
    pub last_seen: Option<Timestamp>,
    /// Where they happened, at most 10.
    pub hosts: Vec<String>,
    /// In which files they were found, at most 10.
    pub files: Vec<String>,
}

/// One occurrence of an issue.
#[derive(Debug, Clone, Copy)]
pub struct Occurrence<'a> {
    /// The log's time.
    pub time: Timestamp,
    /// Whether its user was not seen on this issue before.
    pub new_user: bool,
    /// Whether the quota leaves room for one more event.
    pub in_budget: bool,
    /// The host, pod or container, where the log says.
    pub host: Option<&'a str>,
    /// The log file.
    pub file: &'a str,
}

/// What is done with an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is sent, with what it stands for.
    Send(Repeats),
    /// It is counted.
    Count(Counted),
}

/// Why an occurrence is counted and not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// It goes out with the next one sent.
    Repeat,
    /// Its issue is ignored.
    Ignored,
    /// Sentry takes nothing so old.
    Old,
    /// The hour's events were sent; it goes out with the next one sent.
    Budget,
}

/// Why an occurrence is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The issue is new.
    First,
    /// It was resolved.
    Regression,
    /// A power of ten was reached, or the interval has passed.
    Schedule,
    /// A user was not seen on it before.
    User,
    /// The window closes: the last occurrence that was counted goes out.
    Close,
    /// Each one is sent.
    Every,
}

/// What an event stands for: itself, and the occurrences that were counted since the one sent before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats {
    /// Why it is sent.
    pub why: Why,
    /// Occurrences that it stands for, itself included.
    pub occurrences: u64,
    /// Occurrences of the issue so far, itself included.
    pub total: u64,
    /// The log's time of the earliest that it stands for.
    pub first_seen: Timestamp,
    /// The log's time of the latest that it stands for.
    pub last_seen: Timestamp,
    /// Hosts on which they happened, at most 10.
    pub hosts: Vec<String>,
    /// Files in which they were found, at most 10.
    pub files: Vec<String>,
}

/// Decides over one occurrence and moves the history on.
pub fn decide(history: &mut History, occurrence: &Occurrence<'_>, now: Timestamp, settings: &Settings) -> Decision {
    history.events += 1;
    let quiet = history.seen_at.is_none_or(|seen| now.duration_since(seen) >= settings.interval);
    history.seen_at = Some(now);
    history.burst = if quiet { 1 } else { history.burst + 1 };
    if history.is_ignored(now) {
        return Decision::Count(Counted::Ignored);
    }
    if now.duration_since(occurrence.time) > MAX_AGE {
        return Decision::Count(Counted::Old);
    }
    history.pending.add(occurrence);
    if !occurrence.in_budget {
        return Decision::Count(Counted::Budget);
    }
    match history.due(occurrence, now, settings) {
        Some(why) => Decision::Send(history.send(why, now)),
        None => Decision::Count(Counted::Repeat),
    }
}

impl History {
    /// An ignored issue stays so until its time or its count is over.
    fn is_ignored(&mut self, now: Timestamp) -> bool {
        if self.state != State::Ignored {
            return false;
        }
        let over = match (self.ignored_until, &mut self.ignored_events) {
            (Some(until), _) => now >= until,
            (None, Some(0)) => true,
            (None, Some(left)) => {
                *left -= 1;
                false
            }
            (None, None) => false,
        };
        if over {
            // It is as good as new: the next occurrence is sent at once.
            self.state = State::Unresolved;
            (self.ignored_until, self.ignored_events, self.sent_at) = (None, None, None);
        }
        !over
    }

    /// Why this occurrence is to be sent, if it is.
    fn due(&mut self, occurrence: &Occurrence<'_>, now: Timestamp, settings: &Settings) -> Option<Why> {
        if self.state == State::Resolved {
            // A line written before somebody resolved the issue is no return of it.
            if self.resolved_at.is_some_and(|resolved| occurrence.time <= resolved) {
                return None;
            }
            self.state = State::Regressed;
            self.resolved_at = None;
            return Some(Why::Regression);
        }
        if settings.report == Report::Every {
            return Some(Why::Every);
        }
        let Some(sent) = self.sent_at else { return Some(Why::First) };
        if now.duration_since(sent) >= settings.interval || is_power_of_ten(self.burst) {
            return Some(Why::Schedule);
        }
        (occurrence.new_user && self.may_send_user(now, settings)).then_some(Why::User)
    }

    /// Whether an event may go out because its user is new.
    pub fn takes_users(&self, now: Timestamp, settings: &Settings) -> bool {
        self.users_sent < settings.users_per_interval || self.users_are_over(now, settings)
    }

    fn users_are_over(&self, now: Timestamp, settings: &Settings) -> bool {
        self.users_at.is_none_or(|begun| now.duration_since(begun) >= settings.interval)
    }

    fn may_send_user(&mut self, now: Timestamp, settings: &Settings) -> bool {
        if self.users_are_over(now, settings) {
            (self.users_at, self.users_sent) = (Some(now), 0);
        }
        let may = self.users_sent < settings.users_per_interval;
        self.users_sent += u32::from(may);
        may
    }

    /// Takes what was counted for an event that goes out now.
    pub fn send(&mut self, why: Why, now: Timestamp) -> Repeats {
        let repeats = self.repeats(why, now);
        self.pending = Pending::default();
        self.sent_at = Some(now);
        repeats
    }

    /// What an event that went out now would stand for.
    pub fn repeats(&self, why: Why, now: Timestamp) -> Repeats {
        let pending = &self.pending;
        Repeats {
            why,
            occurrences: pending.occurrences,
            total: self.events,
            first_seen: pending.first_seen.unwrap_or(now),
            last_seen: pending.last_seen.unwrap_or(now),
            hosts: pending.hosts.clone(),
            files: pending.files.clone(),
        }
    }
}

impl Pending {
    fn add(&mut self, occurrence: &Occurrence<'_>) {
        self.occurrences += 1;
        self.first_seen = Some(self.first_seen.map_or(occurrence.time, |first| first.min(occurrence.time)));
        self.last_seen = Some(self.last_seen.map_or(occurrence.time, |last| last.max(occurrence.time)));
        name(&mut self.files, occurrence.file);
        if let Some(host) = occurrence.host {
            name(&mut self.hosts, host);
        }
    }
}

/// Adds a name to a short list, once.
fn name(list: &mut Vec<String>, name: &str) {
    if list.len() < MAX_PLACES && list.iter().all(|known| known != name) {
        list.push(name.to_owned());
    }
}

/// 10, 100, 1000, … The first of a burst is not one: the interval decides over it.
fn is_power_of_ten(n: u64) -> bool {
    n >= 10 && n == 10_u64.pow(n.ilog10())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(START + seconds).unwrap()
    }

    fn occurrence(seconds: i64) -> Occurrence<'static> {
        Occurrence {
            time: at(seconds),
            new_user: false,
            in_budget: true,
            host: Some("web-1"),
            file: "/var/log/shop.log",
        }
    }

    fn schedule() -> Settings {
        Settings::default()
    }

    /// Why each of a row of occurrences is sent, with what it stands for.
    fn run(history: &mut History, times: impl IntoIterator<Item = i64>, settings: &Settings) -> Vec<(i64, Why, u64)> {
        let sent =
            times.into_iter().filter_map(|second| match decide(history, &occurrence(second), at(second), settings) {
                Decision::Send(repeats) => Some((second, repeats.why, repeats.occurrences)),
                Decision::Count(_) => None,
            });
        sent.collect()
    }

    #[test]
    fn the_first_goes_at_once_then_powers_of_ten() {
        let mut history = History::default();
        let sent = run(&mut history, std::iter::repeat_n(0, 1500), &schedule());
        let expected = [(0, Why::First, 1), (0, Why::Schedule, 9), (0, Why::Schedule, 90), (0, Why::Schedule, 900)];
        assert_eq!(sent, expected);
        assert_eq!((history.events, history.pending.occurrences), (1500, 500));
    }

    #[test]
    fn a_slow_repeat_goes_once_an_interval() {
        let mut history = History::default();
        let sent = run(&mut history, (0..20).map(|minute| minute * 120), &schedule());
        let seconds: Vec<i64> = sent.iter().map(|(second, _, _)| *second).collect();
        // The tenth of the burst, at 1080, goes too.
        assert_eq!(seconds, [0, 360, 720, 1080, 1440, 1800, 2160]);
        let told: u64 = sent.iter().map(|(_, _, occurrences)| occurrences).sum();
        assert_eq!(told + history.pending.occurrences, 20);
    }

    #[test]
    fn a_burst_after_a_quiet_time_is_a_new_one() {
        let mut history = History::default();
        run(&mut history, std::iter::repeat_n(0, 50), &schedule());
        let sent = run(&mut history, std::iter::repeat_n(1000, 10), &schedule());
        assert_eq!(sent, [(1000, Why::Schedule, 41), (1000, Why::Schedule, 9)]);
    }

    #[test]
    fn new_users_are_sent_up_to_the_cap_of_an_interval() {
        let settings = Settings { users_per_interval: 2, ..schedule() };
        let mut history = History::default();
        let mut users = |second: i64| {
            let occurrence = Occurrence { new_user: true, ..occurrence(second) };
            matches!(decide(&mut history, &occurrence, at(second), &settings), Decision::Send(_))
        };
        assert_eq!([0, 1, 2, 3, 4].map(&mut users), [true, true, true, false, false]);
        // The interval has passed: the schedule sends one, and there is room for two users more.
        assert_eq!([302, 303, 304, 305].map(&mut users), [true, true, true, false]);
    }

    #[test]
    fn what_was_counted_is_told_with_its_times_and_places() {
        let mut history = History::default();
        run(&mut history, [0], &schedule());
        for (second, host) in [(20, "web-2"), (10, "web-1"), (30, "web-2")] {
            decide(&mut history, &Occurrence { host: Some(host), ..occurrence(second) }, at(40), &schedule());
        }
        let Decision::Send(repeats) = decide(&mut history, &occurrence(400), at(400), &schedule()) else {
            panic!("the interval has passed");
        };
        assert_eq!((repeats.occurrences, repeats.total), (4, 5));
        assert_eq!((repeats.first_seen, repeats.last_seen), (at(10), at(400)));
        assert_eq!((repeats.hosts, repeats.files.len()), (vec!["web-2".to_owned(), "web-1".to_owned()], 1));
    }

    #[test]
    fn a_resolved_issue_that_comes_back_is_a_regression() {
        let mut history = History::default();
        run(&mut history, [0, 1], &schedule());
        (history.state, history.resolved_at) = (State::Resolved, Some(at(10)));
        assert_eq!(run(&mut history, [5], &schedule()), [], "written before it was resolved");
        assert_eq!(history.state, State::Resolved);
        assert_eq!(run(&mut history, [20, 21], &schedule()), [(20, Why::Regression, 3)]);
        assert_eq!(history.state, State::Regressed);
    }

    #[test]
    fn an_ignored_issue_is_counted_until_its_time_or_count_is_over() {
        let mut history = History { state: State::Ignored, ignored_until: Some(at(100)), ..History::default() };
        assert_eq!(run(&mut history, [0, 99, 100], &schedule()), [(100, Why::First, 1)]);
        assert_eq!(history.events, 3);

        let mut history = History { state: State::Ignored, ignored_events: Some(2), ..History::default() };
        assert_eq!(run(&mut history, [0, 1, 2], &schedule()), [(2, Why::First, 1)]);

        let mut history = History { state: State::Ignored, ..History::default() };
        assert_eq!(run(&mut history, 0..2000, &schedule()), []);
    }

    #[test]
    fn every_sends_each_but_what_is_ignored() {
        let settings = Settings { report: Report::Every, ..schedule() };
        let mut history = History::default();
        assert_eq!(run(&mut history, [0, 0, 0], &settings), [(0, Why::Every, 1); 3]);
        history.state = State::Ignored;
        assert_eq!(run(&mut history, [0, 0], &settings), []);
    }

    #[test]
    fn what_sentry_would_move_to_the_present_stays_here() {
        let mut history = History::default();
        let now = at(0) + MAX_AGE + SignedDuration::from_secs(1);
        assert_eq!(decide(&mut history, &occurrence(0), now, &schedule()), Decision::Count(Counted::Old));
        let young = Occurrence { time: now, ..occurrence(0) };
        assert!(matches!(decide(&mut history, &young, now, &schedule()), Decision::Send(r) if r.why == Why::First));
    }

    #[test]
    fn without_a_budget_it_waits() {
        let mut history = History::default();
        let poor = Occurrence { in_budget: false, ..occurrence(0) };
        assert_eq!(decide(&mut history, &poor, at(0), &schedule()), Decision::Count(Counted::Budget));
        assert_eq!(run(&mut history, [1], &schedule()), [(1, Why::First, 2)]);
    }
}
