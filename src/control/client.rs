//! The command's side.

use super::{Request, Status};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the daemon may take to answer: a reload may read long lists.
const PATIENCE: Duration = Duration::from_secs(60);
/// Octets of an answer: as much as a configuration with very many problems has to say.
const MAX_ANSWER: u64 = 16 << 20;

/// Asks the daemon that listens at `socket`.
///
/// # Errors
/// Nobody listens there, or what answers is no daemon of this version.
pub fn ask(socket: &Path, request: Request) -> io::Result<Status> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}
