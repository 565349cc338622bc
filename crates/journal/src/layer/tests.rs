use super::*;
use crate::{
    About, Answer, BoxFuture, CannotOpen, CannotSeal, Cipher, Digest, Entry, Found, Key, Memory,
    Page, Record, Records, SessionInfo, Settings, Step, StoreError,
};
use buttress_core::{AsFailure, Call, Cause, Class, Rejected, Session};
use bytes::Bytes;
use std::{
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};
use tokio::{task::yield_now, time::sleep};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{self, Attributes, Id},
};

#[derive(Clone)]
struct Question {
    session: Option<Session>,
    position: u64,
    text: &'static str,
    call: Call,
}

impl Question {
    fn new(session: &str, text: &'static str) -> Self {
        Self {
            session: Some(Session::new(session).unwrap()),
            position: 1,
            text,
            call: Call::new(),
        }
    }

    fn with(mut self, set: impl FnOnce(Session) -> Session) -> Self {
        self.session = self.session.map(set);
        self
    }

    fn step(self, step: u64) -> Self {
        self.with(|session| session.step(step))
    }

    fn run(self, run: &str) -> Self {
        self.with(|session| session.run(run).unwrap())
    }
}

#[derive(Clone, Debug)]
struct Questions;

impl JournalPolicy<Question, String> for Questions {
    type Context = Call;

    fn session<'a>(&self, question: &'a Question) -> Option<&'a Session> {
        question.session.as_ref()
    }

    fn context(&self, question: &Question) -> Call {
        question.call.clone()
    }

    fn asked(&self, question: &Question) -> Asked {
        let digest = Digest::of(&[question.text.as_bytes()]);
        Asked::new(digest, question.position).body(question.text.into())
    }

    fn replay(&self, _: &Question, answer: Answer) -> Result<String, Unreadable> {
        String::from_utf8(answer.body.to_vec()).map_err(|_| Unreadable::new())
    }

    async fn record(&self, answer: String, pen: Pen) -> String {
        if answer != "unfit" {
            let about = About {
                output: Some(answer.len() as u64),
                ..About::default()
            };
            pen.write(Answer::whole(answer.clone().into()).about(about))
                .await;
        }
        answer
    }
}

type Service = BoxCloneSyncService<Question, String, Failed>;

#[derive(Debug, PartialEq)]
enum Failed {
    Rejected(Rejected),
    Other,
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// Says what it was asked, and the how many-th question that was.
struct Model {
    asked: Arc<AtomicUsize>,
    service: Service,
}

impl Model {
    /// As if the process had begun anew, with the same store.
    fn new(layer: &JournalLayer<Questions>) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let model = service_fn(move |question: Question| {
            let index = counter.fetch_add(1, Relaxed);
            async move {
                match question.text {
                    "fails" => Err(Failed::Other),
                    "unfit" => Ok("unfit".to_owned()),
                    "slow" => {
                        sleep(Duration::from_secs(5)).await;
                        Ok(format!("slow {index}"))
                    }
                    text => Ok(format!("{text} {index}")),
                }
            }
        });
        let service = BoxCloneSyncService::new(layer.layer(model));
        Self { asked, service }
    }

    async fn ask(&self, question: Question) -> Result<String, Failed> {
        self.service.clone().oneshot(question).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Fine,
    Gone,
    Silent,
    /// Records take so long.
    Slow(Duration),
}

/// A store that can be taken away.
#[derive(Debug)]
struct Flaky {
    memory: Memory,
    mode: Mutex<Mode>,
}

#[derive(Clone, Debug)]
struct Store(Arc<Flaky>);

impl Store {
    fn new() -> Self {
        Self(Arc::new(Flaky {
            memory: Memory::new(),
            mode: Mutex::new(Mode::Fine),
        }))
    }

    fn set(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
    }

    fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }

    async fn fails<T>(&self) -> Option<Result<T, StoreError>> {
        let mode = *self.0.mode.lock().unwrap();
        match mode {
            Mode::Fine => None,
            Mode::Gone => Some(Err(StoreError::Unavailable("gone".into()))),
            Mode::Silent => pending().await,
            Mode::Slow(time) => {
                sleep(time).await;
                None
            }
        }
    }
}

impl Records for Store {
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            match self.fails().await {
                Some(failed) => failed,
                None => self.0.memory.find(key).await,
            }
        })
    }

    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>> {
        Box::pin(async move {
            match self.fails().await {
                Some(failed) => failed,
                None => self.0.memory.add(entry, settings).await,
            }
        })
    }

    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>> {
        self.0.memory.sessions(after, most)
    }

    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>> {
        self.0.memory.session(session)
    }

    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>> {
        self.0.memory.records(session, after, most, whole)
    }

    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.memory.remove(session)
    }

    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.0.memory.sweep(before)
    }
}

fn layer(store: &Store) -> JournalLayer<Questions> {
    JournalLayer::new(store.sessions(), Questions)
}

async fn recorded(store: &Store, session: &str) -> u64 {
    let info = store.sessions().get(session).await.unwrap();
    info.map_or(0, |info| info.records)
}

#[tokio::test]
async fn what_was_answered_is_given_again_and_not_asked() {
    let store = Store::new();
    let first = Model::new(&layer(&store));
    for text in ["a", "b"] {
        first.ask(Question::new("s", text)).await.unwrap();
    }
    let second = Model::new(&layer(&store));
    let question = Question::new("s", "b");
    let call = question.call.clone();
    assert_eq!(second.ask(question).await.unwrap(), "b 1");
    assert_eq!(call.attempts(), 0);
    assert!(
        call.journey()
            .to_string()
            .contains("given from the journal")
    );
    assert_eq!(second.ask(Question::new("s", "c")).await.unwrap(), "c 0");
    assert_eq!(second.asked(), 1);
    // Another session is another one, and a question without a session is asked each time.
    assert_eq!(second.ask(Question::new("t", "b")).await.unwrap(), "b 1");
    let mut alone = Question::new("s", "b");
    alone.session = None;
    assert_eq!(second.ask(alone.clone()).await.unwrap(), "b 2");
    assert_eq!(second.ask(alone).await.unwrap(), "b 3");
}

#[tokio::test]
async fn what_failed_or_is_no_answer_is_not_recorded() {
    let store = Store::new();
    let model = Model::new(&layer(&store));
    for _ in 0..2 {
        let failed = model.ask(Question::new("s", "fails")).await;
        assert_eq!(failed, Err(Failed::Other));
        model.ask(Question::new("s", "unfit")).await.unwrap();
    }
    assert_eq!((model.asked(), recorded(&store, "s").await), (4, 0));
}

#[tokio::test]
async fn a_request_that_changed_begins_another_branch_and_the_old_one_stays() {
    let store = Store::new();
    let first = Model::new(&layer(&store));
    for (step, text) in [(1, "a"), (2, "b"), (3, "c")] {
        first
            .ask(Question::new("s", text).step(step))
            .await
            .unwrap();
    }
    let second = Model::new(&layer(&store));
    for (step, text) in [(1, "a"), (2, "B"), (3, "C")] {
        let question = Question::new("s", text).step(step);
        let call = question.call.clone();
        second.ask(question).await.unwrap();
        let noticed = call
            .journey()
            .to_string()
            .contains("another request than before");
        // What follows the change is of the new branch, and no change of it.
        assert_eq!(noticed, step == 2, "{step}");
    }
    assert_eq!(second.asked(), 2);
    // Neither branch is paid for again.
    let third = Model::new(&layer(&store));
    for (step, text) in [(1, "a"), (2, "b"), (3, "c"), (2, "B"), (3, "C")] {
        third
            .ask(Question::new("s", text).step(step))
            .await
            .unwrap();
    }
    assert_eq!(third.asked(), 0);
    // A change before the place where the branch began is one too.
    third.ask(Question::new("s", "A").step(1)).await.unwrap();
    let steps = store.sessions().steps("s", None, 9).await.unwrap().items;
    let branches: Vec<_> = steps.iter().map(|step| step.branch).collect();
    assert_eq!(branches, [0, 0, 0, 1, 1, 2]);
}

#[tokio::test]
async fn a_request_that_changed_is_refused_where_that_is_set() {
    let store = Store::new();
    let layer = layer(&store).on_change(OnChange::Refuse);
    let first = Model::new(&layer);
    first.ask(Question::new("s", "a").step(1)).await.unwrap();
    let second = Model::new(&layer);
    let refused = second.ask(Question::new("s", "b").step(1)).await;
    let Err(Failed::Rejected(rejected)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(rejected.cause, Cause::RequestChanged);
    assert_eq!(rejected.as_failure().class, Class::BadInput);
    assert_eq!(
        second.ask(Question::new("s", "a").step(1)).await.unwrap(),
        "a 0"
    );
    second.ask(Question::new("s", "b").step(2)).await.unwrap();
    // Where the request itself says which step it is, side by side is no change.
    second.ask(Question::new("s", "b")).await.unwrap();
    second.ask(Question::new("s", "c")).await.unwrap();
    assert_eq!(second.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side_are_all_answered_and_recorded() {
    for step in [None, Some(7)] {
        let store = Store::new();
        store.set(Mode::Slow(Duration::from_millis(10)));
        let layer = layer(&store).on_change(OnChange::Refuse);
        let question = |text| {
            let question = Question::new("s", text);
            match step {
                Some(step) => question.step(step),
                None => question,
            }
        };
        let first = Model::new(&layer);
        let (a, b, c) = tokio::join!(
            first.ask(question("a")),
            first.ask(question("b")),
            first.ask(question("a"))
        );
        for answer in [a, b, c] {
            answer.unwrap();
        }
        let second = Model::new(&layer);
        for text in ["a", "b"] {
            second.ask(question(text)).await.unwrap();
        }
        assert_eq!(second.asked(), 0, "{step:?}");
        // The same was asked twice at once, and is one record.
        assert_eq!(recorded(&store, "s").await, 2);
    }
}

#[tokio::test]
async fn a_run_that_asks_the_same_again_gets_another_answer_and_the_next_run_both() {
    let store = Store::new();
    let layer = layer(&store);
    let model = Model::new(&layer);
    let ask = async |run: &str| model.ask(Question::new("s", "a").run(run)).await.unwrap();
    assert_eq!([ask("1").await, ask("1").await], ["a 0", "a 1"]);
    assert_eq!(
        [ask("2").await, ask("2").await, ask("2").await],
        ["a 0", "a 1", "a 2"]
    );
    assert_eq!(
        [ask("3").await, ask("3").await, ask("3").await],
        ["a 0", "a 1", "a 2"]
    );
    // Without a run the same request is the same call.
    assert_eq!(model.ask(Question::new("s", "a")).await.unwrap(), "a 0");
    assert_eq!(model.asked(), 3);
}

#[tokio::test]
async fn a_call_that_failed_in_a_run_takes_no_record_from_it() {
    let store = Store::new();
    let model = Model::new(&layer(&store));
    for _ in 0..3 {
        let failed = model.ask(Question::new("s", "fails").run("1")).await;
        assert_eq!(failed, Err(Failed::Other));
    }
    let runs = store.sessions();
    let session = Session::new("s").unwrap().run("1").unwrap();
    let used = runs
        .runs()
        .take(&session, Step::Derived(1), Digest::of(&[b"fails"]));
    assert_eq!(used.unwrap().nth(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_or_silent_fails_no_call() {
    for mode in [Mode::Gone, Mode::Silent] {
        let store = Store::new();
        let model = Model::new(&layer(&store));
        store.set(mode);
        let question = Question::new("s", "a").step(1);
        let call = question.call.clone();
        assert_eq!(model.ask(question).await.unwrap(), "a 0");
        let journey = call.journey().to_string();
        assert!(journey.contains("the journal can't be read"), "{journey}");
        let told = match mode {
            Mode::Gone => "not recorded: the store failed",
            _ => "given before it was recorded",
        };
        assert!(journey.contains(told), "{journey}");
        // Once for the record, and once for the answer.
        assert!(call.started().elapsed() <= Duration::from_secs(2));
        store.set(Mode::Fine);
        assert_eq!(
            model.ask(Question::new("s", "a").step(1)).await.unwrap(),
            "a 1"
        );
        assert_eq!(recorded(&store, "s").await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_when_it_is_recorded_and_recorded_when_nobody_waits_any_more() {
    let store = Store::new();
    store.set(Mode::Slow(Duration::from_millis(300)));
    let model = Model::new(&layer(&store));
    let question = Question::new("s", "a");
    let call = question.call.clone();
    model.ask(question).await.unwrap();
    assert_eq!(call.started().elapsed(), Duration::from_millis(600));
    assert_eq!(recorded(&store, "s").await, 1);
    // Its caller leaves between the answer and the record.
    let left = tokio::time::timeout(
        Duration::from_millis(400),
        model.ask(Question::new("s", "b")),
    );
    assert!(left.await.is_err());
    sleep(Duration::from_secs(1)).await;
    assert_eq!((model.asked(), recorded(&store, "s").await), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_was_answered_leaves_nothing_behind() {
    let store = Store::new();
    let model = Model::new(&layer(&store));
    for _ in 0..3 {
        let question = Question::new("s", "slow").run("1");
        let left = tokio::time::timeout(Duration::from_secs(1), model.ask(question));
        assert!(left.await.is_err());
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(recorded(&store, "s").await, 0);
    let kept = model.ask(Question::new("s", "slow").run("1")).await;
    assert_eq!(kept.unwrap(), "slow 3");
    assert_eq!(
        model
            .ask(Question::new("s", "slow").run("2"))
            .await
            .unwrap(),
        "slow 3"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_or_too_much_is_given_and_not_recorded() {
    let store = Store::new();
    let mut settings = Settings::new();
    (
        settings.max_records,
        settings.max_bytes,
        settings.max_answer,
    ) = (2, 1000, 4);
    let sessions = store.sessions().settings(settings.clone());
    let model = Model::new(&JournalLayer::new(sessions, Questions));
    for (text, told) in [
        ("a", "recorded in the journal"),
        ("abc", "not recorded: the answer is too large"),
        ("b", "recorded in the journal"),
        ("c", "not recorded: there is no more room"),
    ] {
        let question = Question::new("s", text);
        let call = question.call.clone();
        model.ask(question).await.unwrap();
        let journey = call.journey().to_string();
        assert!(journey.contains(told), "{text}: {journey}");
    }
    // A store that does not keep up costs no more memory than is set.
    settings.max_pending = 2048;
    let sessions = store.sessions().settings(settings);
    let layer = JournalLayer::new(sessions, Questions).limit(Duration::from_millis(1));
    let model = Model::new(&layer);
    store.set(Mode::Silent);
    for index in 0..5 {
        let question = Question::new("t", "a");
        let call = question.call.clone();
        model.ask(question).await.unwrap();
        let refused = call.journey().to_string().contains("does not keep up");
        assert_eq!(refused, index >= 3, "{index}");
    }
}

/// Counts the warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        *about.level() <= Level::WARN
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_does_not_fill_the_log() {
    let store = Store::new();
    let model = Model::new(&layer(&store));
    store.set(Mode::Gone);
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    for _ in 0..100 {
        model.ask(Question::new("s", "a")).await.unwrap();
    }
    // What can't be looked up, and what can't be recorded.
    assert_eq!(warnings.0.load(Relaxed), 2);
    sleep(Troubles::SPAN).await;
    model.ask(Question::new("s", "a")).await.unwrap();
    assert_eq!(warnings.0.load(Relaxed), 4);
}

#[derive(Debug)]
struct Xor(u8);

impl Cipher for Xor {
    fn seal(&self, name: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal> {
        sealed.push(self.0);
        sealed.extend_from_slice(name);
        sealed.extend(plain.iter().map(|byte| byte ^ self.0));
        Ok(())
    }

    fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Bytes, CannotOpen> {
        let body = sealed
            .strip_prefix(&[self.0])
            .and_then(|rest| rest.strip_prefix(name));
        let body = body.ok_or(CannotOpen::Damaged)?;
        Ok(body.iter().map(|byte| byte ^ self.0).collect())
    }
}

#[tokio::test]
async fn what_is_sealed_is_opened_and_what_can_t_be_is_made_anew() {
    let store = Store::new();
    let with = |key| {
        let sessions = store.sessions().cipher(Xor(key));
        JournalLayer::new(sessions, Questions).keep_requests(true)
    };
    let first = Model::new(&with(7));
    first.ask(Question::new("s", "secret")).await.unwrap();
    let kept = store.0.memory.records("s", None, 9, true).await.unwrap();
    let kept = &kept.items[0];
    for part in [&kept.request, &kept.answer] {
        let part = part.as_deref().unwrap();
        assert!(!part.windows(6).any(|window| window == b"secret"));
    }
    let again = Model::new(&with(7));
    assert_eq!(
        again.ask(Question::new("s", "secret")).await.unwrap(),
        "secret 0"
    );
    let other = Model::new(&with(8));
    assert_eq!(
        other.ask(Question::new("s", "secret")).await.unwrap(),
        "secret 0"
    );
    assert_eq!((other.asked(), recorded(&store, "s").await), (1, 1));
    assert_eq!(
        other.ask(Question::new("s", "secret")).await.unwrap(),
        "secret 0"
    );
    assert_eq!(other.asked(), 1);
    let exported = with(8).sessions().export("s", None, 9).await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&exported.items[0].to_json()).unwrap();
    assert_eq!(
        (&line["request"], &line["answer"]),
        (&"secret".into(), &"secret 0".into())
    );
    assert_eq!(
        (&line["output_tokens"], &line["step"]),
        (&8.into(), &1.into())
    );
    assert!(with(7).sessions().export("s", None, 9).await.is_err());
}

#[tokio::test]
async fn a_session_is_kept_for_so_long_after_its_last_record() {
    let store = Store::new();
    let hands = Arc::new(Mutex::new(SystemTime::now()));
    let clock = Arc::clone(&hands);
    let sessions = store.sessions().clock(move || *clock.lock().unwrap());
    let model = Model::new(&JournalLayer::new(sessions.clone(), Questions));
    let turn = |days: u64| *hands.lock().unwrap() += Duration::from_hours(24 * days);
    model.ask(Question::new("old", "a")).await.unwrap();
    model.ask(Question::new("used", "a")).await.unwrap();
    turn(6);
    model.ask(Question::new("used", "b")).await.unwrap();
    assert_eq!(sessions.sweep().await.unwrap(), 0);
    turn(1);
    assert_eq!(sessions.sweep().await.unwrap(), 1);
    let left = sessions.list(None, 9).await.unwrap().items;
    assert_eq!((left.len(), &*left[0].id, left[0].records), (1, "used", 2));
    assert!(sessions.remove("used").await.unwrap());
    assert!(!sessions.remove("used").await.unwrap());
}

#[test]
fn a_call_without_a_session_costs_no_allocation() {
    let store = Store::new();
    let model = service_fn(|_: Question| std::future::ready(Ok::<_, Failed>(String::new())));
    let mut service = layer(&store).layer(model);
    let mut question = Question::new("s", "a");
    question.session = None;
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let counted = allocation_counter::measure(|| {
        use tower_service::Service as _;
        assert!(service.poll_ready(&mut cx).is_ready());
        let call = std::pin::pin!(service.call(question));
        assert!(call.poll(&mut cx).is_ready());
    });
    assert_eq!(counted.count_total, 0);
}

#[tokio::test]
async fn a_clone_drives_the_instance_that_is_ready() {
    #[derive(Clone)]
    struct Ready(bool);

    impl tower_service::Service<Question> for Ready {
        type Response = String;
        type Error = Failed;
        type Future = std::future::Ready<Result<String, Failed>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Failed>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Question) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called before it was ready");
            std::future::ready(Ok("well".to_owned()))
        }
    }

    let mut service = layer(&Store::new()).layer(Ready(false));
    for text in ["a", "b", "a"] {
        use tower_service::Service as _;
        service.ready().await.unwrap();
        assert_eq!(
            service.call(Question::new("s", text)).await.unwrap(),
            "well"
        );
        yield_now().await;
    }
}
