//! A loopback server with a thread that accepts connections, and a thread for each connection.
//!
//! To stop it, a connection of our own wakes the accepting thread, and all open connections are shut down, so that a client
//! that keeps one open cannot delay the end of a run.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::http::{AfterResponse, Request, RequestError, Response};

/// How long a connection may be idle, or a client may take to read a response. Longer than our client keeps a connection in
/// its pool, so that it never reuses one that is being closed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Time limit for waking the accepting thread.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of connections, each with a thread. A crawl opens a handful.
const MAX_CONNECTIONS: usize = 64;

/// A listening server. Dropping it closes the port and every connection.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Request) -> Response + Send + Sync>,
    stopping: AtomicBool,
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and answers requests until dropped.
    pub(super) fn start(
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = thread::Builder::new()
            .name("demo".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || accept(&listener, &shared)
            })
            .map_err(|error| {
                let problem = format!(
                    "the system refused to start a thread ({error}); check the limit on processes, `ulimit -u`"
                );
                io::Error::new(error.kind(), problem)
            })?;
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect_timeout(&self.address, WAKE_TIMEOUT).is_ok();
        if let Some(accepting) = self.accepting.take()
            && (woken || accepting.is_finished())
        {
            // It returns nothing, and if it panicked it has stopped already.
            let _ = accepting.join();
        }
        for stream in self.shared.open().values() {
            // Only fails if the client has closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    /// Returns the open connections. A panic in another thread leaves the map intact.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is registered as open until it is dropped.
struct Connection {
    id: u64,
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.open().remove(&self.id);
    }
}

/// How long to serve a connection.
#[derive(Clone, Copy)]
enum Serve {
    /// Until either side closes it.
    UntilClosed,
    /// Until its first request is answered.
    OneRequest,
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (id, stream) in (0_u64..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let stream = match stream {
            Ok(stream) => stream,
            // The client gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            // Out of file handles or memory. Closing the port fails the client at once; trying again would spin.
            Err(_) => return,
        };
        // A connection that cannot be set up is closed, and the client notices; the next one may succeed.
        if let Ok(connection) = Connection::open(id, stream, shared) {
            let connection = Arc::new(connection);
            let serving = thread::Builder::new()
                .name("demo connection".to_owned())
                .spawn({
                    let connection = Arc::clone(&connection);
                    move || connection.serve(Serve::UntilClosed)
                });
            // If the system refuses to start a thread, this one answers one request at a time.
            if serving.is_err() {
                connection.serve(Serve::OneRequest);
            }
        }
    }
}

impl Connection {
    fn open(id: u64, stream: TcpStream, shared: &Arc<Shared>) -> io::Result<Self> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;

        let mut open = shared.open();
        if open.len() >= MAX_CONNECTIONS {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        open.insert(id, stream.try_clone()?);
        Ok(Self {
            id,
            stream,
            shared: Arc::clone(shared),
        })
    }

    /// Answers requests until either side closes the connection.
    fn serve(&self, serve: Serve) {
        let mut reader = BufReader::new(&self.stream);
        loop {
            let (answer, then) = match Request::read(&mut reader) {
                Ok(request) => {
                    let then = match serve {
                        Serve::UntilClosed => request.then,
                        Serve::OneRequest => AfterResponse::Close,
                    };
                    ((self.shared.answer)(&request), then)
                }
                Err(RequestError::Gone) => return,
                Err(RequestError::TooLong) => (
                    refusal(
                        "431 Request Header Fields Too Large",
                        "Request head too large.",
                    ),
                    AfterResponse::Close,
                ),
                Err(RequestError::Malformed) => (
                    refusal("400 Bad Request", "Malformed request."),
                    AfterResponse::Close,
                ),
            };
            if answer.write(&mut &self.stream, then).is_err() || then == AfterResponse::Close {
                return;
            }
        }
    }
}

fn refusal(status: &'static str, detail: &str) -> Response {
    Response::refusal(status, "invalid_request", "parse_error", detail)
}
