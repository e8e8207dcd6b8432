//! The pages that the browser is shown.

use std::fs;
use std::path::{Path, PathBuf};

use posthog_c1z::model::{
    AccountType, Email, EntitlementId, Grant, Resource, ResourceId, Status, SyncRun, Timestamp,
    UserTrait, Value,
};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, Contents, Target};
use serde_json::json;

use crate::many::{member_of, with_types};
use crate::support::{
    Organization, Shelf, domain, invitation, member, membership, reference, role, with,
};

/// Texts that end what they are in, run, load something, hide or reverse, or are too long.
pub const HOSTILE: [&str; 14] = [
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror=\"window.pwned=2\">",
    "</style></title></textarea><svg onload=alert(3)>",
    "\"'><iframe src=javascript:alert(4)></iframe>",
    "' onmouseover='alert(5)' x=\" onfocus=\"alert(5)\" autofocus y=`",
    "&lt;b&gt; &amp;lt; &#60;script&#62; &",
    "javascript:alert(6)",
    "<!--<a href=https://evil.example/>--!><base href=//evil.example>",
    "]]>\u{0}\u{1}\u{7}\u{8}\u{b}\u{1b}[31m\u{7f}\u{85}\u{9b}",
    "\u{202e}nimda\u{2066}\u{200f}\u{61c}\u{feff}\u{200b}\u{2028}\u{e0041}",
    "}</style>@import url(//evil.example);*{background:url(//evil.example/x)}",
    "{{ 7*7 }}${alert(7)}\\u003cscript\\u003e",
    "<form action=//evil.example><input name=x><meta http-equiv=refresh content=0>",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW\
     WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
];

/// A page in a folder that is gone after the test.
pub struct Page {
    pub path: PathBuf,
    pub shelf: Shelf,
}

impl Page {
    /// The sample organization's, a week later, with what changed in that week.
    #[track_caller]
    pub fn of_demo() -> Self {
        let shelf = Shelf::with_demo();
        shelf.run(&["sync", "--demo=later", "-f", "later.c1z"]);
        Self::new(shelf, &["later.c1z", "--since", "demo.c1z"])
    }

    /// The page of an organization in which every text is hostile, and so are the reader's own.
    #[track_caller]
    pub fn of_hostile_organization() -> Self {
        let shelf = Shelf::new();
        let mut organization = Organization::new();
        for (n, text) in (1..).zip(HOSTILE) {
            organization = with_hostile_rows(organization, n, text);
        }
        let mut new = organization
            .clone()
            .itself(json!({"name": HOSTILE.join(" ")}));
        let posthog = organization.itself(json!({"name": HOSTILE[0]})).serve();
        let sync = |file| {
            let sync = shelf.sandbox.crawl(&posthog, &["-f", file]);
            sync.run().succeeds();
        };
        sync("old.c1z");
        new.members_mut().pop();
        new.delete_role(2);
        new.roles_mut()[4]["name"] = HOSTILE[9].into();
        let file = "<img src=x onerror=alert(8)>\"'&amp;.c1z";
        posthog.now_serves(new);
        sync(file);
        let rules = format!(
            "[[accept]]\ncode = \"outside-domain\"\nreason = {}\n",
            json!(HOSTILE[1])
        );
        fs::write(shelf.path("rules.toml"), rules).unwrap();
        let texts = ["--title", HOSTILE[2], "--reviewer", HOSTILE[4]];
        let inputs = [file, "--since", "old.c1z", "--rules", "rules.toml"];
        Self::new(shelf, &[&inputs[..], &texts].concat())
    }

    /// The page of an organization of this size.
    #[track_caller]
    pub fn of(people: usize, roles: usize, grants: usize) -> Self {
        let shelf = Shelf::new();
        write(&shelf.path("many.c1z"), people, roles, grants);
        Self::new(shelf, &["many.c1z"])
    }

    #[track_caller]
    fn new(shelf: Shelf, args: &[&str]) -> Self {
        let path = shelf.path("page.html");
        let args = [&["report", "--out", "page.html"], args].concat();
        shelf.run(&args).succeeds();
        Self { path, shelf }
    }
}

/// A member, a role that everyone holds, a domain, an invitation and a group with this text wherever a text can be.
fn with_hostile_rows(organization: Organization, n: u16, text: &str) -> Organization {
    let level = [1, 8, 15][usize::from(n) % 3];
    let person = with(
        member(n),
        json!({
            "user": {"first_name": text, "last_name": "", "email": format!("{text}@example.com"), "role_at_organization": text},
            "level": level,
            "is_2fa_enabled": n.is_multiple_of(2),
        }),
    );
    let grants = [membership(n, &person)];
    organization
        .members([person])
        .role(with(role(n), json!({"name": text})), grants)
        .domains([with(
            domain(n),
            json!({"domain": text, "sso_enforcement": text}),
        )])
        .invitations([with(
            invitation(n),
            json!({"target_email": text, "first_name": text, "created_by": {"first_name": text}}),
        )])
        .references([with(
            reference(n),
            json!({"provider": text, "provider_organization_id": text, "provider_role_name": text}),
        )])
}

/// Writes a snapshot of this many people, roles and grants, with what a crawl would know of each.
fn write(path: &Path, people: usize, roles: usize, grants: usize) {
    let (mut found, [user, role]) = with_types();
    let person = |at: usize| ResourceId::new(&user, format!("018e0895-af04-0000-0000-{at:012x}"));
    for at in 0..people {
        found.add_resource(person_resource(person(at), at));
    }
    let at = Timestamp::parse("2026-11-25T01:02:03Z").unwrap();
    for n in 0..roles {
        let id = ResourceId::new(&role, format!("01920c5a-11d0-0000-0000-{n:012x}"));
        let entitlement = EntitlementId::new(format!("{id}:member"));
        found.add_resource(Resource {
            id: id.clone(),
            display_name: format!("Role {n}").into(),
            parent: None,
            description: "".into(),
            status: None,
            created_at: Some(at),
            profile: [("is_default".into(), Value::Bool(false))]
                .into_iter()
                .collect(),
            user: None,
        });
        found.add_entitlement(member_of(id, &user));
        for holder in 0..grants / roles {
            let holder = person((holder * roles + n * 7) % people);
            let mut grant = Grant::new(entitlement.clone(), holder);
            grant.joined_at = Some(at);
            found.add_grant(grant);
        }
    }
    let sync_run = SyncRun::full(snapshot::new_sync_id(at), at, at);
    let contents = Contents {
        sync_run: &sync_run,
        inventory: &found.finish().unwrap(),
        evidence: None,
        organization: None,
    };
    let target = Target::File { path, mode: 0o600 };
    snapshot::write(target, &contents, None, &Silent).unwrap();
}

/// The member of this number.
fn person_resource(id: ResourceId, at: usize) -> Resource {
    let first = ["Amara", "Beatriz", "Chiara", "Daniel", "Elif", "Ferenc"][at % 6];
    let name = format!("{first} Example-{at}");
    let email = format!("{}.{at}@example.com", first.to_lowercase());
    let joined_at = format!(
        "20{:02}-{:02}-{:02}T08:09:10Z",
        20 + at % 6,
        1 + at % 12,
        1 + at % 28
    );
    let last_login = format!("2026-{:02}-{:02}T10:11:12Z", 1 + at % 11, 1 + at % 27);
    let (level, seat) = [(1, "member"), (8, "administrator")][usize::from(at.is_multiple_of(50))];
    Resource {
        parent: None,
        display_name: name.into(),
        description: "".into(),
        status: Some(Status::Enabled),
        created_at: Timestamp::parse(&joined_at).ok(),
        profile: [
            ("user_id".into(), Value::Text(id.resource.clone())),
            ("email".into(), Value::from(email.as_str())),
            ("email_verified".into(), Value::Bool(true)),
            ("organization_level".into(), Value::Number(f64::from(level))),
            ("organization_role".into(), Value::from(seat)),
            ("joined_at".into(), Value::from(joined_at.as_str())),
            ("last_login".into(), Value::from(last_login.as_str())),
            ("role_at_organization".into(), Value::from("engineering")),
            ("is_2fa_enabled".into(), Value::Bool(!at.is_multiple_of(3))),
            ("has_social_auth".into(), Value::Bool(!at.is_multiple_of(2))),
        ]
        .into_iter()
        .collect(),
        user: Some(Box::new(UserTrait {
            emails: vec![Email {
                address: email.as_str().into(),
                is_primary: true,
            }],
            account_type: AccountType::Human,
            login: email.as_str().into(),
            login_aliases: Vec::new(),
            last_login: Timestamp::parse(&last_login).ok(),
            mfa_enabled: Some(!at.is_multiple_of(3)),
            sso_enabled: Some(!at.is_multiple_of(2)),
            given_name: first.into(),
            family_name: format!("Example-{at}").into(),
        })),
        id,
    }
}
