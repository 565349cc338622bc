//! The replayed body, frame by frame.

use super::{ReplayBody, Superseded, body::Source};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Channel, Empty, Full, channel::Sender};
use proptest::{collection::vec, prelude::*};
use std::{io, pin::Pin, task::Poll};
use tokio_test::{assert_pending, assert_ready, task::spawn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Original = Channel<Bytes, io::Error>;

const LIMIT: usize = 8;

fn original() -> (
    Sender<Bytes, io::Error>,
    ReplayBody<Original>,
    Source<Original>,
) {
    let (sender, body) = Channel::new(32);
    let (body, source) = ReplayBody::new(body, LIMIT);
    (sender, body, source.unwrap())
}

fn trailers() -> HeaderMap {
    let pair = ("x".parse().unwrap(), "y".parse().unwrap());
    [pair].into_iter().collect()
}

/// The next frame of data, which has to be there.
fn data<B>(body: &mut ReplayBody<B>) -> Bytes
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    let frame = assert_ready!(spawn(body.frame()).poll());
    frame.unwrap().unwrap().into_data().unwrap()
}

/// Data and trailers, or the error.
async fn read<B>(body: B) -> Result<(Bytes, Option<HeaderMap>), B::Error>
where
    B: Body<Data = Bytes>,
{
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned();
    Ok((whole.to_bytes(), trailers))
}

#[tokio::test]
async fn data_and_trailers_are_repeated_as_often_as_asked() {
    let (mut sender, first, source) = original();
    sender.send_data("ab".into()).await.unwrap();
    sender.send_data("cd".into()).await.unwrap();
    sender.send_trailers(trailers()).await.unwrap();
    drop(sender);
    let expected = ("abcd".into(), Some(trailers()));
    assert_eq!(read(first).await.unwrap(), expected);
    for _ in 0..3 {
        let again = source.again().unwrap();
        assert!(!again.is_end_stream());
        assert_eq!(read(again).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn goes_on_where_the_attempt_before_stopped_and_nothing_is_read_ahead() {
    let (mut sender, mut first, source) = original();
    sender.send_data("".into()).await.unwrap();
    sender.send_data("ab".into()).await.unwrap();
    sender.send_data("cd".into()).await.unwrap();
    assert_eq!(data(&mut first), "");
    assert_eq!(data(&mut first), "ab");
    drop(first);
    // Nothing is not worth remembering.
    let mut second = source.again().unwrap();
    assert_eq!(data(&mut second), "ab");
    assert_eq!(data(&mut second), "cd");
    sender.send_data("ef".into()).await.unwrap();
    drop((sender, second));
    let third = source.again().unwrap();
    assert_eq!(read(third).await.unwrap().0, "abcdef");
}

#[tokio::test]
async fn an_attempt_that_is_still_alive_gives_up_the_rest() {
    let (mut sender, mut first, source) = original();
    sender.send_data("ab".into()).await.unwrap();
    assert_eq!(data(&mut first), "ab");
    let mut waiting = spawn(first.frame());
    assert_pending!(waiting.poll());
    let second = source.again().unwrap();
    // It is told, or it would hold its connection for ever.
    assert!(waiting.is_woken());
    let error = assert_ready!(waiting.poll()).unwrap().unwrap_err();
    assert!(error.is::<Superseded>());
    drop(waiting);
    assert!(!first.is_end_stream());
    sender.send_data("cd".into()).await.unwrap();
    drop(sender);
    assert_eq!(read(second).await.unwrap().0, "abcd");
}

#[tokio::test]
async fn what_is_remembered_whole_is_for_all() {
    let (mut sender, mut first, source) = original();
    sender.send_data("ab".into()).await.unwrap();
    sender.send_data("cd".into()).await.unwrap();
    drop(sender);
    assert_eq!(data(&mut first), "ab");
    let second = source.again().unwrap();
    assert_eq!(read(second).await.unwrap().0, "abcd");
    // The first had not read so far, but the second has for both.
    assert_eq!(read(first).await.unwrap().0, "cd");
}

#[tokio::test]
async fn above_the_limit_the_attempt_goes_on_and_is_the_last() {
    for tail in [None, Some(trailers())] {
        let (mut sender, mut first, source) = original();
        let long = Bytes::from(b"12345678".to_vec());
        sender.send_data(long.clone()).await.unwrap();
        assert_eq!(data(&mut first), "12345678");
        assert!(source.replayable());
        let mut second = source.again().unwrap();
        assert_eq!(data(&mut second), "12345678");
        sender.send_data("9".into()).await.unwrap();
        sender.send_data("abc".into()).await.unwrap();
        if let Some(tail) = &tail {
            sender.send_trailers(tail.clone()).await.unwrap();
        }
        drop(sender);
        assert_eq!(data(&mut second), "9");
        assert!(!source.replayable() && source.again().is_none());
        // What was remembered is of no more use.
        assert!(long.is_unique());
        assert_eq!(read(second).await.unwrap(), ("abc".into(), tail));
        assert!(!first.is_end_stream());
        assert!(read(first).await.unwrap_err().is::<Superseded>());
    }
}

#[tokio::test]
async fn a_body_known_to_be_too_long_is_not_kept() {
    let (body, source) = ReplayBody::new(Full::new(Bytes::from("123456789")), LIMIT);
    assert!(source.is_none());
    assert_eq!(body.size_hint().exact(), Some(9));
    assert_eq!(read(body).await.unwrap().0, "123456789");
}

#[tokio::test]
async fn a_broken_body_is_not_repeated() {
    let (mut sender, first, source) = original();
    sender.send_data("ab".into()).await.unwrap();
    sender.abort(io::ErrorKind::ConnectionReset.into());
    let error = read(first).await.unwrap_err();
    assert!(error.is::<io::Error>());
    assert!(!source.replayable() && source.again().is_none());
}

#[tokio::test]
async fn the_length_told_is_the_same_each_time() {
    let (mut first, source) = ReplayBody::new(Full::new(Bytes::from("abc")), LIMIT);
    let source = source.unwrap();
    assert_eq!(first.size_hint().exact(), Some(3));
    assert!(!first.is_end_stream());
    assert_eq!(data(&mut first), "abc");
    assert_eq!(first.size_hint().exact(), Some(0));
    assert!(first.is_end_stream());
    let mut second = source.again().unwrap();
    assert_eq!(second.size_hint().exact(), Some(3));
    assert!(!second.is_end_stream());
    assert_eq!(data(&mut second), "abc");
    assert!(second.is_end_stream());

    // Of unknown length at first: so it stays, though it is known by now.
    let (mut sender, first, source) = original();
    sender.send_data("abc".into()).await.unwrap();
    drop(sender);
    read(first).await.unwrap();
    assert_eq!(source.again().unwrap().size_hint().exact(), None);
}

#[tokio::test]
async fn an_empty_body_is_empty_from_the_start() {
    let (first, source) = ReplayBody::new(Empty::<Bytes>::new(), 0);
    assert!(first.is_end_stream());
    assert_eq!(first.size_hint().exact(), Some(0));
    let again = source.unwrap().again().unwrap();
    assert!(again.is_end_stream());
    assert_eq!(read(again).await.unwrap().0, "");
}

/// Gives these frames, and trailers at the end.
struct Frames(std::vec::IntoIter<Vec<u8>>, Option<HeaderMap>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match self.0.next() {
            Some(data) => Some(Frame::data(data.into())),
            None => self.1.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_slice().iter().map(Vec::len).sum::<usize>() as u64)
    }
}

proptest! {
    /// However far each attempt gets before the next one begins, every one of them begins with
    /// the same bytes, and the last one gets them all.
    #[test]
    fn every_attempt_sends_the_same(
        frames in vec(vec(any::<u8>(), 0..4), 0..8),
        stops in vec(0..12usize, 0..5),
        with_trailers: bool,
    ) {
        let expected = frames.concat();
        let tail = with_trailers.then(trailers);
        let body = Frames(frames.into_iter(), tail.clone());
        let (mut body, source) = ReplayBody::new(body, 64);
        let source = source.unwrap();
        for stop in stops {
            let mut sent = Vec::new();
            for _ in 0..stop {
                let left = expected.len() - sent.len();
                prop_assert_eq!(body.size_hint().exact(), Some(left as u64));
                match assert_ready!(spawn(body.frame()).poll()) {
                    Some(frame) => match frame.unwrap().into_data() {
                        Ok(data) => sent.extend_from_slice(&data),
                        Err(_) => prop_assert_eq!(&sent, &expected),
                    },
                    None => {
                        prop_assert!(body.is_end_stream());
                        prop_assert_eq!(&sent, &expected);
                    }
                }
            }
            prop_assert!(expected.starts_with(&sent));
            body = source.again().unwrap();
        }
        let (sent, end) = assert_ready!(spawn(read(body)).poll()).unwrap();
        prop_assert_eq!(sent, expected);
        prop_assert_eq!(end, tail);
    }
}

#[tokio::test]
async fn small_frames_are_put_together() {
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(8);
    let (mut first, source) = ReplayBody::new(body, 1 << 20);
    let source = source.unwrap();
    for _ in 0..1000 {
        sender.send_data("x".into()).await.unwrap();
        assert_eq!(data(&mut first), "x");
    }
    // The first one is kept as it came.
    let mut again = source.again().unwrap();
    assert_eq!(data(&mut again).len(), 1);
    assert_eq!(data(&mut again).len(), 999);
    // What was sent of a frame that is filled up later is not sent twice.
    sender.send_data("yy".into()).await.unwrap();
    assert_eq!(data(&mut again), "yy");
    let large = Bytes::from(vec![b'z'; 4096]);
    let mut last = source.again().unwrap();
    for length in [1, 1001] {
        assert_eq!(data(&mut last).len(), length);
    }
    sender.send_data(large.clone()).await.unwrap();
    drop(sender);
    // Kept as it is, not copied.
    assert_eq!(data(&mut last).as_ptr(), large.as_ptr());
    assert_eq!(read(last).await.unwrap().0, "");
    // The attempt before goes on behind what it sent.
    assert!(!again.is_end_stream());
    assert_eq!(read(again).await.unwrap().0, large);
    let whole = read(source.again().unwrap()).await.unwrap().0;
    assert_eq!(whole.len(), 1002 + 4096);
}
