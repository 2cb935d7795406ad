//! Plan → edits and reply. Either all edits are possible or none is begun: half a sequence is never committed.

use super::keep::Kept;
use super::session::Session;
use crate::action::{Disposition, Edit, Plan};
use crate::frontend::OnError;
use crate::policy::Reply;
use indymilter::{ActionError, Actions, ContextActions, EomContext, SetErrorReply, Status};
use std::ffi::CString;

/// What came of a plan.
pub(super) struct Applied {
    /// The answer to the MTA, where nothing failed.
    pub status: Status,
    /// What failed.
    pub error: Option<String>,
    /// The id under which the message was stored.
    pub stored_as: Option<String>,
}

impl Applied {
    /// The message goes on as it is.
    pub(super) fn unchanged() -> Self {
        Self::answer(Status::Continue)
    }

    fn answer(status: Status) -> Self {
        Self { status, error: None, stored_as: None }
    }

    fn failed(status: Status, error: String) -> Self {
        Self { status, error: Some(error), stored_as: None }
    }
}

/// Carries a plan out. `store` puts the message into the store, where the plan asks for that: first of all, so that nothing
/// is taken out of a message that is not safe.
pub(super) async fn plan(
    cx: &mut EomContext<Session>,
    plan: &Plan,
    granted: Actions,
    store: impl AsyncFnOnce() -> Result<Kept, String>,
) -> Applied {
    if let Some(error) = impossible(plan, granted) {
        return Applied::failed(Status::Continue, error);
    }
    let kept = match plan.store.is_empty() {
        true => None,
        false => match store().await {
            Ok(kept) => Some(kept),
            Err(error) => return Applied::failed(Status::Continue, error),
        },
    };
    let applied = edit(cx, plan).await;
    match kept {
        // The MTA will send it again.
        Some(kept) if applied.error.is_some() => {
            kept.take_back().await;
            applied
        }
        kept => Applied { stored_as: kept.map(|kept| kept.id), ..applied },
    }
}

async fn edit(cx: &mut EomContext<Session>, plan: &Plan) -> Applied {
    for edit in &plan.edits {
        if let Err(error) = make(cx, edit).await {
            return failed(edit, &error);
        }
    }
    match &plan.disposition {
        Disposition::Accept => Applied::unchanged(),
        Disposition::Hold(reason) => match cx.actions.quarantine(reason.as_str()).await {
            Ok(()) => Applied::unchanged(),
            Err(error) => Applied::failed(Status::Tempfail, format!("quarantine: {error}")),
        },
        Disposition::Reject(reply) => answer(cx, reply, Status::Reject),
        Disposition::Tempfail(reply) => answer(cx, reply, Status::Tempfail),
        Disposition::Discard => Applied::answer(Status::Discard),
    }
}

/// What becomes of a message that could not be judged or edited: the answer to the MTA, and what that does.
pub(super) async fn on_error(cx: &mut EomContext<Session>, wanted: OnError, granted: Actions) -> (Status, OnError) {
    match wanted {
        OnError::Accept => return (Status::Continue, OnError::Accept),
        OnError::Quarantine if granted.contains(Actions::QUARANTINE) => {
            match cx.actions.quarantine("forwarden: could not be judged").await {
                Ok(()) => return (Status::Continue, OnError::Quarantine),
                Err(error) => tracing::error!(%error, "quarantine failed; the MTA is told to try again"),
            }
        }
        OnError::Quarantine | OnError::Tempfail => {}
    }
    (Status::Tempfail, OnError::Tempfail)
}

/// Why a plan cannot be carried out as a whole.
fn impossible(plan: &Plan, granted: Actions) -> Option<String> {
    let missing = needed(plan) - granted;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
        return Some(format!("the MTA does not offer {}", names.join(", ")));
    }
    // Octets that are no UTF-8 were replaced when the address was read. The MTA knows no recipient of the new name, and
    // would take nobody out without a word.
    plan.edits.iter().find_map(|edit| match edit {
        Edit::DeleteRecipient(recipient) if recipient.contains(char::REPLACEMENT_CHARACTER) => {
            Some(format!("taking out {recipient}: its address is no UTF-8"))
        }
        _ => None,
    })
}

fn needed(plan: &Plan) -> Actions {
    let mut needed = Actions::empty();
    for edit in &plan.edits {
        needed |= match edit {
            Edit::DeleteHeader { .. } | Edit::ReplaceHeader { .. } => Actions::CHANGE_HEADER,
            Edit::InsertHeader { .. } => Actions::ADD_HEADER,
            Edit::DeleteRecipient(_) => Actions::DELETE_RCPT,
            Edit::AddRecipient(_) => Actions::ADD_RCPT,
        };
    }
    if matches!(plan.disposition, Disposition::Hold(_)) {
        needed |= Actions::QUARANTINE;
    }
    needed
}

async fn make(cx: &mut EomContext<Session>, edit: &Edit) -> Result<(), ActionError> {
    match edit {
        Edit::DeleteHeader { name, occurrence } => {
            let occurrence = i32::try_from(*occurrence).unwrap_or(i32::MAX);
            cx.actions.change_header(name.as_str(), occurrence, None::<&str>).await
        }
        Edit::ReplaceHeader { name, value } => {
            let exact = cx.data.as_ref().is_some_and(Session::writes_leading_space);
            let lead: &[u8] = if exact { b" " } else { b"" };
            // NUL octets end what the protocol can carry of a field.
            let body: Vec<u8> = lead.iter().chain(value).copied().filter(|byte| *byte != 0).collect();
            let body = CString::new(body).unwrap_or_default();
            cx.actions.change_header(name.as_str(), 1, Some(body)).await
        }
        // With LEADING_SPACE agreed the body is taken as it is, so the space behind the colon is ours to write.
        Edit::InsertHeader { name, value } => cx.actions.insert_header(0, name.as_ref(), lead(cx, value)).await,
        Edit::DeleteRecipient(recipient) => cx.actions.delete_recipient(recipient.as_str()).await,
        Edit::AddRecipient(recipient) => cx.actions.add_recipient(recipient.as_str()).await,
    }
}

fn lead(cx: &EomContext<Session>, value: &str) -> String {
    let exact = cx.data.as_ref().is_some_and(Session::writes_leading_space);
    if exact { format!(" {value}") } else { value.to_owned() }
}

fn failed(edit: &Edit, error: &ActionError) -> Applied {
    let what = match edit {
        Edit::DeleteHeader { name, .. } => format!("taking away {name}"),
        Edit::ReplaceHeader { name, .. } => format!("changing {name}"),
        Edit::InsertHeader { name, .. } => format!("adding {name}"),
        Edit::DeleteRecipient(recipient) => format!("taking out {recipient}"),
        Edit::AddRecipient(recipient) => format!("adding {recipient}"),
    };
    Applied::failed(Status::Tempfail, format!("{what}: {error}"))
}

fn answer(cx: &mut EomContext<Session>, reply: &Reply, status: Status) -> Applied {
    // To an MTA the text is a format: Sendmail drops one with a single `%`, Postfix the sign itself.
    let text = reply.text.replace('%', "%%");
    let set = cx.reply.set_error_reply(&reply.code.to_string(), Some(&reply.enhanced), [text]);
    if let Err(error) = set {
        // The refusal stands with the MTA's own text.
        tracing::warn!(%error, code = reply.code, "reply text could not be set");
    }
    Applied::answer(status)
}
