use super::{
    Delivery, Progress, Verdict,
    backoff::Backoff,
    deliver::{Desk, Ended, Times, deliver, put_back},
    lanes::{Paces, Ticket},
    meter::{Count, Meter},
    outage::Outage,
};
use crate::{Claimed, Lanes, Queue, StoreError, TaskId};
use std::{
    collections::HashMap,
    fmt::Display,
    ops::ControlFlow,
    pin::{Pin, pin},
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_service::Service;

/// Takes tasks out of a queue and gives them to a service, until they are done or dead.
///
/// - **At least once.** A task is leased, and the lease renewed while the service works at it. When
///   the lease is lost the work is broken off at once, since another worker may have the task.
/// - **Gently.** It begins with one task at a time, and may have twice as many under way when as
///   many as there may be have succeeded. Where the service says that nothing was even tried, since
///   circuits are open or gates closed, it falls back to one and pauses.
/// - **Lane by lane.** All of this is learned of each [lane](crate::Entry::lane) by itself. While it
///   pauses in one, the others go on, however many tasks of that one stand before theirs.
/// - **Not for ever.** A task that fails waits longer each time, and is a dead letter after as many
///   deliveries as the [store](crate::Settings::max_deliveries) allows, or at once when the service
///   says that it is its own fault. What was not tried does not count. A service that has no
///   circuit breaker makes dead letters of what it fails at for long enough.
///
/// The service gets a [`Delivery`] and gives a [`Verdict`]. An error of its own is a failed
/// delivery, and so is a panic; both are kept as the reason, so they should show nothing of the
/// request. Any number of workers may share a queue.
///
/// ```
/// use buttress_queue::{Delivery, Memory, Queue, Settings, State, Task, Verdict, Worker};
/// use std::convert::Infallible;
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Queue::new(Memory::new(Settings::new()));
/// let id = queue.enqueue(Task::parse(br#"{"messages": ["Hi"]}"#)?).await?.id;
///
/// let worker = Worker::new(queue.clone(), service_fn(async |delivery: Delivery| {
///     let asked = delivery.task.messages.get().to_owned();
///     Ok::<_, Infallible>(Verdict::Done(format!("{asked} yourself").into()))
/// }));
/// let mut progress = worker.progress();
/// let done = async move {
///     let _ = progress.wait_for(|progress| progress.done == 1).await;
/// };
/// worker.run(done).await;
///
/// let kept = queue.inspect(id).await?.expect("results are kept for a day");
/// assert_eq!(kept.record.state, State::Done);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Worker<S> {
    queue: Queue,
    service: S,
    name: String,
    at_once: usize,
    lease: Duration,
    backoff: Backoff,
    longest_pause: Duration,
    idle: Duration,
    grace: Duration,
    progress: watch::Sender<Progress>,
}

/// How often it is counted how many tasks there are.
const COUNT: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(60);
/// How long the store may take to hear of what is put down.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl<S> Worker<S> {
    /// Gives what is in this queue to this service.
    #[must_use]
    pub fn new(queue: Queue, service: S) -> Self {
        Self {
            queue,
            service,
            name: TaskId::new(SystemTime::now()).to_string(),
            at_once: 8,
            lease: Duration::from_secs(60),
            backoff: Backoff {
                base: Duration::from_secs(1),
                cap: Duration::from_secs(600),
            },
            longest_pause: Duration::from_secs(300),
            idle: Duration::from_secs(1),
            grace: Duration::from_secs(30),
            progress: watch::Sender::default(),
        }
    }

    /// Sets the name by which the store knows it [one that no other has]. Each process, and each
    /// time that it is started, should have its own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how many tasks it has under way at most \[8\], at least one.
    #[must_use]
    pub fn at_once(mut self, tasks: usize) -> Self {
        self.at_once = tasks.max(1);
        self
    }

    /// Sets for how long a task is leased at a time [60 s], at least a second. It is renewed at a
    /// third of that. So long a task waits when the process that has it dies.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time.max(Duration::from_secs(1));
        self
    }

    /// Sets how long a task waits after it has failed once, before jitter [1 s], and at most
    /// [10 min]. It doubles in between. A longer wait that its failure asks for is kept to, up to a
    /// day.
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff = Backoff {
            base,
            cap: cap.max(base),
        };
        self
    }

    /// Sets how long it pauses at most when nothing is let through [5 min]. Then it tries one.
    #[must_use]
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// Sets how long it waits before it looks again, where nothing was due [1 s].
    #[must_use]
    pub fn idle(mut self, wait: Duration) -> Self {
        self.idle = wait;
        self
    }

    /// Sets how long what is under way may take when it is told to stop [30 s].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How far it has come, from now on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Works until `shutdown` resolves. Then it takes no more, lets what is under way come to an
    /// end within the [grace](Self::grace), and puts the rest back as if it had never been given
    /// out.
    ///
    /// # Cancellation
    /// What is under way is broken off. Its leases have to run out before it is given out again.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Progress
    where
        S: Service<Delivery, Response = Verdict> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Display + Send,
    {
        let (stop, stopped) = watch::channel(false);
        let now = Instant::now();
        let times = Times {
            lease: self.lease,
            backoff: self.backoff,
        };
        let desk = Arc::new(Desk {
            queue: self.queue,
            times,
            outage: Outage::default(),
            progress: self.progress,
            meter: Mutex::new(Meter::new(now)),
            locked: AtomicBool::new(false),
            stop: stopped,
        });
        let pauses = Backoff {
            base: Duration::from_secs(1).min(self.longest_pause),
            cap: self.longest_pause,
        };
        let mut run = Run {
            desk: Arc::clone(&desk),
            service: self.service,
            name: self.name,
            at_once: self.at_once,
            paces: Paces::new(self.at_once, pauses),
            under_way: JoinSet::new(),
            tickets: HashMap::new(),
            look_at: now,
            idle: self.idle,
            failures: 0,
        };
        // Dropped with this future, and all deliveries with it.
        let mut tending = JoinSet::new();
        tending.spawn(tend(Arc::clone(&desk)));
        run.work(shutdown).await;
        run.finish(self.grace, &stop).await;
        desk.note(|_, _| {});
        *desk.progress.borrow()
    }
}

/// A worker at work.
struct Run<S> {
    desk: Arc<Desk>,
    service: S,
    name: String,
    at_once: usize,
    paces: Paces,
    under_way: JoinSet<Ended>,
    /// Of what is under way.
    tickets: HashMap<Id, Ticket>,
    /// The store is not asked before this.
    look_at: Instant,
    idle: Duration,
    /// How often the store has failed in a row.
    failures: u32,
}

impl<S> Run<S>
where
    S: Service<Delivery, Response = Verdict> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Display + Send,
{
    async fn work(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let now = Instant::now();
            let room = self.at_once.saturating_sub(self.under_way.len());
            self.tell(now);
            let wake = match self.paces.wanted(now).is_none() {
                false => Some(self.look_at),
                true => self.paces.wakes(now).map(|wakes| wakes.max(self.look_at)),
            };
            let wake = wake.filter(|_| room > 0);
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = self.under_way.join_next_with_id() => self.ended(ended),
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {
                    if self.take(room, shutdown.as_mut()).await.is_break() {
                        return;
                    }
                }
            }
        }
    }

    /// Takes as many tasks as there is room for, unless it is told to stop meanwhile.
    async fn take(
        &mut self,
        room: usize,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> ControlFlow<()> {
        let (desk, name) = (Arc::clone(&self.desk), self.name.clone());
        let asked = Instant::now();
        let wanted = self.paces.wanted(asked);
        let mut claim = pin!(claim(&desk, &wanted, &name, room));
        tokio::select! {
            biased;
            claimed = &mut claim => {
                match claimed {
                    Ok(claimed) => self.begin(claimed, room, asked),
                    Err(error) => self.store_failed(&error),
                }
                ControlFlow::Continue(())
            }
            // Whoever drops a claim may leave tasks leased.
            () = &mut shutdown => {
                if let Ok(Ok(claimed)) = timeout(LAST_WORDS, claim).await {
                    let all = async {
                        for claimed in claimed {
                            put_back(&desk, &claimed.lease).await;
                        }
                    };
                    // What is not put back by then is given out again when its lease is over.
                    let _ = timeout(LAST_WORDS, all).await;
                }
                ControlFlow::Break(())
            }
        }
    }

    fn begin(&mut self, claimed: Vec<Claimed>, room: usize, asked: Instant) {
        self.desk.outage.ends();
        self.failures = 0;
        let now = Instant::now();
        // Of lanes that were not known there was one at most: there may be more.
        let mut all = claimed.len() < room;
        let until = asked + self.desk.times.lease;
        for claimed in claimed {
            let lane = claimed.entry.lane.clone().unwrap_or_default();
            all &= self.paces.knows(&lane);
            let ticket = self.paces.begin(&lane, now);
            let desk = Arc::clone(&self.desk);
            let service = self.service.clone();
            let delivery = async move { deliver(&desk, service, claimed, until).await };
            self.tickets
                .insert(self.under_way.spawn(delivery).id(), ticket);
        }
        if all {
            self.look_at = now + self.idle;
        }
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let now = Instant::now();
        // A panic beside the service's own: as it let go of what it held, perhaps.
        let (id, ended) = ended.unwrap_or_else(|error| (error.id(), Ended::Failed));
        let Some(ticket) = self.tickets.remove(&id) else {
            return;
        };
        self.paces.end(&ticket, |pace, began| match ended {
            Ended::Concluded => pace.succeeded(began),
            Ended::Failed => pace.failed(began, now, rand::random()),
            Ended::Refused(said) => pace.refused(began, now, said, rand::random()),
            Ended::Aside => {}
        });
        // There is room in its lane again, and the next one of its session may be due.
        if self.failures == 0 {
            self.look_at = now;
        }
    }

    fn store_failed(&mut self, error: &StoreError) {
        const WAITS: Backoff = Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
        };
        self.desk.outage.begins(error);
        self.failures = self.failures.saturating_add(1);
        self.look_at = Instant::now() + WAITS.wait(self.failures, None, rand::random());
    }

    fn tell(&self, now: Instant) {
        let (under_way, at_once) = (self.under_way.len(), self.paces.limit());
        let paused = (self.paces.all_paused(now), self.paces.paused(now));
        self.desk
            .note(|meter, _| meter.pace(under_way, at_once, paused));
    }

    /// Lets what is under way come to an end, and then puts it down.
    async fn finish(&mut self, grace: Duration, stop: &watch::Sender<bool>) {
        let in_time = async { while self.under_way.join_next().await.is_some() {} };
        if timeout(grace, in_time).await.is_err() {
            tracing::info!(
                tasks = self.under_way.len(),
                "putting back what is still under way"
            );
            stop.send_replace(true);
            let put_back = async { while self.under_way.join_next().await.is_some() {} };
            let _ = timeout(LAST_WORDS, put_back).await;
        }
        self.tell(Instant::now());
    }
}

async fn claim(
    desk: &Desk,
    lanes: &Lanes,
    name: &str,
    most: usize,
) -> Result<Vec<Claimed>, StoreError> {
    let lease = desk.times.lease;
    // What comes later than that has run out already.
    let claimed = timeout(lease, desk.queue.claim_of(lanes, name, most, lease)).await;
    claimed.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
}

/// Sweeps the store, and counts what is in it.
async fn tend(desk: Arc<Desk>) {
    let mut sweep_at = Instant::now();
    loop {
        let counts = timeout(desk.times.lease, desk.queue.counts()).await;
        let open = match counts {
            Ok(Ok(counts)) => Some(counts.open()),
            Ok(Err(_)) | Err(_) => None,
        };
        desk.note(|meter, now| meter.open(now, open));
        if Instant::now() >= sweep_at {
            sweep_at = Instant::now() + SWEEP;
            while let Ok(Ok(swept)) = timeout(desk.times.lease, desk.queue.sweep()).await {
                if swept.buried > 0 {
                    desk.count(Count::Dead(swept.buried));
                }
                if swept.buried + swept.removed == 0 {
                    break;
                }
            }
        }
        sleep(COUNT).await;
    }
}
