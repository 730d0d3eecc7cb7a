//! Which policies see which event.
