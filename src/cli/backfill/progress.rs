//! How far a log is read: a bar on a terminal, nothing where nobody looks on.

use crate::cli::source::printable;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the bar moves.
const EVERY: Duration = Duration::from_millis(200);

/// A bar, moved by a thread of its own, so that reading does not wait for it.
pub(super) struct Progress(Option<(Arc<AtomicBool>, JoinHandle<()>)>);

impl Progress {
    /// A bar for a log of `size` octets on the disk, 0 where that is not known, of which `position` are read.
    pub(super) fn start(path: &Path, size: u64, position: &Arc<AtomicU64>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target((size > 0).then_some(size), ProgressDrawTarget::stderr());
        let template = match size {
            0 => "{msg} {bytes} ({bytes_per_sec})",
            _ => "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let name = path.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into_owned());
        bar.set_message(printable(&name, 24));
        let (ended, position) = (Arc::new(AtomicBool::new(false)), Arc::clone(position));
        let told = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Acquire) {
                bar.set_position(position.load(Ordering::Relaxed));
                std::thread::park_timeout(EVERY);
            }
            bar.finish_and_clear();
        });
        Self(Some((ended, thread)))
    }

    /// Takes the bar away.
    pub(super) fn end(self) {
        if let Some((ended, thread)) = self.0 {
            ended.store(true, Ordering::Release);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
