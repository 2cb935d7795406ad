//! The gate that every event passes on its way out: before it is encoded, queued or spooled.

use super::Sink;
use crate::event::Event;
use crate::privacy::Mask;
use std::sync::Arc;

/// Masks events, then hands them on.
pub struct Masked {
    outputs: Arc<dyn Sink>,
    addresses: Mask,
    subjects: Mask,
}

impl Masked {
    /// In front of these outputs. Where nothing is masked, there is no gate.
    pub fn before(outputs: Arc<dyn Sink>, addresses: Mask, subjects: Mask) -> Arc<dyn Sink> {
        if addresses.is_clear() && subjects.is_clear() {
            outputs
        } else {
            Arc::new(Self { outputs, addresses, subjects })
        }
    }
}

impl Sink for Masked {
    fn send(&self, mut event: Event) {
        event.mask(&self.addresses, &self.subjects);
        self.outputs.send(event);
    }

    fn reopen(&self) {
        self.outputs.reopen();
    }
}
