//! Turns an error into message, hint and exit code. This is the only place that chooses hints and exit codes.

use std::io;
use std::path::Path;

use crate::crawl::{self, AddressError, KeyError, Peer, Problem, Responder, mask_secrets};
use crate::files;
use crate::snapshot;

use super::DEFAULT_FILE;
use super::access::NobodyFound;
use super::answer::NotArrived;
use super::audit::{OtherOrganization, UnjudgedGate};
use super::diff::{NoSecondSync, NotComparable, UnjudgedRevocations};
use super::given::BadInput;
use super::history::{
    BeforeFirst, NeverSeen, NoFiles, NoRuns, OtherHistory, RolesNotRead, UnreadableFiles,
    UnrecordedOrganization,
};
use super::list::MeaninglessFilter;
use super::organization::{NoDocument, UnreadableDocument};
use super::prune::FolderProblem;
use super::search::Ambiguous;
use super::sync::{InconsistentData, Locked, NothingSet, Refusal, TemplateError};

/// The exit code of the process. The README has a table of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Differences or findings, a snapshot that is too old, or access that was lost too late.
    Found = 1,
    /// Wrong usage, or nothing more exact.
    Usage = 2,
    /// Bad configuration: wrong address or host name, or not a PostHog API.
    Configuration = 3,
    /// A time limit has passed.
    TimedOut = 4,
    /// No such file, organization or person.
    NotFound = 5,
    /// The key lacks a scope or permission.
    Forbidden = 7,
    /// A guard refused the snapshot: incomplete, shrunk, or another organization's snapshot in its place.
    Refused = 9,
    /// Another run holds the lock.
    Locked = 10,
    /// A bug.
    Bug = 13,
    /// The network or the server failed.
    Network = 14,
    /// Not a c1z, a damaged one, or none with a finished sync.
    BadSnapshot = 15,
    /// The key was rejected.
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
    /// How to fix it.
    pub hint: Option<String>,
    /// The exit code of the process.
    pub exit_code: ExitCode,
}

impl Failure {
    /// Describes `error` to the user.
    pub fn of(error: &anyhow::Error) -> Self {
        let (exit_code, hint) = diagnose(error);
        // The user may have typed a key where a file, a host or a name was expected.
        Self {
            message: mask_secrets(&format!("{error:#}")),
            hint: hint.map(|hint| mask_secrets(&hint)),
            exit_code,
        }
    }

    /// Describes a panic at `place`. It is a bug, unless a library panicked because the system refused to start a thread.
    pub fn of_panic(place: &str, reason: &str) -> Self {
        if reason.starts_with("failed to spawn thread") {
            return Self {
                message: "the system refused to start a thread".to_owned(),
                hint: Some(
                    "raise this user's limit on processes and threads (`ulimit -u`)".to_owned(),
                ),
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

/// What to do without any settings, a line each. Each fits into a terminal of 80 columns.
const FIRST_STEPS: &str = "to look around without PostHog, run `posthog-c1z sync --demo`
set BATON_API_TOKEN to a key from Settings > Personal API keys in PostHog
set BATON_BASE_URL to `https://eu.posthog.com/api/organizations/<id>`
run `posthog-c1z check`, which says what else is missing
if this is a scheduled job, its environment is missing";

type Diagnosis = (ExitCode, Option<String>);

fn diagnosis(code: ExitCode, hint: impl Into<String>) -> Diagnosis {
    (code, Some(hint.into()))
}

fn diagnose(error: &anyhow::Error) -> Diagnosis {
    if let Some(error) = error.downcast_ref::<crawl::Error>() {
        return of_crawl(error);
    }
    if error.is::<NothingSet>() {
        return diagnosis(ExitCode::Configuration, FIRST_STEPS);
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
        return diagnosis(
            ExitCode::Usage,
            "the output did not arrive completely: check whether the program that reads it failed. To discard output, use \
             the shell's `> /dev/null`; a null device that is also open for reading looks like a closed output",
        );
    }
    if let Some(error) = error.downcast_ref::<files::Error>() {
        // The user chose these places; only checking `--temp-dir` itself is about temporary files.
        return of_machine(&error.source, error.action == files::TRYING);
    }
    if let Some(error) = error.downcast_ref::<MeaninglessFilter>() {
        return diagnosis(ExitCode::Usage, error.hint());
    }
    if let Some(error) = error.downcast_ref::<Ambiguous>() {
        return diagnosis(ExitCode::Usage, error.hint());
    }
    if error.is::<NotComparable>() {
        return diagnosis(
            ExitCode::Usage,
            "if you know why they differ, compare them anyway with --force",
        );
    }
    if error.is::<NoSecondSync>() {
        return diagnosis(
            ExitCode::Usage,
            "give two files, since `sync` writes one sync run per file, or choose two sync runs of this file with \
             --old-sync and --new-sync",
        );
    }
    if let Some(error) = error.downcast_ref::<NobodyFound>() {
        return diagnosis(ExitCode::NotFound, error.hint());
    }
    if let Some(error) = error.downcast_ref::<BadInput>() {
        return diagnosis(ExitCode::Configuration, error.hint());
    }
    if error.is::<UnjudgedGate>() {
        return diagnosis(
            ExitCode::Usage,
            "give the audit what the rule needs, or leave it out of --fail-on: a gate that cannot be judged must not pass",
        );
    }
    if error.is::<UnjudgedRevocations>() {
        return diagnosis(
            ExitCode::Usage,
            "compare full snapshots with roles: access that was not read may still be held",
        );
    }
    if error.is::<OtherOrganization>() {
        return diagnosis(
            ExitCode::Usage,
            "findings can only be new or known within one organization",
        );
    }
    if error.is::<NoDocument>() {
        return diagnosis(
            ExitCode::NotFound,
            "settings, domains and invitations are read by `posthog-c1z sync` and kept in the new snapshot",
        );
    }
    if error.is::<UnreadableDocument>() {
        return diagnosis(
            ExitCode::BadSnapshot,
            "a newer version of posthog-c1z may be able to read it; `posthog-c1z verify` checks the whole file",
        );
    }
    if let Some(error) = error.downcast_ref::<Refusal>() {
        return diagnosis(ExitCode::Refused, error.hint());
    }
    if let Some(error) = error.downcast_ref::<Locked>() {
        return diagnosis(ExitCode::Locked, error.hint());
    }
    if let Some(error) = error.downcast_ref::<NoFiles>() {
        return match error {
            NoFiles::Missing(path) => (ExitCode::NotFound, of_missing(path).map(ToOwned::to_owned)),
            NoFiles::Pattern(_) => (ExitCode::NotFound, None),
            NoFiles::BadPattern(..) => (ExitCode::Usage, None),
            NoFiles::Empty(_) => diagnosis(
                ExitCode::BadSnapshot,
                "subfolders are not read, and neither are rejected and incomplete snapshots",
            ),
        };
    }
    if let Some(error) = error.downcast_ref::<BeforeFirst>() {
        return diagnosis(ExitCode::NotFound, error.hint());
    }
    if let Some(error) = error.downcast_ref::<NeverSeen>() {
        return (ExitCode::NotFound, error.hint());
    }
    if error.is::<UnrecordedOrganization>() {
        return diagnosis(
            ExitCode::Usage,
            "if they are of one organization, read them together with --force",
        );
    }
    if error.is::<OtherHistory>() {
        return diagnosis(
            ExitCode::Usage,
            "name snapshots that this program took of the same organization",
        );
    }
    if error.is::<RolesNotRead>() {
        return diagnosis(
            ExitCode::Usage,
            "name an earlier or a later time; `posthog-c1z history` shows which snapshots read roles",
        );
    }
    if error.is::<NoRuns>() {
        return (ExitCode::BadSnapshot, None);
    }
    if error.is::<UnreadableFiles>() {
        return diagnosis(
            ExitCode::BadSnapshot,
            "`posthog-c1z verify` says what is wrong with a file; --skip-unreadable leaves such files out without failing",
        );
    }
    if let Some(error) = error.downcast_ref::<FolderProblem>() {
        return match error {
            FolderProblem::Missing(_) => (ExitCode::NotFound, None),
            FolderProblem::NotAFolder(_) => diagnosis(
                ExitCode::Usage,
                "`prune` takes the folder that holds the snapshots",
            ),
            FolderProblem::NoSnapshot(_) => diagnosis(
                ExitCode::BadSnapshot,
                "nothing was removed; check that this is the folder of the archive",
            ),
        };
    }
    if let Some(error) = error.downcast_ref::<TemplateError>() {
        let code = match error {
            TemplateError::Organization(_) => ExitCode::Configuration,
            _ => ExitCode::Usage,
        };
        return diagnosis(code, error.hint());
    }
    if error.is::<InconsistentData>() {
        return diagnosis(ExitCode::Bug, BUG_HINT);
    }
    (ExitCode::Usage, None)
}

fn of_crawl(error: &crawl::Error) -> Diagnosis {
    match &error.problem {
        Problem::Status {
            status,
            detail,
            responder,
            ..
        } => {
            let detail = detail.as_deref().unwrap_or_default();
            let (code, hint) = of_status(error.reading, *status, detail, responder);
            let hint = match (status, &error.key_source) {
                (401 | 403, Some(source)) => {
                    hint.map(|hint| format!("{hint}. The key came from {source}"))
                }
                _ => hint,
            };
            (code, hint)
        }
        Problem::Redirect { .. } => diagnosis(
            ExitCode::Configuration,
            "use the server's own address, such as `https://eu.posthog.com/api/organizations/<id>`; redirects are not \
             followed, since they could send the key to another host",
        ),
        Problem::NotJson { .. } => diagnosis(
            ExitCode::Configuration,
            "this is not the API: check that the address has the form `https://<host>/api/organizations/<id>` and that \
             no proxy answers in its place",
        ),
        Problem::OutOfTime => diagnosis(
            ExitCode::TimedOut,
            "allow the run more time with --max-duration",
        ),
        Problem::MaybeIncomplete(_) => diagnosis(
            ExitCode::Refused,
            "members or roles may be changing too fast; try again at a quieter time. --accept-incomplete saves what was \
             read in a separate file, marked as incomplete",
        ),
        Problem::CountsDiffer(_) => diagnosis(
            ExitCode::Refused,
            "the server contradicts itself: ask its administrator or PostHog support why the list and the member count \
             differ. --accept-incomplete saves what was read in a separate file, marked as incomplete",
        ),
        Problem::HiddenMembers(_) => diagnosis(
            ExitCode::Forbidden,
            "use the key of an administrator or owner, or let members see each other under Settings > Organization > \
             Members",
        ),
        Problem::OldServer => diagnosis(
            ExitCode::NotFound,
            "update the server, or read only its members with --without-roles",
        ),
        Problem::Certificates(_) => diagnosis(
            ExitCode::Configuration,
            "give a file of PEM certificates with --ca-cert",
        ),
        Problem::Coding(_) => diagnosis(
            ExitCode::Configuration,
            "a proxy or another program may be answering in the API's place, or changing its answers",
        ),
        Problem::BadJson(_) => diagnosis(
            ExitCode::Configuration,
            "a proxy or another program may be answering in the API's place: check the address",
        ),
        Problem::Shape(_) => diagnosis(
            ExitCode::Configuration,
            "check that the address is PostHog's; if it is, the API has changed: please report this with the text above",
        ),
        Problem::TooLarge(_) => diagnosis(
            ExitCode::Network,
            "no organization has that much data: check that the address is PostHog's and that no proxy answers in its \
             place. The limits are listed in docs/compatibility.md",
        ),
        Problem::Machine(_) => diagnosis(
            ExitCode::Usage,
            "a limit of this machine or process is too low, or a rule forbids the connection: check `ulimit -n` and the \
             firewall",
        ),
        Problem::ProxySetting(_) => diagnosis(
            ExitCode::Configuration,
            "set it to a proxy of the form `http://host:port`, or add the server to NO_PROXY if it can be reached directly",
        ),
        Problem::ProxyRefused {
            status: Some(407), ..
        } => diagnosis(
            ExitCode::Configuration,
            "the proxy requires a user name and password: put `user:password@` before its host in that variable",
        ),
        Problem::ProxyRefused {
            status: Some(status),
            ..
        } if !crawl::is_passing_status(*status) => diagnosis(
            ExitCode::Configuration,
            "the proxy does not allow connections to that host; ask its administrator, or add the host to NO_PROXY if it \
             can be reached directly",
        ),
        Problem::ProxyRefused { .. }
        | Problem::Connection { proxy: Some(_), .. }
        | Problem::NameServer {
            peer: Peer::Proxy { .. },
            ..
        } => diagnosis(
            ExitCode::Network,
            "check the proxy settings and that the proxy is running; try again later",
        ),
        Problem::Truncated | Problem::Connection { proxy: None, .. } => diagnosis(
            ExitCode::Network,
            "the connection failed; check the network and try again later",
        ),
        Problem::Client(_) => diagnosis(
            ExitCode::Network,
            "check the network and the proxy settings",
        ),
        Problem::TimedOut => diagnosis(
            ExitCode::TimedOut,
            "the server may be busy; try again, or allow more time with --http-timeout-seconds",
        ),
        Problem::UnknownHost(Peer::Proxy { .. }) => diagnosis(
            ExitCode::Configuration,
            "check the spelling of the proxy's host name, and the DNS settings",
        ),
        Problem::UnknownHost(Peer::Server(_)) => diagnosis(
            ExitCode::Configuration,
            "check the spelling of the host name, and the DNS settings",
        ),
        Problem::NameServer { .. } => diagnosis(
            ExitCode::Network,
            "check the network and the DNS settings; try again later",
        ),
        Problem::Tls(_) => diagnosis(
            ExitCode::Configuration,
            "if a private certificate authority issued the server's certificate, give its certificate with --ca-cert or \
             SSL_CERT_FILE",
        ),
    }
}

/// Interprets a status by PostHog's message, since its `code` is the same for several of these cases.
fn of_status(reading: &str, status: u16, detail: &str, responder: &Responder) -> Diagnosis {
    if let (Responder::Gateway(_), Some(diagnosis)) = (responder, of_gateway(status)) {
        return diagnosis;
    }
    match status {
        401 => diagnosis(
            ExitCode::KeyRejected,
            "the key is wrong, was revoked or rolled, or belongs to the other region: keys of eu.posthog.com do not work \
             on us.posthog.com. Create personal API keys under Settings > Personal API keys",
        ),
        402 | 403 => diagnosis(ExitCode::Forbidden, refused(reading, detail)),
        404 if detail.contains("Endpoint not found") && reading.contains("role") => diagnosis(
            ExitCode::NotFound,
            "this server has no roles; read only its members with --without-roles",
        ),
        404 if detail.contains("Endpoint not found") => diagnosis(
            ExitCode::NotFound,
            "this server does not have that part of the API; check that it runs PostHog",
        ),
        404 => diagnosis(
            ExitCode::NotFound,
            "check the organization's id in the address; it is shown under Settings > Organization > General",
        ),
        429 => diagnosis(
            ExitCode::Network,
            "the key's rate limit is used up; try again later",
        ),
        501 | 505 => diagnosis(
            ExitCode::Configuration,
            "the server does not support the request; check that the address is PostHog's",
        ),
        408 | 425 => diagnosis(
            ExitCode::Network,
            "the server did not receive the request in time; try again later",
        ),
        500.. => diagnosis(ExitCode::Network, "the server failed; try again later"),
        _ => diagnosis(
            ExitCode::Configuration,
            "check that the address has the form `https://<host>/api/organizations/<id>`",
        ),
    }
}

/// Interprets a status that did not come from PostHog but from a firewall, a proxy or a load balancer in front of it.
fn of_gateway(status: u16) -> Option<Diagnosis> {
    let (code, why) = match status {
        401 => (ExitCode::KeyRejected, "it requires a login of its own"),
        403 => (
            ExitCode::Forbidden,
            "it blocks this machine or this program, regardless of the key",
        ),
        407 => (
            ExitCode::Configuration,
            "it is a proxy that requires a user name and password",
        ),
        413 => (
            ExitCode::Configuration,
            "it considers the request too large",
        ),
        451 => (
            ExitCode::Configuration,
            "it blocks the address for legal reasons",
        ),
        _ => return None,
    };
    Some(diagnosis(
        code,
        format!(
            "this answer is not PostHog's: it came from a firewall, a proxy or a load balancer in front of it, and {why}. \
             Ask the administrators of the network or the server"
        ),
    ))
}

fn refused(reading: &str, detail: &str) -> String {
    if let Some(scope) = detail.split("required scope").nth(1) {
        let scope = scope.trim().trim_matches(['\'', '"', '.']);
        return format!("edit the key under Settings > Personal API keys and add `{scope}`");
    }
    if detail.contains("scoped projects") {
        return "the key is limited to projects; create one under Settings > Personal API keys that has no limits, or is \
                limited to this organization"
            .to_owned();
    }
    if detail.contains("does not have access to the requested organization") {
        return "the key is limited to other organizations; add this one under Settings > Personal API keys".to_owned();
    }
    if detail.contains("does not allow using personal API keys") {
        return "ask an administrator to allow personal API keys under Settings > Organization > Security, or use an \
                administrator's key"
            .to_owned();
    }
    if detail.contains("do not have permission") {
        return "the key's owner is not a member of this organization, or may not read this; use a member's key"
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

fn of_address(error: &AddressError) -> Diagnosis {
    const FORM: &str = "the address has the form `https://eu.posthog.com/api/organizations/<id>` (or us.posthog.com, \
                        or your own host)";
    let hint = match error {
        AddressError::Missing => format!("set --base-url or BATON_BASE_URL; {FORM}"),
        AddressError::IngestionHost { api_host, .. } => {
            format!("use `https://{api_host}/api/organizations/<id>`")
        }
        AddressError::NoOrganization { example, .. } => {
            format!("use `{example}`, or only the host together with --organization <id>")
        }
        AddressError::HoldsKey => {
            format!("put the key into BATON_API_TOKEN, or into a file for --api-token-file; {FORM}")
        }
        AddressError::UserInfo => {
            "remove it, and put the key into BATON_API_TOKEN or a file for --api-token-file"
                .to_owned()
        }
        AddressError::PlainHttp { .. } => {
            "use `https://`, or allow it with --allow-http if you trust every network in between"
                .to_owned()
        }
        AddressError::NotAUrl(_) | AddressError::Scheme(_) | AddressError::Query => FORM.to_owned(),
    };
    (ExitCode::Configuration, Some(hint))
}

fn of_key(error: KeyError) -> Diagnosis {
    let hint = match error {
        KeyError::Missing => {
            "set BATON_API_TOKEN, or give a file with --api-token-file; create personal API keys under Settings > \
             Personal API keys"
        }
        KeyError::Empty
        | KeyError::Characters
        | KeyError::Quoted
        | KeyError::Assignment
        | KeyError::Header => {
            "give only the key, as PostHog showed it when it was created: `phx_…` with nothing before or after it"
        }
        KeyError::ProjectKey => {
            "create a personal API key (`phx_…`) under Settings > Personal API keys, with the scopes \
             `organization:read` and `organization_member:read`"
        }
    };
    diagnosis(ExitCode::Configuration, hint)
}

/// Returns a hint about a missing snapshot whose name the user may not have intended.
fn of_missing(path: &Path) -> Option<&'static str> {
    match path.to_str() {
        Some(DEFAULT_FILE) => {
            Some("this is the default file; give a snapshot as an argument or with -f")
        }
        Some("-") => Some("snapshots cannot be read from standard input; give a file name"),
        _ => None,
    }
}

/// Interprets an error of the machine. If it is about temporary files, another `--temp-dir` may help.
fn of_machine(source: &io::Error, is_about_temporary: bool) -> Diagnosis {
    use io::ErrorKind as Kind;
    let is_full = matches!(
        source.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge
    );
    let hint = match (source.kind(), is_about_temporary) {
        _ if is_full && is_about_temporary => FULL_TEMPORARY,
        _ if is_full => "free some space on that file system; existing files were not changed",
        (Kind::ResourceBusy, _) => {
            "mount the folder that contains the file instead of the file itself"
        }
        (_, true) => "choose a writable folder for temporary files with --temp-dir",
        (_, false) => return (ExitCode::Usage, None),
    };
    diagnosis(ExitCode::Usage, hint)
}

const FULL_TEMPORARY: &str = "free some space on that file system, or choose another folder with --temp-dir; existing \
                              files were not changed";

fn of_snapshot(error: &snapshot::Error) -> Diagnosis {
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
        // SQLite reports a full disk and little else.
        Error::Building { .. } if error.is_about_temporary() => {
            diagnosis(ExitCode::Usage, FULL_TEMPORARY)
        }
        Error::Building { .. } => (ExitCode::Usage, None),
        Error::UnknownV3 { .. } => diagnosis(
            ExitCode::BadSnapshot,
            "a newer version of posthog-c1z may know it; the connector that wrote the file can write format v1 with \
             `--storage-engine sqlite`",
        ),
        Error::TooLarge { .. } => diagnosis(
            ExitCode::BadSnapshot,
            "if you trust the file, raise BATON_DECODER_MAX_DECODED_SIZE_MB",
        ),
        Error::Damaged {
            damage: snapshot::Damage::Window,
            ..
        } => diagnosis(
            ExitCode::BadSnapshot,
            "if you trust the file, raise BATON_DECODER_MAX_MEMORY_MB",
        ),
        Error::Damaged { .. } => diagnosis(
            ExitCode::BadSnapshot,
            "fetch the file again from where it was created or stored",
        ),
        Error::NotC1z { .. } => (ExitCode::BadSnapshot, None),
        Error::NoFinishedSync { .. } => diagnosis(
            ExitCode::BadSnapshot,
            "its crawl did not finish, so its content is not reliable and is not shown",
        ),
        Error::NoSuchSync { .. } => (ExitCode::BadSnapshot, None),
    }
}
