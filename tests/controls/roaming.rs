//! Persons on the road, as each mail server writes down that they logged in.

use crate::control::{ADDRESSED, Controls, Way};

/// The line of the server that a client outside logged in to.
const SERVERS: [Way; 14] = [
    (
        "Postfix",
        "Received: from smtpclient.apple (dyn9.provider.example [203.0.113.9])
	(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
	(No client certificate requested)
	(Authenticated sender: alice@corp.example)
	by inner.corp.example (Postfix) with ESMTPSA id 5A1
	for <ann@partner.example>; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
    (
        "Postfix without the login's name",
        "Received: from phone.local (unknown [203.0.113.9])
	by inner.corp.example (Postfix) with ESMTPSA id 5A2; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
    (
        "Exim",
        "Received: from dyn9.provider.example ([203.0.113.9] helo=[192.0.2.20])
	by inner.corp.example with esmtpsa  (TLS1.3) tls TLS_AES_256_GCM_SHA384
	(Exim 4.96) (envelope-from <alice@corp.example>) id 1r6abc-0001-Xy; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "Sendmail",
        "Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
	(authenticated bits=0)
	by inner.corp.example (8.17.1/8.17.1) with ESMTPSA id 3AO90abc
	(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NOT); Tue, 24 Nov 2026 09:00:00 GMT\n",
        None,
    ),
    (
        "Courier",
        "Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
	(AUTH: PLAIN alice, TLS: TLSv1.3,256bits,AES_256_GCM)
	by inner.corp.example with ESMTPSA; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "qmail",
        "Received: from unknown (HELO phone.local) (alice@corp.example@203.0.113.9)
	by inner.corp.example with ESMTPA; 24 Nov 2026 09:00:00 -0000\n",
        None,
    ),
    (
        "OpenSMTPD",
        "Received: from phone.local (dyn9.provider.example [203.0.113.9])
	by inner.corp.example (OpenSMTPD) with ESMTPSA id 5a7
	(TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) auth=yes user=alice; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
    (
        "Zimbra",
        "Received: from inner.corp.example (inner.corp.example [198.51.100.5])
	by inner.corp.example (Postfix) with ESMTP id 5A8; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)
Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
	by inner.corp.example (Postfix) with ESMTPSA id 5A9; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
    (
        "Exchange, Outlook",
        "Received: from EX1.corp.example (198.51.100.6) by EX1.corp.example
 (198.51.100.6) with Microsoft SMTP Server (version=TLS1_2,
 cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.2.1544.4; Tue, 24 Nov 2026 09:00:01 +0000
Received: from EX1.corp.example ([fe80::1]) by EX1.corp.example
 ([fe80::1%5]) with mapi id 15.02.1544.004; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "behind a content filter",
        "Received: from localhost (localhost [127.0.0.1])
	by inner.corp.example (Postfix) with ESMTP id 5AB; Tue, 24 Nov 2026 09:00:02 +0000 (UTC)
Received: from inner.corp.example ([127.0.0.1])
	by localhost (inner.corp.example [127.0.0.1]) (amavisd-new, port 10024)
	with ESMTP id 5AC; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)
Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
	(Authenticated sender: alice)
	by inner.corp.example (Postfix) with ESMTPSA id 5AD; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
    (
        "SquirrelMail",
        "Received: from 203.0.113.9
	(SquirrelMail authenticated user alice)
	by webmail.corp.example with HTTP; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "Horde",
        "Received: from webmail.corp.example (localhost [127.0.0.1])
	by webmail.corp.example (Postfix) with ESMTP id 5AE; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)
Received: from dyn9.provider.example (dyn9.provider.example [203.0.113.9])
	by webmail.corp.example (Horde Framework) with HTTPS; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "behind a proxy",
        "Received: from phone.local (proxy.corp.example [198.51.100.3])
	by inner.corp.example (Postfix) with ESMTPSA id 5AF; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)
Received: from phone.local ([203.0.113.9])
	by proxy.corp.example with ESMTPSA
	id abc; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "IPv6",
        "Received: from laptop.local (unknown [IPv6:2001:db8:9::20])
	by inner.corp.example (Postfix) with ESMTPSA id 5B1; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    ),
];

/// Each server with each way to address a message, under an own and a private address.
pub(crate) fn roaming(controls: &mut Controls) {
    for way in SERVERS {
        for (kind, to, rcpts) in ADDRESSED {
            for (identity, mail_from, from, id) in [
                ("own address", "<alice@corp.example>", "alice@corp.example", "<6a@corp.example>"),
                ("tagged sender", "<alice+travel@corp.example>", "alice@corp.example", "<6a@phone.local>"),
                ("BATV", "<prvs=0123abcdef=alice@corp.example>", "alice@corp.example", "<6a@corp.example>"),
                ("private From", "<alice@corp.example>", "alice@home.example", "<6a@home.example>"),
                ("private identity", "<alice@home.example>", "alice@home.example", "<6a@home.example>"),
                (
                    "private identity, rewritten",
                    "<SRS0=hT4k=GR=home.example=alice@corp.example>",
                    "alice@home.example",
                    "<6a@home.example>",
                ),
            ] {
                let fields = format!(
                    "From: Alice <{from}>\n{to}Subject: On my way\nDate: Tue, 24 Nov 2026 08:59:59 +0000\nMessage-ID: {id}"
                );
                controls.add(&format!("roaming, {identity}, {kind}"), way, mail_from, rcpts, &fields);
            }
        }
    }
}
