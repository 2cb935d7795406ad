//! Records as the body of a request.

use crate::sink::encode::Format;

/// The body that a dialect asks for.
pub(super) fn of(format: &Format, records: &[&[u8]]) -> Vec<u8> {
    let (before, between, after): (&[u8], &[u8], &[u8]) = match format.name {
        "sentinel" => (b"[", b",", b"]"),
        "udm" => (b"{\"inlineSource\":{\"events\":[{\"udm\":", b"},{\"udm\":", b"}]}}"),
        "gelf" => (b"", b"\n", b""),
        _ => (b"", b"\n", b"\n"),
    };
    let mut body = Vec::with_capacity(records.iter().map(|record| record.len() + between.len()).sum::<usize>() + 64);
    body.extend_from_slice(before);
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(between);
        }
        body.extend_from_slice(record);
    }
    body.extend_from_slice(after);
    body
}

/// What it is called.
pub(super) fn content_type(format: &Format) -> &'static str {
    match format.name {
        "splunk_hec" | "sentinel" | "udm" | "gelf" => "application/json",
        "cef" | "leef" | "leef_tab" => "text/plain; charset=utf-8",
        _ => "application/x-ndjson",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::encode::format;

    #[test]
    fn bodies() {
        let body = |name| String::from_utf8(of(format(name).unwrap(), &[b"{1}", b"{2}"])).unwrap();
        assert_eq!(body("json"), "{1}\n{2}\n");
        assert_eq!(body("elasticsearch_bulk"), "{1}\n{2}\n");
        assert_eq!(body("sentinel"), "[{1},{2}]");
        assert_eq!(body("udm"), "{\"inlineSource\":{\"events\":[{\"udm\":{1}},{\"udm\":{2}}]}}");
    }
}
