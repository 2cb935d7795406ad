//! What the benchmarks share: the message that they send, and how they count.

#![allow(unreachable_pub, reason = "shared by the benchmarks")]
#![allow(dead_code, reason = "each benchmark uses what it needs")]

pub mod mta;

use forwarden::message::{self, Builder, Connection, Direction, Limits};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// As an MTA hands it over: paths and parameters end in NUL.
pub struct Message {
    pub sender: &'static str,
    pub rcpts: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// 24 header fields, 6 of them Received, and a 10 kB body; what alice's `.forward` sends on, or mail of dave's own.
    pub fn realistic(forward: bool) -> Self {
        let mut headers: Vec<(String, String)> = vec![
            (
                "Received".into(),
                "by mail.corp.example (Postfix)\n\tid E331F9A845F; Tue, 24 Nov 2026 03:06:23 +0000 (UTC)".into(),
            ),
            ("Delivered-To".into(), "alice@corp.example".into()),
        ];
        for hop in 0..5 {
            headers.push((
                "Received".into(),
                format!(
                    "from mta{hop}.partner.example (mta{hop}.partner.example [203.0.113.{hop}])\n\tby {} (Postfix) with ESMTPS id D73909A8407\n\tfor <alice@corp.example>; Tue, 24 Nov 2026 03:06:23 +0000 (UTC)",
                    if hop == 0 { "mail.corp.example".to_owned() } else { format!("mta{}.partner.example", hop - 1) }
                ),
            ));
        }
        for (name, body) in [
            (
                "DKIM-Signature",
                "v=1; a=rsa-sha256; c=relaxed/relaxed; d=partner.example; s=s1;\n\th=from:to:subject:date; bh=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG=;\n\tb=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGabcdefghijklmnopqrstuvwxyz",
            ),
            (
                "Authentication-Results",
                "mail.corp.example; dkim=pass header.d=partner.example; spf=pass smtp.mailfrom=ann@partner.example",
            ),
            ("From", "Ann Archer <ann@partner.example>"),
            ("To", "Alice <alice@corp.example>, Bob <bob@partner.example>"),
            ("Cc", "team@partner.example"),
            ("Subject", "=?utf-8?q?Lieferung_f=C3=BCr_M=C3=A4rz?="),
            ("Date", "Tue, 24 Nov 2026 03:06:05 +0000"),
            ("Message-ID", "<28E71EA2729F.fs@partner.example>"),
            ("In-Reply-To", "<18E71EA2729F.fs@corp.example>"),
            ("References", "<08E71EA2729F.fs@partner.example>\n\t<18E71EA2729F.fs@corp.example>"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "multipart/alternative; boundary=\"b1\""),
            ("User-Agent", "Mozilla Thunderbird"),
            ("X-Spam-Status", "No, score=-1.9"),
            ("Thread-Index", "AcLOVWAxnvGEuDtXRdO/mL5A7qeYhACT5bXw"),
            ("X-Priority", "3"),
            ("List-Unsubscribe", "<https://partner.example/u>"),
        ] {
            headers.push((name.into(), body.into()));
        }
        assert_eq!(headers.len(), 24);
        if !forward {
            for (name, body) in &mut headers {
                match name.as_str() {
                    "Delivered-To" => *name = "X-Mailer".into(),
                    "From" => *body = "Dave Doe <dave@corp.example>".into(),
                    "To" => *body = "Ann Archer <ann@ext.example>, Bob <bob@partner.example>".into(),
                    "Received" | "Authentication-Results" => {
                        *body = body
                            .replace("partner.example", "corp.example")
                            .replace("203.0.113", "198.51.100")
                            .replace("alice@corp", "ann@ext");
                    }
                    _ => {}
                }
            }
            let rcpts = vec!["<ann@ext.example>\0ORCPT=rfc822;ann@ext.example\0".into()];
            return Self { sender: "<dave@corp.example>\0SIZE=12000\0", rcpts, headers, body: vec![b'x'; 10_000] };
        }
        let rcpts = vec!["<alice.home@ext.example>\0ORCPT=rfc822;alice@corp.example\0".into()];
        Self { sender: "<ann@partner.example>\0SIZE=12000\0", rcpts, headers, body: vec![b'x'; 10_000] }
    }

    /// As the engine gets it.
    pub fn received(&self) -> message::Message {
        let connection = Connection {
            client_addr: Some("198.51.100.10".parse().unwrap()),
            client_name: Some("mail.corp.example".into()),
            helo: Some("mail.corp.example".into()),
            mta: Some("hop.corp.example".into()),
        };
        let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
        let words =
            |args: &str| args.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let sender = words(self.sender);
        builder.sender(&sender[0], sender[1..].to_vec());
        for rcpt in &self.rcpts {
            let rcpt = words(rcpt);
            builder.recipient(&rcpt[0], rcpt[1..].to_vec(), None, None);
        }
        for (name, body) in &self.headers {
            builder.header(name.as_bytes(), body.as_bytes());
        }
        builder.finish()
    }
}

/// What this thread has had of a core: others that want the same core do not count.
pub fn core_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
