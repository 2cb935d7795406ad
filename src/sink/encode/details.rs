//! What kinds of events beside judged messages tell, for dialects that have no words of their own for it.

use super::object::Object;
use crate::event::{Body, Event};

/// The kind, then its own fields by their own names.
pub(super) fn add(event: &Event, object: &mut Object<'_>) {
    object.text("kind", kind(&event.body));
    match &event.body {
        Body::Behaviour(seen) => {
            // Its figures differ from one to the next: they are taken as the event writes them.
            if let Ok(serde_json::Value::Object(figures)) = serde_json::to_value(&seen.behaviour) {
                for (key, value) in figures {
                    match value {
                        serde_json::Value::Number(number) => object.plain(&key, number),
                        value => object.text(&key, value.as_str()),
                    }
                }
            }
        }
        Body::Exception(ended) => {
            object.text("owner", ended.owner.as_deref());
            object.text("reason", ended.reason.as_deref());
            object.text("ticket", ended.ticket.as_deref());
            if let Some(expires) = &ended.expires {
                object.shown("expires", expires);
            }
            object.maybe("max_per_day", ended.max_per_day);
            object.plain("used_today", ended.used_today);
        }
        Body::Quarantine(left) => {
            object.text("by", left.by.as_deref());
            object.text("quarantine_id", left.quarantine_id.as_deref());
            object.shown("done_at", &left.done_at);
        }
        Body::Loss(loss) => {
            object.text("output", loss.output.as_deref());
            object.text("loss", loss.reason.as_str());
            object.plain("count", loss.count);
            object.shown("first", &loss.first);
            object.shown("last", &loss.last);
        }
        Body::Message(message) => object.text("quarantine_id", message.quarantine_id.as_deref()),
        _ => {}
    }
}

pub(super) fn kind(body: &Body) -> &'static str {
    match body {
        Body::Message(_) => "message",
        Body::Fault(_) => "fault",
        Body::Exception(_) => "exception",
        Body::Behaviour(_) => "behaviour",
        Body::Quarantine(_) => "quarantine",
        Body::Loss(_) => "loss",
    }
}
