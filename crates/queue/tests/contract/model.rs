//! Any sequence of operations, against a model of a few lines.

use super::*;
use buttress_queue::{Counts, Lanes, Lease};
use bytes::Bytes;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

const MOST_DELIVERIES: u32 = 3;
const MOST_TASKS: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    Enqueue(Option<u8>, Option<u8>, u8),
    Claim(usize, [usize; 3]),
    Renew(usize),
    Finish(usize),
    Postpone(usize, bool, bool),
    Bury(usize),
    Retry(usize),
    Remove(usize),
    Discard(usize),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..30_usize;
    prop_oneof![
        6 => (prop::option::of(0..3_u8), prop::option::weighted(0.3, 0..4_u8), 0..4_u8)
            .prop_map(|(session, key, lane)| Step::Enqueue(session, key, lane)),
        5 => (0..5_usize, prop::array::uniform3(0..4_usize))
            .prop_map(|(most, of)| Step::Claim(most, of)),
        1 => which().prop_map(Step::Renew),
        3 => which().prop_map(Step::Finish),
        4 => (which(), any::<bool>(), any::<bool>())
            .prop_map(|(lease, now, counts)| Step::Postpone(lease, now, counts)),
        2 => which().prop_map(Step::Bury),
        2 => which().prop_map(Step::Retry),
        2 => which().prop_map(Step::Remove),
        2 => which().prop_map(Step::Discard),
        1 => Just(Step::Sweep),
    ]
}

struct Kept {
    session: Option<u8>,
    key: Option<u8>,
    /// None has no name, and two are never named.
    lane: u8,
    bytes: u64,
    state: State,
    due: bool,
    deliveries: u32,
    /// Its place in its session.
    place: usize,
}

#[derive(Default)]
struct Model {
    tasks: BTreeMap<TaskId, Kept>,
    /// All leases that there ever were, and whether they are held.
    leases: Vec<(Lease, bool)>,
    places: usize,
}

impl Model {
    fn open(&self, session: Option<u8>) -> impl Iterator<Item = (&TaskId, &Kept)> {
        self.tasks.iter().filter(move |(_, task)| {
            let open = !matches!(task.state, State::Done | State::Dead);
            open && task.session.is_some() && task.session == session
        })
    }

    /// Where a task stands that joins its session now.
    fn join(&mut self, session: Option<u8>) -> (State, usize) {
        let first = self.open(session).next().is_none();
        self.places += 1;
        (
            if first { State::Waiting } else { State::Behind },
            self.places,
        )
    }

    fn move_up(&mut self, session: Option<u8>) {
        let first = self.open(session).min_by_key(|(_, task)| task.place);
        let Some((&id, _)) = first else { return };
        let task = self.tasks.get_mut(&id).unwrap();
        if task.state == State::Behind {
            (task.state, task.due) = (State::Waiting, true);
        }
    }

    /// The lease of this number, and its task if it is held.
    fn lease(&mut self, number: usize, ends: bool) -> Option<(Lease, Option<&mut Kept>)> {
        let at = number % self.leases.len().max(1);
        let (lease, held) = self.leases.get_mut(at)?;
        let was = *held;
        *held &= !ends;
        let task = was.then(|| self.tasks.get_mut(&lease.id).unwrap());
        Some((lease.clone(), task))
    }

    fn end(&mut self, id: TaskId, state: State) {
        let task = self.tasks.get_mut(&id).unwrap();
        task.state = state;
        let session = task.session;
        self.move_up(session);
    }

    fn some(&self, number: usize) -> Option<TaskId> {
        self.tasks
            .keys()
            .nth(number % self.tasks.len().max(1))
            .copied()
    }

    fn counts(&self) -> [u64; 5] {
        let of = |state| {
            self.tasks
                .values()
                .filter(|task| task.state == state)
                .count() as u64
        };
        State::ALL.map(of)
    }
}

async fn take(store: &dyn Store, model: &mut Model, step: &Step, worker: usize) {
    match *step {
        Step::Enqueue(session, key, lane) => {
            let mut entry = Entry::new(vec![b'x'; model.places]);
            entry.session = session.map(|session| session.to_string());
            entry.key = key.map(|key| key.to_string());
            entry.lane = (lane > 0).then(|| lane.to_string());
            let (id, bytes) = (entry.id, entry.payload.len() as u64);
            let answer = store.enqueue(entry).await;
            let same = model
                .tasks
                .iter()
                .find(|(_, task)| key.is_some() && task.key == key);
            let dead = same.filter(|(_, task)| task.state == State::Dead);
            if let (Some((same, _)), None) = (same, dead) {
                let answer = answer.unwrap();
                assert_eq!((answer.id, answer.new), (*same, false));
                return;
            }
            let dead = dead.map(|(id, _)| *id);
            let counts = model.counts();
            let kept = counts.iter().sum::<u64>() - counts[3] - u64::from(dead.is_some());
            if kept >= MOST_TASKS {
                assert!(answer.is_err());
                return;
            }
            if let Some(dead) = dead {
                model.tasks.remove(&dead);
                for (lease, held) in &mut model.leases {
                    *held &= lease.id != dead;
                }
            }
            let answer = answer.unwrap();
            assert_eq!((answer.id, answer.new), (id, true));
            let (state, place) = model.join(session);
            let kept = Kept {
                session,
                key,
                lane,
                bytes,
                state,
                due: true,
                deliveries: 0,
                place,
            };
            model.tasks.insert(id, kept);
        }
        Step::Claim(most, of) => {
            let [none, first, others] = of;
            let lanes = Lanes::new(others).of("", none).of("1", first);
            // Of the others there are so many in all.
            let group = |lane: u8| usize::from(lane).min(2);
            let claimed = store
                .claim_of(&lanes, &format!("w{worker}"), most, MINUTE)
                .await
                .unwrap();
            // Which of those that were delivered too often it has met is for the store to say.
            let over = |model: &Model| {
                let over = model.tasks.iter().filter(|(_, task)| {
                    task.state == State::Waiting && task.due && task.deliveries >= MOST_DELIVERIES
                });
                over.map(|(id, _)| *id).collect::<Vec<_>>()
            };
            for id in over(model) {
                if state(store, id).await == Some(State::Dead) {
                    assert!(most > 0);
                    model.end(id, State::Dead);
                }
            }
            for claimed in &claimed {
                let task = model.tasks.get_mut(&claimed.entry.id).unwrap();
                assert_eq!((task.state, task.due), (State::Waiting, true));
                assert!(task.deliveries < MOST_DELIVERIES);
                task.state = State::Leased;
                task.deliveries += 1;
                assert_eq!(claimed.deliveries, task.deliveries);
                assert_eq!(claimed.entry.payload.len() as u64, task.bytes);
                assert!(
                    model
                        .leases
                        .iter()
                        .all(|(lease, _)| *lease != claimed.lease)
                );
                model.leases.push((claimed.lease.clone(), true));
            }
            assert!(claimed.len() <= most);
            let mut left = of;
            for claimed in &claimed {
                let lane = model.tasks[&claimed.entry.id].lane;
                assert_eq!(claimed.entry.lane, (lane > 0).then(|| lane.to_string()));
                left[group(lane)] -= 1;
            }
            if claimed.len() < most {
                let mut due = model.tasks.values();
                assert!(!due.any(|task| {
                    task.state == State::Waiting && task.due && left[group(task.lane)] > 0
                }));
            }
        }
        Step::Renew(number) => {
            if let Some((lease, task)) = model.lease(number, false) {
                assert_eq!(store.renew(&lease, MINUTE).await.is_ok(), task.is_some());
            }
        }
        Step::Finish(number) => {
            if let Some((lease, task)) = model.lease(number, true) {
                let answer = store.finish(&lease, Bytes::from_static(b"done")).await;
                assert_eq!(answer.is_ok(), task.is_some());
                if task.is_some() {
                    model.end(lease.id, State::Done);
                }
            }
        }
        Step::Postpone(number, now, counts) => {
            if let Some((lease, task)) = model.lease(number, true) {
                let wait = if now { Duration::ZERO } else { MINUTE };
                let answer = store.postpone(&lease, wait, counts, "why").await;
                assert_eq!(answer.is_ok(), task.is_some());
                if let Some(task) = task {
                    (task.state, task.due) = (State::Waiting, now);
                    task.deliveries -= u32::from(!counts);
                }
            }
        }
        Step::Bury(number) => {
            if let Some((lease, task)) = model.lease(number, true) {
                let answer = store.bury(&lease, "why").await;
                assert_eq!(answer.is_ok(), task.is_some());
                if task.is_some() {
                    model.end(lease.id, State::Dead);
                }
            }
        }
        Step::Retry(number) => {
            let Some(id) = model.some(number) else { return };
            let task = model.tasks.get_mut(&id).unwrap();
            let (was, session) = (task.state, task.session);
            let retried = store.retry(id).await.unwrap();
            assert_eq!(retried, matches!(was, State::Waiting | State::Dead));
            if retried {
                task.due = true;
            }
            if was == State::Dead {
                let (state, place) = model.join(session);
                let task = model.tasks.get_mut(&id).unwrap();
                (task.state, task.place, task.deliveries) = (state, place, 0);
            }
        }
        Step::Remove(number) => {
            let Some(id) = model.some(number) else { return };
            assert!(store.remove(id).await.unwrap());
            let task = model.tasks.remove(&id).unwrap();
            for (lease, held) in &mut model.leases {
                *held &= lease.id != id;
            }
            model.move_up(task.session);
        }
        Step::Discard(number) => {
            let Some(id) = model.some(number) else { return };
            let dead = model.tasks[&id].state == State::Dead;
            assert_eq!(store.discard(id).await.unwrap(), dead);
            if dead {
                model.tasks.remove(&id);
            }
        }
        Step::Sweep => {
            assert_eq!(store.sweep().await.unwrap(), Default::default());
        }
    }
}

/// All that the store tells is what the model knows.
async fn same(store: &dyn Store, model: &Model) {
    counted(store, model.counts()).await;
    let counts: Counts = store.counts().await.unwrap();
    let open = model
        .tasks
        .values()
        .filter(|task| task.state != State::Done);
    assert_eq!(counts.bytes, open.map(|task| task.bytes).sum::<u64>());
    for (id, task) in &model.tasks {
        let record = store.inspect(*id).await.unwrap().unwrap();
        assert_eq!(
            (record.state, record.deliveries),
            (task.state, task.deliveries)
        );
        assert_eq!(record.position.is_some(), task.state == State::Waiting);
    }
    for state in State::ALL {
        let page = store.list(state, None, 100).await.unwrap();
        let found: Vec<_> = page.records.iter().map(|record| record.id).collect();
        let here = model.tasks.iter().filter(|(_, task)| task.state == state);
        assert_eq!(found, here.map(|(id, _)| *id).collect::<Vec<_>>());
    }
}

pub async fn any_sequence_does_what_a_model_does<E: Engine>(_: &E) {
    let runtime = tokio::runtime::Handle::current();
    let tried = AtomicU32::new(0);
    let run = |steps: Vec<Step>| {
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                let engine = E::new().await;
                let mut settings = Settings::new();
                (settings.max_deliveries, settings.max_tasks) = (MOST_DELIVERIES, MOST_TASKS);
                let stores = [
                    engine.open(settings.clone()).await,
                    engine.open(settings).await,
                ];
                let mut model = Model::default();
                for (at, step) in steps.iter().enumerate() {
                    take(&*stores[at % 2], &mut model, step, at % 3).await;
                    same(&*stores[0], &model).await;
                }
            });
        });
        tried.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let config = Config {
        cases: E::SEQUENCES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..80), run)
        .unwrap();
    assert!(tried.into_inner() >= E::SEQUENCES);
}
