//! One instance of Postfix, as its own `postconf` tells.

use super::words::words;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A service of `master.cf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The first column: a name, or for `inet` the host and port it listens at.
    pub name: String,
    /// The second: `inet`, `unix`, `pass`, …
    pub kind: String,
    /// The fifth, as written: `y`, `n` or `-`.
    pub chroot: String,
    /// The program.
    pub program: String,
    /// Its own settings (`-o`).
    pub own: BTreeMap<String, String>,
}

impl Service {
    /// As postconf calls it.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The folder of its configuration.
    pub dir: PathBuf,
    /// Its version: 3.7 is `(3, 7)`.
    pub version: (u32, u32),
    /// Every parameter, defaults included, with what it refers to filled in.
    values: BTreeMap<String, String>,
    /// The parameters that `main.cf` sets.
    set: BTreeSet<String>,
    /// The services.
    pub services: Vec<Service>,
    /// What postconf warned of.
    pub warnings: Vec<String>,
}

/// The folders of the instances that belong to this one, itself the first.
///
/// # Errors
/// There is no postconf, or it cannot read that folder.
pub fn directories(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let others = text(&run("postconf", dir, &["-xh", "multi_instance_directories"])?);
    let others = words(&others).into_iter().map(PathBuf::from).filter(|other| other != dir);
    Ok(std::iter::once(dir.to_owned()).chain(others).collect())
}

impl Instance {
    /// Asks postconf.
    ///
    /// # Errors
    /// There is none, or it cannot make sense of the configuration.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let all = run("postconf", dir, &["-x"])?;
        let set = run("postconf", dir, &["-nx"])?;
        let master = run("postconf", dir, &["-M"])?;
        let own = run("postconf", dir, &["-Px"])?;
        let mut values = pairs(&text(&all));
        let set_values = pairs(&text(&set));
        values.extend(set_values.clone());
        let mut services = services(&text(&master));
        for (key, value) in pairs(&text(&own)) {
            let mut parts = key.rsplitn(3, '/');
            let (parameter, kind, name) = (parts.next(), parts.next(), parts.next());
            let service =
                services.iter_mut().find(|service| Some(&*service.name) == name && Some(&*service.kind) == kind);
            if let (Some(service), Some(parameter)) = (service, parameter) {
                service.own.insert(parameter.to_owned(), value);
            }
        }
        let mut warnings: Vec<String> = [all, set, master, own]
            .iter()
            .flat_map(|output| String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        warnings.sort();
        warnings.dedup();
        let version = values.get("mail_version").map_or((0, 0), |text| version(text));
        Ok(Self { dir: dir.to_owned(), version, values, set: set_values.into_keys().collect(), services, warnings })
    }

    /// A parameter of `main.cf`.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// A parameter as a service has it.
    pub fn value_at<'a>(&'a self, service: &'a Service, name: &str) -> &'a str {
        service.own.get(name).map_or_else(|| self.value(name), String::as_str)
    }

    /// Whether `main.cf` says it.
    pub fn sets(&self, name: &str) -> bool {
        self.set.contains(name)
    }

    /// Whether this version has it.
    pub fn knows(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Every parameter that this configuration sets, of `main.cf` and of services: the service, the name, the value.
    pub fn settings(&self) -> impl Iterator<Item = (Option<&Service>, &str, &str)> {
        let main = self.set.iter().map(|name| (None, name.as_str(), self.value(name)));
        let own = self.services.iter().flat_map(|service| {
            service.own.iter().map(move |(name, value)| (Some(service), name.as_str(), value.as_str()))
        });
        main.chain(own)
    }

    /// `main.cf`.
    pub fn main_cf(&self) -> PathBuf {
        self.dir.join("main.cf")
    }

    /// `master.cf`.
    pub fn master_cf(&self) -> PathBuf {
        self.dir.join("master.cf")
    }

    /// Where a setting stands, and the line that sets it to another value: in `main.cf`, or under a service.
    pub fn setting(&self, service: Option<&Service>, name: &str, value: &str) -> (PathBuf, String, String) {
        match service.filter(|service| service.own.contains_key(name)) {
            Some(service) => {
                let line = if value.contains(char::is_whitespace) {
                    format!("  -o {{ {name}={value} }}")
                } else {
                    format!("  -o {name}={value}")
                };
                (self.master_cf(), format!("{} {name}", service.title()), line)
            }
            None => (self.main_cf(), name.to_owned(), format!("{name} = {value}").trim_end().to_owned()),
        }
    }

    /// The transport of that name.
    pub fn transport(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.kind == "unix" && service.name == name)
    }

    /// Whether a service runs in a chroot: `-` has changed its meaning.
    pub fn is_chrooted(&self, service: &Service) -> bool {
        match service.chroot.as_str() {
            "-" => self.version < (3, 0) || self.compatibility_level() < (1, 0),
            chroot => chroot == "y",
        }
    }

    /// Which defaults it has: `3.6` is `(3, 6)`.
    pub fn compatibility_level(&self) -> (u32, u32) {
        version(self.value("compatibility_level"))
    }
}

/// Runs a program of Postfix on that configuration.
pub(super) fn run(program: &str, dir: &Path, arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new(program);
    // Where they are kept is on no user's path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env("PATH", [&path, OsStr::new(":/usr/sbin:/usr/local/sbin")].join(OsStr::new("")));
    command.arg("-c").arg(dir).args(arguments);
    let output = command.output().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(io::Error::other(if said.is_empty() { format!("{program}: {}", output.status) } else { said }));
    }
    Ok(output)
}

pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `name = value` a line.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    text.lines().filter_map(pair).collect()
}

/// A service a line, eight columns and arguments.
fn services(text: &str) -> Vec<Service> {
    let service = |line: &str| {
        let mut columns = line.split_whitespace();
        let mut column = || columns.next().map(str::to_owned);
        let (name, kind, _private, _unprivileged, chroot) = (column()?, column()?, column()?, column()?, column()?);
        let (_wakeup, _limit, program) = (column()?, column()?, column()?);
        Some(Service { name, kind, chroot, program, own: BTreeMap::new() })
    };
    text.lines().filter_map(service).collect()
}

/// The first two numbers of `3.7.11`.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split(['.', '-']).map(|part| part.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("3.7.11"), (3, 7));
        assert_eq!(version("3.11-20260101"), (3, 11));
        assert_eq!(version("0"), (0, 0));
        assert!(version("3.11") > version("3.9"));
    }

    #[test]
    fn a_line_of_master_cf() {
        let all = services("127.0.0.1:10040 inet n   -       n       -       -       smtpd -o {x=a b}\nshort line\n");
        let [service] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((service.title().as_str(), service.program.as_str()), ("127.0.0.1:10040/inet", "smtpd"));
        assert_eq!(service.chroot, "n");
    }
}
