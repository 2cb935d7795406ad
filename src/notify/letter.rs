//! The words of a notice.

use crate::message::Address;
use jiff::Timestamp;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use std::io;
use std::path::Path;

/// What a notice is about.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The mailbox that forwards, where it is known.
    pub forwarder: Option<Address>,
    /// Where it goes.
    pub destination: Address,
    /// By what.
    pub mechanism: &'static str,
    /// What was done: as in events.
    pub action: &'static str,
    /// The rule that wanted people told.
    pub rule: String,
    /// The exceptions that would cover it and no longer apply: each with why.
    pub lapsed: Vec<String>,
    /// Their owners, where those are mailboxes.
    pub owners: Vec<Address>,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// The message's subject.
    pub subject: Option<String>,
    /// When.
    pub time: Timestamp,
    /// The host that saw it.
    pub host: String,
}

/// A notice that is ready to be sent: to whom, and the message.
#[derive(Debug)]
pub struct Letter {
    /// The mailbox.
    pub to: Address,
    /// The message in Internet Message Format.
    pub message: Vec<u8>,
}

/// The templates, checked.
pub struct Templates(Environment<'static>);

/// The name of the one template: its first line is the subject, what follows the empty line behind it the text.
const NAME: &str = "notice.txt";

/// What is sent where there is no template.
const BUILT_IN: &str = "\
Mail of {{ forwarder }} is forwarded to {{ destination }}

Forwarden on {{ host }} has seen that mail of the mailbox {{ forwarder }} is forwarded automatically.

  to         {{ destination }}
  by         {{ mechanism }}
  rule       {{ rule }}
  done       {{ action }}
{%- if lapsed %}
  exception  {{ lapsed }}
{%- endif %}
  seen       {{ time }}

If you know of this forward and it is approved, nothing need be done. If you do not: look at the mailbox's rules and
settings, change its password, and tell those who look after security. Intruders set up forwards like this one.
";

/// How long a template may be, in octets.
const MAX: u64 = 64 << 10;

impl Templates {
    /// The template of a folder, or the built-in one.
    ///
    /// # Errors
    /// It cannot be read, or is none: says where.
    pub fn load(folder: Option<&Path>) -> io::Result<Self> {
        let text = match folder.map(|folder| folder.join(NAME)) {
            None => BUILT_IN.to_owned(),
            Some(path) => {
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                if std::fs::metadata(&path).map_err(named)?.len() > MAX {
                    return Err(io::Error::other(format!("{} is longer than {MAX} octets", path.display())));
                }
                std::fs::read_to_string(&path).map_err(named)?
            }
        };
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template_owned(NAME, text).map_err(io::Error::other)?;
        let templates = Self(environment);
        // A name that is not known would be found out with the first forward.
        templates.words(&Facts {
            forwarder: None,
            destination: Address::new("x", "x.example").ok_or_else(|| io::Error::other("no address"))?,
            mechanism: "unknown",
            action: "logged",
            rule: "rule".into(),
            lapsed: Vec::new(),
            owners: Vec::new(),
            confidence: 1.0,
            subject: None,
            time: Timestamp::UNIX_EPOCH,
            host: "host".into(),
        })?;
        Ok(templates)
    }

    /// Subject and text.
    fn words(&self, facts: &Facts) -> io::Result<(String, String)> {
        // What strangers wrote stays in its line.
        let line =
            |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect() };
        let values = context! {
            forwarder => facts.forwarder.as_ref().map_or_else(|| "an unknown mailbox".to_owned(), |address| line(&address.to_string())),
            destination => line(&facts.destination.to_string()),
            mechanism => facts.mechanism,
            action => facts.action,
            rule => line(&facts.rule),
            lapsed => line(&facts.lapsed.join(", ")),
            confidence => (facts.confidence * 1000.0).round() / 1000.0,
            subject => line(facts.subject.as_deref().unwrap_or_default()),
            time => facts.time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            host => line(&facts.host),
        };
        let filled =
            self.0.get_template(NAME).and_then(|template| template.render(values)).map_err(io::Error::other)?;
        let (subject, text) = filled.split_once("\n\n").ok_or_else(|| {
            io::Error::other(format!("{NAME} has no empty line: write the subject, an empty line, and the text"))
        })?;
        Ok((line(subject.trim()), text.to_owned()))
    }

    /// A letter to one mailbox.
    ///
    /// # Errors
    /// The template fails, or an address is none that mail can be sent to.
    pub fn letter(&self, from: &Address, to: Address, facts: &Facts) -> io::Result<Letter> {
        let (subject, text) = self.words(facts)?;
        let mailbox = |address: &Address| {
            let address = lettre::Address::new(address.local(), address.domain().as_str()).map_err(io::Error::other)?;
            Ok::<_, io::Error>(lettre::message::Mailbox::new(None, address))
        };
        let id = format!("<{}@{}>", uuid::Uuid::now_v7(), from.domain());
        let message = lettre::Message::builder()
            .from(mailbox(from)?)
            .to(mailbox(&to)?)
            .subject(subject)
            .message_id(Some(id))
            .header(AutoSubmitted)
            .header(lettre::message::header::ContentType::TEXT_PLAIN)
            // The envelope is made when it is sent: its sender is null.
            .envelope(lettre::address::Envelope::new(None, vec![mailbox(&to)?.email]).map_err(io::Error::other)?)
            .body(text)
            .map_err(io::Error::other)?;
        Ok(Letter { to, message: message.formatted() })
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834 §5): nobody's vacation answers it.
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            forwarder: Address::new("alice", "corp.example"),
            destination: Address::new("x", "ext.example").unwrap(),
            mechanism: "inbox_rule",
            action: "quarantined",
            rule: "freemail".into(),
            lapsed: vec!["auditor-2026 (expired)".into()],
            owners: Vec::new(),
            confidence: 0.9987,
            subject: Some("Offer\r\nBcc: all@ext.example".into()),
            time: "2026-11-24T12:00:00Z".parse().unwrap(),
            host: "hop.corp.example".into(),
        }
    }

    fn letter(template: &str) -> io::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), template).unwrap();
        let templates = Templates::load(Some(folder.path()))?;
        let address = |local: &str| Address::new(local, "corp.example").unwrap();
        let letter = templates.letter(&address("forwarden"), address("alice"), &facts())?;
        Ok(String::from_utf8(letter.message).unwrap())
    }

    #[test]
    fn what_a_letter_says_of_itself() {
        let text = letter(BUILT_IN).unwrap();
        for field in [
            "From: forwarden@corp.example\r\n",
            "To: alice@corp.example\r\n",
            "Subject: Mail of alice@corp.example is forwarded to x@ext.example\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ] {
            assert!(text.contains(field), "{field}: {text}");
        }
        assert!(text.contains("Message-ID: <") && text.contains("Date: ") && text.contains("quarantined"), "{text}");
        assert!(text.contains("quarantined\r\n  exception  auditor-2026 (expired)\r\n  seen"), "{text}");
    }

    #[test]
    fn what_strangers_wrote_adds_no_field() {
        let text = letter("{{ subject }}\n\n{{ subject }} {{ confidence }}\n").unwrap();
        assert!(!text.contains("\r\nBcc:") && text.contains("0.999"), "{text}");
    }

    #[test]
    fn templates_that_are_none() {
        for (template, why) in
            [("{{ forwarder", "syntax"), ("{{ nobody }}\n\nx", "undefined"), ("no text", "empty line")]
        {
            let error = letter(template).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
