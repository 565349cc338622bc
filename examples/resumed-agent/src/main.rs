//! An agent with tools that is killed in the middle, runs again, and is given what it has paid for.
//!
//! The agent is a process of its own: this program, started once more. A tool of its hangs, so
//! somebody kills it, with SIGKILL. Nothing is saved at that moment, and nothing has to be: each
//! answer was recorded before the agent saw it. The second run is given those answers by the
//! journal, in no time and for nothing, and goes on live where the first one ended. The third has
//! nothing left to pay for at all, not even for the answer that was streamed.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod agent;
mod provider;

use std::{env, path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};
use tower::BoxError;

/// The step after which a tool hangs in the first run.
const HANGS_AFTER: &str = "3";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["agent", url, file, hangs_after] => {
            agent::run(url, Path::new(file), hangs_after.parse().ok()).await
        }
        _ => watch().await,
    }
}

/// Starts the agent three times.
async fn watch() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("journal.db");
    let provider = provider::start().await?;
    let url = provider.base_url();

    println!("# The first run: a tool hangs, and the process is killed\n");
    let (steps, paid) = run(&url, &file, HANGS_AFTER).await?;
    assert_eq!((steps, paid), (3, 3));

    println!("\n# The second run: it goes on where the first one was\n");
    let (steps, paid) = run(&url, &file, "never").await?;
    assert_eq!((steps, paid), (6, 3));

    println!("\n# The third run: nothing is left to pay for\n");
    let (steps, paid) = run(&url, &file, "never").await?;
    assert_eq!((steps, paid), (6, 0));

    assert_eq!(provider.call_count(), 6);
    println!("\n=> three runs, 15 steps, 6 of them paid for: none twice");
    Ok(())
}

/// Runs the agent until it ends, or hangs and is killed: how many steps it took, and how many of
/// them were paid for.
async fn run(url: &str, file: &Path, hangs_after: &str) -> Result<(usize, usize), BoxError> {
    let mut agent = Command::new(env::current_exe()?)
        .args(["agent", url])
        .arg(file)
        .arg(hangs_after)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = agent.stdout.take().ok_or("it has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let (mut steps, mut paid) = (0, 0);
    while let Some(line) = lines.next_line().await? {
        println!("{line}");
        steps += usize::from(line.starts_with("step "));
        paid += usize::from(line.contains(": paid, "));
        if line == agent::HANGS {
            agent.kill().await?;
            println!("(killed)");
        }
    }
    let status = agent.wait().await?;
    match status.success() || hangs_after != "never" {
        true => Ok((steps, paid)),
        false => Err(format!("the agent failed: {status}").into()),
    }
}
