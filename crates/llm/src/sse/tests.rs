use super::*;
use bytes::Bytes;
use proptest::prelude::*;

/// All frames of these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Option<Frame>> {
    let mut decoder = Decoder::new().max_event(limit);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        frames.extend(std::iter::from_fn(|| decoder.next_frame()).map(Result::ok));
    }
    decoder.end();
    frames.extend(std::iter::from_fn(|| decoder.next_frame()).map(Result::ok));
    frames
}

fn whole(text: &str) -> Vec<Frame> {
    let frames = decode([text.as_bytes()], 1 << 20);
    frames
        .into_iter()
        .map(|frame| frame.expect("small"))
        .collect()
}

fn events(text: &str) -> Vec<(Option<String>, String)> {
    let frames = whole(text).into_iter();
    let events = frames.filter_map(|frame| match frame {
        Frame::Event(event) => Some((
            event.name().map(str::to_owned),
            String::from_utf8(event.data.to_vec()).unwrap(),
        )),
        Frame::Comment(_) => None,
    });
    events.collect()
}

fn data(text: &str) -> Vec<String> {
    events(text).into_iter().map(|(_, data)| data).collect()
}

#[test]
fn line_ends_of_all_three_kinds() {
    for end in ["\n", "\r", "\r\n"] {
        let text = "event: e\ndata: a\n\ndata: b\n\n".replace('\n', end);
        let expected = [(Some("e".into()), "a".into()), (None, "b".into())];
        assert_eq!(events(&text), expected, "{end:?}");
        let raws: String = whole(&text)
            .iter()
            .map(|frame| String::from_utf8(frame.raw().to_vec()).unwrap())
            .collect();
        assert_eq!(raws, text);
    }
}

#[test]
fn fields_as_the_standard_reads_them() {
    assert_eq!(data("data:a\n\n"), ["a"]);
    assert_eq!(data("data:  a\n\n"), [" a"]);
    assert_eq!(data("data\n\n"), [""]);
    assert_eq!(data("data: a\ndata: b\ndata:c\n\n"), ["a\nb\nc"]);
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
    assert_eq!(
        data("id: 1\nretry: 10\nfoo: bar\ndata: a\n: not the end\ndata: b\n\n"),
        ["a\nb"]
    );
    assert_eq!(
        events("event: a\nevent: b\n\n"),
        [(Some("b".into()), String::new())]
    );
    // Without a blank line it is no event.
    assert!(data("data: a\n").is_empty());
    assert!(data("data: a").is_empty());
    assert_eq!(data("\n\n\ndata: a\n\n\n\n\ndata: b\n\n"), ["a", "b"]);
}

#[test]
fn comments_stand_alone() {
    let comments = |text| {
        let frames = whole(text).into_iter();
        let comments = frames.filter_map(|frame| match frame {
            Frame::Comment(raw) => Some(String::from_utf8(raw.to_vec()).unwrap()),
            Frame::Event(_) => None,
        });
        comments.collect::<Vec<_>>()
    };
    assert_eq!(
        comments(": a\n\n: b\n\ndata: c\n\n"),
        [": a\n\n", ": b\n\n"]
    );
    assert_eq!(comments(": a\n:b\ndata: c\n\n"), [": a\n", ":b\n"]);
    assert_eq!(data(": a\n:b\ndata: c\n\n"), ["c"]);
    assert_eq!(comments(":\r\n\r\n:\r\r"), [":\r\n\r\n", ":\r\r"]);
    // The last one waits for what follows it, and at the end nothing will.
    assert_eq!(comments(": a\n"), [": a\n"]);
}

#[test]
fn an_event_ends_without_waiting_for_the_byte_after_it() {
    for text in ["data: a\r\r", "data: a\n\n", "data: a\r\n\r\n"] {
        let mut decoder = Decoder::new();
        decoder.push(text.into());
        assert!(decoder.next_frame().is_some(), "{text:?}");
        assert_eq!(decoder.unfinished(), 0);
    }
}

#[test]
fn what_came_in_one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"data: a\n\ndata: b\n\n");
    let mut decoder = Decoder::new();
    decoder.push(piece.clone());
    let Some(Ok(Frame::Event(event))) = decoder.next_frame() else {
        panic!("an event")
    };
    assert_eq!(event.raw.as_ptr(), piece.as_ptr());
    assert_eq!(event.data.as_ptr(), piece[6..].as_ptr());
}

#[test]
fn an_event_over_the_limit_is_an_error_and_the_end() {
    let text = b"data: 1\n\ndata: 22\n\ndata: 333\n\ndata: 4\n\n";
    let whole = decode([&text[..]], 10);
    assert_eq!(whole.len(), 3);
    assert!(whole[1].is_some() && whole[2].is_none());
    // Held to the limit while unfinished, too.
    let mut decoder = Decoder::new().max_event(10);
    decoder.push(Bytes::from_static(b"data: 12345"));
    assert!(decoder.next_frame().unwrap().is_err());
    assert_eq!(decoder.unfinished(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_cut_gives_the_same_frames(
        lines in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "", "", "data: x", "data:y", "data", ": c", ":", "event: e", "id: 1", "\u{feff}", "ö",
                ]),
                prop::sample::select(vec!["\n", "\r", "\r\n"]),
            ),
            0..24,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        limit in prop::sample::select(vec![8usize, 16, 1 << 20]),
    ) {
        let text: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
        let text = text.as_bytes();
        let expected = decode([text], limit);

        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.sort_unstable();
        let starts = std::iter::once(0).chain(at.iter().copied());
        let ends = at.iter().copied().chain([text.len()]);
        let pieces: Vec<_> = starts.zip(ends).map(|(start, end)| &text[start..end]).collect();
        prop_assert_eq!(&decode(pieces, limit), &expected);

        prop_assert_eq!(&decode(text.chunks(1), limit), &expected);
    }

    #[test]
    fn hostile_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let whole = decode([bytes.as_slice()], 64);
        prop_assert_eq!(decode(bytes.chunks(1), 64), whole);
    }
}
