//! Kafka for a test: a broker, librdkafka's own cluster, and consumers that are not ours. `lab/siem-tools` fetches them.

use crate::support::{free_port, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Runs `kafka.py`, and ends it when dropped.
struct Script {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Script {
    fn start(arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/siem-tools/python/bin/python");
        assert!(python.exists(), "{} is missing: lab/siem-tools fetches it", python.display());
        let mut child = Command::new(python)
            .arg(root.join("tests/delivery/kafka.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines: Some(lines) }
    }

    fn line(&mut self) -> String {
        self.lines.as_mut().unwrap().next().expect("kafka.py ended").unwrap()
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A broker on loopback that keeps everything in memory.
pub(crate) struct Broker {
    program: String,
    /// Where it listens.
    pub(crate) port: u16,
    advertised: u16,
    child: Child,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let port = free_port();
        Self::start_behind(port, port)
    }

    /// One that sends its clients to another port.
    pub(crate) fn start_behind(port: u16, advertised: u16) -> Self {
        let program = Script::start(&["broker"]).line();
        let child = Self::spawn(&program, port, advertised);
        Self { program, port, advertised, child }
    }

    fn spawn(program: &str, port: u16, advertised: u16) -> Child {
        let child = Command::new(program)
            .args(["broker", "--silent", "--storage-engine", "memory://tansu/"])
            .args(["--listener-url", &format!("tcp://127.0.0.1:{port}")])
            .args(["--advertised-listener-url", &format!("tcp://127.0.0.1:{advertised}")])
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the broker", || TcpStream::connect(("127.0.0.1", port)).ok());
        child
    }

    pub(crate) fn topic(&self, name: &str, partitions: usize) {
        let broker = format!("tcp://127.0.0.1:{}", self.port);
        let mut command = Command::new(&self.program);
        command.args(["topic", "create", name, "--broker", &broker, "--partitions", &partitions.to_string()]);
        let output = command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with nothing in it.
    pub(crate) fn start_again(&mut self) {
        self.child = Self::spawn(&self.program, self.port, self.advertised);
    }

    pub(crate) fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cluster that fails when it is told to.
pub(crate) struct Mock {
    script: Script,
    pub(crate) brokers: String,
}

impl Mock {
    pub(crate) fn start(brokers: usize) -> Self {
        let mut script = Script::start(&["mock", &brokers.to_string()]);
        let brokers = script.line();
        Self { script, brokers }
    }

    pub(crate) fn tell(&mut self, command: &str) {
        self.script.say(command);
        assert_eq!(self.script.line(), "0", "{command}");
    }
}

/// What stands in front of a broker: it asks for a password, speaks TLS, refuses what is too large.
pub(crate) struct Guard {
    _script: Script,
    _broker: Broker,
    pub(crate) port: u16,
}

impl Guard {
    pub(crate) fn start(options: &[String], topic: &str, partitions: usize) -> Self {
        let port = free_port();
        let broker = Broker::start_behind(free_port(), port);
        broker.topic(topic, partitions);
        let (own, behind) = (port.to_string(), broker.port.to_string());
        let arguments: Vec<&str> =
            ["guard", &own, &behind].into_iter().chain(options.iter().map(String::as_str)).collect();
        let mut script = Script::start(&arguments);
        assert_eq!(script.line(), "ready");
        Self { _script: script, _broker: broker, port }
    }

    pub(crate) fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// A consumer that reads a topic from its beginning on.
pub(crate) struct Consumer {
    records: Arc<Mutex<Vec<Value>>>,
    _script: Script,
}

impl Consumer {
    pub(crate) fn of(brokers: &str, topic: &str) -> Self {
        let mut script = Script::start(&["read", brokers, topic]);
        let lines = script.lines.take().unwrap();
        let records = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&records);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                keep.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { records, _script: script }
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap().clone()
    }

    /// How often each event is there.
    pub(crate) fn ids(&self) -> BTreeMap<String, usize> {
        let mut ids = BTreeMap::new();
        for record in self.records() {
            *ids.entry(record["headers"]["event_id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        ids
    }
}

/// The partition that librdkafka chooses for each of these keys.
pub(crate) fn partitions(brokers: &str, topic: &str, keys: &[String]) -> BTreeMap<String, u64> {
    let mut script = Script::start(&["partitions", brokers, topic]);
    let mut stdin = script.child.stdin.take().unwrap();
    stdin.write_all(keys.join("\n").as_bytes()).unwrap();
    drop(stdin);
    serde_json::from_str(&script.line()).unwrap()
}
