//! What surrounds the roles: settings, domains, invitations and external references are read after everything else, kept as
//! they were sent, shown by `organization`, and can neither fail a crawl nor change what it is about.

mod faults;
mod reading;
mod showing;

use std::path::Path;

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use crate::support::{
    Answer, Database, Edited, Organization, Reply, Run, SURROUNDINGS, Sandbox, Written, domain,
    invitation, member, membership, reference, refusal, role,
};

/// The document's names of [`SURROUNDINGS`].
const KEYS: [&str; 3] = ["domains", "invitations", "role_external_references"];

/// Three members, a role, and two rows in each of the lists around them.
fn organization() -> Organization {
    Organization::new()
        .members((1..=3).map(member))
        .role(
            role(1),
            [membership(1, &member(2)), membership(1, &member(3))],
        )
        .domains([domain(1), domain(2)])
        .invitations([invitation(2), invitation(1)])
        .references([reference(1), reference(2)])
}

/// A crawl that succeeded, and its snapshot, in which `verify` finds nothing.
struct Crawl {
    sandbox: Sandbox,
    run: Run,
    written: Written,
}

impl Crawl {
    /// Crawls the organization at `base_url`, and logs warnings alone.
    #[track_caller]
    fn of(base_url: &str, args: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let args = [&["--log-level", "warn", "--log-format", "json"], args].concat();
        let run = sandbox.crawl_at(base_url, &args).run().succeeds();
        run.assert_keeps_the_key();
        assert_eq!(sandbox.files(), ["sync.c1z"]);
        let verify = sandbox.program(&["verify", "sync.c1z"]).run();
        assert_eq!(verify.stdout, b"sync.c1z: ok\n", "{verify:?}");
        sandbox.assert_no_litter();
        let written = Written::open(&sandbox.path("sync.c1z"));
        Self {
            sandbox,
            run,
            written,
        }
    }

    /// Crawls `organization` on a server of its own.
    #[track_caller]
    fn new(organization: Organization) -> Self {
        Self::of(&organization.serve().base_url(), &[])
    }

    fn database(&self) -> Database {
        Database::of(&self.sandbox.path("sync.c1z"))
    }

    /// The bytes of the organization document.
    #[track_caller]
    fn bytes(&self) -> Vec<u8> {
        document_of(&self.database()).unwrap()
    }

    #[track_caller]
    fn document(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }

    /// Everything that the snapshot says about access: its rows, without what differs from run to run, and their digest.
    fn access(&self) -> (Vec<Vec<Vec<Cell>>>, String) {
        (rows_of(&self.database()), self.written.digest.to_string())
    }

    /// What standard error says, all of which are warnings.
    fn warnings(&self) -> Vec<String> {
        let lines = self.run.json_lines().into_iter();
        lines
            .map(|line| {
                assert_eq!(line["level"], "WARN", "{line:?}");
                line["message"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

/// The bytes of the organization document in a database.
fn document_of(database: &Database) -> Option<Vec<u8>> {
    let sql = "select data from v1_assets where external_id = 'posthog-c1z:organization'";
    let mut rows = database.rows(sql);
    assert!(rows.len() <= 1);
    match rows.pop()?.pop() {
        Some(Cell::Blob(data)) => Some(data),
        other => panic!("{other:?}"),
    }
}

/// The rows of all tables with content, without sync run and time.
fn rows_of(database: &Database) -> Vec<Vec<Vec<Cell>>> {
    let tables = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
    ];
    let of_table = |table: &str| {
        let columns = database.texts(&format!(
            "select name from pragma_table_info('{table}') where name not in ('sync_id', 'discovered_at')"
        ));
        let rows = database.rows(&format!(
            "select {} from {table} order by id",
            columns.join(", ")
        ));
        assert!(!rows.is_empty(), "{table}");
        rows
    };
    tables.map(of_table).into()
}

/// The snapshot at `path` with another organization document.
#[track_caller]
fn with_document(path: &Path, bytes: &[u8]) -> Edited {
    Edited::of(path).with_blob(
        "update v1_assets set data = ?1 where external_id = 'posthog-c1z:organization'",
        bytes,
    )
}

/// The path of a list under its name in the document.
fn path_of(key: &str) -> &'static str {
    let at = KEYS.iter().position(|known| *known == key).unwrap();
    SURROUNDINGS[at]
}

/// The row that PostHog sends, as the document of a crawl keeps it.
fn kept(row: &Value, fields: &[&str]) -> Value {
    let fields = fields.iter();
    let sent = fields.filter_map(|field| Some(((*field).to_owned(), row.get(*field)?.clone())));
    Value::Object(sent.collect())
}

/// The ids of the rows of a list.
#[track_caller]
fn ids(list: &Value) -> Vec<&str> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap()).collect()
}

/// A refusal with this status.
fn refusal_of(status: usize) -> Reply {
    Reply::Give(Answer::json(
        status,
        &refusal("invalid_request", "x", "No."),
    ))
}

/// An entry of `not_read`, without its reason.
fn not_read(list: &str, status: impl Into<Value>) -> Value {
    json!({"list": list, "status": status.into()})
}

/// The entries of `not_read`, without their reasons.
fn all_not_read(document: &Value) -> Vec<Value> {
    let all = document["not_read"].as_array().unwrap().iter();
    all.map(|entry| kept(entry, &["list", "status"])).collect()
}
