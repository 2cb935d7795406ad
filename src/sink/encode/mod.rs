//! The one event in the words of each receiver. A dialect is a pure function: it looks nothing up, and writes one record
//! that no content can break.

mod asim;
mod cef;
mod deed;
mod details;
mod ecs;
mod facts;
mod gelf;
mod leef;
mod local;
mod object;
mod ocsf;
mod splunk;
mod syslog;
mod text;
mod udm;

use super::Framing;
use crate::event::Event;
use facts::Facts;
pub use leef::EVENT_IDS as LEEF_EVENT_IDS;
use object::Cap;

/// What a record needs besides the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The process, which syslog names.
    pub process: u32,
    /// The number of the record, from 1: with it a receiver sees gaps.
    pub sequence: u32,
}

/// A dialect.
#[derive(Debug)]
pub struct Format {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it is, and for whom.
    pub about: &'static str,
    encode: fn(&Event, Context, &mut Vec<u8>),
}

/// The name of Forwarden's own dialect: an event as it is written to the spool.
pub const NATIVE: &str = "json";

/// Every dialect.
pub const FORMATS: &[Format] = &[
    Format { name: NATIVE, about: "Forwarden's own, as docs/events.md describes it", encode: native },
    Format {
        name: "ecs",
        about: "Elastic Common Schema 9.4",
        encode: |event, _, out| ecs::encode(event, Cap::WIDE, out),
    },
    Format {
        name: "elasticsearch_bulk",
        about: "ECS for `_bulk` of Elasticsearch and OpenSearch: two lines",
        encode: |event, _, out| ecs::bulk(event, out),
    },
    Format {
        name: "ocsf",
        about: "OCSF 1.8: Email Activity (4009); other kinds of events as Detection Finding",
        encode: |event, _, out| ocsf::activity(event, out),
    },
    Format {
        name: "ocsf_finding",
        about: "OCSF 1.8: Detection Finding (2004)",
        encode: |event, _, out| ocsf::finding(event, out),
    },
    Format {
        name: "cef",
        about: "Common Event Format 0: ArcSight and others",
        encode: |event, _, out| cef::encode(event, out),
    },
    Format {
        name: "leef",
        about: "LEEF 2.0, its fields parted by `^`: QRadar",
        encode: |event, _, out| leef::encode(event, '^', out),
    },
    Format {
        name: "leef_tab",
        about: "LEEF 2.0, its fields parted by tabs, which relays may rewrite",
        encode: |event, _, out| leef::encode(event, '\t', out),
    },
    Format { name: "syslog", about: "RFC 5424: structured data, and ECS as the message", encode: syslog::ecs },
    Format { name: "syslog_cee", about: "The same, with the cookie `@cee:` before the JSON", encode: syslog::cee },
    Format { name: "syslog_cef", about: "RFC 5424 with CEF as the message", encode: syslog::cef },
    Format { name: "syslog_leef", about: "RFC 5424 with LEEF as the message", encode: syslog::leef },
    Format { name: "syslog_leef_tab", about: "The same, its fields parted by tabs", encode: syslog::leef_tab },
    Format {
        name: "syslog_local",
        about: "ECS as programs write to `/dev/log`, without a header: journald, rsyslog and syslog-ng on this host",
        encode: local::syslog,
    },
    Format { name: "journald", about: "Fields of the systemd journal, by its own protocol", encode: local::journal },
    Format { name: "gelf", about: "GELF 1.1: Graylog", encode: |event, _, out| gelf::encode(event, out) },
    Format {
        name: "splunk_hec",
        about: "Splunk HTTP Event Collector, fields named by CIM",
        encode: |event, _, out| splunk::encode(event, out),
    },
    Format {
        name: "sentinel",
        about: "Microsoft Sentinel: ASIM EmailEvent 1.0.0",
        encode: |event, _, out| asim::encode(event, out),
    },
    Format { name: "udm", about: "Google SecOps: UDM", encode: |event, _, out| udm::encode(event, out) },
];

/// The dialect of a name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

impl Format {
    /// Whether its records are parts of an HTTP request, and mean nothing by themselves.
    pub fn is_request(&self) -> bool {
        matches!(self.name, "elasticsearch_bulk" | "splunk_hec" | "sentinel" | "udm")
    }

    /// Whether its records are those of RFC 5424, or of a syslog on this host.
    pub fn is_syslog(&self) -> bool {
        self.name.starts_with("syslog")
    }

    /// How its records are parted on a stream, by custom.
    pub fn framing(&self) -> Framing {
        match self.name {
            "gelf" => Framing::Nul,
            "syslog_local" => Framing::Line,
            _ if self.is_syslog() => Framing::Octets,
            _ => Framing::Line,
        }
    }

    /// Appends the record of an event: without the line's end.
    pub fn encode(&self, event: &Event, context: Context, out: &mut Vec<u8>) {
        (self.encode)(event, context, out);
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

/// The maker, in dialects that ask for one.
const VENDOR: &str = "Forwarden";
/// The product.
const PRODUCT: &str = "forwarden";
/// Its version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn native(event: &Event, _: Context, out: &mut Vec<u8>) {
    if let Err(error) = serde_json::to_writer(&mut *out, event) {
        // The keys are all texts, so there is nothing that JSON could refuse.
        tracing::error!(%error, "event could not be encoded");
    }
}
