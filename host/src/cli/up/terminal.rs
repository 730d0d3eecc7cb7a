//! What a person sees of a running host: a header, then line by line readings that turn into commands.

use std::collections::VecDeque;

use interlock_core::event::Occurrence;
use interlock_core::time::Seq;

use super::super::lines::{lines, number};
use super::super::out::{DIM, GOOD, STRONG, WARN, paint};
use super::super::{Out, Outcome};
use super::ready::Open;
use crate::feed::Item;
use crate::journal::record::{Body, Record};

/// Readings that decisions are shown with; a decision on an older one is shown without.
const REMEMBERED: usize = 256;

/// Where the host is, who may enter, what to try.
///
/// # Errors
/// When nobody reads it.
pub fn header(open: &Open, demo: bool, out: Out) -> Outcome {
    let mut lines = vec![
        format!("{} {}", paint(STRONG, "interlock"), env!("CARGO_PKG_VERSION")),
        format!("  page    {}", paint(STRONG, open.page())),
        format!("  mqtt    {}", open.broker),
        format!("  data    {}", open.data.display()),
    ];
    match &open.first_token {
        Some(token) => {
            let kept = format!("(shown once; kept in {} for this user)", open.token_file().display());
            lines.push(format!("  token   {} {}", paint(STRONG, token), paint(DIM, kept)));
        }
        None => lines.push(format!("  token   {}", paint(DIM, "as shown at the first start"))),
    }
    if demo {
        let program = std::env::args().next().unwrap_or_else(|| "interlock".to_owned());
        for (label, verb) in [("try", "ps"), ("", "stop --reason 'to see it'"), ("", "reset --reason 'seen it'")] {
            lines.push(format!("  {label:<7} {}", paint(GOOD, format!("{program} {verb}{}", open.elsewhere()))));
        }
    }
    lines.push(paint(DIM, "  Ctrl-C finishes what is in flight and stops; a second one leaves at once"));
    lines.push(String::new());
    lines.iter().try_for_each(|line| out.line(line))
}

/// How it ended, in one line.
pub fn drained() -> String {
    format!("{}: everything that was taken is answered and recorded", paint(GOOD, "drained"))
}

/// The lines of what happens. A decision is shown with the reading that caused it.
#[derive(Debug, Default)]
pub struct View {
    readings: VecDeque<(Seq, String)>,
}

impl View {
    /// Shows one step of the journal's tail.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn show(&mut self, item: &Item, out: Out) -> Outcome {
        match item {
            Item::Record(record) if out.is_json() => {
                out.line(serde_json::to_string(record.as_ref()).unwrap_or_default())
            }
            Item::Record(record) => self.lines(record).iter().try_for_each(|line| out.line(line)),
            Item::Gap { missed, .. } => out.line(paint(WARN, format!("{missed} records were too fast to be shown"))),
        }
    }

    fn lines(&mut self, record: &Record) -> Vec<String> {
        self.remember(record);
        let event = match &record.body {
            Body::Decision(decision) => decision.event,
            Body::Fault(fault) => fault.event,
            _ => return lines(record, None),
        };
        let cause = self.readings.iter().find(|(seq, _)| *seq == event).map(|(_, reading)| reading.as_str());
        lines(record, cause)
    }

    fn remember(&mut self, record: &Record) {
        let Body::Event(observation) = &record.body else { return };
        let Occurrence::Reading(reading) = &observation.what else { return };
        if self.readings.len() == REMEMBERED {
            self.readings.pop_front();
        }
        self.readings.push_back((record.seq, format!("{} {}", reading.quantity, number(reading.value))));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(record: Value) -> Record {
        serde_json::from_value(record).unwrap()
    }

    fn reading(seq: Seq) -> Record {
        record(json!({"seq": seq, "at": 0, "kind": "event", "id": "a", "what": {"type": "reading", "device": "ESP_01",
            "channel": "34", "quantity": "temperature", "value": 26.5}}))
    }

    fn decision(event: Seq) -> Record {
        record(
            json!({"seq": event + 1, "at": 0, "kind": "decision", "policy": "greenhouse", "version": 2, "digest": "d",
            "mode": "enforce", "event": event, "fuel": 812, "micros": 7,
            "decision": {"ruling": {"type": "allow"},
                "intents": [{"actuator": "pump", "set": {"value": 1.0}, "reason": "hot"}],
                "findings": [{"rule": "cool", "matched": true, "because": "26.5 > 25"}]},
            "verdicts": [{"actuator": "pump", "outcome": "pass", "code": "PASSED", "message": ""}]}),
        )
    }

    fn plain(lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn a_decision_is_one_line_from_reading_to_verdict() {
        let mut view = View::default();
        view.lines(&reading(4));
        let lines = plain(&view.lines(&decision(4)));
        let line = lines.first().unwrap();
        let end = "decision  greenhouse v2        temperature 26.5 -> cool; pump = 1 PASSED; 812 fuel, 7 µs";
        assert!(line.ends_with(end), "{line}");
    }

    #[test]
    fn a_reading_that_is_forgotten_leaves_the_rest_of_the_line() {
        let mut view = View::default();
        view.lines(&reading(1));
        for seq in 2..=1 + REMEMBERED as Seq {
            view.lines(&reading(seq));
        }
        assert_eq!(view.readings.len(), REMEMBERED);
        let lines = plain(&view.lines(&decision(1)));
        assert!(lines.first().unwrap().contains("greenhouse v2        cool; pump = 1"), "{lines:?}");
    }
}
