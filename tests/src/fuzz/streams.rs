//! Streams: the first byte says where they are cut.

use super::mutate::Random;
use buttress::llm::{
    Delta, Dialect, End, EventPipe, LlmRequest, Part, StreamEvent, StreamReader, StreamTranslator,
    Summary, Text, Told,
};
use bytes::Bytes;

pub(super) const WORDS: &[&str] = &[
    "data: ",
    "event: message_start\n",
    "\n\n",
    "\r\n\r\n",
    "\r",
    ": comment\n\n",
    "data: [DONE]\n\n",
    "\u{feff}",
    "{\"type\":\"message_stop\"}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}",
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}",
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}",
    "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"a\",\"function\":{\"name\":\"f\"}}]}}]}",
    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    "{\"error\":{\"message\":\"m\"}}",
    "\\u00e9\\ud83d\\ude00",
    "null",
];

/// The most of an answer that is looked at.
const KEEP: usize = 1 << 20;

/// The most that one event may be; small, so that it is met.
const MAX_EVENT: usize = 4 << 10;

pub(super) fn run(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else {
        return;
    };
    for dialect in Dialect::ALL {
        let whole = read(dialect, [stream]);
        assert!(whole == read(dialect, stream.chunks(1)), "cut everywhere");
        assert!(whole == read(dialect, cuts(cut, stream)), "cut somewhere");
        let whole = passed_on(dialect, [stream]);
        assert!(
            whole == passed_on(dialect, stream.chunks(1)),
            "byte by byte"
        );
        assert!(
            whole == passed_on(dialect, cuts(cut, stream)),
            "piece by piece"
        );
        for to in Dialect::ALL {
            translate(dialect, to, stream);
            carry_on(dialect, to, stream);
        }
    }
}

/// The stream in pieces, of lengths that this seed leads to.
fn cuts(seed: u8, mut stream: &[u8]) -> Vec<&[u8]> {
    let mut random = Random::new(seed.into());
    let mut pieces = Vec::new();
    while !stream.is_empty() {
        let (piece, rest) = stream.split_at(random.below(stream.len().min(64)) + 1);
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

/// All that the events say, and what it comes to.
fn read<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, String) {
    let mut reader = StreamReader::new(dialect).max_event(MAX_EVENT).keep(KEEP);
    let mut said = Vec::new();
    let mut take = |reader: &mut StreamReader| {
        while let Some(item) = reader.next_item() {
            said.push(format!("{:?} {}", item.raw, shown(dialect, &item.part)));
        }
    };
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        take(&mut reader);
    }
    reader.close();
    take(&mut reader);
    let end = summed_up(dialect, reader.summary());
    assert!(reader.next_item().is_none());
    (said, format!("{end} {:?}", reader.truncated()))
}

/// All that a caller of the same dialect gets, what it says, and whether it is whole.
fn passed_on<'a>(
    dialect: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, String, bool) {
    let mut frames = Vec::new();
    let mut text = String::new();
    let (events, whole) = piped_in(dialect, dialect, pieces);
    for event in events {
        frames.extend_from_slice(&event.frame);
        text.push_str(event.text.as_deref().unwrap_or_default());
    }
    (frames, text, whole)
}

/// Ids that are made up, because their dialect has none, are others each time.
const fn has_ids(dialect: Dialect) -> bool {
    !matches!(dialect, Dialect::Gemini)
}

fn summed_up(dialect: Dialect, summary: &Summary) -> String {
    let calls = summary.tool_calls().iter();
    let calls: Vec<_> = calls
        .map(|call| {
            let id = has_ids(dialect).then_some(&call.id);
            (id, &call.name, &call.arguments)
        })
        .collect();
    format!(
        "{:?} {:?} {:?} {calls:?} {:?} {:?} {}",
        summary.end(),
        summary.text(),
        summary.refusal(),
        summary.finish(),
        summary.usage(),
        summary.content_bytes(),
    )
}

/// What a part says, its texts included.
fn shown(dialect: Dialect, part: &Part) -> String {
    let Part::Delta(delta) = part else {
        return format!("{part:?}");
    };
    let texts = [&delta.text, &delta.refusal, &delta.reasoning];
    let texts = texts.map(|text| text.as_ref().map(Text::as_str));
    let calls = delta.tool_calls.iter().map(|call| {
        let id = if has_ids(dialect) { &call.id } else { &None };
        let texts = [id, &call.name, &call.arguments];
        texts.map(|text| text.as_ref().map(Text::as_str))
    });
    format!("{delta:?} {texts:?} {:?}", calls.collect::<Vec<_>>())
}

/// What was said whole in one dialect is whole in the other, and says the same.
fn translate(from: Dialect, to: Dialect, stream: &[u8]) {
    let mut reader = StreamReader::new(from).max_event(MAX_EVENT).keep(KEEP);
    let mut translator = StreamTranslator::new(to).include_usage(true);
    let mut there = StreamReader::new(to).keep(KEEP);
    let mut others = false;
    reader.push(Bytes::copy_from_slice(stream));
    let mut closed = false;
    loop {
        let Some(item) = reader.next_item() else {
            if std::mem::replace(&mut closed, true) {
                break;
            }
            reader.close();
            continue;
        };
        others |= is_of_another_answer(&item.part);
        there.push(translator.write(&item));
        while there.next_item().is_some() {}
    }
    there.push(translator.end(reader.summary()));
    while there.next_item().is_some() {}
    there.close();
    while there.next_item().is_some() {}

    let (before, after) = (reader.summary(), there.summary());
    if !matches!(before.end(), End::Complete) || others {
        // Nothing that is no end is made to look like one.
        assert!(others || after.end() != End::Complete || before.end() == End::Failed);
        return;
    }
    // Gemini tells reasons for stopping apart that are failures there and ends elsewhere, and takes
    // no call whose arguments are no object: of it only what comes through is compared.
    if [from, to].contains(&Dialect::Gemini) && after.end() != End::Complete {
        return;
    }
    assert_eq!(after.end(), End::Complete);
    if before.refusal().is_empty() {
        assert_eq!(before.text(), after.text());
    }
    assert_eq!(
        before.text().len() + before.refusal().len(),
        after.text().len() + after.refusal().len()
    );
}

fn is_of_another_answer(part: &Part) -> bool {
    let nothing = |delta: &Delta| {
        delta.text.is_none() && delta.refusal.is_none() && delta.tool_calls.is_empty()
    };
    matches!(part, Part::Delta(delta) if delta.is_content() && nothing(delta))
}

/// A stream of text that broke, and one that carries it on, are one answer that says both; and
/// whatever carries it on, it has an end only if that has one.
fn carry_on(from: Dialect, to: Dialect, stream: &[u8]) {
    const REST: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"the rest\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let body = match to {
        Dialect::Gemini => r#"{"contents":[]}"#,
        Dialect::OpenAiResponses => r#"{"model":"m","input":"Hi","stream":true}"#,
        _ => r#"{"model":"m","messages":[],"stream":true}"#,
    };
    let request = request(to, body);
    let (first, whole) = piped(from, to, stream);
    let mut told = Told::new(to);
    first.iter().for_each(|event| told.add(event));
    let Ok((_, mut good)) = told.carry_on(&request) else {
        return;
    };
    let begun = joined(to, &first);
    if whole || begun.end() == End::Complete {
        return;
    }
    let (rest, _) = piped(Dialect::OpenAiChat, to, REST.as_bytes());
    let mut events = first.clone();
    events.extend(rest.into_iter().filter_map(|event| good.event(event)));
    events.extend(good.end());
    let both = joined(to, &events);
    assert_eq!(both.end(), End::Complete);
    assert_eq!(both.text(), format!("{}the rest", begun.text()));

    // By the same once more, which breaks again.
    let (_, mut again) = told.carry_on(&request).expect("as before");
    let mut events = first.clone();
    events.extend(first.into_iter().filter_map(|event| again.event(event)));
    assert_ne!(joined(to, &events).end(), End::Complete);
}

fn request(to: Dialect, body: &'static str) -> LlmRequest {
    let request = match to.is_addressed() {
        true => LlmRequest::parse_addressed(to, "m", true, body.into()),
        false => LlmRequest::parse(to, body.into()),
    };
    request.expect("a request")
}

/// What a caller gets, and whether it is whole.
fn piped(from: Dialect, to: Dialect, stream: &[u8]) -> (Vec<StreamEvent>, bool) {
    piped_in(from, to, [stream])
}

/// The same of a stream that comes in these pieces.
fn piped_in<'a>(
    from: Dialect,
    to: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<StreamEvent>, bool) {
    let mut pipe = EventPipe::new(from, to).max_event(MAX_EVENT);
    let mut events = Vec::new();
    let mut pieces = pieces.into_iter();
    loop {
        let piece = pieces.next();
        match piece {
            Some(piece) => pipe.push(Bytes::copy_from_slice(piece)),
            None => pipe.close(None),
        }
        while let Some(event) = pipe.next_event() {
            match event {
                Ok(event) => events.push(event),
                Err(_) => return (events, false),
            }
        }
        if piece.is_none() {
            return (events, true);
        }
    }
}

fn joined(dialect: Dialect, events: &[StreamEvent]) -> Summary {
    let mut reader = StreamReader::new(dialect).keep(KEEP);
    for event in events {
        reader.push(event.frame.clone());
        while reader.next_item().is_some() {}
    }
    reader.close();
    while reader.next_item().is_some() {}
    reader.summary().clone()
}
