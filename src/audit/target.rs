//! Lists of targets, as aliases(5) and forward(5) write them, and what each of them is.

use super::finding::Target;
use crate::message::Address;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its line.
    pub line: usize,
    /// What it is, without quotes that stand round the whole.
    pub text: String,
}

/// The entries of a list: separated by commas and line ends outside quotes. Lines that begin with `#` are comments.
pub(super) fn items(text: &str, first_line: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut line = first_line;
    let mut entry = String::new();
    let (mut begins, mut quoted, mut escaped, mut depth, mut fresh, mut comment) =
        (line, false, false, 0_u32, true, false);
    let mut finish = |entry: &mut String, line: usize| {
        let text = unwrapped(entry.trim());
        entry.clear();
        if !text.is_empty() {
            items.push(Item { line, text });
        }
    };
    for c in text.chars() {
        if c == '\n' {
            // No quote reaches over the end of a line: an open one is a mistake, and must not swallow the rest.
            finish(&mut entry, begins);
            line += 1;
            (begins, quoted, escaped, depth, fresh, comment) = (line, false, false, 0, true, false);
            continue;
        }
        if comment {
            continue;
        }
        if fresh && !c.is_whitespace() {
            fresh = false;
            if c == '#' {
                comment = true;
                continue;
            }
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => {
                depth -= 1;
                continue;
            }
            ',' if !quoted && depth == 0 => {
                finish(&mut entry, begins);
                begins = line;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            entry.push(c);
        }
    }
    finish(&mut entry, begins);
    items
}

/// Without quotes that stand round the whole; of `Name <address>` the address.
fn unwrapped(entry: &str) -> String {
    let inner = entry.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| !inner.replace("\\\"", "").contains('"')) {
        return inner.replace("\\\"", "\"").replace("\\\\", "\\");
    }
    // Quotes may stand behind the bar as well: `|"/usr/bin/program argument"`.
    if let Some(inner) = entry.strip_prefix("|\"").and_then(|rest| rest.strip_suffix('"')) {
        return format!("|{inner}");
    }
    match entry.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((address, _)) if !entry.starts_with('|') => address.trim().to_owned(),
        _ => entry.to_owned(),
    }
}

/// What an entry is. `None` for a file or a folder, where mail stays.
pub(super) fn target(text: &str) -> Option<Target> {
    let text = text.trim();
    if let Some(command) = text.strip_prefix('|') {
        return Some(program(command));
    }
    if text.starts_with(['/', '.']) && !text.contains('@') {
        return None;
    }
    let plain = text.strip_prefix('\\').unwrap_or(text);
    Some(match address(plain).or_else(|| computed(plain)) {
        Some(address) => Target::Address(address),
        None if plain.contains(['@', '!', '$', '\u{fffd}']) || plain.contains(|c: char| c.is_control()) => {
            Target::Unclear(plain.to_owned())
        }
        None if plain.contains('%') => Target::Unclear(plain.to_owned()),
        None => Target::Local(plain.to_owned()),
    })
}

/// An address of which a table computes the local part, and whose domain is known for all that: `$1@ext.example`; one of a
/// whole domain: `@ext.example`.
fn computed(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let whole = if local.is_empty() { "*" } else { local };
    let plain =
        address(&format!("x@{domain}")).is_some() && !whole.contains(|c: char| c.is_whitespace() || c.is_control());
    Address::new(whole, domain).filter(|_| plain && (local.is_empty() || local.contains('$')))
}

/// An address that mail could be sent to.
pub(super) fn address(text: &str) -> Option<Address> {
    let text = text.trim();
    let variable = text.contains(['$', '\u{fffd}', '`']);
    let literal = |address: &Address| address.domain().as_str().starts_with('[');
    Address::parse(text).filter(|address| !variable && (address.domain().is_well_formed() || literal(address)))
}

/// Programs that put mail into mailboxes, sort it by rules that are looked at elsewhere, check it or answer it.
const DELIVERY: &[&str] = &[
    "cyrdeliver",
    "deliver",
    "deliverquota",
    "dovecot-lda",
    "dspam",
    "maildrop",
    "mailman",
    "post",
    "preline",
    "procmail",
    "spamassassin",
    "spamc",
    "vacation",
];

/// Where such programs are installed: one in a user's own folder can be anything.
const SYSTEM: &[&str] = &["/usr/", "/bin/", "/var/lib/mailman", "/opt/"];

/// How much of a command is kept.
const MAX_COMMAND: usize = 1_000;

/// What a program is.
pub(super) fn program(command: &str) -> Target {
    let command = command.trim().trim_matches('"').trim();
    let command = command.get(..command.floor_char_boundary(MAX_COMMAND)).unwrap_or(command);
    let mut words = command.split(|c: char| c.is_whitespace() || c == '"' || c == '\'').filter(|word| !word.is_empty());
    // `IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice` is how procmail's manual writes it.
    let first = words.find(|word| !matches!(*word, "exec" | "&&" | "IFS=") && !word.contains('='));
    let first = first.unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or_default();
    let plain = !command.contains(['`', ';', '>', '<', '$']) && !command.trim_start_matches('|').contains(" | ");
    if plain && DELIVERY.contains(&name) && SYSTEM.iter().any(|folder| first.starts_with(folder)) {
        return Target::Delivery(command.to_owned());
    }
    Target::Program(command.to_owned())
}

/// Addresses that a command names: it may send mail there.
pub(super) fn named(command: &str) -> Vec<Address> {
    let separators = |c: char| c.is_whitespace() || "\"'`=,;()<>|&".contains(c);
    let mut found: Vec<Address> = Vec::new();
    for word in command.split(separators).filter(|word| word.contains('@')) {
        let word = word.strip_prefix("-f").or_else(|| word.strip_prefix("-r")).unwrap_or(word);
        found.extend(address(word).filter(|address| address.domain().as_str().contains('.')));
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &str) -> Vec<String> {
        items(list, 1).into_iter().map(|item| item.text).collect()
    }

    #[test]
    fn entries_of_a_list() {
        assert_eq!(
            texts("\\alice, a@b.example (home, sweet)\n# x, y\n\"|prog a, b\", c@d.example"),
            ["\\alice", "a@b.example", "|prog a, b", "c@d.example"]
        );
        assert_eq!(texts("Alice <a@b.example>, \"a b\"@c.example"), ["a@b.example", "\"a b\"@c.example"]);
        assert_eq!(texts("\"open, a@b.example\nc@d.example"), ["\"open, a@b.example", "c@d.example"]);
        assert_eq!(texts("|\"/bin/x y\""), ["|/bin/x y"]);
        assert_eq!(items("a,\n\nb@c.example", 5).last().map(|item| item.line), Some(7));
    }

    #[test]
    fn what_an_entry_is() {
        assert_eq!(target("/var/mail/x"), None);
        assert_eq!(target("./Maildir/"), None);
        assert!(matches!(target("a@b.example"), Some(Target::Address(_))));
        assert!(matches!(target("\\alice"), Some(Target::Local(name)) if name == "alice"));
        for partly in ["$1@b.example", "@b.example", "${user}+x@b.example"] {
            assert!(matches!(target(partly), Some(Target::Address(_))), "{partly}");
        }
        for unclear in ["x@$1", "host!user", "user%host.example", "a@b..example"] {
            assert!(matches!(target(unclear), Some(Target::Unclear(_))), "{unclear}");
        }
    }

    #[test]
    fn programs_of_the_system_and_others() {
        for known in [
            "/usr/bin/procmail",
            "exec /usr/bin/procmail -f-",
            "/usr/bin/vacation alice",
            "IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice",
        ] {
            assert!(matches!(program(known), Target::Delivery(_)), "{known}");
        }
        for other in ["/home/alice/procmail", "procmail", "/usr/bin/procmail; curl x", "/usr/bin/tee x | mail y"] {
            assert!(matches!(program(other), Target::Program(_)), "{other}");
        }
        assert_eq!(named("/usr/sbin/sendmail -oi 'x@ext.example' -fa@b.example").len(), 2);
    }
}
