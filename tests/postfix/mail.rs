//! The mails that the tests send.

/// A mail with the Message-ID `<id@…sender's domain>`; `extra` are header fields, each with its CRLF.
pub(crate) fn mail(id: &str, sender: &str, recipient: &str, extra: &str) -> Vec<u8> {
    let (_, domain) = sender.split_once('@').expect("a sender with a domain");
    format!(
        "From: <{sender}>\r\n\
         To: <{recipient}>\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{id}@{domain}>\r\n\
         Subject: {id}\r\n\
         {extra}\r\n\
         Hello.\r\n"
    )
    .into_bytes()
}

/// A mail as the inner server passes it on for a user who forwards: to be given to the hop directly.
pub(crate) fn forwarded(id: &str, sender: &str, forwarder: &str) -> Vec<u8> {
    let (_, domain) = sender.split_once('@').expect("a sender with a domain");
    let trace = format!(
        "Received: by mail.corp.example (Postfix)\r\n\
         \tid 3B1C498C364; Mon, 23 Nov 2026 10:00:02 +0000 (UTC)\r\n\
         Delivered-To: {forwarder}\r\n\
         Received: from mx.{domain} (mx.{domain} [203.0.113.10])\r\n\
         \tby mail.corp.example (Postfix) with ESMTP id 3A4F998C351\r\n\
         \tfor <{forwarder}>; Mon, 23 Nov 2026 10:00:01 +0000 (UTC)\r\n"
    );
    [trace.into_bytes(), mail(id, sender, forwarder, "")].concat()
}
