//! Answers that are whole: good ones, and errors in the provider's own words.

use crate::client::{Client, events, once, read, read_json, request, soon};
use buttress_testkit::{Dialect, Fault, Finish, Provider, Received, Reply, Script};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use serde_json::{Value, json};
use std::time::Duration;

const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Responses];

#[tokio::test]
async fn a_text_comes_whole_in_the_dialect_that_was_asked() {
    let reply = Reply::text("Hello, world").usage(9, 3);
    for dialect in DIALECTS {
        // Whichever dialect the provider calls its own.
        let (_provider, response) =
            once(Provider::openai().reply(reply.clone()), dialect, false).await;
        let response = response.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = read_json(response).await;
        assert_eq!(body["model"], "model-x");
        if dialect == Dialect::OpenAi {
            let choice = &body["choices"][0];
            assert_eq!(choice["message"]["content"], "Hello, world");
            assert_eq!(choice["finish_reason"], "stop");
            assert_eq!(body["usage"]["total_tokens"], 12);
        } else if dialect == Dialect::Responses {
            assert_eq!(body["output"][0]["content"][0]["text"], "Hello, world");
            assert_eq!(body["status"], "completed");
            assert_eq!(body["usage"]["total_tokens"], 12);
        } else {
            assert_eq!(body["content"][0]["text"], "Hello, world");
            assert_eq!(body["stop_reason"], "end_turn");
            assert_eq!(
                body["usage"],
                json!({ "input_tokens": 9, "output_tokens": 3 })
            );
        }
    }
}

#[tokio::test]
async fn openai_streams_chunks_and_usage_when_asked() {
    let provider = Provider::openai()
        .reply(Reply::text("abcdef").deltas(3).usage(9, 3))
        .start()
        .await
        .unwrap();
    let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true } });
    let request = Request::post(format!("{}/chat/completions", provider.base_url()))
        .body(Full::from(body.to_string()))
        .unwrap();
    let response = Client::http1().send(request).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/event-stream"));
    let (stream, error) = read(response).await;
    assert!(
        error.is_none() && stream.ends_with("data: [DONE]\n\n"),
        "{stream}"
    );
    let events = events(&stream);
    assert_eq!(events.len(), 6, "role, three deltas, finish, usage");
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let deltas = events[1..4]
        .iter()
        .map(|event| &event["choices"][0]["delta"]["content"]);
    assert!(deltas.eq(["ab", "cd", "ef"]));
    assert_eq!(events[4]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[4]["usage"], Value::Null);
    assert_eq!(events[5]["choices"], json!([]));
    assert_eq!(events[5]["usage"]["prompt_tokens"], 9);
}

#[tokio::test]
async fn anthropic_streams_named_events_with_a_ping() {
    let reply = Reply::text("two words").finish(Finish::Length);
    let builder = Provider::anthropic().reply(reply);
    let (provider, response) = once(builder, Dialect::Anthropic, true).await;
    let (stream, error) = read(response.unwrap()).await;
    assert!(error.is_none());
    let names: Vec<_> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let events = events(&stream);
    assert!(
        events
            .iter()
            .zip(names)
            .all(|(event, name)| event["type"] == name)
    );
    assert_eq!(events[4]["delta"]["text"], " words");
    assert_eq!(events[6]["delta"]["stop_reason"], "max_tokens");
    assert_eq!(provider.base_url(), provider.url());
}

#[tokio::test]
async fn gemini_streams_pieces_of_an_answer() {
    let reply = Reply::text("two words").finish(Finish::Length).usage(9, 3);
    let builder = Provider::gemini().key("sk-right").times(2, reply);
    let (provider, response) = once(builder, Dialect::Gemini, true).await;
    let (stream, error) = read(response.unwrap()).await;
    assert!(error.is_none() && stream.ends_with("}\r\n\r\n"), "{stream}");
    let events = events(&stream);
    let texts = events
        .iter()
        .map(|event| &event["candidates"][0]["content"]["parts"][0]["text"]);
    assert!(texts.eq(["two", " words", ""]));
    assert_eq!(events[1]["candidates"][0].get("finishReason"), None);
    assert_eq!(events[2]["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(events[2]["usageMetadata"]["totalTokenCount"], 12);

    let client = Client::http1();
    let whole = client
        .chat(&provider, Dialect::Gemini, false)
        .await
        .unwrap();
    let whole = read_json(whole).await;
    let candidate = &whole["candidates"][0];
    assert_eq!(candidate["content"]["parts"][0]["text"], "two words");
    assert_eq!(candidate["finishReason"], "MAX_TOKENS");
    let calls = provider.calls();
    assert_eq!(
        (calls[0].model(), calls[0].wants_stream()),
        ("model-x", true)
    );
    assert_eq!(
        (calls[1].dialect(), calls[1].wants_stream()),
        (Dialect::Gemini, false)
    );
    assert_eq!(provider.base_url(), provider.url());
}

#[tokio::test]
async fn responses_stream_numbered_events_that_end_with_the_whole() {
    for (finish, what, end) in [
        (Finish::Stop, "output_text", "completed"),
        (Finish::Length, "output_text", "incomplete"),
        (Finish::Refusal, "refusal", "completed"),
    ] {
        let reply = Reply::text("two words").finish(finish).usage(9, 3);
        let builder = Provider::responses().reply(reply);
        let (provider, response) = once(builder, Dialect::Responses, true).await;
        let (stream, error) = read(response.unwrap()).await;
        assert!(error.is_none());
        let events = events(&stream);
        let names = events.iter().map(|event| event["type"].as_str().unwrap());
        assert_eq!(
            names.collect::<Vec<_>>(),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                &format!("response.{what}.delta"),
                &format!("response.{what}.delta"),
                &format!("response.{what}.done"),
                "response.content_part.done",
                "response.output_item.done",
                &format!("response.{end}"),
            ]
        );
        let numbers = events.iter().map(|event| event["sequence_number"].as_u64());
        assert!(numbers.eq((0..10).map(Some)));
        let whole = &events[9]["response"];
        assert_eq!(whole["output"][0], events[8]["item"]);
        assert_eq!(whole["usage"]["total_tokens"], 12);
        assert!(provider.base_url().ends_with("/v1"));
    }
}

#[tokio::test]
async fn refusals_and_filters_come_as_each_dialect_tells_them() {
    let refuse = Reply::text("I won't.").finish(Finish::Refusal);
    let (_provider, response) = once(
        Provider::openai().reply(refuse.clone()),
        Dialect::OpenAi,
        false,
    )
    .await;
    let message = &read_json(response.unwrap()).await["choices"][0]["message"];
    assert_eq!(message["refusal"], "I won't.");
    assert!(message["content"].is_null());
    let (_provider, response) = once(
        Provider::anthropic().reply(refuse),
        Dialect::Anthropic,
        false,
    )
    .await;
    assert_eq!(read_json(response.unwrap()).await["stop_reason"], "refusal");
    let filter = Reply::text("Well").finish(Finish::ContentFilter);
    let (_provider, response) = once(Provider::openai().reply(filter), Dialect::OpenAi, true).await;
    let (stream, _) = read(response.unwrap()).await;
    let finish = &events(&stream)[2]["choices"][0]["finish_reason"];
    assert_eq!(finish, "content_filter");
}

#[tokio::test]
async fn errors_have_the_status_and_the_words_of_the_dialect() {
    let expected = [
        (
            Fault::RateLimited,
            429,
            "rate_limit_exceeded",
            429,
            "rate_limit_error",
        ),
        (
            Fault::InsufficientQuota,
            429,
            "insufficient_quota",
            400,
            "invalid_request_error",
        ),
        (Fault::Overloaded, 503, "slow_down", 529, "overloaded_error"),
        (
            Fault::InvalidKey,
            401,
            "invalid_api_key",
            401,
            "authentication_error",
        ),
        (
            Fault::UnknownModel,
            404,
            "model_not_found",
            404,
            "not_found_error",
        ),
        (
            Fault::ContextLength,
            400,
            "context_length_exceeded",
            400,
            "invalid_request_error",
        ),
        (
            Fault::ContentPolicy,
            400,
            "content_policy_violation",
            400,
            "invalid_request_error",
        ),
    ];
    let provider = Provider::openai().start().await.unwrap();
    let client = Client::http1();
    for (fault, oa_status, code, an_status, kind) in expected {
        provider.play(Script::new().forever(Reply::error(fault)));
        // A stream that was asked for changes nothing: it has not begun.
        let response = client.chat(&provider, Dialect::OpenAi, true).await.unwrap();
        assert_eq!(response.status().as_u16(), oa_status, "{fault:?}");
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(read_json(response).await["error"]["code"], code);
        let response = client
            .chat(&provider, Dialect::Anthropic, false)
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), an_status, "{fault:?}");
        let id = response.headers()["request-id"].clone();
        let body = read_json(response).await;
        assert_eq!(body["error"]["type"], kind);
        assert_eq!(body["request_id"], id.to_str().unwrap());
    }
}

#[tokio::test]
async fn retry_after_goes_out_as_written_or_as_a_date() {
    let provider = Provider::openai()
        .reply(Reply::rate_limited().retry_after("soon"))
        .then(Reply::rate_limited().retry_after_date(Duration::from_secs(20)))
        .start()
        .await
        .unwrap();
    let client = Client::http1();
    let response = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    assert_eq!(response.headers()["retry-after"], "soon");
    let response = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    let date = |name| httpdate(response.headers()[name].to_str().unwrap());
    let wait = date("retry-after").duration_since(date("date")).unwrap();
    assert_eq!(wait, Duration::from_secs(20));
}

fn httpdate(text: &str) -> std::time::SystemTime {
    httpdate::parse_http_date(text).unwrap()
}

#[tokio::test]
async fn raw_answers_are_sent_as_they_are() {
    let reply = Reply::raw(418)
        .header("X-Odd", "one")
        .header("x-odd", "two")
        .header("date", "never")
        .body("short and stout");
    let (_provider, response) = once(Provider::openai().reply(reply), Dialect::OpenAi, false).await;
    let response = response.unwrap();
    assert_eq!(response.status(), 418);
    assert!(
        response
            .headers()
            .get_all("x-odd")
            .iter()
            .eq(["one", "two"])
    );
    assert!(response.headers().get_all("date").iter().eq(["never"]));
    assert!(!response.headers().contains_key("content-type"));
    assert_eq!(read(response).await.0, "short and stout");
}

#[tokio::test]
async fn proxies_and_nonsense_come_with_their_own_types() {
    let (_provider, response) = once(
        Provider::openai().reply(Reply::bad_gateway()),
        Dialect::OpenAi,
        true,
    )
    .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert!(read(response).await.0.contains("502 Bad Gateway"));
    let (_provider, response) = once(
        Provider::openai().reply(Reply::not_json()),
        Dialect::OpenAi,
        false,
    )
    .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let (text, error) = read(response).await;
    assert!(error.is_none());
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn a_stream_of_bytes_arrives_piece_by_piece() {
    let bytes = "data: \u{1F980}\n\n";
    let reply = Reply::sse(bytes).split_at([7, 8, 8, 9, 99]);
    let (_provider, response) = once(Provider::openai().reply(reply), Dialect::OpenAi, true).await;
    let mut body = response.unwrap().into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = soon(body.frame()).await {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(pieces.concat(), bytes.as_bytes());
    let lengths: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
    assert_eq!(lengths, [7, 1, 1, bytes.len() - 9]);
}

#[tokio::test]
async fn a_script_goes_step_by_step_and_then_on_for_ever() {
    let provider = Provider::openai()
        .reply(Reply::rate_limited())
        .times(2, Reply::server_error())
        .forever(|call: &Received| Reply::text(format!("call {}", call.index())))
        .start()
        .await
        .unwrap();
    let client = Client::http1();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let response = client
            .chat(&provider, Dialect::OpenAi, false)
            .await
            .unwrap();
        statuses.push(response.status().as_u16());
        if statuses.len() == 5 {
            let body = read_json(response).await;
            assert_eq!(body["choices"][0]["message"]["content"], "call 4");
        }
    }
    assert_eq!(statuses, [429, 500, 500, 200, 200]);
    let steps: Vec<_> = provider.calls().iter().map(Received::step).collect();
    assert_eq!(steps, [Some(0), Some(1), Some(1), Some(2), Some(2)]);
}

#[tokio::test]
async fn a_wrong_key_or_path_takes_no_step_and_models_are_no_call() {
    let provider = Provider::openai()
        .key("sk-right")
        .models(["a", "b"])
        .reply(Reply::text("yes"))
        .start()
        .await
        .unwrap();
    let client = Client::http1();
    let models = Request::get(format!("{}/models", provider.base_url()))
        .header("authorization", "Bearer sk-right")
        .body(Full::default());
    let models = read_json(client.send(models.unwrap()).await.unwrap()).await;
    assert_eq!(models["data"][1]["id"], "b");
    let keyless = Request::get(format!("{}/models", provider.base_url())).body(Full::default());
    assert_eq!(client.send(keyless.unwrap()).await.unwrap().status(), 401);
    assert_eq!(provider.call_count(), 0);

    let mut wrong = request(&provider.url(), Dialect::OpenAi, false);
    wrong
        .headers_mut()
        .insert("authorization", "Bearer sk-rigth".parse().unwrap());
    assert_eq!(client.send(wrong).await.unwrap().status(), 401);
    let mut missing = request(&provider.url(), Dialect::Anthropic, false);
    missing.headers_mut().remove("x-api-key");
    let body = read_json(client.send(missing).await.unwrap()).await;
    assert_eq!(body["error"]["type"], "authentication_error");
    let astray = Request::post(format!("{}/v1/completions", provider.url()))
        .header("authorization", "Bearer sk-right")
        .body(Full::default());
    assert_eq!(client.send(astray.unwrap()).await.unwrap().status(), 404);
    for dialect in DIALECTS {
        let right = client.chat(&provider, dialect, false).await.unwrap();
        assert_eq!(right.status(), 200);
    }
    let steps: Vec<_> = provider.calls().iter().map(Received::step).collect();
    assert_eq!(steps, [None, None, None, Some(0), Some(1), Some(1)]);
}

#[tokio::test]
async fn any_path_is_answered_by_the_script_when_told_so() {
    let provider = Provider::openai()
        .any_path()
        .reply(Reply::raw(204))
        .start()
        .await
        .unwrap();
    let request = Request::get(format!("{}/v1/models?x=1", provider.url())).body(Full::default());
    let response = Client::http1().send(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(provider.calls()[0].path(), "/v1/models?x=1");
}

#[tokio::test]
async fn a_huge_answer_arrives_whole() {
    const BYTES: usize = 5_000_000;
    for stream in [false, true] {
        let (_provider, response) = once(
            Provider::openai().reply(Reply::huge(BYTES)),
            Dialect::OpenAi,
            stream,
        )
        .await;
        let (text, error) = read(response.unwrap()).await;
        assert!(error.is_none());
        assert!(text.bytes().filter(|&byte| byte == b'x').count() >= BYTES);
    }
}
