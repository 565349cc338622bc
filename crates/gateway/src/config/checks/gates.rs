use super::{
    super::{Config, Diagnostic, Route, notes::Notes, value::quoted},
    note,
};
use std::sync::Arc;

/// One model of a provider has one gate, which can't be set in two ways.
pub(super) fn alike(config: &Config, notes: &mut Notes) {
    let gated = |(_, route): &(usize, &Route)| route.gate.enabled;
    for (index, route) in config.routes.iter().enumerate().filter(gated) {
        let mut before = config.routes.iter().enumerate().take(index).filter(gated);
        let same = |other: &Route| {
            Arc::ptr_eq(&other.provider, &route.provider) && other.model == route.model
        };
        let Some((first, other)) = before.find(|(_, other)| same(other)) else {
            continue;
        };
        let fields = route.gate.fields().into_iter().zip(other.gate.fields());
        for ((field, mine), (_, its)) in fields.filter(|(mine, its)| mine != its) {
            let paths = [index, first].map(|at| format!("routes[{at}].gate.{field}"));
            if paths.iter().any(|path| notes.is_wrong(path)) {
                continue;
            }
            // What both inherit is the same: one of them has it in the file.
            let [path, other_path] = &paths;
            let (path, (at, other, value)) = match notes.place(path) {
                Some(_) => (path, (first, other, its)),
                None => (other_path, (index, route, mine)),
            };
            let message = format!(
                "differs from {} ({value}): one model of a provider has one gate",
                quoted(&other.name)
            );
            let places = [
                format!("routes[{at}].gate.{field}"),
                format!("routes[{at}]"),
            ];
            let place = places.iter().find_map(|path| notes.place(path));
            let found = Diagnostic::error(path, message)
                .help("set both alike, or let one of them ask a provider entry of its own")
                .related(place, "has the same gate");
            note(notes, found, &[]);
        }
    }
}
