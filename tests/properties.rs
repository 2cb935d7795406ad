//! Whatever a message holds: it is judged, and nothing breaks. And indymilter's own test client agrees with ours.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use forwarden::config::Config;
use forwarden::message::{Builder, Connection, Direction, Domain, Limits, eml};
use forwarden::sink::NullSink;
use proptest::prelude::*;
use std::sync::Arc;

fn engine() -> forwarden::engine::Engine {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_break_the_engine(
        fields in prop::collection::vec((
            prop::sample::select(vec!["Received", "From", "To", "Delivered-To", "X-Forwarded-For", "Resent-From", "List-Id", "Subject", "Message-ID"]),
            prop::collection::vec(any::<u8>(), 0..120),
        ), 0..12),
        sender in ".{0,60}",
        rcpt in ".{0,60}",
        orcpt in ".{0,60}",
    ) {
        let mut builder = Builder::new("test", Direction::Outbound, Connection::default(), Limits::default());
        builder.sender(&sender, Vec::new());
        builder.recipient(&rcpt, vec![format!("ORCPT={orcpt}")], Some(&sender), Some("esmtp"));
        builder.recipient("<x@ext.example>", vec![format!("ORCPT=rfc822;{orcpt}")], None, None);
        for (name, body) in &fields {
            builder.header(name.as_bytes(), body);
        }
        let message = builder.finish();
        let engine = engine();
        let inspection = engine.inspect(&message, true);
        prop_assert!(!inspection.assessments.is_empty());
        for event in engine.events(&message, &engine.organization, &inspection, None, None) {
            prop_assert!(!serde_json::to_string(&event).unwrap().contains('\n'));
        }
    }

    #[test]
    fn no_file_breaks_the_splitter(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let parts = eml::split(&bytes);
        prop_assert!(parts.body.len() <= bytes.len());
    }
}

#[tokio::test]
async fn indymilter_s_client_is_served() {
    use indymilter_test::{MacroStage, Status, TestConnection};
    let daemon = support::Daemon::start(
        "[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"hold\"\nwhen = { verdict = \"auto_forward\" }\nthen = [\"quarantine\"]\n",
    );
    let mut mta = TestConnection::open(daemon.addr).await.unwrap();
    mta.connect("mail.corp.example", [198, 51, 100, 10]).await.unwrap();
    mta.helo("mail.corp.example").await.unwrap();
    for (sender, rcpt, author, held) in [
        (
            "<ann@partner.example>",
            vec!["<x@ext.example>", "ORCPT=rfc822;alice@corp.example"],
            "ann@partner.example",
            true,
        ),
        ("<dave@corp.example>", vec!["<ann@partner.example>"], "dave@corp.example", false),
    ] {
        mta.mail([sender]).await.unwrap();
        mta.rcpt(rcpt).await.unwrap();
        mta.header("From", author).await.unwrap();
        mta.macros(MacroStage::Eom, [("i", "IM1")]).await.unwrap();
        let (edits, status) = mta.eom().await.unwrap();
        assert_eq!(status, Status::Continue);
        assert_eq!(edits.has_quarantine(indymilter_test::any()), held, "{sender}");
    }
    mta.close().await.unwrap();
}
