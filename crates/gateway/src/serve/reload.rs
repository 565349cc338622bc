//! Reading the configuration again: at SIGHUP, when its file has changed, and when asked to.
//!
//! All or nothing: what comes of a file that can't be used is a message, and what was served before
//! goes on.

mod watch;

use self::watch::{Stamp, Watch};
use super::{app::App, serving::Serving, signal::Hangup};
use crate::config::{Changes, Config, Mode, Options, Report};
use std::{env, error, fmt, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

/// Where a configuration came from, and may be read again.
#[derive(Debug)]
pub(super) struct Source {
    file: Option<Arc<Path>>,
    /// The address that the command line said to listen on.
    told: Option<SocketAddr>,
    /// What the file held when it was read again the last time. Whoever has it is the one who reads.
    last: Mutex<Option<Held>>,
}

/// What a file held.
#[derive(Clone, Debug)]
struct Held {
    bytes: Arc<[u8]>,
    /// Whether it could be used.
    usable: bool,
}

impl Source {
    pub(super) fn new(mode: &Mode, told: Option<SocketAddr>) -> Self {
        let file = match mode {
            Mode::File(file) => Some(file.as_path().into()),
            Mode::Environment | Mode::Sandbox => None,
        };
        Self {
            file,
            told,
            last: Mutex::new(None),
        }
    }
}

/// Why the configuration stays what it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotReloaded {
    /// It did not come from a file, and nothing else changes while a process runs.
    NoFile,
    /// What is wrong with the file.
    Wrong(Report),
    /// A route can't be made as it is configured, or the file could not be read to its end.
    Failed(Box<dyn error::Error + Send + Sync>),
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("the configuration did not come from a file"),
            Self::Wrong(report) => report.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl error::Error for NotReloaded {}

/// Why the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Signal,
    Changed,
    /// It may have changed after the start read it, and before anybody looked.
    FirstLook,
    Asked,
}

impl Why {
    /// For the log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::Changed => "the file has changed",
            Self::FirstLook => "the first look at the file",
            Self::Asked => "asked to",
        }
    }
}

/// What came of reading.
struct Renewed {
    serving: Serving,
    changes: Changes,
    /// What the file can be used in spite of.
    warnings: Report,
}

/// Reads the configuration again, and serves what it says.
pub(super) async fn reload(app: &App, why: Why) -> Result<Changes, NotReloaded> {
    let last = app.source.last.lock().await;
    let changes = read_again(app, last, None, why).await?;
    Ok(changes.unwrap_or_default())
}

/// The same if what stands in the file is not what stood there the last time.
async fn reload_changed(app: &App) -> Result<Option<Changes>, NotReloaded> {
    let last = app.source.last.lock().await;
    let known = last.clone();
    let why = match known {
        Some(_) => Why::Changed,
        None => Why::FirstLook,
    };
    read_again(app, last, known, why).await
}

/// Reads the file, unless it holds what is known of it, and takes over what it says.
async fn read_again(
    app: &App,
    mut last: MutexGuard<'_, Option<Held>>,
    known: Option<Held>,
    why: Why,
) -> Result<Option<Changes>, NotReloaded> {
    let Some(file) = app.source.file.clone() else {
        tracing::warn!(why = why.as_str(), "not reloaded: {}", NotReloaded::NoFile);
        return Err(NotReloaded::NoFile);
    };
    let told = app.source.told;
    let serving = app.serving();
    let made = spawn_blocking(move || {
        let bytes: Arc<[u8]> = match Config::bytes_of(&file) {
            Ok(bytes) => bytes.into(),
            Err(report) => return (None, Err(NotReloaded::Wrong(report))),
        };
        let (usable, made) = match known {
            Some(known) if known.bytes == bytes => (known.usable, Ok(None)),
            _ => {
                let made = make(&serving, &file, &bytes, told);
                (made.is_ok(), made.map(Some))
            }
        };
        (Some(Held { bytes, usable }), made)
    });
    let made = made.await;
    let (held, made) = made.unwrap_or_else(|error| (None, Err(NotReloaded::Failed(error.into()))));
    // One that is there again as it was is as good as it was.
    let usable = held.as_ref().is_some_and(|held| held.usable);
    app.metrics.config_is_current(usable);
    *last = held.or_else(|| last.take());
    let Renewed {
        serving,
        changes,
        warnings,
    } = match made {
        Ok(Some(renewed)) => renewed,
        Ok(None) => return Ok(None),
        Err(error) => {
            app.metrics.reloaded(false);
            tracing::error!(
                why = why.as_str(),
                "not reloaded, the configuration stays as it is:\n{error}"
            );
            return Err(error);
        }
    };
    if why != Why::FirstLook {
        app.metrics.reloaded(true);
    }
    if changes.is_empty() {
        const SAME: &str = "the configuration was read again and is the same";
        match why {
            Why::FirstLook => tracing::debug!(why = why.as_str(), "{SAME}"),
            _ => tracing::info!(why = why.as_str(), "{SAME}"),
        }
        return Ok(Some(changes));
    }
    if !warnings.is_empty() {
        tracing::warn!("{warnings}");
    }
    if !changes.taken.is_empty() {
        app.serve(Arc::new(serving));
    }
    tracing::info!(why = why.as_str(), changed = ?changes.taken, "reloaded");
    if !changes.at_start.is_empty() {
        tracing::warn!(
            unchanged = ?changes.at_start,
            "what is listened on, and where things are kept, changes with a restart only"
        );
    }
    Ok(Some(changes))
}

fn make(
    serving: &Serving,
    file: &Path,
    bytes: &[u8],
    told: Option<SocketAddr>,
) -> Result<Renewed, NotReloaded> {
    let variable = |name: &str| env::var(name).ok();
    let options = Options::new(&variable).listen(told);
    let read = Config::from_bytes(file, bytes, &options);
    let (config, warnings) = read.map_err(NotReloaded::Wrong)?;
    let (config, changes) = serving.config.renewed(config);
    let serving = serving.renewed(config).map_err(NotReloaded::Failed)?;
    Ok(Renewed {
        serving,
        changes,
        warnings,
    })
}

/// Reloads whenever the program hears SIGHUP or the file has changed. It never ends.
pub(super) async fn keep_reloading(app: &App, mut hangup: Hangup) {
    /// What lies between two looks at the file.
    const EACH: Duration = Duration::from_secs(2);
    let mut ticks = interval(EACH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::new();
    loop {
        // What came of it is in the log.
        tokio::select! {
            () = hangup.told() => drop(reload(app, Why::Signal).await),
            _ = ticks.tick(), if app.source.file.is_some() => {
                let stamp = stamp(app.source.file.clone()).await;
                if watch.is_to_be_read(stamp) {
                    drop(reload_changed(app).await);
                }
            }
        }
    }
}

/// On a network's file system it may take long to know.
async fn stamp(file: Option<Arc<Path>>) -> Option<Stamp> {
    let stamp = spawn_blocking(move || Stamp::of(file.as_deref()?));
    stamp.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::running;
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    };
    use tempfile::TempDir;

    const ONE: &str = "[[routes]]\nprovider = 'ollama'\nname = 'one'";
    const TWO: &str = "[[routes]]\nprovider = 'ollama'\nname = 'two'";

    /// A gateway whose configuration stands in the file of this name.
    async fn gateway() -> (TempDir, Box<Path>, Arc<App>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("buttress.toml");
        fs::write(&file, ONE).unwrap();
        let options = Options::new(&|_: &str| None);
        let (config, _) = Config::load(Some(&file), &options).unwrap();
        let app = running::app(config).await.unwrap();
        (folder, file.into(), app)
    }

    /// What `/metrics` says of this.
    fn shown(app: &App, name: &str) -> Option<f64> {
        let text = app.metrics.render();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.next()?.trim().parse().ok()
    }

    /// So that whoever watches hears of it until it is put right, and not only when it happens.
    #[tokio::test]
    async fn a_file_that_cant_be_used_is_shown_for_as_long_as_it_is_there() {
        let (_folder, file, app) = gateway().await;
        let current = || shown(&app, "buttress_config_current").unwrap() > 0.5;
        assert!(current(), "it was started with");

        fs::write(&file, "[[routes]]").unwrap();
        reload(&app, Why::Signal).await.unwrap_err();
        assert!(!current());
        assert!(reload_changed(&app).await.unwrap().is_none());
        assert!(!current(), "it is the same as before");

        fs::write(&file, TWO).unwrap();
        assert!(reload_changed(&app).await.unwrap().is_some());
        assert!(current());

        fs::remove_file(&file).unwrap();
        reload_changed(&app).await.unwrap_err();
        assert!(!current(), "there is none");
        fs::write(&file, TWO).unwrap();
        assert!(reload_changed(&app).await.unwrap().is_none());
        assert!(current(), "it is there again as it was");
    }

    /// Whoever asks for the metrics may do so while it is replaced.
    #[tokio::test]
    async fn a_route_that_is_removed_is_in_no_state_whenever_it_was_looked_at() {
        let (_folder, file, app) = gateway().await;
        let many = |index| format!("[[routes]]\nprovider = 'ollama'\nname = 'r{index}'\n");
        let many: String = (0..50).map(many).collect();
        let options = Options::new(&|_: &str| None);
        let serve = |source: &str| {
            let (config, _) = Config::parse(&file.display().to_string(), source, &options).unwrap();
            app.serve(Arc::new(app.serving().renewed(config).unwrap()));
        };
        let is_stuck = || {
            let text = app.metrics.render();
            let mut states = text
                .lines()
                .filter(|line| line.contains("_state{route=\"r"));
            states.any(|line| line.ends_with(" 1"))
        };
        let stop = AtomicBool::new(false);
        let stuck = thread::scope(|threads| {
            threads.spawn(|| {
                while !stop.load(Relaxed) {
                    app.sample();
                }
            });
            let stuck = (0..60).find(|_| {
                serve(&many);
                serve(ONE);
                is_stuck()
            });
            stop.store(true, Relaxed);
            stuck
        });
        assert_eq!(stuck, None);
    }
}
