//! What the service manager is told (sd_notify(3)): readiness, reloads, the end, and that the daemon is alive. Where there is
//! none, nothing is said.

use sd_notify::NotifyState;

/// Connections are served.
pub(super) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub(super) fn reloading() {
    // From systemd 253 on the time must go with it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager is not told of the reload"),
    }
}

/// The daemon ends.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Says that the daemon is alive, twice in the time after which the service manager would end it. It is a task like those
/// that serve mail: when they get no turn any more, it gets none either.
pub(super) fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(limit / 2);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
