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
    for (list, is_direct) in [
        ("example.com,posthog.invalid", true),
        ("invalid", true),
        (".invalid", true),
        ("*.invalid", true),
        ("posthog.invalid:80", true),
        ("example.com posthog.invalid", true),
        ("*", true),
        ("posthog.invalid:443", false),
        ("hog.invalid", false),
        ("10.0.0.0/8", false),
    ] {
        for name in ["NO_PROXY", "no_proxy"] {
            let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
            let run = sandbox
                .crawl_at(&far_away(), &["--allow-http", "--retries", "0"])
                .env("HTTP_PROXY", &night.origin())
                .env(name, list)
                .run();
            if is_direct {
                run.fails(3, &["`posthog.invalid` has no address"]);
                assert_eq!(
                    (night.asked_for_everything(), night.tunnels()),
                    (vec![], vec![])
                );
            } else {
                run.succeeds_silently();
            }
        }
    }
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
            .succeeds();
    }
    assert_eq!(
        (stranger.asked_for_everything(), stranger.tunnels()),
        (vec![], vec![])
    );
}

#[test]
fn proxy_that_does_not_connect_us_is_named() {
    let web_page = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\n\r\n<h1>No</h1>";
    for (what, answer, code, says, hints) in [
        (
            "proxy wants a password",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            3,
            "answered 407",
            "user:password@",
        ),
        (
            "proxy forbids the host",
            web_page,
            3,
            "answered 403",
            "NO_PROXY",
        ),
        (
            "proxy is busy",
            "HTTP/1.1 503 x\r\n\r\n",
            14,
            "answered 503",
            "try again later",
        ),
        ("proxy hangs up", "", 14, "", "proxy"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).is_err() {
                        break;
                    }
                    head.extend(byte);
                }
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let sandbox = Sandbox::new();
        let run = sandbox
            .crawl_at(&far_away(), &["--allow-http"])
            .env("HTTPS_PROXY", &format!("http://me:secret@{address}"))
            .run();
        run.assert_keeps_the_key();
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
        let proxy = format!("proxy `{address}` (from `HTTPS_PROXY`)");
        let run = run.fails(code, &["could not be fetched", &proxy, says]);
        assert!(run.hint().contains(hints), "{}", run.stderr);
        assert_eq!(sandbox.files(), [""; 0]);
        tell(what, &format!("no snapshot; says: {proxy} {says}"), code, 0);
    }
}

#[test]
fn proxy_that_cannot_be_reached_is_named() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (proxy, code, says) in [
        (
            format!("http://{free}"),
            14,
            format!("proxy `{free}` (from `ALL_PROXY`): Connection refused"),
        ),
        (
            "proxy.invalid:3128".to_owned(),
            3,
            "proxy `proxy.invalid:3128` (from `ALL_PROXY`) has no address".to_owned(),
        ),
    ] {
        let run = Sandbox::new()
            .crawl_at(&far_away(), &["--allow-http", "--retries", "0"])
            .env("ALL_PROXY", &proxy)
            .run();
        run.assert_keeps_the_key();
        assert!(run.fails(code, &[&says]).hint().contains("proxy"));
    }
}

/// Around it the key would take a way that nobody wanted.
#[test]
fn proxy_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let night = calm().serve_by(as_usual);
    let origin = night.origin();
    let host = origin.strip_prefix("http://").unwrap();
    for (proxy, says) in [
        (
            format!("socks5://me:secret@{host}"),
            "begins with `socks5://`",
        ),
        (format!("socks5h://{host}"), "begins with `socks5h://`"),
        (format!("socks4://{host}"), "begins with `socks4://`"),
        (format!("ftp://{host}"), "begins with `ftp://`"),
        ("http://".to_owned(), "of the form `http://host:port`"),
        ("a b".to_owned(), "of the form `http://host:port`"),
        (
            "http://me:secret@a:port".to_owned(),
            "of the form `http://host:port`",
        ),
    ] {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"] {
            let sandbox = Sandbox::new();
            let program = |args: &[&str]| {
                let args = [args, &["--allow-http"]].concat();
                sandbox.crawl_at(&far_away(), &args).env(name, &proxy)
            };
            let run = program(&[]).run();
            run.assert_keeps_the_key();
            assert!(!run.stderr.contains("secret"), "{}", run.stderr);
            let run = run.fails(3, &["the proxy settings", name, says]);
            assert!(run.hint().contains("http://host:port"), "{}", run.stderr);
            assert_eq!(sandbox.files(), [""; 0]);
            assert_eq!(program(&["check"]).run().code, 3);
        }
    }
    assert_eq!(
        (night.asked_for_everything(), night.tunnels()),
        (vec![], vec![])
    );
    // Nobody wants it for a host that is exempt, or for this machine.
    let sandbox = Sandbox::new();
    let run = sandbox
        .crawl_at(&far_away(), &["--allow-http", "--retries", "0"])
        .env("ALL_PROXY", "socks5://127.0.0.1:1")
        .env("NO_PROXY", "invalid")
        .run();
    run.fails(3, &["host `posthog.invalid` has no address"]);
    let run = sandbox.crawl_at(&night.base_url(), &[]);
    run.env("ALL_PROXY", "socks5://127.0.0.1:1")
        .run()
        .succeeds();
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
            says: &["reading the trusted certificates", path],
            hints: "--ca-cert",
            requests: 0,
        };
        fault.happens_at(&calm().serve_by(as_usual));
    }
}
