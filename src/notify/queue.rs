//! Letters that wait on the disk, a file each, until the server has taken them.

use super::{Letter, Spec};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

/// How many letters wait to be written.
const BUFFER: usize = 1_000;
/// How many wait on the disk.
const MOST: usize = 10_000;
/// After what time a letter that nobody takes is given up: it would be no news any more.
const GIVE_UP: Duration = Duration::from_secs(3 * 86_400);
/// How soon the server is tried again, and how late at the most.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(600);
/// How long the server may take for a step.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes letters, without waiting.
pub struct Queue(SyncSender<Letter>);

impl Queue {
    /// Begins with what waits in the folder.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(super) fn start(spec: &Spec) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&spec.directory)?;
        std::fs::read_dir(&spec.directory)?;
        let (sender, letters) = sync_channel(BUFFER);
        let mut courier = Courier { spec: spec.clone(), wait: SOON, next: Instant::now(), refused: HashMap::new() };
        std::thread::Builder::new().name("notices".into()).spawn(move || courier.run(&letters))?;
        Ok(Self(sender))
    }

    /// Takes one, or counts it as lost.
    pub(super) fn put(&self, letter: Letter) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.0.try_send(letter) {
            lost("too many wait to be written");
        }
    }
}

fn lost(why: &str) {
    ::metrics::counter!(crate::metrics::NOTICES_LOST.name).increment(1);
    tracing::error!(why, "a notice is lost");
}

/// The thread that writes and sends.
struct Courier {
    spec: Spec,
    wait: Duration,
    next: Instant,
    /// How often a letter was refused for good: some servers mean it only the second time.
    refused: HashMap<PathBuf, u32>,
}

impl Courier {
    fn run(&mut self, letters: &Receiver<Letter>) {
        loop {
            match letters
                .recv_timeout(self.next.saturating_duration_since(Instant::now()).max(Duration::from_millis(50)))
            {
                Ok(letter) => {
                    if let Err(error) = self.keep(&letter) {
                        tracing::error!(%error, directory = %self.spec.directory.display(), "a notice cannot be kept");
                        lost("it cannot be kept");
                    }
                    if self.wait == SOON {
                        self.next = Instant::now();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.deliver(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes a letter: its mailbox in the first line, then the message.
    fn keep(&self, letter: &Letter) -> io::Result<()> {
        if self.waiting()?.len() >= MOST {
            return Err(io::Error::other(format!("{MOST} wait already")));
        }
        let name = uuid::Uuid::now_v7().to_string();
        let (new, path) =
            (self.spec.directory.join(format!("{name}.new")), self.spec.directory.join(format!("{name}.eml")));
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{}", letter.to)?;
        file.write_all(&letter.message)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    }

    /// The letters on the disk, the oldest first.
    fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.spec.directory)?;
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// Sends what waits, as far as the server takes it.
    fn deliver(&mut self) {
        self.next = Instant::now() + LATE;
        let Ok(waiting) = self.waiting() else { return };
        if waiting.is_empty() {
            self.wait = SOON;
            return;
        }
        let (host, port) = &self.spec.server;
        let transport = SmtpTransport::builder_dangerous(host.as_str())
            .port(*port)
            .hello_name(ClientId::Domain(self.spec.from.domain().to_string()))
            .timeout(Some(PATIENCE))
            .build();
        for path in waiting {
            match send(&transport, &path) {
                Ok(()) => {
                    let _ = std::fs::remove_file(&path);
                    self.wait = SOON;
                    ::metrics::counter!(crate::metrics::NOTICES_SENT.name).increment(1);
                }
                Err(Refusal::Letter(error)) => {
                    let times = self.refused.entry(path.clone()).or_default();
                    *times += 1;
                    if *times >= 3 || is_old(&path) {
                        tracing::error!(%error, file = %path.display(), "a notice is refused and given up");
                        let _ = std::fs::remove_file(&path);
                        self.refused.remove(&path);
                        lost("it was refused");
                    }
                }
                Err(Refusal::Server(error)) if is_old(&path) => {
                    let _ = std::fs::remove_file(&path);
                    tracing::error!(%error, file = %path.display(), "a notice waited too long");
                    lost("it waited too long");
                }
                Err(Refusal::Server(error)) => {
                    self.wait = (self.wait * 2).min(LATE);
                    tracing::warn!(%error, again_in = self.wait.as_secs(), "notices wait: the server does not take them");
                    self.next = Instant::now() + self.wait;
                    return;
                }
            }
        }
    }
}

fn is_old(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| SystemTime::now().duration_since(written).is_ok_and(|age| age > GIVE_UP))
}

/// Why a letter was not taken.
enum Refusal {
    /// Because of the letter: another one may be taken.
    Letter(String),
    /// Because of the server: no other one would be.
    Server(String),
}

fn send(transport: &SmtpTransport, path: &Path) -> Result<(), Refusal> {
    let bytes = std::fs::read(path).map_err(|error| Refusal::Letter(error.to_string()))?;
    let end =
        bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| Refusal::Letter("it has no mailbox".into()))?;
    let to =
        String::from_utf8_lossy(&bytes[..end]).parse().map_err(|_| Refusal::Letter("it names no mailbox".into()))?;
    let envelope =
        lettre::address::Envelope::new(None, vec![to]).map_err(|error| Refusal::Letter(error.to_string()))?;
    transport.send_raw(&envelope, &bytes[end + 1..]).map(drop).map_err(|error| {
        let text = error.to_string();
        if error.is_permanent() { Refusal::Letter(text) } else { Refusal::Server(text) }
    })
}
