use super::Target;
use serde_json::Value;

/// Numbers that look random, the same each time: splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not zero.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }
}

/// Changes inputs a little at a time, the same way each time.
#[derive(Debug)]
pub struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    json_at: Option<usize>,
}

/// No input grows beyond this.
const MAX: usize = 8 << 10;

impl Mutator {
    /// A mutator of these inputs.
    #[must_use]
    pub fn new(target: Target, seeds: Vec<Vec<u8>>) -> Self {
        Self {
            random: Random::new(92),
            seeds,
            words: target.words,
            json_at: target.json_at,
        }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        // What is no JSON any more is not looked at for long.
        let keep = self.random.below(4) != 0;
        if let Some(at) = self.json_at
            && keep
            && let Some(changed) = self.reshape(&input, at)
        {
            return changed;
        }
        for _ in 0..=self.random.below(6) {
            self.change(&mut input);
        }
        input.truncate(MAX);
        input
    }

    /// Another JSON, made of pieces of this one, of others, and of words.
    fn reshape(&mut self, input: &[u8], at: usize) -> Option<Vec<u8>> {
        let (head, document) = input.split_at_checked(at)?;
        let mut document: Value = serde_json::from_slice(document).ok()?;
        for _ in 0..=self.random.below(4) {
            let piece = self.piece(at);
            let mut nth = self.random.below(count(&document));
            let place = node(&mut document, &mut nth)?;
            match (self.random.below(4), place) {
                (0, Value::Array(list)) => list.push(piece),
                (0, Value::Object(fields)) => {
                    if let Value::Object(others) = piece {
                        fields.extend(others);
                    }
                }
                (1, Value::Array(list)) if !list.is_empty() => {
                    let at = self.random.below(list.len());
                    list.remove(at);
                }
                (1, Value::Object(fields)) if !fields.is_empty() => {
                    let at = self.random.below(fields.len());
                    let name = fields.keys().nth(at)?.clone();
                    fields.remove(&name);
                }
                (2, Value::Array(list)) if !list.is_empty() => {
                    let at = self.random.below(list.len());
                    let twice = list[at].clone();
                    list.insert(at, twice);
                }
                (_, place) => *place = piece,
            }
        }
        let mut changed = head.to_vec();
        changed.extend(document.to_string().bytes());
        Some(changed)
    }

    /// A piece of another JSON, or a word.
    fn piece(&mut self, at: usize) -> Value {
        if self.random.below(3) == 0 {
            let word = self.words[self.random.below(self.words.len())];
            let field = format!("{{{word}}}");
            let mut word = [word, &*field].into_iter();
            let word = word.find_map(|word| serde_json::from_str(word).ok());
            return word.unwrap_or_default();
        }
        let seed = self.seed();
        let json = seed.get(at..).unwrap_or_default();
        let mut json: Value = serde_json::from_slice(json).unwrap_or_default();
        let mut nth = self.random.below(count(&json));
        let piece = node(&mut json, &mut nth);
        piece.map(Value::take).unwrap_or_default()
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.random.below(self.seeds.len());
        self.seeds[at].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let end = (at + self.random.below(32)).min(input.len());
        match self.random.below(6) {
            0 => {
                let byte = u8::try_from(self.random.below(256)).expect("a byte");
                input.splice(at..end.min(at + 1), [byte]);
            }
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                let to = self.random.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            3 => {
                let other = self.seed();
                let from = self.random.below(other.len() + 1);
                let to = (from + self.random.below(256)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            4 => input.truncate(at),
            _ => {
                let word = self.words[self.random.below(self.words.len())];
                let kept = if self.random.below(2) == 0 { at } else { end };
                input.splice(at..kept, word.bytes());
            }
        }
    }
}

/// How many values there are in this one, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// One of them, and so many behind it.
fn node<'a>(value: &'a mut Value, nth: &mut usize) -> Option<&'a mut Value> {
    if *nth == 0 {
        return Some(value);
    }
    *nth -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| node(value, nth)),
        Value::Object(fields) => fields.values_mut().find_map(|value| node(value, nth)),
        _ => None,
    }
}
