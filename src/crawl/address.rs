//! The address of an organization: parses what the user typed and checks it before anything is sent.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use super::key::holds_key;
use super::proxy::has_valid_port;

/// The organization that the key's owner last opened. It may change at any time, so it is resolved once per run.
pub(super) const CURRENT_ORGANIZATION: &str = "@current";

const ORGANIZATIONS: &str = "/api/organizations/";

/// `https://<host>/api/organizations/<id>` in its parts, without trailing slash, query or user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme, host and port.
    origin: String,
    /// The path before `/api`, usually empty.
    prefix: String,
    organization: String,
}

/// Why an address cannot be the address of an organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No address was given.
    #[error("no address given")]
    Missing,
    /// Not a URL.
    #[error("`{}` is not a URL", .0.escape_debug())]
    NotAUrl(String),
    /// A scheme other than `http` or `https`.
    #[error("the address begins with `{0}://`, but only `https` and `http` are supported")]
    Scheme(String),
    /// The address or the organization's id contains an API key, which is not stored here.
    #[error("an API key was given as the address or the organization")]
    HoldsKey,
    /// The address contains a user name or password.
    #[error("the address contains a user name or password")]
    UserInfo,
    /// The address ends in a query or fragment.
    #[error("the address ends in a query or fragment")]
    Query,
    /// The host ingests events; the API is on another host.
    #[error("`{host}` only ingests events and has no API")]
    IngestionHost {
        /// The host in the address.
        host: String,
        /// The host that has the API.
        api_host: String,
    },
    /// The path is not `/api/organizations/<id>`.
    #[error("`{}` does not name an organization", .given.escape_debug())]
    NoOrganization {
        /// The address as given.
        given: String,
        /// A valid address with `<id>` to fill in.
        example: String,
    },
    /// `http` would send the key unencrypted.
    #[error("`http://{host}` would send the key unencrypted")]
    PlainHttp {
        /// The host.
        host: String,
    },
}

/// Whether the key may be sent unencrypted to another machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Such an address is an error.
    #[default]
    Refuse,
    /// The user allowed it.
    Allow,
}

impl BaseUrl {
    /// Parses an organization's address, or a host's address together with an organization's id.
    ///
    /// # Errors
    /// When it is not the address of an organization, or using it would expose the key.
    pub fn parse(
        address: &str,
        organization: Option<&str>,
        plain_http: PlainHttp,
    ) -> Result<Self, AddressError> {
        let given = address.trim();
        if given.is_empty() {
            return Err(AddressError::Missing);
        }
        if holds_key(given) || organization.is_some_and(holds_key) {
            return Err(AddressError::HoldsKey);
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

    /// Returns the same address with another organization's id: the one that `@current` stands for.
    ///
    /// # Errors
    /// When `id` cannot be part of an address.
    pub fn with_organization(&self, id: &str) -> Result<Self, AddressError> {
        if holds_key(id) {
            return Err(AddressError::HoldsKey);
        }
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

    /// Returns scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let uri = self.origin.parse::<Uri>();
        uri.is_ok_and(|uri| uri.host().is_some_and(is_loopback))
    }

    /// Returns the organization's id, or `@current`.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// Returns the path, `/api/organizations/<id>/` after any prefix.
    pub fn path(&self) -> String {
        format!("{}{ORGANIZATIONS}{}/", self.prefix, self.organization)
    }

    /// Returns the path of an endpoint outside any organization.
    pub fn api_path(&self, below: &str) -> String {
        format!("{}/api/{below}", self.prefix)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path().trim_end_matches('/'))
    }
}

/// Whether a text can be one segment of a path. PostHog's ids look like UUIDs, but not all of them are valid ones.
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

#[cfg(test)]
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
    fn host_and_organization_may_be_given_separately() {
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
    fn address_that_is_not_an_organizations_is_refused_with_the_reason() {
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
    fn key_given_as_an_address_is_refused_and_not_shown() {
        let key = "phx_0123456789abcdef";
        for (address, organization) in [
            (key.to_owned(), None),
            (format!("https://{key}"), Some("a")),
            (
                format!("https://{key}.example.com/api/organizations/a"),
                None,
            ),
            (
                format!("https://eu.posthog.com/api/organizations/{key}"),
                None,
            ),
            (format!("https://me:{key}@eu.posthog.com/"), None),
            ("https://eu.posthog.com".to_owned(), Some(key)),
        ] {
            let error = BaseUrl::parse(&address, organization, PlainHttp::Refuse).unwrap_err();
            assert_eq!(error, AddressError::HoldsKey, "{address}");
        }
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
}
