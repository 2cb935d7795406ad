//! What each product leaves behind: one file a platform (small ones share one), a row a signal.

mod alias_service;
mod courier;
mod cyrus;
mod dovecot;
mod exchange;
mod gmail;
mod groupware;
mod kopano;
mod mailagent;
mod provider;
mod unknown;
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
        kopano::SIGNALS,
        groupware::SIGNALS,
        provider::SIGNALS,
        alias_service::SIGNALS,
        unknown::SIGNALS,
    ]
    .into_iter()
    .flatten()
}
