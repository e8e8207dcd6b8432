//! Roles and their members: the members embedded in the list of roles, compared with each role's own list.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::api::{self, Envelope, HeapSize, Role, RoleWithMembers};
use super::list::{ListRead, ListRow, ListSource, OrderedList, Overlap, read_unordered};
use super::map::{self, Holder, Types};
use super::{Crawl, Incomplete, Memberships};
use crate::crawl::error::{Error, Problem};
use crate::crawl::http::{Http, Tries};
use crate::crawl::json::{JsonError, JsonStream, shortened};
use crate::model::{InventoryBuilder, ListEvidence, MAX_ID_BYTES, ResourceId, Text};
use crate::progress::{Event, Phase, Reporter};

/// The page size of role memberships. It is never raised, since each row costs the server several queries.
const ROLE_MEMBERSHIPS_PAGE: u64 = 200;

/// An entry of the list of roles.
pub(super) struct ListedRole {
    role: Role,
    /// The role's members, each once, sorted; `None` if the list does not say.
    embedded: Option<Embedded>,
}

/// The members of a role that are embedded in the list of roles.
enum Embedded {
    /// Everything that grants are made of.
    Holders(Vec<Holder>),
    /// Only the ids, to compare them with the role's own list.
    Principals(Vec<ResourceId>),
}

/// The list of roles.
pub(super) struct ListedRoles {
    roles: Vec<ListedRole>,
    /// Whether the list proves that a role without embedded members is empty: it arrived in one response.
    proves_empty_roles: bool,
}

impl ListedRole {
    fn has_holders(&self) -> bool {
        self.embedded
            .as_ref()
            .is_some_and(|embedded| embedded.len() > 0)
    }
}

impl HeapSize for ListedRole {
    fn heap_size(&self) -> usize {
        // The embedded members are counted while they are read.
        self.role.heap_size()
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

impl Embedded {
    fn len(&self) -> usize {
        match self {
            Self::Holders(holders) => holders.len(),
            Self::Principals(principals) => principals.len(),
        }
    }
}

impl Crawl<'_> {
    /// Reads the list of roles. It is sorted by id, so that nothing later depends on the order in which they arrived.
    pub(super) fn roles(&mut self) -> Result<ListedRoles, Error> {
        let holder = |row: &[u8]| self.types.holder(&self.inventory, row);
        let ListRead {
            rows: mut roles,
            evidence,
            doubt,
            is_one_response,
        } = match self.config.memberships {
            Memberships::Embedded => self.roles_with(holder, Embedded::Holders)?,
            Memberships::Endpoint | Memberships::WithoutRoles => self.roles_with(
                |row| Ok(holder(row)?.map(|holder| holder.principal)),
                Embedded::Principals,
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
        // If no role has embedded members, the server may not embed them at all.
        let has_holders = roles.iter().any(ListedRole::has_holders);
        Ok(ListedRoles {
            proves_empty_roles: is_one_response && has_holders,
            roles,
        })
    }

    /// Reads all roles, with `holder` for each embedded membership.
    fn roles_with<H: HasPrincipal>(
        &self,
        holder: impl Fn(&[u8]) -> Result<Option<H>, JsonError>,
        embedded: impl Fn(Vec<H>) -> Embedded,
    ) -> Result<ListRead<ListedRole>, Error> {
        let base_path = self.base.path();
        let source = self.list("roles", Some(Phase::Roles), &base_path, "roles/".to_owned());
        self.reporter.report(Event::Started {
            phase: Phase::Roles,
            of: None,
        });
        let row = |json: &mut JsonStream<'_>| {
            let RoleWithMembers {
                role,
                embedded: holders,
            } = api::role(json, &holder)?;
            Ok(ListedRole {
                role,
                embedded: holders.map(|holders| embedded(distinct(holders))),
            })
        };
        let list = read_unordered(&source, &row)?;
        self.accepted(list, &source)
    }

    /// Reads the members of each role. Several workers read in parallel; the result does not depend on their number.
    pub(super) fn role_memberships(&mut self, listed: ListedRoles) -> Result<(), Error> {
        let ListedRoles {
            roles,
            proves_empty_roles,
        } = listed;
        let base_path = self.base.path();
        let requests = |listed: &ListedRole| {
            let members = listed.embedded.as_ref().map_or(0, Embedded::len) as u64;
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
            inventory: &self.inventory,
            proves_empty_roles,
        };
        let read = reader.read_all(roles, self.config.workers)?;
        let unordered = read.iter().filter(|role| role.is_unordered).count();
        for role in read {
            self.keep_role(role)?;
        }
        if unordered > 0 {
            let lists = match unordered {
                1 => "the list of members of one role".to_owned(),
                roles => format!("the lists of members of {roles} roles"),
            };
            self.evidence.warnings.push(format!(
                "{lists} came in pages without a fixed order, which repeat some people and miss others; the members were \
                 read from the role itself instead, which comes in one answer"
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
                &format!("the list of members of role `{}`", role.id),
                error.problem.reason(),
            );
        }
        if let Some(evidence) = evidence {
            self.keep(evidence);
        }
        let Some(holders) = holders else {
            return Ok(());
        };
        self.inventory.add_resource(self.types.role(&role));
        let entitlement = self.types.member_entitlement(&role);
        let id = entitlement.id.clone();
        self.inventory.add_entitlement(entitlement);
        self.check_id_length(id.as_str().len(), &role, None)?;
        for mut holder in holders {
            if let Some(row) = holder.unlisted.take() {
                let known = self.inventory.resource(&holder.principal);
                self.evidence.unlisted_principals += u64::from(known.is_none());
                if known.is_none_or(|known| map::has_more_detail(known, &row)) {
                    self.inventory.add_resource(self.types.unlisted(&row));
                }
            }
            let grant = Types::grant(id.clone(), holder);
            self.check_id_length(grant.id_length(), &role, Some(&grant.principal))?;
            self.inventory.add_grant(grant);
        }
        Ok(())
    }

    /// Fails if an id that is built from the server's ids is longer than the format allows.
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
            "field `id` of row `{}`{holder}: the id made of it would have more than {MAX_ID_BYTES} bytes",
            shortened(&role.id)
        );
        let path = format!("{}roles/", self.base.path());
        let problem = Problem::TooLarge(self.http.redact(&problem));
        Err(self.http.error("roles", &path, problem))
    }
}

/// A role whose members were read.
struct ReadRole {
    role: Role,
    /// `None` if the role was deleted while it was read: it is left out of the snapshot.
    holders: Option<Vec<Holder>>,
    /// Evidence of the role's own list, if it was read.
    evidence: Option<ListEvidence>,
    /// A warning for the evidence.
    note: Option<String>,
    /// Whether the pages of its own list did not fit together, so that the members were read from the role itself.
    is_unordered: bool,
    /// Why the members may be incomplete.
    doubt: Option<Error>,
}

/// Why a role itself is requested.
enum Reason {
    /// Its own list and the list of roles differ. Holds the description.
    Differ(String),
    /// The pages of its own list did not fit together. Holds the description.
    Unordered(String),
    /// To see whether it still exists.
    Exists,
}

struct RoleReader<'a> {
    http: &'a Http<'a>,
    reporter: &'a dyn Reporter,
    base_path: &'a str,
    types: &'a Types,
    inventory: &'a InventoryBuilder,
    proves_empty_roles: bool,
}

impl RoleReader<'_> {
    /// Reads the members of all roles. The result has the order of `roles`.
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
            // This thread is a worker too, and the only one if the system refuses to start threads.
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

    /// Whether the embedded members need no second source.
    fn is_settled(&self, embedded: &[Holder]) -> bool {
        !embedded.is_empty() || self.proves_empty_roles
    }

    fn read(&self, listed: ListedRole) -> Result<ReadRole, Error> {
        let ListedRole { role, embedded } = listed;
        match embedded {
            Some(Embedded::Holders(holders)) if self.is_settled(&holders) => Ok(ReadRole {
                role,
                holders: Some(holders),
                evidence: None,
                note: None,
                is_unordered: false,
                doubt: None,
            }),
            Some(Embedded::Holders(_)) => self.compare(role, &[]),
            Some(Embedded::Principals(principals)) => self.compare(role, &principals),
            None => self.own_list_alone(role),
        }
    }

    /// Compares the role's own list with the embedded members. If they differ, the role itself decides.
    fn compare(&self, role: Role, embedded: &[ResourceId]) -> Result<ReadRole, Error> {
        let own = self.own_list(&role, 1)?;
        let own_holders = distinct(own.rows);
        let evidence = Some(ListEvidence {
            kept: own_holders.len() as u64,
            ..own.evidence
        });
        if own_holders.iter().map(Holder::principal).eq(embedded) {
            return Ok(ReadRole {
                role,
                holders: Some(own_holders),
                evidence,
                note: None,
                is_unordered: false,
                doubt: None,
            });
        }
        let reason = match own.doubt {
            // The number of rows would be misleading.
            Some(doubt) => Reason::Unordered(format!("{}: {doubt}", named(&role))),
            None => Reason::Differ(format!(
                "{}: its own list has {} members, but the list of roles had {}",
                named(&role),
                own_holders.len(),
                embedded.len()
            )),
        };
        self.read_role_itself(role, own_holders, evidence, reason)
    }

    /// Requests the role itself, which includes its members in one response, or no longer exists.
    fn read_role_itself(
        &self,
        role: Role,
        own_holders: Vec<Holder>,
        evidence: Option<ListEvidence>,
        reason: Reason,
    ) -> Result<ReadRole, Error> {
        let path = format!("{}roles/{}/", self.base_path, role.id);
        let decided = self.http.get("a role", &path, Tries::All, |json| {
            api::role(json, |row| self.holder(row))
        });
        let (holders, note, doubt) = match decided {
            Ok(RoleWithMembers {
                embedded: Some(members),
                ..
            }) => {
                let holders = distinct(members);
                let note = match &reason {
                    Reason::Differ(differ) => Some(format!(
                        "{differ}; read again, the role has {}",
                        holders.len()
                    )),
                    Reason::Unordered(_) | Reason::Exists => None,
                };
                (Some(holders), note, None)
            }
            Ok(_) => {
                let doubt = match &reason {
                    Reason::Differ(why) | Reason::Unordered(why) => {
                        let problem =
                            format!("{why}; read again, the role does not list its members");
                        let problem = Problem::MaybeIncomplete(problem);
                        Some(self.http.error("a role", &path, problem))
                    }
                    Reason::Exists => None,
                };
                (Some(own_holders), None, doubt)
            }
            Err(Error {
                problem: Problem::Status { status: 404, .. },
                ..
            }) => {
                let note = format!(
                    "{} was deleted during the crawl and is left out",
                    named(&role)
                );
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
            is_unordered: is_settled && matches!(reason, Reason::Unordered(_)),
            doubt,
        })
    }

    /// Reads only the role's own list, because the list of roles has no embedded members to compare it with.
    fn own_list_alone(&self, role: Role) -> Result<ReadRole, Error> {
        let own = self.own_list(&role, u32::MAX)?;
        if own.rows.is_empty() && own.doubt.is_none() {
            // The list of a deleted role is empty too.
            return self.read_role_itself(role, own.rows, Some(own.evidence), Reason::Exists);
        }
        let doubt = own.doubt.map(|doubt| {
            let path = format!("{}roles/{}/role_memberships/", self.base_path, role.id);
            self.http
                .error("role memberships", &path, Problem::MaybeIncomplete(doubt))
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
            envelope: Envelope::Required,
        };
        let row = |json: &mut JsonStream<'_>| {
            let holder = self.holder(json.value()?)?;
            holder.ok_or_else(|| JsonError::missing("user"))
        };
        let mut list =
            OrderedList::new(&source, &row, ROLE_MEMBERSHIPS_PAGE, "", Overlap::Suffices);
        list.read(max_walks)?;
        Ok(list.finish())
    }

    fn holder(&self, row: &[u8]) -> Result<Option<Holder>, JsonError> {
        self.types.holder(self.inventory, row)
    }
}

/// Names a role in a message.
fn named(role: &Role) -> String {
    let name = role.name.as_deref().unwrap_or(&role.id);
    format!("role `{name}` ({})", role.id)
}

/// Sorts role holders and keeps the first of several memberships of one person.
fn distinct<H: HasPrincipal>(mut holders: Vec<H>) -> Vec<H> {
    holders.sort_by(|a, b| a.principal().cmp(b.principal()));
    holders.dedup_by(|later, kept| later.principal() == kept.principal());
    holders.shrink_to_fit();
    holders
}

/// A role holder, or the id of one.
trait HasPrincipal: HeapSize {
    fn principal(&self) -> &ResourceId;
}

impl HasPrincipal for Holder {
    fn principal(&self) -> &ResourceId {
        &self.principal
    }
}

impl HeapSize for ResourceId {
    fn heap_size(&self) -> usize {
        // A known person's id shares its text.
        api::texts([Some(&self.resource)])
    }
}

impl HasPrincipal for ResourceId {
    fn principal(&self) -> &ResourceId {
        self
    }
}
