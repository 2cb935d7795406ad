//! What each product leaves behind: one file a platform, a row a signal.

mod courier;
mod cyrus;
mod dovecot;
mod exchange;
mod generic;
mod gmail;
mod mailagent;
mod zimbra;

use super::signal::Signal;

/// The rows of all platforms.
pub(super) fn signals() -> impl Iterator<Item = &'static Signal> {
    [
        exchange::SIGNALS,
        gmail::SIGNALS,
        dovecot::SIGNALS,
        cyrus::SIGNALS,
        courier::SIGNALS,
        mailagent::SIGNALS,
        zimbra::SIGNALS,
        generic::SIGNALS,
    ]
    .into_iter()
    .flatten()
}
