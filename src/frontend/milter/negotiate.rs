//! Asks the MTA for exactly what is needed, and for silence up to the end of the message: it then writes the whole
//! message without waiting for a single reply.

use super::Shared;
use super::session::Session;
use crate::frontend::{ListenerSpec, Role};
use indymilter::{Actions, NegotiateContext, ProtoOpts, Status};
use std::sync::Arc;

/// Steps that say nothing a filter of forwards needs.
const UNUSED: ProtoOpts = ProtoOpts::NO_DATA.union(ProtoOpts::NO_EOH).union(ProtoOpts::NO_UNKNOWN);

/// Steps that are listened to and never answered.
const SILENT: ProtoOpts = ProtoOpts::NOREPLY_CONNECT
    .union(ProtoOpts::NOREPLY_HELO)
    .union(ProtoOpts::NOREPLY_MAIL)
    .union(ProtoOpts::NOREPLY_RCPT)
    .union(ProtoOpts::NOREPLY_HEADER)
    .union(ProtoOpts::NOREPLY_BODY);

/// The edits that a plan may need.
const EDITS: Actions = Actions::ADD_HEADER
    .union(Actions::CHANGE_HEADER)
    .union(Actions::ADD_RCPT)
    .union(Actions::DELETE_RCPT)
    .union(Actions::QUARANTINE);

/// Answers an MTA's offer.
pub(super) fn negotiate(
    cx: &mut NegotiateContext<Session>,
    spec: &Arc<ListenerSpec>,
    shared: &Shared,
    offered_actions: Actions,
    offered: ProtoOpts,
) -> Status {
    cx.requested_actions = match spec.role {
        Role::Enforce => EDITS & offered_actions,
        Role::Observe => Actions::empty(),
    };
    let mut session = Session::new(spec, shared, cx.requested_actions);
    let mut wanted = UNUSED | SILENT | ProtoOpts::LEADING_SPACE;
    if !shared.read_body && !session.may_store() {
        wanted |= ProtoOpts::NO_BODY;
    }
    cx.requested_opts = wanted & offered;
    session.agreed(cx.requested_opts);
    cx.data = Some(session);
    Status::Continue
}
