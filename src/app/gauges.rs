//! What is not counted as it happens: looked at when somebody asks.

use crate::admin::Shown;
use crate::config::Config;
use crate::engine::{Current, Engine};
use crate::frontend::milter::Busy;
use crate::metrics::{self, Registry};
use crate::policy::{Mode, Policy};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch::Receiver;

/// An exception that ends within this time is about to.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is known at the start. The series of each listener and output begin at 0, so that the first of anything is a rise.
pub(super) fn begin(config: &Config, engine: &Engine) {
    for listener in &config.listeners {
        ::metrics::counter!(metrics::MESSAGES.name, "listener" => listener.name.clone()).increment(0);
        for stage in ["judging", "editing", "reporting"] {
            let name = listener.name.clone();
            ::metrics::counter!(metrics::FAULTS.name, "listener" => name, "stage" => stage).increment(0);
        }
    }
    for output in config.outputs.iter().filter(|_| config.spool.is_some()) {
        for metric in [&metrics::EVENTS_DELIVERED, &metrics::DELIVERY_RETRIES] {
            ::metrics::counter!(metric.name, "output" => output.name.clone()).increment(0);
        }
    }
    ::metrics::gauge!(metrics::BUILD_INFO.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    read_at(Timestamp::now());
    if config.notify.is_some() && engine.notifier.is_none() {
        degraded("notify");
    }
}

/// A part could not be started as configured.
pub(super) fn degraded(part: &'static str) {
    ::metrics::gauge!(metrics::DEGRADED.name, "part" => part).set(1.0);
}

/// The configuration was read again, or could not be.
pub(super) fn reloaded(success: bool) {
    let result = if success { "success" } else { "failure" };
    ::metrics::counter!(metrics::RELOADS.name, "result" => result).increment(1);
    if success {
        read_at(Timestamp::now());
    } else {
        ::metrics::gauge!(metrics::RELOADED.name).set(0.0);
    }
}

fn read_at(now: Timestamp) {
    ::metrics::gauge!(metrics::RELOADED.name).set(1.0);
    ::metrics::gauge!(metrics::RELOADED_AT.name).set(now.as_second() as f64);
}

/// What the listener for metrics shows.
pub(super) fn shown(registry: Registry, current: Arc<Current>, busy: Arc<Busy>, stopping: Receiver<bool>) -> Shown {
    let started = SystemTime::now();
    Shown {
        registry,
        refresh: Box::new(move || {
            metrics::refresh_process(started);
            ::metrics::gauge!(metrics::IN_PROGRESS.name).set(busy.count() as f64);
            let engine = current.get();
            let enforcing = engine.policy.mode == Mode::Enforce;
            ::metrics::gauge!(metrics::ENFORCING.name).set(if enforcing { 1.0 } else { 0.0 });
            for (state, count) in exceptions(&engine.policy, engine.clock.now()) {
                ::metrics::gauge!(metrics::EXCEPTIONS.name, "state" => state).set(count as f64);
            }
        }),
        unready: Box::new(move || stopping.borrow().then_some("stopping: finishing messages in progress")),
    }
}

/// How many exceptions last, how many end soon, and how many have ended.
fn exceptions(policy: &Policy, now: Timestamp) -> [(&'static str, usize); 3] {
    let mut counts = [("in_force", 0), ("expiring", 0), ("expired", 0)];
    for exception in &policy.exceptions {
        let place = match exception.expires.map(|end| end.duration_since(now)) {
            Some(left) if !left.is_positive() => 2,
            Some(left) if left <= SOON => 1,
            _ => 0,
        };
        counts[place].1 += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Exception;

    #[test]
    fn exceptions_are_counted_by_their_end() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().expect("a time");
        let ending = |expires: Option<&str>| Exception {
            expires: expires.map(|text| text.parse().expect("a time")),
            ..Exception::default()
        };
        let policy = Policy {
            exceptions: vec![
                ending(None),
                ending(Some("2027-11-24T12:00:00Z")),
                ending(Some("2026-12-08T12:00:00Z")),
                ending(Some("2026-11-24T12:00:00Z")),
            ],
            ..Policy::default()
        };
        assert_eq!(exceptions(&policy, now), [("in_force", 2), ("expiring", 1), ("expired", 1)]);
    }
}
