//! Lines as servers write them, and lines that try to look so.

use super::*;
use crate::message::{Domain, DomainSet};

/// Who forwards where, by these lines.
fn read(lines: &str) -> (Vec<String>, Counts) {
    let mut domains = DomainSet::new();
    domains.insert(Domain::new("corp.example").unwrap(), true);
    let organization = Organization { domains, ..Organization::default() };
    let mut scanner = Scanner::new(&organization, "corp.example", TimeZone::UTC);
    let (mut counts, mut found) = (Counts::default(), Vec::new());
    let text: String = lines.lines().map(|line| format!("Nov 24 15:50:32 mail {}\n", line.trim())).collect();
    let mut take = |forward: Forward| {
        found.push(format!("{} {} {}", forward.forwarder, forward.destination, forward.mechanism));
    };
    scanner.scan(text.as_bytes(), Years::From(2026), &mut counts, &mut take).unwrap();
    (found, counts)
}

#[test]
fn a_child_that_leaves_before_its_parent_is_logged() {
    let (found, counts) = read(
        "postfix/cleanup[1]: AAAAA1: message-id=<1@partner.example>
         postfix/cleanup[1]: BBBBB2: message-id=<1@partner.example>
         postfix/qmgr[1]: BBBBB2: from=<ann@partner.example>, size=10, nrcpt=1 (queue active)
         postfix/smtp[1]: BBBBB2: to=<a@ext.example>, relay=x[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
         postfix/qmgr[1]: BBBBB2: removed
         postfix/local[1]: AAAAA1: to=<alice@corp.example>, relay=local, delay=1, dsn=2.0.0, status=sent (forwarded as BBBBB2)",
    );
    assert_eq!(found, ["alice@corp.example a@ext.example mta_forward"]);
    assert_eq!((counts.mail, counts.nonsense, counts.outside), (6, 0, 1));
}

#[test]
fn what_others_write_is_not_believed() {
    let (found, counts) = read(
        "postfix/smtp[1]: AAAAA1: to=<a@ext.example>, relay=x[192.0.2.1]:25, status=sent (250 ok, orig_to=<ceo@corp.example>, status=sent (forwarded as BBBBB2))
         postfix/smtp[1]: AAAAA1: to=<bob@corp.example>, relay=x, status=sent (forwarded as AAAAA1)
         postfix/smtp[1]: AAAAA1: to=<\"x@evil.example>, orig_to=<ceo@corp.example>, y\"@ext.example>, relay=x, status=sent (250 ok)
         postfix/smtpd[1]: NOQUEUE: reject: to=<a@ext.example>, orig_to=<ceo@corp.example>, status=sent (250 ok)
         postfix/cleanup[1]: CCCCC3: message-id=<x>, to=<a@ext.example>, orig_to=<ceo@corp.example>, status=sent (250)
         postfix/smtp[1]: AAAAA1: to=<a@ext.example>, orig_to=<dora@corp.example>, relay=none, dsn=4.4.1, status=deferred (status=sent (250))
         dovecot: lmtp(eve@corp.example)<1><s>: sieve: msgid=<x: redirect action: forwarded to <a@ext.example>>: stored mail into mailbox 'INBOX'
         dovecot: lmtp(eve@corp.example)<1><s>: sieve: msgid=<x>: sent vacation response to <\"q forwarded to <a@ext.example\"@evil.example>
         sendmail[1]: 6AOFs7UU000138: to=<a@ext.example>, delay=1, mailer=esmtp, stat=Deferred: ctladdr=<ceo@corp.example> (1/1), stat=Sent
         cron[1]: AAAAA1: to=<a@ext.example>, orig_to=<ceo@corp.example>, relay=x, status=sent (250 ok)",
    );
    assert_eq!(found, [""; 0], "{counts:?}");
}

#[test]
fn dovecot_through_syslog_and_in_older_words() {
    let (found, _) = read(
        "dovecot: lmtp(grace@corp.example)<9377><r1tM>: sieve: msgid=<1@x.example>: redirect action: forwarded to <g@ext.example>
         dovecot: lmtp(4711, heidi@corp.example): r1tM: sieve: msgid=<1@x.example>: forwarded to <h@ext.example>
         dovecot: lda(ivan): sieve: msgid=unspecified: forwarded to <i@ext.example>
         dovecot: lda(ivan)<1><s>: sieve: msgid=<2@x.example>: redirect action: forwarded to <dave@corp.example>",
    );
    assert_eq!(
        found,
        [
            "grace@corp.example g@ext.example sieve_redirect",
            "heidi@corp.example h@ext.example sieve_redirect",
            "ivan@corp.example i@ext.example sieve_redirect"
        ]
    );
}

#[test]
fn dovecot_in_a_log_of_its_own() {
    let mut domains = DomainSet::new();
    domains.insert(Domain::new("corp.example").unwrap(), true);
    let organization = Organization { domains, ..Organization::default() };
    let mut scanner = Scanner::new(&organization, "corp.example", TimeZone::UTC);
    let log =
        b"Nov 24 16:47:56 lmtp(grace@corp.example)<7271><qpg1J7y/BWtnHAAAg+zDdQ>: Info: sieve: msgid=<1@x.example>: \
                redirect action: forwarded to <g@ext.example>\n";
    let mut found = 0;
    scanner.scan(log.as_slice(), Years::From(2026), &mut Counts::default(), &mut |_| found += 1).unwrap();
    assert_eq!(found, 1, "the session has a slash");
}

#[test]
fn sendmail_names_who_controls_or_the_sender() {
    let (found, counts) = read(
        "sm-mta[1]: s1AOFs7UU000138: from=<ann@partner.example>, size=118, class=0, nrcpts=1, msgid=<1@x.example>, proto=ESMTP
         sm-mta[2]: s1AOFs7UU000138: to=<a@ext.example>, ctladdr=<alice@corp.example> (1000/1000), delay=00:00:01, mailer=esmtp, dsn=2.0.0, stat=Sent (ok)
         sm-mta[1]: s1AOFs7UU000139: from=<dave@corp.example>, size=118, class=0, nrcpts=1, msgid=<2@x.example>, proto=ESMTP
         sm-mta[2]: s1AOFs7UU000139: to=<z@ext.example>, ctladdr=<dave@mail.corp.example> (1001/1001), delay=00:00:01, stat=Sent (ok)
         sm-mta[2]: s1AOFs7UU000139: to=y@ext.example, ctladdr=<dave@corp.example> (1001/1001), delay=00:00:01, stat=Sent (ok)",
    );
    assert_eq!(found, ["alice@corp.example a@ext.example mta_forward"]);
    assert_eq!((counts.outside, counts.of_whom), (3, 1));
}

#[test]
fn mail_of_programs_is_for_names_without_a_domain() {
    let (found, _) = read(
        "postfix/pickup[1]: AAAAA1: uid=0 from=<root>
         postfix/cleanup[1]: AAAAA1: message-id=<1@host.corp.example>
         postfix/qmgr[1]: AAAAA1: from=<root@host.corp.example>, size=10, nrcpt=1 (queue active)
         postfix/smtp[1]: AAAAA1: to=<admin@ext.example>, orig_to=<root>, relay=x[192.0.2.1]:25, status=sent (250 ok)",
    );
    assert_eq!(found, ["root@host.corp.example admin@ext.example mta_forward"]);
}

#[test]
fn copies_are_of_the_only_mailbox_and_senders_with_a_password_copy_nobody() {
    let copied = |client: &str, own: &str| {
        read(&format!(
            "postfix/smtpd[1]: AAAAA1: client={client}
             postfix/cleanup[1]: AAAAA1: message-id=<1@partner.example>
             postfix/qmgr[1]: AAAAA1: from=<ann@partner.example>, size=10, nrcpt=2 (queue active)
             postfix/local[1]: AAAAA1: to=<frank@corp.example>, relay=local, status=sent (delivered to maildir)
             postfix/local[1]: AAAAA1: to=<{own}>, relay=local, status=sent (delivered to maildir)
             postfix/smtp[1]: AAAAA1: to=<archive@ext.example>, relay=x[192.0.2.1]:25, status=sent (250 ok)
             postfix/qmgr[1]: AAAAA1: removed"
        ))
        .0
    };
    let outside = "mx.partner.example[203.0.113.10]";
    assert_eq!(copied(outside, "frank@corp.example"), ["frank@corp.example archive@ext.example bcc_map"]);
    assert_eq!(copied(outside, "gina@corp.example"), [""; 0]);
    assert_eq!(copied("localhost[127.0.0.1]", "frank@corp.example"), [""; 0]);
    assert_eq!(copied(&format!("{outside}, sasl_method=PLAIN, sasl_username=frank"), "frank@corp.example"), [""; 0]);
}

#[test]
fn what_makes_no_sense_is_counted() {
    let mut domains = DomainSet::new();
    domains.insert(Domain::new("corp.example").unwrap(), true);
    let organization = Organization { domains, ..Organization::default() };
    let mut scanner = Scanner::new(&organization, "corp.example", TimeZone::UTC);
    let mut log =
        b"nonsense\n\n\0\xff\xfe\nNov 24 15:50:32\nNov 24 15:50:32 mail postfix/smtp[1]: AAAAA1: to=<a@ext".to_vec();
    log.extend_from_slice(b"\nNov 24 15:50:32 mail postfix/smtp[1]: AAAAA1: to=<");
    log.extend(std::iter::repeat_n(b'a', 200_000));
    log.extend_from_slice(b"\nNov 24 15:50:32 mail kernel: fine");
    let mut counts = Counts::default();
    scanner.scan(log.as_slice(), Years::From(2026), &mut counts, &mut |_| panic!("nothing is to be found")).unwrap();
    assert_eq!((counts.lines, counts.nonsense, counts.too_long, counts.mail), (6, 4, 1, 0));
    assert_eq!(counts.bytes, log.len() as u64);
}
