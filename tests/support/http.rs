//! The least of an HTTP client: one request, the whole answer.

#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer: status, header section, body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends these bytes and reads to the end of the connection; `None` where nothing is answered.
pub fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Option<Answer> {
    // An answer may come, and the connection end, before all was sent.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// The page at this path of the server at this port.
pub fn get(port: u16, path: &str) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    exchange(stream, format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).unwrap()
}

/// The value of a series, as it is written on its line.
pub fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{metrics}")).parse().unwrap()
}
