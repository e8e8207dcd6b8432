//! The only door to the network: one origin, one key, bounded time, JSON parsed while it comes in.

use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::address::{ApiKey, BaseUrl};
use super::error::{Error, Problem};

/// Limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// For one request with its whole body.
    pub timeout: Duration,
}

impl HttpSettings {
    /// For making a connection; a host that does not answer at all is told early.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
        }
    }
}

/// Bytes of an error's body that are looked at.
const MAX_ERROR_BYTES: u64 = 64 * 1024;
/// Characters of a server's own words that are shown.
const MAX_DETAIL_CHARS: usize = 300;

/// Sends requests to one origin with one key.
pub(super) struct Http {
    agent: Agent,
    origin: String,
    key: ApiKey,
    requests: AtomicU64,
}

impl Http {
    pub fn new(base: &BaseUrl, key: ApiKey, settings: &HttpSettings) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect is an error here: followed, it could take the key to a stranger.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(HttpSettings::CONNECT_TIMEOUT.min(settings.timeout)))
            .timeout_global(Some(settings.timeout))
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .tls_config(
                ureq::tls::TlsConfig::builder()
                    .root_certs(ureq::tls::RootCerts::PlatformVerifier)
                    .build(),
            )
            .build()
            .new_agent();
        Self {
            agent,
            origin: base.origin().to_owned(),
            key,
            requests: AtomicU64::new(0),
        }
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks for `path` (with its query) and parses the answer while it comes in.
    ///
    /// # Errors
    /// For everything but a 200 with JSON of the wanted shape.
    pub fn get<T: DeserializeOwned>(&self, reading: &'static str, path: &str) -> Result<T, Error> {
        self.try_get(path).map_err(|problem| Error {
            reading,
            path: self.key.scrub(path),
            problem,
        })
    }

    fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = self
            .agent
            .get(format!("{}{path}", self.origin))
            .header(header::AUTHORIZATION, self.key.bearer())
            .header(header::ACCEPT, "application/json")
            .call()
            .map_err(|error| self.transport(error))?;
        let status = response.status().as_u16();
        match status {
            200 => self.parse(response),
            300..=399 => {
                let location = text_header(&response, header::LOCATION);
                Err(Problem::Redirect {
                    status,
                    location: location.map(|to| self.one_line(&to)),
                })
            }
            _ => {
                let (code, detail) = self.refusal(response);
                Err(Problem::Status {
                    status,
                    code,
                    detail,
                })
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, response: Response<Body>) -> Result<T, Problem> {
        let content_type = text_header(&response, header::CONTENT_TYPE);
        let is_json = content_type.as_deref().is_some_and(|kind| {
            let kind = kind
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            kind == "application/json" || kind.ends_with("+json")
        });
        if !is_json {
            return Err(Problem::NotJson {
                content_type: content_type.map(|kind| self.one_line(&kind)),
            });
        }
        // ureq caps its own JSON reading at 10 MiB; a page of roles may have hundreds.
        let body = response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        serde_json::from_reader(BufReader::with_capacity(64 * 1024, body)).map_err(|error| {
            match error.classify() {
                serde_json::error::Category::Io => self.broken_body(error.into()),
                serde_json::error::Category::Eof => Problem::Cut,
                _ => Problem::Shape(self.one_line(&error.to_string())),
            }
        })
    }

    /// A connection that was made, and then failed in the body.
    fn broken_body(&self, error: io::Error) -> Problem {
        match error.downcast::<ureq::Error>() {
            Ok(error) => self.transport(error),
            // Neither a broken transfer coding nor broken gzip data is a fault of the connection's security.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Problem::Cut,
            Err(error) => self.io(error),
        }
    }

    fn transport(&self, error: ureq::Error) -> Problem {
        match error {
            ureq::Error::Timeout(_) | ureq::Error::BodyStalled => Problem::TimedOut,
            ureq::Error::HostNotFound => Problem::UnknownHost(self.origin.clone()),
            ureq::Error::Io(error) => self.io(error),
            ureq::Error::Rustls(error) => Problem::Tls(self.one_line(&error.to_string())),
            ureq::Error::Tls(problem) => Problem::Tls(problem.to_owned()),
            ureq::Error::Decompress(..) => Problem::Cut,
            other => Problem::Client(self.one_line(&other.to_string())),
        }
    }

    fn io(&self, error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::TimedOut => Problem::TimedOut,
            io::ErrorKind::UnexpectedEof => Problem::Cut,
            // How rustls says through an io::Error that it will not talk to this server.
            io::ErrorKind::InvalidData => Problem::Tls(self.one_line(&error.to_string())),
            // The standard library has no kind for a failed look-up, only this text.
            _ if error.to_string().contains("failed to lookup address") => {
                Problem::UnknownHost(self.origin.clone())
            }
            _ => Problem::Connection(error),
        }
    }

    /// Code and detail of an error's body, as far as it is PostHog's.
    fn refusal(&self, response: Response<Body>) -> (Option<String>, Option<String>) {
        let mut body = Vec::new();
        // A body that breaks off still has its status, which says the most.
        let _ = response
            .into_body()
            .into_reader()
            .take(MAX_ERROR_BYTES)
            .read_to_end(&mut body);
        match serde_json::from_slice(&body) {
            Ok(Refusal { code, detail }) => (
                code.map(|code| self.one_line(&code)),
                detail.map(|detail| self.one_line(&detail)),
            ),
            Err(_) => (None, None),
        }
    }

    /// Words of a server, without the key should it have sent that back, and made fit for one line of a terminal.
    fn one_line(&self, text: &str) -> String {
        // First the key: a text that is cut could end in half of it.
        one_line(&self.key.scrub(text))
    }
}

fn text_header(response: &Response<Body>, name: header::HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// PostHog's error body; every member may be missing.
#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
    detail: Option<String>,
}

/// Words of a server, made fit for one line of a terminal.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| {
            if c.is_control() || is_bidirectional_mark(c) {
                ' '
            } else {
                c
            }
        })
        .take(MAX_DETAIL_CHARS)
        .collect();
    line.truncate(line.trim_end().len());
    if text.chars().nth(MAX_DETAIL_CHARS).is_some() {
        line.push('…');
    }
    line
}

fn is_bidirectional_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
