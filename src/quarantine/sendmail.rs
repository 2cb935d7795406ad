//! Mail that Sendmail holds. `sendmail` itself releases it; there is no command of Sendmail's that shows a message or deletes
//! one, so its queue files are read, as its operations guide describes them.

use super::control::Control;
use super::held::{Held, checked, header_only, program, run};
use crate::message::{Address, Message, Received, Recipient};
use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The largest control file that is read: envelope and header section.
const MAX_CONTROL: u64 = 16 << 20;

/// A Sendmail.
#[derive(Debug, Clone, Copy)]
pub struct Sendmail<'a> {
    /// Its configuration, a `sendmail.cf`.
    pub config: &'a Path,
}

/// Where a held message is kept.
struct Files {
    control: PathBuf,
    data: PathBuf,
}

impl Sendmail<'_> {
    /// What it holds.
    ///
    /// # Errors
    /// Its configuration or its queue cannot be read: most often, this is not root.
    pub(super) fn held(&self) -> io::Result<Vec<Held>> {
        let mut held = Vec::new();
        for queue in self.queues()? {
            let folder = sub(&queue, "qf");
            let entries = fs::read_dir(&folder).map_err(|error| named(&folder, &error))?;
            for entry in entries.filter_map(Result::ok) {
                let name = entry.file_name();
                let Some(id) = name.to_str().and_then(|name| name.strip_prefix("hf")) else { continue };
                if checked(id).is_err() {
                    continue;
                }
                match look_into(id, &Files::of(&queue, id)) {
                    Ok(found) => held.push(found),
                    // Gone in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(named(&entry.path(), &error)),
                }
            }
        }
        Ok(held)
    }

    /// The message.
    ///
    /// # Errors
    /// There is none of that queue id, or it may not be read.
    pub(super) fn message(&self, queue_id: &str) -> io::Result<Vec<u8>> {
        let files = self.files(checked(queue_id)?)?;
        let control = Control::parse(&read_control(&files.control)?);
        let mut message = control.header;
        message.push(b'\n');
        File::open(&files.data).map_err(|error| named(&files.data, &error))?.read_to_end(&mut message)?;
        Ok(message)
    }

    /// Lets it go, at once.
    ///
    /// # Errors
    /// It is not held any more, or this is not root.
    pub(super) fn release(&self, queue_id: &str) -> io::Result<()> {
        let files = self.files(checked(queue_id)?)?;
        let mut command = program("sendmail");
        // Without a reason -Q takes the mark away; with an id that matches nothing it does nothing, and says so to nobody.
        command.arg("-C").arg(self.config).arg("-qQ").arg(format!("-qI{queue_id}")).arg("-Q");
        run(command)?;
        if files.control.exists() {
            return Err(io::Error::other("sendmail -qQ -Q left it as it is: the mail log says why"));
        }
        // It would leave with the next run of the queue anyhow. Nobody waits for the delivery.
        let mut command = program("sendmail");
        command.arg("-C").arg(self.config).arg(format!("-qI{queue_id}"));
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if let Err(error) = started {
            tracing::debug!(%error, queue_id, "not delivered at once");
        }
        Ok(())
    }

    /// Deletes it.
    ///
    /// # Errors
    /// It is not held any more, Sendmail is at it, or this is not root.
    pub(super) fn delete(&self, queue_id: &str) -> io::Result<()> {
        let files = self.files(checked(queue_id)?)?;
        let file = File::options().read(true).write(true).open(&files.control)?;
        let _lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::other(format!("Sendmail is at it just now: {error}")))?;
        // Without its control file a message is none any more.
        fs::remove_file(&files.control)?;
        match fs::remove_file(&files.data) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(&files.data, &error)),
            _ => Ok(()),
        }
    }

    /// The files of a held message.
    fn files(&self, queue_id: &str) -> io::Result<Files> {
        let found = self.queues()?.iter().map(|queue| Files::of(queue, queue_id)).find(|files| files.control.exists());
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "Sendmail does not hold it any more"))
    }

    /// The queue directories, as the configuration says.
    fn queues(&self) -> io::Result<Vec<PathBuf>> {
        let text = fs::read(self.config).map_err(|error| named(self.config, &error))?;
        let mut queues = Vec::new();
        for pattern in queue_patterns(&String::from_utf8_lossy(&text)) {
            // A star stands for directories, and at the end only.
            let Some(stem) = pattern.strip_suffix('*') else {
                queues.push(PathBuf::from(pattern));
                continue;
            };
            let stem = Path::new(stem);
            let (parent, begin) = match (stem.parent(), stem.file_name()) {
                (Some(parent), Some(begin)) if !pattern.ends_with("/*") => (parent, begin),
                _ => (stem, OsStr::new("")),
            };
            let entries = fs::read_dir(parent).map_err(|error| named(parent, &error))?;
            let begins = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default();
                name.as_encoded_bytes().starts_with(begin.as_encoded_bytes()) && path.is_dir()
            };
            queues.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(begins));
        }
        queues.sort();
        queues.dedup();
        if queues.is_empty() {
            return Err(io::Error::other(format!("{}: names no QueueDirectory", self.config.display())));
        }
        Ok(queues)
    }
}

impl Files {
    fn of(queue: &Path, id: &str) -> Self {
        Self { control: sub(queue, "qf").join(format!("hf{id}")), data: sub(queue, "df").join(format!("df{id}")) }
    }
}

/// A queue directory may have its files by kind in directories below it.
fn sub(queue: &Path, kind: &str) -> PathBuf {
    let below = queue.join(kind);
    if below.is_dir() { below } else { queue.to_owned() }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// `O QueueDirectory=/var/spool/mqueue`, and the paths of queue groups: `Qname, P=/var/spool/mqueue.name, …`.
fn queue_patterns(config: &str) -> Vec<String> {
    let directory = |line: &str| {
        let value = line.strip_prefix("O QueueDirectory")?.trim_start().strip_prefix('=')?;
        Some(value.trim().to_owned())
    };
    let group = |line: &str| {
        let mut settings = line.strip_prefix('Q')?.split(',').map(str::trim);
        settings
            .find_map(|setting| setting.strip_prefix("P=").or_else(|| setting.strip_prefix("Path=")))
            .map(str::to_owned)
    };
    config.lines().filter_map(|line| directory(line).or_else(|| group(line))).collect()
}

fn read_control(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CONTROL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn look_into(id: &str, files: &Files) -> io::Result<Held> {
    let control = Control::parse(&read_control(&files.control)?);
    let message = header_only(&control.header);
    let body = fs::metadata(&files.data).map_or(0, |metadata| metadata.len());
    let mut held = Held {
        place: "sendmail",
        queue_id: id.to_owned(),
        time: Timestamp::from_second(control.time).unwrap_or(Timestamp::UNIX_EPOCH),
        size: control.header.len() as u64 + 1 + body,
        forwarders: forwarders(&control, &message),
        sender: control.sender,
        recipients: control.recipients,
        message_id: None,
        subject: None,
        from: None,
        key: String::new(),
    };
    held.read(&message);
    Ok(held)
}

/// ORCPT, where Sendmail was told; else the mailbox that the server in front was asked for, as its Received field says.
fn forwarders(control: &Control, message: &Message) -> Vec<String> {
    let mut all: Vec<String> = control
        .originals
        .iter()
        .filter_map(|original| Recipient::decode_original(original))
        .map(|a| a.to_string())
        .collect();
    if all.is_empty() {
        let asked_for = message.headers.all("Received").filter_map(|(_, field)| {
            let mut named = Received::parse(&field.text()).for_.into_iter();
            named.find(|address| {
                !control.recipients.iter().any(|to| Address::parse(to).is_some_and(|to| to.same(address)))
            })
        });
        all.extend(asked_for.take(1).map(|address| address.to_string()));
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::control::tests::CONTROL;
    use super::*;

    #[test]
    fn whose_mailbox_it_was() {
        let control = Control::parse(CONTROL);
        let message = header_only(&control.header);
        assert_eq!(forwarders(&control, &message), ["alice@corp.example"]);
        // Without ORCPT, by the trace.
        let control = Control { originals: Vec::new(), ..control };
        assert_eq!(forwarders(&control, &message), ["alice@corp.example"]);
    }

    #[test]
    fn where_the_queues_are() {
        let config =
            "O QueueDirectory=/var/spool/mqueue\nQmqueue, P=/var/spool/other, F=f, J=2\nQnone, F=f\nO Queue=x\n";
        assert_eq!(queue_patterns(config), ["/var/spool/mqueue", "/var/spool/other"]);
    }

    #[test]
    fn several_queues() {
        let folder = tempfile::tempdir().unwrap();
        for queue in ["q1/qf", "q1/df", "q2", "other"] {
            fs::create_dir_all(folder.path().join(queue)).unwrap();
        }
        let config = folder.path().join("sendmail.cf");
        fs::write(&config, format!("O QueueDirectory={}/q*\n", folder.path().display())).unwrap();
        fs::write(folder.path().join("q1/qf/hf1aBc"), CONTROL).unwrap();
        fs::write(folder.path().join("q1/df/df1aBc"), "Hi\n").unwrap();
        fs::write(folder.path().join("q2/hf2aBc"), CONTROL).unwrap();
        fs::write(folder.path().join("q2/qf3aBc"), CONTROL).unwrap();
        fs::write(folder.path().join("other/hf4aBc"), CONTROL).unwrap();
        let sendmail = Sendmail { config: &config };
        let mut ids: Vec<String> = sendmail.held().unwrap().into_iter().map(|held| held.queue_id).collect();
        ids.sort();
        assert_eq!(ids, ["1aBc", "2aBc"]);
        assert!(sendmail.message("1aBc").unwrap().ends_with(b"X-Old: style\n\nHi\n"));
        assert!(sendmail.message("3aBc").is_err() && sendmail.message("../q2/hf2aBc").is_err());
        sendmail.delete("1aBc").unwrap();
        assert!(!folder.path().join("q1/df/df1aBc").exists());
        assert_eq!(sendmail.delete("1aBc").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
