//! A PostHog on a plain socket, for what no well-behaved server does: connections that break, bodies that lie, and
//! rows that move between two pages.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::posthog::{Answer, Organization, Request, is_surrounding, organization_id};

/// Longest that a test waits for a request that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of one request.
pub enum Reply {
    /// What the organization answers.
    AsUsual,
    /// An answer that a test makes up.
    Give(Answer),
    /// These bytes and no others; then the connection ends.
    Bytes(Vec<u8>),
    /// These bytes, and the connection stays open until the client goes.
    Hang(Vec<u8>),
    /// These bytes, one at a time and slowly, until the client goes.
    Drip(Vec<u8>),
    /// These bytes, and then these others again and again until the client goes.
    Endless(Vec<u8>, Vec<u8>),
    /// The connection is reset.
    Reset,
}

/// A request, as a test's script sees it.
pub struct Asked<'a> {
    /// The path below the organization, or the whole one.
    pub path: &'a str,
    pub request: &'a Request,
    /// How many requests for the same path came before.
    pub before: usize,
}

impl Asked<'_> {
    pub fn offset(&self) -> usize {
        self.request.number("offset").unwrap_or(0)
    }

    pub fn limit(&self) -> Option<usize> {
        self.request.number("limit")
    }

    /// What the organization answers.
    pub fn usual(&self, organization: &Organization) -> Answer {
        self.usual_for(organization, self.request)
    }

    /// What the organization would answer to another request.
    pub fn usual_for(&self, organization: &Organization, request: &Request) -> Answer {
        let (status, body) = organization.answer(request, "http://posthog.internal");
        Answer::json(status, &body)
    }
}

type Script = dyn FnMut(&mut Organization, &Asked<'_>) -> Reply + Send;

/// A PostHog whose every answer a test may replace.
pub struct Night {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    state: Mutex<State>,
    came: Condvar,
    ends: AtomicBool,
}

struct State {
    organization: Organization,
    script: Box<Script>,
    asked: Vec<(Request, Instant)>,
    /// The first line of every CONNECT.
    tunnels: Vec<String>,
}

impl Organization {
    /// Serves on a socket. Before each answer, `script` may change the organization, and may give another answer.
    pub fn serve_by(
        self,
        script: impl FnMut(&mut Self, &Asked<'_>) -> Reply + Send + 'static,
    ) -> Night {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                organization: self,
                script: Box::new(script),
                asked: Vec::new(),
                tunnels: Vec::new(),
            }),
            came: Condvar::new(),
            ends: AtomicBool::new(false),
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ends.load(Ordering::SeqCst) {
                    break;
                }
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream, address));
            }
        });
        Night { shared, address }
    }
}

impl Night {
    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The organization's address, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("{}/api/organizations/{}", self.origin(), organization_id())
    }

    /// Path and query of the requests so far, below the organization where they are, without those for the lists that
    /// surround the roles, which have tests of their own.
    pub fn asked(&self) -> Vec<String> {
        self.paths(|request| !is_surrounding(request.path()))
    }

    /// Path and query of all requests so far.
    pub fn asked_for_everything(&self) -> Vec<String> {
        self.paths(|_| true)
    }

    /// Those of them that begin so.
    pub fn asked_for(&self, beginning: &str) -> Vec<String> {
        self.paths(|request| below(&request.path_and_query).starts_with(beginning))
    }

    fn paths(&self, wanted: impl Fn(&Request) -> bool) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        let asked = state.asked.iter().map(|(request, _)| request);
        asked
            .filter(|request| wanted(request))
            .map(|request| below(&request.path_and_query).to_owned())
            .collect()
    }

    /// When each request of [`Self::asked_for_everything`] came.
    pub fn times(&self) -> Vec<Instant> {
        let state = self.shared.state.lock().unwrap();
        state.asked.iter().map(|(_, at)| *at).collect()
    }

    /// The keys that came with all requests so far.
    pub fn keys(&self) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        let asked = state.asked.iter();
        asked
            .flat_map(|(request, _)| request.authorization.clone())
            .collect()
    }

    /// Where clients wanted a tunnel to, with this as their proxy.
    pub fn tunnels(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().tunnels.clone()
    }

    /// Waits until a request whose path and query begin so has come.
    #[track_caller]
    pub fn wait_for(&self, beginning: &str) {
        let state = self.shared.state.lock().unwrap();
        let missing = |state: &mut State| {
            let mut asked = state.asked.iter();
            !asked.any(|(request, _)| below(&request.path_and_query).starts_with(beginning))
        };
        let (_state, waited) = self
            .shared
            .came
            .wait_timeout_while(state, PATIENCE, missing)
            .unwrap();
        assert!(!waited.timed_out(), "nobody asked for `{beginning}`");
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // So that the listener wakes up to see it.
        let _ = TcpStream::connect(self.address);
    }
}

fn below(path: &str) -> &str {
    let base = format!("/api/organizations/{}/", organization_id());
    path.strip_prefix(&base).unwrap_or(path)
}

impl Shared {
    /// Answers one request. Whatever the client does to the connection is no concern of the test.
    fn serve(&self, mut stream: TcpStream, address: SocketAddr) -> Option<()> {
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut head = peek_head(&stream)?;
        if head.starts_with("CONNECT ") {
            read_head(&mut stream, &head)?;
            let line = head.lines().next()?.to_owned();
            self.state.lock().ok()?.tunnels.push(line);
            stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").ok()?;
            head = peek_head(&stream)?;
        }
        let request = parse(&head)?;
        let reply = {
            let mut state = self.state.lock().ok()?;
            let path = below(request.path());
            let before = state.asked.iter();
            let before = before.filter(|(r, _)| r.path() == request.path()).count();
            state.asked.push((request.clone(), Instant::now()));
            self.came.notify_all();
            let State {
                organization,
                script,
                ..
            } = &mut *state;
            let asked = Asked {
                path,
                request: &request,
                before,
            };
            match script(organization, &asked) {
                Reply::AsUsual => {
                    let (status, body) =
                        organization.answer(&request, &format!("http://{address}"));
                    Reply::Give(Answer::json(status, &body))
                }
                reply => reply,
            }
        };
        // What is left unread when the socket closes makes the kernel answer with a reset.
        if matches!(reply, Reply::Reset) {
            return None;
        }
        read_head(&mut stream, &head)?;
        match reply {
            Reply::Give(answer) => stream.write_all(&answer.bytes()).ok()?,
            Reply::Bytes(bytes) => stream.write_all(&bytes).ok()?,
            Reply::Hang(bytes) => {
                stream.write_all(&bytes).ok()?;
                // Comes back when the client closes its end.
                let _ = stream.read(&mut [0]);
            }
            Reply::Drip(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).ok()?;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            Reply::Endless(beginning, rest) => {
                stream.write_all(&beginning).ok()?;
                while stream.write_all(&rest).is_ok() {}
            }
            Reply::AsUsual | Reply::Reset => {}
        }
        stream.shutdown(Shutdown::Both).ok()
    }
}

/// A request's line and headers, left in the socket.
fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut buffer = [0; 16 * 1024];
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let length = stream.peek(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            return Some(text[..end + 4].to_owned());
        }
        if length == 0 {
            return None;
        }
        std::thread::yield_now();
    }
    None
}

fn read_head(stream: &mut TcpStream, head: &str) -> Option<()> {
    stream.read_exact(&mut vec![0; head.len()]).ok()
}

fn parse(head: &str) -> Option<Request> {
    let target = head.split(' ').nth(1)?;
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    Some(Request {
        path_and_query: target.replace("%40", "@"),
        authorization: headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.to_owned())
            .collect(),
    })
}

/// The gzip form of `bytes`.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
