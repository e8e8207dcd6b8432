//! Roles, and who holds them: what the list of roles carries, held against each role's own list.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::api::{self, CarryingRole, Kept, Role};
use super::list::{ListRead, ListRow, ListSource, OrderedList, Overlap, read_unordered};
use super::map::{self, Holder, Types};
use super::{Crawl, Incomplete, Memberships};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream, shortened};
use crate::model::{InventoryBuilder, ListEvidence, MAX_ID_BYTES, ResourceId, Text};
use crate::progress::{Event, Phase, Reporter};

/// Rows asked for in one page of role memberships, never raised: each costs the server several queries.
const ROLE_MEMBERSHIPS_PAGE: u64 = 200;

/// A role as the list of roles has it.
pub(super) struct ListedRole {
    role: Role,
    /// Who holds it, each once, sorted; `None` if the list does not say.
    carried: Option<Carried>,
}

/// What the list of roles says of who holds one.
enum Carried {
    /// All that grants are made of.
    Holders(Vec<Holder>),
    /// Enough to hold the role's own list against.
    Principals(Vec<ResourceId>),
}

/// All roles, as the list of roles has them.
pub(super) struct ListedRoles {
    roles: Vec<ListedRole>,
    /// Whether the list is proof enough that nobody holds a role for which it carries nobody: it came in one answer.
    settles_empty_roles: bool,
}

impl ListedRole {
    fn has_holders(&self) -> bool {
        self.carried
            .as_ref()
            .is_some_and(|carried| carried.len() > 0)
    }
}

impl Kept for ListedRole {
    fn memory(&self) -> usize {
        // What it carries is counted as it comes.
        self.role.memory()
    }
}

impl ListRow for ListedRole {
    fn key(&self) -> &Text {
        &self.role.id
    }
}

impl ListRow for Holder {
    fn key(&self) -> &Text {
        &self.principal.resource
    }
}

impl Carried {
    fn len(&self) -> usize {
        match self {
            Self::Holders(holders) => holders.len(),
            Self::Principals(principals) => principals.len(),
        }
    }
}

impl Crawl<'_> {
    /// All roles with their entitlements, sorted by id, so that what follows does not depend on the order they came in.
    pub(super) fn roles(&mut self) -> Result<ListedRoles, Error> {
        let holder = |row: &[u8]| self.types.holder(&self.found, row);
        let ListRead {
            rows: mut roles,
            evidence,
            doubt,
            is_one_answer,
        } = match self.config.memberships {
            Memberships::Embedded => self.roles_with(holder, Carried::Holders)?,
            Memberships::Endpoint | Memberships::WithoutRoles => self.roles_with(
                |row| Ok(holder(row)?.map(|holder| holder.principal)),
                Carried::Principals,
            )?,
        };
        if let Some(doubt) = doubt {
            self.doubt("the list of roles", doubt);
        }
        roles.sort_by(|a, b| a.role.id.cmp(&b.role.id));
        self.keep(evidence);
        self.reporter.report(Event::Finished {
            phase: Phase::Roles,
        });
        // Where nobody is in any role, the server may leave them out of this list.
        let has_holders = roles.iter().any(ListedRole::has_holders);
        Ok(ListedRoles {
            settles_empty_roles: is_one_answer && has_holders,
            roles,
        })
    }

    /// All roles, with what `holder` makes of each membership that they carry.
    fn roles_with<H: HasPrincipal>(
        &self,
        holder: impl Fn(&[u8]) -> Result<Option<H>, JsonError>,
        carried: impl Fn(Vec<H>) -> Carried,
    ) -> Result<ListRead<ListedRole>, Error> {
        let base_path = self.base.path();
        let source = self.list("roles", Some(Phase::Roles), &base_path, "roles/".to_owned());
        self.reporter.report(Event::Started {
            phase: Phase::Roles,
            of: None,
        });
        let row = |json: &mut JsonStream<'_>| {
            let CarryingRole {
                role,
                carried: holders,
            } = api::role(json, &holder)?;
            Ok(ListedRole {
                role,
                carried: holders.map(|holders| carried(distinct(holders))),
            })
        };
        let list = read_unordered(&source, &row)?;
        self.accepted(list, &source)
    }

    /// Who holds each role. Several workers read at a time; what comes of it does not depend on their number.
    pub(super) fn role_memberships(&mut self, listed: ListedRoles) -> Result<(), Error> {
        let ListedRoles {
            roles,
            settles_empty_roles,
        } = listed;
        let base_path = self.base.path();
        let requests = |listed: &ListedRole| {
            let members = listed.carried.as_ref().map_or(0, Carried::len) as u64;
            members.div_ceil(ROLE_MEMBERSHIPS_PAGE).max(1)
        };
        if self.config.memberships == Memberships::Endpoint {
            self.announce(roles.iter().map(requests).sum());
        }
        self.reporter.report(Event::Started {
            phase: Phase::RoleMemberships,
            of: Some(roles.len() as u64),
        });
        let reader = RoleReader {
            http: self.http,
            reporter: self.reporter,
            base_path: &base_path,
            types: &self.types,
            found: &self.found,
            settles_empty_roles,
        };
        let read = reader.read_all(roles, self.config.workers)?;
        let unordered = read.iter().filter(|role| role.is_unordered).count();
        for role in read {
            self.keep_role(role)?;
        }
        if unordered > 0 {
            let lists = match unordered {
                1 => "the list of who holds a role came".to_owned(),
                lists => format!("{lists} lists of who holds a role came"),
            };
            self.evidence.warnings.push(format!(
                "{lists} in pages without a fixed order, which repeat people and miss others; the role itself, which comes \
                 in one answer, was asked instead"
            ));
        }
        self.reporter.report(Event::Finished {
            phase: Phase::RoleMemberships,
        });
        Ok(())
    }

    fn keep_role(&mut self, read: ReadRole) -> Result<(), Error> {
        let ReadRole {
            role,
            holders,
            evidence,
            note,
            is_unordered: _,
            doubt,
        } = read;
        self.evidence.warnings.extend(note);
        if let Some(error) = doubt {
            if self.config.incomplete == Incomplete::Refuse {
                return Err(error);
            }
            self.doubt(
                &format!("the list of who holds role `{}`", role.id),
                error.problem.to_string(),
            );
        }
        if let Some(evidence) = evidence {
            self.keep(evidence);
        }
        let Some(holders) = holders else {
            return Ok(());
        };
        self.found.add_resource(self.types.role(&role));
        let entitlement = self.types.member_entitlement(&role);
        let id = entitlement.id.clone();
        self.found.add_entitlement(entitlement);
        self.check_id_length(id.as_str().len(), &role, None)?;
        for mut holder in holders {
            if let Some(row) = holder.unlisted.take() {
                let known = self.found.resource(&holder.principal);
                self.evidence.unlisted_principals += u64::from(known.is_none());
                if known.is_none_or(|known| map::tells_more(known, &row)) {
                    self.found.add_resource(self.types.unlisted(&row));
                }
            }
            let grant = Types::grant(id.clone(), holder);
            self.check_id_length(grant.id_length(), &role, Some(&grant.principal))?;
            self.found.add_grant(grant);
        }
        Ok(())
    }

    /// Fails if an id that is made of the server's own is longer than the format allows.
    fn check_id_length(
        &self,
        length: usize,
        role: &Role,
        holder: Option<&ResourceId>,
    ) -> Result<(), Error> {
        if length <= MAX_ID_BYTES {
            return Ok(());
        }
        let holder = holder.map_or_else(String::new, |holder| {
            format!(" and `members.user.uuid` `{}`", shortened(&holder.resource))
        });
        let problem = format!(
            "field `id` of row `{}`{holder}: they would make an id of more than {MAX_ID_BYTES} bytes",
            shortened(&role.id)
        );
        let path = format!("{}roles/", self.base.path());
        let problem = Problem::TooMuch(self.http.shown(&problem));
        Err(self.http.error("roles", &path, problem))
    }
}

/// A role, after its holders were read.
struct ReadRole {
    role: Role,
    /// `None` if the role went while it was read: it leaves the snapshot.
    holders: Option<Vec<Holder>>,
    /// Of the role's own list, if it was read.
    evidence: Option<ListEvidence>,
    /// What a person should know, in words.
    note: Option<String>,
    /// Whether its own list came in pages that did not fit together, and the role itself settled it.
    is_unordered: bool,
    /// Why the holders are not surely all.
    doubt: Option<Error>,
}

/// Why a role itself is asked.
enum Question {
    /// Its own list and the list of roles differ; in words.
    Differ(String),
    /// Its own list came in pages that did not fit together; in words.
    Unordered(String),
    /// Whether it is still there.
    Exists,
}

struct RoleReader<'a> {
    http: &'a Http<'a>,
    reporter: &'a dyn Reporter,
    base_path: &'a str,
    types: &'a Types,
    found: &'a InventoryBuilder,
    settles_empty_roles: bool,
}

impl RoleReader<'_> {
    /// Reads the holders of all roles, in the order of the roles.
    fn read_all(&self, roles: Vec<ListedRole>, workers: usize) -> Result<Vec<ReadRole>, Error> {
        let count = roles.len();
        let waiting: Vec<Mutex<Option<ListedRole>>> = roles
            .into_iter()
            .map(|role| Mutex::new(Some(role)))
            .collect();
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let work = || {
            let mut done = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = waiting.get(at) else { break };
                let role = slot
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .take();
                let Some(role) = role else { break };
                let read = self.read(role);
                if read.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                done.push((at, read));
                self.reporter.report(Event::Advanced {
                    phase: Phase::RoleMemberships,
                    steps: 1,
                    of: None,
                });
            }
            done
        };
        let mut done = Vec::with_capacity(count);
        std::thread::scope(|scope| {
            // This thread works as well; where the system starts no other, it does all of the work.
            let others: Vec<_> = (1..workers.min(count))
                .map_while(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            done.extend(work());
            for worker in others {
                match worker.join() {
                    Ok(read) => done.extend(read),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, read)| read).collect()
    }

    /// Whether what the list of roles carries needs no second source.
    fn is_settled(&self, carried: &[Holder]) -> bool {
        !carried.is_empty() || self.settles_empty_roles
    }

    fn read(&self, listed: ListedRole) -> Result<ReadRole, Error> {
        let ListedRole { role, carried } = listed;
        match carried {
            Some(Carried::Holders(holders)) if self.is_settled(&holders) => Ok(ReadRole {
                role,
                holders: Some(holders),
                evidence: None,
                note: None,
                is_unordered: false,
                doubt: None,
            }),
            Some(Carried::Holders(_)) => self.compare(role, &[]),
            Some(Carried::Principals(principals)) => self.compare(role, &principals),
            None => self.own_list_alone(role),
        }
    }

    /// The role's own list against what the list of roles carried. Where they differ, the role itself decides.
    fn compare(&self, role: Role, carried: &[ResourceId]) -> Result<ReadRole, Error> {
        let own = self.own_list(&role, 1)?;
        let own_holders = distinct(own.rows);
        let evidence = Some(ListEvidence {
            kept: own_holders.len() as u64,
            ..own.evidence
        });
        if own_holders.iter().map(Holder::principal).eq(carried) {
            return Ok(ReadRole {
                role,
                holders: Some(own_holders),
                evidence,
                note: None,
                is_unordered: false,
                doubt: None,
            });
        }
        let question = match own.doubt {
            // Its number of rows means nothing.
            Some(doubt) => Question::Unordered(format!("{}: {doubt}", named(&role))),
            None => Question::Differ(format!(
                "{}: its own list has {} members, the list of roles had {}",
                named(&role),
                own_holders.len(),
                carried.len()
            )),
        };
        self.ask_again(role, own_holders, evidence, question)
    }

    /// Asks for the role itself, which comes with its holders in one answer, or is gone.
    fn ask_again(
        &self,
        role: Role,
        own_holders: Vec<Holder>,
        evidence: Option<ListEvidence>,
        question: Question,
    ) -> Result<ReadRole, Error> {
        let path = format!("{}roles/{}/", self.base_path, role.id);
        let decided = self.http.get("a role", &path, Tries::All, |json| {
            api::role(json, |row| self.holder(row))
        });
        let (holders, note, doubt) = match decided {
            Ok(CarryingRole {
                carried: Some(members),
                ..
            }) => {
                let holders = distinct(members);
                let note = match &question {
                    Question::Differ(differ) => {
                        Some(format!("{differ}; asked again, it has {}", holders.len()))
                    }
                    Question::Unordered(_) | Question::Exists => None,
                };
                (Some(holders), note, None)
            }
            Ok(_) => {
                let doubt = match &question {
                    Question::Differ(why) | Question::Unordered(why) => {
                        let problem = format!("{why}; asked again, it does not say");
                        let problem = Problem::NotProved(problem);
                        Some(self.http.error("a role", &path, problem))
                    }
                    Question::Exists => None,
                };
                (Some(own_holders), None, doubt)
            }
            Err(Error {
                problem: Problem::Status { status: 404, .. },
                ..
            }) => {
                let note = format!("{} went while it was read, and is left out", named(&role));
                (None, Some(note), None)
            }
            Err(error) => return Err(error),
        };
        let is_settled = holders.is_some() && doubt.is_none();
        Ok(ReadRole {
            role,
            holders,
            evidence,
            note,
            is_unordered: is_settled && matches!(question, Question::Unordered(_)),
            doubt,
        })
    }

    /// The role's own list, where the list of roles carries nothing to hold it against.
    fn own_list_alone(&self, role: Role) -> Result<ReadRole, Error> {
        let own = self.own_list(&role, u32::MAX)?;
        if own.rows.is_empty() && own.doubt.is_none() {
            // A role that is gone answers so too.
            return self.ask_again(role, own.rows, Some(own.evidence), Question::Exists);
        }
        let doubt = own.doubt.map(|doubt| {
            let path = format!("{}roles/{}/role_memberships/", self.base_path, role.id);
            self.http
                .error("role memberships", &path, Problem::NotProved(doubt))
        });
        Ok(ReadRole {
            role,
            holders: Some(distinct(own.rows)),
            evidence: Some(own.evidence),
            note: None,
            is_unordered: false,
            doubt,
        })
    }

    fn own_list(&self, role: &Role, max_walks: u32) -> Result<ListRead<Holder>, Error> {
        let source = ListSource {
            http: self.http,
            reporter: self.reporter,
            reading: "role memberships",
            phase: None,
            base_path: self.base_path,
            path: format!("roles/{}/role_memberships/", role.id),
        };
        let row = |json: &mut JsonStream<'_>| {
            let holder = self.holder(json.value()?)?;
            holder.ok_or_else(|| JsonError::missing("user"))
        };
        let mut list =
            OrderedList::new(&source, &row, ROLE_MEMBERSHIPS_PAGE, "", Overlap::IsEnough);
        list.read(max_walks)?;
        Ok(list.finish())
    }

    fn holder(&self, row: &[u8]) -> Result<Option<Holder>, JsonError> {
        self.types.holder(self.found, row)
    }
}

/// A role as it stands in a message.
fn named(role: &Role) -> String {
    let name = role.name.as_deref().unwrap_or(&role.id);
    format!("role `{name}` ({})", role.id)
}

/// Each holder once, sorted; of several memberships of one person the first stays.
fn distinct<H: HasPrincipal>(mut holders: Vec<H>) -> Vec<H> {
    holders.sort_by(|a, b| a.principal().cmp(b.principal()));
    holders.dedup_by(|later, kept| later.principal() == kept.principal());
    holders.shrink_to_fit();
    holders
}

/// What holds a role, or says who does.
trait HasPrincipal: Kept {
    fn principal(&self) -> &ResourceId;
}

impl HasPrincipal for Holder {
    fn principal(&self) -> &ResourceId {
        &self.principal
    }
}

impl Kept for ResourceId {
    fn memory(&self) -> usize {
        // A known person's id shares its text.
        api::texts([Some(&self.resource)])
    }
}

impl HasPrincipal for ResourceId {
    fn principal(&self) -> &ResourceId {
        self
    }
}
