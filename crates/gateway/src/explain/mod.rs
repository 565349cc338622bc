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
use input::Input;
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
            writeln!(printer.err, "buttress: can't read: {error}")?;
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
            let why = "there is nothing to explain: the input is empty";
            return self
                .unreadable(&Unreadable::new(why))
                .map_err(Failed::Writing);
        };
        if curl::is_begin(first.bytes()) {
            let text = input.rest(first).map_err(Failed::Reading)?;
            let given = text.map_err(Unreadable::new).and_then(|text| {
                let answer = Curl::read(&text).map_err(Unreadable::new)?;
                Ok(answer.into_given(self.args))
            });
            return self.one(given).map_err(Failed::Writing);
        }
        let mut next = Some(first);
        while let Some(document) = next {
            let line = document.line;
            let text = document.text.map_err(Unreadable::new);
            let given = text
                .and_then(|text| row::read(&String::from_utf8_lossy(&text), self.args))
                .map_err(|unreadable| unreadable.at(line));
            self.one(given).map_err(Failed::Writing)?;
            next = input.document().map_err(Failed::Reading)?;
        }
        Ok(())
    }

    fn one(&mut self, given: Result<Given, Unreadable>) -> io::Result<()> {
        let given = match given {
            Ok(given) => given,
            Err(unreadable) => return self.unreadable(&unreadable),
        };
        match (self.args.delays, self.args.json) {
            (true, true) => self.line(&json::delay(&given.id, given.delay())),
            (true, false) => self.text(&words::delay(&given)),
            (false, true) => self.line(&json::verdict(&given.id, given.outcome(self.args.api))),
            (false, false) => {
                let outcome = given.outcome(self.args.api);
                self.paragraph(&words::answer(&given, outcome))
            }
        }
    }

    fn stream(&mut self, input: &mut Input<'_>) -> Result<(), Failed> {
        let args = self.args;
        let transcript = Transcript::read(input, args).map_err(Failed::Reading)?;
        let printed = match transcript {
            Err(why) => self.unreadable(&Unreadable::new(why)),
            Ok(transcript) if args.json => self.line(&json::stream(transcript.summary())),
            Ok(transcript) => self.paragraph(&words::stream(&transcript)),
        };
        printed.map_err(Failed::Writing)
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
