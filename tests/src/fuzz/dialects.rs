//! Requests and whole answers: the first byte says whose they are.

use buttress::llm::{
    AnswerTranslator, Dialect, InvalidRequest, LlmRequest, Provider, Stop, Target, read_finish,
    read_usage,
};
use bytes::Bytes;
use serde_json::Value;

pub(super) const WORDS: &[&str] = &[
    "\"model\":\"claude-opus-4-7\"",
    "\"model\":\"gpt-5\"",
    "\"messages\":[]",
    "{\"role\":\"user\",\"content\":\"Hi\"}",
    "{\"role\":\"assistant\",\"content\":\"A \"}",
    "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"A\"}]}",
    "\"tool_calls\":[{\"id\":\"a.b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
    "{\"role\":\"tool\",\"tool_call_id\":\"a.b\",\"content\":\"1\"}",
    "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}",
    "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"is_error\":true,\"content\":\"b\"}",
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,aGk=\"}}",
    "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"}",
    "\"max_tokens\":1025",
    "\"reasoning_effort\":\"high\"",
    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}",
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}}",
    "\"temperature\":1.5",
    "\"stop\":[\"a\",\" \"]",
    "\"stream\":true",
    "\"\\ud83d\\ude00\"",
    "null",
    "[]",
    ",",
];

pub(super) fn run(bytes: &[u8]) {
    let Some((&dialect, document)) = bytes.split_first() else {
        return;
    };
    let from = Dialect::ALL[usize::from(dialect) % Dialect::ALL.len()];
    let document = Bytes::copy_from_slice(document);
    request(from, &document);
    answer(from, &document);
}

fn request(from: Dialect, body: &Bytes) {
    let read = if from.is_addressed() {
        LlmRequest::parse_addressed(from, "m", false, body.clone())
    } else {
        LlmRequest::parse(from, body.clone())
    };
    let Ok(request) = read else {
        return;
    };
    // Where nothing has to change, nothing does.
    let same = request.encode(&Target::new(from)).expect("as it is");
    assert_eq!(same.body.as_ptr(), body.as_ptr());

    for provider in [Provider::OpenAi, Provider::Mistral, Provider::Anthropic] {
        let target = provider.target().expect("who can be asked");
        let target = target.max_output_tokens(2048).include_usage(true);
        if let Ok(encoded) = request.carrying_on("One, \"two\"\n").encode(&target) {
            // Whatever the conversation was, what was said of the answer stands last in it.
            let again = parse(target.dialect(), &request, encoded.body);
            assert!(text(again.body()).contains("One, \\\"two\\\""));
            assert!(again.message_count() > 0);
        }
        if let Ok(encoded) = request.encode(&target) {
            let again = parse(target.dialect(), &request, encoded.body);
            assert!(again.max_tokens().is_some_and(|tokens| tokens <= 2048));
            if target.dialect() == from {
                // What was changed once need not be again.
                let twice = again.encode(&target).expect("as it is");
                assert_eq!(twice.body.as_ptr(), again.body().as_ptr());
            }
        }
    }
    for to in Dialect::ALL {
        if to == from {
            continue;
        }
        // A limit that one side demands is one that both know. Of a schema that was asked for by a
        // tool only the tool would come back; and whether there is to be thinking depends on which
        // turn it is.
        let place = |dialect| {
            let target = Target::new(dialect).max_output_tokens(2048);
            target.json_schema(true).reasoning(false)
        };
        let Ok(first) = request.encode(&place(to)) else {
            continue;
        };
        let first = parse(to, &request, first.body);
        assert_eq!(first.model(), request.model());
        // Gemini's conversations are written anew in ways that the others' are not (ids by their
        // place, results by their order): that they can be read again is all that is held here.
        if [from, to].contains(&Dialect::Gemini) {
            let _ = there_and_back(&first, &place(from), &place(to));
            continue;
        }
        // All that is lost on the way is lost when it has been there and back once. That some
        // turns are joined on the way back may be seen only then.
        let Ok(second) = there_and_back(&first, &place(from), &place(to)) else {
            continue;
        };
        let third = there_and_back(&second, &place(from), &place(to));
        let third = third.expect("it has been there before");
        assert_eq!(text(second.body()), text(third.body()));
        // Of responses an image that had to be moved out of a result is an item of its own.
        if to != Dialect::OpenAiResponses {
            assert!(second.message_count() <= first.message_count());
        }
    }
}

fn there_and_back(
    request: &LlmRequest,
    there: &Target,
    back: &Target,
) -> Result<LlmRequest, InvalidRequest> {
    let body = request.encode(there)?.body;
    let there = parse(there.dialect(), request, body);
    let back_again = there.encode(back);
    let gemini = [there.dialect(), back.dialect()].contains(&Dialect::Gemini);
    let back_again = match back_again {
        Err(error) if gemini => return Err(error),
        again => again.expect("it came from there"),
    };
    Ok(parse(back.dialect(), &there, back_again.body))
}

/// Reads what this request was written as.
fn parse(dialect: Dialect, written: &LlmRequest, body: Bytes) -> LlmRequest {
    let shown = text(&body);
    let parsed = if dialect.is_addressed() {
        LlmRequest::parse_addressed(dialect, written.model(), written.streams(), body)
    } else {
        LlmRequest::parse(dialect, body)
    };
    parsed.unwrap_or_else(|error| panic!("{error}: {shown}"))
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn answer(from: Dialect, body: &Bytes) {
    let _ = (read_usage(from, body), read_finish(from, body));
    for to in Dialect::ALL {
        let there = AnswerTranslator::new(from, to);
        let _ = there.json_tool(true).write(body);
        let Ok((first, _)) = there.write_noting(body) else {
            continue;
        };
        if to == from {
            assert_eq!(first.as_ptr(), body.as_ptr());
            continue;
        }
        // Arguments that are no JSON object are anything to one side, and nothing to the other.
        let Ok(back) = AnswerTranslator::new(to, from).write(&first) else {
            continue;
        };
        let second = there.write(&back).expect("it has been there before");
        // Where calls have no ids they are made up, and others each time.
        if [from, to].contains(&Dialect::Gemini) {
            continue;
        }
        // There is no word for a failure everywhere; such an answer is told as an error.
        if read_finish(to, &first).is_some_and(|finish| finish.stop == Stop::Error) {
            continue;
        }
        // Some dialects demand numbers where nothing is known.
        let counted = read_usage(from, body).total().is_some();
        assert_eq!(said(&first, counted), said(&second, counted));
    }
}

/// Without when it was made, which is now, and without its usage where that is not all known.
fn said(answer: &[u8], counted: bool) -> Value {
    let mut answer: Value = serde_json::from_slice(answer).expect("JSON");
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("created");
        answer.remove("created_at");
        if !counted {
            answer.remove("usage");
        }
    }
    answer
}
