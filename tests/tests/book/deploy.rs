//! What is shipped to operate the gateway by agrees with the program.

use super::pages;
use buttress_gateway::{
    cli::{self, Command},
    config::{Config, Mode, Options},
    serve,
};
use buttress_tests::wire;
use std::{collections::BTreeMap, fs, time::Duration};
use yaml_rust2::{Yaml, YamlLoader};

fn shipped(name: &str) -> String {
    let path = pages::root().join("docs/deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The configuration of `serve` with these words, where these variables are set: without a fault.
fn loads(origin: &str, source: &str, variables: &BTreeMap<String, String>) -> Config {
    // What is shipped in the place of a key is the same everywhere, and no key.
    let env = |name: &str| {
        let value = variables.get(name)?;
        Some(match value.starts_with("put-") {
            true => format!("{value}-{name}"),
            false => value.clone(),
        })
    };
    let (config, report) = Config::parse(origin, source, &Options::new(&env))
        .unwrap_or_else(|report| panic!("{report}"));
    assert!(report.is_empty(), "{report}");
    config
}

fn serves(words: &[&str]) {
    let words = [&["buttress"], words].concat();
    let (command, _) = cli::parse(&words).unwrap_or_else(|error| panic!("{error}"));
    let Command::Serve(args) = command else {
        panic!("{words:?}");
    };
    assert_eq!(args.config, Some("/etc/buttress/buttress.toml".into()));
}

/// All the time that a stop may take.
fn stopping(config: &Config) -> Duration {
    config.server.drain_delay + config.server.shutdown_grace
}

mod systemd {
    use super::*;

    fn unit() -> BTreeMap<String, String> {
        let unit = shipped("buttress.service");
        let lines = unit.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.filter_map(|line| line.split_once('='));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fields.collect()
    }

    fn config() -> Config {
        let keys = shipped("keys.env");
        let lines = keys.lines().filter(|line| !line.starts_with('#'));
        let keys = lines.filter_map(|line| line.split_once('='));
        let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
        loads("buttress.toml", &shipped("buttress.toml"), &keys.collect())
    }

    #[test]
    fn what_it_starts_is_the_program() {
        let start = &unit()["ExecStart"];
        let words: Vec<_> = start.split_whitespace().collect();
        assert_eq!(words[0], "/usr/local/bin/buttress");
        serves(&words[1..]);
    }

    #[test]
    fn its_configuration_asks_for_both_keys() {
        let server = config().server;
        assert!(server.client_key.is_some() && server.admin_key.is_some());
    }

    #[test]
    fn it_waits_for_longer_than_a_stop_may_take() {
        let unit = unit();
        let seconds = unit["TimeoutStopSec"].parse().unwrap();
        assert!(Duration::from_secs(seconds) > stopping(&config()));
        let store = config().queue.store.unwrap().to_string();
        let state = format!("sqlite:/var/lib/{}/", unit["StateDirectory"]);
        assert!(store.starts_with(&state), "{store}");
    }

    /// The program hears of these, and of no other: what it does not hear of ends it.
    #[test]
    fn it_sends_what_the_program_hears() {
        let heard = include_str!("../../../crates/gateway/src/serve/signal.rs");
        let unit = unit();
        assert_eq!(unit["KillSignal"], "SIGTERM");
        assert!(heard.contains("SignalKind::terminate()"));
        let reloads = heard.contains("SignalKind::hangup()");
        assert!(reloads);
        assert_eq!(unit["ExecReload"], "/bin/kill -HUP $MAINPID");
    }

    /// Whoever reloads is told when the file is wrong.
    #[test]
    fn it_checks_before_it_reloads() {
        let unit = shipped("buttress.service");
        let reload = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecReload="));
        let words: Vec<_> = reload.unwrap().split_whitespace().collect();
        assert_eq!(words[0], "/usr/local/bin/buttress");
        let (command, _) = cli::parse(&words).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(command, Command::Check(_)), "{words:?}");
        assert_eq!(words.last(), Some(&"/etc/buttress/buttress.toml"));
    }

    #[test]
    fn it_does_not_start_again_what_can_not_start() {
        let wrong = cli::parse(["buttress", "--nothing"])
            .map(|_| ())
            .unwrap_err();
        let code = wrong.exit_code().to_string();
        assert_eq!(unit()["RestartPreventExitStatus"], code);
    }
}

mod container {
    use super::*;

    /// The instructions of a kind, joined to a line each.
    fn instructions(kind: &str) -> Vec<String> {
        let file = shipped("Containerfile").replace("\\\n", " ");
        let lines = file.lines().filter_map(|line| line.strip_prefix(kind));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn it_is_built_of_what_there_is() {
        let root = pages::root();
        let copied = instructions("COPY ");
        let copied = copied.iter().filter(|line| !line.starts_with("--from"));
        for line in copied {
            let mut files: Vec<_> = line.split_whitespace().collect();
            files.pop();
            for file in files {
                assert!(root.join(file).exists(), "{file}");
                let sent = format!("\n!{file}\n");
                assert!(
                    shipped("Containerfile.dockerignore").contains(&sent),
                    "{file}"
                );
            }
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let manifest = toml::de::DeTable::parse(&manifest).unwrap();
        let workspace = manifest.get_ref()["workspace"]
            .get_ref()
            .as_table()
            .unwrap();
        let members = workspace["members"].get_ref().as_array().unwrap();
        for member in members {
            let member = member.get_ref().as_str().unwrap();
            let folder = member.trim_end_matches("/*");
            let copy = format!("COPY {folder} {folder}");
            assert!(shipped("Containerfile").contains(&copy), "{copy}");
        }
    }

    #[test]
    fn its_compiler_is_the_pinned_one() {
        let pinned = fs::read_to_string(pages::root().join("rust-toolchain.toml")).unwrap();
        let from = &instructions("FROM ")[0];
        let (_, version) = from.split_once(':').unwrap();
        let (version, _) = version.split_once('-').unwrap();
        assert!(pinned.contains(&format!("\"{version}\"")), "{from}");
    }

    #[test]
    fn what_it_starts_is_the_program() {
        assert_eq!(instructions("ENTRYPOINT "), ["[\"buttress\"]"]);
        let words: Vec<String> = serde_json::from_str(&instructions("CMD ")[0]).unwrap();
        serves(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(instructions("STOPSIGNAL "), ["SIGTERM"]);
    }
}

mod kubernetes {
    use super::*;

    fn manifests() -> BTreeMap<String, Yaml> {
        let manifests = YamlLoader::load_from_str(&shipped("kubernetes.yaml")).unwrap();
        let named = manifests.into_iter().map(|manifest| {
            let kind = manifest["kind"].as_str().unwrap().to_owned();
            assert!(manifest["apiVersion"].as_str().is_some(), "{kind}");
            assert_eq!(manifest["metadata"]["name"].as_str(), Some("buttress"));
            (kind, manifest)
        });
        named.collect()
    }

    fn pod(manifests: &BTreeMap<String, Yaml>) -> &Yaml {
        &manifests["Deployment"]["spec"]["template"]["spec"]
    }

    fn container(manifests: &BTreeMap<String, Yaml>) -> &Yaml {
        &pod(manifests)["containers"][0]
    }

    fn config(manifests: &BTreeMap<String, Yaml>) -> Config {
        let secret = manifests["Secret"]["stringData"].as_hash().unwrap();
        let secret = secret.iter().map(|(name, value)| {
            let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
            (text(name), text(value))
        });
        let file = manifests["ConfigMap"]["data"]["buttress.toml"].as_str();
        loads("kubernetes.yaml", file.unwrap(), &secret.collect())
    }

    #[test]
    fn what_it_starts_is_the_program_and_its_configuration_loads() {
        let manifests = manifests();
        let args = container(&manifests)["args"].as_vec().unwrap();
        serves(&args.iter().filter_map(Yaml::as_str).collect::<Vec<_>>());
        let config = config(&manifests);
        let port = &container(&manifests)["ports"][0];
        assert_eq!(
            port["containerPort"].as_i64(),
            Some(i64::from(config.server.listen.port()))
        );
        assert!(!config.server.listen.ip().is_loopback());
        let server = &config.server;
        assert!(server.client_key.is_some() && server.admin_key.is_some());
        // Each pod has a file system of its own.
        let store = config.queue.store.unwrap().to_string();
        assert!(store.starts_with("redis://"), "{store}");
    }

    #[test]
    fn it_waits_for_longer_than_a_stop_may_take() {
        let manifests = manifests();
        let grace = pod(&manifests)["terminationGracePeriodSeconds"].as_i64();
        let grace = Duration::from_secs(grace.unwrap().try_into().unwrap());
        assert!(grace > stopping(&config(&manifests)));
    }

    #[test]
    fn labels_and_ports_fit() {
        let manifests = manifests();
        let app = &manifests["Deployment"]["spec"]["template"]["metadata"]["labels"];
        for (kind, selector) in [
            ("Deployment", &["spec", "selector", "matchLabels"][..]),
            ("PodDisruptionBudget", &["spec", "selector", "matchLabels"]),
            ("Service", &["spec", "selector"]),
        ] {
            let found = selector
                .iter()
                .fold(&manifests[kind], |yaml, name| &yaml[*name]);
            assert_eq!(found, app, "{kind}");
        }
        let port = &container(&manifests)["ports"][0]["name"];
        assert_eq!(
            &manifests["Service"]["spec"]["ports"][0]["targetPort"],
            port
        );
    }

    /// By a pod's address, as the kubelet asks: without a key, and without a name.
    #[tokio::test]
    async fn its_probes_are_answered() {
        let nothing = |_: &str| None;
        let options = Options::new(&nothing).listen(Some(([127, 0, 0, 1], 0).into()));
        let mut sandbox = Config::sandbox(&options).unwrap();
        assert_eq!(sandbox.mode, Mode::Sandbox);
        sandbox.server.client_key = config(&manifests()).server.client_key;
        let gateway = serve::start(sandbox).await.unwrap();
        let manifests = manifests();
        for (probe, expected) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            let probe = &container(&manifests)[probe]["httpGet"];
            let path = probe["path"].as_str().unwrap();
            assert_eq!(path, expected);
            assert_eq!(probe["port"], container(&manifests)["ports"][0]["name"]);
            let address = gateway.address();
            let request = http::Request::get(path).header("host", address.to_string());
            let request = request.body(http_body_util::Full::default()).unwrap();
            let answer = wire::send(address, request).await.unwrap();
            assert_eq!(answer.status, 200, "{path}");
        }
    }
}
