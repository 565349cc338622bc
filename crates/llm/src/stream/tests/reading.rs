use super::*;
use crate::{Kind, LlmError};
use buttress_core::Blame;
use proptest::prelude::*;

fn openai(text: &str) -> (Vec<StreamItem>, Summary) {
    read(Dialect::OpenAiChat, [text.as_bytes()])
}

#[test]
fn content_is_what_a_caller_can_see() {
    let is_content = |text: &str| {
        let (items, summary) = openai(text);
        assert_eq!(items[0].is_content(), summary.has_content(), "{text}");
        summary.has_content()
    };
    assert!(is_content(&chunk(r#"{"content":"a"}"#)));
    assert!(is_content(&chunk(r#"{"refusal":"a"}"#)));
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#;
    assert!(is_content(&chunk(call)));
    for delta in [
        "{}",
        r#"{"role":"assistant","content":"","refusal":null}"#,
        r#"{"reasoning_content":"hm"}"#,
        r#"{"tool_calls":[]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
    ] {
        assert!(!is_content(&chunk(delta)), "{delta}");
    }
    assert!(!is_content(": comment\n\n"));
    assert!(!is_content(&finish("stop")));
}

#[test]
fn the_start_is_told_once() {
    let text = chunk(r#"{"role":"assistant"}"#) + &chunk(r#"{"content":"a"}"#);
    let (items, _) = openai(&text);
    let starts: Vec<_> = items
        .iter()
        .map(|item| match &item.part {
            Part::Delta(delta) => delta.start.as_ref().map(|start| {
                let text = |text: &Option<Text>| text.as_ref().unwrap().to_string();
                (text(&start.id), text(&start.model))
            }),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [Some(("c".into(), "m".into())), None]);
}

#[test]
fn text_without_escapes_shares_the_memory_of_its_piece() {
    let piece = Bytes::from(chunk(r#"{"content":"shared"}"#));
    let mut reader = StreamReader::new(Dialect::OpenAiChat);
    reader.push(piece.clone());
    let item = reader.next_item().unwrap();
    let Part::Delta(Delta {
        text: Some(text), ..
    }) = item.part
    else {
        panic!("a text")
    };
    assert!(piece.as_ptr_range().contains(&text.as_str().as_ptr()));
    assert_eq!(item.raw, piece);
}

#[test]
fn what_is_not_quite_compatible_does_not_break_a_stream() {
    let (_, summary) = openai(&[
        // A number for an id, a list for content, an unknown reason.
        "data: {\"id\":7,\"model\":null,\"choices\":[{\"delta\":{\"content\":[{\"type\":\"x\"}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"x\":[1.5]}}],\"usage\":null}\n\n",
        "event: whatever\ndata:\n\n",
        "data: {\"choices\":null}\n\n",
        "data: {\"choices\":[{\"delta\":null,\"finish_reason\":\"new\"}]}\n\n",
        DONE,
    ].concat());
    assert_eq!(summary.text(), "a");
    assert!(summary.is_complete() && summary.outcome().is_ok());
}

#[test]
fn what_is_no_json_is_a_broken_stream() {
    for text in [
        "data: {\"choices\":[\n\n",
        "data: <html>\n\n",
        "data: \u{0}\n\n",
    ] {
        let (_, summary) = openai(text);
        let verdict = summary.outcome().unwrap_err();
        assert_eq!(
            (verdict.kind, verdict.blame),
            (Kind::Partial, Blame::Service)
        );
        assert!(verdict.retry_same, "nothing was shown");
    }
}

#[test]
fn what_comes_after_the_end_is_not_read() {
    let text = chunk(r#"{"content":"a"}"#) + &finish("stop") + DONE + &chunk(r#"{"content":"b"}"#);
    let (items, summary) = openai(&text);
    assert!(matches!(items.last().unwrap().part, Part::Done));
    assert_eq!(summary.text(), "a");
}

#[test]
fn an_event_that_is_too_large_fails_the_stream() {
    let mut reader = StreamReader::new(Dialect::OpenAiChat).max_event(100);
    reader.push(chunk(r#"{"content":"a"}"#).into());
    assert!(reader.next_item().unwrap().is_content());
    reader.push(vec![b'x'; 101].into());
    let Part::Error(error) = reader.next_item().unwrap().part else {
        panic!("an error")
    };
    assert!(matches!(error.error, LlmError::Truncated(error) if error.emitted == 1));
    assert!(reader.next_item().is_none());
    assert_eq!(reader.summary().end(), End::Failed);
}

#[test]
fn a_model_that_says_that_it_failed_has_not_finished() {
    for (reason, kind) in [
        ("error", Kind::ServerError),
        ("abort", Kind::ServerError),
        ("insufficient_system_resource", Kind::Overloaded),
    ] {
        let text = chunk(r#"{"content":"a"}"#) + &finish(reason) + DONE;
        let (items, summary) = openai(&text);
        assert!(matches!(items[1].part, Part::Error(_)), "{reason}");
        assert_eq!(summary.end(), End::Failed);
        assert_eq!(&*summary.finish().unwrap().raw, reason);
        let verdict = summary.outcome().unwrap_err();
        assert_eq!((verdict.kind, verdict.retry_same), (kind, false));
    }
}

#[test]
fn an_error_is_told_in_a_stream_as_in_a_whole_answer() {
    let said = "This model's maximum context length is 4096 tokens";
    for kind in [r#""object":"error""#, r#""type":"error""#] {
        let error = format!("data: {{{kind},\"message\":\"{said}\",\"code\":400}}\n\n");
        let (items, summary) = openai(&(error + DONE));
        let Part::Error(error) = &items[0].part else {
            panic!("{kind}: an error")
        };
        let LlmError::Provider(error) = &error.error else {
            panic!("{kind}: the provider's")
        };
        assert_eq!(error.message().as_deref(), Some(said));
        assert_eq!(summary.outcome().unwrap_err().kind, Kind::ContextLength);
    }
}

#[test]
fn an_error_that_says_nothing_is_none() {
    for none in ["null", "false", r#""""#, "{}", "[]"] {
        let text = [
            format!(
                "data: {{\"error\":{none},\"choices\":[{{\"delta\":{{\"content\":\"a\"}},\"error\":{none}}}]}}\n\n"
            ),
            finish("stop"),
            DONE.to_owned(),
        ];
        let (_, summary) = openai(&text.concat());
        assert_eq!((summary.text(), summary.outcome()), ("a", Ok(())), "{none}");
    }
}

#[test]
fn a_usage_that_cant_be_read_is_read_over() {
    for odd in ["3", r#""many""#, "[]", "[7]", "null"] {
        for (dialect, event) in [
            (
                Dialect::OpenAiChat,
                format!(r#"{{"choices":[{{"finish_reason":"stop"}}],"usage":{odd}}}"#),
            ),
            (
                Dialect::AnthropicMessages,
                format!(
                    r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{odd}}}"#
                ),
            ),
            (
                Dialect::Gemini,
                format!(r#"{{"candidates":[{{"finishReason":"STOP"}}],"usageMetadata":{odd}}}"#),
            ),
            (
                Dialect::OpenAiResponses,
                format!(r#"{{"type":"response.completed","response":{{"usage":{odd}}}}}"#),
            ),
        ] {
            let event = format!("data: {event}\n\n");
            let (_, summary) = read(dialect, [event.as_bytes()]);
            assert_eq!(summary.outcome(), Ok(()), "{event}");
        }
    }
    let odd = concat!(
        r#"{"prompt_tokens":3.0,"completion_tokens":"4","total_tokens":-1,"#,
        r#""prompt_tokens_details":[],"completion_tokens_details":{"reasoning_tokens":null}}"#,
    );
    let (_, summary) = openai(&format!("data: {{\"usage\":{odd}}}\n\n"));
    let usage = summary.usage();
    assert_eq!((usage.input, usage.output), (Some(3), Some(4)));
    assert_eq!((usage.cached, usage.reasoning), (None, None));
}

#[test]
fn several_answers_are_complete_when_all_have_finished() {
    let choice = |index: u32, rest: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},{rest}}}]}}\n\n")
    };
    let said = choice(0, r#""delta":{"content":"a"}"#) + &choice(1, r#""delta":{"content":"b"}"#);
    let first = said + &choice(0, r#""delta":{},"finish_reason":"stop""#);
    assert_eq!(openai(&first).1.end(), End::Truncated);
    let both = first + &choice(1, r#""delta":{},"finish_reason":"stop""#);
    let (items, summary) = openai(&both);
    assert_eq!(summary.end(), End::Complete);
    assert_eq!(summary.text(), "a");
    assert!(items[1].is_content());
}

#[test]
fn only_as_much_is_kept_as_was_asked_for() {
    let text = chunk(r#"{"content":"äöü"}"#) + &finish("stop");
    for (keep, kept) in [(0, ""), (1, ""), (3, "ä"), (6, "äöü"), (100, "äöü")] {
        let mut reader = StreamReader::new(Dialect::OpenAiChat).keep(keep);
        reader.push(text.clone().into());
        while reader.next_item().is_some() {}
        let summary = reader.summary();
        assert_eq!(summary.text(), kept);
        assert_eq!(summary.content_bytes(), 6);
        assert_eq!(summary.is_clipped(), kept.len() < 6);
    }
}

#[test]
fn an_index_from_nowhere_takes_no_memory() {
    let call = r#"{"tool_calls":[{"index":4000000000,"id":"a"}]}"#;
    let (items, summary) = openai(&(chunk(call) + &finish("tool_calls")));
    assert!(items[0].is_content());
    // It is the first one, whatever it is called.
    assert_eq!(summary.tool_calls().len(), 1);
    assert!(summary.outcome().is_ok());
}

#[test]
fn a_summary_shows_nothing_of_what_was_said() {
    let (items, summary) = openai(&chunk(r#"{"content":"secret"}"#));
    assert!(!format!("{summary:?}").contains("secret"));
    // The bytes themselves are shown by whoever prints them.
    let Part::Delta(delta) = &items[0].part else {
        panic!("a delta")
    };
    assert!(!format!("{delta:?}").contains("secret"));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        mut bytes in prop::collection::vec(any::<u8>(), 0..256),
        json in prop::collection::vec(prop::sample::select(vec![
            "data: ", "{", "}", "[", "]", ":", ",", "\n\n", "\"type\"", "\"choices\"", "\"delta\"",
            "\"content\"", "\"error\"", "\"x\"", "null", "1", "-1", "1e999", "\"\\ud800\"",
            "\"candidates\"", "\"parts\"", "\"text\"", "\"functionCall\"", "\"name\"",
            "\"finishReason\"", "\"usageMetadata\"", "\"promptFeedback\"", "\"args\"",
            "\"content_block_delta\"", "\"index\"", "\"message_start\"", "\"message\"", "\"usage\"",
            "\"response.output_text.delta\"", "\"response.completed\"", "\"response\"",
            "\"response.output_item.added\"", "\"item\"", "\"function_call\"", "\"output_index\"",
            "\"response.function_call_arguments.delta\"", "\"response.failed\"",
        ]), 0..40),
    ) {
        bytes.extend(json.concat().into_bytes());
        let whole = read(dialect, [bytes.as_slice()]).1;
        let cut = read(dialect, bytes.chunks(3)).1;
        prop_assert_eq!(whole.end(), cut.end());
        let mut translators = Dialect::ALL.map(StreamTranslator::new);
        for item in read(dialect, [bytes.as_slice()]).0 {
            for translator in &mut translators {
                let _ = translator.write(&item);
            }
        }
    }
}
