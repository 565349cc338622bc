use super::*;
use crate::{
    CannotOpen, Cipher, Claimed, Entry, Kept, Queue, Record, Settings, State, Store, Task, TaskId,
    Unopened,
    flaky::{Flaky, Mode},
};
use bytes::Bytes;
use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::Service;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

type Act = dyn Fn(&Delivery) -> Pin<Box<dyn Future<Output = Verdict> + Send>> + Send + Sync;

/// A service that does this, and remembers what it was given and when.
#[derive(Clone)]
struct Scripted {
    act: Arc<Act>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<(TaskId, Instant)>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// When calls were broken off.
    dropped: Mutex<Vec<Instant>>,
}

impl Scripted {
    fn new<F, A>(act: A) -> Self
    where
        A: Fn(&Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Verdict> + Send + 'static,
    {
        let act: Arc<Act> = Arc::new(move |delivery| Box::pin(act(delivery)));
        let seen = Arc::default();
        Self { act, seen }
    }

    /// Takes so long and succeeds.
    fn takes(time: Duration) -> Self {
        Self::new(move |_| async move {
            sleep(time).await;
            Verdict::Done("done".into())
        })
    }

    fn calls(&self) -> usize {
        self.seen.calls.lock().unwrap().len()
    }

    /// When it was called, since then.
    fn times(&self, since: Instant) -> Vec<Duration> {
        let calls = self.seen.calls.lock().unwrap();
        calls.iter().map(|(_, at)| *at - since).collect()
    }
}

/// Notices when it is broken off.
struct UnderWay {
    seen: Arc<Seen>,
    ended: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.seen.under_way.fetch_sub(1, SeqCst);
        if !self.ended {
            self.seen.dropped.lock().unwrap().push(Instant::now());
        }
    }
}

impl Service<Delivery> for Scripted {
    type Response = Verdict;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Verdict, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let seen = Arc::clone(&self.seen);
        seen.calls
            .lock()
            .unwrap()
            .push((delivery.id, Instant::now()));
        let under_way = seen.under_way.fetch_add(1, SeqCst) + 1;
        seen.most.fetch_max(under_way, SeqCst);
        let under_way = UnderWay { seen, ended: false };
        let act = (self.act)(&delivery);
        Box::pin(async move {
            let mut under_way = under_way;
            let verdict = act.await;
            under_way.ended = true;
            Ok(verdict)
        })
    }
}

/// A worker that runs until it is told to stop.
struct Running {
    stop: oneshot::Sender<()>,
    worker: JoinHandle<Progress>,
    progress: tokio::sync::watch::Receiver<Progress>,
}

fn start<S>(worker: Worker<S>) -> Running
where
    S: Service<Delivery, Response = Verdict> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Display + Send,
{
    let (stop, stopped) = oneshot::channel();
    let progress = worker.progress();
    let worker = tokio::spawn(worker.run(async {
        let _ = stopped.await;
    }));
    Running {
        stop,
        worker,
        progress,
    }
}

impl Running {
    async fn stop(self) -> Progress {
        let _ = self.stop.send(());
        self.worker.await.unwrap()
    }

    /// Until so many are done.
    async fn done(&mut self, tasks: u64) {
        self.until(|progress| progress.done == tasks).await;
    }

    async fn until(&mut self, reached: impl FnMut(&Progress) -> bool) {
        let day = 24 * 60 * MINUTE;
        timeout(day, self.progress.wait_for(reached))
            .await
            .expect("it comes to that")
            .unwrap();
    }
}

fn store() -> Flaky {
    Flaky::new(Settings::new())
}

fn task(n: usize) -> Task {
    Task::parse(format!(r#"{{"messages": [{n}]}}"#).as_bytes()).unwrap()
}

/// Of which task it is.
fn number(delivery: &Delivery) -> usize {
    let messages = delivery.task.messages.get();
    messages.trim_matches(['[', ']']).parse().unwrap()
}

async fn put(store: &Flaky, n: usize) -> TaskId {
    let queue = Queue::new(store.clone());
    queue.enqueue(task(n)).await.unwrap().id
}

/// Past whatever the store is made to do.
async fn put_past(store: &Flaky, n: usize) {
    let entry = Entry::new(task(n).to_json());
    store.memory().enqueue(entry).await.unwrap();
}

async fn record(store: &Flaky, id: TaskId) -> Record {
    store.memory().inspect(id).await.unwrap().unwrap()
}

fn worker(store: &Flaky, service: &Scripted) -> Worker<Scripted> {
    Worker::new(Queue::new(store.clone()), service.clone())
}

#[tokio::test(start_paused = true)]
async fn everything_is_done_once_and_no_more_at_a_time_than_may_be() {
    let store = store();
    for n in 0..100 {
        put(&store, n).await;
    }
    let service = Scripted::takes(SECOND);
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(100).await;
    assert_eq!(service.calls(), 100);
    assert_eq!(service.seen.most.load(SeqCst), 8);
    // One, two, four, eight, …
    let times = service.times(began);
    let begun = |second: u64| times.iter().filter(|at| at.as_secs() == second).count();
    assert_eq!([0, 1, 2, 3, 4].map(begun), [1, 2, 4, 8, 8]);
    let progress = running.stop().await;
    assert_eq!(
        (progress.done, progress.failed, progress.under_way),
        (100, 0, 0)
    );
    assert_eq!(store.memory().counts().await.unwrap().done, 100);
}

#[tokio::test(start_paused = true)]
async fn a_long_task_keeps_its_lease() {
    let store = store();
    let id = put(&store, 1).await;
    let service = Scripted::takes(20 * MINUTE);
    let mut running = start(worker(&store, &service));
    running.done(1).await;
    running.stop().await;
    assert_eq!(
        (service.calls(), record(&store, id).await.deliveries),
        (1, 1)
    );
    // At a third of a minute each.
    assert!((55..=60).contains(&store.calls("renew")));
}

#[tokio::test(start_paused = true)]
async fn work_whose_lease_is_lost_is_broken_off_at_once() {
    let store = store();
    let id = put(&store, 1).await;
    let service = Scripted::takes(20 * MINUTE);
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    sleep(5 * SECOND).await;
    assert!(store.memory().remove(id).await.unwrap());
    running.until(|progress| progress.lost == 1).await;
    assert!(began.elapsed() <= 21 * SECOND);
    assert_eq!(service.seen.dropped.lock().unwrap().len(), 1);
    assert_eq!(running.stop().await.done, 0);
}

/// While the store can't be asked, another worker may get the task when the lease runs out.
#[tokio::test(start_paused = true)]
async fn no_task_is_worked_at_twice_at_a_time() {
    for mode in [Mode::Gone, Mode::Silent] {
        let store = store();
        put(&store, 1).await;
        let service = Scripted::takes(10 * MINUTE);
        let began = Instant::now();
        let running = start(worker(&store, &service));
        // It was renewed twice, the last time after 40 s.
        sleep(50 * SECOND).await;
        store.set(mode);
        sleep(2 * MINUTE).await;
        let dropped = service.seen.dropped.lock().unwrap().clone();
        assert_eq!(dropped.len(), 1, "{mode:?}");
        assert_eq!((dropped[0] - began).as_secs(), 100, "{mode:?}");
        store.set(Mode::Fine);
        sleep(12 * MINUTE).await;
        let progress = running.stop().await;
        assert_eq!((progress.done, progress.lost), (1, 1), "{mode:?}");
        assert_eq!((service.calls(), service.seen.most.load(SeqCst)), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_waits_longer_each_time_and_then_is_dead() {
    let store = store();
    let id = put(&store, 1).await;
    let service = Scripted::new(|_| async { Verdict::failed("overloaded") });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.until(|progress| progress.failed == 10).await;
    sleep(20 * MINUTE).await;
    running.stop().await;
    let times = service.times(began);
    assert_eq!(times.len(), 10);
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (n, wait) in waits.iter().enumerate() {
        let most = SECOND * 2_u32.pow(n.try_into().unwrap());
        // The pace and the look at the queue come on top.
        assert!(
            *wait >= most / 2 && *wait <= most + most / 2 + 330 * SECOND,
            "{n}: {wait:?}"
        );
    }
    let record = record(&store, id).await;
    assert_eq!((record.state, record.deliveries), (State::Dead, 10));
    assert_eq!(record.reason.as_deref(), Some("overloaded"));
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_is_waited_out() {
    let store = store();
    put(&store, 1).await;
    let service = Scripted::new(|delivery| {
        let first = delivery.deliveries == 1;
        async move {
            match first {
                true => Verdict::failed("limited").after(100 * SECOND),
                false => Verdict::Done(Bytes::new()),
            }
        }
    });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(1).await;
    let second = service.times(began)[1];
    assert!((100..=112).contains(&second.as_secs()), "{second:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_at_fault_itself_is_dead_at_once() {
    let store = store();
    let id = put(&store, 1).await;
    let service = Scripted::new(|_| async { Verdict::Dead("ü".repeat(501)) });
    let mut running = start(worker(&store, &service));
    running.until(|progress| progress.dead == 1).await;
    running.stop().await;
    let record = record(&store, id).await;
    assert_eq!((record.state, record.deliveries), (State::Dead, 1));
    assert_eq!(
        record.reason.unwrap().chars().count(),
        500,
        "and no more of it is kept"
    );
}

/// An outage of an hour behind a circuit that is tried every half a minute.
#[tokio::test(start_paused = true)]
async fn after_an_outage_it_probes_and_does_not_release_the_herd() {
    let store = store();
    for n in 0..200 {
        put(&store, n).await;
    }
    let began = Instant::now();
    let up = began + 60 * MINUTE;
    let service = Scripted::new(move |_| async move {
        if Instant::now() < up {
            return Verdict::refused("circuit open").after(30 * SECOND);
        }
        sleep(SECOND).await;
        Verdict::Done(Bytes::new())
    });
    let mut running = start(worker(&store, &service));
    sleep(59 * MINUTE).await;
    let probes = service.calls();
    assert!((100..=140).contains(&probes), "{probes}");
    assert_eq!(service.seen.most.load(SeqCst), 1);
    let progress = *running.progress.borrow();
    assert!(progress.paused && progress.done == 0 && progress.refused as usize == probes);
    assert_eq!((progress.open, progress.left), (Some(200), None));

    running.done(200).await;
    let times = service.times(up);
    let after: Vec<_> = times.iter().filter(|at| **at > Duration::ZERO).collect();
    assert!(*after[0] <= 40 * SECOND);
    // One that was tried in the very moment is not among the times after it.
    let refused = running.progress.borrow().refused as usize;
    assert_eq!(service.calls() - refused, 200, "each once");
    let dead = running.stop().await.dead;
    assert_eq!(dead, 0, "what was not tried does not count");
}

#[tokio::test(start_paused = true)]
async fn one_place_that_is_closed_does_not_hold_up_the_others() {
    let store = store();
    for n in 0..100 {
        put(&store, n).await;
    }
    let service = Scripted::new(|delivery| {
        let closed = number(delivery) % 10 == 5;
        async move {
            match closed {
                true => Verdict::refused("circuit open").after(300 * SECOND),
                false => Verdict::Done(Bytes::new()),
            }
        }
    });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(90).await;
    assert!(began.elapsed() < 2 * MINUTE, "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_put_aside_holds_up_nothing_and_is_never_dead_for_it() {
    let store = store();
    let early = put(&store, 0).await;
    for n in 1..=100 {
        put(&store, n).await;
    }
    let service = Scripted::new(|delivery| {
        let early = number(delivery) == 0;
        async move {
            match early {
                true => Verdict::Aside {
                    wait: SECOND,
                    reason: "early".to_owned(),
                },
                false => Verdict::Done(Bytes::new()),
            }
        }
    });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(100).await;
    assert!(began.elapsed() < MINUTE, "{:?}", began.elapsed());
    tokio::time::sleep(MINUTE).await;
    running.stop().await;
    let record = record(&store, early).await;
    assert_eq!(record.state, State::Waiting);
    assert_eq!(record.reason.as_deref(), Some("early"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_delivery() {
    let store = store();
    let id = put(&store, 13).await;
    for n in 0..5 {
        put(&store, n).await;
    }
    let service = Scripted::new(|delivery| {
        let unlucky = number(delivery) == 13;
        async move {
            assert!(!unlucky, "a bug");
            Verdict::Done(Bytes::new())
        }
    });
    let mut running = start(worker(&store, &service));
    running
        .until(|progress| progress.done == 5 && progress.failed == 2)
        .await;
    running.stop().await;
    let record = record(&store, id).await;
    assert_eq!(record.state, State::Waiting);
    assert_eq!(record.reason.as_deref(), Some("the service panicked"));
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_ends_what_it_can_and_puts_back_the_rest() {
    let store = store();
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(put(&store, n).await);
    }
    let service = Scripted::new(|delivery| {
        // Once four are under way: two that end in time, and two that do not.
        let n = number(delivery) as u64;
        let takes = if n < 3 { 1 } else { 20 * (n - 2) };
        async move {
            sleep(Duration::from_secs(takes)).await;
            Verdict::Done(Bytes::new())
        }
    });
    let running = start(worker(&store, &service));
    sleep(3 * SECOND).await;
    assert_eq!(service.calls(), 7);
    let began = Instant::now();
    let progress = running.stop().await;
    assert_eq!(began.elapsed(), 30 * SECOND);
    assert_eq!((progress.done, progress.lost, progress.refused), (4, 0, 0));
    assert_eq!(service.calls(), 7);
    assert_eq!(service.seen.dropped.lock().unwrap().len(), 3);
    // All of them are there for the next one, at once.
    let due: Vec<Claimed> = store.memory().claim("w", 99, MINUTE).await.unwrap();
    assert_eq!(due.len(), 16);
    assert_eq!(record(&store, ids[4]).await.deliveries, 2);
}

#[tokio::test(start_paused = true)]
async fn it_stops_also_when_the_store_does_not_answer() {
    let store = store();
    store.set(Mode::Silent);
    let running = start(worker(&store, &Scripted::takes(SECOND)));
    sleep(SECOND).await;
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() <= 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_while_it_is_told_to_stop_is_put_back() {
    let store = store();
    put(&store, 1).await;
    store.set(Mode::Slow);
    let service = Scripted::takes(Duration::ZERO);
    // It is told at each point of its first steps.
    for yields in 0..20 {
        worker(&store, &service)
            .run(async {
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        let counts = store.memory().counts().await.unwrap();
        if counts.done == 1 {
            return;
        }
        assert_eq!((counts.waiting, counts.leased), (1, 0), "{yields}");
    }
    panic!("it was never far enough to do it");
}

/// Counts what is logged as an error.
#[derive(Clone, Default)]
struct Errors(Arc<AtomicUsize>);

impl tracing::Subscriber for Errors {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, SeqCst);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_store_that_is_gone_and_says_so_once() {
    let errors = Errors::default();
    // While there is only one, what another thread logs first is taken to interest nobody.
    let _second = tracing::Dispatch::new(Errors::default());
    let _guard = tracing::subscriber::set_default(errors.clone());
    let store = store();
    store.set(Mode::Gone);
    put_past(&store, 1).await;
    let mut running = start(worker(&store, &Scripted::takes(SECOND)));
    sleep(10 * MINUTE).await;
    let claims = store.calls("claim");
    assert!((15..60).contains(&claims), "it backs off: {claims}");
    assert_eq!(errors.0.load(SeqCst), 1);
    assert_eq!(running.progress.borrow().open, None);
    store.set(Mode::Fine);
    running.done(1).await;
    store.set(Mode::Gone);
    sleep(MINUTE).await;
    assert_eq!(errors.0.load(SeqCst), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_kept_until_the_store_takes_it() {
    for mode in [Mode::Gone, Mode::Silent, Mode::Full] {
        let store = store();
        let id = put(&store, 1).await;
        let service = Scripted::takes(10 * SECOND);
        let mut running = start(worker(&store, &service));
        sleep(5 * SECOND).await;
        store.set(mode);
        sleep(20 * SECOND).await;
        store.set(Mode::Fine);
        running.done(1).await;
        // A call that is not answered is given up when the lease has run out, and what was done
        // with it.
        if mode != Mode::Silent {
            assert_eq!(service.calls(), 1, "{mode:?}");
        }
        assert_eq!(record(&store, id).await.state, State::Done);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_large_is_not_made_again() {
    let mut settings = Settings::new();
    settings.max_task_bytes = 200;
    let store = Flaky::new(settings);
    let id = put(&store, 1).await;
    let service = Scripted::new(|_| async { Verdict::Done(vec![b'x'; 201].into()) });
    let mut running = start(worker(&store, &service));
    running.until(|progress| progress.dead == 1).await;
    running.stop().await;
    let record = record(&store, id).await;
    assert_eq!((record.state, service.calls()), (State::Dead, 1));
    assert!(record.reason.unwrap().contains("201 bytes"));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_done_in_order() {
    let store = store();
    let queue = Queue::new(store.clone());
    for n in 0..30 {
        let mut task = task(n);
        task.session_id = Some(format!("s{}", n % 3));
        queue.enqueue(task).await.unwrap();
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let service = Scripted::new({
        let order = Arc::clone(&order);
        move |delivery| {
            let n = number(delivery);
            let order = Arc::clone(&order);
            let fails = n.is_multiple_of(7) && delivery.deliveries == 1;
            async move {
                sleep(SECOND * (n % 4) as u32).await;
                if fails {
                    return Verdict::failed("once");
                }
                order.lock().unwrap().push(n);
                Verdict::Done(Bytes::new())
            }
        }
    });
    let mut running = start(worker(&store, &service));
    running.done(30).await;
    running.stop().await;
    let order = order.lock().unwrap().clone();
    for session in 0..3 {
        let of: Vec<_> = order.iter().filter(|n| **n % 3 == session).collect();
        assert!(of.is_sorted(), "{of:?}");
    }
    assert!(service.seen.most.load(SeqCst) <= 3);
}

#[tokio::test(start_paused = true)]
async fn the_next_of_a_session_is_not_waited_for() {
    let store = store();
    let queue = Queue::new(store.clone());
    for n in 0..20 {
        let mut task = task(n);
        task.session_id = Some("s".to_owned());
        queue.enqueue(task).await.unwrap();
    }
    let began = Instant::now();
    let mut running = start(worker(&store, &Scripted::takes(Duration::from_millis(10))));
    running.done(20).await;
    assert!(began.elapsed() < SECOND);
    running.stop().await;
}

/// Sealed with a key that nobody has.
#[derive(Debug)]
struct Locked;

impl Cipher for Locked {
    fn seal(&self, _: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), crate::CannotSeal> {
        sealed.extend(plain);
        Ok(())
    }

    fn open(&self, _: &[u8], _: &[u8]) -> Result<Bytes, CannotOpen> {
        Err(CannotOpen::UnknownKey)
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_lost() {
    let store = store();
    let queue = Queue::new(store.clone()).cipher(Locked);
    let sealed = queue.enqueue(task(1)).await.unwrap().id;
    let garbage = store.enqueue(Entry::new("[]")).await.unwrap().id;
    let service = Scripted::takes(SECOND);
    let mut running = start(Worker::new(queue.clone(), service.clone()));
    running.until(|progress| progress.dead == 1).await;
    sleep(3 * 60 * MINUTE).await;
    running.stop().await;
    assert_eq!(service.calls(), 0);
    assert_eq!(record(&store, garbage).await.state, State::Dead);
    let Kept { record, task, .. } = queue.inspect(sealed).await.unwrap().unwrap();
    assert_eq!(record.state, State::Waiting, "a key may be found");
    assert!(record.deliveries > 10 && record.payload.is_some());
    assert_eq!(
        task.unwrap().unwrap_err(),
        Unopened::Sealed(CannotOpen::UnknownKey)
    );
}

#[tokio::test(start_paused = true)]
async fn it_sweeps_and_counts() {
    let mut settings = Settings::new();
    settings.max_age = 10 * MINUTE;
    let store = Flaky::new(settings);
    let id = put(&store, 1).await;
    let service = Scripted::new(|_| async { Verdict::failed("no").after(60 * MINUTE) });
    let mut running = start(worker(&store, &service));
    running.until(|progress| progress.dead == 1).await;
    sleep(SECOND).await;
    assert_eq!(record(&store, id).await.state, State::Dead);
    assert!((10..=12).contains(&store.calls("sweep").saturating_sub(1)));
    running.until(|progress| progress.open == Some(0)).await;
    assert_eq!(running.progress.borrow().left, Some(Duration::ZERO));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_estimate_is_what_it_takes() {
    let store = store();
    for n in 0..3000 {
        put_past(&store, n).await;
    }
    let began = Instant::now();
    let mut running = start(worker(&store, &Scripted::takes(SECOND)));
    assert_eq!(running.progress.borrow().left, None);
    running.until(|progress| progress.left.is_some()).await;
    assert!(began.elapsed() >= 30 * SECOND);
    running.until(|progress| progress.done > 1500).await;
    sleep(COUNT).await;
    let progress = *running.progress.borrow();
    assert!((7.5..8.5).contains(&progress.rate), "{}", progress.rate);
    let expected = began.elapsed() + progress.left.unwrap();
    running.done(3000).await;
    let off = expected.abs_diff(began.elapsed());
    assert!(off < 15 * SECOND, "{off:?}");
    running.stop().await;
}

const COUNT: Duration = Duration::from_secs(6);

/// Never ready.
#[derive(Clone)]
struct Broken;

impl Service<Delivery> for Broken {
    type Response = Verdict;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Verdict, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("broken"))
    }

    fn call(&mut self, _: Delivery) -> Self::Future {
        unreachable!("it was not ready")
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_was_not_tried() {
    let store = store();
    let id = put(&store, 1).await;
    let worker = Worker::new(Queue::new(store.clone()), Broken).longest_pause(SECOND);
    let began = Instant::now();
    let mut running = start(worker);
    running.until(|progress| progress.refused == 20).await;
    // Nor does it wait longer each time.
    assert!(began.elapsed() < 2 * MINUTE);
    running.stop().await;
    let record = record(&store, id).await;
    assert_eq!(record.state, State::Waiting);
    assert_eq!(
        record.reason.as_deref(),
        Some("the service is not ready: broken")
    );
}

#[tokio::test(start_paused = true)]
async fn several_share_a_queue() {
    let store = store();
    for n in 0..100 {
        put(&store, n).await;
    }
    let service = Scripted::takes(SECOND);
    let mut all: Vec<_> = (0..3).map(|_| start(worker(&store, &service))).collect();
    sleep(MINUTE).await;
    let mut done = 0;
    for running in all.drain(..) {
        done += running.stop().await.done;
    }
    assert_eq!((done, service.calls()), (100, 100));
}

/// One that is dropped, as when its process dies, leaves its tasks to the next.
#[tokio::test(start_paused = true)]
async fn one_that_dies_leaves_its_tasks_to_the_next() {
    let store = store();
    put(&store, 1).await;
    let hung = Scripted::new(|_| pending());
    let running = start(worker(&store, &hung));
    sleep(10 * SECOND).await;
    running.worker.abort();
    let service = Scripted::takes(SECOND);
    let began = Instant::now();
    let mut next = start(worker(&store, &service));
    next.done(1).await;
    assert!(began.elapsed() <= 62 * SECOND);
    assert_eq!(hung.seen.dropped.lock().unwrap().len(), 1);
    next.stop().await;
}

fn in_lane(n: usize, lane: &str) -> Entry {
    Entry::new(task(n).to_json()).lane(lane)
}

/// However many tasks of a model that is down stand before one of another.
#[tokio::test(start_paused = true)]
async fn a_lane_that_is_down_holds_up_no_other() {
    let store = store();
    for n in 0..500 {
        let entry = in_lane(n, "down");
        store.memory().enqueue(entry).await.unwrap();
    }
    for n in 500..600 {
        let entry = in_lane(n, "up");
        store.memory().enqueue(entry).await.unwrap();
    }
    let service = Scripted::new(|delivery| {
        let up = number(delivery) >= 500;
        async move {
            match up {
                true => {
                    sleep(SECOND).await;
                    Verdict::Done(Bytes::new())
                }
                false => Verdict::refused("circuit open").after(300 * SECOND),
            }
        }
    });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(100).await;
    // One, two, four, and then eight at a time.
    assert!(began.elapsed() < 20 * SECOND, "{:?}", began.elapsed());
    let progress = *running.progress.borrow();
    assert!(progress.refused < 8, "{progress:?}");
    assert_eq!((progress.paused, progress.lanes_paused), (false, 1));

    // Nor is it tried more often, or the store asked, than when it is all that there is.
    let claims = store.calls("claim");
    sleep(20 * MINUTE).await;
    let progress = running.stop().await;
    assert!((8..20).contains(&progress.refused), "{progress:?}");
    assert!(store.calls("claim") - claims <= 1250);
    let counts = store.memory().counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_fails_slows_down_no_other() {
    let store = store();
    for n in 0..400 {
        let entry = in_lane(n, ["a", "b"][n % 2]);
        store.memory().enqueue(entry).await.unwrap();
    }
    let service = Scripted::new(|delivery| {
        let fails = number(delivery).is_multiple_of(2);
        async move {
            sleep(SECOND).await;
            match fails {
                true => Verdict::failed("overloaded"),
                false => Verdict::Done(Bytes::new()),
            }
        }
    });
    let began = Instant::now();
    let mut running = start(worker(&store, &service));
    running.done(200).await;
    // Eight at a time, or seven while the other lane is tried.
    assert!(began.elapsed() < 40 * SECOND, "{:?}", began.elapsed());
    let progress = running.stop().await;
    assert!(progress.failed < 8, "{progress:?}");
}

/// A session may go from one lane to another, and is done in its order all the same.
#[tokio::test(start_paused = true)]
async fn a_session_waits_for_a_lane_that_is_down() {
    let store = store();
    for (n, lane) in ["up", "down", "up"].into_iter().enumerate() {
        let entry = in_lane(n, lane).session("s");
        store.memory().enqueue(entry).await.unwrap();
    }
    let began = Instant::now();
    let service = Scripted::new(move |delivery| {
        let down = number(delivery) == 1 && began.elapsed() < 10 * MINUTE;
        async move {
            match down {
                true => Verdict::refused("circuit open"),
                false => Verdict::Done(Bytes::new()),
            }
        }
    });
    let mut running = start(worker(&store, &service));
    sleep(9 * MINUTE).await;
    assert_eq!(running.progress.borrow().done, 1);
    running.done(3).await;
    running.stop().await;
    let calls = service.seen.calls.lock().unwrap();
    let mut ids: Vec<_> = calls.iter().map(|(id, _)| *id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
