//! A page of the manual as a manual page: the Markdown that our pages use, and no more.

/// The whole page. The first heading is the title; what stands under it is the description.
pub(crate) fn page(name: &str, section: &str, source: &str, manual: &str, markdown: &str) -> String {
    let mut out = format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH \"{name}\" \"{section}\" \"\" \"{source}\" \"{manual}\"\n.SH NAME\n{name} \\- configuration of forwarden(1)\n"
    );
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            out += ".PP\n.RS 4\n.nf\n";
            for line in lines.by_ref().take_while(|line| *line != "```") {
                out += &format!("{}\n", guarded(&plain(line)));
            }
            out += ".fi\n.RE\n";
        } else if let Some(heading) = line.strip_prefix("### ") {
            out += &format!(".SS \"{}\"\n", title(heading));
        } else if let Some(heading) = line.strip_prefix("## ") {
            out += &format!(".SH \"{}\"\n", title(heading));
        } else if line.starts_with("# ") {
            out += ".SH DESCRIPTION\n";
        } else if line.starts_with("| ") {
            // The heading of a table says what is plain from its rows.
            if lines.peek().is_some_and(|next| next.starts_with("|---")) {
                lines.next();
            } else {
                out += &row(line);
            }
        } else if let Some(item) = line.strip_prefix("* ") {
            out += &format!(".IP \\(bu 2\n{}\n", guarded(&inline(item)));
        } else if line.is_empty() {
            out += ".PP\n";
        } else {
            out += &format!("{}\n", guarded(&inline(line.trim_start())));
        }
    }
    out
}

/// A row of a table: what it is about, then the rest of the cells.
fn row(line: &str) -> String {
    let inner = line.trim_matches('|');
    let mut cells = cells(inner).into_iter();
    let key = cells.next().unwrap_or_default();
    let rest: Vec<String> = cells.collect();
    let text = match rest.as_slice() {
        [kind, default, text] if !text.is_empty() => {
            let default = if default.is_empty() { String::new() } else { format!("; default: {}", inline(default)) };
            format!("({}{default}) {}", inline(kind), inline(text))
        }
        _ => rest.iter().filter(|cell| !cell.is_empty()).map(|cell| inline(cell)).collect::<Vec<_>>().join(". "),
    };
    format!(".TP\n{}\n{}\n", guarded(&inline(&key)), guarded(&text))
}

/// The cells of a row; a bar in code is none.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut code = false;
    for c in row.replace("\\|", "\u{1}").chars() {
        match c {
            '|' if !code => cells.push(String::new()),
            c => {
                code ^= c == '`';
                if let Some(cell) = cells.last_mut() {
                    cell.push(if c == '\u{1}' { '|' } else { c });
                }
            }
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// A heading, without marks.
fn title(text: &str) -> String {
    plain(&text.replace('`', "")).replace('"', "\\(dq")
}

/// Code bold, emphasis italic, links by their words.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            out += &format!("\\fB{}\\fR", plain(part));
            continue;
        }
        let mut rest = part;
        while let Some((before, after)) = rest.split_once('[') {
            let link = after.split_once("](").and_then(|(words, after)| Some((words, after.split_once(')')?.1)));
            let Some((words, after)) = link else { break };
            out += &plain(&format!("{before}{words}"));
            rest = after;
        }
        out += &plain(rest);
    }
    // A link around code was cut at its marks.
    unlinked(&out).replace("**", "")
}

/// Takes the target of a link away whose words were code.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((_, after)) = after.split_once(')') else { break };
        match before.rfind("[\\fB") {
            Some(at) => out += &format!("{}{}", &before[..at], &before[at + 1..]),
            None => out += before,
        }
        rest = after;
    }
    out + rest
}

/// Text of which nothing is a request or an escape.
fn plain(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// A line that is no request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}
