//! Running a script of an SDK.

use crate::upstreams::Upstreams;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Several times what one takes on a machine that does other things as well.
const TOO_LONG: Duration = Duration::from_secs(100);

pub struct Script {
    command: Command,
    name: &'static str,
}

impl Script {
    pub fn python(name: &'static str) -> Self {
        let mut command = Command::new(installed().join("python/bin/python"));
        command.args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", name]);
        command.current_dir(sources().join("python"));
        Self { command, name }
    }

    pub fn node(name: &'static str) -> Self {
        installed();
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=spec", name]);
        command.current_dir(sources().join("node"));
        Self { command, name }
    }

    /// Runs it to its end, against a gateway of its own. It has to use all that is there.
    pub async fn run(self) -> Upstreams {
        let upstreams = Upstreams::start().await;
        let carries_on = upstreams.carries_on_url();
        let others = [
            ("GATEWAY_THAT_CARRIES_ON", &*carries_on),
            ("GATEWAY_KEY", upstreams.gateway_key()),
        ];
        self.against(&upstreams.gateway_url(), &others).await;
        upstreams.assert_all_asked();
        upstreams
    }

    /// Runs it to its end, against this gateway.
    pub async fn against(mut self, gateway: &str, others: &[(&str, &str)]) {
        // What else it needs is where the system has it.
        let needed = ["PATH", "HOME", "SCREENSHOT"];
        self.command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| needed.iter().any(|one| name == *one)))
            .env("GATEWAY", gateway)
            .envs(others.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(TOO_LONG, self.command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{} goes on for ever", self.name));
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let told =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{told}", self.name);
    }
}

fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sdks"))
}

/// Where the SDKs are: installed by the first test that asks, if they are not there yet.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let install = std::process::Command::new(sources().join("install"))
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        let told = String::from_utf8_lossy(&install.stderr);
        assert!(install.status.success(), "{told}");
        let place = String::from_utf8(install.stdout).expect("text");
        PathBuf::from(place.trim_end())
    })
}
