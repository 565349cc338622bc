//! A gateway within this process.

use super::{
    app::{App, Kept},
    listener,
    metrics::Metrics,
    queue::{Webhook, Working},
    reload::{self, NotReloaded, Source, Why},
    router,
    sandbox::{self, Sandbox},
    serving::Serving,
    shared,
    telemetry::Telemetry,
    upstreams::Upstreams,
};
use crate::{
    config::{Changes, Config, Mode},
    files::Files,
    queue,
    session::{self, OpenJournal},
};
use buttress::Route;
use std::{error::Error, fmt, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep},
};

/// A gateway that serves callers until it is told to stop.
///
/// Dropping it stops it too, and nobody hears how that went.
pub struct Running {
    address: SocketAddr,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
    worker: Option<Working>,
}

/// Starts a gateway on the address that is configured. Must be awaited within a tokio runtime
/// that has its I/O and time drivers enabled.
///
/// # Errors
/// A route can't be made as it is configured, or the address can't be listened on.
pub async fn start(config: Config) -> Result<Running, Box<dyn Error>> {
    start_on(config, None).await
}

/// The same, where the command line said which address to listen on.
pub(super) async fn start_on(
    mut config: Config,
    told: Option<SocketAddr>,
) -> Result<Running, Box<dyn Error>> {
    let sandbox = match config.mode {
        Mode::Sandbox => Some(sandbox::start(&mut config).await?),
        _ => None,
    };
    let app = app_of(config, told, sandbox).await?;
    let server = app.server.clone();
    let (listener, address) = listener::bind(server.listen).await?;

    let work = app.serving().config.queue.work;
    let worker = app.queue.as_ref().filter(|_| work);
    let worker = worker.map(|queue| Working::start(&app, queue));
    let router = router::router(Arc::clone(&app));
    let (stop, stopped) = oneshot::channel();
    let told = Arc::clone(&app);
    let served = async move {
        let stopped = async {
            // Who dropped it is not interested in how it stops.
            if stopped.await.is_ok() {
                sleep(server.drain_delay).await;
            }
            told.set_closing();
        };
        listener::serve(listener, router, &server, stopped).await
    };
    Ok(Running {
        address,
        app,
        stop,
        served: tokio::spawn(served),
        worker,
    })
}

/// How long the last traces may take to be delivered at least.
const MOMENT: Duration = Duration::from_secs(1);

/// How often what was recorded long ago is removed.
const SWEEP: Duration = Duration::from_secs(600);

/// What all requests share, those of callers and those of the queue.
pub(super) async fn app(config: Config) -> Result<Arc<App>, Box<dyn Error>> {
    app_of(config, None, None).await
}

async fn app_of(
    config: Config,
    told: Option<SocketAddr>,
    sandbox: Option<Sandbox>,
) -> Result<Arc<App>, Box<dyn Error>> {
    let metrics = Metrics::new()?;
    let upstreams = Upstreams::new(&config, metrics.recorder());
    let upstreams = upstreams.map_err(|error| -> Box<dyn Error> { error })?;
    metrics.keep();
    metrics.follow_routes(upstreams.metrics());
    let telemetry = Telemetry::start(&config.telemetry, upstreams.routes())?;
    let mut files = Files::default();
    let queue = queue::open(&config.queue, &mut files).await;
    let queue = queue.map_err(|error| -> Box<dyn Error> { error })?;
    let journal = session::open(&config.journal, &mut files).await;
    let journal = journal.map_err(|error| -> Box<dyn Error> { error })?;
    let layer = journal.map(|OpenJournal { sessions, layer }| {
        tokio::spawn(async move { sessions.keep_swept(SWEEP).await });
        layer
    });
    let webhook = match &queue {
        Some(queue) => Webhook::open(&config.queue, queue, &mut files).await?,
        None => None,
    };
    let source = Source::new(&config.mode, told);
    let kept = Kept {
        queue,
        journal: layer,
        webhook,
    };
    let sharing = shared::start(&config.shared, &config.routes, upstreams.routes());
    let serving = Serving::new(config, upstreams);
    let app = App::new(source, serving, metrics, telemetry, kept, sandbox);
    Ok(Arc::new(app.sharing(sharing)))
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its routes, in the order of the configuration, whose breakers and gates can be read and
    /// overridden while it runs.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        self.app.serving().upstreams.routes().to_vec()
    }

    /// Reads its file again and goes on with that: all of it, or nothing where anything is wrong
    /// with it. Calls that are under way end as they began. Routes whose settings are the same keep
    /// their circuits, budgets and gates, and of others what does not depend on what has changed.
    ///
    /// Variables are looked up in the environment of this process.
    ///
    /// # Errors
    /// Why it goes on as before.
    ///
    /// # Cancellation
    /// It goes on as before, or has changed already.
    pub async fn reload(&self) -> Result<Changes, NotReloaded> {
        reload::reload(&self.app, Why::Asked).await
    }

    /// What all requests share.
    pub(super) const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// What it was told to do, and where callers find it.
    pub(super) fn greeting(&self) -> String {
        match self.app.sandbox {
            Some(_) => sandbox::greeting(self.address),
            None => format!(
                "buttress listens on http://{}\n\n{}",
                self.address,
                self.app.serving().config
            ),
        }
    }

    /// How long it still takes calls when it is told to stop.
    pub(super) fn drain_delay(&self) -> Duration {
        self.app.server.drain_delay
    }

    /// Says that it is not ready any more, accepts no more callers after the delay that is
    /// configured, and lets those finish that are being served, for as long as the configuration
    /// gives them. Returns how many connections were cut off then.
    ///
    /// # Errors
    /// It had ended already, by a panic.
    ///
    /// # Cancellation
    /// It goes on stopping.
    pub async fn stop(self) -> Result<usize, JoinError> {
        self.app.set_stopping();
        // Whoever is not there any more has stopped.
        let _ = self.stop.send(());
        // Both are given their time to end, at the same time.
        let worked = async {
            match self.worker {
                Some(worker) => worker.stop().await.map(drop),
                None => Ok(()),
            }
        };
        let begun = Instant::now();
        let (cut_off, worked) = tokio::join!(self.served, worked);
        // What is left of the grace, and a moment where nothing is: the last calls are the ones that
        // people will ask about.
        let server = &self.app.server;
        let left = (server.drain_delay + server.shutdown_grace).saturating_sub(begun.elapsed());
        self.app.telemetry.stop(left.max(MOMENT)).await;
        worked?;
        cut_off
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .field("routes", &self.routes())
            .finish_non_exhaustive()
    }
}
