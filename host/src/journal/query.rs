//! Reading the journal: forwards, backwards, one record, and the events that a policy has yet to see.
//!
//! A filter is applied to records as they are read, and no call reads more than [`MAX_SCAN`] of them: a page says where
//! to go on.

use std::ops::{ControlFlow, RangeInclusive};

use interlock_core::event::{Event, Occurrence};
use interlock_core::time::Seq;
use serde::{Deserialize, Serialize};

use super::record::{Body, Record};
use super::{Journal, chain, personal};
use crate::store::ReadError;
use crate::store::journal::Chain;

/// Records that one call reads at most.
pub const MAX_SCAN: usize = 10_000;
/// Records that one call returns at most.
pub const MAX_PAGE: usize = 4_096;

/// Which records. What is absent asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Any of these kinds; an event's own kind (`reading`, `alert`, …) counts too. Empty for all.
    pub kinds: Vec<String>,
    /// About this policy.
    pub policy: Option<String>,
    /// About this device.
    pub device: Option<String>,
    /// About this actuator.
    pub actuator: Option<String>,
    /// Whether personal values are put back where they are kept. Not a question of which, but of who asks.
    #[serde(skip)]
    pub with_personal: bool,
}

impl Filter {
    /// Every record, personal values in place.
    pub fn everything() -> Self {
        Self { with_personal: true, ..Self::default() }
    }

    /// Whether a record is asked for.
    pub fn matches(&self, record: &Record) -> bool {
        let body = &record.body;
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| body.is_kind(kind)))
            && self.policy.as_deref().is_none_or(|policy| body.policy() == Some(policy))
            && self.device.as_deref().is_none_or(|device| body.touches_device(device))
            && self.actuator.as_deref().is_none_or(|actuator| body.touches_actuator(actuator))
    }
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The records, in the order asked for.
    pub records: Vec<Record>,
    /// Where to go on: the `after` or `before` of the next call. None at the end.
    pub next: Option<Seq>,
}

/// Events that a policy has yet to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The events in order.
    pub events: Vec<Event>,
    /// The last record that was looked at: the cursor of the next call.
    pub upto: Seq,
    /// Whether there was nothing newer.
    pub end: bool,
}

impl Journal {
    /// Records after `after` in order, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn after(&self, after: Seq, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        Ok(self.scan(Direction::Forwards, after.saturating_add(1)..=Seq::MAX, limit, filter)?.0)
    }

    /// Records before `before`, newest first, at most `limit`. [`Seq::MAX`] begins with the newest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn before(&self, before: Seq, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        Ok(self.scan(Direction::Backwards, 0..=before.saturating_sub(1), limit, filter)?.0)
    }

    /// One record.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, seq: Seq, with_personal: bool) -> Result<Option<Record>, ReadError> {
        self.store.chain(|chain| {
            let row = chain.row(seq)?;
            row.map(|row| read(chain, seq, &row, with_personal)).transpose()
        })
    }

    /// The first record that is kept; none in an empty journal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn first(&self) -> Result<Option<Seq>, ReadError> {
        self.store.chain(Chain::first)
    }

    /// The events after `cursor` in order, at most `limit`: for a policy that catches up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn events_after(&self, cursor: Seq, limit: usize) -> Result<Events, ReadError> {
        let filter = Filter { kinds: vec!["event".into()], with_personal: true, ..Filter::default() };
        let (page, looked_at) = self.scan(Direction::Forwards, cursor.saturating_add(1)..=Seq::MAX, limit, &filter)?;
        let events = page.records.into_iter().filter_map(event_of).collect();
        Ok(Events { events, upto: looked_at.unwrap_or(cursor), end: page.next.is_none() })
    }

    /// The newest event that `wanted` picks among the newest `max_scan` records: for a dry run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest_event(
        &self,
        wanted: impl Fn(&Occurrence) -> bool,
        max_scan: usize,
    ) -> Result<Option<Event>, ReadError> {
        self.store.chain(|chain| {
            let (mut found, mut left) = (None, max_scan);
            chain.backwards(0..=Seq::MAX, |seq, row| {
                let record = read(chain, seq, row, true)?;
                found = event_of(record).filter(|event| wanted(event.what()));
                left = left.saturating_sub(1);
                Ok(stop_if(found.is_some() || left == 0))
            })?;
            Ok(found)
        })
    }

    /// A page, and the last record that was looked at, whether it fits the filter or not.
    fn scan(
        &self,
        direction: Direction,
        range: RangeInclusive<Seq>,
        limit: usize,
        filter: &Filter,
    ) -> Result<(Page, Option<Seq>), ReadError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut page = Page { records: Vec::new(), next: None };
        let (mut left, mut looked_at) = (MAX_SCAN, None);
        self.store.chain(|chain| {
            let visit = |seq: Seq, row: &[u8]| {
                let record = read(chain, seq, row, filter.with_personal)?;
                if filter.matches(&record) {
                    page.records.push(record);
                }
                left -= 1;
                looked_at = Some(seq);
                let full = page.records.len() >= limit || left == 0;
                page.next = full.then_some(seq);
                Ok(stop_if(full))
            };
            match direction {
                Direction::Forwards => chain.forwards(range, visit),
                Direction::Backwards => chain.backwards(range, visit),
            }
        })?;
        Ok((page, looked_at))
    }
}

enum Direction {
    Forwards,
    Backwards,
}

fn stop_if(enough: bool) -> ControlFlow<()> {
    if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn read(chain: &Chain, seq: Seq, row: &[u8], with_personal: bool) -> Result<Record, ReadError> {
    let mut record = chain::decode(seq, row)?;
    if with_personal && personal::has_fields(&record.body) {
        personal::join(&mut record, chain)?;
    }
    Ok(record)
}

fn event_of(record: Record) -> Option<Event> {
    match record.body {
        Body::Event(observation) => Some(Event { seq: record.seq, at: record.at, observation }),
        _ => None,
    }
}
