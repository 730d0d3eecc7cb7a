//! The memory one instance may take: all of its memories and tables together.
//!
//! wasmtime's own `StoreLimits` counts each memory for itself, so a component with fifty memories would get fifty
//! times the limit.

use wasmtime::ResourceLimiter;

/// Bytes of one table element.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what an instance takes, and remembers what it was refused.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    taken: usize,
    refused: Option<usize>,
}

impl MemoryLimit {
    /// At most so many bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), taken: 0, refused: None }
    }

    /// What it wanted in all when it was refused last. A guest whose allocation fails usually aborts, which looks like
    /// any other `unreachable`; this tells the two apart.
    pub(super) const fn refused(&self) -> Option<usize> {
        self.refused
    }

    /// The limit in bytes.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    fn take(&mut self, more: usize) -> bool {
        let wanted = self.taken.saturating_add(more);
        if wanted > self.limit {
            self.refused = Some(wanted);
            return false;
        }
        self.taken = wanted;
        true
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(self.taken.saturating_add(desired.saturating_sub(current)));
            return Ok(false);
        }
        Ok(self.take(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.take(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limit = MemoryLimit::new(200);
        assert!(limit.memory_growing(0, 100, None).unwrap());
        assert!(limit.memory_growing(0, 50, None).unwrap());
        assert!(limit.table_growing(0, 6, None).unwrap());
        assert_eq!(limit.refused(), None);
        assert!(!limit.table_growing(6, 7, None).unwrap());
        assert_eq!(limit.refused(), Some(206));
    }

    #[test]
    fn what_was_refused_is_not_counted() {
        let mut limit = MemoryLimit::new(100);
        assert!(!limit.memory_growing(0, 101, None).unwrap());
        assert!(limit.memory_growing(0, 100, None).unwrap());
    }
}
