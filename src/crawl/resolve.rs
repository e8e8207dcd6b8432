//! Resolves host names within the time limit, even where the system refuses to start another thread.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The maximum number of addresses of one host to try.
const MAX_ADDRESSES: usize = 16;

/// Uses the system's resolver on a separate thread, because its lookup has no time limit to set.
#[derive(Debug)]
pub(super) struct SystemResolver;

/// Why a host name could not be resolved.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupFailed {
    /// The host does not exist, or has no address.
    #[error("no such host")]
    Unknown,
    /// The lookup failed, so it is not known whether the host exists.
    #[error("{0}")]
    Failed(io::Error),
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
                // After the time limit, the thread's result is dropped.
                Ok(_) => match receiver.recv_timeout(*timeout.after) {
                    Ok(found) => found,
                    Err(RecvTimeoutError::Timeout) => {
                        return Err(ureq::Error::Timeout(timeout.reason));
                    }
                    Err(RecvTimeoutError::Disconnected) => look_up(&host_and_port),
                },
                // Without a thread, exceeding the time limit is better than failing.
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

/// Whether a name is in `.invalid`, which does not exist: RFC 6761 asks not to send such names to a name server.
fn is_invalid(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "invalid" || host.ends_with(".invalid")
}

impl LookupFailed {
    /// Classifies by message, since the standard library passes on nothing but the C library's text.
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
            Self::Failed(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_unknown_only_if_the_resolver_says_that_it_does_not_exist() {
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
                matches!(of(&format!("{look_up}{words}")), LookupFailed::Failed(_)),
                "{words}"
            );
        }
    }
}
