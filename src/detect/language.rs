//! How mail clients say, in the languages of their users, that a message was forwarded. Supporting evidence at the most:
//! rules of clients write the same as persons, and a subject is anybody's to choose.
//!
//! Prefixes, separators and labels are those that the clients' localisations use; crisp-oss/email-forward-parser (MIT)
//! collects them, too.

/// Subject prefixes, in lower case. `I:` (Italian), `VS:` (Danish; an answer in Finnish) and `PD:` (Polish) are too common
/// otherwise to stand alone.
const PREFIXES: &[&str] = &[
    "fwd",        // everywhere
    "fw",         // everywhere
    "wg",         // German
    "tr",         // French
    "rv",         // Spanish
    "vb",         // Swedish
    "vl",         // Finnish
    "enc",        // Portuguese
    "redir.",     // Romanian
    "videresend", // Norwegian
    "doorst",     // Dutch
    "i̇lt",        // Turkish
    "ilt",
    "prosl.", // Croatian
    "tov",    // Hungarian
    "пер",    // Russian
    "пересл",
    "转发",        // Chinese
    "轉寄",        // Chinese, traditional
    "転送",        // Japanese
    "전달",        // Korean
    "إعادة توجيه", // Arabic
    "הועבר",       // Hebrew
];

/// Lines that clients write above a forwarded message, in lower case, without dashes and colon.
const SEPARATORS: &[&str] = &[
    "forwarded message",
    "begin forwarded message",
    "fwd.msg",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten nachricht",
    "message transmis",
    "message transféré",
    "début du message réexpédié",
    "début du message transféré",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "messaggio inoltrato",
    "inoltrato",
    "inizio messaggio inoltrato",
    "doorgestuurd bericht",
    "begin doorgestuurd bericht",
    "mensagem reencaminhada",
    "mensagem encaminhada",
    "início da mensagem reencaminhada",
    "início da mensagem encaminhada",
    "videresendt meddelelse",
    "start på videresendt besked",
    "videresendt melding",
    "vidarebefordrat meddelande",
    "vidarebefordrat mejl",
    "edelleenlähetetty viesti",
    "välitetty viesti",
    "välitetty viesti alkaa",
    "przekazana wiadomość",
    "treść przekazanej wiadomości",
    "początek przekazywanej wiadomości",
    "wiadomość przesłana dalej",
    "přeposlaná zpráva",
    "začátek přeposílané zprávy",
    "preposlaná správa",
    "začiatok preposlanej správy",
    "továbbított üzenet",
    "továbbított levél kezdete",
    "proslijeđena poruka",
    "započni proslijeđenu poruku",
    "mesaj redirecționat",
    "începe mesajul redirecționat",
    "пересылаемое сообщение",
    "перенаправленное сообщение",
    "начало переадресованного сообщения",
    "перенаправлене повідомлення",
    "переслане повідомлення",
    "початок листа, що пересилається",
    "i̇letilmiş mesaj",
    "iletilmiş mesaj",
    "i̇letilen i̇leti",
    "iletilen ileti",
    "i̇leti başlangıcı",
    "ileti başlangıcı",
    "メッセージを転送",
];

/// Labels of the header block above a forwarded message, in lower case: sender, recipient, subject.
const LABELS: &[[&[&str]; 3]] = &[
    [&["from"], &["to"], &["subject"]],
    [&["von"], &["an"], &["betreff"]],
    [&["de"], &["à", "pour"], &["objet", "sujet"]],
    [&["de"], &["para", "a"], &["asunto", "assunto"]],
    [&["da", "mittente"], &["a"], &["oggetto"]],
    [&["van"], &["aan"], &["onderwerp"]],
    [&["fra"], &["til"], &["emne"]],
    [&["från"], &["till"], &["ämne"]],
    [&["lähettäjä"], &["vastaanottaja"], &["aihe"]],
    [&["od", "nadawca"], &["do", "adresat"], &["temat"]],
    [&["od"], &["komu", "pre"], &["předmět", "predmet"]],
    [&["feladó"], &["címzett"], &["tárgy"]],
    [&["šalje"], &["prima"], &["naslov", "predmet"]],
    [&["expeditorul", "de la"], &["destinatarul", "către"], &["subiect", "subiectul"]],
    [&["от", "отправитель"], &["кому"], &["тема"]],
    [&["від", "від кого"], &["кому"], &["тема"]],
    [&["kimden", "gönderen"], &["kime"], &["konu"]],
    [&["送信元"], &["送信先"], &["件名"]],
];

/// Whether a subject begins with a prefix of a forward, answers' prefixes before it aside.
pub(super) fn subject_says_forward(subject: &str) -> bool {
    let mut rest = subject.trim().to_lowercase();
    for _ in 0..4 {
        let Some((prefix, after)) = rest.split_once([':', '：']) else {
            return false;
        };
        let prefix = prefix.trim();
        if PREFIXES.contains(&prefix) {
            return true;
        }
        // Replies may stand before it; anything longer is no prefix.
        if prefix.chars().count() > 4 {
            return false;
        }
        rest = after.trim().to_owned();
    }
    false
}

/// How many lines of a text are looked at: what is quoted further below was not sent on, but answered long ago.
const LINES: usize = 200;
/// Within how many lines the labels of a block stand.
const BLOCK: usize = 8;

/// Whether a text has a separator of a forward, or the header block of one under a rule of underscores.
pub(super) fn text_says_forward(text: &str) -> bool {
    let lines: Vec<String> =
        text.lines().take(LINES).map(|line| line.trim_start_matches(['>', ' ']).trim().to_lowercase()).collect();
    let separates = |line: &String| {
        let words = line.trim_matches(['-', ' ', '_', '=']).trim_end_matches([':', ' ']);
        // In a sentence the words are no separator: it has dashes around it, or a colon behind.
        (line.starts_with('-') || line.ends_with(':')) && SEPARATORS.contains(&words)
    };
    lines.iter().any(separates)
        || lines.iter().enumerate().any(|(at, line)| {
            let ruled = line.len() >= 20 && line.bytes().all(|b| b == b'_');
            ruled && is_block(lines.get(at + 1..).unwrap_or_default())
        })
}

fn is_block(lines: &[String]) -> bool {
    let labels: Vec<&str> = lines.iter().take(BLOCK).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    LABELS.iter().any(|language| language.iter().all(|names| labels.iter().any(|label| names.contains(label))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_that_say_forward() {
        for prefix in PREFIXES {
            for subject in
                [format!("{prefix}: x"), format!("Re: {prefix} : x"), format!("{}：x", prefix.to_uppercase())]
            {
                // Upper case of a dotted Turkish i is another letter.
                assert!(subject_says_forward(&subject) || prefix.contains('i'), "{subject}");
            }
        }
        for subject in
            ["Re: x", "Forward planning: x", "x", "Budget 2026: fwd: x", "VS: x", "I: x", "PD: x", "Transport: x"]
        {
            assert!(!subject_says_forward(subject), "{subject}");
        }
    }

    #[test]
    fn texts_that_say_forward() {
        for separator in SEPARATORS {
            for text in [
                format!("Please see.\n\n---------- {separator} ---------\nFrom: a\n"),
                format!("> {separator}:\n>\n> x"),
                format!("-----{separator}-----"),
            ] {
                assert!(text_says_forward(&text), "{text}");
            }
            assert!(!text_says_forward(&format!("This is a {separator}, I think.")), "{separator}");
        }
        for [from, to, subject] in LABELS {
            let (from, to, subject) = (from[0], to[0], subject[0]);
            let rule = "_".repeat(32);
            assert!(text_says_forward(&format!("see\n{rule}\n{from}: a\nSent: b\n{to}: c\n{subject}: d\n")), "{from}");
            assert!(!text_says_forward(&format!("see\n{rule}\n{from}: a\n{to}: c\n")), "{from}");
            assert!(!text_says_forward(&format!("{from}: a\n{to}: c\n{subject}: d\n")), "{from}");
        }
    }
}
