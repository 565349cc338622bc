//! Answers that break, and what a client sees of it.

use crate::client::{Client, events, is_cut_short, is_reset, once, read, request, soon};
use buttress_testkit::{ClosedBy, Dialect, Fault, Nowhere, Provider, Reply};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::Instant;

const MOMENT: Duration = Duration::from_millis(60);

/// Nothing more comes of this body for a moment.
async fn is_silent(body: &mut hyper::body::Incoming) -> bool {
    tokio::time::timeout(MOMENT, body.frame()).await.is_err()
}

fn text() -> Reply {
    Reply::text("one two three")
}

#[tokio::test]
async fn nowhere_refuses() {
    let nowhere = Nowhere::new().unwrap();
    let request = request(&nowhere.url(), Dialect::OpenAi, false);
    let error = Client::http1().send(request).await.unwrap_err();
    assert!(error.is_connect());
}

#[tokio::test]
async fn silence_takes_the_request_and_says_nothing() {
    let provider = Provider::openai()
        .reply(Reply::silence())
        .start()
        .await
        .unwrap();
    let client = Client::http1();
    let call = client.chat(&provider, Dialect::OpenAi, false);
    assert!(tokio::time::timeout(MOMENT, call).await.is_err());
    assert_eq!(provider.call_count(), 1);
    let call = soon(provider.wait_closed(0)).await;
    assert_eq!(call.closed_by(), Some(ClosedBy::Client));
    assert!(!call.finished());
}

#[tokio::test]
async fn headers_only_and_then_silence() {
    for stream in [false, true] {
        let (_provider, response) = once(
            Provider::openai().reply(Reply::headers_only()),
            Dialect::OpenAi,
            stream,
        )
        .await;
        let mut response = response.unwrap();
        assert_eq!(response.status(), 200);
        assert!(is_silent(response.body_mut()).await);
    }
}

#[tokio::test]
async fn a_stall_comes_after_the_deltas_that_it_should_come_after() {
    for (after, said) in [(0, ""), (1, "one"), (9, "one two three")] {
        let builder = Provider::openai().reply(text().stall_after(after));
        let (_provider, response) = once(builder, Dialect::OpenAi, true).await;
        let mut body = response.unwrap().into_body();
        let mut heard = String::new();
        while let Ok(frame) = tokio::time::timeout(MOMENT, body.frame()).await {
            let data = frame.unwrap().unwrap().into_data().unwrap();
            for event in events(std::str::from_utf8(&data).unwrap()) {
                heard += event["choices"][0]["delta"]["content"].as_str().unwrap();
            }
        }
        assert_eq!(heard, said);
    }
}

#[tokio::test]
async fn a_stalled_body_of_json_is_half_there() {
    let builder = Provider::anthropic().reply(text().stall_after(1));
    let (_provider, response) = once(builder, Dialect::Anthropic, false).await;
    let mut body = response.unwrap().into_body();
    let half = soon(body.frame()).await.unwrap().unwrap();
    assert!(half.into_data().unwrap().starts_with(b"{"));
    assert!(is_silent(&mut body).await);
}

#[tokio::test]
async fn keep_alives_go_on_and_on_without_content_and_with() {
    let pings = Reply::text("a b").keep_alive(Duration::from_millis(5));
    let cases = [
        (
            Dialect::OpenAi,
            pings.clone().stall_after(0),
            ": keep-alive",
            0,
        ),
        (
            Dialect::Anthropic,
            pings.clone().stall_after(1),
            "event: ping",
            1,
        ),
    ];
    for (dialect, reply, ping, deltas) in cases {
        let (provider, response) = once(Provider::openai().reply(reply), dialect, true).await;
        let mut body = response.unwrap().into_body();
        let mut stream = String::new();
        while stream.matches(ping).count() < 5 {
            let data = soon(body.frame())
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap();
            stream += std::str::from_utf8(&data).unwrap();
        }
        let content = ["\"content\":\"a\"", "text_delta"];
        let found: usize = content.iter().map(|it| stream.matches(it).count()).sum();
        assert_eq!(found, deltas);
        drop(body);
        soon(provider.wait_closed(0)).await;
    }
    // They fill the pauses of a healthy stream too, and leave its events whole.
    let slow = pings.pace(Duration::from_millis(40));
    let (_provider, response) = once(Provider::openai().reply(slow), Dialect::OpenAi, true).await;
    let (stream, error) = read(response.unwrap()).await;
    assert!(error.is_none() && stream.ends_with("[DONE]\n\n"));
    assert!(stream.contains(": keep-alive\n\n"));
    assert_eq!(events(&stream).len(), 4);
}

#[tokio::test]
async fn keep_alives_before_json_leave_it_json() {
    let reply = text()
        .delay_body(Duration::from_millis(40))
        .keep_alive(Duration::from_millis(5));
    let (_provider, response) = once(Provider::openai().reply(reply), Dialect::OpenAi, false).await;
    let (body, error) = read(response.unwrap()).await;
    assert!(error.is_none() && body.starts_with('\n'));
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
}

#[tokio::test]
async fn a_reset_is_seen_as_one_before_any_byte_and_after_content() {
    let (provider, response) = once(
        Provider::openai().reply(Reply::reset()),
        Dialect::OpenAi,
        true,
    )
    .await;
    assert!(is_reset(&response.unwrap_err()));
    let call = soon(provider.wait_closed(0)).await;
    assert_eq!(call.closed_by(), Some(ClosedBy::Provider));
    let builder = Provider::openai().reply(text().reset_after(1));
    let (_provider, response) = once(builder, Dialect::OpenAi, true).await;
    let (stream, error) = read(response.unwrap()).await;
    assert_eq!(events(&stream).len(), 2);
    assert!(is_reset(&error.unwrap()));
}

#[tokio::test]
async fn a_close_is_no_reset_and_shows_as_a_message_cut_short() {
    let (_provider, response) = once(
        Provider::openai().reply(Reply::hang_up()),
        Dialect::OpenAi,
        true,
    )
    .await;
    let error = response.unwrap_err();
    assert!(is_cut_short(&error) && !is_reset(&error), "{error:?}");
    for stream in [false, true] {
        let builder = Provider::openai().reply(text().close_after(1));
        let (_provider, response) = once(builder, Dialect::OpenAi, stream).await;
        let (text, error) = read(response.unwrap()).await;
        assert!(!text.is_empty());
        let error = error.unwrap();
        assert!(is_cut_short(&error) && !is_reset(&error), "{error:?}");
    }
}

#[tokio::test]
async fn a_clean_end_without_a_finish_is_clean_for_http() {
    for reply in [text().end_after(1), text().end_after(1).until_close()] {
        let (_provider, response) =
            once(Provider::openai().reply(reply), Dialect::OpenAi, true).await;
        let (stream, error) = read(response.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(events(&stream).len(), 2);
        assert!(!stream.contains("[DONE]"));
    }
}

#[tokio::test]
async fn a_cut_within_a_line_leaves_half_of_it() {
    for reply in [
        text().end_after(1).mid_line(),
        text().close_after(1).mid_line(),
    ] {
        let (_provider, response) =
            once(Provider::anthropic().reply(reply), Dialect::Anthropic, true).await;
        let (stream, _) = read(response.unwrap()).await;
        let last = stream.lines().last().unwrap();
        assert!(
            !stream.ends_with('\n') && last.starts_with("data: {"),
            "{last}"
        );
    }
}

#[tokio::test]
async fn an_error_event_comes_first_or_later_and_a_plain_error_when_no_stream_was_asked() {
    let first = Reply::error_first(Fault::Overloaded);
    let later = text().error_after(1, Fault::Overloaded);
    let cases = [
        (&first, Dialect::OpenAi, 1),
        (&later, Dialect::OpenAi, 3),
        // After the events that open a stream.
        (&first, Dialect::Anthropic, 3),
        (&later, Dialect::Anthropic, 5),
        (&first, Dialect::Responses, 3),
        (&later, Dialect::Responses, 6),
    ];
    for (reply, dialect, count) in cases {
        let builder = Provider::openai().forever(reply.clone());
        let (provider, response) = once(builder, dialect, true).await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        let (stream, error) = read(response).await;
        assert!(error.is_none());
        let events = events(&stream);
        assert_eq!(events.len(), count);
        assert!(events[count - 1]["error"]["message"].is_string());
        if dialect != Dialect::OpenAi {
            assert!(stream.contains("event: error\ndata: {\"type\":\"error\""));
        }
        let plain = Client::http1()
            .chat(&provider, dialect, false)
            .await
            .unwrap();
        assert!(plain.status().is_server_error());
    }
}

#[tokio::test]
async fn an_empty_stream_and_one_with_its_end_alone() {
    let (_provider, response) = once(
        Provider::openai().reply(Reply::empty_stream()),
        Dialect::OpenAi,
        true,
    )
    .await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(read(response).await.0, "");
    for (dialect, end) in [
        (Dialect::OpenAi, "data: [DONE]\n\n"),
        (
            Dialect::Anthropic,
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    ] {
        let (_provider, response) =
            once(Provider::openai().reply(Reply::done_only()), dialect, true).await;
        assert_eq!(read(response.unwrap()).await.0, end);
    }
}

#[tokio::test]
async fn wrong_chunks_and_wrong_lengths_are_errors() {
    let builder = Provider::openai().reply(text().garbage_after(1));
    let (_provider, response) = once(builder, Dialect::OpenAi, true).await;
    let (stream, error) = read(response.unwrap()).await;
    assert_eq!(events(&stream).len(), 2);
    let error = error.unwrap();
    assert!(!is_reset(&error) && !is_cut_short(&error), "{error:?}");

    let long = Reply::raw(200).body("hello").content_length(9);
    let (_provider, response) = once(Provider::openai().reply(long), Dialect::OpenAi, false).await;
    let (body, error) = read(response.unwrap()).await;
    assert_eq!(body, "hello");
    assert!(is_cut_short(&error.unwrap()));

    let short = Reply::raw(200).body("hello").content_length(4);
    let (_provider, response) = once(Provider::openai().reply(short), Dialect::OpenAi, false).await;
    assert_eq!(read(response.unwrap()).await.0, "hell");
}

#[tokio::test]
async fn waits_are_kept() {
    let wait = Duration::from_millis(30);
    let cases = [
        (text().delay(wait), wait),
        (text().delay_body(wait), wait),
        (text().pace(wait), wait * 2),
        (Reply::sse("data: 1\n\n").dribble(3, wait), wait * 2),
    ];
    for (reply, at_least) in cases {
        let start = Instant::now();
        let (_provider, response) =
            once(Provider::openai().reply(reply), Dialect::OpenAi, true).await;
        let (_, error) = read(response.unwrap()).await;
        assert!(error.is_none());
        assert!(start.elapsed() >= at_least);
    }
}

#[tokio::test]
async fn the_head_is_there_before_a_delayed_body() {
    let builder = Provider::openai().reply(text().delay_body(Duration::from_secs(60)));
    let (_provider, response) = once(builder, Dialect::OpenAi, true).await;
    assert!(is_silent(response.unwrap().body_mut()).await);
}
