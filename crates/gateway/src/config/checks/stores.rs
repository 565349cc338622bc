//! Settings of a queue or a journal that there is not, and a worker that would not find it.

use super::{
    super::{Config, Diagnostic, StoreUrl, notes::Notes, units},
    note,
};

/// The longest wait of a task is not shorter than its first.
pub(super) fn waits(config: &Config, notes: &mut Notes) {
    let queue = &config.queue;
    let paths = ["queue.max_backoff", "queue.backoff"];
    if queue.max_backoff < queue.backoff && !paths.iter().any(|path| notes.is_wrong(path)) {
        let (first, most) = (
            units::duration(queue.backoff),
            units::duration(queue.max_backoff),
        );
        let paths = paths.map(str::to_owned);
        let path = notes.first(&paths).unwrap_or_default();
        let message = format!("`max_backoff` ({most}) is shorter than `backoff` ({first})");
        let found = Diagnostic::error(path, message);
        note(
            notes,
            found.help("raise `max_backoff`, or lower `backoff`"),
            &[],
        );
    }
}

pub(super) fn doubts(config: &Config, notes: &mut Notes) {
    let queue = &config.queue;
    let kept = queue.store.is_some();
    idle("queue", kept, &queue.url_env, "nothing is queued", notes);
    let journal = &config.journal;
    let kept = journal.store.is_some();
    idle(
        "journal",
        kept,
        &journal.url_env,
        "nothing is recorded",
        notes,
    );
    let shared = &config.shared;
    let kept = shared.server.is_some();
    idle("shared", kept, &shared.url_env, "nothing is shared", notes);
    worker(config, notes);
    age(config, notes);
}

/// What is set of something that is nowhere.
fn idle(table: &str, kept: bool, variable: &str, so: &str, notes: &mut Notes) {
    // Who names the variable says that it will be set, and who writes `url = "off"` means it.
    let told = ["url", "url_env"].map(|field| format!("{table}.{field}"));
    if kept || notes.first(&told).is_some() {
        return;
    }
    if let Some((path, place)) = notes.first_below(table) {
        let message = format!("does nothing: {so}, since neither `url` nor {variable} says where");
        let help = format!(
            "set `{table}.url`; or, where it is in {variable} on the machine that serves, write \
             {table}.url_env = \"{variable}\""
        );
        let found = Diagnostic::warning(path, message).help(help);
        notes.push(found.at(Some(place)));
    }
}

/// A worker that is started elsewhere would open another file.
fn worker(config: &Config, notes: &mut Notes) {
    if let Some(StoreUrl::Sqlite(file)) = &config.queue.store
        && file.is_relative()
        && !config.queue.work
        && notes.place("queue.url").is_some()
    {
        let message = "nobody answers here (`work = false`), and `buttress worker` finds this \
                       file only if it is started in the same directory";
        let found = Diagnostic::warning("queue.url", message);
        let help = "write the whole path, such as \"sqlite:/var/lib/buttress/queue.db\"";
        note(notes, found.help(help), &[]);
    }
}

/// A task that has failed once is to be tried again.
fn age(config: &Config, notes: &mut Notes) {
    let queue = &config.queue;
    let paths = ["queue.max_age", "queue.backoff"].map(str::to_owned);
    if queue.max_age < queue.backoff
        && let Some(path) = notes.first(&paths)
    {
        let (age, first) = (
            units::duration(queue.max_age),
            units::duration(queue.backoff),
        );
        let message = format!(
            "a task that failed once is a dead letter after {age} (`max_age`), before it is tried \
             again after {first} (`backoff`)"
        );
        let found = Diagnostic::warning(path, message);
        note(
            notes,
            found.help("raise `max_age`, or lower `backoff`"),
            &[],
        );
    }
}
