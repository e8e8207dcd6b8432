//! PostHog's organization API over the sample: returns the response to a request, without sockets.
//!
//! A request is checked in PostHog's order: whether the endpoint exists, the key is valid, the organization is the sample,
//! and the method is allowed. As in PostHog, the memberships of an unknown role are an empty list.

use serde::Serialize;
use serde_json::{Value, json};

use super::API_KEY;
use super::http::{Request, Response};
use super::organization::{
    ExternalReference, Invitation, Membership, Organization, Person, Role, Seat, User, by_time,
};
use super::page::{Page, Query};

/// The largest page. PostHog itself has no limit; the sample does, so that its few people take several pages.
const MAX_ROWS: usize = 15;

/// An endpoint, with the ids in its path.
enum Endpoint<'a> {
    CurrentKey,
    Organization(&'a str, OrganizationEndpoint<'a>),
}

/// An endpoint of an organization.
enum OrganizationEndpoint<'a> {
    Itself,
    Members,
    /// Can be changed and removed, but not read.
    Member,
    Roles,
    Role(&'a str),
    RoleMemberships(&'a str),
    Domains,
    Invitations,
    RoleExternalReferences,
}

/// Answers one request.
pub(super) fn answer(organization: &Organization, request: &Request) -> Response {
    let path = request.path.replace("%40", "@");
    let Some(endpoint) = route(&path) else {
        return not_found("Endpoint not found.");
    };
    if let Some(refusal) = unauthenticated(request) {
        return refusal;
    }
    if let Endpoint::Organization(id, _) = endpoint
        && ![organization.id.as_str(), "@current"].contains(&id)
    {
        return not_found("Organization not found.");
    }
    if request.method != "GET"
        || matches!(
            endpoint,
            Endpoint::Organization(_, OrganizationEndpoint::Member)
        )
    {
        return method_not_allowed(&request.method);
    }

    let inside = match endpoint {
        Endpoint::CurrentKey => return Response::ok(&current_key(organization)),
        Endpoint::Organization(_, inside) => inside,
    };
    match inside {
        OrganizationEndpoint::Itself => Response::ok(&itself(organization)),
        OrganizationEndpoint::Members | OrganizationEndpoint::Member => {
            members(organization, request)
        }
        OrganizationEndpoint::Roles => {
            let roles = organization.roles.iter();
            let rows = roles.map(|role| RoleRow::new(organization, role)).collect();
            Response::ok(&Page::cut(rows, usize::MAX, request))
        }
        OrganizationEndpoint::Role(id) => {
            match organization.roles.iter().find(|role| role.id == id) {
                Some(role) => Response::ok(&RoleRow::new(organization, role)),
                None => not_found("Not found."),
            }
        }
        OrganizationEndpoint::RoleMemberships(id) => {
            let role = organization.roles.iter().find(|role| role.id == id);
            let rows = role.map_or_else(Vec::new, |role| memberships(organization, role));
            Response::ok(&Page::cut(rows, MAX_ROWS, request))
        }
        OrganizationEndpoint::Domains => {
            let rows = organization.domains.iter().collect();
            Response::ok(&Page::cut(rows, usize::MAX, request))
        }
        OrganizationEndpoint::Invitations => {
            let rows = invitations(organization);
            Response::ok(&Page::cut(rows, usize::MAX, request))
        }
        OrganizationEndpoint::RoleExternalReferences => {
            let rows = external_references(organization);
            Response::ok(&Page::cut(rows, usize::MAX, request))
        }
    }
}

/// Finds the endpoint of a path, with or without a trailing slash.
fn route(path: &str) -> Option<Endpoint<'_>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let words: Vec<&str> = path.strip_prefix("/api/")?.split('/').collect();
    let (id, inside) = match words.as_slice() {
        ["personal_api_keys", "@current"] => return Some(Endpoint::CurrentKey),
        ["organizations", id] => (id, OrganizationEndpoint::Itself),
        ["organizations", id, "members"] => (id, OrganizationEndpoint::Members),
        ["organizations", id, "members", _] => (id, OrganizationEndpoint::Member),
        ["organizations", id, "roles"] => (id, OrganizationEndpoint::Roles),
        ["organizations", id, "roles", role] => (id, OrganizationEndpoint::Role(role)),
        ["organizations", id, "roles", role, "role_memberships"] => {
            (id, OrganizationEndpoint::RoleMemberships(role))
        }
        ["organizations", id, "domains"] => (id, OrganizationEndpoint::Domains),
        ["organizations", id, "invites"] => (id, OrganizationEndpoint::Invitations),
        ["organizations", id, "role_external_references"] => {
            (id, OrganizationEndpoint::RoleExternalReferences)
        }
        _ => return None,
    };
    Some(Endpoint::Organization(id, inside))
}

/// Returns an error unless the header is exactly `Bearer` and the sample's key.
fn unauthenticated(request: &Request) -> Option<Response> {
    let key = request
        .authorization
        .as_deref()
        .and_then(|header| header.strip_prefix("Bearer "));
    let (code, detail) = match key {
        Some(API_KEY) => return None,
        Some(_) => (
            "authentication_failed",
            "Personal API key found in request Authorization header is invalid.",
        ),
        None => (
            "not_authenticated",
            "Authentication credentials were not provided.",
        ),
    };
    let refusal = Response::refusal("401 Unauthorized", "authentication_error", code, detail);
    Some(refusal.with_header("WWW-Authenticate: Bearer"))
}

fn not_found(detail: &str) -> Response {
    Response::refusal("404 Not Found", "invalid_request", "not_found", detail)
}

fn method_not_allowed(method: &str) -> Response {
    let refusal = Response::refusal(
        "405 Method Not Allowed",
        "invalid_request",
        "method_not_allowed",
        &format!("Method \"{method}\" not allowed."),
    );
    refusal.with_header("Allow: GET")
}

fn current_key(organization: &Organization) -> Value {
    let key = &organization.access_key;
    json!({
        "id": key.id,
        "label": key.label,
        "value": null,
        "mask_value": "phx_...mple",
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "user_id": organization.person(&key.owner).user.id,
        "scopes": ["organization:read", "organization_member:read"],
        "scoped_teams": [],
        "scoped_organizations": [],
    })
}

fn itself(organization: &Organization) -> Value {
    let owner = organization.person(&organization.access_key.owner);
    json!({
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
        "membership_level": owner.seat.as_ref().map(|seat| seat.level),
        "member_count": organization.members().count(),
        "members_can_see_org_members": true,
        "members_can_invite": false,
        "members_can_use_personal_api_keys": true,
        "allow_publicly_shared_resources": true,
        "is_member_join_email_enabled": true,
        "enforce_2fa": organization.enforce_2fa,
        "default_role_id": organization.default_role().map(|role| &role.id),
        "available_product_features": [
            {"key": "access_control", "name": "Access control"},
            {"key": "role_based_access", "name": "Role-based access"},
        ],
        "is_active": true,
        "is_not_active_reason": null,
    })
}

/// Returns the invitations, newest first.
fn invitations(organization: &Organization) -> Vec<Value> {
    let mut all: Vec<_> = organization.invitations.iter().collect();
    all.sort_by(|left, right| by_time(&right.created_at, &left.created_at));
    let row = |invitation: &Invitation| {
        json!({
            "id": invitation.id,
            "target_email": invitation.target_email,
            "first_name": invitation.first_name,
            "emailing_attempt_made": true,
            "level": invitation.level,
            "is_expired": invitation.is_expired,
            "created_by": organization.person(&invitation.created_by).user,
            "created_at": invitation.created_at,
            "updated_at": invitation.created_at,
            "message": null,
            "private_project_access": [],
        })
    };
    all.into_iter().map(row).collect()
}

fn external_references(organization: &Organization) -> Vec<Value> {
    let row = |reference: &ExternalReference| {
        json!({
            "id": reference.id,
            "provider": reference.provider,
            "provider_organization_id": reference.provider_organization_id,
            "provider_role_id": reference.provider_role_id,
            "provider_role_slug": reference.provider_role_slug,
            "provider_role_name": reference.provider_role_name,
            "role": organization.role(&reference.role).id,
            "created_at": reference.created_at,
            "created_by": organization.person(&reference.created_by).user,
        })
    };
    organization
        .role_external_references
        .iter()
        .map(row)
        .collect()
}

fn members(organization: &Organization, request: &Request) -> Response {
    let mut members: Vec<(&Person, &Seat)> = organization.members().collect();
    members.sort_by(|(_, left), (_, right)| by_time(&left.joined_at, &right.joined_at));
    if Query::parse(&request.query).value("order") != Some("joined_at") {
        members.reverse();
    }
    let rows = members
        .into_iter()
        .map(|(person, seat)| MemberRow {
            last_login: Some(&seat.last_login),
            ..MemberRow::inside_membership(person, seat)
        })
        .collect();
    Response::ok(&Page::cut(rows, MAX_ROWS, request))
}

/// Returns the memberships of one role, oldest first.
fn memberships<'a>(organization: &'a Organization, role: &'a Role) -> Vec<MembershipRow<'a>> {
    let mut held: Vec<&Membership> = role.memberships.iter().collect();
    held.sort_by(|left, right| {
        by_time(&left.joined_at, &right.joined_at).then_with(|| left.id.cmp(&right.id))
    });
    held.into_iter()
        .map(|held| MembershipRow::new(organization, role, held))
        .collect()
}

/// A member, as in `members/` and inside a membership.
#[derive(Serialize)]
struct MemberRow<'a> {
    id: &'a str,
    user: &'a User,
    level: i64,
    joined_at: &'a str,
    updated_at: &'a str,
    is_2fa_enabled: bool,
    has_social_auth: bool,
    /// `None` is absent, `Some(None)` is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login: Option<&'a Option<String>>,
}

/// A role with its members.
#[derive(Serialize)]
struct RoleRow<'a> {
    id: &'a str,
    name: &'a str,
    created_at: &'a str,
    created_by: Option<&'a User>,
    members: Vec<MembershipRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default: Option<bool>,
}

/// A role membership. PostHog includes the person twice.
#[derive(Serialize)]
struct MembershipRow<'a> {
    id: &'a str,
    role_id: &'a str,
    organization_member: Option<MemberRow<'a>>,
    user: &'a User,
    joined_at: &'a str,
    updated_at: &'a str,
}

impl<'a> MemberRow<'a> {
    /// Returns the row without the last login, which only `members/` has.
    fn inside_membership(person: &'a Person, seat: &'a Seat) -> Self {
        MemberRow {
            id: &seat.id,
            user: &person.user,
            level: seat.level,
            joined_at: &seat.joined_at,
            updated_at: &seat.updated_at,
            is_2fa_enabled: seat.is_2fa_enabled,
            has_social_auth: seat.has_social_auth,
            last_login: None,
        }
    }
}

impl<'a> RoleRow<'a> {
    fn new(organization: &'a Organization, role: &'a Role) -> Self {
        let created_by = role.created_by.as_ref();
        RoleRow {
            id: &role.id,
            name: &role.name,
            created_at: &role.created_at,
            created_by: created_by.map(|key| &organization.person(key).user),
            members: memberships(organization, role),
            is_default: role.is_default,
        }
    }
}

impl<'a> MembershipRow<'a> {
    fn new(organization: &'a Organization, role: &'a Role, held: &'a Membership) -> Self {
        let person = organization.person(&held.holder);
        let seat = person.seat.as_ref();
        MembershipRow {
            id: &held.id,
            role_id: &role.id,
            organization_member: seat.map(|seat| MemberRow::inside_membership(person, seat)),
            user: &person.user,
            joined_at: &held.joined_at,
            updated_at: &held.joined_at,
        }
    }
}
