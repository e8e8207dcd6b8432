//! Where to read, and with which key: what a person may have typed, checked before anything is sent.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use super::proxy::has_valid_port;

/// The organization that the key's owner last opened: another one tomorrow, so it is resolved once.
pub const CURRENT_ORGANIZATION: &str = "@current";

const ORGANIZATIONS: &str = "/api/organizations/";

/// `https://<host>/api/organizations/<id>`, taken apart. Has no trailing slash, query or user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme, host and port.
    origin: String,
    /// What comes before `/api`, mostly nothing.
    prefix: String,
    organization: String,
}

/// An address that cannot be an organization's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// None was given.
    Missing,
    /// No URL at all.
    NotAUrl(String),
    /// Something else than `http` or `https`.
    Scheme(String),
    /// A user name or password stands in it.
    UserInfo,
    /// A query or fragment stands behind it.
    Query,
    /// The host takes in events; the API is elsewhere.
    IngestionHost {
        /// The host that was named.
        host: String,
        /// The host that has the API.
        api_host: String,
    },
    /// The path is not `/api/organizations/<id>`.
    NoOrganization {
        /// The address as given.
        given: String,
        /// An address that would do, with `<id>` to fill in.
        example: String,
    },
    /// `http` would show the key to everybody on the way.
    PlainHttp {
        /// The host.
        host: String,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no address given"),
            Self::NotAUrl(given) => write!(f, "`{}` is not a URL", given.escape_debug()),
            Self::Scheme(scheme) => {
                write!(
                    f,
                    "the address begins with `{scheme}://`; only `https` and `http` work"
                )
            }
            Self::UserInfo => f.write_str("the address holds a user name or password"),
            Self::Query => f.write_str("the address ends in a query or fragment"),
            Self::IngestionHost { host, .. } => {
                write!(f, "`{host}` takes in events and has no API")
            }
            Self::NoOrganization { given, .. } => {
                write!(
                    f,
                    "`{}` does not name an organization",
                    given.escape_debug()
                )
            }
            Self::PlainHttp { host } => {
                write!(f, "`http://{host}` would send the key unencrypted")
            }
        }
    }
}

impl std::error::Error for AddressError {}

/// Whether the key may go over an unencrypted line to a host that is not this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// No.
    #[default]
    Refuse,
    /// The user said so.
    Allow,
}

impl BaseUrl {
    /// Takes an organization's address, or a host's together with an organization's id.
    ///
    /// # Errors
    /// When it is no address of an organization, or a dangerous one.
    pub fn parse(
        address: &str,
        organization: Option<&str>,
        plain_http: PlainHttp,
    ) -> Result<Self, AddressError> {
        let given = address.trim();
        if given.is_empty() {
            return Err(AddressError::Missing);
        }
        if given.contains('#') {
            return Err(AddressError::Query);
        }
        let with_scheme = if given.contains("://") {
            given.to_owned()
        } else {
            format!("https://{given}")
        };
        let uri: Uri = with_scheme
            .parse()
            .map_err(|_| AddressError::NotAUrl(given.to_owned()))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(AddressError::Scheme(scheme));
        }
        let authority = uri
            .authority()
            .ok_or_else(|| AddressError::NotAUrl(given.to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(AddressError::UserInfo);
        }
        if uri.query().is_some() {
            return Err(AddressError::Query);
        }
        if !has_valid_port(authority) {
            return Err(AddressError::NotAUrl(given.to_owned()));
        }
        let host = authority.host().to_ascii_lowercase();
        if let Some(region) = host.strip_suffix(".i.posthog.com") {
            return Err(AddressError::IngestionHost {
                api_host: format!("{region}.posthog.com"),
                host,
            });
        }
        if scheme == "http" && plain_http == PlainHttp::Refuse && !is_loopback(&host) {
            return Err(AddressError::PlainHttp { host });
        }
        let origin = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
        let path = uri.path().trim_end_matches('/');
        let no_organization = || AddressError::NoOrganization {
            given: given.to_owned(),
            example: format!("{origin}{ORGANIZATIONS}<id>"),
        };
        let (prefix, organization) = match (path.split_once(ORGANIZATIONS), organization) {
            (Some((prefix, id)), _) => (prefix, id),
            (None, Some(id)) if path.is_empty() => ("", id.trim()),
            _ => return Err(no_organization()),
        };
        if !is_id(organization) {
            return Err(no_organization());
        }
        let (prefix, organization) = (prefix.to_owned(), organization.to_owned());
        Ok(Self {
            origin,
            prefix,
            organization,
        })
    }

    /// The same address of another organization: of the one that `@current` turned out to be.
    ///
    /// # Errors
    /// When `id` could not stand in an address.
    pub fn with_organization(&self, id: &str) -> Result<Self, AddressError> {
        let resolved = Self {
            organization: id.to_owned(),
            ..self.clone()
        };
        if !is_id(id) || id == CURRENT_ORGANIZATION {
            let example = resolved.to_string();
            return Err(AddressError::NoOrganization {
                given: id.to_owned(),
                example,
            });
        }
        Ok(resolved)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let uri = self.origin.parse::<Uri>();
        uri.is_ok_and(|uri| uri.host().is_some_and(is_loopback))
    }

    /// The organization's id, or `@current`.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// `/api/organizations/<id>/`, with what stands before it.
    pub fn path(&self) -> String {
        format!("{}{ORGANIZATIONS}{}/", self.prefix, self.organization)
    }

    /// The path of an endpoint that belongs to no organization.
    pub fn api_path(&self, below: &str) -> String {
        format!("{}/api/{below}", self.prefix)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path().trim_end_matches('/'))
    }
}

/// Whether text can stand in a path as one opaque part. PostHog's ids look like UUIDs, but not all of them are.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_@.".contains(&b))
        && text != ".."
        && text != "."
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A personal API key, and where it was found. Shown as stars everywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    key: String,
    source: String,
}

/// A text that cannot be a personal API key. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// None was given.
    Missing,
    /// Nothing but space.
    Empty,
    /// A project's key (`phc_`), which can only send events.
    ProjectKey,
    /// Quotes around it.
    Quoted,
    /// `NAME=` before it, as in a file of environment variables.
    Assignment,
    /// `Bearer` before it, as in a header.
    Header,
    /// Characters that no key has.
    Characters,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no API key given",
            Self::Empty => "the key is empty",
            Self::ProjectKey => {
                "this is a project's key (`phc_…`), which cannot read an organization"
            }
            Self::Quoted => "the key has quotes around it",
            Self::Assignment => "the key has a name and `=` before it",
            Self::Header => "the key has `Bearer` before it",
            Self::Characters => {
                "the key holds characters that no key has, such as a space or a line break"
            }
        })
    }
}

impl std::error::Error for KeyError {}

impl ApiKey {
    /// Takes a key, without the white space around it. `source` says where it was found, such as "the file `key`".
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn parse(text: &str, source: &str) -> Result<Self, KeyError> {
        // Some editors put a byte order mark before a text.
        let key = text.trim_start_matches('\u{feff}').trim();
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        let name = key.split_once('=').map(|(name, _)| name.trim_end());
        let name = name.map(|name| name.strip_prefix("export ").unwrap_or(name));
        if name.is_some_and(is_variable) {
            return Err(KeyError::Assignment);
        }
        if key.starts_with(is_quote) || key.ends_with(is_quote) {
            return Err(KeyError::Quoted);
        }
        let first_word = key.split([' ', ':']).next().unwrap_or_default();
        if key.len() > first_word.len()
            && ["bearer", "authorization"].contains(&&*first_word.to_ascii_lowercase())
        {
            return Err(KeyError::Header);
        }
        if key.starts_with("phc_") {
            return Err(KeyError::ProjectKey);
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Characters);
        }
        Ok(Self {
            key: key.to_owned(),
            source: source.to_owned(),
        })
    }

    /// Where it was found.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The value of the header that carries it.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// Text from elsewhere with every occurrence of the key replaced by stars.
    pub(super) fn scrub(&self, text: &str) -> String {
        text.replace(&self.key, "***")
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}')
}

/// Whether text could be the name of an environment variable.
fn is_variable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: &str = "0191d5c0-0000-0000-0000-000000000001";

    fn parse(address: &str) -> Result<BaseUrl, AddressError> {
        BaseUrl::parse(address, None, PlainHttp::Refuse)
    }

    #[test]
    fn trailing_slash_makes_no_difference() {
        let bare = parse(&format!("https://eu.posthog.com/api/organizations/{ID}")).unwrap();
        assert_eq!(
            parse(&format!("https://EU.posthog.com/api/organizations/{ID}//")).unwrap(),
            bare
        );
        assert_eq!(bare.path(), format!("/api/organizations/{ID}/"));
        assert_eq!(
            bare.to_string(),
            format!("https://eu.posthog.com/api/organizations/{ID}")
        );
    }

    #[test]
    fn host_and_organization_may_come_apart() {
        let whole = parse(&format!("https://eu.posthog.com/api/organizations/{ID}")).unwrap();
        for host in [
            "https://eu.posthog.com",
            "eu.posthog.com",
            "https://eu.posthog.com/",
        ] {
            assert_eq!(
                BaseUrl::parse(host, Some(ID), PlainHttp::Refuse).unwrap(),
                whole
            );
        }
    }

    #[test]
    fn server_below_a_path_keeps_it() {
        let url = parse(&format!(
            "https://intra.example.com/posthog/api/organizations/{ID}/"
        ))
        .unwrap();
        assert_eq!(url.path(), format!("/posthog/api/organizations/{ID}/"));
        assert_eq!(
            url.api_path("personal_api_keys/@current/"),
            "/posthog/api/personal_api_keys/@current/"
        );
    }

    #[test]
    fn what_is_no_organization_address_is_told_apart() {
        let id = |rest: &str| format!("https://eu.posthog.com{rest}");
        assert!(matches!(parse(""), Err(AddressError::Missing)));
        assert!(matches!(parse("https://"), Err(AddressError::NotAUrl(_))));
        for port in ["99999", "x", "0", ""] {
            let address = format!("https://eu.posthog.com:{port}/api/organizations/a");
            assert!(
                matches!(parse(&address), Err(AddressError::NotAUrl(_))),
                "{address}"
            );
        }
        assert!(matches!(
            parse("ftp://eu.posthog.com/"),
            Err(AddressError::Scheme(_))
        ));
        assert!(matches!(
            parse(&id("/")),
            Err(AddressError::NoOrganization { .. })
        ));
        assert!(matches!(
            parse(&id("/project/7")),
            Err(AddressError::NoOrganization { .. })
        ));
        assert!(matches!(
            parse(&id("/api/organizations/")),
            Err(AddressError::NoOrganization { .. })
        ));
        assert!(matches!(
            parse(&id("/api/organizations/a/b")),
            Err(AddressError::NoOrganization { .. })
        ));
        assert!(matches!(
            parse(&id("/api/organizations/..")),
            Err(AddressError::NoOrganization { .. })
        ));
        assert!(matches!(
            parse(&id("/api/organizations/a?x=1")),
            Err(AddressError::Query)
        ));
        assert!(matches!(
            parse("https://me:secret@eu.posthog.com/"),
            Err(AddressError::UserInfo)
        ));
        assert!(matches!(
            parse("https://eu.i.posthog.com/api/organizations/a"),
            Err(AddressError::IngestionHost { api_host, .. }) if api_host == "eu.posthog.com"
        ));
    }

    #[test]
    fn plain_http_goes_to_loopback_only_unless_allowed() {
        for host in ["127.0.0.1:8000", "localhost", "[::1]:8000"] {
            assert!(
                parse(&format!("http://{host}/api/organizations/a")).is_ok(),
                "{host}"
            );
        }
        let far = "http://posthog.example.com/api/organizations/a";
        assert!(matches!(parse(far), Err(AddressError::PlainHttp { .. })));
        assert!(BaseUrl::parse(far, None, PlainHttp::Allow).is_ok());
    }

    #[test]
    fn key_is_never_shown() {
        let key = ApiKey::parse(" phx_secret\n", "a test").unwrap();
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(key.scrub("no phx_secret here"), "no *** here");
        assert_eq!(ApiKey::parse("phc_project", ""), Err(KeyError::ProjectKey));
        assert_eq!(ApiKey::parse("  ", ""), Err(KeyError::Empty));
        assert_eq!(ApiKey::parse("phx_a b", ""), Err(KeyError::Characters));
    }
}
