//! The flat SQLite database of `export sqlite`: one table for each kind of thing, with typed columns, foreign keys and views
//! for the usual questions. `docs/sqlite.md` describes it. The same snapshot gives the same bytes.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::model::{
    Evidence, Grant, OrganizationDocument, Person, RecordedTime, Resource, Seat, Timestamp, Value,
    account_type_word, keys, status_word,
};

/// Grows when a table, column or view is removed or changes its meaning, but not when one is added.
const VERSION: u32 = 1;

const PEOPLE: &str = "
create table people (
    user_id text primary key not null,
    display_name text not null,
    email text,
    first_name text,
    last_name text,
    email_verified integer check (email_verified in (0, 1)),
    membership_id text,
    posthog_user_id integer,
    distinct_id text,
    joined_at text,
    updated_at text,
    last_login text,
    is_2fa_enabled integer check (is_2fa_enabled in (0, 1)),
    has_social_auth integer check (has_social_auth in (0, 1)),
    role_at_organization text,
    organization_level integer,
    organization_role text,
    listed_as_member integer check (listed_as_member in (0, 1)),
    status text,
    account_type text,
    idle_days real
);
create view privileged as
    select * from people where organization_role in ('administrator', 'owner');
create view without_2fa as
    select * from people where is_2fa_enabled = 0 and coalesce(listed_as_member, 1) = 1;
create view dormant as
    select people.*, idle_days as days
    from people
    where coalesce(listed_as_member, 1) = 1
      and exists (select 1 from people where last_login is not null and coalesce(listed_as_member, 1) = 1)
      and idle_days > 90;
";

const EVIDENCE: &str = "
create table evidence (
    organization_id text,
    organization text,
    base_url text,
    sync_id text not null,
    captured_at text not null,
    time_zone_known integer not null check (time_zone_known in (0, 1)),
    content_digest text not null,
    tool text,
    tool_version text,
    key_label text,
    key_owner text,
    requests integer,
    member_count integer,
    unproved text,
    warnings text,
    not_read text
);
";

const ROLES: &str = "
create table roles (
    id text primary key not null,
    name text not null,
    is_default integer check (is_default in (0, 1)),
    created_at text,
    created_by text,
    created_by_email text
);
create table role_memberships (
    role_id text not null references roles (id),
    user_id text not null references people (user_id),
    joined_at text,
    membership_id text
);
create view empty_roles as
    select * from roles where id not in (select role_id from role_memberships);
create view unlisted_holders as
    select people.*,
           (select count(*) from role_memberships where role_memberships.user_id = people.user_id) as roles
    from people
    where listed_as_member = 0 and user_id in (select user_id from role_memberships);
";

const ROLE_INDEXES: &str = "
create index role_memberships_of_role on role_memberships (role_id);
create index role_memberships_of_user on role_memberships (user_id);
";

const SETTINGS: &str = "
create table settings (
    enforce_2fa integer check (enforce_2fa in (0, 1)),
    members_can_invite integer check (members_can_invite in (0, 1)),
    members_can_use_personal_api_keys integer check (members_can_use_personal_api_keys in (0, 1)),
    members_can_see_org_members integer check (members_can_see_org_members in (0, 1)),
    allow_publicly_shared_resources integer check (allow_publicly_shared_resources in (0, 1)),
    is_member_join_email_enabled integer check (is_member_join_email_enabled in (0, 1)),
    default_role_id text,
    available_product_features text
);
";

const DOMAINS: &str = "
create table domains (
    id text not null,
    domain text,
    is_verified integer check (is_verified in (0, 1)),
    verified_at text,
    sso_enforcement text,
    jit_provisioning_enabled integer check (jit_provisioning_enabled in (0, 1)),
    has_saml integer check (has_saml in (0, 1)),
    has_scim integer check (has_scim in (0, 1))
);
";

const INVITATIONS: &str = "
create table invitations (
    id text not null,
    target_email text,
    first_name text,
    level integer,
    seat text,
    is_expired integer check (is_expired in (0, 1)),
    created_at text,
    created_by text,
    created_by_name text,
    created_by_email text
);
";

const REFERENCES: &str = "
create table role_external_references (
    id text not null,
    role_id text,
    provider text,
    provider_organization_id text,
    provider_role_id text,
    provider_role_slug text,
    provider_role_name text,
    created_at text
);
";

/// A flat database that is being written.
pub struct FlatDatabase {
    connection: Connection,
}

/// What the one row of `evidence` says besides the evidence document.
pub struct Origin<'a> {
    /// The sync run.
    pub sync_id: &'a str,
    /// When it ended.
    pub captured_at: RecordedTime,
    /// Whether its time zone is known.
    pub is_zone_known: bool,
    /// The content digest.
    pub content_digest: &'a str,
}

impl FlatDatabase {
    /// Opens the empty file at `path` and begins. Without a journal, since a database that is not finished is thrown away.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn create(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "page_size", 4096)?;
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.pragma_update(None, "synchronous", "off")?;
        // The caller only adds memberships of roles and people that are there.
        connection.pragma_update(None, "foreign_keys", "off")?;
        connection.pragma_update(None, "cache_size", -16 * 1024)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch("begin")?;
        connection.execute_batch(EVIDENCE)?;
        connection.execute_batch(PEOPLE)?;
        Ok(Self { connection })
    }

    /// Creates the tables of roles, which a snapshot without roles does not have.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn begin_roles(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(ROLES)
    }

    /// Adds the row of `evidence`.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn evidence(
        &self,
        origin: &Origin<'_>,
        evidence: Option<&Evidence>,
    ) -> rusqlite::Result<()> {
        let organization = evidence.map(|evidence| &evidence.organization);
        let key = evidence.and_then(|evidence| evidence.key.as_ref());
        let owner = key.and_then(|key| key.owner.as_ref());
        let list = |list: &[String]| serde_json::Value::from(list.to_vec()).to_string();
        self.insert(
            "evidence",
            params![
                organization.map(|of| &of.id),
                organization.and_then(|of| of.name.as_ref()),
                evidence.map(|evidence| &evidence.base_url),
                origin.sync_id,
                origin.captured_at.as_utc.to_string(),
                origin.is_zone_known,
                origin.content_digest,
                evidence.map(|evidence| &evidence.tool.name),
                evidence.map(|evidence| &evidence.tool.version),
                key.and_then(|key| key.label.as_ref()),
                owner.map(|owner| &owner.display_name),
                evidence.map(|evidence| evidence.requests as i64),
                organization
                    .and_then(|of| of.member_count)
                    .map(|count| count as i64),
                evidence.map(|evidence| list(&evidence.unproved)),
                evidence.map(|evidence| list(&evidence.warnings)),
                evidence.map(|evidence| list(&evidence.not_read)),
            ],
        )
    }

    /// Adds a person under this id. `has_member_list` says whether the snapshot knows who is in the member list.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn person(
        &self,
        id: &str,
        resource: &Resource,
        has_member_list: bool,
        captured_at: Timestamp,
    ) -> rusqlite::Result<()> {
        let person = Person { resource };
        // Databases disagree about functions of time, so what the views need is a number.
        let active_at = person.last_login().or(person.joined_at());
        let idle_days = active_at.map(|at| captured_at.since(at).as_secs_f64() / 86_400.0);
        let profile = &resource.profile;
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let joined_at = person.joined_at().map(|at| at.to_string());
        let number = match profile.get(keys::POSTHOG_USER_ID) {
            Some(Value::Number(number)) if number.fract() == 0.0 => Some(*number as i64),
            _ => None,
        };
        self.insert(
            "people",
            params![
                id,
                person.name(),
                person.email(),
                some(person.given_name()),
                some(person.family_name()),
                profile.flag(keys::EMAIL_VERIFIED),
                profile.text(keys::MEMBERSHIP_ID),
                number,
                profile.text(keys::DISTINCT_ID),
                profile
                    .text(keys::JOINED_AT)
                    .map(ToOwned::to_owned)
                    .or(joined_at),
                profile.text(keys::UPDATED_AT),
                person.last_login().map(|at| at.to_string()),
                person.mfa_enabled(),
                person.sso_enabled(),
                person.job(),
                person.seat().map(Seat::level),
                person.seat_word(),
                has_member_list.then(|| person.is_listed()),
                some(status_word(resource.status)),
                some(account_type_word(resource)),
                idle_days,
            ],
        )
    }

    /// Adds a role under this id.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn role(&self, id: &str, resource: &Resource) -> rusqlite::Result<()> {
        let profile = &resource.profile;
        self.insert(
            "roles",
            params![
                id,
                &*resource.display_name,
                profile.flag(keys::IS_DEFAULT),
                resource.created_at.map(|at| at.to_string()),
                profile.text(keys::CREATED_BY),
                profile.text(keys::CREATED_BY_EMAIL),
            ],
        )
    }

    /// Adds who holds a role.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn membership(&self, role: &str, person: &str, grant: &Grant) -> rusqlite::Result<()> {
        self.insert(
            "role_memberships",
            params![
                role,
                person,
                grant.joined_at.map(|at| at.to_string()),
                grant.membership_id.as_ref().map(ToString::to_string),
            ],
        )
    }

    /// Adds what surrounds the roles. A list that was not read has no table.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn surroundings(&self, document: &OrganizationDocument) -> rusqlite::Result<()> {
        if let Some(settings) = &document.settings {
            self.connection.execute_batch(SETTINGS)?;
            let features = settings.available_product_features.clone().flatten();
            self.insert(
                "settings",
                params![
                    settings.enforce_2fa.flatten(),
                    settings.members_can_invite.flatten(),
                    settings.members_can_use_personal_api_keys.flatten(),
                    settings.members_can_see_org_members.flatten(),
                    settings.allow_publicly_shared_resources.flatten(),
                    settings.is_member_join_email_enabled.flatten(),
                    settings.default_role_id.clone().flatten(),
                    features.map(|names| serde_json::Value::from(names).to_string()),
                ],
            )?;
        }
        if let Some(domains) = &document.domains {
            self.connection.execute_batch(DOMAINS)?;
            for row in domains {
                self.insert(
                    "domains",
                    params![
                        row.id,
                        row.domain.clone().flatten(),
                        row.is_verified.flatten(),
                        row.verified_at.clone().flatten(),
                        row.sso_enforcement.clone().flatten(),
                        row.jit_provisioning_enabled.flatten(),
                        row.has_saml.flatten(),
                        row.has_scim.flatten(),
                    ],
                )?;
            }
        }
        if let Some(invitations) = &document.invitations {
            self.connection.execute_batch(INVITATIONS)?;
            for row in invitations {
                let inviter = row.created_by.as_ref().and_then(Option::as_ref);
                self.insert(
                    "invitations",
                    params![
                        row.id,
                        row.target_email.clone().flatten(),
                        row.first_name.clone().flatten(),
                        row.level.flatten(),
                        row.seat.clone().flatten(),
                        row.is_expired.flatten(),
                        row.created_at.clone().flatten(),
                        inviter.map(|user| &user.user_id),
                        inviter.map(|user| &user.display_name),
                        inviter.and_then(|user| user.email.clone().flatten()),
                    ],
                )?;
            }
        }
        if let Some(references) = &document.role_external_references {
            self.connection.execute_batch(REFERENCES)?;
            for row in references {
                self.insert(
                    "role_external_references",
                    params![
                        row.id,
                        row.role_id.clone().flatten(),
                        row.provider.clone().flatten(),
                        row.provider_organization_id.clone().flatten(),
                        row.provider_role_id.clone().flatten(),
                        row.provider_role_slug.clone().flatten(),
                        row.provider_role_name.clone().flatten(),
                        row.created_at.clone().flatten(),
                    ],
                )?;
            }
        }
        Ok(())
    }

    /// Adds the indexes of roles, after their rows.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn end_roles(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(ROLE_INDEXES)
    }

    /// Finishes the database.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn finish(self) -> rusqlite::Result<()> {
        self.connection.execute_batch("commit")?;
        self.connection.close().map_err(|(_, error)| error)
    }

    /// Inserts a row with a value for each column of a table.
    fn insert(&self, table: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
        let places = vec!["?"; values.len()].join(", ");
        let sql = format!("insert into {table} values ({places})");
        self.connection.prepare_cached(&sql)?.execute(values)?;
        Ok(())
    }
}
