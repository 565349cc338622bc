use buttress_tests::queue::{Event, Order, now};
use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

/// A process at work. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    told: JoinHandle<Vec<Event>>,
}

/// What a process did, from its beginning to its end.
pub(crate) struct Life {
    pub(crate) events: Vec<Event>,
    /// Not later than this it was over.
    pub(crate) ended: u64,
    pub(crate) status: ExitStatus,
}

impl Life {
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal().is_some()
    }
}

impl Process {
    pub(crate) fn start(order: &Order) -> Self {
        let quiet = std::env::var_os("BUTTRESS_LOUD").is_none();
        let mut child = Command::new(env!("CARGO_BIN_EXE_queue-process"))
            .arg(serde_json::to_string(order).expect("it is JSON"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if quiet {
                Stdio::null()
            } else {
                Stdio::inherit()
            })
            .kill_on_drop(true)
            .spawn()
            .expect("the program was built with this test");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let told = tokio::spawn(async move {
            let mut events = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                events.push(serde_json::from_str(&line).expect("a whole line"));
            }
            events
        });
        Self { child, told }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits for its end. After so long it is killed, if it is still there.
    pub(crate) async fn live(mut self, at_most: Duration) -> Life {
        // What would close its standard input is dropped by `wait`.
        let stdin = self.child.stdin.take();
        if timeout(at_most, self.child.wait()).await.is_err() {
            let _ = self.child.start_kill();
        }
        drop(stdin);
        self.over().await
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) -> Life {
        let _ = self.child.start_kill();
        self.over().await
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(mut self) -> Life {
        drop(self.child.stdin.take());
        self.over().await
    }

    async fn over(mut self) -> Life {
        let status = self.child.wait().await.expect("it is our own");
        let ended = now();
        let events = self.told.await.expect("all lines are whole");
        Life {
            events,
            ended,
            status,
        }
    }
}
