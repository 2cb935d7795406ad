//! Ports for servers that are told theirs: below those that the system gives to clients, and each locked until the test
//! program ends, so that tests side by side do not collide, in whatever programs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]
#![allow(unreachable_pub, reason = "shared by the test binaries")]

use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
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
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return port;
        }
    }
    panic!("no free port");
}
