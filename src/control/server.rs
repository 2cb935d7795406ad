//! The daemon's side. Questions are passed on to the one task that knows the answers; who asks slowly keeps nobody waiting.

use super::{Request, Status};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// Octets of a request.
const MAX_REQUEST: u64 = 1024;
/// Questions that are answered at the same time.
const MOST: usize = 8;
/// How long a question may take to arrive, and its answer to be read.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long accepting pauses where the process has no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A question, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for.
    pub request: Request,
    /// Takes the answer.
    pub answer: oneshot::Sender<Status>,
}

/// Takes questions until the receiver of `questions` is gone.
pub async fn serve(listener: UnixListener, questions: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(MOST));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = tokio::select! {
            () = questions.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket: a connection could not be accepted; trying again");
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            },
        };
        let questions = questions.clone();
        tokio::spawn(async move {
            if answer(stream, &questions).await.is_none() {
                tracing::debug!("control socket: a question was not answered");
            }
            drop(place);
        });
    }
}

/// `None` where there was no question, nobody to answer it, or nobody to read the answer.
async fn answer(stream: UnixStream, questions: &mpsc::Sender<Asked>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    timeout(PATIENCE, BufReader::new(reader.take(MAX_REQUEST)).read_until(b'\n', &mut line)).await.ok()?.ok()?;
    let request = serde_json::from_slice(&line).ok()?;
    let (sender, receiver) = oneshot::channel();
    questions.send(Asked { request, answer: sender }).await.ok()?;
    let mut text = serde_json::to_vec(&receiver.await.ok()?).ok()?;
    text.push(b'\n');
    timeout(PATIENCE, writer.write_all(&text)).await.ok()?.ok()
}
