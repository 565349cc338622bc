use super::*;
use crate::{CannotSeal, Memory, Settings};

const LEASE: Duration = Duration::from_secs(60);

/// Turns every bit over: enough to see what is sealed, and as what.
#[derive(Debug)]
struct Turned(u8);

impl Cipher for Turned {
    fn seal(&self, name: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal> {
        if self.0 == 0 {
            return Err(CannotSeal);
        }
        sealed.push(self.0);
        sealed.extend(name);
        sealed.extend(plain.iter().map(|byte| !byte));
        Ok(())
    }

    fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Bytes, CannotOpen> {
        let rest = sealed
            .strip_prefix(&[self.0])
            .ok_or(CannotOpen::UnknownKey)?;
        let body = rest.strip_prefix(name).ok_or(CannotOpen::Damaged)?;
        Ok(body.iter().map(|byte| !byte).collect())
    }
}

fn task() -> Task {
    let mut task = Task::parse(br#"{"session_id": "s", "messages": ["a secret"]}"#).unwrap();
    task.idempotency_key = Some("k".to_owned());
    task
}

fn queue() -> Queue {
    Queue::new(Memory::new(Settings::new()))
}

async fn claim(queue: &Queue) -> Claimed {
    let mut claimed = queue.claim("w", 1, LEASE).await.unwrap();
    claimed.pop().expect("one is due")
}

#[tokio::test(start_paused = true)]
async fn what_is_put_in_can_be_taken_out() {
    let queue = queue();
    let Enqueued { id, new } = queue.enqueue(task()).await.unwrap();
    assert!(new);
    let again = queue.enqueue(task()).await.unwrap();
    assert_eq!(again, Enqueued::new(id, false));

    let claimed = claim(&queue).await;
    assert_eq!(claimed.entry.session.as_deref(), Some("s"));
    let mut opened = queue.open(&claimed).unwrap();
    let task = task();
    // A time that is read is not the same to the nanosecond.
    let queued_at = [opened.queued_at, claimed.entry.queued_at];
    let [first, last] = [queued_at.iter().min(), queued_at.iter().max()].map(Option::unwrap);
    assert!(last.duration_since(*first).unwrap() < Duration::from_micros(1));
    opened.queued_at = task.queued_at;
    assert_eq!(opened.to_json(), task.to_json());
    queue.finish(&claimed.lease, "done".into()).await.unwrap();
    let kept = queue.inspect(id).await.unwrap().unwrap();
    assert_eq!(kept.record.state, State::Done);
    assert_eq!(kept.result, Some(Ok("done".into())));
    let nothing = TaskId::from_bytes([0; 16]);
    assert!(queue.inspect(nothing).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_store_sees_only_what_is_sealed() {
    let queue = queue().cipher(Turned(1));
    let id = queue.enqueue(task()).await.unwrap().id;
    let claimed = claim(&queue).await;
    assert!(queue.open(&claimed).is_ok());
    queue
        .finish(&claimed.lease, "an answer".into())
        .await
        .unwrap();

    let record = queue.store().inspect(id).await.unwrap().unwrap();
    for stored in [record.payload.unwrap(), record.result.unwrap()] {
        assert!(stored.starts_with(&MARK));
        let stored = String::from_utf8_lossy(&stored);
        assert!(!stored.contains("secret") && !stored.contains("answer"));
    }
    let kept = queue.inspect(id).await.unwrap().unwrap();
    assert_eq!(kept.result, Some(Ok("an answer".into())));
    assert!(
        kept.task
            .unwrap()
            .unwrap()
            .messages
            .get()
            .contains("secret")
    );
    assert_eq!(kept.record.payload, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_is_told_and_kept() {
    let sealed = queue().cipher(Turned(1));
    let id = sealed.enqueue(task()).await.unwrap().id;
    let plain = Queue::from(Arc::clone(sealed.store()));
    let other = plain.clone().cipher(Turned(2));
    for (queue, why) in [
        (&plain, Unopened::Sealed(CannotOpen::NoKey)),
        (&other, Unopened::Sealed(CannotOpen::UnknownKey)),
    ] {
        let kept = queue.inspect(id).await.unwrap().unwrap();
        assert_eq!(kept.task.unwrap().unwrap_err(), why);
        assert!(kept.record.payload.is_some(), "it is still there");
        assert!(why.wants_key());
    }
    let claimed = claim(&other).await;
    assert_eq!(
        other.open(&claimed).unwrap_err(),
        Unopened::Sealed(CannotOpen::UnknownKey)
    );
    let error = StoreError::from(Unopened::Sealed(CannotOpen::UnknownKey));
    assert_eq!(error.as_str(), "corrupt");
    // Whoever has the key reads it still.
    assert!(sealed.open(&claimed).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sealed_or_is_no_task_is_read_for_what_it_is() {
    let plain = queue();
    plain.enqueue(task()).await.unwrap();
    let sealed = Queue::from(Arc::clone(plain.store())).cipher(Turned(1));
    assert!(sealed.open(&claim(&sealed).await).is_ok());

    let store = sealed.store();
    store.enqueue(Entry::new("[no task]")).await.unwrap();
    let unread = sealed.open(&claim(&sealed).await).unwrap_err();
    assert_eq!(unread, Unopened::NoTask);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sealed_is_not_kept() {
    let queue = queue().cipher(Turned(0));
    let error = queue.enqueue(task()).await.unwrap_err();
    assert_eq!(error.as_str(), "engine");
    assert_eq!(queue.counts().await.unwrap(), Counts::default());
}
