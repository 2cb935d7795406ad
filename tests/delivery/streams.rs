//! Streams to a receiver that comes late, and datagrams.

use crate::receiver::{self, Reserved};
use crate::site::{arrived, daemon, ids, send, written};

#[test]
fn datagrams_reach_udp_and_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("log");
    let (addr, by_udp) = receiver::udp();
    let by_unix = receiver::unix(&socket);
    let daemon = daemon(&format!(
        "[[output]]\nname = \"udp\"\nformat = \"syslog\"\nto = \"udp:{addr}\"\n\
         [[output]]\nname = \"unix\"\nformat = \"syslog_cef\"\nto = \"unix:{}\"\n",
        socket.display()
    ));
    send(&daemon, 20);
    let wanted = written(&daemon, 20);
    for received in [by_udp, by_unix] {
        arrived(&daemon, &wanted, || ids(&received.text()));
        assert!(received.text().lines().all(|line| line.starts_with("<132>1 ")));
    }
}

/// A receiver that is not there at first gets what waited for it, in order; the other outputs do not wait for it.
#[test]
fn events_wait_for_a_receiver_that_comes_late() {
    let (port, reserved) = Reserved::port();
    let daemon = daemon(&format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n"));
    send(&daemon, 30);
    let wanted = written(&daemon, 30);
    let received = receiver::tcp(reserved);
    arrived(&daemon, &wanted, || ids(&received.text()));
    let order: Vec<String> = received.text().lines().flat_map(|line| ids(line).into_keys()).collect();
    assert!(order.is_sorted(), "ids sort by time: {order:?}");
}
