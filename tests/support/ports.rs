//! Ports for servers that are told theirs: below those that the system gives to clients, and each locked until the test
//! program ends, so that tests side by side do not collide, in whatever programs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]
#![allow(unreachable_pub, reason = "shared by the test binaries")]

use nix::fcntl::{Flock, FlockArg};
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 20_000;
const COUNT: u64 = 12_000;

/// A port on 127.0.0.1 that nobody has, and that no other test gets.
pub fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<Flock<File>>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join(format!("forwarden-ports-{}", nix::unistd::geteuid()));
    std::fs::create_dir_all(&folder).unwrap();
    for attempt in 0..200_u32 {
        let port = FIRST + u16::try_from(RandomState::new().hash_one(attempt) % COUNT).unwrap();
        let file = File::create(folder.join(port.to_string())).unwrap();
        let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
        if is_free(port) {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return port;
        }
    }
    panic!("no free port");
}

/// Whether nobody listens there. It is not listened to find out: a program that another test starts just then would have
/// that socket, too, until it runs, and take connections that are meant for the server.
fn is_free(port: u16) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).is_ok()
}
