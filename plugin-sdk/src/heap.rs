//! The heap as the host's snapshot finds it.
//!
//! What `configure` frees leaves holes all over the heap. A decision that allocates from them writes to many pages, and
//! every first write to a page of a fresh instance is a page fault: more than most decisions cost. So the holes are
//! filled, and decisions allocate from one free end of the heap that is already there. *Measured* with 1,000 rules: 830 µs
//! before, 340 µs after; with 100 rules 46 and 42.

use std::hint::black_box;

/// Bytes that a decision can allocate before the memory has to grow: room for any but the largest answers. The snapshot
/// carries them, so not more.
const HEADROOM: usize = 128 * 1024;
/// The largest hole worth filling, as a power of two.
const LARGEST: u32 = 15;
/// The smallest: the allocator's own unit.
const SMALLEST: u32 = 3;

/// Fills the holes and leaves [`HEADROOM`] behind them. Calling it again fills what is new.
pub fn tidy_heap() {
    let headroom = block(HEADROOM);
    for bytes in (SMALLEST..=LARGEST).rev().map(|power| 1 << power) {
        // Addresses grow towards the free end: what lies behind the headroom came from no hole.
        while let Some(hole) = Some(block(bytes)).filter(|hole| hole.as_ptr() < headroom.as_ptr()) {
            std::mem::forget(hole);
        }
    }
}

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}
