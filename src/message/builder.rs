//! Builds a [`Message`] piece by piece, as a protocol delivers it, and holds every limit, so that no later stage needs one.

use super::envelope::{Params, Recipient, Sender};
use super::{Address, Connection, Direction, Exceeded, Header, Message};

/// How much of a message is read. What is longer is judged by what was read, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Header fields.
    pub header_fields: usize,
    /// Octets of all header fields together.
    pub header_bytes: usize,
    /// Octets of one header field's body.
    pub field_bytes: usize,
    /// Recipients.
    pub recipients: usize,
    /// Octets of the body that are kept, where the body is asked for.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_fields: 10_000,
            header_bytes: 1 << 20,
            field_bytes: 64 << 10,
            recipients: 10_000,
            body_bytes: 256 << 10,
        }
    }
}

/// The one maker of [`Message`]s.
#[derive(Debug)]
pub struct Builder {
    message: Message,
    limits: Limits,
    header_bytes: usize,
    counted: u64,
}

impl Builder {
    /// Begins a message at `listener`.
    pub fn new(listener: &str, direction: Direction, connection: Connection, limits: Limits) -> Self {
        let message = Message { listener: listener.to_owned(), direction, connection, ..Message::default() };
        Self { message, limits, header_bytes: 0, counted: 0 }
    }

    /// MAIL FROM: the reverse-path with or without brackets, then its parameters.
    pub fn sender(&mut self, path: &str, params: Vec<String>) {
        self.message.sender =
            Sender { raw: path.to_owned(), address: Address::parse(path), params: Params::new(params) };
        if let Some(size) = self.message.sender.params.get("SIZE").and_then(|size| size.parse().ok()) {
            self.message.size = size;
        }
    }

    /// The user who logged in.
    pub fn auth_user(&mut self, user: Option<String>) {
        self.message.auth_user = user.filter(|user| !user.is_empty());
    }

    /// RCPT TO: the forward-path as the MTA gave it, its parameters, and what the MTA resolved it to.
    pub fn recipient(&mut self, path: &str, params: Vec<String>, resolved: Option<&str>, mailer: Option<&str>) {
        if self.message.recipients.len() >= self.limits.recipients {
            self.exceed(Exceeded::Recipients);
            return;
        }
        self.message.recipients.push(Recipient {
            raw: path.to_owned(),
            address: Address::parse(path),
            params: Params::new(params),
            resolved: resolved.and_then(Address::parse),
            mailer: mailer.map(str::to_owned),
        });
    }

    /// One header field, in the order in which they stand.
    pub fn header(&mut self, name: &[u8], body: &[u8]) {
        self.counted += (name.len() + body.len() + 3) as u64;
        if self.message.headers.len() >= self.limits.header_fields || self.header_bytes >= self.limits.header_bytes {
            self.exceed(Exceeded::HeaderFields);
            return;
        }
        let kept = body.len().min(self.limits.field_bytes).min(self.limits.header_bytes - self.header_bytes);
        if kept < body.len() {
            self.exceed(Exceeded::FieldLength);
        }
        self.header_bytes += name.len() + kept;
        self.message.headers.push(Header::new(name, body[..kept].to_vec()));
    }

    /// A piece of the body. What is over the limit is counted, not kept: only the beginning is ever looked at.
    pub fn body(&mut self, chunk: &[u8]) {
        self.counted += chunk.len() as u64;
        let body = self.message.body.get_or_insert_default();
        let room = self.limits.body_bytes.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    /// The queue id, once the MTA has one.
    pub fn queue_id(&mut self, id: Option<String>) {
        self.message.queue_id = id.filter(|id| !id.is_empty());
    }

    /// The finished message.
    pub fn finish(mut self) -> Message {
        if self.message.size == 0 {
            self.message.size = self.counted;
        }
        self.message
    }

    fn exceed(&mut self, what: Exceeded) {
        if !self.message.exceeded.contains(&what) {
            self.message.exceeded.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(limits: Limits) -> Builder {
        Builder::new("test", Direction::Outbound, Connection::default(), limits)
    }

    #[test]
    fn over_a_limit_the_rest_is_left_out_and_said() {
        let mut built = builder(Limits { header_fields: 2, field_bytes: 4, recipients: 1, ..Limits::default() });
        for _ in 0..3 {
            built.header(b"X", b"123456");
            built.recipient("<a@b.example>", Vec::new(), None, None);
        }
        let message = built.finish();
        assert_eq!(message.headers.len(), 2);
        assert_eq!(message.headers.first("X").map(|field| field.raw().len()), Some(4));
        assert_eq!(message.recipients.len(), 1);
        assert_eq!(message.exceeded, [Exceeded::FieldLength, Exceeded::Recipients, Exceeded::HeaderFields]);
    }

    #[test]
    fn size_is_declared_or_counted() {
        let mut declared = builder(Limits::default());
        declared.sender("<a@b.example>", vec!["SIZE=4711".into()]);
        assert_eq!(declared.finish().size, 4711);
        let mut counted = builder(Limits::default());
        counted.header(b"X", b"1");
        counted.body(b"12345");
        assert_eq!(counted.finish().size, 10);
    }
}
