//! How an organization is read: pages, links, the key, and what a crawl can do without.

use posthog_c1z::model::{KeyOwner, Status, SyncType};
use serde_json::json;

use crate::support::{
    Answer, KEY, Organization, PostHog, Sandbox, member, membership, organization_id, refusal,
    role, role_id, user_id, with,
};

/// Seven members on three pages, two roles, three grants.
fn organization() -> Organization {
    Organization::new()
        .members((1..=7).map(member))
        .role(
            role(1),
            [membership(1, &member(5)), membership(1, &member(2))],
        )
        .role(role(2), [membership(2, &member(2))])
        .pages_of(3)
}

#[test]
fn every_page_of_every_list_is_read_and_every_row_is_kept_once() {
    let posthog = organization()
        .role(role(3), (1..=7).map(|n| membership(3, &member(n))))
        .serve();
    let written = Sandbox::new().sync(&posthog);

    assert_eq!(written.sync_run.sync_type, SyncType::Full);
    let types = written.inventory.resource_types().iter();
    assert_eq!(
        types.map(|t| t.id.as_str()).collect::<Vec<_>>(),
        ["role", "user"]
    );
    let resources = written.inventory.resources().iter();
    let expected: Vec<String> = (1..=3)
        .map(|n| format!("role:{}", role_id(n)))
        .chain((1..=7).map(|n| format!("user:{}", user_id(n))))
        .collect();
    assert_eq!(
        resources.map(|r| r.id.to_string()).collect::<Vec<_>>(),
        expected
    );
    let entitlements = written.inventory.entitlements().iter();
    let expected: Vec<String> = (1..=3)
        .map(|n| format!("role:{}:member", role_id(n)))
        .collect();
    assert_eq!(
        entitlements.map(|e| e.id.to_string()).collect::<Vec<_>>(),
        expected
    );
    let held = [(1, 2), (1, 5), (2, 2)];
    let held = held.into_iter().chain((1..=7).map(|n| (3, n)));
    let expected: Vec<String> = held
        .map(|(role, user)| format!("role:{}:member:user:{}", role_id(role), user_id(user)))
        .collect();
    assert_eq!(written.grant_ids(), expected);
}

#[test]
fn evidence_tells_where_with_whose_key_and_how_complete() {
    let posthog = organization().serve();
    let evidence = Sandbox::new().sync(&posthog).evidence;

    assert_eq!(evidence.base_url, posthog.base_url());
    assert_eq!(evidence.organization.id, organization_id());
    assert_eq!(
        evidence.organization.name.as_deref(),
        Some("Hedgehogs & Co")
    );
    assert_eq!(evidence.organization.slug.as_deref(), Some("hedgehogs-co"));
    assert_eq!(evidence.organization.member_count, Some(7));
    assert_eq!(evidence.organization.membership_level, Some(15));
    assert_eq!(
        evidence.organization.members_can_see_org_members,
        Some(true)
    );
    let key = evidence.key.unwrap();
    assert_eq!(key.label.as_deref(), Some("nightly crawl"));
    assert_eq!(
        key.scopes,
        ["organization:read", "organization_member:read"]
    );
    let owner = KeyOwner {
        user_id: user_id(1),
        display_name: "First1 Last1".to_owned(),
        email: Some("user1@example.com".to_owned()),
        organization_role: Some("member".to_owned()),
    };
    assert_eq!(key.owner, Some(owner));
    assert_eq!(
        evidence.requests,
        posthog.asked_for_everything().len() as u64
    );
    assert_eq!(evidence.unlisted_principals, 0);
    assert_eq!((evidence.unproved, evidence.warnings), (vec![], vec![]));
    let members = evidence
        .lists
        .iter()
        .find(|list| list.path == "members/")
        .unwrap();
    assert_eq!(
        (members.count, members.received, members.kept),
        // Three pages that overlap by one row.
        (Some(7), 9, 7)
    );
    assert_eq!(members.pages, 3);
}

#[test]
fn evidence_holds_the_digest_of_the_rows_beside_it() {
    let written = Sandbox::new().sync(&organization().serve());
    assert_eq!(
        written.evidence.content_digest,
        Some(written.digest.to_string())
    );
}

#[test]
fn every_request_carries_the_key_exactly_as_a_bearer_and_nothing_else_does() {
    let posthog = organization().serve();
    Sandbox::new().sync(&posthog);
    let asked = posthog.asked_for_everything();
    assert!(asked.len() >= 8, "{asked:?}");
    for request in asked {
        assert_eq!(
            request.authorization,
            [format!("Bearer {KEY}")],
            "{request:?}"
        );
        assert!(!request.path_and_query.contains(KEY), "{request:?}");
    }
}

#[test]
fn roles_are_first_asked_for_without_parameters() {
    let posthog = organization().serve();
    Sandbox::new().sync(&posthog);
    let path = format!("/api/organizations/{}/roles/", organization_id());
    let asked = posthog
        .asked()
        .into_iter()
        .map(|request| request.path_and_query);
    let first = asked.into_iter().find(|asked| asked.starts_with(&path));
    assert_eq!(first, Some(path));
}

#[test]
fn slash_at_the_end_of_the_address_makes_no_difference() {
    let posthog = organization().serve();
    let without = Sandbox::new().sync(&posthog);
    // Workers ask for roles in any order.
    let sorted = |posthog: &PostHog| {
        let mut asked = posthog.asked();
        asked.sort_by(|a, b| a.path_and_query.cmp(&b.path_and_query));
        asked
    };
    let asked_without = sorted(&posthog);

    let posthog = organization().serve();
    let sandbox = Sandbox::new();
    sandbox
        .crawl(&posthog, &["-f", "sync.c1z"])
        .env("BATON_BASE_URL", &format!("{}/", posthog.base_url()))
        .run()
        .succeeds_silently();
    let with = crate::support::Written::open(&sandbox.path("sync.c1z"));
    assert_eq!(sorted(&posthog), asked_without);
    assert_eq!(with.digest, without.digest);
    assert_eq!(with.evidence.base_url, posthog.base_url());
}

#[test]
fn links_are_followed_on_our_own_origin_whatever_they_name() {
    let expected = Sandbox::new().sync(&organization().serve());
    for origin in [
        "https://posthog.internal:8443",
        "http://localhost:1",
        "//posthog.internal",
        "ftp://user:secret@posthog.internal",
        "",
    ] {
        let written = Sandbox::new().sync(&organization().links_to(origin).serve());
        assert_eq!(written.inventory, expected.inventory, "{origin}");
    }
}

#[test]
fn key_never_reaches_the_host_that_a_link_names() {
    let stranger = Organization::new().accepting_any_key().serve();
    let posthog = organization().links_to(&stranger.origin()).serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory.count_of_type("user"), 7);
    assert_eq!(stranger.asked_for_everything(), []);
}

#[test]
fn same_row_on_two_pages_counts_once() {
    // Somebody joined at the front between two pages, so each later page begins with rows of the one before.
    let mut posthog = organization().serve();
    let page = |rows: &[u16], next: Option<u16>| {
        let next = next.map(|offset| format!("{}?limit=2&offset={offset}", "http://x/y"));
        let rows: Vec<_> = rows.iter().map(|n| member(*n)).collect();
        json!({"count": 7, "next": next, "previous": null, "results": rows})
    };
    posthog.answers_in_turn(
        "members/",
        [
            page(&[1, 2, 3], Some(3)),
            page(&[2, 3, 4, 5], Some(6)),
            page(&[4, 5, 6, 7], None),
        ],
    );
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory.count_of_type("user"), 7);
    let members = written
        .evidence
        .lists
        .iter()
        .find(|list| list.path == "members/")
        .unwrap();
    assert_eq!((members.received, members.kept), (11, 7));

    let mut posthog = organization().serve();
    let page = |rows: &[u16], next: bool| {
        let next = next.then_some("http://x/y?offset=2");
        let rows: Vec<_> = rows.iter().map(|n| membership(1, &member(*n))).collect();
        json!({"count": 2, "next": next, "previous": null, "results": rows})
    };
    let path = format!("roles/{}/role_memberships/", role_id(1));
    posthog.answers_in_turn(&path, [page(&[5, 2], true), page(&[2], false)]);
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory.grants().len(), 3);

    let mut posthog = organization().serve();
    let page = |rows: &[u16], next: bool| {
        let next = next.then_some("http://x/y?offset=2");
        let rows: Vec<_> = rows.iter().map(|n| role(*n)).collect();
        json!({"count": 2, "next": next, "previous": null, "results": rows})
    };
    posthog.answers_in_turn("roles/", [page(&[2, 1], true), page(&[2, 1, 2], false)]);
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory.count_of_type("role"), 2);
    assert_eq!(written.inventory.entitlements().len(), 2);
    assert_eq!(written.inventory.grants().len(), 3);
}

#[test]
fn same_organization_gives_the_same_rows_whatever_order_they_come_in() {
    let expected = Sandbox::new().sync(&organization().serve());
    let posthog = Organization::new()
        .members((1..=7).rev().map(member))
        .role(role(2), [membership(2, &member(2))])
        .role(
            role(1),
            [membership(1, &member(2)), membership(1, &member(5))],
        )
        .pages_of(2)
        .serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory, expected.inventory);
    assert_eq!(written.digest, expected.digest);
}

#[test]
fn current_organization_is_resolved_once_and_then_called_by_its_id() {
    let posthog = organization().serve();
    let sandbox = Sandbox::new();
    let current = format!("{}/api/organizations/@current/", posthog.origin());
    sandbox
        .crawl(&posthog, &["-f", "sync.c1z"])
        .env("BATON_BASE_URL", &current)
        .run()
        .succeeds_silently();
    let asked = posthog.asked_for("organizations/@current");
    assert_eq!(asked, ["/api/organizations/@current/"]);
    let written = crate::support::Written::open(&sandbox.path("sync.c1z"));
    assert_eq!(written.inventory.count_of_type("user"), 7);
    assert_eq!(written.evidence.organization.id, organization_id());
    assert_eq!(written.evidence.base_url, posthog.base_url());
}

#[test]
fn current_organization_that_cannot_be_resolved_ends_the_crawl() {
    let mut posthog = organization().serve();
    let forbidden = refusal("authentication_error", "permission_denied", "No.");
    posthog.answers(
        "/api/organizations/@current/",
        Answer::json(403, &forbidden),
    );
    let sandbox = Sandbox::new();
    let current = format!("{}/api/organizations/@current", posthog.origin());
    sandbox
        .crawl(&posthog, &["-f", "sync.c1z"])
        .env("BATON_BASE_URL", &current)
        .run()
        .fails(7, &["/api/organizations/@current/", "403"]);
    assert_eq!(sandbox.files(), [""; 0]);
}

/// The two paths that a crawl can do without.
const OPTIONAL: [&str; 2] = ["", "/api/personal_api_keys/@current/"];

#[test]
fn crawl_goes_on_without_what_it_can_do_without_and_says_so() {
    for path in OPTIONAL {
        for status in [403, 404, 405, 501] {
            let mut posthog = organization().serve();
            let body = refusal("invalid_request", "not_found", "Not found.");
            posthog.answers(path, Answer::json(status, &body));
            let written = Sandbox::new().sync(&posthog);
            assert_eq!(written.inventory.count_of_type("user"), 7);
            let [unproved] = &written.evidence.unproved[..] else {
                panic!("{:?}", written.evidence.unproved);
            };
            assert!(unproved.contains(&status.to_string()), "{unproved}");
            match path {
                "" => assert_eq!(written.evidence.organization.member_count, None),
                _ => assert_eq!(written.evidence.key, None),
            }
        }
    }
}

#[test]
fn server_that_fails_where_a_refusal_would_do_ends_the_crawl() {
    for path in OPTIONAL {
        let mut posthog = organization().serve();
        let body = refusal("server_error", "error", "A server error occurred.");
        let answer = Answer::json(500, &body).with_header("retry-after", "0");
        posthog.answers(path, answer);
        let sandbox = Sandbox::new();
        let run = sandbox.crawl(&posthog, &["-f", "sync.c1z"]).run();
        run.fails(14, &["answered 500: A server error occurred."]);
        assert_eq!(sandbox.files(), [""; 0]);
    }
}

#[test]
fn rejected_key_ends_the_crawl_even_where_a_refusal_would_do() {
    for path in OPTIONAL {
        let mut posthog = organization().serve();
        let body = refusal("authentication_error", "authentication_failed", "Invalid.");
        posthog.answers(path, Answer::json(401, &body));
        let sandbox = Sandbox::new();
        let run = sandbox.crawl(&posthog, &["-f", "sync.c1z"]).run();
        run.fails(16, &["answered 401"]);
        assert_eq!(sandbox.files(), [""; 0]);
    }
}

#[test]
fn role_without_members_and_organization_without_roles_are_no_error() {
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), [])
        .serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(&*written.role(1).display_name, "Role 1");
    assert_eq!(written.inventory.entitlements().len(), 1);
    assert_eq!(written.inventory.grants(), []);

    let posthog = Organization::new().members([member(1)]).serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory.count_of_type("user"), 1);
    assert_eq!(written.inventory.count_of_type("role"), 0);
    assert_eq!(written.inventory.entitlements(), []);
}

#[test]
fn unknown_fields_are_passed_over() {
    let expected = Sandbox::new().sync(&organization().serve());
    let more = json!({"brand_new": {"deep": [1, null, "x"]}, "is_active": true});
    let new_member = |n| {
        with(
            member(n),
            json!({"user": more.clone(), "brand_new": [1], "search_match_type": "x"}),
        )
    };
    let posthog = Organization::new()
        .members((1..=7).map(new_member))
        .role(
            with(
                role(1),
                json!({"brand_new": 1, "feature_flags_access_level": 37, "associated_flags": []}),
            ),
            [membership(1, &new_member(5)), membership(1, &new_member(2))],
        )
        .role(
            with(role(2), more.clone()),
            [with(
                membership(2, &new_member(2)),
                json!({"user_uuid": "x", "brand_new": {}}),
            )],
        )
        .serve();
    let written = Sandbox::new().sync(&posthog);
    assert_eq!(written.inventory, expected.inventory);
}

#[test]
fn what_a_role_embeds_is_not_needed() {
    let expected = Sandbox::new().sync(&organization().serve());
    for embedded in [
        json!([]),
        json!(null),
        json!([{"anything": 1}]),
        json!("none"),
    ] {
        let posthog = Organization::new()
            .members((1..=7).map(member))
            .role(
                with(role(1), json!({"members": embedded})),
                [membership(1, &member(5)), membership(1, &member(2))],
            )
            .role(role(2), [membership(2, &member(2))])
            .serve();
        let written = Sandbox::new().sync(&posthog);
        assert_eq!(written.inventory, expected.inventory, "{embedded}");
    }
}

#[test]
fn member_who_holds_a_role_stays_as_the_list_of_members_has_them() {
    let posthog = organization().serve();
    let written = Sandbox::new().sync(&posthog);
    let user = written.user(2);
    assert_eq!(user.status, Some(Status::Enabled));
    assert!(user.user.as_ref().unwrap().last_login.is_some());
    assert!(user.profile.get("listed_as_member").is_none());
}
