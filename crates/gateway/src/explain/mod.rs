//! `buttress explain`: what a failing answer means, and what would be done about it.
//!
//! It reads what `curl -i` printed, or rows of JSON, or with `--stream` the events of a streamed
//! answer, and asks the same code that judges answers in the gateway. Nothing is sent anywhere.
//! Of what a body says nothing is printed but what it means, and no headers, so that what is
//! printed can be shown around. Only `--stream --json` prints the text that was streamed.

mod curl;
mod given;
mod guess;
mod input;
mod json;
mod row;
mod transcript;
mod words;

#[cfg(test)]
mod tests;

use crate::cli::ExplainArgs;
use curl::Curl;
use given::{Given, Unreadable};
use input::{Input, Piece};
use serde_json::Value;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
};
use transcript::Transcript;

/// All of it could be read.
pub const READ: u8 = 0;

/// Some of it could not be read; what could is explained.
pub const UNREADABLE: u8 = 1;

/// Explains what is in the file or comes in on the standard input. The number is what the
/// program is to end with.
///
/// # Errors
/// When `out` or `err` can't be written to.
pub fn run(args: &ExplainArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    if args.file == Path::new("-") {
        return explain(args, &mut io::stdin().lock(), out, err);
    }
    match File::open(&args.file) {
        Ok(file) => explain(args, &mut BufReader::new(file), out, err),
        Err(error) => {
            let file = args.file.display();
            writeln!(err, "buttress: can't read {file}: {error}")?;
            Ok(UNREADABLE)
        }
    }
}

/// Explains what can be read from `input`, see [`run`].
///
/// # Errors
/// When `out` or `err` can't be written to.
pub fn explain(
    args: &ExplainArgs,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let mut printer = Printer {
        args,
        out,
        err,
        printed: false,
        code: READ,
    };
    let mut input = Input::new(input);
    let read = if args.stream {
        printer.stream(&mut input)
    } else {
        printer.answers(&mut input)
    };
    match read {
        Ok(()) => {}
        Err(Failed::Reading(error)) => {
            printer.code = UNREADABLE;
            let file = match args.file.to_str() {
                Some("" | "-") => "the standard input".to_owned(),
                _ => args.file.display().to_string(),
            };
            writeln!(printer.err, "buttress: can't read {file}: {error}")?;
        }
        Err(Failed::Writing(error)) => return Err(error),
    }
    Ok(printer.code)
}

/// Where reading one thing and printing the next was interrupted.
enum Failed {
    Reading(io::Error),
    Writing(io::Error),
}

struct Printer<'a> {
    args: &'a ExplainArgs,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Something was printed that the next is to be set apart from.
    printed: bool,
    code: u8,
}

impl Printer<'_> {
    fn answers(&mut self, input: &mut Input<'_>) -> Result<(), Failed> {
        let Some(first) = input.document().map_err(Failed::Reading)? else {
            return self.nothing();
        };
        if curl::is_begin(first.bytes()) {
            let given = self.curl(first, input)?;
            return self.one(given).map_err(Failed::Writing);
        }
        if curl::is_verbose(first.bytes()) {
            let unreadable = Unreadable::new(curl::VERBOSE);
            return self.unreadable(&unreadable).map_err(Failed::Writing);
        }
        let mut next = Some(first);
        // Of the lines of a page or a log one is told, and not each.
        let mut told = false;
        while let Some(document) = next {
            let line = document.line;
            let row = document.is_object() || document.text.is_err();
            if row || !told || self.args.json {
                let text = document.text.map_err(Unreadable::new);
                let given = text
                    .and_then(|text| row::read(&String::from_utf8_lossy(&text), self.args))
                    .map_err(|unreadable| unreadable.at(line));
                self.one(given).map_err(Failed::Writing)?;
            }
            told = !row;
            next = input.document().map_err(Failed::Reading)?;
        }
        Ok(())
    }

    /// Reads what curl printed, to its end.
    fn curl(
        &self,
        first: Piece,
        input: &mut Input<'_>,
    ) -> Result<Result<Given, Unreadable>, Failed> {
        let text = input.rest(first).map_err(Failed::Reading)?;
        Ok(text.map_err(Unreadable::new).and_then(|text| {
            let text = curl::without_meter(&text);
            if curl::is_verbose(&text) {
                return Err(Unreadable::new(curl::VERBOSE));
            }
            let answer = Curl::read(&text).map_err(Unreadable::new)?;
            Ok(answer.into_given(self.args))
        }))
    }

    fn one(&mut self, given: Result<Given, Unreadable>) -> io::Result<()> {
        let given = match given {
            Ok(given) => given,
            Err(unreadable) => return self.unreadable(&unreadable),
        };
        match (self.args.delays, self.args.json) {
            (true, true) => return self.line(&json::delay(&given.id, given.delay())),
            (true, false) => return self.text(&words::delay(&given)),
            _ => {}
        }
        match (given.stream(self.args.api), self.args.json) {
            (Some(Err(why)), _) => self.unreadable(&Unreadable::new(why).id(given.id)),
            (Some(Ok(stream)), true) => {
                self.line(&json::verdict(&given.id, stream.summary().outcome()))
            }
            (Some(Ok(stream)), false) => self.paragraph(&words::stream(&given.id, &stream)),
            (None, true) => self.line(&json::verdict(&given.id, given.outcome())),
            (None, false) => self.paragraph(&words::answer(&given, given.outcome())),
        }
    }

    fn stream(&mut self, input: &mut Input<'_>) -> Result<(), Failed> {
        // Blank lines before the first event say nothing.
        let first = loop {
            match input.next_line().map_err(Failed::Reading)? {
                Some(line) if line.is_blank() => {}
                Some(line) => break line,
                None => return self.nothing(),
            }
        };
        let args = self.args;
        let transcript = if curl::is_begin(first.bytes()) {
            let given = match self.curl(first, input)? {
                Ok(given) => given,
                Err(unreadable) => return self.unreadable(&unreadable).map_err(Failed::Writing),
            };
            match given.stream(args.api) {
                Some(transcript) => transcript,
                // It failed before it began to stream.
                None => return self.one(Ok(given)).map_err(Failed::Writing),
            }
        } else if curl::is_verbose(first.bytes()) {
            Err(curl::VERBOSE)
        } else {
            match first.text {
                Ok(line) => Transcript::read(line, input, args).map_err(Failed::Reading)?,
                Err(why) => Err(why),
            }
        };
        let printed = match transcript {
            Err(why) => self.unreadable(&Unreadable::new(why)),
            Ok(transcript) if args.json => self.line(&json::stream(transcript.summary())),
            Ok(transcript) => self.paragraph(&words::stream(&Value::Null, &transcript)),
        };
        printed.map_err(Failed::Writing)
    }

    fn nothing(&mut self) -> Result<(), Failed> {
        let why = "there is nothing to explain: the input is empty";
        self.unreadable(&Unreadable::new(why))
            .map_err(Failed::Writing)
    }

    fn unreadable(&mut self, unreadable: &Unreadable) -> io::Result<()> {
        self.code = UNREADABLE;
        writeln!(self.err, "buttress: {unreadable}")?;
        if self.args.json && !self.args.stream {
            self.line(&json::unreadable(unreadable))?;
        }
        Ok(())
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Text of several lines, set apart from what stands before it.
    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        let between = if self.printed { "\n" } else { "" };
        self.printed = true;
        writeln!(self.out, "{between}{text}")
    }
}
