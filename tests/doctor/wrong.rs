//! Wrong wirings: each is found, nothing else is, and what the doctor says to write puts it right.

use crate::site::{Site, available, shell};
use serde_json::Value;

/// What is found: the ids, in order.
#[track_caller]
fn found(site: &Site, wanted: &[&str]) -> Vec<Value> {
    let findings = site.findings();
    let ids: Vec<&str> = findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert_eq!(ids, wanted, "{findings:#?}");
    for finding in &findings {
        assert!(!finding["text"].as_str().unwrap().is_empty(), "{finding:#}");
    }
    findings
}

/// What is found, as above; and when it is changed as it says, nothing is found any more.
#[track_caller]
fn cured(site: &Site, wanted: &[&str]) -> Vec<Value> {
    let findings = found(site, wanted);
    findings.iter().for_each(|finding| site.follow(finding));
    assert_eq!(site.findings(), Vec::<Value>::new(), "after what it says was done");
    findings
}

macro_rules! wrong {
    ($($(#[$doc:meta])* $name:ident: $site:expr => |$used:ident| $body:block)*) => {
        $($(#[$doc])* #[test]
        fn $name() {
            if available() {
                #[allow(unused_mut, reason = "few of them add an instance")]
                let mut $used = $site;
                $body
            }
        })*
    };
}

wrong! {
    /// The usual recommendation: a milter at the MX, which sends outside itself.
    a_milter_at_the_front_door: Site::c() => |site| {
        site.edit("relay", "main.cf", "mydestination =\n", "mydestination = corp.example, localhost\n");
        site.edit("relay", "main.cf", "local_transport = error:no mailboxes here\n", "");
        let all = found(&site, &["hop.expands"]);
        assert_eq!(all[0]["severity"], "error");
    }
    no_milter_at_the_hop: Site::b() => |site| {
        site.edit("out", "main.cf", "smtpd_milters = ", "smtpd_milter = ");
        let all = found(&site, &["milter.missing", "milter.missing", "config.unused"]);
        assert!(all[2]["found"].as_str().unwrap().starts_with("smtpd_milter="), "{all:#?}");
    }
    the_default_route_passes_the_hop_by: Site::b() => |site| {
        site.edit("inner", "main.cf", "default_transport = smtp:[127.0.0.1]:10040", "default_transport = smtp");
        let all = found(&site, &["route.default"]);
        assert_eq!(all[0]["found"], "smtp: to the MX of the recipient's domain");
        cured(&site, &["route.default"]);
    }
    a_relayhost_passes_the_hop_by: Site::b() => |site| {
        let line = "default_transport = smtp\nrelayhost = [smart.provider.example]:587";
        site.edit("inner", "main.cf", "default_transport = smtp:[127.0.0.1]:10040", line);
        let all = cured(&site, &["route.default"]);
        assert_eq!(all[0]["at"], "relayhost");
        assert_eq!(all[0]["change"][0], "relayhost = [127.0.0.1]:10040");
    }
    an_unknown_server_inside_may_be_a_hop: Site::b() => |site| {
        site.edit("inner", "main.cf", "smtp:[127.0.0.1]:10040", "smtp:[gate.corp.example]:25");
        let all = found(&site, &["route.default"]);
        assert_eq!(all[0]["severity"], "warning");
        assert!(site.look(&["--hop", "gate.corp.example:25"]).status.success());
    }
    a_default_route_to_nowhere: Site::a() => |site| {
        site.edit("inner", "main.cf", "fwdhop:", "fwdhob:");
        found(&site, &["route.default"]);
    }
    a_transport_table: Site::b() => |site| {
        site.add("inner", "main.cf", "transport_maps = hash:@DIR@/transport\n");
        let entries = "partner.example smtp:[mx.partner.example]\nsub.corp.example smtp:[192.0.2.1]\n\
                       .void.example error:no\nfine.example smtp:[127.0.0.1]:10040\nboss@ext.example smtp:\n*.x :\n";
        site.add("inner", "transport", entries);
        assert!(shell(&format!("cd {}; postmap -c . hash:transport", site.dir("inner").display())).success());
        let all = cured(&site, &["route.transport", "route.transport"]);
        let mut at: Vec<_> = all.iter().map(|finding| finding["at"].as_str().unwrap()).collect();
        at.sort_unstable();
        assert_eq!(at, ["transport_maps, boss@ext.example", "transport_maps, partner.example"]);
    }
    a_transport_table_of_patterns: Site::b() => |site| {
        site.add("inner", "main.cf", "transport_maps = regexp:@DIR@/transport\n");
        site.add("inner", "transport", "# all of it\n/@.*\\.example$/\n  smtp:[192.0.2.99]:2525\nif /x/\n/y/ local:\nendif\n");
        let all = found(&site, &["route.transport"]);
        assert_eq!((&all[0]["severity"], &all[0]["found"]), (&"warning".into(), &"smtp:[192.0.2.99]:2525".into()));
    }
    a_long_transport_table: Site::b() => |site| {
        site.add("inner", "main.cf", "transport_maps = texthash:@DIR@/transport\n");
        let entries: String = (0..50).map(|n| format!("d{n}.example smtp:[192.0.2.1]\n")).collect();
        site.add("inner", "transport", &entries);
        let all = found(&site, &["route.transport"; 5]);
        assert!(all[4]["text"].as_str().unwrap().ends_with("45 more entries like it."));
    }
    a_table_that_cannot_be_listed: Site::b() => |site| {
        site.add("inner", "main.cf", "transport_maps = socketmap:unix:/nowhere:transport\n");
        let all = found(&site, &["table.unread"]);
        assert!(all[0]["found"].as_str().unwrap().ends_with("socketmap tables cannot be listed"));
    }
    a_transport_by_sender: Site::b() => |site| {
        let line = "sender_dependent_default_transport_maps = texthash:@DIR@/by_sender\n";
        site.add("inner", "main.cf", line);
        site.add("inner", "by_sender", "@corp.example smtp:[192.0.2.7]:25\nx@corp.example DUNNO\n");
        let all = cured(&site, &["route.sender"]);
        assert_eq!(all[0]["change"][0], "@corp.example smtp:[127.0.0.1]:10040");
    }
    a_relayhost_by_sender: Site::b() => |site| {
        let lines = "default_transport = smtp\nrelayhost = [127.0.0.1]:10040\n\
                     sender_dependent_relayhost_maps = inline:{{@corp.example = [192.0.2.7]:587}}";
        site.edit("inner", "main.cf", "default_transport = smtp:[127.0.0.1]:10040", lines);
        found(&site, &["route.sender"]);
        // Behind a next hop it has no effect.
        site.edit("inner", "main.cf", "default_transport = smtp\nrelayhost = ", "default_transport = smtp:");
        found(&site, &[]);
    }
    a_filter_action: Site::b() => |site| {
        site.add("inner", "main.cf", "smtpd_recipient_restrictions = permit_mynetworks, check_sender_access texthash:@DIR@/access\n");
        site.add("inner", "access", "ann@partner.example FILTER smtp:[192.0.2.3]:25\nx@y.example FILTER smtp:[127.0.0.1]:10024\nz@y.example REJECT\n");
        let all = cured(&site, &["route.filter"]);
        assert_eq!(all[0]["found"], "smtp:[192.0.2.3]:25");
    }
    a_filter_action_of_header_checks: Site::b() => |site| {
        site.add("inner", "main.cf", "header_checks = regexp:@DIR@/checks\n");
        site.add("inner", "checks", "/^Subject: urgent/ FILTER smtp:\n/^X: /i WARN\n");
        let all = found(&site, &["route.filter"]);
        assert_eq!(all[0]["at"], "header_checks, /^Subject: urgent/");
    }
    a_content_filter_that_leads_outside: Site::b() => |site| {
        site.edit("inner", "master.cf", "smtp inet n - n - - smtpd", "smtp inet n - n - - smtpd\n  -o content_filter=smtp:");
        cured(&site, &["route.content_filter"]);
    }
    a_filter_on_this_host_is_fine: Site::b() => |site| {
        site.add("inner", "main.cf", "content_filter = smtp:[127.0.0.1]:10024\n");
        site.add("inner", "master.cf", "127.0.0.1:10025 inet n - n - - smtpd\n  -o content_filter=\n");
        found(&site, &[]);
    }
    a_relay_transport: Site::b() => |site| {
        site.add("inner", "main.cf", "relay_domains = customer.example, corp.example\n");
        cured(&site, &["route.relay"]);
    }
    own_relay_domains_are_fine: Site::b() => |site| {
        site.add("inner", "main.cf", "relay_domains = corp.example\nrelay_transport = relay\n");
        found(&site, &[]);
    }
    mailboxes_outside: Site::b() => |site| {
        site.add("inner", "main.cf", "mailbox_transport = smtp:[mail.provider.example]\n");
        found(&site, &["route.delivery"]);
    }
    a_fallback_relay: Site::b() => |site| {
        site.add("inner", "main.cf", "smtp_fallback_relay = [backup.provider.example]\n");
        cured(&site, &["route.fallback"]);
    }
    dsn_is_not_announced: Site::b() => |site| {
        site.add("out", "main.cf", "smtpd_discard_ehlo_keywords = chunking, DSN, silent-discard\n");
        let all = cured(&site, &["dsn.discarded"]);
        assert_eq!(all[0]["change"][0], "smtpd_discard_ehlo_keywords = chunking, silent-discard");
    }
    dsn_is_not_announced_to_some: Site::b() => |site| {
        site.add("out", "main.cf", "smtpd_discard_ehlo_keyword_address_maps = cidr:{{127.0.0.0/8 dsn}}\n");
        found(&site, &["dsn.discarded"]);
    }
    dsn_is_not_used: Site::a() => |site| {
        site.edit("inner", "master.cf", "  -o smtp_generic_maps=\n", "  -o smtp_generic_maps=\n  -o smtp_discard_ehlo_keywords=dsn\n");
        let all = cured(&site, &["dsn.discarded"]);
        assert_eq!(all[0]["at"], "fwdhop/unix smtp_discard_ehlo_keywords");
    }
    dsn_may_be_kept_from_the_world: Site::b() => |site| {
        site.add("out", "main.cf", "smtp_discard_ehlo_keywords = dsn\n");
        found(&site, &[]);
    }
    mail_passes_while_the_milter_is_away: Site::b() => |site| {
        site.edit("out", "main.cf", "milter_default_action = tempfail", "milter_default_action = accept");
        let all = cured(&site, &["milter.default_action"]);
        assert_eq!(all[0]["severity"], "error");
    }
    mail_bounces_while_the_milter_is_away: Site::a() => |site| {
        site.edit("inner", "master.cf", "milter_default_action=tempfail", "milter_default_action=reject");
        cured(&site, &["milter.default_action"]);
    }
    a_default_action_of_the_milter_alone: Site::b() => |site| {
        site.edit("out", "main.cf", "smtpd_milters = inet", "smtpd_milters = inet:127.0.0.1:1, { inet");
        site.edit("out", "main.cf", "milter_default_action = tempfail\n", ", default_action=quarantine, command_timeout=2s }\n");
        // One milter of two, in braces over two lines.
        site.edit("out", "main.cf", "\n, default_action", "\n  , default_action");
        let all = found(&site, &["milter.default_action", "milter.timeout"]);
        assert!(all[0]["change"][0].as_str().unwrap().contains("default_action=tempfail"), "{all:#?}");
    }
    an_old_protocol: Site::b() => |site| {
        site.edit("out", "main.cf", "milter_protocol = 6", "milter_protocol = 2");
        cured(&site, &["milter.protocol"]);
    }
    no_time_for_an_answer: Site::b() => |site| {
        site.add("out", "main.cf", "milter_content_timeout = 10s\n");
        cured(&site, &["milter.timeout"]);
    }
    macros_are_missing: Site::b() => |site| {
        site.add("out", "main.cf", "milter_rcpt_macros = {rcpt_addr}\nmilter_data_macros =\nmilter_end_of_header_macros =\nmilter_end_of_data_macros =\n");
        cured(&site, &["milter.macros", "milter.macros"]);
    }
    no_milters_after_all: Site::a() => |site| {
        site.edit("inner", "master.cf", "=no_address_mappings,", "=no_milters,no_address_mappings,");
        cured(&site, &["milter.disabled"]);
    }
    a_proxy_filter: Site::b() => |site| {
        site.add("out", "main.cf", "smtpd_proxy_filter = 127.0.0.1:10026\n");
        cured(&site, &["milter.disabled"]);
    }
    no_milter_for_some_clients: Site::b() => |site| {
        site.add("out", "main.cf", "smtpd_milter_maps = cidr:{{127.0.0.0/8 DISABLE}}\n");
        found(&site, &["milter.disabled"]);
    }
    no_delivered_to: Site::a() => |site| {
        site.add("inner", "main.cf", "prepend_delivered_header = command, file\n");
        cured(&site, &["trace.delivered_to"]);
    }
    a_hop_that_delivers_for_itself: Site::c() => |site| {
        site.edit("relay", "main.cf", "mydestination =\n", "mydestination = $myhostname, localhost\n");
        site.edit("relay", "main.cf", "local_transport = error:no mailboxes here\n", "");
        let all = cured(&site, &["hop.expands"]);
        assert_eq!(all[0]["severity"], "warning");
    }
    a_hop_that_makes_copies: Site::b() => |site| {
        site.add("out", "main.cf", "always_bcc = archive@provider.example\n");
        cured(&site, &["hop.expands"]);
    }
    a_second_door: Site::c() => |site| {
        site.add("relay", "master.cf", "submission inet n - n - - smtpd\n  -o smtpd_milters=\n");
        let all = cured(&site, &["hop.gap"]);
        assert_eq!(all[0]["at"], "submission/inet smtpd_milters");
    }
    a_loop: Site::a() => |site| {
        site.edit("inner", "master.cf", "  -o content_filter=smtp-out:\n", "");
        let all = found(&site, &["hop.loop"]);
        assert_eq!(all[0]["change"][0], "  -o content_filter=smtp-out:");
    }
    mappings_twice: Site::a() => |site| {
        site.edit("inner", "master.cf", "  -o receive_override_options=no_address_mappings,no_unknown_recipient_checks\n", "");
        cured(&site, &["hop.mappings"]);
    }
    one_name_for_both: Site::b() => |site| {
        site.edit("out", "main.cf", "myhostname = out.corp.example", "myhostname = mail.corp.example");
        cured(&site, &["hop.name"]);
    }
    a_smaller_hop: Site::b() => |site| {
        site.add("inner", "main.cf", "message_size_limit = 50000000\n");
        cured(&site, &["hop.size"]);
    }
    what_was_not_moved: Site::b() => |site| {
        site.add("inner", "main.cf", "relayhost = [smart.provider.example]:587\n");
        site.edit("out", "main.cf", "smtp_tls_security_level = may\n", "");
        cured(&site, &["hop.moved", "hop.moved"]);
    }
    defaults_of_versions: Site::c() => |site| {
        site.edit("relay", "main.cf", "milter_default_action = tempfail\n", "");
        site.edit("relay", "main.cf", "smtpd_forbid_bare_newline = normalize\n", "");
        let all = cured(&site, &["version.default", "version.default"]);
        assert!(all.iter().all(|finding| finding["severity"] == "note"), "{all:#?}");
    }
    an_old_configuration: Site::c() => |site| {
        site.edit("relay", "main.cf", "compatibility_level = 3.6", "compatibility_level = 0");
        site.edit("relay", "main.cf", "mynetworks = 127.0.0.0/8, 198.51.100.0/24\n", "");
        cured(&site, &["version.default"]);
    }
    a_daemon_that_is_away: Site::b() => |site| {
        site.daemon.signal(nix::sys::signal::Signal::SIGTERM);
        site.daemon.wait();
        found(&site, &["socket.silent"]);
    }
}

/// A UNIX socket, as the daemon makes it, seen from an smtpd with and without a chroot.
#[test]
fn sockets_in_the_file_system() {
    if !available() {
        return;
    }
    use crate::support::Daemon;
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    // Postfix's user may get here.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("out.sock");
    let listener =
        format!("[[listener]]\nname = \"outbound\"\nsocket = \"unix:{}\"\nmode = \"0600\"\n", socket.display());
    let daemon = Daemon::start_with(&listener, std::net::SocketAddr::from(([127, 0, 0, 1], 8891)));
    crate::support::wait_for("the socket", || socket.exists().then_some(()));
    let mut site = Site::new(daemon);
    let main = format!(
        "compatibility_level = 3.6\nmyhostname = relay.corp.example\nmydestination =\nlocal_transport = error:none\n\
         alias_maps =\nsmtpd_milters = unix:{}\nmilter_default_action = tempfail\ninet_interfaces = loopback-only\n",
        socket.display()
    );
    site.instance("relay", &main, "smtp inet n - y - - smtpd\n");
    let all = found(&site, &["socket.chroot"]);
    assert_eq!(all[0]["severity"], "error");
    site.follow(&all[0]);

    // Mode 0600, and owned by whoever runs the tests.
    let all = found(&site, &["socket.permission"]);
    assert_eq!(all[0]["file"], socket.to_str().unwrap());
    assert_eq!(all[0]["change"][0], "mode = \"0660\"");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    found(&site, &[]);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let all = found(&site, &["socket.permission"]);
    assert_eq!(all[0]["file"], folder.path().to_str().unwrap());
    site.follow(&all[0]);
    found(&site, &[]);
}

/// One listener for each end: what watches incoming mail must never hold it up.
#[test]
fn an_observer_in_front() {
    if !available() {
        return;
    }
    use crate::support::{Daemon, free_port};
    let inbound = free_port();
    let site = Site::b_with(Daemon::start(&format!(
        "[[listener]]\nname = \"inbound\"\nrole = \"observe\"\ndirection = \"inbound\"\nsocket = \"inet:127.0.0.1:{inbound}\"\n"
    )));
    site.add(
        "inner",
        "main.cf",
        &format!("smtpd_milters = inet:127.0.0.1:{inbound}\nmilter_default_action = tempfail\n"),
    );
    let all = cured(&site, &["milter.default_action"]);
    assert_eq!(all[0]["change"][0], "milter_default_action = accept");
    site.add("inner", "main.cf", "milter_command_timeout = 10m\n");
    cured(&site, &["milter.timeout"]);
}
