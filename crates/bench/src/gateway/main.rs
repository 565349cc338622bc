//! The gateway beside a bare proxy of the same hyper version.
//!
//! Three processes on loopback: an upstream that answers at once, a proxy that does nothing but
//! pass on, and the gateway. The load comes from this process; the two take turns, so what counts
//! is their ratio. Small requests, conversations of 200 KB, and long streams each have a table;
//! with the names of tables, only these are made: `small`, `large`, `streams`, `crossing`.
//!
//! A program of its own, because the one that measures the layers counts all allocations, which
//! the bare proxy would have to pay for.
#![allow(
    clippy::print_stdout,
    reason = "the table it prints is what this program is for"
)]

mod conversation;
mod crossing;
mod figures;
mod load;
mod proxy;
mod upstream;

use buttress_llm::Dialect;
use conversation::{ANTHROPIC, GEMINI, OPENAI};
use hyper::body::Bytes;
use load::{Ask, Round};

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 9;

const SMALL: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Hello!"}],"max_tokens":64,"temperature":0.7}"#;

/// Without these arguments it measures; the other processes are this program with arguments.
fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["upstream"] => upstream::run(),
        ["proxy", upstream] => proxy::run(upstream),
        ref tables => measure(tables),
    }
}

fn measure(tables: &[&str]) {
    let this = env::current_exe().expect("the path of this program");
    let gateway = this.with_file_name("buttress");
    assert!(
        gateway.exists(),
        "build the gateway first: cargo build --profile bench -p buttress-gateway, or --release"
    );

    let (_upstream, upstream) = start(Command::new(&this).arg("upstream"));
    let (bare, bare_at) = start(Command::new(&this).args(["proxy", &upstream]));
    let config = write_config(&upstream);
    let (ours, ours_at) = start(
        Command::new(&gateway)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .env("BENCH_KEY", "sk-bench"),
    );
    let load = Load {
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime"),
        bare: bare_at,
        ours: ours_at,
    };

    let wanted = |table| tables.is_empty() || tables.contains(&table);
    let memory = |when| {
        println!(
            "  memory after {when} (peak RSS): bare proxy {:.1} MB, gateway {:.1} MB",
            peak_memory(&bare.0),
            peak_memory(&ours.0)
        );
    };
    if wanted("small") {
        load.small();
        memory("this");
    }
    if wanted("large") {
        load.large();
        memory("this");
    }
    if wanted("streams") {
        load.streams();
        memory("this");
    }
    if wanted("crossing") {
        crossing::run();
    }
}

/// Where the load comes from, and the two that take turns.
struct Load {
    runtime: tokio::runtime::Runtime,
    bare: String,
    ours: String,
}

impl Load {
    fn small(&self) {
        let body = Bytes::from_static(SMALL.as_bytes());
        let ask = Ask::new(Dialect::OpenAiChat, OPENAI, body);
        let mut rounds: [Vec<Round>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (at, rounds) in [&self.bare, &self.ours].into_iter().zip(&mut rounds) {
                rounds.push(self.round(at, &ask, CONNECTIONS, [10_000, 2_000]));
            }
        }
        figures::print(
            "the gateway beside a bare proxy",
            &rounds,
            &[
                ("requests per second, 32 connections", |r| r.busy.per_second),
                ("median, 32 connections (µs)", |r| r.busy.median),
                ("99th percentile, 32 connections (µs)", |r| r.busy.p99),
                ("median, 1 connection (µs)", |r| r.alone.median),
                ("99th percentile, 1 connection (µs)", |r| r.alone.p99),
            ],
        );
    }

    /// The conversation through the bare proxy, and through the gateway to each place.
    fn large(&self) {
        let chat = Dialect::OpenAiChat;
        let messages = Dialect::AnthropicMessages;
        let responses = Dialect::OpenAiResponses;
        let gemini = Dialect::Gemini;
        let subjects = [
            ("bare proxy, chat", &self.bare, chat, OPENAI),
            ("chat → chat", &self.ours, chat, OPENAI),
            ("bare proxy, messages", &self.bare, messages, ANTHROPIC),
            ("messages → messages", &self.ours, messages, ANTHROPIC),
            ("chat → messages", &self.ours, chat, ANTHROPIC),
            ("messages → chat", &self.ours, messages, OPENAI),
            ("chat → Gemini", &self.ours, chat, GEMINI),
            ("Gemini → chat", &self.ours, gemini, OPENAI),
            ("chat → responses", &self.ours, chat, RESPONSES),
            ("responses → chat", &self.ours, responses, CHAT),
        ];
        let subjects = subjects.map(|(name, at, dialect, model)| {
            let body = conversation::in_dialect(dialect, model);
            (name, at, Ask::new(dialect, model, body), Vec::new())
        });
        let mut subjects = subjects;
        for _ in 0..ROUNDS {
            for (_, at, ask, rounds) in &mut subjects {
                rounds.push(self.round(at, ask, 8, [400, 200]));
            }
        }
        println!("\na conversation of 200 KB");
        println!(
            "  {:<24} {:>12} {:>14} {:>14}",
            "", "1 conn. (µs)", "8 conn. (µs)", "per second"
        );
        for (name, _, _, rounds) in &subjects {
            println!(
                "  {name:<24} {:>12.0} {:>14.0} {:>14.0}",
                figures::median(rounds, |r| r.alone.median),
                figures::median(rounds, |r| r.busy.median),
                figures::median(rounds, |r| r.busy.per_second),
            );
        }
    }

    fn streams(&self) {
        let ask = |model: &str| {
            let body = SMALL.replace(OPENAI, model);
            let body = body.replacen('{', "{\"stream\":true,", 1);
            Ask::new(Dialect::OpenAiChat, model, body.into())
        };
        let (groups, one) = (ask(upstream::IN_GROUPS), ask(upstream::ONE_BY_ONE));
        let mut rounds: [Vec<[f64; 4]>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (at, rounds) in [&self.bare, &self.ours].into_iter().zip(&mut rounds) {
                let measured = [(&groups, 1), (&groups, 8), (&one, 1), (&one, 8)];
                rounds.push(measured.map(|(ask, streams)| {
                    let run = load::streams(at, ask, streams);
                    self.runtime.block_on(run)
                }));
            }
        }
        figures::print(
            "megabytes per second of streams",
            &rounds,
            &[
                ("16 events at a time, 1 stream", |r| r[0]),
                ("16 events at a time, 8 streams", |r| r[1]),
                ("event by event, 1 stream", |r| r[2]),
                ("event by event, 8 streams", |r| r[3]),
            ],
        );
    }

    fn round(&self, at: &str, ask: &Ask, connections: usize, requests: [usize; 2]) -> Round {
        let [busy, alone] = requests;
        Round {
            busy: self.runtime.block_on(load::run(at, ask, connections, busy)),
            alone: self.runtime.block_on(load::run(at, ask, 1, alone)),
        }
    }
}

/// A process that ends with this one.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process that prints the address it listens on, and waits for that line.
fn start(command: &mut Command) -> (Running, String) {
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = Running(child.expect("the program starts"));
    let lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
    let address = lines.map_while(Result::ok).find_map(|line| {
        let (_, address) = line.split_once("http://")?;
        Some(address.split(['/', ' ']).next()?.to_owned())
    });
    (child, address.expect("the address it listens on"))
}

/// The models that callers ask for by these names are spoken to in that dialect, whoever asks.
const RESPONSES: &str = "only-responses";
const CHAT: &str = "only-chat";

/// Each dialect has a provider, all of them the same upstream.
fn write_config(upstream: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("buttress-bench-{}.toml", std::process::id()));
    let mut config = String::new();
    let mut models = String::from("[models]\n");
    for (kind, api, below, model) in [
        ("openai", "auto", "/v1", "*"),
        ("anthropic", "auto", "", ANTHROPIC),
        ("gemini", "auto", "", GEMINI),
        ("openai", "responses", "/v1", RESPONSES),
        ("openai", "chat", "/v1", CHAT),
    ] {
        let name = format!("{kind}-{api}");
        config += &format!(
            "[providers.{name}]\nkind = \"{kind}\"\napi = \"{api}\"\n\
             base_url = \"http://{upstream}{below}\"\nkey_env = \"BENCH_KEY\"\n\n\
             [[routes]]\nname = \"{name}\"\nprovider = \"{name}\"\n\n"
        );
        models += &format!("\"{model}\" = [\"{name}\"]\n");
    }
    fs::write(&path, config + &models).expect("a file in the temporary directory");
    path
}

/// In megabytes, as the kernel counts it; zero where it does not tell.
fn peak_memory(process: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1000.0
}
