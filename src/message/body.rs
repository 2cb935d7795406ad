//! The texts of a body, where it was read.

use super::Message;
use mail_parser::{MessageParser, MimeHeaders, PartType};

/// How many texts are taken from a body.
const MAX_TEXTS: usize = 8;
/// How much of each, in characters.
const MAX_CHARS: usize = 64 << 10;
/// How many messages inside messages are opened.
const MAX_DEPTH: usize = 4;

impl Message {
    /// The texts of the body, decoded, those of attached messages too; attached files are left out. Empty where the body was
    /// not read. Taken apart once, however many ask.
    pub fn texts(&self) -> &[String] {
        self.texts.get_or_init(|| {
            let Some(body) = self.body.as_deref().filter(|body| !body.is_empty()) else { return Vec::new() };
            let whole = self.headers.over_body(body);
            let mut found = Vec::new();
            if let Some(parsed) = MessageParser::default().parse(&whole) {
                collect(&parsed, &mut found, 0);
            }
            found
        })
    }
}

fn collect(message: &mail_parser::Message<'_>, found: &mut Vec<String>, depth: usize) {
    for part in &message.parts {
        if found.len() >= MAX_TEXTS {
            return;
        }
        match &part.body {
            PartType::Text(text) | PartType::Html(text) if part.attachment_name().is_none() => {
                found.push(text.chars().take(MAX_CHARS).collect());
            }
            PartType::Message(inner) if depth < MAX_DEPTH => collect(inner, found, depth + 1),
            _ => {}
        }
    }
}
