//! Host names into addresses: within the time allowed, and also where the system starts no further thread.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 16;

/// Asks the system, on a thread of its own: a look-up by the system has no time limit that could be set.
#[derive(Debug)]
pub(super) struct SystemResolver;

/// Why the address of a host was not found.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupFailed {
    /// No such host.
    #[error("no such host")]
    Unknown,
    /// Whether there is one cannot be found out now.
    #[error("{0}")]
    NotNow(io::Error),
}

impl Resolver for SystemResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let parts = uri.scheme().zip(uri.authority());
        let (authority, host_and_port) = parts
            .and_then(|(scheme, authority)| {
                Some((
                    authority,
                    DefaultResolver::host_and_port(scheme, authority)?,
                ))
            })
            .ok_or(ureq::Error::HostNotFound)?;
        let host = authority.host();
        let failed = |reason: LookupFailed| ureq::Error::Other(Box::new(reason));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = if bare.parse::<IpAddr>().is_ok() {
            look_up(&host_and_port)
        } else if is_invalid(host) {
            return Err(failed(LookupFailed::Unknown));
        } else {
            let (sender, receiver) = sync_channel(1);
            let name = host_and_port.clone();
            let asking = thread::Builder::new().spawn(move || sender.send(look_up(&name)));
            match asking {
                // Nobody waits for it any more once the time is up.
                Ok(_) => match receiver.recv_timeout(*timeout.after) {
                    Ok(found) => found,
                    Err(RecvTimeoutError::Timeout) => {
                        return Err(ureq::Error::Timeout(timeout.reason));
                    }
                    Err(RecvTimeoutError::Disconnected) => look_up(&host_and_port),
                },
                // Without a thread, later than allowed is better than not at all.
                Err(_) => look_up(&host_and_port),
            }
        };
        let found = found.map_err(|error| failed(LookupFailed::of(error)))?;
        let mut addresses = self.empty();
        for address in config
            .ip_family()
            .keep_wanted(found.into_iter())
            .take(MAX_ADDRESSES)
        {
            addresses.push(address);
        }
        if addresses.is_empty() {
            Err(failed(LookupFailed::Unknown))
        } else {
            Ok(addresses)
        }
    }
}

fn look_up(host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
    host_and_port.to_socket_addrs().map(Iterator::collect)
}

/// Names that no name server has: RFC 6761 wants them answered without asking one.
fn is_invalid(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

impl LookupFailed {
    /// The standard library hands on nothing but the words of the C library.
    fn of(error: io::Error) -> Self {
        const UNKNOWN: [&str; 4] = [
            // glibc
            "Name or service not known",
            "No address associated with hostname",
            // musl
            "Name does not resolve",
            // macOS
            "nodename nor servname provided",
        ];
        let words = error.to_string();
        if UNKNOWN.iter().any(|known| words.contains(known)) {
            Self::Unknown
        } else {
            Self::NotNow(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_server_that_knows_better_makes_a_host_unknown() {
        let of = |words: &str| LookupFailed::of(io::Error::other(words.to_owned()));
        let look_up = "failed to lookup address information: ";
        for words in [
            "Name or service not known",
            "No address associated with hostname",
            "Name does not resolve",
            "nodename nor servname provided, or not known",
        ] {
            assert!(
                matches!(of(&format!("{look_up}{words}")), LookupFailed::Unknown),
                "{words}"
            );
        }
        for words in [
            "Temporary failure in name resolution",
            "Try again",
            "Non-recoverable failure in name resolution",
            "Memory allocation failure",
        ] {
            assert!(
                matches!(of(&format!("{look_up}{words}")), LookupFailed::NotNow(_)),
                "{words}"
            );
        }
    }
}
