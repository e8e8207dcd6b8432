//! An error into message, hint and exit code: the one table. The words a user sees when something failed are chosen
//! here and nowhere else.

use std::io;
use std::path::Path;

use crate::crawl::{self, AddressError, Answerer, KeyError, Peer, Problem, mask_secrets};
use crate::files;
use crate::snapshot;

use super::DEFAULT_FILE;
use super::access::NobodyFound;
use super::answer::NotArrived;
use super::diff::{NoSecondSync, NotComparable};
use super::list::MeaninglessFilter;
use super::search::Ambiguous;
use super::sync::{Locked, NotWhole, Refusal, TemplateError};

/// What the process ends with. Their table is in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Differences, findings, too old.
    Found = 1,
    /// Wrong usage, or nothing more exact.
    Usage = 2,
    /// Bad configuration: address, host name, not a PostHog API.
    Configuration = 3,
    /// Out of time.
    TimedOut = 4,
    /// No such file, organization or person.
    NotFound = 5,
    /// The key may not.
    Forbidden = 7,
    /// A guard refused: incomplete, shrunk, another organization's snapshot in the way.
    Refused = 9,
    /// Another run holds the lock.
    Locked = 10,
    /// A bug.
    Bug = 13,
    /// Network, or a server that fails.
    Network = 14,
    /// Not a c1z, a damaged one, or none with a finished sync.
    BadSnapshot = 15,
    /// The key is not accepted.
    KeyRejected = 16,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// A failure, as a user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed and why; lowercase, no full stop, no secrets.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What the process ends with.
    pub exit_code: ExitCode,
}

impl Failure {
    /// What `error` means to a user.
    pub fn of(error: &anyhow::Error) -> Self {
        let (exit_code, hint) = judge(error);
        // A key may have been typed where a file, a host or a name was wanted.
        Self {
            message: mask_secrets(&format!("{error:#}")),
            hint: hint.map(|hint| mask_secrets(&hint)),
            exit_code,
        }
    }

    /// What a panic at `place` means. It is a bug, unless the machine gave no thread to a library that counts on one.
    pub fn of_panic(place: &str, reason: &str) -> Self {
        if reason.starts_with("failed to spawn thread") {
            return Self {
                message: "the system does not let another thread be started".to_owned(),
                hint: Some("raise the limit of processes and threads of this user".to_owned()),
                exit_code: ExitCode::Usage,
            };
        }
        Self {
            message: format!("panicked{place}: {reason}"),
            hint: Some(BUG_HINT.to_owned()),
            exit_code: ExitCode::Bug,
        }
    }
}

const BUG_HINT: &str = "this is a bug in posthog-c1z; please report it with the text above";

type Verdict = (ExitCode, Option<String>);

fn verdict(code: ExitCode, hint: impl Into<String>) -> Verdict {
    (code, Some(hint.into()))
}

fn judge(error: &anyhow::Error) -> Verdict {
    if let Some(error) = error.downcast_ref::<crawl::Error>() {
        return of_crawl(error);
    }
    if let Some(error) = error.downcast_ref::<AddressError>() {
        return of_address(error);
    }
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return of_key(*error);
    }
    if let Some(error) = error.downcast_ref::<snapshot::Error>() {
        return of_snapshot(error);
    }
    if error.is::<NotArrived>() {
        return verdict(
            ExitCode::Usage,
            "what was read of it is not complete: see whether the program that reads it failed. To throw it away, use a \
             shell's `> /dev/null`; a null device that is open for reading too looks like a closed output",
        );
    }
    if let Some(error) = error.downcast_ref::<files::Error>() {
        // Files at places of the user's choice; only `--temp-dir` itself is about temporary ones.
        return of_machine(&error.source, error.action == files::TRYING);
    }
    if let Some(error) = error.downcast_ref::<MeaninglessFilter>() {
        return verdict(ExitCode::Usage, error.hint());
    }
    if let Some(error) = error.downcast_ref::<Ambiguous>() {
        return verdict(ExitCode::Usage, error.hint());
    }
    if error.is::<NotComparable>() {
        return verdict(
            ExitCode::Usage,
            "compare them all the same with --force, if you know why they differ",
        );
    }
    if error.is::<NoSecondSync>() {
        return verdict(
            ExitCode::Usage,
            "name two files, since `sync` writes one sync run into each, or two sync runs of this one with --old-sync \
             and --new-sync",
        );
    }
    if let Some(error) = error.downcast_ref::<NobodyFound>() {
        return verdict(ExitCode::NotFound, error.hint());
    }
    if let Some(error) = error.downcast_ref::<Refusal>() {
        return verdict(ExitCode::Refused, error.hint());
    }
    if error.is::<Locked>() {
        return verdict(
            ExitCode::Locked,
            "wait for it with --wait SECONDS, or end it",
        );
    }
    if let Some(error) = error.downcast_ref::<TemplateError>() {
        let code = match error {
            TemplateError::Organization(_) => ExitCode::Configuration,
            _ => ExitCode::Usage,
        };
        return verdict(code, error.hint());
    }
    if error.is::<NotWhole>() {
        return verdict(ExitCode::Bug, BUG_HINT);
    }
    (ExitCode::Usage, None)
}

fn of_crawl(error: &crawl::Error) -> Verdict {
    match &error.problem {
        Problem::Status {
            status,
            detail,
            answerer,
            ..
        } => {
            let detail = detail.as_deref().unwrap_or_default();
            let (code, hint) = of_status(error.reading, *status, detail, answerer);
            let hint = match (status, &error.key_source) {
                (401 | 403, Some(source)) => {
                    hint.map(|hint| format!("{hint}. The key came from {source}"))
                }
                _ => hint,
            };
            (code, hint)
        }
        Problem::Redirect { .. } => verdict(
            ExitCode::Configuration,
            "the address must be the one that the server itself uses, such as \
             `https://eu.posthog.com/api/organizations/<id>`; redirects are not followed, they would take the key along",
        ),
        Problem::NotJson { .. } => verdict(
            ExitCode::Configuration,
            "this is a web page and not the API: check that the address has the form \
             `https://<host>/api/organizations/<id>` and that no proxy answers in its place",
        ),
        Problem::OutOfTime => verdict(ExitCode::TimedOut, "allow the run more with --max-duration"),
        Problem::NotProved(_) => verdict(
            ExitCode::Refused,
            "people or roles come and go too fast; try again at a quieter time. --accept-incomplete keeps what was read \
             beside the snapshot, marked as incomplete",
        ),
        Problem::CountsDiffer(_) => verdict(
            ExitCode::Refused,
            "the server contradicts itself: ask its administrator, or PostHog's support, why the list and the count differ. \
             --accept-incomplete keeps what was read beside the snapshot, marked as incomplete",
        ),
        Problem::HiddenMembers(_) => verdict(
            ExitCode::Forbidden,
            "use the key of an administrator or owner, or let members see each other under Settings > Organization > \
             Members",
        ),
        Problem::OldServer => verdict(
            ExitCode::NotFound,
            "update the server; --without-roles takes its people alone",
        ),
        Problem::Certificates(_) => verdict(
            ExitCode::Configuration,
            "name a file of PEM certificates with --ca-cert",
        ),
        Problem::Coding(_) => verdict(
            ExitCode::Configuration,
            "a proxy or another program may answer in the API's place, or change its answers on the way",
        ),
        Problem::BadJson(_) => verdict(
            ExitCode::Configuration,
            "a proxy or another program may answer in the API's place: check the address",
        ),
        Problem::Shape(_) => verdict(
            ExitCode::Configuration,
            "check that the address is PostHog's; if it is, the API has changed: please report it with the text above",
        ),
        Problem::TooMuch(_) => verdict(
            ExitCode::Network,
            "no organization has such data: check that the address is PostHog's and that no proxy answers in its place. \
             The limits are in the README under `Limits`",
        ),
        Problem::Machine(_) => verdict(
            ExitCode::Usage,
            "the limits of this machine or this process are too low, or its rules forbid the connection: see `ulimit -n`, \
             and the firewall",
        ),
        Problem::ProxySetting(_) => verdict(
            ExitCode::Configuration,
            "name a proxy of the form `http://host:port`, or exempt the server from it with NO_PROXY if it may be \
             reached directly",
        ),
        Problem::ProxyRefused {
            status: Some(407), ..
        } => verdict(
            ExitCode::Configuration,
            "the proxy wants a user name and a password: `user:password@` goes before its host in that variable",
        ),
        Problem::ProxyRefused {
            status: Some(status),
            ..
        } if !crawl::is_passing_status(*status) => verdict(
            ExitCode::Configuration,
            "the proxy does not let the program reach that host; ask its administrator, or exempt the host with \
             NO_PROXY if it may be reached directly",
        ),
        Problem::ProxyRefused { .. }
        | Problem::Connection { proxy: Some(_), .. }
        | Problem::NameServer {
            peer: Peer::Proxy { .. },
            ..
        } => verdict(
            ExitCode::Network,
            "check that the proxy runs, and the proxy settings; try again later",
        ),
        Problem::Cut | Problem::Connection { proxy: None, .. } => verdict(
            ExitCode::Network,
            "the network or a proxy broke the connection; try again",
        ),
        Problem::Client(_) => verdict(
            ExitCode::Network,
            "check the network and the proxy settings",
        ),
        Problem::TimedOut => verdict(
            ExitCode::TimedOut,
            "the server may be busy; try again, or allow it more with --http-timeout-seconds",
        ),
        Problem::UnknownHost(Peer::Proxy { .. }) => verdict(
            ExitCode::Configuration,
            "check the spelling of the proxy, and the name server",
        ),
        Problem::UnknownHost(Peer::Server(_)) => verdict(
            ExitCode::Configuration,
            "check the spelling of the host, and the name server",
        ),
        Problem::NameServer { .. } => verdict(
            ExitCode::Network,
            "check the network and the name server; try again later",
        ),
        Problem::Tls(_) => verdict(
            ExitCode::Configuration,
            "if the server's certificate comes from an authority of your own, name its file with --ca-cert or in SSL_CERT_FILE",
        ),
    }
}

/// What a status means, by the words that PostHog sends with it. Its `code` does not tell these cases apart.
fn of_status(reading: &str, status: u16, detail: &str, answerer: &Answerer) -> Verdict {
    if let (Answerer::Gateway(_), Some(verdict)) = (answerer, of_gateway(status)) {
        return verdict;
    }
    match status {
        401 => verdict(
            ExitCode::KeyRejected,
            "the key is wrong, was revoked or rolled, or belongs to the other region: keys of eu.posthog.com do not \
             open us.posthog.com. Personal keys are made under Settings > Personal API keys",
        ),
        402 | 403 => verdict(ExitCode::Forbidden, refused(reading, detail)),
        404 if detail.contains("Endpoint not found") && reading.contains("role") => verdict(
            ExitCode::NotFound,
            "this server has no roles; --without-roles takes its people alone",
        ),
        404 if detail.contains("Endpoint not found") => verdict(
            ExitCode::NotFound,
            "this server does not have that part of the API; check that it runs PostHog",
        ),
        404 => verdict(
            ExitCode::NotFound,
            "check the organization's id in the address: Settings > Organization > General shows it",
        ),
        429 => verdict(
            ExitCode::Network,
            "the key's requests are used up for now; try again later",
        ),
        501 | 505 => verdict(
            ExitCode::Configuration,
            "the server does not support the request; check that the address is PostHog's",
        ),
        408 | 425 => verdict(
            ExitCode::Network,
            "the server did not take the request in time; try again later",
        ),
        500.. => verdict(ExitCode::Network, "the server failed; try again later"),
        _ => verdict(
            ExitCode::Configuration,
            "check that the address has the form `https://<host>/api/organizations/<id>`",
        ),
    }
}

/// What a status means that PostHog did not give: a firewall, a proxy or a load balancer before it did.
fn of_gateway(status: u16) -> Option<Verdict> {
    let (code, why) = match status {
        401 => (ExitCode::KeyRejected, "it wants a login of its own"),
        403 => (
            ExitCode::Forbidden,
            "it blocks this machine or this program, whatever the key",
        ),
        407 => (
            ExitCode::Configuration,
            "it is a proxy that wants a user name and password",
        ),
        413 => (ExitCode::Configuration, "it finds the request too large"),
        451 => (
            ExitCode::Configuration,
            "it blocks the address for legal reasons",
        ),
        _ => return None,
    };
    Some(verdict(
        code,
        format!(
            "this answer is not PostHog's: a firewall, a proxy or a load balancer before it gave it, and {why}. Ask \
             the administrators of the network or the server"
        ),
    ))
}

fn refused(reading: &str, detail: &str) -> String {
    if let Some(scope) = detail.split("required scope").nth(1) {
        let scope = scope.trim().trim_matches(['\'', '"', '.']);
        return format!("edit the key under Settings > Personal API keys and add `{scope}`");
    }
    if detail.contains("scoped projects") {
        return "the key is bound to projects; make one under Settings > Personal API keys that is bound to none, or \
                to this organization"
            .to_owned();
    }
    if detail.contains("does not have access to the requested organization") {
        return "the key is bound to other organizations; add this one under Settings > Personal API keys".to_owned();
    }
    if detail.contains("does not allow using personal API keys") {
        return "an administrator can allow personal API keys under Settings > Organization > Security, or lend a key"
            .to_owned();
    }
    if detail.contains("do not have permission") {
        return "the key's owner is not a member of this organization, or may not see this; use a member's key"
            .to_owned();
    }
    let scope = if reading == "members" {
        "organization_member:read"
    } else {
        "organization:read"
    };
    format!(
        "check that the key has the scope `{scope}` and that its owner is a member of the organization"
    )
}

fn of_address(error: &AddressError) -> Verdict {
    const FORM: &str = "the address has the form `https://eu.posthog.com/api/organizations/<id>` (or us.posthog.com, \
                        or your own host)";
    let hint = match error {
        AddressError::Missing => format!("give --base-url or set BATON_BASE_URL; {FORM}"),
        AddressError::IngestionHost { api_host, .. } => {
            format!("use `https://{api_host}/api/organizations/<id>`")
        }
        AddressError::NoOrganization { example, .. } => {
            format!("use `{example}`, or the host alone together with --organization <id>")
        }
        AddressError::HoldsKey => {
            format!(
                "the key goes into BATON_API_TOKEN or a file that --api-token-file names; {FORM}"
            )
        }
        AddressError::UserInfo => {
            "leave it out: the key goes into BATON_API_TOKEN or a file".to_owned()
        }
        AddressError::PlainHttp { .. } => {
            "use `https://`, or allow it with --allow-http if you trust every network in between"
                .to_owned()
        }
        AddressError::NotAUrl(_) | AddressError::Scheme(_) | AddressError::Query => FORM.to_owned(),
    };
    (ExitCode::Configuration, Some(hint))
}

fn of_key(error: KeyError) -> Verdict {
    let hint = match error {
        KeyError::Missing => {
            "set BATON_API_TOKEN, or name a file with --api-token-file; personal keys are made under Settings > \
             Personal API keys"
        }
        KeyError::Empty
        | KeyError::Characters
        | KeyError::Quoted
        | KeyError::Assignment
        | KeyError::Header => {
            "give the key alone, as PostHog showed it when it was made: `phx_` and what follows, nothing around it"
        }
        KeyError::ProjectKey => {
            "make a personal key (`phx_…`) under Settings > Personal API keys, with the scopes `organization:read` \
             and `organization_member:read`"
        }
    };
    verdict(ExitCode::Configuration, hint)
}

/// What helps where there is no snapshot under a name that nobody may have meant.
fn of_missing(path: &Path) -> Option<&'static str> {
    match path.to_str() {
        Some(DEFAULT_FILE) => {
            Some("that is the name if none is given; name a snapshot as an argument or with -f")
        }
        Some("-") => Some("snapshots are not read from standard input; name a file"),
        _ => None,
    }
}

/// What helps where the machine refused to do something; with `--temp-dir` that may be another folder.
fn of_machine(source: &io::Error, is_about_temporary: bool) -> Verdict {
    use io::ErrorKind as Kind;
    let is_full = matches!(
        source.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge
    );
    let hint = match (source.kind(), is_about_temporary) {
        _ if is_full && is_about_temporary => FULL_TEMPORARY,
        _ if is_full => "make room on that file system; what was there before is untouched",
        (Kind::ResourceBusy, _) => "mount the folder that holds the file, and not the file alone",
        (_, true) => "name a folder that takes temporary files with --temp-dir",
        (_, false) => return (ExitCode::Usage, None),
    };
    verdict(ExitCode::Usage, hint)
}

const FULL_TEMPORARY: &str = "make room on that file system, or name another folder with --temp-dir; what was there before is untouched";

fn of_snapshot(error: &snapshot::Error) -> Verdict {
    use snapshot::Error;
    match error {
        Error::Io {
            action: "reading",
            path,
            source,
        } if source.kind() == io::ErrorKind::NotFound => {
            (ExitCode::NotFound, of_missing(path).map(ToOwned::to_owned))
        }
        Error::Io { source, .. } => of_machine(source, error.is_about_temporary()),
        // SQLite says that the disk is full and not much else.
        Error::Building { .. } if error.is_about_temporary() => {
            verdict(ExitCode::Usage, FULL_TEMPORARY)
        }
        Error::Building { .. } => (ExitCode::Usage, None),
        Error::Version3 { .. } => verdict(
            ExitCode::BadSnapshot,
            "the connector that wrote it can write format v1 with `--storage-engine sqlite`",
        ),
        Error::TooLarge { .. } => verdict(
            ExitCode::BadSnapshot,
            "if you trust the file, raise BATON_DECODER_MAX_DECODED_SIZE_MB",
        ),
        Error::Damaged {
            damage: snapshot::Damage::Window,
            ..
        } => verdict(
            ExitCode::BadSnapshot,
            "if you trust the file, raise BATON_DECODER_MAX_MEMORY_MB",
        ),
        Error::Damaged { .. } => verdict(
            ExitCode::BadSnapshot,
            "get the file anew from where it was made or stored",
        ),
        Error::NotC1z { .. } => (ExitCode::BadSnapshot, None),
        Error::NoFinishedSync { .. } => verdict(
            ExitCode::BadSnapshot,
            "its crawl did not end; nothing in it can be relied on, so nothing is shown",
        ),
        Error::NoSuchSync { .. } => (ExitCode::BadSnapshot, None),
    }
}
