//! Tests the demo over TCP, as its client sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::*;

fn address(demo: &Demo) -> String {
    let url = demo.base_url();
    let (address, _) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    address.to_owned()
}

/// Sends the text and reads one answer: its status, its head, and its body as JSON (`null` if empty).
fn exchange(stream: &mut TcpStream, request: &str) -> (u16, String, Value) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(
            reader.read_line(&mut head).unwrap(),
            0,
            "closed after {head:?}"
        );
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let status = head[9..12].parse().unwrap();
    (status, head, serde_json::from_slice(&body).unwrap())
}

fn send(demo: &Demo, method: &str, target: &str, authorization: &str) -> (u16, String, Value) {
    let host = address(demo);
    let mut stream = TcpStream::connect(&host).unwrap();
    exchange(
        &mut stream,
        &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n"),
    )
}

fn key() -> String {
    format!("Authorization: Bearer {API_KEY}\r\n")
}

/// GETs a path below the organization, or a whole path of the server.
fn get(demo: &Demo, path: &str) -> (u16, Value) {
    let target = match path.strip_prefix("/api/") {
        Some(_) => path.to_owned(),
        None => format!("/api/organizations/{ORGANIZATION_ID}/{path}"),
    };
    let (status, _, body) = send(demo, "GET", &target, &key());
    (status, body)
}

/// Follows `next` from the path to the end. Returns the number of pages and all rows.
fn walk(demo: &Demo, path: &str) -> (usize, Vec<Value>) {
    let origin = format!("http://{}", address(demo));
    let mut target = path.to_owned();
    let (mut pages, mut rows) = (0, Vec::new());
    loop {
        let (status, mut page) = get(demo, &target);
        assert_eq!(status, 200, "{target}");
        pages += 1;
        rows.append(page["results"].as_array_mut().unwrap());
        match page["next"].as_str() {
            Some(next) => target = next.strip_prefix(&origin).unwrap().to_owned(),
            None => {
                assert_eq!(page["count"], rows.len());
                return (pages, rows);
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn members_by_uuid(demo: &Demo) -> BTreeMap<String, Value> {
    let (_, rows) = walk(demo, "members/");
    rows.into_iter()
        .map(|row| (text(&row["user"]["uuid"]), row))
        .collect()
}

fn member<'a>(members: &'a BTreeMap<String, Value>, email: &str) -> &'a Value {
    let mut found = members.values().filter(|row| row["user"]["email"] == email);
    found.next().unwrap()
}

/// Every grant as role id and holder's e-mail.
fn grants(demo: &Demo) -> BTreeSet<(String, String)> {
    let (_, roles) = walk(demo, "roles/");
    let held = roles
        .iter()
        .flat_map(|role| role["members"].as_array().unwrap());
    held.map(|row| (text(&row["role_id"]), text(&row["user"]["email"])))
        .collect()
}

#[test]
fn public_address_is_that_of_the_sample_organization() {
    let organization = Organization::first_week();
    assert_eq!(organization.id, ORGANIZATION_ID);
    assert!(PUBLIC_BASE_URL.ends_with(&format!("/api/organizations/{ORGANIZATION_ID}")));
}

#[test]
fn sample_has_forty_members_and_eight_roles_in_pages_of_fifteen() {
    let demo = Demo::serve(Week::First).unwrap();
    let (pages, members) = walk(&demo, "members/?limit=1000");
    assert_eq!((pages, members.len()), (3, 40));
    let (pages, roles) = walk(&demo, "roles/");
    assert_eq!((pages, roles.len()), (1, 8));
    assert_eq!(grants(&demo).len(), 77);
    let (_, organization) = get(&demo, "");
    assert_eq!(organization["member_count"], 40);
    assert_eq!(organization["membership_level"], 15);
}

#[test]
fn pages_have_everybody_exactly_once_in_either_order() {
    let demo = Demo::serve(Week::First).unwrap();
    let (_, newest_first) = walk(&demo, "members/");
    let (_, mut oldest_first) = walk(&demo, "members/?order=joined_at&limit=7");
    let ids: BTreeSet<String> = newest_first.iter().map(|row| text(&row["id"])).collect();
    assert_eq!(ids.len(), newest_first.len());
    oldest_first.reverse();
    assert_eq!(newest_first, oldest_first);
    assert_eq!(newest_first[39]["user"]["first_name"], "Amara");
}

#[test]
fn role_embeds_its_memberships_in_the_order_of_their_list() {
    let demo = Demo::serve(Week::First).unwrap();
    let (_, roles) = walk(&demo, "roles/");
    let mut most_pages = 0;
    for role in &roles {
        let id = text(&role["id"]);
        let (pages, rows) = walk(&demo, &format!("roles/{id}/role_memberships/"));
        assert_eq!(&Value::from(rows), &role["members"]);
        assert_eq!(&get(&demo, &format!("roles/{id}")).1, role);
        most_pages = most_pages.max(pages);
    }
    assert_eq!(most_pages, 3);
}

#[test]
fn links_are_absolute_sorted_by_name_and_keep_other_parameters() {
    let demo = Demo::serve(Week::First).unwrap();
    let path = format!("/api/organizations/{ORGANIZATION_ID}/members");
    let at = |query: &str| Value::from(format!("http://{}{path}?{query}", address(&demo)));

    let (_, first) = get(
        &demo,
        &format!("{path}?order=joined_at&a=1%20b&limit=1000&z"),
    );
    assert_eq!(
        first["next"],
        at("a=1%20b&limit=15&offset=15&order=joined_at&z=")
    );
    assert_eq!(first["previous"], Value::Null);

    let (_, second) = get(&demo, &format!("{path}?offset=10&limit=10"));
    assert_eq!(second["next"], at("limit=10&offset=20"));
    assert_eq!(second["previous"], at("limit=10"));

    let (_, last) = get(&demo, &format!("{path}?offset=30&limit=10"));
    assert_eq!(last["next"], Value::Null);

    let (status, beyond) = get(&demo, &format!("{path}?offset=99999999&limit=10"));
    assert_eq!((status, &beyond["count"]), (200, &Value::from(40)));
    assert_eq!(beyond["results"], Value::Array(Vec::new()));
    assert_eq!(beyond["previous"], at("limit=10&offset=99999989"));
}

#[test]
fn invalid_limit_is_ignored() {
    let demo = Demo::serve(Week::First).unwrap();
    for limit in ["0", "-3", "many", ""] {
        let (_, page) = get(&demo, &format!("members/?limit={limit}&offset=-1"));
        assert_eq!(page["results"].as_array().unwrap().len(), 15, "{limit:?}");
    }
}

#[test]
fn wrong_key_is_401_with_a_code_that_says_why() {
    let demo = Demo::serve(Week::First).unwrap();
    let target = format!("/api/organizations/{ORGANIZATION_ID}/roles/");
    for (authorization, code) in [
        (String::new(), "not_authenticated"),
        (
            format!("Authorization: bearer {API_KEY}\r\n"),
            "not_authenticated",
        ),
        (
            format!("Authorization: Bearer {API_KEY}x\r\n"),
            "authentication_failed",
        ),
    ] {
        let (status, head, body) = send(&demo, "GET", &target, &authorization);
        assert_eq!(status, 401);
        assert_eq!(body["type"], "authentication_error");
        assert_eq!(body["code"], code);
        assert!(head.contains("\r\nWWW-Authenticate: Bearer\r\n"));
    }
}

#[test]
fn unknown_path_is_404_with_posthogs_message() {
    let demo = Demo::serve(Week::First).unwrap();
    for (path, detail) in [
        ("/api/nothing/", "Endpoint not found."),
        ("projects/", "Endpoint not found."),
        (
            "/api/organizations/00000000-0000-0000-0000-000000000000/roles/",
            "Organization not found.",
        ),
        ("roles/00000000-0000-0000-0000-000000000000/", "Not found."),
    ] {
        let (status, body) = get(&demo, path);
        assert_eq!((status, &body["detail"]), (404, &Value::from(detail)));
        assert_eq!(body["code"], "not_found");
        assert_eq!(body["attr"], Value::Null);
    }
}

#[test]
fn memberships_of_an_unknown_role_are_200_and_empty() {
    let demo = Demo::serve(Week::First).unwrap();
    let unknown = "roles/00000000-0000-0000-0000-000000000000/role_memberships/";
    let (status, body) = get(&demo, unknown);
    assert_eq!((status, &body["count"]), (200, &Value::from(0)));
    assert_eq!(body["next"], Value::Null);
}

#[test]
fn only_get_is_allowed_and_a_single_member_cannot_be_read() {
    let demo = Demo::serve(Week::First).unwrap();
    let target = format!("/api/organizations/{ORGANIZATION_ID}/roles/");
    let (status, head, body) = send(&demo, "DELETE", &target, &key());
    assert_eq!(status, 405);
    assert_eq!(body["detail"], "Method \"DELETE\" not allowed.");
    assert!(head.contains("\r\nAllow: GET\r\n"));
    assert_eq!(get(&demo, "members/project_access/").0, 405);
}

#[test]
fn current_is_an_alias_for_the_organization_and_the_key() {
    let demo = Demo::serve(Week::First).unwrap();
    let (_, organization) = get(&demo, "/api/organizations/@current/");
    assert_eq!(organization["id"], ORGANIZATION_ID);
    let (_, page) = get(&demo, "/api/organizations/%40current/members/");
    assert!(text(&page["next"]).contains("/api/organizations/%40current/members/?limit=15"));

    let (_, current_key) = get(&demo, "/api/personal_api_keys/@current/");
    let members = members_by_uuid(&demo);
    let owner = member(&members, "amara.okafor@example.com");
    assert_eq!(current_key["user_id"], owner["user"]["id"]);
    assert_eq!(owner["level"], 15);
    assert_eq!(
        current_key["scopes"].to_string(),
        r#"["organization:read","organization_member:read"]"#
    );
}

#[test]
fn connection_stays_open_until_a_request_asks_to_close_it() {
    let demo = Demo::serve(Week::First).unwrap();
    let host = address(&demo);
    let mut stream = TcpStream::connect(&host).unwrap();
    let line = format!("GET /api/personal_api_keys/@current HTTP/1.1\r\nHost: {host}\r\n");
    for _ in 0..3 {
        let (status, head, _) = exchange(&mut stream, &format!("{line}{}\r\n", key()));
        assert_eq!(status, 200);
        assert!(head.contains("\r\nConnection: keep-alive\r\n"));
    }
    let closing = format!("{line}{}Connection: close\r\n\r\n", key());
    assert_eq!(exchange(&mut stream, &closing).0, 200);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn head_that_is_too_long_or_not_http_is_refused() {
    let demo = Demo::serve(Week::First).unwrap();
    let mut stream = TcpStream::connect(address(&demo)).unwrap();
    let longest = usize::try_from(http::MAX_HEAD_BYTES).unwrap();
    assert_eq!(exchange(&mut stream, &"x".repeat(longest)).0, 431);
    for request in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2\r\nHost: a\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address(&demo)).unwrap();
        assert_eq!(exchange(&mut stream, request).0, 400, "{request:?}");
    }
}

#[test]
fn dropping_closes_connections_that_a_client_keeps_open() {
    let demo = Demo::serve(Week::First).unwrap();
    let host = address(&demo);
    let mut used = TcpStream::connect(&host).unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(exchange(&mut used, &request).0, 404);
    let silent = TcpStream::connect(&host).unwrap();
    drop(demo);
    for mut stream in [used, silent] {
        // Makes the test fail if a connection stays open until the server's own time-out.
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let read = stream.read(&mut [0; 1]).map_err(|error| error.kind());
        assert!(
            matches!(read, Ok(0) | Err(io::ErrorKind::ConnectionReset)),
            "{read:?}"
        );
    }
}

#[test]
fn sample_has_names_as_awkward_as_real_ones() {
    let demo = Demo::serve(Week::First).unwrap();
    let (_, members) = walk(&demo, "members/");
    let any = |what: &dyn Fn(&Value) -> bool| members.iter().any(what);
    let name_has = |wanted: &str| {
        any(&|row| {
            ["first_name", "last_name"]
                .iter()
                .any(|field| text(&row["user"][*field]).contains(wanted))
        })
    };
    for wanted in [
        "由紀",
        "سمير",
        "תמר",
        "e\u{301}",
        "🦔",
        "\u{202e}",
        "\u{7}",
        "\u{1b}[31m",
        "`",
        "|",
        "@",
        "\"",
        ",",
    ] {
        assert!(name_has(wanted), "{wanted:?}");
    }
    let first_name = |row: &Value| text(&row["user"]["first_name"]);
    assert!(any(&|row| first_name(row).starts_with('=')));
    assert!(any(&|row| first_name(row).starts_with(' ')));
    assert!(any(&|row| first_name(row).chars().count() == 150));
    assert!(any(
        &|row| first_name(row).is_empty() && row["user"]["last_name"] == ""
    ));
    assert!(any(
        &|row| !first_name(row).is_empty() && row["user"]["last_name"] == ""
    ));
    for field in [
        "distinct_id",
        "is_email_verified",
        "hedgehog_config",
        "role_at_organization",
    ] {
        let is_null = |row: &Value| row["user"].get(field) == Some(&Value::Null);
        assert!(any(&is_null), "{field}");
        assert!(!members.iter().all(is_null), "{field}");
    }
    assert!(any(&|row| row["user"]
        .get("role_at_organization")
        .is_none()));
    assert!(any(&|row| row.get("last_login") == Some(&Value::Null)));
    assert!(any(&|row| row["level"] == 3));
    assert!(any(&|row| text(&row["joined_at"]).len() == 20));
    let emails: BTreeSet<String> = members
        .iter()
        .map(|row| text(&row["user"]["email"]))
        .collect();
    let folded: BTreeSet<String> = emails.iter().map(|email| email.to_lowercase()).collect();
    assert_eq!((emails.len(), folded.len()), (40, 39));
}

#[test]
fn sample_has_roles_and_role_holders_of_every_kind() {
    let demo = Demo::serve(Week::First).unwrap();
    let members = members_by_uuid(&demo);
    let (_, roles) = walk(&demo, "roles/");
    let names: BTreeSet<String> = roles.iter().map(|role| text(&role["name"])).collect();
    assert!(names.contains("Analytics") && names.contains("analytics"));
    assert!(names.iter().any(|name| name.chars().count() == 200));
    assert!(roles.iter().any(|role| role.get("is_default").is_none()));
    assert!(
        roles
            .iter()
            .any(|role| role["members"] == Value::Array(Vec::new()))
    );
    let created_by: Vec<&Value> = roles.iter().map(|role| &role["created_by"]).collect();
    assert_eq!(created_by.iter().filter(|by| !by.is_null()).count(), 1);
    let default = roles
        .iter()
        .find(|role| role["is_default"] == true)
        .unwrap();
    assert_eq!(default["id"], get(&demo, "").1["default_role_id"]);

    let held: Vec<&Value> = roles
        .iter()
        .flat_map(|role| role["members"].as_array().unwrap())
        .collect();
    let seated: Vec<&&Value> = held
        .iter()
        .filter(|row| !row["organization_member"].is_null())
        .collect();
    assert_eq!(seated.len(), held.len() - 1);
    for row in seated {
        assert_eq!(row["user"], row["organization_member"]["user"]);
        assert!(row["organization_member"].get("last_login").is_none());
    }
    let unlisted: BTreeSet<String> = held
        .iter()
        .filter(|row| !members.contains_key(row["user"]["uuid"].as_str().unwrap()))
        .map(|row| text(&row["user"]["email"]))
        .collect();
    let expected = [
        "edith.marlowe@example.org",
        "hogbot@posthogbot.user",
        "piet.roosen@example.com",
    ];
    assert_eq!(unlisted, expected.map(str::to_owned).into());
}

#[test]
fn times_in_the_sample_are_consistent() {
    for organization in [
        Organization::first_week(),
        week::a_week_later(Organization::first_week()),
    ] {
        let mut ids = BTreeSet::new();
        for person in &organization.people {
            assert!(ids.insert(&person.user.uuid), "{}", person.key);
            if let Some(seat) = &person.seat {
                assert!(ids.insert(&seat.id), "{}", person.key);
                assert!(organization::by_time(&organization.created_at, &seat.joined_at).is_lt());
                assert!(organization::by_time(&seat.joined_at, &seat.updated_at).is_le());
            }
        }
        for role in &organization.roles {
            assert!(ids.insert(&role.id), "{}", role.key);
            let mut holders = BTreeSet::new();
            for held in &role.memberships {
                assert!(ids.insert(&held.id), "{}", held.id);
                assert!(holders.insert(&held.holder), "{}", held.holder);
                assert!(organization::by_time(&role.created_at, &held.joined_at).is_lt());
                if let Some(seat) = &organization.person(&held.holder).seat {
                    assert!(organization::by_time(&seat.joined_at, &held.joined_at).is_lt());
                }
            }
        }
    }
}

#[test]
fn timestamp_without_fraction_sorts_before_one_with_a_fraction() {
    assert!(organization::by_time("2026-09-07T06:00:00Z", "2026-09-07T06:00:00.000001Z").is_lt());
    assert!(organization::by_time("2026-09-07T06:00:00.999999Z", "2026-09-07T06:00:01Z").is_lt());
}

#[test]
fn later_week_has_exactly_the_documented_changes() {
    let (first, later) = (
        Demo::serve(Week::First).unwrap(),
        Demo::serve(Week::Later).unwrap(),
    );
    let (before, after) = (members_by_uuid(&first), members_by_uuid(&later));
    assert_eq!(get(&later, "").1["member_count"], 41);
    assert_eq!(after.len(), 41);

    let only_in = |one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| {
        let rows = one.iter().filter(|(uuid, _)| !other.contains_key(*uuid));
        let emails: BTreeSet<String> = rows.map(|(_, row)| text(&row["user"]["email"])).collect();
        Vec::from_iter(emails)
    };
    assert_eq!(only_in(&before, &after), ["noor.vandijk@example.com"]);
    assert_eq!(
        only_in(&after, &before),
        ["ravi.menon@example.org", "tove.aaltonen@example.com"]
    );

    // All differences between those who stay, except the noise.
    let mut changed = Vec::new();
    let mut noise = 0;
    for (uuid, row) in &after {
        let Some(was) = before.get(uuid) else {
            continue;
        };
        for field in ["level", "is_2fa_enabled"] {
            if row[field] != was[field] {
                changed.push(format!(
                    "{}: {field} {}",
                    was["user"]["first_name"], row[field]
                ));
            }
        }
        if row["user"] != was["user"] {
            changed.push(format!(
                "{}: {}",
                was["user"]["first_name"], row["user"]["email"]
            ));
        }
        noise += usize::from(row["last_login"] != was["last_login"]);
        noise += usize::from(row["updated_at"] != was["updated_at"]);
        assert_eq!(
            (&row["id"], &row["joined_at"]),
            (&was["id"], &was["joined_at"])
        );
    }
    changed.sort();
    assert_eq!(
        changed,
        [
            r#""Chiara": is_2fa_enabled false"#,
            r#""Daniel": level 8"#,
            r#""Elif": "elif.aydin-demir@example.com""#,
        ]
    );
    assert_eq!(noise, 12);

    let named = |demo: &Demo| {
        let (_, roles) = walk(demo, "roles/");
        let names = roles
            .iter()
            .map(|role| (text(&role["id"]), text(&role["name"])));
        names.collect::<BTreeMap<_, _>>()
    };
    let (names, new_names) = (named(&first), named(&later));
    assert!(names.keys().eq(new_names.keys()));
    let renamed: Vec<&str> = new_names
        .iter()
        .filter(|(id, name)| names[*id] != **name)
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(renamed, ["Release approvers"]);

    // Elif has the same grants under either address.
    let grants_of = |demo: &Demo| -> BTreeSet<(String, String)> {
        grants(demo)
            .into_iter()
            .map(|(role, email)| {
                let person = email.split(['.', '@']).next().unwrap().to_lowercase();
                (names[&role].chars().take(14).collect(), person)
            })
            .collect()
    };
    let (held, holds) = (grants_of(&first), grants_of(&later));
    assert_eq!((grants(&first).len(), grants(&later).len()), (77, 78));
    let lines = |one: &BTreeSet<(String, String)>, other: &BTreeSet<(String, String)>| {
        let rows = one.difference(other);
        rows.map(|(role, person)| format!("{role}: {person}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&held, &holds),
        [
            "Analytics: noor",
            "Engineering: callum",
            "Engineering: noor",
            "Everyone: noor",
            "analytics: noor",
        ]
    );
    assert_eq!(
        lines(&holds, &held),
        [
            "Engineering: tove",
            "Everyone: ravi",
            "Everyone: tove",
            "Everyone who m: lena+posthog",
            "Flag approvers: hana",
            "analytics: ilse",
        ]
    );
}
