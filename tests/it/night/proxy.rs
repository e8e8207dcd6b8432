//! What stands between: proxies, certificates, and an environment full of empty variables.

use std::io::{Read, Write};
use std::net::TcpListener;

use std::fs;

use super::{CALM_REQUESTS, Fault, as_usual, calm, calm_inventory, tell};
use crate::support::{Sandbox, Written, organization_id};

/// The address of an organization on a host that has none.
fn far_away() -> String {
    format!(
        "http://posthog.invalid/api/organizations/{}",
        organization_id()
    )
}

#[test]
fn proxy_of_the_environment_is_used() {
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
        sandbox
            .crawl_at(&far_away(), &["--allow-http"])
            .env(name, &night.origin())
            .run()
            .succeeds_silently();
        assert_eq!(night.asked().len(), CALM_REQUESTS);
        let mut tunnels = night.tunnels();
        tunnels.dedup();
        assert_eq!(tunnels, ["CONNECT posthog.invalid:80 HTTP/1.1"], "{name}");
        let written = Written::open(&sandbox.path("sync.c1z"));
        assert_eq!(&written.inventory, calm_inventory());
        tell(
            &format!("{name} set"),
            "whole snapshot, by way of the proxy",
            0,
            CALM_REQUESTS,
        );
    }
}

#[test]
fn host_that_is_named_in_no_proxy_is_asked_directly() {
    let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
    let run = sandbox
        .crawl_at(&far_away(), &["--allow-http", "--retries", "0"])
        .env("HTTP_PROXY", &night.origin())
        .env("NO_PROXY", "example.com,posthog.invalid")
        .run();
    run.fails(3, &["`posthog.invalid` has no address"]);
    assert_eq!((night.asked(), night.tunnels()), (vec![], vec![]));
}

/// Whoever asks a proxy for 127.0.0.1 is answered by the proxy's own machine, with the key in clear on the way there.
#[test]
fn this_machine_is_never_asked_by_way_of_a_proxy() {
    let stranger = calm().accepting_any_key().serve_by(as_usual);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
        sandbox
            .crawl_at(&night.base_url(), &[])
            .env(name, &stranger.origin())
            .run()
            .succeeds_silently();
        assert_eq!(night.asked().len(), CALM_REQUESTS);
        sandbox
            .program(&["--demo"])
            .env(name, &stranger.origin())
            .run()
            .succeeds_silently();
    }
    assert_eq!((stranger.asked(), stranger.tunnels()), (vec![], vec![]));
}

#[test]
fn proxy_that_refuses_is_14() {
    for (what, answer) in [
        (
            "proxy wants a password",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        ),
        (
            "proxy forbids the host",
            "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\n\r\n<h1>No</h1>",
        ),
        ("proxy hangs up", ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let sandbox = Sandbox::new();
        let run = sandbox
            .crawl_at(&far_away(), &["--allow-http"])
            .env("HTTPS_PROXY", &origin)
            .run();
        run.assert_keeps_the_key();
        let run = run.fails(14, &["could not be asked"]);
        assert!(run.hint().contains("proxy"), "{}", run.stderr);
        assert_eq!(sandbox.files(), [""; 0]);
        tell(what, "no snapshot; says: could not be asked … proxy", 14, 0);
    }
}

#[test]
fn variables_that_are_set_to_nothing_are_as_good_as_not_set() {
    for nothing in ["", " "] {
        let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
        let mut program = sandbox.program(&["--allow-http"]);
        for name in [
            "BATON_API_TOKEN",
            "BATON_API_TOKEN_FILE",
            "BATON_BASE_URL",
            "BATON_FILE",
            "BATON_HTTP_TIMEOUT_SECONDS",
            "BATON_LOG_FORMAT",
            "BATON_LOG_LEVEL",
            "BATON_TMPDIR",
            "BATON_WORKERS",
            "CREDENTIALS_DIRECTORY",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "BATON_CLIENT_ID",
            "BATON_OUTPUT_FORMAT",
        ] {
            program = program.env(name, nothing);
        }
        program
            .env("POSTHOG_API_KEY", crate::support::KEY)
            .env("POSTHOG_HOST", &night.origin())
            .env("POSTHOG_ORGANIZATION_ID", organization_id())
            .run()
            .succeeds_silently();
        assert_eq!(sandbox.files(), ["sync.c1z"]);
    }
}

#[test]
fn certificates_that_cannot_be_used_are_3_before_anything_is_sent() {
    let sandbox = Sandbox::new();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    for (name, text) in [
        ("empty.pem", ""),
        ("key.pem", key),
        ("broken.pem", broken),
        ("text.pem", "hello"),
    ] {
        fs::write(sandbox.path(name), text).unwrap();
    }
    for name in [
        "no-such-file.pem",
        "empty.pem",
        "key.pem",
        "broken.pem",
        "text.pem",
        ".",
    ] {
        let path = sandbox.path(name);
        let path = path.to_str().unwrap();
        let fault = Fault {
            what: &format!("--ca-cert {name}"),
            args: &["--ca-cert", path],
            code: 3,
            says: &["reading the certificates to trust", path],
            hints: "--ca-cert",
            requests: 0,
        };
        fault.happens_at(&calm().serve_by(as_usual));
    }
}
