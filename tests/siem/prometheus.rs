//! Prometheus, and promtool over what the real daemon shows.

use crate::site::Site;
use crate::support::http::{exchange, get};
use crate::support::{free_port, wait_for};
use crate::{file, succeeds, tool};
use serde_json::Value;
use std::io::Write;
use std::process::{Child, Stdio};

#[test]
#[ignore = "make test-siem"]
fn promtool_finds_nothing_to_mend_in_what_is_shown() {
    let site = Site::start();
    let metrics = get(site.admin, "/metrics").body;
    assert!(metrics.lines().count() > 100, "{metrics}");
    let mut promtool = tool("usr/bin/promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "make test-siem"]
fn alerts_are_raised_by_what_they_are_about() {
    let folder = file("conf/prometheus");
    succeeds(tool("usr/bin/promtool").current_dir(&folder).args(["check", "config", "prometheus.yml"]));
    let said = succeeds(tool("usr/bin/promtool").current_dir(&folder).args(["test", "rules", "forwarden.test.yml"]));
    assert!(said.contains("SUCCESS"), "{said}");
}

/// Every expression in a dashboard, with what stands for its variables put in.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get("expr") {
                let text = text.replace("$__rate_interval", "1m");
                found.push(text.replace("\"$job\"", "\".+\"").replace("\"$instance\"", "\".+\""));
            }
            map.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

/// A Prometheus with a folder of its own, ended by its pid.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with our own rules that asks the daemon each second.
    fn start(admin: u16) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let shipped = std::fs::read_to_string(file("conf/prometheus/prometheus.yml")).unwrap();
        let config = shipped
            .replace("[forwarden.rules.yml]", &format!("[{}]", file("conf/prometheus/forwarden.rules.yml").display()))
            .replace("scrape_interval: 1m", "scrape_interval: 1s\n    scrape_timeout: 1s")
            .replace("127.0.0.1:9464", &format!("127.0.0.1:{admin}"));
        std::fs::write(
            folder.path().join("prometheus.yml"),
            "global: {evaluation_interval: 1s}\n".to_owned() + &config,
        )
        .unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = tool("usr/bin/prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_for("Prometheus to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port, _folder: folder }
    }

    /// What it answers to an expression: the series, or what is wrong with it.
    fn ask(&self, expression: &str) -> Result<Vec<Value>, String> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        // Its answers come in one piece, since the connection is to end.
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
        let stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let answer = exchange(stream, request.as_bytes()).ok_or("no answer")?;
        let answer: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        answer["data"]["result"].as_array().cloned().ok_or_else(|| answer["error"].to_string())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "make test-siem"]
fn each_panel_of_the_dashboard_shows_something() {
    let site = Site::start();
    let prometheus = Prometheus::start(site.admin);
    let messages = |count: f64| {
        wait_for("a scrape", || {
            let series = prometheus.ask("sum(forwarden_messages_total)").ok()?;
            let value: f64 = series.first()?["value"][1].as_str()?.parse().ok()?;
            (value >= count).then_some(value)
        })
    };
    let before = messages(1.0);
    site.daemon.assert_serving();
    messages(before + 1.0);
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(file("conf/grafana/forwarden.json")).unwrap()).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 30, "only {asked:?}");
    // What is an event in time is there only when it happens.
    let (events, series): (Vec<String>, Vec<String>) = asked.into_iter().partition(|text| text.contains("changes("));
    for expression in &series {
        let shown = wait_for(expression, || match prometheus.ask(expression) {
            Ok(series) => Some(series).filter(|series| !series.is_empty()),
            Err(error) => panic!("{expression}: {error}"),
        });
        let numbers = shown.iter().all(|series| series["value"][1].as_str().is_some_and(|number| number != "NaN"));
        assert!(numbers, "{expression}: {shown:?}");
    }
    assert!(events.iter().all(|expression| prometheus.ask(expression).is_ok()), "{events:?}");
    // Each metric of ours has its panel.
    for metric in forwarden::metrics::ALL {
        assert!(series.iter().any(|expression| expression.contains(metric.name)), "no panel shows {}", metric.name);
    }
    // What happens now raises the alert that it is about, and no other.
    for mailbox in ["gina", "heidi"] {
        site.forward(mailbox, "hub@many.example");
    }
    let raised = || {
        let alerts = prometheus.ask("ALERTS{alertstate=\"firing\"}").unwrap();
        let names = alerts.iter().filter_map(|alert| alert["metric"]["alertname"].as_str().map(str::to_owned));
        Some(names.collect::<Vec<_>>()).filter(|names| !names.is_empty())
    };
    assert_eq!(wait_for("an alert", raised), ["ForwardenRemarkable"]);
}
