//! Puts a message into the store before anything else is done with it.

use super::session::queue_id;
use crate::engine::{Engine, Inspection};
use crate::event::{Body, Fault, QuarantineEvent};
use crate::message::Message;
use crate::quarantine::{Quarantine, Record};
use std::sync::Arc;
use std::time::Duration;

/// How long the disk may take. Far below what MTAs grant to the end of a message (Postfix: 300 s).
const PATIENCE: Duration = Duration::from_secs(30);

/// A message in the store. Unless it is kept, it was not taken from the MTA after all.
pub(super) struct Kept {
    quarantine: Arc<Quarantine>,
    /// Its id there.
    pub id: String,
}

impl Kept {
    /// The MTA will send the message again: two of it would be one too many.
    pub(super) async fn take_back(self) {
        let removed = tokio::task::spawn_blocking(move || self.quarantine.remove(&self.id)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "a message that is refused for now stays in quarantine, too");
        }
    }
}

/// Stores a message for those recipients that the plan says. `copy` is the message as the MTA sent it.
///
/// # Errors
/// It is not in the store, and why.
pub(super) async fn keep(
    engine: &Engine,
    message: &Message,
    inspection: &Inspection,
    copy: Option<Vec<u8>>,
) -> Result<Kept, String> {
    let Some(quarantine) = engine.quarantine.clone() else {
        return Err("there is no store: [quarantine] takes effect after a restart".to_owned());
    };
    let Some(copy) = copy else {
        let most = quarantine.spec().max_message;
        return Err(format!("the message has more than the {most} octets that are stored at the most"));
    };
    let Inspection { assessments, decisions, plan, .. } = inspection;
    let mut record = Record::new(message, assessments, decisions, &plan.store);
    let (store, now) = (Arc::clone(&quarantine), engine.clock.now());
    let put = tokio::task::spawn_blocking(move || store.put(&mut record, &copy, now));
    let stored = match tokio::time::timeout(PATIENCE, put).await {
        Ok(Ok(Ok(stored))) => stored,
        Ok(Ok(Err(error))) => return Err(format!("not stored: {error}")),
        Ok(Err(_)) => return Err("not stored: a defect in this program".to_owned()),
        Err(_) => return Err(format!("not stored: the disk did not answer within {} s", PATIENCE.as_secs())),
    };
    for record in stored.trimmed {
        tracing::warn!(id = %record.id, "taken out of quarantine: too old, or too much is there");
        engine.report(Body::Quarantine(Box::new(QuarantineEvent::trimmed(record, now))));
    }
    if let Some(error) = stored.index_error {
        tracing::warn!(queue_id = queue_id(message), id = %stored.id, %error, "stored, but the index of the quarantine does not know it yet");
        engine.report(Body::Fault(Fault {
            fault: "quarantine",
            error,
            action: "later",
            listener: message.listener.clone(),
            queue_id: message.queue_id.clone(),
        }));
    }
    Ok(Kept { quarantine, id: stored.id })
}
