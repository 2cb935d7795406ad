//! Forwarden finds auto-forwarded mail that leaves an organisation, and does what policy says.
//!
//! Data flows one way; each noun is made by one module and never changed by a later one:
//!
//! ```text
//! bytes ─frontend─▶ Message ─detect─▶ Findings ─assess─▶ Assessment ─policy─▶ Decision ─action─▶ Plan
//!                                                (one per external recipient)                     │
//! MTA ◀──── the frontend carries the Plan out ◀───────────────────────────────────────────────────┘
//!                       └─ engine.record ─▶ Event ─▶ sink
//! ```
//!
//! The modules stand in the order in which a message meets them.

pub mod clock;
pub mod metrics;
pub mod owned;
pub mod word;

pub mod message;

pub mod privacy;

pub mod state;

pub mod backfill;

pub mod detect;

pub mod assess;

pub mod policy;

pub mod usage;

pub mod action;

pub mod quarantine;

pub mod event;

pub mod notify;

pub mod engine;
pub mod sink;

pub mod frontend;

pub mod admin;

pub mod audit;
pub mod doctor;

pub mod config;
pub mod control;

pub mod app;
pub mod cli;
