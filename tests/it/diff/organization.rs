//! A small organization as our own snapshots hold one, to be changed by hand and written twice.

use std::path::Path;

use posthog_c1z::model::{
    AccountType, Email, Entitlement, EntitlementId, Evidence, FoundDocument, Grant,
    InventoryBuilder, ListEvidence, OrganizationDocument, Profile, Purpose, Resource, ResourceId,
    ResourceType, ResourceTypeId, Status, SyncId, SyncRun, Text, Timestamp, Trait, UserTrait,
    Value,
};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, Contents, Target};
use serde_json::Value as Json;

use crate::support::{Run, Shelf, Written};

pub const ORGANIZATION_ID: &str = "019a1b2c-0000-7000-8000-00000000aaaa";
const JOINED: &str = "2026-01-05T08:00:00Z";

/// Everything that goes into a snapshot, before it is sorted out.
#[derive(Clone)]
pub struct Organization {
    pub resource_types: Vec<ResourceType>,
    pub resources: Vec<Resource>,
    pub entitlements: Vec<Entitlement>,
    pub grants: Vec<Grant>,
    pub evidence: Option<Evidence>,
    /// The document about what surrounds the roles, as JSON; a file without one if null.
    pub document: Json,
    pub sync_run: SyncRun,
}

impl Organization {
    /// Ann is a member, Bob an administrator, Cem the owner, Dee a member who holds both roles; Ann is an engineer.
    /// Everybody has a second factor.
    pub fn new() -> Self {
        let resource_type = |id: &str, name: &str, of: Trait| ResourceType {
            id: ResourceTypeId::new(id),
            display_name: name.into(),
            traits: vec![of],
            skips_entitlements_and_grants: of == Trait::User,
        };
        let mut evidence = Evidence::new(
            format!("https://eu.posthog.com/api/organizations/{ORGANIZATION_ID}/"),
            ORGANIZATION_ID.to_owned(),
        );
        evidence.organization.name = Some("Acme & Sons".to_owned());
        evidence.lists = ["members/", "roles/"].map(list_of).into();
        let mut organization = Self {
            resource_types: vec![
                resource_type("role", "Role", Trait::Role),
                resource_type("user", "User", Trait::User),
            ],
            resources: Vec::new(),
            entitlements: Vec::new(),
            grants: Vec::new(),
            evidence: Some(evidence),
            document: Json::Null,
            sync_run: sync_run("0ujsszwN8NRY24YaXiTIE2VWDTS", "2026-09-07T02:00:00Z"),
        };
        for (name, level) in [("Ann", 1), ("Bob", 8), ("Cem", 15), ("Dee", 1)] {
            organization.join(name, level);
        }
        organization.add_role("eng", "Engineering");
        organization.add_role("sup", "Support");
        for (role, name) in [("eng", "Ann"), ("eng", "Dee"), ("sup", "Dee")] {
            organization.give(role, name);
        }
        organization
    }

    /// What a snapshot of our own holds.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let written = Written::open(path);
        let rows = written.inventory;
        let document = match written.snapshot.organization(&written.sync_run.id).unwrap() {
            FoundDocument::Found(document) => serde_json::to_value(document).unwrap(),
            _ => Json::Null,
        };
        Self {
            resource_types: rows.resource_types().to_vec(),
            resources: rows.resources().to_vec(),
            entitlements: rows.entitlements().to_vec(),
            grants: rows.grants().to_vec(),
            evidence: Some(written.evidence),
            document,
            sync_run: written.sync_run,
        }
    }

    /// The same a week later, with a sync run of its own.
    pub fn a_week_later(&self) -> Self {
        Self {
            sync_run: sync_run("0uk1Hbc9dQ9pxyTqJ93IUrfhdGq", "2026-09-14T02:00:00Z"),
            ..self.clone()
        }
    }

    pub fn join(&mut self, name: &str, level: u32) {
        let email = format!("{}@example.com", name.to_lowercase());
        let profile = [
            ("user_id", Value::from(&*name.to_lowercase())),
            ("first_name", name.into()),
            ("last_name", "Archer".into()),
            ("email", (&*email).into()),
            ("email_verified", true.into()),
            ("joined_at", JOINED.into()),
            ("updated_at", "2026-09-01T00:00:00Z".into()),
            ("last_login", "2026-09-06T00:00:00Z".into()),
            ("is_2fa_enabled", true.into()),
            ("has_social_auth", false.into()),
        ];
        self.resources.push(Resource {
            id: user_id(name),
            parent: None,
            display_name: format!("{name} Archer").into(),
            description: "".into(),
            status: Some(Status::Enabled),
            created_at: time(JOINED),
            profile: profile.map(|(k, v)| (k.into(), v)).into_iter().collect(),
            user: Some(Box::new(UserTrait {
                emails: vec![Email {
                    address: (&*email).into(),
                    is_primary: true,
                }],
                account_type: AccountType::Human,
                login: (&*email).into(),
                login_aliases: Vec::new(),
                last_login: time("2026-09-06T00:00:00Z"),
                mfa_enabled: Some(true),
                sso_enabled: Some(false),
                given_name: name.into(),
                family_name: "Archer".into(),
            })),
        });
        self.seat(name, level);
    }

    /// Takes somebody and all their grants away.
    pub fn leave(&mut self, name: &str) {
        self.resources.retain(|row| row.id != user_id(name));
        self.grants.retain(|row| row.principal != user_id(name));
    }

    #[track_caller]
    pub fn person(&mut self, name: &str) -> &mut Resource {
        self.resource(&user_id(name))
    }

    #[track_caller]
    pub fn user(&mut self, name: &str) -> &mut UserTrait {
        self.person(name).user.as_mut().unwrap()
    }

    /// Searched from the end, where the one that was just added is.
    #[track_caller]
    pub fn resource(&mut self, id: &ResourceId) -> &mut Resource {
        let mut rows = self.resources.iter_mut();
        rows.rfind(|row| row.id == *id).unwrap()
    }

    /// Sets a key of somebody's profile, or takes it away.
    pub fn set(&mut self, name: &str, key: &str, value: Option<Value>) {
        let person = self.person(name);
        person.profile = with(&person.profile, key, value);
    }

    pub fn seat(&mut self, name: &str, level: u32) {
        let word = match level {
            1 => "member".to_owned(),
            8 => "administrator".to_owned(),
            15 => "owner".to_owned(),
            other => format!("unknown ({other})"),
        };
        self.set(name, "organization_level", Some(f64::from(level).into()));
        self.set(name, "organization_role", Some((&*word).into()));
    }

    pub fn second_factor(&mut self, name: &str, state: Option<bool>) {
        self.user(name).mfa_enabled = state;
        self.set(name, "is_2fa_enabled", state.map(Value::from));
    }

    pub fn email(&mut self, name: &str, address: &str) {
        let user = self.user(name);
        user.emails[0].address = address.into();
        user.login = address.into();
        self.set(name, "email", Some(address.into()));
    }

    /// Somebody who holds a role without being in the list of members.
    pub fn unlist(&mut self, name: &str) {
        self.person(name).status = Some(Status::Unspecified);
        self.set(name, "listed_as_member", Some(false.into()));
    }

    pub fn add_role(&mut self, id: &str, name: &str) {
        self.resources.push(Resource {
            id: role_id(id),
            parent: None,
            display_name: name.into(),
            description: "".into(),
            status: None,
            created_at: time(JOINED),
            profile: [(Text::from("is_default"), Value::Bool(false))]
                .into_iter()
                .collect(),
            user: None,
        });
        self.entitlements.push(Entitlement {
            id: entitlement_id(id),
            resource: role_id(id),
            display_name: format!("{name} member").into(),
            description: format!("Member of the {name} role in PostHog").into(),
            slug: "member".into(),
            purpose: Purpose::Assignment,
            grantable_to: vec![ResourceTypeId::new("user")],
        });
    }

    /// Takes a role, its entitlements and their grants away.
    pub fn remove_role(&mut self, id: &str) {
        self.resources.retain(|row| row.id != role_id(id));
        self.grants
            .retain(|row| row.entitlement != entitlement_id(id));
        self.entitlements.retain(|row| row.resource != role_id(id));
    }

    /// Renames a role, and the texts that hold its name.
    pub fn rename_role(&mut self, id: &str, name: &str) {
        self.resource(&role_id(id)).display_name = name.into();
        let entitlement = self.entitlement(id);
        entitlement.display_name = format!("{name} member").into();
        entitlement.description = format!("Member of the {name} role in PostHog").into();
    }

    #[track_caller]
    pub fn entitlement(&mut self, role: &str) -> &mut Entitlement {
        let id = entitlement_id(role);
        self.entitlements
            .iter_mut()
            .find(|row| row.id == id)
            .unwrap()
    }

    pub fn give(&mut self, role: &str, name: &str) {
        let mut grant = Grant::new(entitlement_id(role), user_id(name));
        grant.joined_at = time(JOINED);
        grant.membership_id = Some(format!("{role}-{name}").as_str().into());
        self.grants.push(grant);
    }

    #[track_caller]
    pub fn grant(&mut self, role: &str, name: &str) -> &mut Grant {
        let (entitlement, principal) = (entitlement_id(role), user_id(name));
        let is_it = |row: &&mut Grant| row.entitlement == entitlement && row.principal == principal;
        self.grants.iter_mut().find(is_it).unwrap()
    }

    pub fn revoke(&mut self, role: &str, name: &str) {
        let (entitlement, principal) = (entitlement_id(role), user_id(name));
        let before = self.grants.len();
        self.grants
            .retain(|row| row.entitlement != entitlement || row.principal != principal);
        assert_eq!(self.grants.len(), before - 1);
    }

    /// Adds a type of another connector, a resource of it, and something to hold on that.
    pub fn add_other(&mut self, of_type: &str, id: &str, name: &str, slug: &str) {
        if !self
            .resource_types
            .iter()
            .any(|row| row.id.as_str() == of_type)
        {
            self.resource_types.push(ResourceType {
                id: ResourceTypeId::new(of_type),
                display_name: of_type.into(),
                traits: vec![Trait::Group],
                skips_entitlements_and_grants: false,
            });
        }
        let resource = ResourceId::new(&ResourceTypeId::new(of_type), id);
        self.resources.push(Resource {
            id: resource.clone(),
            parent: None,
            display_name: name.into(),
            description: "".into(),
            status: None,
            created_at: None,
            profile: Profile::default(),
            user: None,
        });
        self.entitlements.push(Entitlement {
            id: EntitlementId::new(format!("{of_type}:{id}:{slug}")),
            resource,
            display_name: format!("{name} {slug}").into(),
            description: "".into(),
            slug: slug.into(),
            purpose: Purpose::Assignment,
            grantable_to: vec![ResourceTypeId::new("user")],
        });
    }

    /// Writes the snapshot.
    #[track_caller]
    pub fn write(&self, path: &Path) {
        let mut builder = InventoryBuilder::default();
        let rows = self.clone();
        rows.resource_types
            .into_iter()
            .for_each(|row| builder.add_resource_type(row));
        for row in rows.resources {
            builder.add_resource(row);
        }
        rows.entitlements
            .into_iter()
            .for_each(|row| builder.add_entitlement(row));
        rows.grants
            .into_iter()
            .for_each(|row| builder.add_grant(row));
        let inventory = builder.finish().unwrap();
        let document: Option<OrganizationDocument> =
            serde_json::from_value(self.document.clone()).unwrap();
        let contents = Contents {
            sync_run: &self.sync_run,
            inventory: &inventory,
            evidence: self.evidence.as_ref(),
            organization: document.as_ref(),
        };
        let target = Target::File { path, mode: 0o600 };
        snapshot::write(target, &contents, None, &Silent).unwrap();
    }
}

/// `old.c1z` and `new.c1z` on a shelf.
pub struct Pair {
    pub shelf: Shelf,
}

impl Pair {
    #[track_caller]
    pub fn of(old: &Organization, new: &Organization) -> Self {
        let shelf = Shelf::new();
        old.write(&shelf.path("old.c1z"));
        new.write(&shelf.path("new.c1z"));
        Self { shelf }
    }

    /// The new organization against what `change` makes of it in a week.
    #[track_caller]
    pub fn after(change: impl FnOnce(&mut Organization)) -> Self {
        let old = Organization::new();
        let mut new = old.a_week_later();
        change(&mut new);
        Self::of(&old, &new)
    }

    #[track_caller]
    pub fn diff(&self, args: &[&str]) -> Run {
        self.shelf
            .run(&[&["diff", "old.c1z", "new.c1z"], args].concat())
    }

    /// Standard output of a run that must end with `code` and say nothing else.
    #[track_caller]
    pub fn text(&self, code: i32, args: &[&str]) -> String {
        let run = self.diff(args);
        assert_eq!((run.code, &*run.stderr), (code, ""));
        String::from_utf8(run.stdout).unwrap()
    }

    /// The JSON document.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Json {
        let run = self.diff(&[&["-o", "json"], args].concat());
        assert!(run.code <= 1, "{}", run.stderr);
        serde_json::from_slice(&run.stdout).unwrap()
    }

    /// The first line, then every entry without the marks before it; headings and inputs are left out.
    #[track_caller]
    pub fn told(&self, args: &[&str]) -> Vec<String> {
        let run = self.diff(args);
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(run.code <= 1, "{}", run.stderr);
        assert_eq!(run.code == 0, text == "no differences\n", "{text}");
        let mut lines = text.lines();
        let headline = lines.next().unwrap().to_owned();
        let entries = lines.filter_map(|line| line.strip_prefix("  ").map(ToOwned::to_owned));
        let entries = entries.filter(|line| !line.starts_with(' '));
        std::iter::once(headline).chain(entries).collect()
    }

    /// What each change means, and its id, in the order of the document.
    #[track_caller]
    pub fn meanings(&self) -> Vec<String> {
        let json = self.json(&[]);
        let changes = json["changes"].as_array().unwrap().iter();
        changes
            .map(|change| {
                let means = change["means"].as_array().unwrap().iter();
                let means: Vec<_> = means.map(|kind| kind.as_str().unwrap()).collect();
                format!("{} {}", means.join("+"), change["id"].as_str().unwrap())
            })
            .collect()
    }
}

pub fn with(profile: &Profile, key: &str, value: Option<Value>) -> Profile {
    let others = profile.iter().filter(|(known, _)| &***known != key);
    let mut entries: Vec<_> = others.map(|(k, v)| (k.clone(), v.clone())).collect();
    entries.extend(value.map(|value| (Text::from(key), value)));
    entries.into_iter().collect()
}

/// A list that was read whole.
fn list_of(path: &str) -> ListEvidence {
    ListEvidence {
        pages: 1,
        ..ListEvidence::new(path.to_owned())
    }
}

pub fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

pub fn sync_run(id: &str, at: &str) -> SyncRun {
    let at = Timestamp::parse(at).unwrap();
    SyncRun::full(SyncId::new(id), at, at)
}

pub fn user_id(name: &str) -> ResourceId {
    ResourceId::new(&ResourceTypeId::new("user"), name.to_lowercase())
}

pub fn role_id(id: &str) -> ResourceId {
    ResourceId::new(&ResourceTypeId::new("role"), id)
}

fn entitlement_id(role: &str) -> EntitlementId {
    EntitlementId::new(format!("role:{role}:member"))
}
