use super::{StreamEvent, Usage};
use crate::{
    StreamReader, StreamTranslator, Truncated,
    stream::{Delta, Part, Place, StreamItem, Text},
};
use bytes::Bytes;
use std::fmt;

/// Makes one stream the rest of another, which broke: for its caller the two are one answer, with
/// one beginning and one end, and the tokens of both.
///
/// What the second one says again of the first is left out: its beginning where the model tells
/// the whole answer anew, as some do that were given a [prefix](crate::Prefill::Prefix), and the
/// white space at the seam. Thinking is not passed on, as there is no place left for it, and neither
/// is what stands beside the text: log probabilities, sources, ratings. Content of a kind for which
/// there is no word here [ends](Self::broken) the stream: it must not look whole without it.
///
/// Made by [`Told::carry_on`](crate::Told::carry_on).
pub struct Continuation {
    reader: StreamReader,
    translator: StreamTranslator,
    /// Where the second stream stands, by itself.
    place: Place,
    seam: Option<Seam>,
    /// What was said in a form in which there is nothing to send of it yet.
    unsent: Option<StreamEvent>,
    /// The tokens of what came before.
    before: Usage,
    /// Those of this one.
    own: Usage,
}

impl Continuation {
    pub(super) fn new(translator: StreamTranslator, said: &str, before: Usage) -> Self {
        // What is read here was written, or read, by a pipe.
        let reader = StreamReader::new(translator.dialect()).max_event(usize::MAX);
        Self {
            reader,
            place: Place::new(translator.dialect()),
            translator,
            seam: Some(Seam::after(said)),
            unsent: None,
            before,
            own: Usage::default(),
        }
    }

    /// What to tell the caller in the place of this event of the second stream, which is in the
    /// caller's dialect; nothing, if the caller knows it already.
    pub fn event(&mut self, mut event: StreamEvent) -> Option<StreamEvent> {
        let mut frame = Vec::new();
        let mut text = String::new();
        (event.content, event.beyond_text) = (false, false);
        if let Some(usage) = event.usage {
            self.own.update(usage);
        }
        if event.echoes
            && let Some(seam) = &mut self.seam
        {
            seam.least = 1;
        }
        self.place.see(event.frame.clone());
        self.reader.push(std::mem::take(&mut event.frame));
        while let Some(mut item) = self.reader.next_item() {
            if let Part::Delta(delta) = &mut item.part {
                self.amend(delta);
                text.push_str(delta.text.as_deref().unwrap_or_default());
                event.content |= delta.is_content();
                event.beyond_text |= delta.is_beyond_text();
            }
            frame.extend_from_slice(&self.translator.write(&item));
        }
        if event.last {
            frame.extend_from_slice(&self.translator.end(self.reader.summary()));
        }
        event.usage = event.usage.map(|_| self.before.and(self.own));
        event.text = (!text.is_empty()).then(|| Text::of(text));
        if let Some(unsent) = self.unsent.take() {
            event.follow(unsent);
        }
        if frame.is_empty() && !event.last {
            self.unsent = Some(event);
            return None;
        }
        event.frame = frame.into();
        Some(event)
    }

    /// What is missing for a proper end, when the second stream has ended without an error.
    pub fn end(&mut self) -> Option<StreamEvent> {
        let frame = self.translator.end(self.reader.summary());
        (!frame.is_empty()).then(|| StreamEvent::new(frame).last())
    }

    /// What keeps the caller's connection alive while it has to wait; nothing where its dialect has
    /// no word for that.
    pub fn keep_alive(&mut self) -> Option<StreamEvent> {
        let ping = StreamItem {
            raw: Bytes::new(),
            part: Part::Ping,
        };
        let frame = self.translator.write(&ping);
        (!frame.is_empty()).then(|| StreamEvent::new(frame))
    }

    /// Why no more can be told, once there was something that can't be, or the answer is
    /// [too large to be written](StreamTranslator::is_full).
    #[must_use]
    pub fn broken(&self) -> Option<Truncated> {
        // The caller has got something, or there would be nothing to carry on.
        let emitted = self.reader.summary().content_bytes().max(1);
        let broken = self.translator.is_full() || self.place.strange();
        broken.then(|| Truncated::new(emitted))
    }

    fn amend(&mut self, delta: &mut Delta) {
        // The caller's answer began long ago.
        delta.start = None;
        if let Some(usage) = delta.usage {
            self.own.update(usage);
        }
        let usage = self.before.and(self.own);
        delta.usage = (!usage.is_empty()).then_some(usage);
        let Some(seam) = &mut self.seam else { return };
        let said = delta.text.take().unwrap_or_else(|| Text::of(String::new()));
        let over = delta.finish.is_some() || delta.is_beyond_text();
        if let Some(rest) = seam.rest(&said, over) {
            self.seam = None;
            delta.text = (!rest.is_empty()).then(|| Text::of(rest));
        }
    }
}

/// What is left out of the second stream: as much of its beginning as says the first one again.
struct Seam {
    /// What the first one said, up to the white space at its end.
    said: String,
    /// That white space. The model was not told of it, and says it if it belongs there.
    gap: String,
    /// A beginning shorter than this may well be said twice.
    least: usize,
    /// How much of what was said came again, and nothing else; none when it is past that.
    again: Option<usize>,
    /// White space that came then and is not told yet.
    held: String,
}

impl Seam {
    const LEAST: usize = 16;

    fn after(said: &str) -> Self {
        let (text, gap) = said.split_at(said.trim_end().len());
        Self {
            said: text.to_owned(),
            gap: gap.to_owned(),
            least: Self::LEAST,
            again: Some(0),
            held: String::new(),
        }
    }

    /// What is to be told, given that this came and, if it is over, that no more text does; nothing
    /// as long as that may be a repetition.
    fn rest(&mut self, text: &str, over: bool) -> Option<String> {
        let mut rest = text;
        if let Some(at) = self.again {
            let (before, left) = self.said.split_at(at);
            let same = common(left, text);
            let all = same == left.len();
            if self.said.len() < self.least {
                // As it comes.
            } else if all {
                rest = &text[same..];
            } else if same == text.len() {
                if !over {
                    self.again = Some(at + same);
                    return None;
                }
                // It ended before it had told all of it again, unless it only began alike.
                if at + same >= self.least {
                    return Some(String::new());
                }
                self.held = before.to_owned();
            } else {
                self.held = before.to_owned();
            }
            if !all && !self.held.is_empty() {
                self.held.push_str(text);
                return Some(std::mem::take(&mut self.held));
            }
            self.again = None;
        }
        self.held.push_str(rest);
        let again = common(&self.gap, &self.held);
        // There may be more of the white space to come.
        let undecided = again == self.held.len() && (again < self.gap.len() || again == 0);
        if undecided && !over {
            return None;
        }
        Some(self.held.split_off(again))
    }
}

/// How long the beginning is that both have.
fn common(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.map(|(char, _)| char.len_utf8()).sum()
}

/// Without what was said.
impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuation")
            .field("dialect", &self.translator.dialect())
            .field("in_seam", &self.seam.is_some())
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a second stream that comes in these pieces.
    fn told(said: &str, pieces: &[&str]) -> String {
        told_after(Seam::after(said), pieces)
    }

    fn told_after(seam: Seam, pieces: &[&str]) -> String {
        let mut seam = Some(seam);
        let mut told = String::new();
        for piece in pieces.iter().copied().map(Some).chain([None]) {
            match &mut seam {
                Some(open) => {
                    if let Some(rest) = open.rest(piece.unwrap_or_default(), piece.is_none()) {
                        told.push_str(&rest);
                        seam = None;
                    }
                }
                None => told.push_str(piece.unwrap_or_default()),
            }
        }
        told
    }

    const SAID: &str = "One, two, three, four, \n";

    #[test]
    fn what_goes_on_is_told_as_it_comes() {
        assert_eq!(told(SAID, &["five", ", six."]), "five, six.");
        assert_eq!(
            told("One", &["One more."]),
            "One more.",
            "too short to tell"
        );
        assert_eq!(told(SAID, &[]), "");
    }

    #[test]
    fn a_beginning_that_is_told_again_is_left_out() {
        assert_eq!(told(SAID, &["One, two, three, four, \nfive."]), "five.");
        assert_eq!(
            told(
                SAID,
                &["One, ", "two, thr", "ee, four", ",", " \n", "five."]
            ),
            "five."
        );
        assert_eq!(told(SAID, &["One, two, three, four,", "five."]), "five.");
        // It only began like it.
        assert_eq!(
            told(SAID, &["One, ", "two, ", "buckle."]),
            "One, two, buckle."
        );
        assert_eq!(told(SAID, &["One, ", "two"]), "One, two");
        assert_eq!(
            told(SAID, &["One, two, three, ", "fo"]),
            "",
            "it ended within"
        );
    }

    #[test]
    fn who_is_known_to_tell_all_of_it_again_may_have_told_little() {
        let echoes = |said| Seam {
            least: 1,
            ..Seam::after(said)
        };
        let said = "Paris is ";
        assert_eq!(
            told_after(echoes(said), &["Paris is the", " capital"]),
            "the capital"
        );
        assert_eq!(told_after(echoes(said), &["the capital"]), "the capital");
        assert_eq!(told_after(echoes(said), &["Par", "ma"]), "Parma");
    }

    #[test]
    fn white_space_at_the_seam_is_told_once() {
        assert_eq!(told(SAID, &[" \nfive"]), "five");
        assert_eq!(told(SAID, &[" ", "\n", " five"]), " five");
        assert_eq!(
            told(SAID, &["\n", "five"]),
            "\nfive",
            "another one than was there"
        );
        assert_eq!(told("One", &[" two"]), " two");
        assert_eq!(told("One ", &["", " ", ""]), "");
    }

    #[test]
    fn characters_are_left_whole() {
        assert_eq!(told("ä\u{a0}", &["\u{a0}ö"]), "ö");
        assert_eq!(told("ä\u{a0}", &["\u{2003}ö"]), "\u{2003}ö");
    }
}
