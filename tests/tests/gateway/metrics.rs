//! What is counted, after a run in which everything happens that can be counted.

use crate::{OPENAI, mode, post, read};
use buttress::metrics::names::{self, Kind};
use buttress_testkit::{Dialect, Provider, Received, Reply};
use buttress_tests::{Gateway, Setup};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const STREAM: buttress_tests::Mode = mode(Dialect::OpenAi, true);

/// What was scraped: each sample with its labels, as they are written, and its value.
#[derive(Clone, Debug, Default)]
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(gateway: &Gateway) -> (Self, String) {
        let answer = read(OPENAI, gateway.get("/metrics", &[]).await).await;
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let lines = answer.body.lines();
        let samples = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        (Self(samples.map(sample).collect()), answer.body.clone())
    }

    fn get(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or_default()
    }

    /// The sum of all samples of this name that have these labels.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of = |sample: &str| {
            let (own, rest) = sample.split_once('{').unwrap_or((sample, ""));
            own == name && labels.iter().all(|label| rest.contains(label))
        };
        self.0
            .iter()
            .filter(|(sample, _)| of(sample))
            .map(|(_, value)| value)
            .sum()
    }

    /// The names of what was sampled, without what a histogram adds.
    fn names(&self) -> BTreeSet<String> {
        let name = |sample: &String| sample.split('{').next().unwrap_or_default().to_owned();
        self.0.keys().map(name).collect()
    }
}

/// Does what the text of a request asks for, and may do so once only.
fn acts(name: &'static str) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    move |call: &Received| {
        let body = call.json();
        let said = body["messages"][0]["content"].as_str().unwrap_or("image");
        let mut seen = seen.lock().unwrap();
        let before = seen.entry(said.to_owned()).or_default();
        *before += 1;
        let first = *before == 1;
        match (name, said) {
            ("first", "flaky") if first => Reply::server_error(),
            ("first", "limited") if first => Reply::rate_limited().retry_after(1),
            ("first", "broken") => Reply::text("One two three four").reset_after(3),
            ("first", "wrong") if first => Reply::text("There is none."),
            ("first", "wrong") => Reply::text("```json\n{\"name\": \"a\"}\n```"),
            ("first", "slow") => Reply::silence(),
            ("first", "elsewhere") | (_, "down") => Reply::server_error(),
            _ => Reply::text("Hello.")
                .header("x-ratelimit-limit-requests", "100")
                .header("x-ratelimit-remaining-requests", "42"),
        }
    }
}

async fn start(folder: &TempDir) -> (Gateway, [Provider; 2]) {
    let provider = async |name| {
        Provider::openai()
            .forever(acts(name))
            .start()
            .await
            .unwrap()
    };
    let providers = [provider("first").await, provider("second").await];
    let file = folder.path().join("kept.db").display().to_string();
    let setup = Setup::new()
        .route("first", Dialect::OpenAi, providers[0].url())
        .and("retry.max_retries = 1")
        .and("breaker.consecutive_failures = 3")
        .and("accepts.images = false")
        .and("cost_per_million_input = 1")
        .and("cost_per_million_output = 10")
        .route("second", Dialect::OpenAi, providers[1].url())
        .and("retry.max_retries = 0")
        .and("breaker.enabled = false")
        .with(&format!("queue.url = 'sqlite:{file}'"))
        .with("queue.backoff = '100ms'")
        .with(&format!("journal.url = 'sqlite:{file}'"));
    (setup.start().await, providers)
}

fn request(text: &str) -> Value {
    json!({"model": "any", "messages": [{"role": "user", "content": text}]})
}

async fn ask(gateway: &Gateway, text: &str) -> buttress_tests::Answer {
    post(gateway, OPENAI, request(text).to_string()).await
}

/// Everything that is counted happens at least once.
async fn run(gateway: &Gateway, providers: &[Provider; 2]) {
    ask(gateway, "fine").await.assert_good("Hello.", "first");
    ask(gateway, "flaky").await.assert_good("Hello.", "first");
    let (one, other) = tokio::join!(ask(gateway, "limited"), async {
        // Behind the first, which has found out by then.
        sleep(Duration::from_millis(300)).await;
        ask(gateway, "fine").await
    });
    one.assert_good("Hello.", "first");
    other.assert_good("Hello.", "first");

    let mut broken = request("broken");
    broken["stream"] = true.into();
    let broken = post(gateway, STREAM, broken.to_string()).await;
    assert!(!broken.has_end());

    let mut wrong = request("wrong");
    let schema = json!({"type": "object", "required": ["name"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    wrong["response_format"] = format;
    let right = post(gateway, OPENAI, wrong.to_string()).await;
    assert_eq!(right.status, 200, "{}", right.body);

    let mut image = request("image");
    let url = json!({"url": "data:image/png;base64,iVBORw0KGgo="});
    image["messages"][0]["content"] = json!([{"type": "image_url", "image_url": url}]);
    let image = post(gateway, OPENAI, image.to_string()).await;
    image.assert_good("Hello.", "second");

    let session = [("x-buttress-session", "s")];
    for route in ["first", "journal"] {
        let path = OPENAI.caller.path();
        let answer = gateway.post(path, &session, request("fine").to_string());
        read(OPENAI, answer.await)
            .await
            .assert_good("Hello.", route);
    }

    let calls = providers[0].call_count();
    let path = OPENAI.caller.path();
    tokio::select! {
        _ = gateway.post(path, &[], request("slow").to_string()) => panic!("nobody answers"),
        () = async {
            while providers[0].call_count() == calls {
                sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }

    // Twice with two attempts each: then the circuit is open, and nothing is sent any more.
    for _ in 0..3 {
        ask(gateway, "elsewhere")
            .await
            .assert_good("Hello.", "second");
    }
    let queued = ask(gateway, "down").await;
    assert!(queued.header("x-buttress-queued").is_some());
}

#[tokio::test]
async fn everything_in_the_list_is_counted_in_a_run_in_which_it_happens() {
    let folder = TempDir::new().unwrap();
    let (gateway, providers) = start(&folder).await;
    run(&gateway, &providers).await;
    let delivered = async {
        loop {
            let (scrape, text) = Scrape::of(&gateway).await;
            let delivered = scrape.sum(names::QUEUE_DELIVERIES, &["outcome=\"failed\""])
                + scrape.sum(names::QUEUE_DELIVERIES, &["outcome=\"refused\""]);
            if delivered > 0.0 && scrape.sum(names::ABANDONED, &[]) > 0.0 {
                return (scrape, text);
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let (scrape, text) = timeout(Duration::from_secs(30), delivered).await.unwrap();

    // The worker asks as well, so of failures there may be more.
    for (status, calls) in [("success", 4.0), ("retry", 3.0), ("fallback", 3.0)] {
        let sample = format!("{}{{model=\"*\",status=\"{status}\"}}", names::CALLS);
        assert_eq!(scrape.get(&sample), calls, "{status}\n{text}");
    }
    let at_least = |name: &str, labels: &[&str], least: f64| {
        let sum = scrape.sum(name, labels);
        assert!(sum >= least, "{name} {labels:?}: {sum}\n{text}");
    };
    let first = "route=\"first\"";
    at_least(names::CALLS, &["status=\"failure\""], 2.0);
    at_least(names::ATTEMPTS, &[first, "verdict=\"answered\""], 8.0);
    at_least(names::ATTEMPTS, &[first, "verdict=\"transient\""], 5.0);
    at_least("buttress_attempt_seconds_count", &[first], 13.0);
    at_least("ai_agent_api_latency_seconds_count", &["model=\"*\""], 12.0);
    at_least(names::RETRIES, &[first], 3.0);
    at_least("buttress_wait_seconds_count", &[first], 3.0);
    at_least(names::GATE_WAITS, &[first], 1.0);
    at_least(names::REJECTIONS, &[first, "cause=\"circuit_open\""], 1.0);
    at_least(names::SKIPS, &[first], 1.0);
    at_least(names::BROKEN, &[first], 1.0);
    at_least(names::CORRECTIONS, &["how=\"the answer is wrong\""], 1.0);
    at_least(names::CORRECTIONS, &["how=\"code fences taken off\""], 1.0);
    at_least(names::CIRCUIT_STATE, &[first, "state=\"open\""], 1.0);
    at_least(names::CIRCUIT_TRANSITIONS, &[first, "to=\"open\""], 1.0);
    at_least(names::TOKENS, &[first, "direction=\"output\""], 1.0);
    at_least(names::COST, &[first], 1e-6);
    at_least(names::ABANDONED_TOKENS, &[first], 1.0);
    at_least(names::JOURNAL_ANSWERS, &[], 1.0);
    at_least(names::QUEUE_ENQUEUED, &["outcome=\"queued\""], 1.0);
    at_least(names::QUEUE_TASKS, &["state=\""], 1.0);
    let left = format!(
        "{}{{{first},limit=\"requests\"}}",
        names::RATE_LIMIT_REMAINING
    );
    assert_eq!(scrape.get(&left), 42.0);

    let seen = scrape.names();
    for metric in names::ALL {
        let name = match metric.kind {
            Kind::Histogram => format!("{}_bucket", metric.name),
            _ => metric.name.to_owned(),
        };
        assert!(seen.contains(&name), "{name} was not counted\n{text}");
        assert!(text.contains(&format!("# HELP {} ", metric.name)), "{name}");
    }
    // No more labels than the list says, and nothing that a caller wrote.
    for sample in scrape.0.keys() {
        let (name, own) = sample.split_once('{').unwrap_or((sample, "}"));
        let listed = labels(name);
        let own = own.trim_end_matches('}').split("\",");
        for label in own.filter_map(|label| label.split_once("=\"")) {
            let known = listed.iter().any(|(known, _)| *known == label.0);
            assert!(known || label.0 == "le", "{sample}");
        }
        assert!(!sample.contains("any"), "{sample}");
    }
    promtool(&["check", "metrics"], &text);
    every_query_finds_its_series(&seen);
    gateway.stop().await;
}

/// Runs Prometheus's own checker over this.
fn promtool(args: &[&str], input: &str) {
    use std::io::Write;
    let started = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = started.expect("promtool, of the Debian package prometheus");
    tool.stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
}

fn docs(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("docs").join(path)).unwrap()
}

/// What stands in the braces behind each name of ours, of which there may be nothing.
fn selectors(query: &str) -> Vec<(&str, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find(word) {
        let from = &rest[at..];
        let (name, after) = from.split_at(from.find(|c| !word(c)).unwrap_or(from.len()));
        rest = after;
        if name.starts_with("buttress_") || name.starts_with("ai_agent_") {
            let braces = after.strip_prefix('{');
            let braces = braces.and_then(|braces| braces.split_once('}'));
            let (matchers, after) = braces.unwrap_or(("", after));
            found.push((name, matchers));
            rest = after;
        }
    }
    found
}

/// The labels of a metric, with what each may be.
fn labels(name: &str) -> &'static [(&'static str, &'static str)] {
    let base = ["_bucket", "_sum", "_count"];
    let base = base.iter().find_map(|end| name.strip_suffix(end));
    let is = |metric: &&names::Metric| metric.name == name || Some(metric.name) == base;
    let metric = names::ALL.iter().find(is);
    metric
        .unwrap_or_else(|| panic!("{name} is not in the list"))
        .labels
}

/// It asks for series that are there, by labels that they have and for values that these can be.
fn finds_its_series(query: &str, seen: &BTreeSet<String>) {
    let selectors = selectors(query);
    assert!(!selectors.is_empty(), "{query}");
    let mut grouped: Vec<_> = vec!["le"];
    for (name, matchers) in selectors {
        assert!(seen.contains(name), "{name} in {query}");
        grouped.extend(labels(name).iter().map(|(label, _)| label));
        for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
            let (label, values) = matcher.split_once('=').expect("a matcher");
            let label = label.trim().trim_end_matches('!');
            let known = labels(name).iter().find(|(known, _)| *known == label);
            let (_, known) = known.unwrap_or_else(|| panic!("{label} of {name} in {query}"));
            for value in values.trim_matches(['~', '"']).split('|') {
                let variable = value.starts_with('$');
                let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                let known = known.split(word).any(|known| known == value);
                assert!(known || variable, "{label}={value} in {query}");
            }
        }
    }
    for by in query.split("by (").skip(1) {
        let (by, _) = by.split_once(')').expect("its end");
        for label in by.split(',').map(str::trim) {
            assert!(grouped.contains(&label), "by {label} in {query}");
        }
    }
}

/// The dashboard and the alerts ask for nothing that is not there.
fn every_query_finds_its_series(seen: &BTreeSet<String>) {
    let queries = queries();
    assert!(queries.len() >= 40, "{}", queries.len());
    for query in queries {
        finds_its_series(&query, seen);
    }
}

/// All of the dashboard, and of the alerts.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&docs("prometheus/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let shown = targets.flatten().map(|target| &target["expr"]);
    let mut queries: Vec<_> = shown
        .map(|query| query.as_str().unwrap().to_owned())
        .collect();
    let alerts = docs("prometheus/alerts.yml");
    let alerts = alerts.split("expr:").skip(1);
    queries.extend(alerts.map(|alert| {
        // Up to what stands behind the expression in each of them.
        let end = alert
            .find("\n        for:")
            .or(alert.find("\n        labels:"));
        alert[..end.expect("its labels")].to_owned()
    }));
    queries
}

#[test]
fn prometheus_understands_the_dashboard() {
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (n, query) in queries().iter().enumerate() {
        let query = query.replace("$__rate_interval", "5m");
        let query = query.trim_start_matches([' ', '|', '\n']);
        rules += &format!(
            "      - record: query:{n}\n        expr: {}\n",
            json!(query)
        );
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.yml");
    fs::write(&file, rules).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()], "");
}

#[test]
fn the_alerts_are_right_and_fire_when_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = folder.join("docs/prometheus");
    for args in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ] {
        let output = Command::new("promtool")
            .args(args)
            .current_dir(&folder)
            .output();
        let output = output.expect("promtool, of the Debian package prometheus");
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}{wrong}");
    }
}

#[test]
fn the_page_on_metrics_has_them_all() {
    let page = docs("metrics.md");
    let mut table = String::from("| name | kind | labels | what it counts |\n|---|---|---|---|\n");
    for metric in names::ALL {
        let label = |(name, values): &(&str, &str)| format!("`{name}`: {values}");
        let labels: Vec<_> = metric.labels.iter().map(label).collect();
        let (name, kind) = (metric.name, metric.kind.as_str());
        let line = format!(
            "| `{name}` | {kind} | {} | {} |\n",
            labels.join("; "),
            metric.help
        );
        table.push_str(&line);
    }
    assert!(
        page.contains(&table),
        "put this table into docs/metrics.md:\n\n{table}"
    );
}
