//! Chooses the proxy for a server from the environment, with its exceptions (`NO_PROXY`). A proxy that cannot be used is an
//! error: without it, the key would be sent over a network that the user did not choose.

use std::ffi::OsString;
use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Authority;
use ureq::{Proxy, ProxyProtocol};

/// The proxy to use.
pub(super) struct ChosenProxy {
    pub proxy: Proxy,
    /// Host and port, without user name and password.
    pub name: String,
    /// The environment variable that configures it.
    pub variable: &'static str,
}

/// A proxy setting that cannot be used. Never contains the password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnusableProxy {
    /// The environment variable.
    pub variable: &'static str,
    pub problem: ProxyProblem,
}

/// Why a proxy cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyProblem {
    /// Neither an HTTP nor an HTTPS proxy.
    #[error(
        "sets a proxy that begins with `{0}://`, but only `http://` and `https://` are supported"
    )]
    Scheme(String),
    #[error("does not set a proxy of the form `http://host:port`")]
    NotAUrl,
}

/// The variables that configure a proxy, by the scheme of the server; the first one that is set counts. The last two are
/// meant for the other scheme: using that proxy is safer than bypassing it.
const FOR_HTTPS: [&str; 6] = [
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "http_proxy",
    "HTTP_PROXY",
];
const FOR_HTTP: [&str; 6] = [
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
];
/// The variables that list exempt servers; the first one that is set counts.
const EXEMPT: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Chooses the proxy for the server at `origin`, if any. `variable` looks up an environment variable.
pub(super) fn choose(
    origin: &Uri,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<ChosenProxy>, UnusableProxy> {
    let is_http = origin.scheme_str() == Some("http");
    let value = |name: &&'static str| {
        let value = variable(name)?;
        // A value that is not UTF-8 is an error below, and not the same as an empty one.
        let is_blank = value.to_str().is_some_and(|text| text.trim().is_empty());
        (!is_blank).then_some((*name, value))
    };
    let names = if is_http { FOR_HTTP } else { FOR_HTTPS };
    let Some((name, address)) = names.iter().find_map(value) else {
        return Ok(None);
    };
    let port = origin.port_u16().unwrap_or(if is_http { 80 } else { 443 });
    let exempt = EXEMPT.iter().find_map(value);
    if exempt.is_some_and(|(_, list)| {
        is_exempt(
            &list.to_string_lossy(),
            origin.host().unwrap_or_default(),
            port,
        )
    }) {
        return Ok(None);
    }
    let unusable = |problem| UnusableProxy {
        variable: name,
        problem,
    };
    let address = address
        .to_str()
        .ok_or_else(|| unusable(ProxyProblem::NotAUrl))?
        .trim();
    if let Some((scheme, _)) = address.split_once("://")
        && !["http", "https"].contains(&&*scheme.to_ascii_lowercase())
    {
        // What precedes `://` is only shown if it looks like a scheme: it may contain a password.
        let is_scheme =
            (1..=16).contains(&scheme.len()) && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        return Err(unusable(if is_scheme {
            ProxyProblem::Scheme(scheme.to_ascii_lowercase())
        } else {
            ProxyProblem::NotAUrl
        }));
    }
    let proxy = Proxy::new(address).map_err(|_| unusable(ProxyProblem::NotAUrl))?;
    let is_whole = proxy.uri().authority().is_some_and(has_valid_port) && !proxy.host().is_empty();
    if !is_whole || !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(unusable(ProxyProblem::NotAUrl));
    }
    Ok(Some(ChosenProxy {
        name: format!("{}:{}", proxy.host(), proxy.port()),
        variable: name,
        proxy,
    }))
}

/// Whether an authority has no port or a valid one. An invalid port would silently become the default.
pub(super) fn has_valid_port(authority: &Authority) -> bool {
    let rest = authority.as_str().rsplit('@').next().unwrap_or_default();
    match rest.strip_prefix(authority.host()) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)),
        None => false,
    }
}

/// Whether a server is on a list of exempt ones. An entry may have any form that curl understands: `*`; a domain, which
/// includes its subdomains, with or without a leading `.` or `*.`; an IP address; a range such as `10.0.0.0/8`. An entry
/// that ends in a port exempts only that port.
fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = bare(host);
    list.split([',', ' ', '\t'])
        .filter(|entry| !entry.is_empty())
        .any(|entry| match split_port(entry) {
            (_, Some(other)) if other != port => false,
            (entry, _) => matches(&bare(entry), &host),
        })
}

/// Normalizes a host: lower case, without the brackets of an IPv6 address and without a trailing dot.
fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Splits an entry into host and port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let Some((name, port)) = entry.rsplit_once(':') else {
        return (entry, None);
    };
    // An IPv6 address without brackets.
    if name.contains(':') && !name.ends_with(']') {
        return (entry, None);
    }
    match port.parse() {
        Ok(port) => (name, Some(port)),
        Err(_) => (entry, None),
    }
}

fn matches(entry: &str, host: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => is_in(address, network, bits),
            None => entry.parse() == Ok(address) || is_beginning(entry, host),
        };
    }
    let name = entry.trim_start_matches('*').trim_start_matches('.');
    let is_below = |name: &str| {
        host.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.is_empty() && (is_below(name) || is_beginning(entry, host))
}

/// Whether an entry is a prefix of the host, such as `192.168.*`.
fn is_beginning(entry: &str, host: &str) -> bool {
    entry
        .strip_suffix('*')
        .is_some_and(|beginning| !beginning.is_empty() && host.starts_with(beginning))
}

/// Whether an address is in a network with this prefix length.
fn is_in(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (address, network, length) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (
            u128::from(address.to_bits()),
            u128::from(network.to_bits()),
            32,
        ),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    // A prefix length of 0 matches everything, where `checked_shr` returns `None`.
    bits <= length && ((address ^ network).checked_shr(length - bits).unwrap_or(0)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_exempt_by_every_form_of_entry_that_curl_understands() {
        let (name, v4, v6) = ("eu.posthog.com", "10.1.2.3", "[fd00::1]");
        for (list, host) in [
            ("*", name),
            ("*", v4),
            ("eu.posthog.com", name),
            ("EU.PostHog.com.", name),
            ("posthog.com", name),
            (".posthog.com", name),
            ("*.posthog.com", name),
            ("com", name),
            ("other.example,posthog.com", name),
            ("other.example posthog.com", name),
            (" other.example , posthog.com ", name),
            ("posthog.com:443", name),
            ("eu.*", name),
            ("10.1.2.3", v4),
            ("10.1.2.3:443", v4),
            ("10.1.*", v4),
            ("10.0.0.0/8", v4),
            ("10.1.2.0/30", v4),
            ("0.0.0.0/0", v4),
            ("fd00::1", v6),
            ("[fd00::1]", v6),
            ("[fd00::1]:443", v6),
            ("fd00:0:0::1", v6),
            ("fd00::/8", v6),
            ("::/0", v6),
        ] {
            assert!(is_exempt(list, host, 443), "{list}, {host}");
        }
        for (list, host) in [
            ("", name),
            (",", name),
            (".", name),
            ("hog.com", name),
            ("us.posthog.com", name),
            ("eu.posthog.com.example", name),
            ("posthog.com:8443", name),
            ("us.*", name),
            ("10.1.2.4", v4),
            ("1.2.3", v4),
            ("2.3", v4),
            ("10.2.0.0/16", v4),
            ("10.1.2.3/33", v4),
            ("10.0.0.0/x", v4),
            ("::/0", v4),
            ("0.0.0.0/0", name),
            ("fd00::2", v6),
            ("[fd00::1]:80", v6),
        ] {
            assert!(!is_exempt(list, host, 443), "{list}, {host}");
        }
    }

    #[test]
    fn proxy_is_reported_without_its_password_and_with_the_variable_that_sets_it() {
        let https = "https://eu.posthog.com".parse::<Uri>().unwrap();
        let http = "http://posthog.example:8000".parse::<Uri>().unwrap();
        let choose = |origin, environment: &[(&str, &str)]| {
            let chosen = choose(origin, |name| {
                let mut pairs = environment.iter();
                let found = pairs.find(|(key, _)| *key == name)?;
                Some(found.1.into())
            });
            chosen.map(|chosen| chosen.map(|chosen| (chosen.variable, chosen.name)))
        };
        let some = |variable, name: &str| Ok(Some((variable, name.to_owned())));
        let proxy = ("HTTPS_PROXY", "http://me:secret@proxy.example:3128/");
        assert_eq!(
            choose(&https, &[proxy]),
            some("HTTPS_PROXY", "proxy.example:3128")
        );
        assert_eq!(
            choose(&http, &[proxy]),
            some("HTTPS_PROXY", "proxy.example:3128")
        );
        assert_eq!(
            choose(&https, &[("ALL_PROXY", "one"), ("HTTP_PROXY", "two:1")]),
            some("ALL_PROXY", "one:80")
        );
        assert_eq!(
            choose(&http, &[("ALL_PROXY", "one"), ("HTTP_PROXY", "two:1")]),
            some("HTTP_PROXY", "two:1")
        );
        assert_eq!(
            choose(
                &https,
                &[("https_proxy", " "), ("HTTPS_PROXY", "HTTPS://a")]
            ),
            some("HTTPS_PROXY", "a:443")
        );
        assert_eq!(
            choose(&https, &[proxy, ("NO_PROXY", "posthog.com")]),
            Ok(None)
        );
        assert_eq!(choose(&https, &[]), Ok(None));
        let unusable = |value: &str| choose(&https, &[("ALL_PROXY", value)]).unwrap_err().problem;
        for scheme in ["socks5", "socks5h", "socks4a", "ftp"] {
            let expected = ProxyProblem::Scheme(scheme.to_owned());
            assert_eq!(unusable(&format!("{scheme}://me:secret@a:1")), expected);
        }
        for value in [
            "me:secret://a",
            "http://",
            "http://a b",
            "://a",
            "http://a:99999",
        ] {
            assert_eq!(unusable(value), ProxyProblem::NotAUrl, "{value}");
        }
        let exempt = [("ALL_PROXY", "socks5://a"), ("NO_PROXY", "*")];
        assert_eq!(choose(&https, &exempt), Ok(None));
    }
}
