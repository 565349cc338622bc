use super::{
    announce::{Announce, announced, announcement},
    message::message,
    overlooked::look,
    tell::{Tell, verdict},
};
use crate::signature::Signer;
use buttress_queue::{Delivery, Memory, Queue, Settings, State, Task, TaskId, Verdict, Worker};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn queue() -> Queue {
    Queue::new(Memory::new(Settings::new()))
}

async fn queued(tasks: &Queue) -> TaskId {
    let task = Task::parse(br#"{"messages": ["Hi"]}"#).unwrap();
    tasks.enqueue(task).await.unwrap().id
}

/// The tasks whose announcements are in this state.
async fn in_state(announcements: &Queue, state: State) -> Vec<TaskId> {
    let mut found = Vec::new();
    for record in announcements.list(state, None, 100).await.unwrap().records {
        let kept = announcements.inspect(record.id).await.unwrap().unwrap();
        let about = kept.task.map(|task| announced(&task.unwrap()).unwrap());
        found.extend(about);
    }
    found
}

/// What is said of a task whose delivery comes to this.
async fn answer(announcements: &Queue, id: TaskId, deliveries: u32, says: Verdict) -> Verdict {
    let inner = service_fn(move |_: Delivery| {
        let says = says.clone();
        async { Ok::<_, Infallible>(says) }
    });
    let task = Task::parse(br#"{"messages": ["Hi"]}"#).unwrap();
    let delivery = Delivery::new(id, task, deliveries);
    let announce = Announce::new(inner, announcements.clone(), 3);
    announce.oneshot(delivery).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_ends_is_announced_once() {
    let (tasks, announcements) = (queue(), queue());
    let id = queued(&tasks).await;
    answer(&announcements, id, 1, Verdict::failed("no")).await;
    answer(&announcements, id, 3, Verdict::refused("closed")).await;
    assert_eq!(announcements.counts().await.unwrap().open(), 0);
    // The second time another process has died before the end was kept.
    answer(&announcements, id, 1, Verdict::Done("{}".into())).await;
    answer(&announcements, id, 2, Verdict::Dead("bad".to_owned())).await;
    assert_eq!(in_state(&announcements, State::Waiting).await, [id]);
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_the_end() {
    let announcements = queue();
    let id = TaskId::new(SystemTime::now());
    let says = answer(&announcements, id, 3, Verdict::failed("refused by all")).await;
    assert!(
        matches!(&says, Verdict::Dead(reason) if reason == "delivered too often: refused by all"),
        "{says:?}"
    );
    assert_eq!(in_state(&announcements, State::Waiting).await, [id]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_was_queued_again_is_announced_again() {
    let announcements = queue();
    let id = TaskId::new(SystemTime::now());
    answer(&announcements, id, 1, Verdict::Dead("bad".to_owned())).await;
    let claimed = announcements.claim("w", 1, SECOND).await.unwrap();
    let first = &claimed[0].lease;
    announcements.finish(first, "".into()).await.unwrap();
    assert_eq!(announcements.counts().await.unwrap().open(), 0);

    answer(&announcements, id, 1, Verdict::Dead("bad".to_owned())).await;
    let again = announcements.claim("w", 1, SECOND).await.unwrap();
    assert_eq!(announced(&announcements.open(&again[0]).unwrap()), Some(id));
    assert_ne!(again[0].lease.id, first.id, "a message of its own");
}

#[tokio::test(start_paused = true)]
async fn who_is_told_is_told_where_the_task_stands() {
    let tasks = queue();
    let id = queued(&tasks).await;
    let kept = async || tasks.inspect(id).await.unwrap().unwrap();
    assert_eq!(message(kept().await), None);

    let claimed = tasks.claim("w", 1, SECOND).await.unwrap();
    let large = format!(r#"{{"text": "{}"}}"#, "a".repeat(256 << 10));
    tasks.finish(&claimed[0].lease, large.into()).await.unwrap();
    let told: Value = serde_json::from_slice(&message(kept().await).unwrap()).unwrap();
    assert_eq!(told["type"], "task.done");
    assert_eq!(told["data"]["id"], id.to_string());
    assert_eq!(told["data"]["result_omitted"], true);
    assert_eq!(told["data"].get("result"), None);
    let at = told["timestamp"].as_str().unwrap();
    assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
}

fn tell(tasks: &Queue, url: &str) -> Tell {
    let signer = Signer::new("secret").unwrap();
    Tell::new(tasks.clone(), url.parse().unwrap(), signer).unwrap()
}

async fn told(tasks: &Queue, about: TaskId, url: String) -> Verdict {
    let tell = tell(tasks, &url);
    let delivery = Delivery::new(TaskId::new(SystemTime::now()), announcement(about), 1);
    tell.oneshot(delivery).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_has_not_ended_waits_and_what_is_gone_is_over() {
    let tasks = queue();
    let id = queued(&tasks).await;
    let nowhere = || "http://localhost:1/".to_owned();
    let early = told(&tasks, id, nowhere()).await;
    let minute = Duration::from_secs(60);
    assert!(
        matches!(early, Verdict::Aside { wait, .. } if wait == minute),
        "{early:?}"
    );
    tasks.remove(id).await.unwrap();
    let gone = told(&tasks, id, nowhere()).await;
    assert!(matches!(gone, Verdict::Done(_)), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_waited_for_no_longer_than_that() {
    let tasks = queue();
    let id = queued(&tasks).await;
    let claimed = tasks.claim("w", 1, SECOND).await.unwrap();
    tasks.finish(&claimed[0].lease, "{}".into()).await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let told = told(&tasks, id, url).await;
    assert!(
        matches!(told, Verdict::Later { counts: true, .. }),
        "{told:?}"
    );
}

/// Of an end that several come upon, one announcement was given up.
#[tokio::test]
async fn a_receiver_that_wants_to_hear_no_more_of_it_does_not() {
    let (tasks, announcements) = (queue(), queue());
    let id = queued(&tasks).await;
    let claimed = tasks.claim("w", 1, SECOND).await.unwrap();
    let store = tasks.store();
    store.bury(&claimed[0].lease, "bad").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", gone.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut caller, _) = gone.accept().await.unwrap();
        let mut asked = [0; 1024];
        assert!(caller.read(&mut asked).await.unwrap() > 0);
        let answer = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
        caller.write_all(answer).await.unwrap();
    });
    let worker = Worker::new(announcements.clone(), tell(&tasks, &url));
    let before = SystemTime::now() - Duration::from_secs(600);
    look(&tasks, &announcements, before).await.unwrap();
    let mut progress = worker.progress();
    let over = async move {
        let over = progress.wait_for(|progress| progress.done + progress.dead == 1);
        let _ = over.await;
    };
    worker.run(over).await;
    look(&tasks, &announcements, before).await.unwrap();
    assert_eq!(announcements.counts().await.unwrap().open(), 0);
    assert_eq!(
        tasks.inspect(id).await.unwrap().unwrap().record.state,
        State::Dead
    );
}

#[test]
fn the_status_says_what_becomes_of_an_announcement() {
    let now = SystemTime::now();
    let mut asks = HeaderMap::new();
    asks.insert(RETRY_AFTER, 7.into());
    let says = |status: u16, headers: &HeaderMap| {
        let status = StatusCode::from_u16(status).unwrap();
        match verdict(status, headers, now) {
            Verdict::Done(_) => "done".to_owned(),
            Verdict::Dead(reason) => format!("dead: {reason}"),
            Verdict::Later { wait, counts, .. } => format!("later {wait:?} {counts}"),
            _ => String::new(),
        }
    };
    for ok in [200, 201, 204, 299] {
        assert_eq!(says(ok, &asks), "done");
    }
    assert_eq!(says(410, &asks), "dead: the receiver answered 410");
    for limit in [429, 503] {
        assert_eq!(says(limit, &asks), "later Some(7s) false");
        assert_eq!(says(limit, &HeaderMap::new()), "later None true");
    }
    for other in [301, 307, 400, 401, 404, 500, 599, 999] {
        assert_eq!(says(other, &asks), "later None true", "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_gives_up_by_itself_is_found() {
    let mut settings = Settings::new();
    settings.max_age = SECOND;
    let (tasks, announcements) = (Queue::new(Memory::new(settings)), queue());
    let mut ids = [queued(&tasks).await, queued(&tasks).await];
    ids.sort();
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(tasks.sweep().await.unwrap().buried, 2);

    let later = SystemTime::now() + Duration::from_secs(600);
    look(&tasks, &announcements, later).await.unwrap();
    assert_eq!(announcements.counts().await.unwrap().open(), 0);
    for _ in 0..2 {
        let before = SystemTime::now() - Duration::from_secs(600);
        look(&tasks, &announcements, before).await.unwrap();
        let mut found = in_state(&announcements, State::Waiting).await;
        found.sort();
        assert_eq!(found, ids);
    }
}
