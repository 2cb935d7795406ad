//! One event to one output, past the spool, to see whether it is taken.

use super::deliver::{Item, Label, Piece, Sent, Transport};
use super::encode::Context;
use super::{Batch, Output, worker};
use crate::event::Event;
use std::time::Duration;

/// Somebody waits for the answer: no longer than this, also where an output gives a receiver more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends an event. Whether the receiver confirmed that it has it.
///
/// # Errors
/// Why it was not taken.
pub fn try_out(output: &Output, event: &Event) -> Result<bool, String> {
    let mut record = Vec::new();
    output.format.encode(event, Context { process: std::process::id(), sequence: 1 }, &mut record);
    // As whoever asks: files that the daemon would make must be the daemon's.
    let batch = Batch { timeout: output.batch.timeout.min(PATIENCE), ..output.batch };
    let output = &Output { rotation: None, batch, ..output.clone() };
    let mut transport = Transport::new(output).map_err(|error| error.to_string())?;
    let label = Label::of(event);
    let piece = Piece { octets: &record, label: Some(&label) };
    let runtime = worker::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let sent = tokio::time::timeout(output.batch.timeout, transport.send(&[piece])).await;
        match sent.unwrap_or_else(|_| Sent::broken(format!("no answer within {} s", output.batch.timeout.as_secs()))) {
            Sent::Taken => {}
            Sent::Each(items) => match items.into_iter().next() {
                Some(Item::Refused(error)) => return Err(error),
                Some(Item::Later) => return Err("the receiver cannot take it now".to_owned()),
                Some(Item::Taken) | None => {}
            },
            Sent::Some(_, error) | Sent::Later { error, .. } | Sent::Held(error) | Sent::Refused(error) => {
                return Err(error);
            }
        }
        Ok(transport.finish().await && transport.confirms_anything())
    })
}
