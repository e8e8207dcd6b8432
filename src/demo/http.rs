//! Parses HTTP/1.1 requests and formats responses.
//!
//! Written by hand because so little is needed: GET, on loopback, for the one client in this same binary. The well-kept
//! server crates bring a runtime or far more of HTTP than that.

use std::io::{BufRead, Read, Write};

use serde::Serialize;

/// The largest size of request line and headers. Requests of our own client have a few hundred bytes.
pub(super) const MAX_HEAD_BYTES: u64 = 16 * 1024;

/// What the API needs of a request.
pub(super) struct Request {
    pub method: String,
    /// Starts with a slash; still percent-encoded.
    pub path: String,
    /// Without the question mark; empty if there is none.
    pub query: String,
    pub host: String,
    pub authorization: Option<String>,
    /// What to do with the connection after the response.
    pub then: AfterResponse,
}

/// What to do with a connection after a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterResponse {
    KeepOpen,
    Close,
}

/// Why a request could not be read.
pub(super) enum RequestError {
    /// The client closed the connection, or was silent for too long.
    Gone,
    /// The head is longer than [`MAX_HEAD_BYTES`].
    TooLong,
    /// Not HTTP/1.x, or no `Host`.
    Malformed,
}

impl Request {
    /// Reads one head. A body is not read, since no endpoint takes one: after a request that announces one, the connection
    /// is closed.
    pub(super) fn read(stream: &mut impl BufRead) -> Result<Self, RequestError> {
        let mut limited = stream.by_ref().take(MAX_HEAD_BYTES);
        let mut head = Vec::new();
        loop {
            let line_start = head.len();
            limited
                .read_until(b'\n', &mut head)
                .map_err(|_| RequestError::Gone)?;
            match &head[line_start..] {
                b"\r\n" => break,
                [.., b'\n'] => {}
                _ if limited.limit() == 0 => return Err(RequestError::TooLong),
                _ => return Err(RequestError::Gone),
            }
        }
        std::str::from_utf8(&head)
            .ok()
            .and_then(Self::parse)
            .ok_or(RequestError::Malformed)
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());

        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !target.starts_with('/') {
            return None;
        }
        let mut then = match version {
            "HTTP/1.1" => AfterResponse::KeepOpen,
            "HTTP/1.0" => AfterResponse::Close,
            _ => return None,
        };

        let (mut host, mut authorization) = (None, None);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "host" => host = Some(value.to_owned()),
                "authorization" => authorization = Some(value.to_owned()),
                "connection" if value.eq_ignore_ascii_case("close") => then = AfterResponse::Close,
                "content-length" if value != "0" => then = AfterResponse::Close,
                "transfer-encoding" => then = AfterResponse::Close,
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

/// A response: a status and JSON.
pub(super) struct Response {
    status: &'static str,
    header: Option<&'static str>,
    body: Vec<u8>,
}

/// The body of an error.
#[derive(Serialize)]
struct Refusal<'a> {
    r#type: &'a str,
    code: &'a str,
    detail: &'a str,
    attr: Option<&'a str>,
}

impl Response {
    /// Returns a 200 with the value as its body.
    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self {
            status: "200 OK",
            header: None,
            body: json(value),
        }
    }

    /// Returns an error: status line, PostHog's `type` and `code`, and a message.
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

    /// Adds a header line, given without its line end.
    pub(super) fn with_header(self, header: &'static str) -> Self {
        Self {
            header: Some(header),
            ..self
        }
    }

    /// Sends head and body in one write, so that the body does not wait for the acknowledgement of the head.
    pub(super) fn write(
        &self,
        stream: &mut impl Write,
        then: AfterResponse,
    ) -> std::io::Result<()> {
        let connection = match then {
            AfterResponse::KeepOpen => "keep-alive",
            AfterResponse::Close => "close",
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
    serde_json::to_vec(value).expect("text, numbers and lists of them can be written as JSON")
}
