//! Processes are killed, again and again, while they work with one queue.

use crate::{
    process::{Life, Process},
    proxy::{Cut, Proxy},
    story::{Story, Tally},
};
use buttress_queue::{Settings, State, Store, TaskId};
use buttress_tests::queue::{Death, Job, Lane, Order, Plan, Role, open};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{task::JoinSet, time::sleep};

pub(crate) const LEASE: Duration = Duration::from_secs(1);
/// Nobody is killed so often with the same task.
const OFTEN: u32 = 1000;
const WORKERS: u64 = 3;
const ENQUEUERS: u64 = 2;
const LANES: u64 = 6;

/// Where the queue is, and what may be done to whoever uses it.
#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Redis(u16),
}

impl Place {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Redis(port) => format!("redis://127.0.0.1:{port}/"),
        }
    }
}

pub(crate) struct Campaign {
    place: Place,
    random: Mutex<StdRng>,
    story: Mutex<Story>,
    kills: AtomicU64,
}

/// How a process ends.
enum Fate {
    Time,
    Own(Death),
    Cut(Cut),
    /// Told to, as by an operator.
    Asked,
}

impl Campaign {
    pub(crate) fn new(place: Place, seed: u64) -> Self {
        Self {
            place,
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            story: Mutex::default(),
            kills: AtomicU64::new(0),
        }
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.load(Relaxed)
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let mut settings = Settings::new();
        settings.max_deliveries = OFTEN;
        open(&self.place.url(), settings)
            .await
            .expect("the store is there")
    }

    /// Kills until so many have been killed in all, and then all that are left at once.
    pub(crate) async fn kill(self: &Arc<Self>, until: u64) {
        let mut slots = JoinSet::new();
        for slot in 0..WORKERS + ENQUEUERS {
            let this = Arc::clone(self);
            slots.spawn(async move {
                while this.kills() < until {
                    this.one(slot, this.fate()).await;
                }
            });
        }
        slots.join_all().await;
    }

    /// Kills a process that puts tasks in and one that works at them before and after each call
    /// of the store, and each command to the server, up to this one.
    pub(crate) async fn kill_at_each_of(&self, calls: u64) {
        for nth in 1..=calls {
            tokio::join!(self.kill_at(nth, false, 0), self.kill_at(nth, true, 1));
        }
    }

    /// Of each kind the process of this number.
    async fn kill_at(&self, nth: u64, after: bool, number: u64) {
        let (worker, enqueuer) = (number, WORKERS + number);
        let own = || Fate::Own(Death::Call { nth, after });
        tokio::join!(self.one(worker, own()), self.one(enqueuer, own()));
        if matches!(self.place, Place::Redis(_)) {
            let kills = true;
            let cut = || Fate::Cut(Cut { nth, after, kills });
            tokio::join!(self.one(worker, cut()), self.one(enqueuer, cut()));
        }
    }

    /// One process, from its beginning to its end.
    async fn one(&self, slot: u64, fate: Fate) {
        let role = match slot {
            ..WORKERS => Role::Work {
                at_once: 8,
                lease: u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX),
            },
            _ => Role::Enqueue {
                lanes: self.lanes(slot - WORKERS),
                pause: 30,
            },
        };
        let at_most = match fate {
            Fate::Time | Fate::Asked => self.between(30, 700),
            Fate::Own(_) | Fate::Cut(_) => 1500,
        };
        let at_most = Duration::from_millis(at_most);
        let mut order = Order {
            url: self.place.url(),
            role,
            death: None,
            max_deliveries: OFTEN,
        };
        let life = match fate {
            Fate::Time => Process::start(&order).live(at_most).await,
            Fate::Own(death) => {
                order.death = Some(death);
                Process::start(&order).live(at_most).await
            }
            Fate::Asked => {
                let process = Process::start(&order);
                sleep(at_most).await;
                process.end().await
            }
            Fate::Cut(cut) => self.behind_a_proxy(order, cut, at_most).await,
        };
        self.add(&life);
    }

    async fn behind_a_proxy(&self, mut order: Order, cut: Cut, at_most: Duration) -> Life {
        let Place::Redis(port) = self.place else {
            unreachable!("there is nothing to stand between a process and its file")
        };
        let proxy = Proxy::start(port, cut).await;
        order.url.clone_from(&proxy.url);
        let process = Process::start(&order);
        let cut_there = tokio::time::timeout(at_most, proxy.cut.notified())
            .await
            .is_ok();
        if cut_there && !cut.kills {
            sleep(Duration::from_millis(self.between(0, 500))).await;
        }
        process.kill().await
    }

    fn add(&self, life: &Life) {
        self.kills.fetch_add(u64::from(life.was_killed()), Relaxed);
        assert!(
            life.was_killed() || life.status.success(),
            "a process failed: {}",
            life.status
        );
        self.story.lock().expect("no check has failed").add(life);
    }

    /// The lanes of this process, from where each is known to be kept.
    fn lanes(&self, enqueuer: u64) -> Vec<Lane> {
        let story = self.story.lock().expect("no check has failed");
        let lanes = (0..LANES * ENQUEUERS).filter(|lane| lane % ENQUEUERS == enqueuer);
        let lane = |number| Lane {
            number,
            from: story.next_of(number),
            to: u64::MAX >> 24,
        };
        lanes.map(lane).collect()
    }

    fn fate(&self) -> Fate {
        let nth = self.between(1, 60);
        let after = self.between(0, 2) == 0;
        match (self.between(0, 8), &self.place) {
            (0..3, _) => Fate::Time,
            (3..5, _) => Fate::Own(Death::Call { nth, after }),
            (5, _) => Fate::Asked,
            (_, Place::Sqlite(path)) => {
                // In the middle of a frame of the log, or of a page as the log is written back.
                let long = |path| std::fs::metadata(path).map_or(0, |file| file.len());
                let log = long(path.with_extension("db-wal"));
                let bytes = match self.between(0, 3) {
                    0 => log + self.between(0, 300_000),
                    1 => long(path.clone()) + self.between(0, 100_000),
                    _ => self.between(4096, 4_300_000),
                };
                Fate::Own(Death::File { bytes })
            }
            (_, Place::Redis(_)) => Fate::Cut(Cut {
                nth: nth + 3,
                after,
                kills: self.between(0, 2) == 0,
            }),
        }
    }

    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        self.random
            .lock()
            .expect("nothing panics there")
            .random_range(from..to)
    }

    /// Nobody is at work: what the store says of itself is true.
    pub(crate) async fn check_store(&self) {
        let store = self.store().await;
        let counts = store.counts().await.expect("it is there");
        let mut all = HashSet::new();
        for state in State::ALL {
            let listed = list(&*store, state).await;
            assert_eq!(listed.len() as u64, counts.of(state), "{state}");
            all.extend(listed);
        }
        let story = self.story.lock().expect("no check has failed");
        for (job, id) in &story.kept {
            assert!(all.contains(id), "{job:?} was acknowledged and is gone");
        }
        // What was asked for and not acknowledged may be there: of each lane one.
        let more = all.len() - story.kept.len();
        assert!(more as u64 <= LANES * ENQUEUERS, "{more} tasks too many");
    }

    /// Works at all that is left, undisturbed, and looks at all that came of it.
    pub(crate) async fn drain(&self) -> Tally {
        let order = Order {
            url: self.place.url(),
            role: Role::Work {
                at_once: 16,
                lease: u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX),
            },
            death: None,
            max_deliveries: OFTEN,
        };
        let workers = [Process::start(&order), Process::start(&order)];
        let store = self.store().await;
        let (mut open, mut moved) = (u64::MAX, SystemTime::now());
        while open > 0 {
            sleep(Duration::from_millis(100)).await;
            let now_open = store.counts().await.expect("it is there").open();
            if now_open < open {
                (open, moved) = (now_open, SystemTime::now());
            }
            let stuck = moved
                .elapsed()
                .is_ok_and(|time| time > Duration::from_secs(60));
            assert!(!stuck, "{open} tasks are left, and nothing comes of them");
        }
        for worker in workers {
            let life = worker.end().await;
            self.add(&life);
        }
        self.check_store().await;
        let kept = {
            let story = self.story.lock().expect("no check has failed");
            story.kept.clone()
        };
        for (job, id) in kept {
            check_end(&*store, job, id).await;
        }
        let mut story = self.story.lock().expect("no check has failed");
        story.check(LEASE)
    }
}

/// A job has ended as it should, and what was kept of it is whole.
async fn check_end(store: &dyn Store, job: Job, id: TaskId) {
    let record = store.inspect(id).await.expect("it is there");
    let record = record.expect("it was acknowledged");
    match job.plan() {
        Plan::Dead => {
            assert_eq!(record.state, State::Dead, "{job:?}");
            assert_eq!(record.reason.as_deref(), Some("its own fault"));
            let task = buttress_queue::Task::parse(&record.payload.expect("it is kept"));
            assert_eq!(task.ok().and_then(|task| Job::of(&task)), Some(job));
        }
        _ => {
            assert_eq!(record.state, State::Done, "{job:?}: {:?}", record.reason);
            assert_eq!(record.result, Some(job.result()), "{job:?}");
        }
    }
}

async fn list(store: &dyn Store, state: State) -> Vec<TaskId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(state, after, 500).await.expect("it is there");
        ids.extend(page.records.iter().map(|record| record.id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}
