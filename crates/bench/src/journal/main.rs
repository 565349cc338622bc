//! The journal: how long a hit takes, and what goes before it, the digest of a request.
//!
//! Of records in a new file, and with `journal redis://…` of those in a server too.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it measures, and says what"
)]

use buttress_core::{Rejected, Session};
use buttress_journal::{
    Answer, Asked, Digest, JournalLayer, JournalPolicy, Pen, RedisRecords, Sessions, SqliteRecords,
    Unreadable,
};
use bytes::Bytes;
use std::{env, time::Duration};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

type Question = (Session, Bytes);

struct Questions;

impl JournalPolicy<Question, Bytes> for Questions {
    type Context = ();

    fn session<'a>(&self, (session, _): &'a Question) -> Option<&'a Session> {
        Some(session)
    }

    fn context(&self, _: &Question) {}

    fn asked(&self, (_, body): &Question) -> Asked {
        Asked::new(Digest::of_json(&[], body), 0)
    }

    fn replay(&self, _: &Question, answer: Answer) -> Result<Bytes, Unreadable> {
        Ok(answer.body)
    }

    async fn record(&self, answer: Bytes, pen: Pen) -> Bytes {
        pen.write(Answer::whole(answer.clone())).await;
        answer
    }
}

/// A conversation of about so many bytes.
fn conversation(bytes: usize, turn: usize) -> Bytes {
    let text = "What a \\\"model\\\" says, and what it was asked, is mostly text.\\n".repeat(8);
    let message = format!("{{\"role\":\"user\",\"content\":\"{text}\"}}");
    let messages = vec![message.as_str(); bytes / message.len() + 1].join(",");
    format!("{{\"model\":\"m\",\"turn\":{turn},\"messages\":[{messages}]}}").into()
}

#[tokio::main]
async fn main() {
    for bytes in [2_000, 20_000, 200_000] {
        let body = conversation(bytes, 0);
        let times = measure(200, async |_| _ = Digest::of_json(&[], &body)).await;
        print(&format!("digest of {} bytes of JSON", body.len()), times);
        let times = measure(200, async |_| _ = Digest::of(&[&body])).await;
        print("  byte by byte", times);
    }
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteRecords::open(folder.path().join("journal.db")).unwrap();
    hits("SQLite", Sessions::new(sqlite)).await;
    if let Some(url) = env::args().nth(1) {
        let redis = RedisRecords::connect(&url).await.unwrap();
        hits("Redis", Sessions::new(redis)).await;
    }
}

async fn hits(name: &str, sessions: Sessions) {
    let answer = Bytes::from(vec![b'a'; 10_000]);
    let inner = service_fn(move |_: Question| {
        let answer = answer.clone();
        async move { Ok::<_, Failed>(answer) }
    });
    let service = JournalLayer::new(sessions, Questions).layer(inner);
    let session = Session::new(format!("bench-{}", std::process::id())).unwrap();
    for bytes in [20_000, 200_000] {
        let ask = async |turn: usize| {
            let question = (session.clone(), conversation(bytes, turn));
            let begin = Instant::now();
            service.clone().oneshot(question).await.unwrap();
            begin.elapsed()
        };
        let mut paid = Vec::new();
        for turn in 0..500 {
            paid.push(ask(turn).await);
        }
        print(
            &format!("{name}: recording 10 KB, asked with {bytes}"),
            paid,
        );
        let mut hits = Vec::new();
        for turn in 0..500 {
            hits.push(ask(turn).await);
        }
        print(&format!("{name}: a hit of 10 KB, asked with {bytes}"), hits);
    }
}

async fn measure(times: usize, work: impl AsyncFn(usize)) -> Vec<Duration> {
    let mut all = Vec::with_capacity(times);
    for index in 0..times {
        let begin = Instant::now();
        work(index).await;
        all.push(begin.elapsed());
    }
    all
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (middle, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what:<50} p50 {middle:>10.1?}  p99 {late:>10.1?}");
}

#[derive(Debug)]
struct Failed;

impl From<Rejected> for Failed {
    fn from(_: Rejected) -> Self {
        Self
    }
}
