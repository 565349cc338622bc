//! The gateway beside a bare proxy of the same hyper version.
//!
//! Three processes on loopback: an upstream that answers a small chat completion at once, a proxy
//! that does nothing but pass on, and the gateway with one route. The load comes from this
//! process; the two take turns, so what counts is their ratio.
//!
//! A program of its own, because the one that measures the layers counts all allocations, which
//! the bare proxy would have to pay for.
#![allow(
    clippy::print_stdout,
    reason = "the table it prints is what this program is for"
)]

mod load;
mod proxy;
mod upstream;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// What one round measures.
const CONNECTIONS: usize = 32;
const REQUESTS: usize = 10_000;
const REQUESTS_ALONE: usize = 2_000;
const ROUNDS: usize = 15;

/// Without arguments it measures; the other processes are this program with arguments.
fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["upstream"] => upstream::run(),
        ["proxy", upstream] => proxy::run(upstream),
        _ => measure(),
    }
}

fn measure() {
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

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut rounds: [Vec<load::Round>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (address, rounds) in [&bare_at, &ours_at].into_iter().zip(&mut rounds) {
            let busy = runtime.block_on(load::run(address, CONNECTIONS, REQUESTS));
            let alone = runtime.block_on(load::run(address, 1, REQUESTS_ALONE));
            rounds.push(load::Round { busy, alone });
        }
    }
    load::print(&rounds);
    println!(
        "  memory (peak RSS): bare proxy {:.1} MB, gateway {:.1} MB",
        peak_memory(&bare.0),
        peak_memory(&ours.0)
    );
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

fn write_config(upstream: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("buttress-bench-{}.toml", std::process::id()));
    let config = format!(
        "[providers.upstream]\n\
         kind = \"openai\"\n\
         base_url = \"http://{upstream}/v1\"\n\
         key_env = \"BENCH_KEY\"\n\n\
         [[routes]]\n\
         provider = \"upstream\"\n\
         model = \"gpt-4o-mini\"\n"
    );
    fs::write(&path, config).expect("a file in the temporary directory");
    path
}

/// In megabytes, as the kernel counts it; zero where it does not tell.
fn peak_memory(process: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1000.0
}
