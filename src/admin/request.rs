//! As much of HTTP/1.1 as three pages need (RFC 9112): one request line, header fields that are not looked at, and an end.

/// The pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Health,
    Ready,
}

const PAGES: &[(&str, Page)] = &[("/metrics", Page::Metrics), ("/healthz", Page::Health), ("/readyz", Page::Ready)];

/// Why a request gets no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    TooLong,
    TooSlow,
    NoPage,
    NoMethod,
    NoVersion,
}

/// The type of everything but metrics.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Whether the empty line is there.
pub(super) fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

/// The page that is asked for, and whether it is wanted or only what would be said of it.
///
/// # Errors
/// Why there is none to give.
pub(super) fn parse(head: &[u8]) -> Result<(Page, bool), Refusal> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|_| Refusal::Malformed)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Malformed);
    };
    if method.is_empty()
        || !method.bytes().all(|b| b.is_ascii_uppercase())
        || !line.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
    {
        return Err(Refusal::Malformed);
    }
    match version {
        "HTTP/1.1" | "HTTP/1.0" => {}
        other if other.starts_with("HTTP/") => return Err(Refusal::NoVersion),
        _ => return Err(Refusal::Malformed),
    }
    // A proxy may name the host in front (RFC 9112, 3.2.2).
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    let path = target.split('?').next().unwrap_or_default();
    let page = PAGES.iter().find(|(name, _)| *name == path).map(|(_, page)| *page).ok_or(Refusal::NoPage)?;
    match method {
        "GET" => Ok((page, true)),
        "HEAD" => Ok((page, false)),
        _ => Err(Refusal::NoMethod),
    }
}

impl Refusal {
    /// What is answered. Nothing of the request is repeated.
    pub(super) fn answer(self) -> Vec<u8> {
        let (status, fields, text) = match self {
            Self::Malformed => ("400 Bad Request", "", "this is no HTTP request"),
            Self::TooLong => ("431 Request Header Fields Too Large", "", "a request may have 8 KiB"),
            Self::TooSlow => ("408 Request Timeout", "", "a request may take 5 seconds"),
            Self::NoPage => ("404 Not Found", "", "there are /metrics, /healthz and /readyz"),
            Self::NoMethod => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "GET and HEAD alone are answered"),
            Self::NoVersion => ("505 HTTP Version Not Supported", "", "this is HTTP/1.1"),
        };
        response(status, TEXT, fields, &format!("{text}\n"), true)
    }
}

/// A response, the last on its connection.
pub(super) fn response(status: &str, kind: &str, fields: &str, body: &str, with_body: bool) -> Vec<u8> {
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{fields}Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        for (head, wanted) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Ok((Page::Metrics, true))),
            ("GET /metrics?name[]=a HTTP/1.0\n\n", Ok((Page::Metrics, true))),
            ("HEAD /healthz HTTP/1.1\r\n\r\n", Ok((Page::Health, false))),
            ("GET /readyz HTTP/1.1\r\n\r\n", Ok((Page::Ready, true))),
            ("GET /readyz HTTP/2.0\r\n\r\n", Err(Refusal::NoVersion)),
            ("POST /metrics HTTP/1.1\r\n\r\n", Err(Refusal::NoMethod)),
            ("GET / HTTP/1.1\r\n\r\n", Err(Refusal::NoPage)),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Err(Refusal::NoPage)),
            ("GET http://127.0.0.1/metrics HTTP/1.1\r\n\r\n", Ok((Page::Metrics, true))),
            ("GET http:///x HTTP/1.1\r\n\r\n", Err(Refusal::NoPage)),
            ("GET http://metrics HTTP/1.1\r\n\r\n", Err(Refusal::NoPage)),
            ("GET /metrics\r\n\r\n", Err(Refusal::Malformed)),
            ("GET  /metrics HTTP/1.1\r\n\r\n", Err(Refusal::Malformed)),
            ("get /metrics HTTP/1.1\r\n\r\n", Err(Refusal::Malformed)),
            ("GET /metrics HTTP/1.1 \r\n\r\n", Err(Refusal::Malformed)),
            ("GET /met\0rics HTTP/1.1\r\n\r\n", Err(Refusal::Malformed)),
            ("\r\n\r\n", Err(Refusal::Malformed)),
        ] {
            assert!(is_whole(head.as_bytes()), "{head:?}");
            assert_eq!(parse(head.as_bytes()), wanted, "{head:?}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.1\r\n\r\n"), Err(Refusal::Malformed));
        assert!(!is_whole(b"GET /metrics HTTP/1.1\r\n"));
    }
}
