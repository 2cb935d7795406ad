//! What a control is, and the ways in which mail of ours comes to the hop.

/// A message at the outbound hop that is no forward.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    /// Its cause and variation; no two are the same.
    pub(crate) name: String,
    /// The user who logged in at the hop itself.
    pub(crate) login: Option<&'static str>,
    pub(crate) mail_from: String,
    pub(crate) rcpts: Vec<String>,
    /// The header section, with LF.
    pub(crate) header: String,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Controls(pub(crate) Vec<Control>);

impl Controls {
    /// A message that came this way; `fields` stand below the trace.
    pub(crate) fn add(&mut self, name: &str, way: Way, mail_from: &str, rcpts: &[&str], fields: &str) {
        let (by, trace, login) = way;
        self.0.push(Control {
            name: format!("{name}, {by}"),
            login,
            mail_from: mail_from.to_owned(),
            rcpts: rcpts.iter().map(|rcpt| (*rcpt).to_owned()).collect(),
            header: format!("{trace}{}", fields.trim_end()),
        });
    }
}

/// How a message of ours came to the hop: a name, the trace, a login at the hop itself.
pub(crate) type Way = (&'static str, &'static str, Option<&'static str>);

/// A person's client, at the desk or on the road.
pub(crate) const CLIENTS: [Way; 5] = [
    (
        "desk",
        "Received: from ws7.corp.example (ws7.corp.example [198.51.100.90])
 (Authenticated sender: alice) by inner.corp.example (Postfix) with ESMTPSA id 4A1; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "roaming",
        "Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
 by inner.corp.example (Postfix) with ESMTPSA id 4A2; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "webmail",
        "Received: from webmail.corp.example (webmail.corp.example [198.51.100.8])
 by inner.corp.example (Postfix) with ESMTP id 4A3; Tue, 24 Nov 2026 09:00:00 +0000
Received: from [203.0.113.10] by webmail.corp.example with HTTP; Tue, 24 Nov 2026 08:59:59 +0000\n",
        None,
    ),
    (
        "two hops",
        "Received: from inner.corp.example (inner.corp.example [198.51.100.5])
 by gate.corp.example (Postfix) with ESMTP id 4A5; Tue, 24 Nov 2026 09:00:01 +0000
Received: from [198.51.100.91] (ws8.corp.example [198.51.100.91])
 by inner.corp.example (Postfix) with ESMTPSA id 4A4; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    ("login at the hop", "", Some("alice")),
];

/// A program of ours.
pub(crate) const PROGRAMS: [Way; 4] = [
    (
        "pickup",
        "Received: by web1.corp.example (Postfix, from userid 33)\n id 4B1; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "own machine",
        "Received: from web1.corp.example (web1.corp.example [198.51.100.20])
 by inner.corp.example (Postfix) with ESMTP id 4B2; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "local, then relayed",
        "Received: from web1.corp.example (web1.corp.example [198.51.100.20])
 by inner.corp.example (Postfix) with ESMTP id 4B4; Tue, 24 Nov 2026 09:00:01 +0000
Received: by web1.corp.example (Postfix, from userid 33)\n id 4B3; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "sendmail submit",
        "Received: (from www@localhost)\n by web1.corp.example (8.17.1/8.17.1/Submit) id 3AO9; Tue, 24 Nov 2026 09:00:00 GMT\n",
        None,
    ),
];

/// A service in the cloud that has a login of ours.
pub(crate) const SERVICES: [Way; 2] = [
    (
        "connector",
        "Received: from out7.saas.example (out7.saas.example [203.0.113.40])
 (Authenticated sender: crm-connector) by inner.corp.example (Postfix) with ESMTPSA id 4C1; Tue, 24 Nov 2026 09:00:00 +0000
Received: from worker.saas.example (unknown [203.0.113.41])\n by out7.saas.example with ESMTP id 77; Tue, 24 Nov 2026 08:59:59 +0000\n",
        None,
    ),
    ("connector at the hop", "", Some("crm-connector")),
];

/// Who gets it: a name, To and Cc, the recipients outside.
pub(crate) const ADDRESSED: [(&str, &str, &[&str]); 4] = [
    ("to outside", "To: Ann <ann@partner.example>\n", &["<ann@partner.example>"]),
    ("cc own", "To: ann@partner.example\nCc: bob@corp.example\n", &["<ann@partner.example>"]),
    ("bcc outside, to own", "To: bob@corp.example\n", &["<ann@partner.example>"]),
    (
        "undisclosed",
        "To: undisclosed-recipients:;\n",
        &["<ann@partner.example>", "<ben@other.example>", "<cy@third.example>"],
    ),
];
