//! `forwarden backfill`: logs of a real Sendmail, gzip, garbage, the same log twice, and what the daemon counted itself.
//! Logs of Postfix and Dovecot are written by real ones in `tests/postfix/backfill.rs`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use flate2::Compression;
use flate2::write::GzEncoder;
use forwarden::message::Address;
use forwarden::state::{Departure, Embedded, Reader, Spec, Store, Thresholds};
use jiff::{SignedDuration, Timestamp};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What Sendmail 8.17 logged at `LogLevel` 11, then at the default of 9: the same mail.
const SENDMAIL: &str = "tests/backfill/sendmail.log";

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["backfill", "--own", "corp.example"])
        .args(args)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn pairs(rows: &[serde_json::Value]) -> Vec<String> {
    let pair =
        |row: &serde_json::Value| Some(format!("{} {}", row["forwarder"].as_str()?, row["destination"].as_str()?));
    rows.iter().filter_map(pair).collect()
}

/// Lines of Postfix, one forward each.
fn postfix(forwards: usize) -> String {
    let line = |n: usize| {
        format!(
            "2026-11-24T15:50:{:02}.000001+00:00 mail postfix/smtp[1]: {:X}: to=<a@ext.example>, orig_to=<alice@corp.example>, \
             relay=x[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok)\n",
            n % 60,
            0xAAAA_0000 + n
        )
    };
    (0..forwards).map(line).collect()
}

fn spec(directory: &Path) -> Spec {
    Spec { directory: directory.to_owned(), thresholds: Thresholds::default(), keep_days: 40_000 }
}

#[test]
fn what_a_real_sendmail_logged() {
    let output = run(&["--dry-run", "--format", "json", "--maillog", SENDMAIL]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let rows = json(&output);
    let wanted = [
        "alice@corp.example alice@freemail.example",
        "bob@corp.example bob@ext.example",
        "both@corp.example carol@agency.example",
        "erin@corp.example erin@freemail.example",
        "root@mail.corp.example admin@freemail.example",
    ];
    assert_eq!(pairs(&rows), wanted);
    let counts = rows.last().unwrap();
    assert_eq!((&counts["forwards"], &counts["lists"], &counts["of_whom_unknown"]), (&9.into(), &2.into(), &9.into()));
    assert_eq!(counts["nonsense"], 0);
}

#[test]
fn twice_is_once_and_the_report_tells() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("state");
    let state = ["--state", directory.to_str().unwrap(), "--format", "json", "--maillog", SENDMAIL];
    let first = json(&run(&state));
    assert_eq!((&first.last().unwrap()["written"], &first.last().unwrap()["read_before"]), (&9.into(), &0.into()));
    let second = json(&run(&state));
    assert_eq!((&second.last().unwrap()["written"], &second.last().unwrap()["read_before"]), (&0.into(), &9.into()));
    let reader = Reader::open(&directory).unwrap();
    let day: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let lines = reader.lines(day, day + SignedDuration::from_hours(24)).unwrap();
    assert_eq!((lines.len(), lines[0].count, lines[0].count_ever), (5, 3, 3));
    assert!(lines[0].message_ids.contains(&"to-alice@partner.example".to_owned()), "{lines:?}");
    // A log does not tell how messages look, so it does not speak of an imbalance.
    assert!(reader.volumes(day, day + SignedDuration::from_hours(24)).unwrap().is_empty());
}

#[test]
fn gzip_and_pieces_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(SENDMAIL).unwrap();
    let (early, late) = text.split_at(text.find("=> bob@ext.example").unwrap());
    // Cut in the middle of a line: the pieces of a rotation are not, but a torn line harms nothing else.
    let (older, newer) = (folder.path().join("mail.log.1.gz"), folder.path().join("mail.log"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(early.as_bytes()).unwrap();
    // Two members, as `cat a.gz b.gz` makes them.
    let mut bytes = gzip.finish().unwrap();
    bytes.extend(GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap());
    std::fs::write(&older, &bytes).unwrap();
    std::fs::write(&newer, late).unwrap();
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&older).unwrap().set_modified(past).unwrap();
    let args = ["--dry-run", "--format", "json", "--maillog", newer.to_str().unwrap(), older.to_str().unwrap()];
    let rows = json(&run(&args));
    assert_eq!(rows.last().unwrap()["forwards"], 8, "{rows:?}");
    assert_eq!(rows.last().unwrap()["nonsense"], 2, "both halves");

    // Cut off: what was read counts, and the status tells.
    std::fs::write(&older, &bytes[..bytes.len() / 2]).unwrap();
    let cut = run(&["--dry-run", "--format", "json", "--maillog", older.to_str().unwrap(), newer.to_str().unwrap()]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("could not be read to its end"), "{cut:?}");
    assert!(json(&cut).last().unwrap()["forwards"].as_u64().unwrap() >= 4);
}

#[test]
fn what_the_daemon_counted_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&spec(folder.path()), Timestamp::now()).unwrap().store;
    store.departed(Departure {
        forwarder: Address::parse("alice@corp.example").unwrap(),
        destination: Address::parse("a@ext.example").unwrap(),
        mechanism: "mta_forward",
        time: "2026-11-24T15:50:30Z".parse().unwrap(),
        size: 10,
        message_id: Some("live@partner.example".into()),
        latency: None,
        looks_forwarded: false,
        rule: Some("freemail".into()),
    });
    drop(store);
    let log = folder.path().join("mail.log");
    std::fs::write(&log, postfix(60)).unwrap();
    let output =
        run(&["--state", folder.path().to_str().unwrap(), "--format", "json", "--maillog", log.to_str().unwrap()]);
    let counts = json(&output).pop().unwrap();
    assert_eq!((&counts["written"], &counts["counted_by_daemon"]), (&30.into(), &30.into()), "{counts}");
    let day: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let line = Reader::open(folder.path()).unwrap().lines(day, day).unwrap().remove(0);
    assert_eq!((line.count_ever, line.rule.as_deref()), (31, Some("freemail")));
    assert_eq!(line.message_ids[0], "live@partner.example");
}

/// A file of the first version is brought up to date where it stands.
#[test]
fn a_state_of_the_first_version() {
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    database.execute_batch(include_str!("../src/state/schema.sql")).unwrap();
    let pair = "INSERT INTO pair (forwarder, destination, mechanism, first_seen, last_seen, count, bytes)
                VALUES ('alice@corp.example', 'a@ext.example', 'mta_forward', 1795535430, 1795535430, 1, 10);
                INSERT INTO day VALUES (20781, 'alice@corp.example', 'a@ext.example', 1, 10, 0)";
    database.execute_batch(pair).unwrap();
    let day: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let before = Reader::open(folder.path()).unwrap();
    assert_eq!((before.lines(day, day).unwrap().len(), before.volumes(day, day).unwrap()[0].forwards), (1, 1));
    let log = folder.path().join("mail.log");
    std::fs::write(&log, postfix(60)).unwrap();
    let output =
        run(&["--state", folder.path().to_str().unwrap(), "--format", "json", "--maillog", log.to_str().unwrap()]);
    let counts = json(&output).pop().unwrap();
    // 1795535430 is 15:50:30: from then on the daemon had counted.
    assert_eq!((&counts["written"], &counts["counted_by_daemon"]), (&30.into(), &30.into()), "{counts}");
    assert_eq!(Reader::open(folder.path()).unwrap().volumes(day, day).unwrap()[0].forwards, 1);
}

#[test]
fn what_cannot_be_read_or_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let output = run(args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["--maillog", SENDMAIL]).contains("--state FOLDER, or --dry-run"));
    assert!(said(&["--dry-run", "--maillog", "/nonexistent/mail.log"]).contains("/nonexistent/mail.log: No such file"));
    assert!(said(&["--dry-run", "--maillog", folder.path().to_str().unwrap()]).contains("is a folder"));
    let xz = folder.path().join("mail.log.xz");
    std::fs::write(&xz, b"\xfd7zXZ\0rest").unwrap();
    assert!(
        said(&["--dry-run", "--maillog", xz.to_str().unwrap()])
            .contains("xz -dc FILE | forwarden backfill --maillog -")
    );
    std::fs::write(folder.path().join("state.db"), vec![0x55; 9000]).unwrap();
    let broken = said(&["--state", folder.path().to_str().unwrap(), "--maillog", SENDMAIL]);
    assert!(broken.contains("not a database"), "{broken}");
    assert_eq!(std::fs::read(folder.path().join("state.db")).unwrap(), vec![0x55; 9000], "nothing is set aside");
}

#[test]
fn text_fits_and_hostile_names_harm_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("mail.log");
    let hostile = "Nov 24 15:50:32 mail postfix/smtp[1]: AAAAA1: to=<\u{202e}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@ext.example>, \
                   orig_to=<alice.with.a.very.long.name.indeed@corp.example>, relay=x, status=sent (250)\n";
    std::fs::write(&log, format!("{}{hostile}\u{1b}[31mred\n", postfix(3))).unwrap();
    let output = run(&["--dry-run", "--maillog", log.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("4 forwards in 2 pairs") && text.contains("1 made no sense"), "{text}");
    // No bar where nobody looks on.
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
