//! Failures that come in the shape of an answer.

use crate::{always, assert_mended, assert_tried_again, one, overloaded, two, well};
use buttress_testkit::{Fault, Reply};
use buttress_tests::{Mode, assert_waits, assert_went_on, in_all_modes, in_modes, last_call};
use std::{convert::identity, time::Duration};

#[tokio::test]
async fn an_error_event_first() {
    in_all_modes(async |mode| {
        assert_mended(mode, Reply::error_first(Fault::Overloaded), identity).await;
    })
    .await;
}

#[tokio::test]
async fn an_error_event_first_for_ever() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::error_first(Fault::Overloaded)).await;
        let gateway = one(mode, &provider).start().await;

        // A plain error: nothing of a stream was begun.
        let answer = gateway.ask(mode).await;
        let (status, error) = overloaded(mode);
        answer.assert_given_up(status, error);
        assert_eq!(answer.attempts(), 4);
        assert_waits(&provider, [40..=40, 80..=80, 160..=160]);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn an_error_event_first_and_a_fallback() {
    in_all_modes(async |mode| {
        // Not retried, so at once.
        let first = always(mode, Reply::error_first(Fault::InvalidKey)).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        assert_went_on(&first, &second);
    })
    .await;
}

#[tokio::test]
async fn an_error_event_in_the_middle() {
    in_modes(Mode::streamed(), async |mode| {
        let reply = Reply::text("One two three").error_after(2, Fault::Overloaded);
        let (first, second) = (always(mode, reply).await, well(mode).await);
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        let (_, error) = overloaded(mode);
        answer.assert_broken_off("One two", error, "first");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 0));
        let counts = gateway.breaker(0).counts();
        assert_eq!((counts.calls, counts.failures), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn an_empty_stream() {
    in_modes(Mode::streamed(), async |mode| {
        assert_tried_again(mode, Reply::empty_stream()).await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_with_nothing_but_an_end() {
    in_modes(Mode::streamed(), async |mode| {
        assert_tried_again(mode, Reply::done_only()).await;
    })
    .await;
}

#[tokio::test]
async fn json_that_is_none() {
    in_all_modes(async |mode| {
        assert_tried_again(mode, Reply::not_json()).await;
    })
    .await;
}

#[tokio::test]
async fn a_page_of_html_under_a_200() {
    in_all_modes(async |mode| {
        let page = Reply::raw(200)
            .header("content-type", "text/html")
            .body("<html><body>Please log in to the Wi-Fi</body></html>");
        let (first, second) = (always(mode, page).await, well(mode).await);
        let gateway = two(mode, &first, &second).start().await;
        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!(second.call_count(), 1);
    })
    .await;
}
