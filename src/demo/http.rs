//! One HTTP/1.1 request in, one answer out: the bytes of both.
//!
//! Written by hand because so little is needed: GET, on loopback, for the one client in this same binary.
//! What is well kept among server crates brings a runtime or a good deal more of HTTP than that.

use std::io::{BufRead, Read, Write};

use serde::Serialize;

/// Request line and headers together. A real request here has a few hundred bytes.
pub(super) const MAX_HEAD_BYTES: u64 = 16 * 1024;

/// What the API needs to know of a request.
pub(super) struct Request {
    pub method: String,
    /// Starts with a slash; still percent-encoded.
    pub path: String,
    /// Without its question mark; empty if there is none.
    pub query: String,
    pub host: String,
    pub authorization: Option<String>,
    /// What becomes of the connection once this is answered.
    pub then: Then,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    KeepOpen,
    Close,
}

/// Why there is no request.
pub(super) enum Unreadable {
    /// The client closed, or was silent for too long: nobody waits for an answer.
    Gone,
    /// The head is longer than [`MAX_HEAD_BYTES`].
    TooLong,
    /// Not HTTP/1.x, or no `Host`.
    Malformed,
}

impl Request {
    /// Reads one head and leaves the stream behind it. A body is not read: who announces one is answered and then
    /// cut off, for nothing served here takes one.
    pub(super) fn read(stream: &mut impl BufRead) -> Result<Self, Unreadable> {
        let mut limited = stream.by_ref().take(MAX_HEAD_BYTES);
        let mut head = Vec::new();
        loop {
            let line_start = head.len();
            limited
                .read_until(b'\n', &mut head)
                .map_err(|_| Unreadable::Gone)?;
            match &head[line_start..] {
                b"\r\n" => break,
                [.., b'\n'] => {}
                _ if limited.limit() == 0 => return Err(Unreadable::TooLong),
                _ => return Err(Unreadable::Gone),
            }
        }
        std::str::from_utf8(&head)
            .ok()
            .and_then(Self::parse)
            .ok_or(Unreadable::Malformed)
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());

        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !target.starts_with('/') {
            return None;
        }
        let mut then = match version {
            "HTTP/1.1" => Then::KeepOpen,
            "HTTP/1.0" => Then::Close,
            _ => return None,
        };

        let (mut host, mut authorization) = (None, None);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "host" => host = Some(value.to_owned()),
                "authorization" => authorization = Some(value.to_owned()),
                "connection" if value.eq_ignore_ascii_case("close") => then = Then::Close,
                "content-length" if value != "0" => then = Then::Close,
                "transfer-encoding" => then = Then::Close,
                _ => {}
            }
        }

        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: host?,
            authorization,
            then,
        })
    }
}

/// A status and its JSON.
pub(super) struct Answer {
    status: &'static str,
    header: Option<&'static str>,
    body: Vec<u8>,
}

/// The body of every refusal.
#[derive(Serialize)]
struct Refusal<'a> {
    r#type: &'a str,
    code: &'a str,
    detail: &'a str,
    attr: Option<&'a str>,
}

impl Answer {
    /// 200 with the value as its body.
    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self {
            status: "200 OK",
            header: None,
            body: json(value),
        }
    }

    /// A refusal: status line, PostHog's `type` and `code`, and a sentence for people.
    pub(super) fn refusal(status: &'static str, r#type: &str, code: &str, detail: &str) -> Self {
        let refusal = Refusal {
            r#type,
            code,
            detail,
            attr: None,
        };
        Self {
            status,
            header: None,
            body: json(&refusal),
        }
    }

    /// The same answer with one more header line, given without its line end.
    pub(super) fn with_header(self, header: &'static str) -> Self {
        Self {
            header: Some(header),
            ..self
        }
    }

    /// Sends head and body in one write, so that neither waits for the acknowledgement of the other.
    pub(super) fn write(&self, stream: &mut impl Write, then: Then) -> std::io::Result<()> {
        let connection = match then {
            Then::KeepOpen => "keep-alive",
            Then::Close => "close",
        };
        let mut bytes = format!(
            "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {connection}\r\n",
            self.status,
            self.body.len(),
        )
        .into_bytes();
        if let Some(header) = self.header {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        stream.write_all(&bytes)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text, numbers and lists of them always have a JSON form")
}
