//! The agent is killed at random points, some dozens of times: in the middle of a call, of a
//! stream, of writing its answer down, and before it had done anything.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../src/provider.rs"]
mod provider;

use buttress_testkit::Provider;
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::sleep,
};

const STEPS: usize = 6;

/// What is known of a step that the agent was given the answer of.
struct Given {
    /// What it said of it.
    said: String,
    /// How often the provider had been asked by then.
    asked: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_that_was_given_is_paid_for_again() {
    /// So often it is killed, however fast the machine is.
    const KILLS: usize = 24;
    /// Of an agent that is never killed in so many rounds something else is wrong.
    const MOST: usize = 200;
    let mut kills = 0;
    let mut rounds = 0;
    while kills < KILLS {
        rounds += 1;
        assert!(rounds <= MOST, "only {kills} were killed");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.db");
        let provider = provider::start().await.unwrap();
        let mut given = BTreeMap::new();
        // The longest that a run may take grows, so that every round comes to its end.
        for longest in (20..).step_by(15) {
            let life = Duration::from_millis(rand::random_range(0..longest));
            let ended = run(&provider, &file, life, &mut given).await;
            for (step, known) in &given {
                assert_eq!(asked(&provider, *step), known.asked, "step {step}");
            }
            if ended {
                break;
            }
            kills += 1;
        }
        assert_eq!(given.len(), STEPS);
    }
}

/// Runs the agent for so long. Whether it came to its end.
async fn run(
    provider: &Provider,
    file: &Path,
    life: Duration,
    given: &mut BTreeMap<usize, Given>,
) -> bool {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_example-resumed-agent"))
        .args(["agent", &provider.base_url()])
        .arg(file)
        .arg("never")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdout = agent.stdout.take().unwrap();
    let listening = tokio::spawn(async move {
        let mut lines = BufReader::new(stdout).lines();
        let mut heard = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            heard.push(line);
        }
        heard
    });
    let killed = tokio::select! {
        status = agent.wait() => {
            assert!(status.unwrap().success());
            false
        }
        () = sleep(life) => {
            agent.kill().await.unwrap();
            true
        }
    };
    for line in listening.await.unwrap() {
        // A line may be cut off with its process.
        let parts = line
            .strip_prefix("step ")
            .and_then(|rest| rest.split_once(": "));
        let Some((step, (how, said))) =
            parts.and_then(|(step, rest)| Some((step.parse().ok()?, rest.split_once(", ")?)))
        else {
            continue;
        };
        let whole = said.ends_with(['"', '.']) || said.ends_with("enough");
        match given.get(&step) {
            Some(known) => {
                assert_eq!(how, "given from the journal", "{line}");
                assert!(
                    known.said.starts_with(said) && (killed || known.said == said),
                    "{line}"
                );
            }
            None if whole => {
                let asked = asked(provider, step);
                let said = said.to_owned();
                given.insert(step, Given { said, asked });
            }
            None => {}
        }
    }
    !killed
}

/// How often the provider was asked for this step: each has another number of messages.
fn asked(provider: &Provider, step: usize) -> usize {
    let calls = provider.calls();
    let messages =
        |call: &buttress_testkit::Received| call.json()["messages"].as_array().map(Vec::len);
    calls
        .iter()
        .filter(|call| messages(call) == Some(2 * step - 1))
        .count()
}
