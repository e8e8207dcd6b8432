//! A PostHog on loopback that answers as the real one does: `limit` and `offset` with absolute links, a user twice in
//! a role membership, no last login there, 200 and nothing for a role nobody knows, refusals in PostHog's words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mockito::{Matcher, Mock, Server, ServerGuard};
use serde_json::{Value, json};

use super::KEY;

/// The organization's id. No version of RFC 9562, as most of PostHog's own are not.
pub fn organization_id() -> &'static str {
    "018d4b1e-7c2a-0000-8a9d-3f2b1c0d9e8f"
}

/// The uuid of user `n`; in the order of the numbers.
pub fn user_id(n: u16) -> String {
    format!("018e0895-af04-0000-{n:04x}-fd15fd963b34")
}

/// The id of role `n`; in the order of the numbers.
pub fn role_id(n: u16) -> String {
    format!("01920c5a-11d0-0000-{n:04x}-0a6f5e4d3c2b")
}

/// A user as members and memberships hold it.
pub fn user(n: u16) -> Value {
    json!({
        "id": 1000 + u32::from(n),
        "uuid": user_id(n),
        "distinct_id": format!("distinct-{n}"),
        "first_name": format!("First{n}"),
        "last_name": format!("Last{n}"),
        "email": format!("user{n}@example.com"),
        "is_email_verified": true,
        "hedgehog_config": null,
        "role_at_organization": "engineering",
    })
}

/// A row of `members/`.
pub fn member(n: u16) -> Value {
    json!({
        "id": format!("018f3d21-0000-0000-{n:04x}-aa00bb11cc22"),
        "user": user(n),
        "level": 1,
        "joined_at": "2024-05-06T07:08:09.123456Z",
        "updated_at": "2025-01-02T03:04:05.000001Z",
        "is_2fa_enabled": true,
        "has_social_auth": false,
        "last_login": "2026-11-01T10:11:12.131415Z",
    })
}

/// A row of `roles/`. The memberships inside are added by [`Organization::role`], unless the row brings its own.
pub fn role(n: u16) -> Value {
    json!({
        "id": role_id(n),
        "name": format!("Role {n}"),
        "created_at": "2023-02-03T04:05:06Z",
        "created_by": null,
        "is_default": false,
    })
}

/// A row of `role_memberships/`: the member without last login, and the user once more.
pub fn membership(role: u16, member: &Value) -> Value {
    let holder = bare_membership(role, &member["user"]);
    with(
        holder,
        json!({"organization_member": without(member.clone(), "last_login")}),
    )
}

/// A row of `role_memberships/` of somebody whose side of the organization is gone.
pub fn bare_membership(role: u16, user: &Value) -> Value {
    json!({
        "id": format!("01a1-{role:04x}-{}", user["uuid"].as_str().unwrap()),
        "role_id": role_id(role),
        "organization_member": null,
        "user": user,
        "joined_at": "2025-06-07T08:09:10Z",
        "updated_at": "2025-06-07T08:09:10Z",
    })
}

/// A row of `domains/`, with the certificate and the challenge that PostHog sends too.
pub fn domain(n: u16) -> Value {
    json!({
        "id": format!("018f9a10-0000-0000-{n:04x}-5e6f7a8b9c0d"),
        "domain": format!("domain{n}.example.com"),
        "is_verified": true,
        "verified_at": "2024-03-04T05:06:07.080910Z",
        "verification_challenge": format!("challenge-{n}"),
        "jit_provisioning_enabled": false,
        "sso_enforcement": "",
        "has_saml": false,
        "saml_entity_id": null,
        "saml_acs_url": null,
        "saml_x509_cert": format!("certificate-{n}"),
        "has_scim": false,
        "scim_base_url": null,
    })
}

/// A row of `invites/`, sent by user 1.
pub fn invitation(n: u16) -> Value {
    json!({
        "id": format!("019a3b4c-0000-0000-{n:04x}-1d2e3f405162"),
        "target_email": format!("invited{n}@example.com"),
        "first_name": format!("Invited{n}"),
        "emailing_attempt_made": true,
        "level": 1,
        "is_expired": false,
        "created_by": user(1),
        "created_at": "2026-10-11T12:13:14.151617Z",
        "updated_at": "2026-10-11T12:13:14.151617Z",
        "message": format!("message-{n}"),
        "private_project_access": [],
    })
}

/// A row of `role_external_references/`, of role `n`.
pub fn reference(n: u16) -> Value {
    json!({
        "id": format!("0197c5d6-0000-0000-{n:04x}-8e9fa0b1c2d3"),
        "provider": "vercel",
        "provider_organization_id": "team_1",
        "provider_role_id": format!("group_{n}"),
        "provider_role_slug": null,
        "provider_role_name": format!("Group {n}"),
        "role": role_id(n),
        "created_at": "2025-06-24T15:03:41.275906Z",
        "created_by": user(1),
    })
}

/// The value with the members of `patch` put over its own, objects inside as well.
pub fn with(mut value: Value, patch: Value) -> Value {
    match (&mut value, patch) {
        (Value::Object(whole), Value::Object(patch)) => {
            for (key, patch) in patch {
                let old = whole.remove(&key).unwrap_or(Value::Null);
                whole.insert(key, with(old, patch));
            }
            value
        }
        (_, patch) => patch,
    }
}

/// The object without one of its members.
#[track_caller]
pub fn without(mut value: Value, key: &str) -> Value {
    assert!(value.as_object_mut().unwrap().remove(key).is_some());
    value
}

/// What a PostHog knows, before it serves.
#[derive(Clone)]
pub struct Organization {
    itself: Value,
    key: Value,
    members: Vec<Value>,
    roles: Vec<Value>,
    memberships: BTreeMap<String, Vec<Value>>,
    domains: Vec<Value>,
    invitations: Vec<Value>,
    references: Vec<Value>,
    page: usize,
    link_origin: Option<String>,
    accepts_any_key: bool,
}

impl Organization {
    /// Nobody in it yet.
    pub fn new() -> Self {
        Self {
            itself: json!({
                "id": organization_id(),
                "name": "Hedgehogs & Co",
                "slug": "hedgehogs-co",
                "membership_level": 15,
                "members_can_see_org_members": true,
                "enforce_2fa": null,
                "available_product_features": null,
            }),
            key: json!({
                "id": "key-1",
                "label": "nightly crawl",
                "value": null,
                "mask_value": "phx_...pZ3",
                "user_id": 1001,
                "scopes": ["organization:read", "organization_member:read"],
                "scoped_teams": [],
                "scoped_organizations": [],
            }),
            members: Vec::new(),
            roles: Vec::new(),
            memberships: BTreeMap::new(),
            domains: Vec::new(),
            invitations: Vec::new(),
            references: Vec::new(),
            page: usize::MAX,
            link_origin: None,
            accepts_any_key: false,
        }
    }

    pub fn members(mut self, rows: impl IntoIterator<Item = Value>) -> Self {
        self.members.extend(rows);
        self
    }

    /// A role and who holds it, embedded in the role as well unless the role has `members` of its own.
    pub fn role(mut self, mut row: Value, memberships: impl IntoIterator<Item = Value>) -> Self {
        let memberships: Vec<Value> = memberships.into_iter().collect();
        let fields = row.as_object_mut().unwrap();
        fields
            .entry("members")
            .or_insert_with(|| memberships.clone().into());
        let id = row["id"].as_str().unwrap().to_owned();
        self.memberships.insert(id, memberships);
        self.roles.push(row);
        self
    }

    /// Rows of `domains/`, in the server's order.
    pub fn domains(mut self, rows: impl IntoIterator<Item = Value>) -> Self {
        self.domains.extend(rows);
        self
    }

    /// Rows of `invites/`, in the server's order.
    pub fn invitations(mut self, rows: impl IntoIterator<Item = Value>) -> Self {
        self.invitations.extend(rows);
        self
    }

    /// Rows of `role_external_references/`, in the server's order.
    pub fn references(mut self, rows: impl IntoIterator<Item = Value>) -> Self {
        self.references.extend(rows);
        self
    }

    /// At most so many rows in a page, whatever is asked for.
    pub fn pages_of(mut self, rows: usize) -> Self {
        self.page = rows;
        self
    }

    /// Links name this scheme, host and port instead of the one they were asked on.
    pub fn links_to(mut self, origin: &str) -> Self {
        self.link_origin = Some(origin.to_owned());
        self
    }

    /// The organization's own entry with this put over it.
    pub fn itself(mut self, patch: Value) -> Self {
        self.itself = with(self.itself, patch);
        self
    }

    /// The rows of `members/`, in the server's order.
    pub fn members_mut(&mut self) -> &mut Vec<Value> {
        &mut self.members
    }

    /// The rows of `roles/`, in the server's order.
    pub fn roles_mut(&mut self) -> &mut Vec<Value> {
        &mut self.roles
    }

    /// Who holds a role, by its own list, in the server's order.
    pub fn memberships_mut(&mut self, role: u16) -> &mut Vec<Value> {
        self.memberships.entry(role_id(role)).or_default()
    }

    /// A role is deleted; its own list is empty from now on.
    pub fn delete_role(&mut self, role: u16) {
        self.roles.retain(|row| row["id"] != role_id(role));
        self.memberships.remove(&role_id(role));
    }

    pub fn accepting_any_key(mut self) -> Self {
        self.accepts_any_key = true;
        self
    }

    /// Serves on an address that a later server may get again. To change what is served at one address, use
    /// [`PostHog::now_serves`].
    pub fn serve(self) -> PostHog {
        let mut server = Server::new();
        let asked = Arc::<Mutex<Vec<Request>>>::default();
        let origin = self.link_origin.clone().unwrap_or_else(|| server.url());
        let organization = Arc::new(Mutex::new(self));
        let (for_status, for_body) = (organization.clone(), organization.clone());
        let (origin_again, log) = (origin.clone(), asked.clone());
        server
            .mock("GET", Matcher::Any)
            .with_status_code_from_request(move |request| {
                log.lock().unwrap().push(Request::of(request));
                let organization = for_status.lock().unwrap();
                organization.answer(&Request::of(request), &origin).0
            })
            .with_header("content-type", "application/json")
            .with_body_from_request(move |request| {
                let organization = for_body.lock().unwrap();
                let (_, body) = organization.answer(&Request::of(request), &origin_again);
                body.to_string().into()
            })
            // With no expectation at all, mockito prefers a mock that was never asked over a later one.
            .expect_at_least(0)
            .create();
        PostHog {
            server,
            organization,
            asked,
        }
    }

    /// Status and body of the answer to `request`, with links to `origin`.
    pub(super) fn answer(&self, request: &Request, origin: &str) -> (usize, Value) {
        if !self.accepts_any_key && request.authorization != [format!("Bearer {KEY}")] {
            let detail = "Personal API key found in request Authorization header is invalid.";
            return (
                401,
                refusal("authentication_error", "authentication_failed", detail),
            );
        }
        let path = request.path().replace("%40", "@");
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        let inside = match words[..] {
            ["api", "personal_api_keys", "@current"] => return (200, self.key.clone()),
            ["api", "organizations", id, ref inside @ ..]
                if [organization_id(), "@current"].contains(&id) =>
            {
                inside
            }
            ["api", "organizations", ..] => return not_found("Organization not found."),
            _ => return not_found("Endpoint not found."),
        };
        let page = |rows: &[Value]| (200, self.page(rows, request, origin));
        match inside {
            [] => {
                let count = json!({"member_count": self.members.len()});
                (200, with(count, self.itself.clone()))
            }
            ["members"] => page(&self.members),
            ["roles"] => page(&self.roles),
            ["domains"] => page(&self.domains),
            ["invites"] => page(&self.invitations),
            ["role_external_references"] => page(&self.references),
            ["roles", id, "role_memberships"] => {
                page(self.memberships.get(*id).map_or(&[], Vec::as_slice))
            }
            ["roles", id] => match self.roles.iter().find(|role| role["id"] == *id) {
                Some(role) => (
                    200,
                    with(role.clone(), json!({"members": self.memberships[*id]})),
                ),
                None => not_found("Not found."),
            },
            _ => not_found("Endpoint not found."),
        }
    }

    /// As Django REST framework cuts and links.
    fn page(&self, rows: &[Value], request: &Request, origin: &str) -> Value {
        let (path, query) = (request.path(), request.query());
        let mut parameters: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let number = |name| {
            parameters
                .get(name)
                .and_then(|n: &String| n.parse::<usize>().ok())
        };
        let limit = number("limit")
            .filter(|n| *n > 0)
            .unwrap_or(100)
            .min(self.page);
        let offset = number("offset").unwrap_or(0);
        let mut link = |offset: usize| {
            parameters.insert("limit", limit.to_string());
            parameters.insert("offset", offset.to_string());
            let pairs: Vec<_> = parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
            format!("{origin}{path}?{}", pairs.join("&"))
        };
        let end = offset.saturating_add(limit);
        let next = (end < rows.len()).then(|| link(end));
        let previous = (offset > 0).then(|| link(offset.saturating_sub(limit)));
        let results: Vec<_> = rows.iter().skip(offset).take(limit).collect();
        json!({"count": rows.len(), "next": next, "previous": previous, "results": results})
    }
}

fn not_found(detail: &str) -> (usize, Value) {
    (404, refusal("invalid_request", "not_found", detail))
}

/// The body of a refusal.
pub fn refusal(kind: &str, code: &str, detail: &str) -> Value {
    json!({"type": kind, "code": code, "detail": detail, "attr": null})
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub path_and_query: String,
    /// The values of all its `Authorization` headers.
    pub authorization: Vec<String>,
}

impl Request {
    fn of(request: &mockito::Request) -> Self {
        let values = request.header("authorization").into_iter();
        Self {
            path_and_query: request.path_and_query().to_owned(),
            authorization: values.map(|v| v.to_str().unwrap().to_owned()).collect(),
        }
    }

    pub fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap()
    }

    /// What stands behind the question mark.
    pub fn query(&self) -> &str {
        self.path_and_query.split_once('?').unwrap_or_default().1
    }

    /// The number that a parameter has.
    pub fn number(&self, name: &str) -> Option<usize> {
        let pairs = self.query().split('&');
        let value = pairs.filter_map(|pair| pair.split_once('='));
        value
            .filter(|(key, _)| *key == name)
            .find_map(|(_, n)| n.parse().ok())
    }
}

/// The lists that surround the roles, below the organization and in the order in which they are read.
pub const SURROUNDINGS: [&str; 3] = ["domains/", "invites/", "role_external_references/"];

/// Whether a path is one of [`SURROUNDINGS`].
pub(super) fn is_surrounding(path: &str) -> bool {
    let base = format!("/api/organizations/{}/", organization_id());
    let inside = path.strip_prefix(&base);
    inside.is_some_and(|inside| SURROUNDINGS.contains(&inside))
}

/// A PostHog that listens on loopback and remembers what it was asked.
pub struct PostHog {
    server: ServerGuard,
    organization: Arc<Mutex<Organization>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl PostHog {
    /// From now on serves this organization, at the same address. Links go where they went before.
    pub fn now_serves(&self, organization: Organization) {
        *self.organization.lock().unwrap() = organization;
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.server.url()
    }

    /// The organization's address, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("{}/api/organizations/{}", self.origin(), organization_id())
    }

    /// From now on gives another answer under a path, with any query: one below the organization, or a whole one.
    pub fn answers(&mut self, path: &str, answer: Answer) {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/organizations/{}/{path}", organization_id())
        };
        let log = self.asked.clone();
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let mut mock: Mock = self
            .server
            .mock("GET", path.as_str())
            .match_query(Matcher::Any)
            .with_status_code_from_request(move |request| {
                log.lock().unwrap().push(Request::of(request));
                status
            })
            .with_body(body)
            .expect_at_least(0);
        for (name, value) in &headers {
            mock = mock.with_header(name.as_str(), value);
        }
        mock.create();
    }

    /// From now on gives these 200s under a path below the organization, one after the other; the last one stays.
    pub fn answers_in_turn(&mut self, path: &str, bodies: impl IntoIterator<Item = Value>) {
        let path = format!("/api/organizations/{}/{path}", organization_id());
        let bodies: Vec<Value> = bodies.into_iter().collect();
        let (log, turn) = (self.asked.clone(), AtomicUsize::new(0));
        self.server
            .mock("GET", path.as_str())
            .match_query(Matcher::Any)
            .with_header("content-type", "application/json")
            .with_body_from_request(move |request| {
                log.lock().unwrap().push(Request::of(request));
                let at = turn.fetch_add(1, Ordering::SeqCst).min(bodies.len() - 1);
                bodies[at].to_string().into()
            })
            .expect_at_least(0)
            .create();
    }

    /// The requests so far, without those for the lists that surround the roles, which have tests of their own.
    pub fn asked(&self) -> Vec<Request> {
        let mut asked = self.asked_for_everything();
        asked.retain(|request| !is_surrounding(request.path()));
        asked
    }

    /// All requests so far.
    pub fn asked_for_everything(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Path and query of all requests so far that were for a path with `part` in it.
    pub fn asked_for(&self, part: &str) -> Vec<String> {
        let asked = self.asked_for_everything().into_iter();
        asked
            .filter(|request| request.path().contains(part))
            .map(|request| request.path_and_query)
            .collect()
    }
}

/// An answer that a test makes up.
#[derive(Clone)]
pub struct Answer {
    status: usize,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub fn new(status: usize, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let content_type = ("content-type".to_owned(), content_type.to_owned());
        Self {
            status,
            headers: vec![content_type],
            body: body.into(),
        }
    }

    pub fn json(status: usize, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The whole answer as it goes over the line, with its body's true length.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head(Some(self.body.len()));
        bytes.extend(&self.body);
        bytes
    }

    /// What stands before the body, promising so many bytes of it.
    pub fn head(&self, length: Option<usize>) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length {
            head += &format!("content-length: {length}\r\n");
        }
        (head + "\r\n").into_bytes()
    }

    pub fn status(&self) -> usize {
        self.status
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }
}
