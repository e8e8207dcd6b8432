//! A client of WebDriver, the W3C's protocol for browsers, with what Chromium adds to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

/// The keys that have no character, as WebDriver writes them.
pub const TAB: &str = "\u{e004}";
pub const END: &str = "\u{e010}";
pub const ENTER: &str = "\u{e007}";

/// The name under which WebDriver sends an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A new Chromium without anything of the user's. Dropped, it ends, and so does the chromedriver that started it.
pub struct Browser {
    agent: Agent,
    /// The address of the session.
    session: String,
    chromium: Option<Pid>,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    #[track_caller]
    pub fn start() -> Self {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(120)));
        let mut browser = Self {
            agent: config.build().into(),
            session: format!("http://127.0.0.1:{}/session", driver.port),
            chromium: None,
            _driver: driver,
            _profile: profile,
        };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let started = browser.post(
            "",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {"args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", "--window-size=1280,900", profile, "about:blank",
                ]},
            }}}),
        );
        let id = started["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        let chromium = started["capabilities"]["goog:processID"].as_i64();
        browser.chromium = chromium.and_then(|id| Pid::from_raw(id.try_into().unwrap()));
        // A new window may load a start page.
        browser.open("about:blank");
        browser.logged("browser");
        browser.logged("performance");
        browser
    }

    /// A browser that shows a page.
    #[track_caller]
    pub fn showing(page: &Path) -> Self {
        let browser = Self::start();
        browser.open(&address(page));
        browser
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.session));
        let request = request.content_type("application/json");
        let mut answer = request.send(body.to_string()).unwrap();
        let body = answer.body_mut().with_config().limit(1 << 28);
        let body: Value = serde_json::from_slice(&body.read_to_vec().unwrap()).unwrap();
        let value = &body["value"];
        assert!(answer.status().is_success(), "{path}: {value}");
        value.clone()
    }

    #[track_caller]
    pub fn open(&self, address: &str) {
        self.post("/url", &json!({"url": address}));
    }

    #[track_caller]
    pub fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// The value that a script returns; its arguments are in `arguments`.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.post(
            "/execute/sync",
            &json!({"script": script, "args": arguments}),
        )
    }

    /// The number that an expression has.
    #[track_caller]
    pub fn number(&self, expression: &str) -> f64 {
        let value = self.run(&format!("return {expression}"), &[]);
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
    }

    /// The text that an expression has.
    #[track_caller]
    pub fn text(&self, expression: &str) -> String {
        let value = self.run(&format!("return {expression}"), &[]);
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("{expression}: {value}"))
            .to_owned()
    }

    /// The texts that a script returns.
    #[track_caller]
    pub fn texts(&self, script: &str, arguments: &[Value]) -> Vec<String> {
        serde_json::from_value(self.run(script, arguments)).unwrap()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_until(&self, expression: &str) {
        let script = format!(
            "const end = performance.now() + 10_000;
            return new Promise((resolve) => {{
                const look = () => {{
                    const is_true = {expression};
                    if (is_true || performance.now() > end) resolve(is_true);
                    else setTimeout(look, 20);
                }};
                look();
            }})"
        );
        assert_eq!(self.run(&script, &[]), true, "{expression}");
    }

    /// Clicks, as with a mouse, on the element that an expression has.
    #[track_caller]
    pub fn click(&self, expression: &str) {
        let element = self.run(&format!("return {expression}"), &[]);
        let id = element[ELEMENT].as_str();
        let id = id.unwrap_or_else(|| panic!("{expression}: {element}"));
        self.post(&format!("/element/{id}/click"), &json!({}));
    }

    /// Presses one key after another.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let strokes: Vec<_> = strokes.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.post("/actions", &json!({"actions": [keyboard]}));
    }

    /// The names by which a screen reader calls the elements that fit a selector.
    #[track_caller]
    pub fn names(&self, selector: &str) -> Vec<String> {
        let query = json!({"using": "css selector", "value": selector});
        let found = self.post("/elements", &query);
        let ids = found.as_array().unwrap().iter();
        ids.map(|found| {
            let id = found[ELEMENT].as_str().unwrap();
            let path = format!("{}/element/{id}/computedlabel", self.session);
            let mut answer = self.agent.get(path).call().unwrap();
            let body = answer.body_mut().read_to_vec().unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            body["value"].as_str().unwrap().to_owned()
        })
        .collect()
    }

    /// A command of the Chrome DevTools Protocol.
    #[track_caller]
    pub fn chromium(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body);
    }

    /// Makes the window this wide.
    #[track_caller]
    pub fn set_width(&self, width: u32) {
        self.chromium(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}),
        );
    }

    /// The page as PDF on paper of this size, in centimetres.
    #[track_caller]
    pub fn print(&self, [width, height]: [f64; 2]) -> Vec<u8> {
        let printed = self.post(
            "/print",
            &json!({"page": {"width": width, "height": height}}),
        );
        STANDARD.decode(printed.as_str().unwrap()).unwrap()
    }

    /// What was logged since the last call.
    #[track_caller]
    fn logged(&self, log: &str) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({"type": log}));
        entries.as_array().unwrap().clone()
    }

    /// The addresses of all requests since the last call.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        let events = self.logged("performance").into_iter().map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            event["message"].clone()
        });
        events
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| {
                let address = event["params"]["request"]["url"].as_str();
                address.unwrap().to_owned()
            })
            .collect()
    }

    /// The messages on the console since the last call, those about refused resources included.
    #[track_caller]
    pub fn messages(&self) -> Vec<String> {
        let entries = self.logged("browser").into_iter();
        entries
            .map(|entry| format!("{}: {}", entry["level"], entry["message"]))
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let ended = self.agent.delete(&self.session).call();
        if let (Err(_), Some(chromium)) = (ended, self.chromium) {
            let _ = kill_process(chromium, Signal::KILL);
        }
    }
}

/// The address of a file.
pub fn address(path: &Path) -> String {
    let mut address = "file://".to_owned();
    for byte in path.to_str().unwrap().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._".contains(&byte) {
            address.push(byte.into());
        } else {
            address += &format!("%{byte:02X}");
        }
    }
    address
}

/// A chromedriver on a port of its own choice. Dropped, it is killed.
struct Driver {
    child: Child,
    port: u16,
    /// Open, so that it can write.
    _stdout: BufReader<ChildStdout>,
}

impl Driver {
    #[track_caller]
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut driver = Self {
            child,
            port: 0,
            _stdout: stdout,
        };
        let mut said = String::new();
        while driver._stdout.read_line(&mut said).unwrap() > 0 {
            if let Some((_, port)) = said.rsplit_once("started successfully on port ") {
                driver.port = port.trim().trim_end_matches('.').parse().unwrap();
                return driver;
            }
        }
        panic!("chromedriver did not start: {said}");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
