//! A loopback port, a thread that accepts, and a thread for each connection.
//!
//! Stopping is the delicate part: an accept that waits is woken by a connection of our own, and every open
//! connection is shut down from here, so that a client which keeps one open cannot hold up the end of a run.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::http::{Answer, Request, Then, Unreadable};

/// How long a connection may be idle, or a client slow to take an answer. Longer than any client of ours keeps
/// a connection in its pool, so that it never picks one that is just being closed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long the connection that wakes the accepting thread may take.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections at one time, each with its thread. A crawl opens a handful.
const MAX_CONNECTIONS: usize = 64;

/// A listening server. Dropping it closes the port and every connection.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    stopping: AtomicBool,
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and answers requests until dropped.
    pub(super) fn start(
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
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
                    "the system starts no further thread ({error}); see the limit on processes, `ulimit -u`"
                );
                io::Error::new(error.kind(), problem)
            })?;
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// Where it listens.
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
            // It has nothing to hand back, and if it panicked there is nothing left to stop.
            let _ = accepting.join();
        }
        for stream in self.shared.open().values() {
            // Fails only where the client was quicker.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    /// The open connections. A thread that panicked leaves the map as sound as before.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that stays listed among the open ones for as long as it lives.
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

/// How long a connection is served.
#[derive(Clone, Copy)]
enum Patience {
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
            // The client gave up before its turn came.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            // No more files or memory. Closing the port tells the client at once; trying again would spin.
            Err(_) => return,
        };
        // Where a connection cannot be set up it is closed, which the client sees, and the next one may do better.
        if let Ok(connection) = Connection::open(id, stream, shared) {
            let connection = Arc::new(connection);
            let serving = thread::Builder::new()
                .name("demo connection".to_owned())
                .spawn({
                    let connection = Arc::clone(&connection);
                    move || connection.serve(Patience::UntilClosed)
                });
            // Where the system starts no further thread, one request at a time is answered here.
            if serving.is_err() {
                connection.serve(Patience::OneRequest);
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

    /// Answers one request after the other until either side has enough.
    fn serve(&self, patience: Patience) {
        let mut reader = BufReader::new(&self.stream);
        loop {
            let (answer, then) = match Request::read(&mut reader) {
                Ok(request) => {
                    let then = match patience {
                        Patience::UntilClosed => request.then,
                        Patience::OneRequest => Then::Close,
                    };
                    ((self.shared.answer)(&request), then)
                }
                Err(Unreadable::Gone) => return,
                Err(Unreadable::TooLong) => (
                    refusal(
                        "431 Request Header Fields Too Large",
                        "Request head too large.",
                    ),
                    Then::Close,
                ),
                Err(Unreadable::Malformed) => (
                    refusal("400 Bad Request", "Malformed request."),
                    Then::Close,
                ),
            };
            if answer.write(&mut &self.stream, then).is_err() || then == Then::Close {
                return;
            }
        }
    }
}

fn refusal(status: &'static str, detail: &str) -> Answer {
    Answer::refusal(status, "invalid_request", "parse_error", detail)
}
