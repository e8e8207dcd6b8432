//! The HTTP client, and the only code that uses the network: one origin, one key, time limits, retries and the handling of
//! 429, and JSON that is parsed while it arrives.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use ureq::http::{Response, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

use super::address::BaseUrl;
use super::coding;
use super::error::{Error, Peer, Problem, Responder};
use super::json::{self, Budget, JsonError, JsonStream};
use super::key::ApiKey;
use super::pace::{OutOfTime, Pace, PaceSettings};
use super::proxy::{self, ChosenProxy, UnusableProxy};
use super::resolve::{LookupFailed, SystemResolver};
use crate::model::is_harmful;
use crate::progress::{Event, Hold, Reporter, Request};

/// How requests are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Time limit of one request, including its body.
    pub timeout: Duration,
    /// How often to retry a request that may succeed later.
    pub retries: u32,
    /// The delay before the first retry; it doubles with each retry, up to a minute.
    pub retry_delay: Duration,
    /// Limits on the rate of requests and on the duration of the run.
    pub pace: PaceSettings,
    /// A file of PEM certificates to trust instead of the system's own.
    pub ca_cert: Option<PathBuf>,
}

impl HttpSettings {
    /// Time limit for connecting, so that an unreachable host is reported early.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            retries: 6,
            retry_delay: Duration::from_millis(500),
            pace: PaceSettings::default(),
            ca_cert: None,
        }
    }
}

/// The longest delay that we choose before a retry.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);
/// The pause after a 429 without `Retry-After`: the shorter window of PostHog's rate limits.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that a server may ask for: somewhat more than the longer window of PostHog's rate limits.
const MAX_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// How many bytes of an error's body are read.
const MAX_ERROR_BYTES: u64 = 64 * 1024;
/// How many characters of a server's message are shown.
const MAX_DETAIL_CHARS: usize = 300;

/// Sends requests to one origin with one key.
pub(super) struct Http<'r> {
    agent: Agent,
    origin: String,
    /// The host without scheme and port.
    host: String,
    /// The proxy, if requests go through one.
    proxy: Option<Peer>,
    key: ApiKey,
    settings: HttpSettings,
    pace: Pace,
    requests: AtomicU64,
    budget: Budget,
    reporter: &'r dyn Reporter,
}

/// How often to try a request that overloads the server. All other failures are retried as often as the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    /// As often as after other failures.
    All,
    /// At most twice: the caller has an alternative, such as a smaller page.
    Few,
    /// Once.
    One,
}

impl Tries {
    /// Returns how often a request is retried after `problem`.
    fn retries(self, problem: &Problem, all: u32) -> u32 {
        match self {
            _ if !problem.is_passing() => 0,
            // Better ask for a smaller page than wait for the same time-out again.
            Self::Few if matches!(problem, Problem::TimedOut) => 0,
            Self::Few if problem.is_overload() => all.min(1),
            Self::One if problem.is_overload() => 0,
            _ => all,
        }
    }
}

impl<'r> Http<'r> {
    pub(super) fn new(
        base: &BaseUrl,
        key: ApiKey,
        settings: &HttpSettings,
        reporter: &'r dyn Reporter,
    ) -> Result<Self, Error> {
        let uri = base.origin().parse::<Uri>().unwrap_or_default();
        // A loopback address is never reached through a proxy, which would connect to itself and see the key.
        let chosen = if base.is_loopback() {
            None
        } else {
            proxy::choose(&uri, |name| std::env::var_os(name)).map_err(proxy_error)?
        };
        let peer = chosen.as_ref().map(|chosen| Peer::Proxy {
            name: chosen.name.as_str().into(),
            variable: chosen.variable,
        });
        let agent = Agent::config_builder()
            .proxy(chosen.map(|ChosenProxy { proxy, .. }| proxy))
            .http_status_as_error(false)
            // A redirect is an error: following it could send the key to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(HttpSettings::CONNECT_TIMEOUT.min(settings.timeout)))
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(root_certs(settings)?)
                    .build(),
            )
            .build();
        let agent = Agent::with_parts(agent, DefaultConnector::default(), SystemResolver);
        Ok(Self {
            agent,
            origin: base.origin().to_owned(),
            host: uri.host().unwrap_or_default().to_owned(),
            proxy: peer,
            key,
            pace: Pace::new(settings.pace),
            settings: settings.clone(),
            requests: AtomicU64::new(0),
            budget: Budget::default(),
            reporter,
        })
    }

    /// Returns how many requests were sent so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests `path` (with its query) and parses the response with `read` while it arrives. `read` is called once for each
    /// try.
    ///
    /// # Errors
    /// After all retries, for everything but a 200 with JSON of the expected shape.
    pub(super) fn get<T>(
        &self,
        reading: &'static str,
        path: &str,
        tries: Tries,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<T, Error> {
        let mut retry = 0;
        loop {
            let problem = match self.try_get(path, &read) {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            let error = |problem| self.error(reading, path, problem);
            if retry >= tries.retries(&problem, self.settings.retries) {
                return Err(error(problem));
            }
            retry += 1;
            let (wait, hold) = self.wait_before(retry, &problem);
            self.reporter.report(Event::Retrying {
                reading,
                problem: error(problem).problem.to_string(),
                attempt: retry + 1,
                hold,
                wait_ms: millis(wait),
            });
            self.pace
                .sleep(wait)
                .map_err(|OutOfTime| error(Problem::OutOfTime))?;
        }
    }

    /// Returns how long to wait before a retry, and why. A pause that the server asks for applies to all workers.
    fn wait_before(&self, retry: u32, problem: &Problem) -> (Duration, Hold) {
        let wait = wait_before(self.settings.retry_delay, retry, problem);
        let hold = match wait_asked_for(problem) {
            Some((asked, hold)) if asked == wait => hold,
            _ => Hold::Backoff,
        };
        if wait_asked_for(problem).is_some() {
            self.pace.pause(wait, hold);
        }
        (wait, hold)
    }

    /// Sends a request once it may go out, and reports it.
    fn try_get<T>(
        &self,
        path: &str,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<T, Problem> {
        self.pace
            .wait(self.reporter)
            .map_err(|OutOfTime| Problem::OutOfTime)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut request = Request {
            method: "GET",
            path: self.redact(path),
            status: None,
            rows: None,
            elapsed_ms: 0,
        };
        let begun = Instant::now();
        let answer = self.send(path, &mut request, read);
        request.elapsed_ms = millis(begun.elapsed());
        self.reporter.report(Event::Requested(request));
        answer
    }

    fn send<T>(
        &self,
        path: &str,
        request: &mut Request,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<T, Problem> {
        let timeout = self.pace.remaining().map_or(self.settings.timeout, |left| {
            left.min(self.settings.timeout)
        });
        let response = self
            .agent
            .get(format!("{}{path}", self.origin))
            .header(header::AUTHORIZATION, self.key.bearer())
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, coding::ACCEPTED)
            .config()
            .timeout_global(Some(timeout))
            .build()
            .call()
            .map_err(|error| self.transport(error))?;
        let status = response.status().as_u16();
        request.status = Some(status);
        match status {
            200 => self.parse(response, &mut request.rows, read),
            300..=399 => {
                let location = text_header(&response, header::LOCATION);
                let location = location.map(|to| self.one_line(&to));
                Err(Problem::Redirect { status, location })
            }
            _ => {
                let retry_after =
                    text_header(&response, header::RETRY_AFTER).and_then(|text| retry_after(&text));
                let (detail, responder) = self.refusal(response);
                Err(Problem::Status {
                    status,
                    detail,
                    retry_after,
                    responder,
                })
            }
        }
    }

    fn parse<T>(
        &self,
        response: Response<Body>,
        rows: &mut Option<u64>,
        read: impl Fn(&mut JsonStream<'_>) -> Result<T, JsonError>,
    ) -> Result<T, Problem> {
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
        // A list of roles may take a gigabyte; the stream has its own limits.
        let mut body = self.decoded(response)?;
        let mut json = JsonStream::new(&mut *body, &self.budget);
        read(&mut json)
            .and_then(|answer| {
                *rows = json.rows();
                json.end().map(|()| answer)
            })
            .map_err(|error| match error {
                JsonError::Io(error) => self.broken_body(error),
                JsonError::Truncated => Problem::Truncated,
                JsonError::Syntax(problem) => Problem::BadJson(self.one_line(&problem)),
                JsonError::Shape(bad_value) => {
                    Problem::Shape(self.one_line(&bad_value.to_string()))
                }
                JsonError::OverLimit(bad_value) => {
                    Problem::TooLarge(self.one_line(&bad_value.to_string()))
                }
            })
    }

    /// Classifies a failure while the body was read.
    fn broken_body(&self, error: io::Error) -> Problem {
        match error.downcast::<ureq::Error>() {
            Ok(error) => self.transport(error),
            // Invalid chunks or gzip data, and not a TLS error, which has the same kind.
            Err(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Problem::Truncated,
                _ => self.io(error),
            },
        }
    }

    /// Returns the decompressed body of a response.
    fn decoded(&self, response: Response<Body>) -> Result<Box<dyn Read>, Problem> {
        let (head, body) = response.into_parts();
        coding::decoded(&head.headers, body.into_reader())
            .map_err(|coding| Problem::Coding(self.one_line(&coding)))
    }

    fn transport(&self, error: ureq::Error) -> Problem {
        match error {
            ureq::Error::Timeout(_) => Problem::TimedOut,
            // Invalid transfer encoding, such as a chunk without a length.
            ureq::Error::BodyStalled => Problem::Truncated,
            ureq::Error::Other(error) => match error.downcast::<LookupFailed>() {
                Ok(failed) => self.lookup_failed(*failed),
                Err(other) => Problem::Client(self.one_line(&other.to_string())),
            },
            ureq::Error::Io(error) => self.io(error),
            ureq::Error::Rustls(error) => Problem::Tls(self.one_line(&error.to_string())),
            ureq::Error::Tls(problem) => Problem::Tls(problem.to_owned()),
            ureq::Error::ConnectProxyFailed(problem) => self.proxy_refused(&problem),
            other => Problem::Client(self.one_line(&other.to_string())),
        }
    }

    fn io(&self, error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::TimedOut => Problem::TimedOut,
            io::ErrorKind::UnexpectedEof => Problem::Truncated,
            // How rustls reports a TLS failure through an `io::Error`.
            io::ErrorKind::InvalidData => Problem::Tls(self.one_line(&error.to_string())),
            _ if is_of_machine(&error) => Problem::Machine(error),
            _ => Problem::Connection {
                proxy: self.proxy.clone(),
                error,
            },
        }
    }

    fn lookup_failed(&self, failed: LookupFailed) -> Problem {
        // With a proxy, only the proxy's host is looked up here; the proxy resolves the server's.
        let peer = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None => Peer::Server(self.host.as_str().into()),
        };
        match failed {
            LookupFailed::Unknown => Problem::UnknownHost(peer),
            LookupFailed::Failed(error) if is_of_machine(&error) => Problem::Machine(error),
            LookupFailed::Failed(error) => Problem::NameServer { peer, error },
        }
    }

    fn proxy_refused(&self, problem: &str) -> Problem {
        let Some(proxy) = self.proxy.clone() else {
            return Problem::Client(self.one_line(problem));
        };
        // "proxy server responded 407/407"
        let status = problem
            .rsplit_once('/')
            .and_then(|(_, status)| status.parse().ok());
        Problem::ProxyRefused {
            proxy,
            status,
            problem: self.one_line(problem).into(),
        }
    }

    /// Returns PostHog's message from the body of an error, and whether PostHog sent it.
    fn refusal(&self, response: Response<Body>) -> (Option<String>, Responder) {
        let content_type = text_header(&response, header::CONTENT_TYPE);
        let mut body = Vec::new();
        // A truncated body is acceptable: the status matters most.
        if let Ok(decoded) = self.decoded(response) {
            let _ = decoded.take(MAX_ERROR_BYTES).read_to_end(&mut body);
        }
        let json = body.strip_prefix(json::BYTE_ORDER_MARK).unwrap_or(&body);
        match serde_json::from_slice(json) {
            Ok(Refusal { code, detail }) if code.is_some() || detail.is_some() => (
                detail.map(|detail| self.one_line(&detail)),
                Responder::PostHog,
            ),
            _ => {
                let content_type = content_type.map(|kind| self.one_line(&kind).into());
                (None, Responder::Gateway(content_type))
            }
        }
    }

    /// Returns the error of a request for `path`.
    pub(super) fn error(&self, reading: &'static str, path: &str, problem: Problem) -> Error {
        Error {
            reading,
            place: self.redact(&format!("{}{path}", self.origin)).into(),
            problem,
            key_source: Some(self.key.source().into()),
        }
    }

    /// Removes the key from a text, should it contain it.
    pub(super) fn redact(&self, text: &str) -> String {
        self.key.scrub(text)
    }

    /// Puts a server's message on one line, without the key should the server have echoed it.
    fn one_line(&self, text: &str) -> String {
        // Before the text is cut, which could leave half of the key.
        one_line(&self.key.scrub(text))
    }
}

/// Returns the certificates to trust: the system's, or those in the configured file.
fn root_certs(settings: &HttpSettings) -> Result<RootCerts, Error> {
    let Some(path) = &settings.ca_cert else {
        return Ok(RootCerts::PlatformVerifier);
    };
    let failed = |problem| Error {
        reading: "the trusted certificates",
        place: path.display().to_string().into(),
        problem,
        key_source: None,
    };
    let error = |problem: String| failed(Problem::Certificates(problem));
    let pem = std::fs::read(path).map_err(|e| {
        if is_of_machine(&e) {
            failed(Problem::Machine(e))
        } else {
            error(format!("cannot be read: {e}"))
        }
    })?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(e) => return Err(error(format!("is not a valid PEM file: {e}"))),
        }
    }
    if certificates.is_empty() {
        return Err(error("does not contain a PEM certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn proxy_error(unusable: UnusableProxy) -> Error {
    Error {
        reading: "the proxy settings",
        place: unusable.variable.into(),
        problem: Problem::ProxySetting(unusable.problem.to_string()),
        key_source: None,
    }
}

/// Whether an error is the fault of this machine and not of the other end.
fn is_of_machine(error: &io::Error) -> bool {
    /// `ENFILE` and `EMFILE`, for which the standard library has no kind.
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    let kinds = [
        io::ErrorKind::OutOfMemory,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::AddrNotAvailable,
    ];
    kinds.contains(&error.kind())
        || error
            .raw_os_error()
            .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// Returns our own delay before a retry, which doubles each time. Jitter keeps workers that failed together from retrying
/// together.
fn backoff(first: Duration, retry: u32) -> Duration {
    let doubled = first
        .saturating_mul(1 << (retry - 1).min(16))
        .min(MAX_RETRY_DELAY);
    doubled.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Returns how long to wait before a retry: our own delay, or the server's if it is longer. The server cannot make it
/// shorter, since an overloaded server often answers `Retry-After: 0`.
fn wait_before(first: Duration, retry: u32, problem: &Problem) -> Duration {
    let asked = wait_asked_for(problem).map(|(asked, _)| asked);
    backoff(first, retry).max(asked.unwrap_or_default())
}

/// Returns how long the server wants us to wait, by `Retry-After` or by a 429 without it.
fn wait_asked_for(problem: &Problem) -> Option<(Duration, Hold)> {
    let Problem::Status {
        status,
        retry_after,
        ..
    } = problem
    else {
        return None;
    };
    match (status, retry_after) {
        (_, Some(asked)) => Some(((*asked).min(MAX_PAUSE), Hold::RetryAfter)),
        (429, None) => Some((DEFAULT_PAUSE, Hold::TooManyRequests)),
        _ => None,
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Parses `Retry-After`, which is a number of seconds or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

fn text_header(response: &Response<Body>, name: header::HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// PostHog's error body; every member is optional.
#[derive(Deserialize)]
struct Refusal {
    /// A code such as `permission_denied`.
    code: Option<String>,
    /// A message for people.
    detail: Option<String>,
}

/// Puts a server's message on one line of limited length, without control characters.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if is_harmful(c) { ' ' } else { c })
        .take(MAX_DETAIL_CHARS)
        .collect();
    line.truncate(line.trim_end().len());
    if text.chars().nth(MAX_DETAIL_CHARS).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_may_make_our_delay_longer_but_never_shorter() {
        let first = Duration::from_secs(8);
        let status = |status, retry_after: Option<u64>| Problem::Status {
            status,
            detail: None,
            retry_after: retry_after.map(Duration::from_secs),
            responder: Responder::PostHog,
        };
        for (problem, retry, range) in [
            (status(503, None), 1, 4..=8),
            (status(503, None), 3, 16..=32),
            (status(503, None), 40, 30..=60),
            (status(503, Some(0)), 3, 16..=32),
            (status(429, Some(0)), 3, 16..=32),
            (status(503, Some(50)), 3, 50..=50),
            (status(429, Some(50)), 3, 50..=50),
            (status(429, None), 1, 60..=60),
            (status(429, Some(u64::MAX)), 1, 7_200..=7_200),
            (Problem::Truncated, 2, 8..=16),
        ] {
            let wait = wait_before(first, retry, &problem).as_secs();
            assert!(range.contains(&wait), "{problem}, retry {retry}: {wait}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("17"), Some(Duration::from_secs(17)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        let wait = retry_after(&date).unwrap_or_default();
        assert!((3500..=3600).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(
            retry_after("Thu, 01 Jan 1970 00:00:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon"), None);
    }
}
