//! One Sendmail, as its `sendmail.cf` tells.

use super::destination::{Host, Place, is_local, place, port};
use crate::frontend::Socket;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The largest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A milter of a Sendmail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// Where it is, as written.
    pub address: String,
    /// `T`, `R`, `4`, or nothing: what is done while it is away.
    pub flags: String,
    /// `S:30s;R:30s`, as written.
    pub times: String,
}

impl Filter {
    /// Where it is; a host by its name is not looked up.
    pub fn socket(&self) -> Option<Socket> {
        Socket::parse(&self.address).ok()
    }

    /// `Xname, S=…, F=…, T=…`
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix('X')?.split(',').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let mut filter = Self { name, address: String::new(), flags: String::new(), times: String::new() };
        for part in parts {
            match part.split_once('=') {
                Some((key, value)) if key.starts_with('S') => value.trim().clone_into(&mut filter.address),
                Some((key, value)) if key.starts_with('F') => value.trim().clone_into(&mut filter.flags),
                Some((key, value)) if key.starts_with('T') => value.trim().clone_into(&mut filter.times),
                _ => {}
            }
        }
        Some(filter)
    }

    /// The line of `sendmail.mc` with other flags.
    pub fn with_flags(&self, flags: &str) -> String {
        let times = if self.times.is_empty() { String::new() } else { format!(", T={}", self.times) };
        format!("INPUT_MAIL_FILTER(`{}', `S={}, F={flags}{times}')dnl", self.name, self.address)
    }
}

/// A Sendmail.
#[derive(Debug, Clone, Default)]
pub struct Cf {
    /// Its configuration file.
    pub path: PathBuf,
    options: Vec<(String, String)>,
    macros: BTreeMap<char, String>,
    /// Its own names and domains, class w.
    pub local: Vec<String>,
    filters: Vec<Filter>,
    maps: BTreeMap<String, (String, PathBuf)>,
    mailers: BTreeMap<String, String>,
}

impl Cf {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = text(path)?;
        let cf = Self { path: path.to_owned(), ..Self::parse(&text) };
        if cf.options.is_empty() || cf.mailers.is_empty() {
            return Err(io::Error::other("is no sendmail.cf"));
        }
        Ok(cf)
    }

    fn parse(text: &str) -> Self {
        let mut cf = Self::default();
        for line in logical_lines(text) {
            let rest = line.get(1..).unwrap_or_default();
            match line.chars().next() {
                Some('O') => {
                    if let Some((name, value)) = rest.split_once('=') {
                        cf.options.push((name.trim().to_owned(), value.trim().to_owned()));
                    }
                }
                Some('D') => {
                    let mut chars = rest.chars();
                    if let Some(name) = chars.next() {
                        cf.macros.insert(name, chars.as_str().trim().to_owned());
                    }
                }
                Some('C') if rest.starts_with('w') => {
                    cf.local.extend(rest.get(1..).unwrap_or_default().split_whitespace().map(str::to_owned));
                }
                Some('F') if rest.starts_with('w') => cf.local.extend(class_file(rest.get(1..).unwrap_or_default())),
                Some('X') => cf.filters.extend(Filter::parse(&line)),
                Some('K') => {
                    let mut words = rest.split_whitespace();
                    if let (Some(name), Some(kind)) = (words.next(), words.next())
                        && let Some(file) = words.find(|word| word.starts_with('/'))
                    {
                        cf.maps.insert(name.to_owned(), (kind.to_owned(), PathBuf::from(file)));
                    }
                }
                Some('M') => {
                    if let Some((name, settings)) = rest.split_once(',') {
                        let arguments = settings.split(',').find_map(|setting| setting.trim().strip_prefix("A="));
                        cf.mailers.insert(name.trim().to_owned(), arguments.unwrap_or_default().trim().to_owned());
                    }
                }
                _ => {}
            }
        }
        cf
    }

    /// An option.
    pub fn option(&self, name: &str) -> &str {
        let found = self.options.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Its name, `$j`, where the configuration says it.
    pub fn name(&self) -> &str {
        self.macros.get(&'j').map_or("", String::as_str)
    }

    /// The filters that are asked; the others are only defined.
    pub fn asked(&self) -> Vec<&Filter> {
        let names = self.option("InputMailFilters");
        let asked = |filter: &&Filter| names.split([',', ';', ' ']).any(|name| name.trim() == filter.name);
        self.filters.iter().filter(asked).collect()
    }

    /// Those that are not.
    pub fn defined_only(&self) -> Vec<&Filter> {
        let asked = self.asked();
        self.filters.iter().filter(|filter| !asked.contains(filter)).collect()
    }

    /// Where mail goes for which nothing else is said: `relay:[127.0.0.1]`. Empty: to the MX of its domain.
    pub fn smart_host(&self) -> &str {
        self.macros.get(&'S').map_or("", String::as_str)
    }

    /// The places that `mailer:host` leads to; none where that is no server.
    pub fn places(&self, target: &str) -> Vec<Place> {
        let (mailer, hosts) = match target.split_once(':') {
            Some((mailer, hosts)) if !mailer.starts_with('[') => (mailer, hosts),
            _ => ("relay", target),
        };
        let Some(arguments) = self.mailers.get(mailer).filter(|arguments| arguments.starts_with("TCP ")) else {
            return Vec::new();
        };
        let port = arguments.split_whitespace().nth(2).and_then(port).unwrap_or(25);
        // Several hosts stand between colons; those of an IPv6 address are in brackets.
        let mut depth = 0_usize;
        let hosts = hosts.split(|c| {
            depth = match c {
                '[' => depth + 1,
                ']' => depth.saturating_sub(1),
                _ => depth,
            };
            c == ':' && depth == 0
        });
        hosts.filter_map(place).map(|place| Place { port, ..place }).collect()
    }

    /// Whether it takes mail at that place.
    pub fn listens(&self, place: &Place) -> bool {
        self.daemons().iter().any(|(addr, port)| {
            *port == place.port
                && match (&place.host, addr) {
                    (Host::Addr(there), Some(addr)) => there == addr,
                    (Host::Addr(there), None) => is_local(*there),
                    (Host::Name(name), None) => name == "localhost" || name == self.name(),
                    (Host::Name(name), Some(addr)) => name == "localhost" && addr.is_loopback(),
                    (Host::Unix(_), _) => false,
                }
        })
    }

    /// Where it takes mail.
    pub fn daemons(&self) -> Vec<(Option<IpAddr>, u16)> {
        let daemon = |value: &str| {
            let settings: Vec<(&str, &str)> = value.split(',').filter_map(|part| part.trim().split_once('=')).collect();
            let get =
                |letter: char| settings.iter().find(|(key, _)| key.starts_with(letter)).map(|(_, value)| value.trim());
            (get('A').and_then(|addr| addr.parse().ok()), get('P').and_then(port).unwrap_or(25))
        };
        let named = self.options.iter().filter(|(name, _)| name.eq_ignore_ascii_case("DaemonPortOptions"));
        named.map(|(_, value)| daemon(value)).collect()
    }

    /// The entries of a table; none where there is no such table.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn table(&self, name: &str) -> io::Result<Vec<(String, String)>> {
        let Some((kind, file)) = self.maps.get(name) else { return Ok(Vec::new()) };
        let output = Command::new("/usr/sbin/makemap").arg("-u").arg(kind).arg(file).output();
        let listing = match output {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
            // What it was made of lies beside it.
            _ if file.exists() => text(file)?,
            // An optional one that is not there.
            _ if !file.with_extension("db").exists() => String::new(),
            Ok(output) => return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
            Err(error) => return Err(io::Error::new(error.kind(), format!("makemap: {error}"))),
        };
        let entry = |line: &str| {
            let (key, value) = line.trim().split_once(char::is_whitespace)?;
            (!key.starts_with('#')).then(|| (key.to_owned(), value.trim().to_owned()))
        };
        Ok(listing.lines().filter_map(entry).collect())
    }

    /// The file of a table.
    pub fn table_file(&self, name: &str) -> Option<&Path> {
        self.maps.get(name).map(|(_, file)| file.as_path())
    }
}

fn text(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(io::Error::other("is no regular file of a size that is read"));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// Lines of which those that begin with white space go on with the one before.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match lines.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => *last += &format!(" {}", line.trim()),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// `Fw-o /etc/mail/local-host-names %[^\#]`
fn class_file(rest: &str) -> Vec<String> {
    let rest = rest.trim_start().strip_prefix("-o").unwrap_or(rest).trim_start();
    let path = rest.split_whitespace().next().unwrap_or_default();
    let names = text(Path::new(path)).unwrap_or_default();
    names
        .lines()
        .filter_map(|line| line.split('#').next())
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = "Cwlocalhost corp.example\nDjmail.corp.example\nDSrelay:[127.0.0.1]\n\
        Kmailertable hash -o /nowhere/mailertable\nO DaemonPortOptions=Family=inet, Name=MTA-v4, Port=smtp\n\
        O InputMailFilters=in\nXin, S=inet:8890@127.0.0.1, F=, T=C:10s;S:10s\nXspare, S=local:/run/x.sock, F=T\n\
        Mrelay,\t\tP=[IPC], F=mDFMuXa8,\n\t\tT=DNS/RFC822/SMTP,\n\t\tA=TCP $h 10040\nMlocal, P=/bin/mda, A=mda $u\n";

    #[test]
    fn a_configuration() {
        let cf = Cf::parse(FRONT);
        assert_eq!((cf.name(), cf.smart_host()), ("mail.corp.example", "relay:[127.0.0.1]"));
        assert_eq!(cf.local, ["localhost", "corp.example"]);
        let shown = |target: &str| cf.places(target).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(cf.smart_host()), ["[127.0.0.1]:10040"]);
        assert_eq!(shown("relay:[::1]:[192.0.2.1]"), ["[::1]:10040", "[192.0.2.1]:10040"]);
        assert_eq!(shown("[192.0.2.1]"), ["[192.0.2.1]:10040"]);
        assert!(shown("local:x").is_empty() && shown("error:5.1.1:550 no").is_empty());
        let [asked] = cf.asked()[..] else { panic!("{:?}", cf.asked()) };
        assert_eq!((asked.name.as_str(), asked.flags.as_str()), ("in", ""));
        assert_eq!(asked.with_flags("T"), "INPUT_MAIL_FILTER(`in', `S=inet:8890@127.0.0.1, F=T, T=C:10s;S:10s')dnl");
        assert_eq!(cf.defined_only()[0].name, "spare");
        assert!(cf.listens(&place("[127.0.0.1]:25").unwrap()) && !cf.listens(&place("[127.0.0.1]:26").unwrap()));
        assert!(cf.table("mailertable").unwrap().is_empty() && cf.table("none").unwrap().is_empty());
    }

    #[test]
    fn what_is_none() {
        for text in ["", "O", "O=", "D", "Cw", "Fw", "X", "X,", "K", "Ka", "M", "M,", " x", "\u{fffd}"] {
            let cf = Cf::parse(text);
            assert!(cf.asked().is_empty() && cf.places("relay:x").is_empty(), "{text}");
        }
    }
}
