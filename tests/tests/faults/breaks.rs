//! Connections that break, before and after the first content.

use crate::{always, assert_mended, assert_tried_again, broken, two, well};
use buttress_testkit::Reply;
use buttress_tests::{Mode, Setup, in_all_modes, in_modes};
use std::time::Duration;

/// What was seen stays, and an error says that there is no more.
async fn assert_broken_off(mode: Mode, reply: Reply) {
    let (first, second) = (always(mode, reply).await, well(mode).await);
    let gateway = two(mode, &first, &second).start().await;
    let answer = gateway.ask(mode).await;
    answer.assert_broken_off("One two", broken(mode), "first");
    assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
    assert_eq!((first.call_count(), second.call_count()), (1, 0));
    let counts = gateway.breaker(0).counts();
    assert_eq!((counts.calls, counts.failures), (1, 1));
}

fn text() -> Reply {
    Reply::text("One two three four")
}

#[tokio::test]
async fn reset_before_an_answer() {
    in_all_modes(async |mode| assert_tried_again(mode, Reply::reset()).await).await;
}

#[tokio::test]
async fn closed_before_an_answer() {
    in_all_modes(async |mode| assert_tried_again(mode, Reply::hang_up()).await).await;
}

#[tokio::test]
async fn reset_before_content() {
    in_all_modes(async |mode| assert_tried_again(mode, text().reset_after(0)).await).await;
}

#[tokio::test]
async fn closed_before_content() {
    in_all_modes(async |mode| assert_tried_again(mode, text().close_after(0)).await).await;
}

#[tokio::test]
async fn half_of_a_whole_answer() {
    in_modes(Mode::whole(), async |mode| {
        for half in [text().reset_after(1), text().close_after(1)] {
            assert_tried_again(mode, half).await;
        }
    })
    .await;
}

#[tokio::test]
async fn reset_after_content() {
    in_modes(Mode::streamed(), async |mode| {
        // Time to read it: a reset may overtake what was sent before.
        let reply = text().pace(Duration::from_millis(50)).reset_after(2);
        assert_broken_off(mode, reply).await;
    })
    .await;
}

#[tokio::test]
async fn closed_after_content() {
    in_modes(Mode::streamed(), async |mode| {
        assert_broken_off(mode, text().close_after(2)).await;
    })
    .await;
}

/// Who holds an answer back until it is complete is never told half of one.
#[tokio::test]
async fn closed_after_content_that_was_held_back() {
    in_modes(Mode::streamed(), async |mode| {
        let complete = |setup: Setup| setup.with("defaults.stream.commit = \"complete\"");
        assert_mended(mode, text().close_after(2), complete).await;
    })
    .await;
}

#[tokio::test]
async fn closed_within_a_line() {
    in_modes(Mode::streamed(), async |mode| {
        assert_broken_off(mode, text().close_after(2).mid_line()).await;
    })
    .await;
}

#[tokio::test]
async fn garbage_after_content() {
    in_modes(Mode::streamed(), async |mode| {
        assert_broken_off(mode, text().garbage_after(2)).await;
    })
    .await;
}

#[tokio::test]
async fn a_clean_end_without_a_finish() {
    in_modes(Mode::streamed(), async |mode| {
        assert_broken_off(mode, text().end_after(2)).await;
    })
    .await;
}

#[tokio::test]
async fn a_clean_end_before_content() {
    in_modes(Mode::streamed(), async |mode| {
        assert_tried_again(mode, text().end_after(0)).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_until_the_connection_closes_that_is_cut() {
    in_modes(Mode::streamed(), async |mode| {
        // Nothing in HTTP tells that this is not all of it.
        assert_broken_off(mode, text().until_close().close_after(2)).await;
    })
    .await;
}
